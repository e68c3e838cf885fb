"""Serves what a bank has beside its API: a start page, its health, and a control desk.

All of it lies outside ``/v1``, where bunq has nothing. Page and desk open to whoever has the admin
token. The desk does to play money what no client may: it deletes all users, moves the clock, adds
faults, uses cards, bills, gives apps access, sends callbacks by hand, lists those that were sent,
and shows the state of the books.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bunqkit.display.html import render
from bunqkit.errors import BunqkitError
from bunqkit.sandbox.admission import Admission
from bunqkit.sandbox.bank import Bank
from bunqkit.sandbox.callbacks import Callback
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.faults import Fault
from bunqkit.sandbox.oauth import PATHS
from bunqkit.sandbox.refusal import Refusal, refuse
from bunqkit.sandbox.resources.card_use import CardUse
from bunqkit.sandbox.resources.debits import DirectDebit
from bunqkit.sandbox.wsgi import read_length, send, send_html, send_json
from bunqkit.security.redaction import Secret

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_SHOWN = 20
_LARGEST_ORDER = 100_000
_NO_TOKEN = 401
# The errors that an order with wrong values can raise.
_WRONG_VALUES = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
    sqlite3.Error,
)
_HEADERS = {"Referrer-Policy": "same-origin"}


@dataclass(frozen=True)
class Glance:
    """A summary of one call for the start page, without anything secret."""

    method: str
    path: str
    status: str
    sent: int
    was_signed: bool
    signature: str


class Admin:
    """The WSGI application in front of a bank: start page, health and control desk.

    It passes the calls of the API on to the bank, and counts them.

    Parameters
    ----------
    bank
        The bank behind it.
    admin_token
        The token that opens the page and the desk; by default a new one.
    host_names
        Further names by which browsers may open them, beside ``localhost`` and addresses.

    Attributes
    ----------
    admission
        The check of callers of the page and the desk; ``admission.token`` opens them.
    glances
        Summaries of the last calls, newest first.
    counts
        The number of answers by status.
    """

    def __init__(
        self, bank: Bank, *, admin_token: Secret | None = None, host_names: Iterable[str] = ()
    ) -> None:
        self.bank = bank
        self.admission = Admission(admin_token, host_names)
        self.glances: deque[Glance] = deque(maxlen=_SHOWN)
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._reports: dict[str, Callable[[], object]] = {
            "books": self._describe_books,
            "oauth": lambda: [asdict(consent) for consent in bank.granted()],
            "callbacks": lambda: [_describe(callback) for callback in bank.callbacks.sent()],
            "": self._list_orders,
        }
        self._orders: dict[str, Callable[[dict[str, Any]], object]] = {
            "reset": self._reset,
            "clock": self._move_clock,
            "faults": self._set_faults,
            "cards/use": self._use_card,
            "cards/challenge": lambda order: {
                "challenge_request_id": bank.challenge(_take(order, "card_id"), CardUse(**order))
            },
            "cards/give-back": lambda order: {
                "payment_id": bank.give_back(_take(order, "mastercard_action_id"), **order)
            },
            "debits/send": lambda order: {
                "request_response_id": bank.direct_debit(
                    _take(order, "account_id"), DirectDebit(**order)
                )
            },
            "tabs/pay": lambda order: {"payment_id": bank.pay_tab(_take(order, "tab_id"), **order)},
            "ideal/pay": lambda order: {
                "payment_id": bank.pay_ideal(_take(order, "transaction_id"), **order)
            },
            "sofort/pay": lambda order: {"payment_id": bank.pay_sofort(**order)},
            "payments/categorise": self._categorise,
            "callbacks/trigger": lambda order: [
                _describe(callback) for callback in bank.callbacks.trigger(**order)
            ],
            "callbacks/replay": lambda order: _describe(bank.callbacks.replay(int(order["id"]))),
            "callbacks/deliver": lambda _order: {"tried": bank.deliver()},
            "place": lambda order: {"id": bank.place(order["path"], order.get("values"))},
            "oauth/consent": lambda order: {"address": bank.consent(**order)},
            "oauth/revoke": self._revoke,
            "keys/issue": lambda order: {"api_key": bank.issue_key(int(order["user_id"])).reveal()},
            "drafts/answer": lambda order: {
                "payment_id": bank.answer_draft(int(order["id"]), accept=bool(order["accept"]))
            },
            "bill": lambda order: {"invoice_id": bank.bill(**order)},
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call."""
        path = environ["PATH_INFO"]
        if path == "/" and environ["REQUEST_METHOD"] == "GET":
            return self._show_page(environ, start_response)
        if path == "/health":
            health = {"status": "well", "time": wire_time(self.bank.clock.now())}
            return send_json(start_response, 200, health, _HEADERS)
        if path.startswith("/control/"):
            status, answer = self._obey(environ, path.removeprefix("/control/"))
            headers = {"WWW-Authenticate": "Bearer"} if status == _NO_TOKEN else {}
            return send_json(start_response, status, answer, _HEADERS | headers)
        is_whole = path == "/v1" or path.startswith("/v1/") or path in PATHS
        if is_whole or self.bank.quirks.version_is_optional:
            return self._pass_on(environ, start_response)
        return send_json(start_response, 404, {"problem": "There is nothing here."}, _HEADERS)

    def link(self, url: str) -> str:
        """Return the address of the page with the token in it, for the API's address."""
        return f"{url.removesuffix('v1')}?token={self.admission.token.reveal()}"

    def _show_page(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Show the start page. A token in the link is moved to a cookie first."""
        try:
            self.admission.check_origin(environ)
            url = f"{environ.get('wsgi.url_scheme', 'http')}://{environ['HTTP_HOST']}/v1"
            if self.admission.is_in_link(environ):
                headers = {"Location": "./", "Set-Cookie": self.admission.cookie(environ)}
                return send(start_response, 303, "text/plain", b"", _HEADERS | headers)
            self.admission.check_token(environ)
        except Refusal as refusal:
            needs_token = refusal.status == _NO_TOKEN
            why = refusal.texts[0][0]
            html = render("bank_closed.html", why=why, url=url if needs_token else "")
            headers = {"WWW-Authenticate": "Bearer"} if needs_token else {}
            return send_html(start_response, refusal.status, html, _HEADERS | headers)
        html = render(
            "bank_start.html",
            url=url,
            origin=url.removesuffix("/v1"),
            key=self.bank.demo_key.reveal(),
            time=wire_time(self.bank.clock.now())[:19],
            counts=sorted(self.counts.copy().items()),
            calls=self.glances.copy(),
        )
        return send_html(start_response, 200, html, _HEADERS)

    def _pass_on(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def watch(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            signature = dict(headers).get("X-Bunq-Server-Signature", "")
            glance = Glance(
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                status=status,
                sent=read_length(environ),
                was_signed="HTTP_X_BUNQ_CLIENT_SIGNATURE" in environ,
                signature=signature[:12],
            )
            with self._lock:
                self.glances.appendleft(glance)
                self.counts[status] += 1
            return start_response(status, headers, *rest)

        return self.bank(environ, watch)

    def _obey(self, environ: WSGIEnvironment, name: str) -> tuple[int, object]:
        """Carry out an order or report of the desk; return the status and the answer.

        An order with wrong values is refused with the reason.
        """
        try:
            self.admission.check_origin(environ)
            self.admission.check_token(environ)
            if name in self._reports and environ["REQUEST_METHOD"] == "GET":
                return 200, self._reports[name]()
            order = self._read_order(environ, name)
            return 200, self._orders[name](order)
        except Refusal as refusal:
            return refusal.status, {"problem": refusal.texts[0][0]}
        except (*_WRONG_VALUES, BunqkitError) as error:
            return 400, {"problem": f"{type(error).__name__}: {error}"}

    def _read_order(self, environ: WSGIEnvironment, name: str) -> dict[str, Any]:
        if name not in self._orders:
            raise refuse(404, "There is no such order. GET /control/ lists all orders.")
        if environ["REQUEST_METHOD"] != "POST":
            raise refuse(405, "Send a POST.")
        # A page of another site can send a browser here, but not with this header.
        if not environ.get("CONTENT_TYPE", "").startswith("application/json"):
            raise refuse(400, "Send the header Content-Type: application/json.")
        if (length := read_length(environ)) > _LARGEST_ORDER:
            raise refuse(413, f"Send {_LARGEST_ORDER} bytes at most.")
        order = json.loads(environ["wsgi.input"].read(length) or b"{}")
        if not isinstance(order, dict):
            raise refuse(400, "Send a JSON object.")
        return order

    def _list_orders(self) -> dict[str, Any]:
        return {"GET": [name for name in self._reports if name], "POST": list(self._orders)}

    def _describe_books(self) -> dict[str, Any]:
        ledger = self.bank.ledger
        numbers = {
            table: ledger.rows(f"SELECT COUNT(*) AS number FROM {table}")[0]["number"]
            for table in ("person", "account", "movement", "session", "event", "callback")
        }
        return {
            "imbalance": ledger.imbalance(),
            "numbers": numbers,
            "time": wire_time(self.bank.clock.now()),
            "seed": ledger.seed,
            "faults": dict(self.bank.faults.happened),
        }

    def _reset(self, order: dict[str, Any]) -> object:
        seed = order.get("seed")
        self.bank.reset(seed=None if seed is None else int(seed))
        with self._lock:
            self.glances.clear()
            self.counts.clear()
        return {"api_key": self.bank.demo_key.reveal()}

    def _move_clock(self, order: dict[str, Any]) -> object:
        move = {name: float(order.pop(name, 0)) for name in ("days", "hours", "seconds")}
        if order:
            raise ValueError(f"the clock moves by days, hours, seconds, not by {', '.join(order)}")
        return {"time": wire_time(self.bank.clock.advance(**move))}

    def _set_faults(self, order: dict[str, Any]) -> object:
        if order.get("clear"):
            self.bank.faults.clear()
        else:
            self.bank.faults.add(Fault(**order))
        return {"happened": dict(self.bank.faults.happened)}

    def _use_card(self, order: dict[str, Any]) -> object:
        number = self.bank.use_card(_take(order, "card_id"), CardUse(**order))
        row = self.bank.ledger.row("SELECT item FROM thing WHERE id = ?", number)
        assert row is not None
        return {"mastercard_action_id": number, "decision": json.loads(row["item"])["decision"]}

    def _categorise(self, order: dict[str, Any]) -> object:
        self.bank.categorise(int(order["payment_id"]), str(order["category"]))
        return {"category": order["category"]}

    def _revoke(self, order: dict[str, Any]) -> object:
        self.bank.revoke(int(order["id"]))
        return {"revoked": order["id"]}


def _take(order: dict[str, Any], name: str) -> int:
    """Remove an id from an order, and return it."""
    return int(order.pop(name))


def _describe(callback: Callback) -> dict[str, Any]:
    """Return a callback as JSON can hold it."""
    more = {"body": callback.body.decode(), "is_delivered": callback.is_delivered}
    return asdict(callback) | more
