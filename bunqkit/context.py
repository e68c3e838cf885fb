"""``connect()``, and what it gives: the one place where the parts are put together.

A ``Context`` is one key at one bank. It sends calls with the session's token, and sends a call
again only if the bank refused the token and so did not carry it out.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from bunqkit import handshake
from bunqkit.answer import Answer
from bunqkit.client import Client
from bunqkit.errors import ApiError, FieldError, SettingsError, UnknownNameError
from bunqkit.look import badge, card, key_values
from bunqkit.redaction import Secret
from bunqkit.sessions import Sessions, session_ended
from bunqkit.settings import Settings, load_settings, write_api_key
from bunqkit.shorthand import choose_account, write_amount, write_instant, write_pointer
from bunqkit.state import Session, StateFile

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.sandbox import Bank

_SUGAR_DADDY = "sugardaddy@bunq.com"
_PAGE = 200


def connect(
    *,
    environment: str | None = None,
    api_key: str | Secret | None = None,
    env_file: str | os.PathLike[str] | None = None,
    bank: Bank | None = None,
) -> Context:
    """Open an account: saved state, or the three steps.

    Parameters
    ----------
    environment, api_key, env_file
        Win over the environment and ``.env``; see ``load_settings``.
    bank
        An offline bank of yours, on which this is one more person, or the one of ``api_key``.
        Without it ``OFFLINE`` opens a bank of its own, with a person who has a history.

    Returns
    -------
    Context
        In a notebook, show it to see environment, user, device and session.

    Raises
    ------
    SettingsError
        If a setting is missing or wrong.
    ApiError, NoAnswerError, SignatureError
        If one of the three steps fails.
    """
    if bank is not None and (environment or "OFFLINE").strip().upper() != "OFFLINE":
        raise SettingsError(
            f"environment is {environment!r}, but a bank of your own is OFFLINE. Leave out one."
        )
    settings = load_settings(
        environment="OFFLINE" if bank is not None else environment,
        api_key=api_key,
        env_file=env_file,
    )
    if bank is not None or settings.base_url is None:
        return _connect_here(settings, bank, api_key)
    client = Client(settings.base_url, language=settings.language)
    if settings.api_key is None:
        key = handshake.create_sandbox_user(client)
        path = write_api_key(key, settings.env_file)
        print(f"A sandbox user was made. Its key is in {path}.")  # noqa: T201 (README promises it)
        settings = replace(settings, api_key=key, env_file=path)
    assert settings.api_key is not None
    file = StateFile(
        settings.state_folder,
        environment=settings.environment,
        base_url=client.base_url,
        api_key=settings.api_key,
    )
    sessions = Sessions(settings, client, file, clock=lambda: datetime.now(UTC))
    sessions.current()
    return Context(settings, client, sessions)


def _connect_here(settings: Settings, bank: Bank | None, api_key: str | Secret | None) -> Context:
    """Open an account at a bank in this process; no state is read or written."""
    from bunqkit.sandbox import Bank, doors  # noqa: PLC0415 (a key at bunq needs no bank)

    own_bank = bank or Bank()
    client = Client(doors.BASE_URL, transport=doors.InProcess(own_bank), language=settings.language)
    if bank is None:
        key = own_bank.demo_key
    elif api_key is None:
        key = handshake.create_sandbox_user(client)
    else:
        key = Secret(api_key) if isinstance(api_key, str) else api_key
    settings = replace(settings, api_key=key, base_url=doors.BASE_URL)
    sessions = Sessions(settings, client, None, clock=own_bank.clock.now)
    sessions.current()
    return Context(settings, client, sessions, bank=own_bank)


class Context:
    """One key at one bank, ready to call; made by ``connect()``.

    Attributes
    ----------
    settings
        What it was made from.
    bank
        The offline bank in this process, else ``None``.
    """

    def __init__(
        self, settings: Settings, client: Client, sessions: Sessions, *, bank: Bank | None = None
    ) -> None:
        self.settings = settings
        self.bank = bank
        self._client = client
        self._sessions = sessions
        self._main: Mapping[str, Any] | None = None

    @property
    def session(self) -> Session:
        """The session, opened anew if it has ended."""
        return self._sessions.current()

    @property
    def user(self) -> dict[str, Any]:
        """The user as the bank gave it when the session was opened."""
        return self.session.user

    @property
    def user_id(self) -> int:
        """The id that stands in the path of every call."""
        return self.session.user_id

    def call(
        self,
        operation: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str | int] | None = None,
    ) -> Answer:
        """Send one call by method and path, and give its answer, verified.

        Parameters
        ----------
        operation
            ``GET /user/{userID}/card``: the user and the main account are filled in.
        body
            Sent as JSON.
        params
            The query, such as ``{"count": 50}``.

        Raises
        ------
        FieldError
            If it is no method and path, or an id is left open in it.
        ApiError, NoAnswerError, SignatureError, BadAnswerError
            As the client says.
        """
        method, _, path = operation.strip().partition(" ")
        method, path = method.upper(), path.strip()
        if method not in ("GET", "POST", "PUT", "DELETE") or not path.startswith("/"):
            raise FieldError(
                f"{operation!r} is no call. Write a method and a path: GET /user/{{userID}}/card."
            )
        path = path.replace("{userID}", str(self.user_id))
        if "{monetary-accountID}" in path:
            path = path.replace("{monetary-accountID}", str(self._account(None)["id"]))
        if left := re.findall(r"\{.*?\}", path):
            raise FieldError(f"{operation!r} leaves {', '.join(left)} open. Put an id there.")
        return self._request(method, path, body, params=params)

    def pages(
        self, operation: str, *, params: Mapping[str, str | int] | None = None
    ) -> Iterator[Answer]:
        """Give the pages of a list, newest first, each fetched when it is asked for.

        Parameters
        ----------
        operation
            As for ``call``.
        params
            The query of the first page; ``count`` is 200 unless it says otherwise. Later pages
            are the bank's own ``older_url``.

        Raises
        ------
        BadAnswerError
            If the bank leads back to a page that came before.
        """
        page: Answer | None = self.call(operation, params={"count": _PAGE, **(params or {})})
        seen = set()
        while page is not None:
            if page.exchange.path in seen:
                raise page.exchange.unusable("its page of older items is one that came before")
            seen.add(page.exchange.path)
            yield page
            page = page.older()

    def accounts(self) -> pd.DataFrame:
        """One row an account, of whatever kind.

        Returns
        -------
        DataFrame
            ``id, type, description, iban, balance, balance_cents, currency, status``.
        """
        from bunqkit.tables import tabulate_accounts  # noqa: PLC0415 (pandas when first used)

        return tabulate_accounts(entry for page in self._account_pages() for entry in page.wrapped)

    def payments(
        self,
        *,
        since: str | date | datetime | None = None,
        until: str | date | datetime | None = None,
        account: int | str | None = None,
        max_rows: int | None = None,
    ) -> pd.DataFrame:
        """One row a payment, newest first, of all accounts or one.

        Parameters
        ----------
        since, until
            From ``since`` on and before ``until``; a date without zone is a day in Amsterdam.
        account
            Id, IBAN or description of one account.
        max_rows
            At most so many, the newest.

        Returns
        -------
        DataFrame
            ``id, created, account_id, account, amount, amount_cents, currency, counterparty,
            counterparty_iban, description, type, sub_type, balance_after, direction,
            is_own_transfer, reverses``. A transfer between
            two of your accounts has a row for each. ``attrs["bunqkit"]`` says whether the table
            is complete, or cut by ``max_rows``.
        """
        from bunqkit.tables import list_ibans, tabulate_payments  # noqa: PLC0415 (pandas, too)

        if max_rows is not None and max_rows < 0:
            raise FieldError(f"max_rows is {max_rows}. Make it 0 or more, or leave it out.")
        first = None if since is None else write_instant(since, "since")
        end = None if until is None else write_instant(until, "until")
        known = self._accounts()
        chosen = known if account is None else [choose_account(known, account)]
        # One more than is wanted tells whether there are more.
        limit = None if max_rows is None else max_rows + 1
        payments = [
            payment
            for one in chosen
            for payment in itertools.islice(self._payments_of(one["id"], first, end), limit)
        ]
        frame = tabulate_payments(
            payments,
            {one["id"]: str(one.get("description")) for one in known},
            own_ibans=list_ibans(known),
        )
        is_cut = max_rows is not None and len(frame) > max_rows
        frame = frame.head(max_rows if max_rows is not None else len(frame))
        frame.attrs["bunqkit"] = {
            "operation": "payment.list",
            "accounts": [one["id"] for one in chosen],
            "rows": len(frame),
            "complete": not is_cut,
            "cut_by": "max_rows" if is_cut else None,
        }
        return frame

    def pay(
        self,
        amount: str | Decimal | int,
        to: str,
        description: str,
        *,
        account: int | str | None = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """Pay, and give the payment that was made.

        Parameters
        ----------
        amount
            In units of the account's currency, such as ``"10.00"``; no float, which is not exact.
        to
            E-mail address, phone number (``+31...``) or IBAN; an IBAN needs ``name`` too.
        description
            Up to 9000 characters; 140 if it leaves the bank.
        account
            Id, IBAN or description of the account that pays; the main one by default.
        name
            The payee's name.

        Raises
        ------
        FieldError
            If amount or payee can't be written as bunq wants them; nothing was sent.
        ApiError, NoAnswerError, SignatureError
            As the client says. After ``NoAnswerError`` the payment may have been made.
        """
        payer = self._account(account)
        body = {
            "amount": write_amount(amount, payer["currency"]),
            "counterparty_alias": write_pointer(to, name),
            "description": description,
        }
        return self._create(f"/user/{{userID}}/monetary-account/{payer['id']}/payment", body)

    def request_money(
        self,
        amount: str | Decimal | int,
        to: str,
        description: str,
        *,
        account: int | str | None = None,
        name: str | None = None,
    ) -> dict[str, Any]:
        """Ask somebody for money, and give the request that was made.

        Parameters
        ----------
        amount, to, description, account, name
            As for ``pay``; ``account`` is the one that gets the money.
        """
        asker = self._account(account)
        body = {
            "amount_inquired": write_amount(amount, asker["currency"]),
            "counterparty_alias": write_pointer(to, name),
            "description": description,
            "allow_bunqme": False,
        }
        return self._create(
            f"/user/{{userID}}/monetary-account/{asker['id']}/request-inquiry", body
        )

    def top_up(self, amount: str | Decimal | int = "500.00") -> dict[str, Any]:
        """Ask the sandbox's sugar daddy for money, and give the request.

        Parameters
        ----------
        amount
            At most 500.00 at a time; he rejects more. Source: bunq docs, "Sandbox".

        Raises
        ------
        SettingsError
            In production, which has no sugar daddy.
        """
        if self.settings.environment == "PRODUCTION":
            raise SettingsError("Only play money can be topped up, and this is PRODUCTION.")
        return self.request_money(amount, _SUGAR_DADDY, "Top up", name="Sugar Daddy")

    def close(self) -> None:
        """Let go of the connections. The session stays, so that the next start can use it."""
        self._client.close()

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, str | int] | None = None,
    ) -> Answer:
        session = self.session
        try:
            return self._send(session, method, path, body, params)
        except ApiError as error:
            if not session_ended(error):
                raise
        # Refused, so not carried out: with the next session it is sent again, once.
        return self._send(self._sessions.current(but_not=session), method, path, body, params)

    def _send(
        self,
        session: Session,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, str | int] | None,
    ) -> Answer:
        return self._client.request(
            method,
            path,
            body,
            token=session.token,
            params=params,
            follow=lambda url: self._request("GET", url),
        )

    def _create(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        number = self.call(f"POST {path}", body).first("Id")["id"]
        return self.call(f"GET {path}/{number}").item

    def _account_pages(self) -> Iterator[Answer]:
        return self.pages("GET /user/{userID}/monetary-account")

    def _accounts(self) -> list[dict[str, Any]]:
        return [account for page in self._account_pages() for account in page.items]

    def _account(self, named: int | str | None) -> Mapping[str, Any]:
        """Find an account; without a name the oldest open one. Source: as the SDK chooses."""
        if named is not None:
            return choose_account(self._accounts(), named)
        if self._main is None:
            active = [each for each in self._accounts() if each.get("status") == "ACTIVE"]
            if not active:
                raise UnknownNameError("There is no open account. Open one in the app first.")
            self._main = min(active, key=lambda each: int(each["id"]))
        return self._main

    def _payments_of(
        self, account_id: int, first: str | None, end: str | None
    ) -> Iterator[dict[str, Any]]:
        seen = set()
        for page in self.pages(f"GET /user/{{userID}}/monetary-account/{account_id}/payment"):
            for payment in page.items:
                # bunq's times are of one width and sort as text.
                if first is not None and payment["created"] < first:
                    return
                if payment["id"] not in seen and (end is None or payment["created"] < end):
                    seen.add(payment["id"])
                    yield payment

    def _told(self) -> dict[str, str]:
        """Tell what the context is; asks nobody, so that showing it is free."""
        told = {"bank": "in this process" if self.bank else str(self.settings.base_url)}
        state = self._sessions.state
        if state is not None and state.session is not None:
            session, device = state.session, state.device
            name = session.user.get("display_name") or "no name"
            told |= {
                "user": f"{name} ({session.user_type} {session.user_id})",
                "device": f"{device.description} ({device.id})",
                "session": f"until {session.expires_at:%Y-%m-%d %H:%M} UTC",
            }
        return told

    def __repr__(self) -> str:
        lines = [f"  {name:<8}{text}" for name, text in self._told().items()]
        return "\n".join([f"bunq {self.settings.environment}", *lines])

    def _repr_html_(self) -> str:
        return card(f"{badge(self.settings.environment)} bunq", key_values(self._told()))
