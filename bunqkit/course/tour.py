"""The way from an API key to a table of payments, printed step by step for a reader."""

from __future__ import annotations

import os
import sys
import textwrap
from typing import TYPE_CHECKING, TextIO

from bunqkit.auth.handshake import Observer, Stage
from bunqkit.client.exchange import Exchange
from bunqkit.context.steps import Steps
from bunqkit.display.terminal import printable
from bunqkit.security.redaction import shorten

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.context.context import Context

_WIDTH = 80
# How many letters of each column fit into that.
_COLUMN_WIDTHS = {"account": 19, "counterparty": 17, "description": 17}
_PURPOSES = {
    Stage.INSTALLATION: (
        "You make an RSA key pair and send the public half. The bank answers with its own public "
        "key and the installation token. From now on you sign what you send, and check what you "
        "get."
    ),
    Stage.DEVICE: (
        "You bind the API key to this installation and to an address. Done once: after it the key "
        "works from here."
    ),
    Stage.SESSION: (
        "You trade the key for a session token. The bank refuses this call unsigned. The token "
        "opens everything else, until it expires."
    ),
}


def show_tour(
    environment: str = "OFFLINE", *, profile: str | None = None, out: TextIO | None = None
) -> None:
    """Do all steps and print what each sends and returns.

    Parameters
    ----------
    environment
        ``OFFLINE`` or ``SANDBOX``; in the sandbox a new user is made.
    profile
        ``work`` reads ``.env.work`` in place of ``.env``.
    out
        Where to print; colour only if it is a terminal and ``NO_COLOR`` is not set.
    """
    _Tour(environment.upper(), profile, out or sys.stdout).run()


class _Tour(Observer):
    def __init__(self, environment: str, profile: str | None, out: TextIO) -> None:
        self._out = out
        self._colour = out.isatty() and "NO_COLOR" not in os.environ
        self._environment = environment
        self._profile = profile

    def run(self) -> None:
        self._title(f"bunqkit tour: from an API key to a table of payments ({self._environment})")
        self._step(0, "API key", "It stands for you: whoever has it can move your money.")
        self._steps = Steps(self._environment, profile=self._profile, observer=self)
        key = shorten(self._steps.api_key.reveal())
        self._facts({"key": f"{key}  ({self._steps.source})"})
        self._steps.run()
        self._call(self._steps.make_context())

    def on_start(self, stage: Stage) -> None:
        self._step(list(Stage).index(stage) + 1, stage.value.capitalize(), _PURPOSES[stage])

    def on_done(self, stage: Stage, exchange: Exchange) -> None:
        steps = self._steps
        facts = {exchange.method: exchange.path}
        if stage is Stage.INSTALLATION and (installation := steps.installation):
            facts |= {
                "installation": str(installation.id),
                "token": f"{shorten(installation.token.reveal())}  (opens steps 2 and 3 only)",
                "your key": installation.key.public.fingerprint,
                "bank's key": installation.bank_key.fingerprint,
            }
        elif stage is Stage.DEVICE and steps.device:
            facts["device"] = str(steps.device.id)
        elif session := steps.session:
            name = session.user.get("display_name")
            end = f"{session.expires_at:%Y-%m-%d %H:%M} UTC by the bank's clock"
            facts |= {
                "token": shorten(session.token.reveal()),
                "user": f"{name} ({session.user_type} {session.user_id})",
                "expires": f"{end}, later if it is used",
            }
        self._facts(facts)

    def _call(self, bunq: Context) -> None:
        self._step(4, "First call", "Any call, with the session token. This one is a list.")
        if bunq.bank is None:
            bunq.top_up("50.00")
        answer = bunq.call("GET /user/{userID}/monetary-account")
        exchange = answer.exchange
        self._facts(
            {
                "GET": exchange.path,
                "answer": f"{exchange.status}, {len(exchange.answer_body):,} bytes of JSON",
                "signature": "checked with the bank's key" if exchange.is_verified else "none",
                "items": ", ".join(answer.types),
            }
        )
        self._title("Balances")
        accounts = bunq.accounts()
        self._table(accounts[["description", "iban", "balance", "currency"]])
        payments = bunq.payments(max_rows=10)
        self._title(f"The last {len(payments)} payments")
        payments["when"] = payments["created"].dt.strftime("%Y-%m-%d")
        for name, width in _COLUMN_WIDTHS.items():
            texts = payments[name].fillna("")
            payments[name] = texts.where(texts.str.len() <= width, texts.str[: width - 1] + "…")
        names = ["when", "account", "amount", "currency", "counterparty", "description"]
        self._table(payments[names])
        self._print()
        self._print("The same in Python:  import bunqkit; bunqkit.connect().payments()")
        self._print("In twelve lessons:   bunqkit lab")

    def _table(self, frame: pd.DataFrame) -> None:
        shown = frame.copy()
        for name, form in (("balance", "{:,.2f}"), ("amount", "{:+,.2f}")):
            if name in shown:
                shown[name] = shown[name].map(form.format) + " " + shown["currency"]
        texts = shown.select_dtypes(["object", "str"]).columns
        shown[texts] = shown[texts].map(printable, na_action="ignore")
        lines = shown.drop(columns="currency").to_string(index=False)
        self._print(textwrap.indent(lines, "  "))

    def _step(self, number: int, name: str, purpose: str) -> None:
        self._title(f"{number}. {name}")
        self._print(textwrap.fill(purpose, _WIDTH, initial_indent="  ", subsequent_indent="  "))

    def _facts(self, facts: dict[str, str]) -> None:
        indent = " " * 18
        for name, text in facts.items():
            lines = textwrap.fill(
                printable(text), _WIDTH, initial_indent=indent, subsequent_indent=indent
            )
            self._print(f"    {self._dim(f'{name:<14}')}{lines.lstrip()}")

    def _title(self, text: str) -> None:
        self._print()
        self._print(f"\x1b[1m{text}\x1b[0m" if self._colour else text)

    def _dim(self, text: str) -> str:
        return f"\x1b[2m{text}\x1b[0m" if self._colour else text

    def _print(self, text: str = "") -> None:
        self._out.write(f"{text}\n")
        self._out.flush()
