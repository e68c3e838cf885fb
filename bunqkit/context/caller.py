"""Calls any operation as one user: by name, by path, by ``api``.

Keeps to one session, and sends a call again only if the bank refused the token and so did not
carry it out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

from bunqkit.auth.handshake import session_ended
from bunqkit.auth.sessions import Sessions
from bunqkit.auth.state import Session, State
from bunqkit.catalogue.accounts import choose_account
from bunqkit.catalogue.arguments import Arranged, arrange, check_max_rows, read_upload
from bunqkit.catalogue.docs import FoundOperations
from bunqkit.catalogue.drift import DriftLog
from bunqkit.catalogue.operations import Operation, find, operation as catalogue_operation
from bunqkit.client.answer import Answer, Content
from bunqkit.client.client import Client
from bunqkit.client.exchange import Exchange, Exchanges
from bunqkit.client.journal import Unsettled
from bunqkit.context.api import Resource, make_api
from bunqkit.context.guard import Guard, Permit
from bunqkit.context.outcome import Books, References, Write
from bunqkit.context.settling import Settlement, settle
from bunqkit.errors import (
    ApiError,
    FieldError,
    LockedError,
    SignatureError,
    UnknownNameError,
)
from bunqkit.security.redaction import Private, conceal
from bunqkit.settings import DEFAULT_CAP

if TYPE_CHECKING:
    import pandas as pd

_PAGE, _MOST_PAGES = 200, 100_000
# What a lost write has made is looked for in pages of so many.
_LOOK = 200


class Caller(Private):
    """One user of one bank, who can call everything.

    Parameters
    ----------
    client
        The bank's address and the keys of both sides.
    sessions
        Gives the session to call with.
    environment
        Decides what may be written: production is read-only until a call is unlocked.
    cap
        The most that all calls together may move in production, in the account's currency.

    Attributes
    ----------
    drift
        Counts where answers differ from the catalogue, once it is switched on.
    """

    def __init__(
        self,
        client: Client,
        sessions: Sessions,
        *,
        environment: str = "OFFLINE",
        cap: Decimal = DEFAULT_CAP,
    ) -> None:
        # The host decides too, whatever the setting says.
        self._guard = Guard("PRODUCTION" if client.is_production else environment, cap=cap)
        self.drift = DriftLog()
        self._client = client
        self._sessions = sessions
        self._main: Mapping[str, Any] | None = None
        self._known_accounts: list[dict[str, Any]] = []
        self._books = Books()
        self._references = References()
        self._journal = sessions.open_journal()

    @property
    def session(self) -> Session:
        """The session, opened anew if it has ended."""
        return self._sessions.current()

    @property
    def state(self) -> State | None:
        """Installation, device and session as they are known here; asks nobody."""
        return self._sessions.state

    def renew(self) -> Session:
        """Open the next session, though this one lives; bunq allows one in 30 seconds."""
        return self._sessions.current(but_not=self.session)

    @property
    def user(self) -> dict[str, Any]:
        """The user as the bank gave it when the session was opened."""
        return self.session.user

    @property
    def user_id(self) -> int:
        """The id that stands in the path of every call."""
        return self.session.user_id

    @property
    def exchanges(self) -> Exchanges:
        """The last calls, oldest first: also those that failed, and those that were refused."""
        return self._client.exchanges

    @property
    def unsettled(self) -> Unsettled:
        """The writes whose outcome is not known, oldest first; asks nobody.

        Their answers were lost, or the process ended before they came, here or in another kernel.
        """
        return self._journal.unsettled()

    def settle(self, *, forget: str | Iterable[str] = ()) -> Settlement:
        """Look up what became of the writes in ``unsettled``, and return it.

        What was not made can be said as soon as it can't be under way any more: half a minute after
        its answer was lost, for which this waits. What bears no reference, and is not there as it
        was sent, needs a person's look; it stays unsettled, and the text says what to compare.

        Parameters
        ----------
        forget
            Ids of writes that you have looked up in the app: they are unsettled no more.
        """
        ids = [forget] if isinstance(forget, str) else forget
        return settle(self._journal, self._books, _find_known, self._read_list, forget=ids)

    @cached_property
    def api(self) -> Resource:
        """Every operation as a method: ``bunq.api.payment.list(count=50)``, with Tab completion."""
        return make_api(self._call_operation)

    def find(self, words: str) -> FoundOperations:
        """Search the operations by words of their names, paths and fields, best first.

        Everyday words are understood: ``find("webhook")``. ``find("")`` gives all.
        """
        return FoundOperations(find(words))

    def call(
        self,
        operation: str,
        *own_id: object,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        check: bool = True,
        even_if_unsettled: bool = False,
        **given: Any,
    ) -> Answer:
        """Call any operation, and give its answer, verified.

        Parameters
        ----------
        operation
            Its name, ``payment.create``; or a method and a path, ``GET /user/{userID}/card``,
            which the catalogue need not know.
        own_id
            The id of the item itself, the last in the path.
        body
            The whole body, in place of its fields. It is sent as it is, but for a reference by
            which it can be found again, where it has a field for one that is not filled in.
        params
            Further query parameters.
        check
            Whether fields are checked before anything is sent. The API may know more than the
            catalogue does.
        even_if_unsettled
            Whether to send it though the outcome of a write like it is not known: that may do the
            same thing twice.
        given
            Ids (``payment_id``), ``account`` (id, IBAN or description; the main one without it),
            the query (``count``), and fields of the body: ``amount="10.00"``, ``to`` an e-mail
            address, phone number or IBAN, dates for times.

        Raises
        ------
        UnknownNameError
            If no operation is called so; the message has the nearest names.
        FieldError
            If an id or a field is missing, superfluous or ill-typed; nothing was sent.
        UnsettledError
            If the outcome of a write like it (operation, account, payee, amount, description) is
            not known; nothing was sent.
        OutcomeUnknownError
            If its answer was lost, and nobody can say yet whether it was carried out.
        ApiError, NoAnswerError, SignatureError, BadAnswerError
            As the client says.
        """
        given, body = conceal(given), conceal(body)
        method, _, path = operation.strip().partition(" ")
        if path:
            path, _, query = path.strip().partition("?")
            params = {**dict(parse_qsl(query)), **(params or {})}
            try:
                known = catalogue_operation(f"{method} {path}")
            except UnknownNameError:
                return self._call_unknown(
                    method.upper(), path, body, params, given, even_if_unsettled=even_if_unsettled
                )
            given = {**known.read_ids(path), **given}
        else:
            known = catalogue_operation(operation.strip())
        return self._call_operation(
            known,
            *own_id,
            body=body,
            params=params,
            check=check,
            even_if_unsettled=even_if_unsettled,
            **given,
        )

    def preview(
        self,
        operation: str,
        *own_id: object,
        body: Mapping[str, Any] | bytes | None = None,
        check: bool = True,
        headers: Mapping[str, str] | None = None,
        **given: Any,
    ) -> Exchange:
        """Return what the next ``call`` with the same arguments sends, and send nothing.

        It is the same byte for byte, the reference of its own included.

        Parameters
        ----------
        operation, own_id, check, given
            As for ``call``; the operation is one of the catalogue's.
        body
            The whole body, sent as it is, in place of its fields; of an upload, the file's bytes.
        headers
            Further headers, such as an upload's.

        Returns
        -------
        Exchange
            With neither an answer nor a time of sending: look at ``xray()``, ``as_curl()``.
        """
        given, body, known = conceal(given), conceal(body), catalogue_operation(operation)
        fields = None if isinstance(body, bytes) else body
        arranged = self._arrange(known, own_id, given, fields)
        named = arranged.body and self._references.show(known, arranged.body)
        sent = body if isinstance(body, bytes) else named
        if check and sent is not None:
            known.check(sent)
        return self._client.preview(
            known.method,
            arranged.path,
            sent,
            token=self.session.token,
            params=arranged.params,
            headers=headers,
        )

    def find_account(self, named: int | str | None = None) -> Mapping[str, Any]:
        """Give an account by id, IBAN or description; without a name the main one.

        The main one is the oldest that is open; it is looked up once.
        """
        return self._account(named)

    def pages(self, operation: str, *own_id: object, **given: Any) -> Iterator[Answer]:
        """Give the pages of a list, newest first, each fetched when it is asked for.

        Parameters
        ----------
        operation, own_id, given
            As for ``call``. ``count`` is 200 unless it says otherwise; later pages are the bank's
            own ``older_url``.

        Raises
        ------
        BadAnswerError
            If the bank leads back to a page that came before, or to more than 100,000 pages.
        """
        return self._pages(operation, *own_id, is_read=True, **given)

    def frame(
        self,
        operation: str,
        *own_id: object,
        money: Literal["float", "decimal", "cents"] = "float",
        max_rows: int | None = None,
        **given: Any,
    ) -> pd.DataFrame:
        """Give every page of a list as one table.

        Parameters
        ----------
        operation, own_id, given
            As for ``call``.
        money
            Amounts as float64, ``Decimal`` objects, or whole cents; see ``to_frame``.
        max_rows
            At most so many, the newest.

        Returns
        -------
        DataFrame
            As ``to_frame`` gives it; ``attrs["bunqkit"]`` says whether it is complete, and so does
            a line, which goes to the screen when all is there.

        Raises
        ------
        Interrupted
            If it is stopped; its ``frame`` holds what has come.
        """
        from bunqkit.frames.paging import frame_of_pages  # noqa: PLC0415 (pandas when first used)

        check_max_rows(max_rows)
        known = _find_known(operation)
        if known is not None and known.is_paged and max_rows is not None:
            count = -(-max_rows // int(given.get("count", _PAGE)))
            self._client.limiter.announce("GET", known.path, count, what=f"At most {count} pages")
        pages = self._pages(operation, *own_id, is_read=False, **given)
        return frame_of_pages(
            pages,
            operation=None if known is None else known.name,
            money=money,
            max_rows=max_rows,
            is_said=True,
        )

    def download(self, operation: str, *own_id: object, **given: Any) -> Content:
        """Get a file's bytes, which show themselves: ``download("attachment.content", 7)``.

        Parameters
        ----------
        operation, own_id, given
            As for ``call``; the operation is one that answers bytes.
        """
        if not catalogue_operation(operation).is_bytes:
            raise FieldError(f"{operation} answers no file. Use bunq.call({operation!r}).")
        return self.call(operation, *own_id, **given).content

    def upload(
        self,
        operation: str,
        file: str | os.PathLike[str] | bytes,
        *,
        description: str = "",
        media_type: str | None = None,
        **given: Any,
    ) -> dict[str, Any]:
        """Send a file's bytes, which are what is signed, and give the item: its id or uuid.

        Parameters
        ----------
        operation
            ``attachment-public.create`` or ``attachment.create``.
        file
            A path, or the bytes themselves.
        description
            What the file is called at the bank.
        media_type
            Such as ``image/png``; told by the name of the file if it is left out.
        given
            Ids and ``account``, as for ``call``.

        Raises
        ------
        FieldError
            If the operation takes no file, the file can't be read, or its type can't be told.

        Source: bunq docs, "Attachments": PNG, JPEG and GIF; PDF works in practice.
        """
        if not catalogue_operation(operation).sends_bytes:
            raise FieldError(f"{operation} takes no file. Use bunq.call({operation!r}).")
        content, headers = read_upload(file, description=description, media_type=media_type)
        return self.send_bytes(operation, content, headers, **given).first()

    def send_bytes(
        self, operation: str, content: bytes, headers: Mapping[str, str], **given: Any
    ) -> Answer:
        """Send bytes, which are what is signed, with the headers that say what they are.

        Parameters
        ----------
        operation, given
            As for ``upload``.
        content, headers
            As ``read_upload`` gives them.
        """
        known = catalogue_operation(operation)
        arranged = self._arrange(known, (), given, None)
        return self._write(
            "POST", arranged.path, content, known, headers=headers, even_if_unsettled=True
        )

    def replay(self, exchange: Exchange, body: bytes) -> Exchange:
        """Send a captured call once more with another body under the old signature, to be refused.

        Parameters
        ----------
        exchange
            One of ``exchanges``.
        body
            Its body, with some byte changed.

        Raises
        ------
        LockedError
            In production, where nothing is tried out.
        """
        if self._guard.is_locked:
            raise LockedError("Nothing is replayed in PRODUCTION. Try it offline or in SANDBOX.")
        return self._client.replay(exchange, body)

    def unlock(
        self,
        operation: str,
        *,
        up_to: str | Decimal | None = None,
        count: int = 1,
        to: str | None = None,
    ) -> AbstractContextManager[Permit]:
        """Let one operation write to production until the block ends; elsewhere nothing is locked.

        Parameters
        ----------
        operation
            Its name, such as ``payment.create``.
        up_to
            The most that all its calls together may move, in the account's currency; needed by
            what moves money. ``"any"`` for a call whose body names no amount.
        count
            How many calls may be made.
        to
            The only counterparty that it may be for: e-mail address, phone number or IBAN.

        Returns
        -------
        context manager
            It gives a ``Permit``, which counts down, and keeps in ``sent`` what it let through.
        """
        return self._guard.unlock(operation, up_to=up_to, count=count, to=to)

    def _call_operation(
        self,
        operation: Operation,
        *own_id: object,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        check: bool = True,
        even_if_unsettled: bool = False,
        **given: Any,
    ) -> Answer:
        if operation.sends_bytes:
            raise FieldError(
                f"{operation.name} takes a file: bunq.upload({operation.name!r}, ...)."
            )
        arranged = self._arrange(operation, own_id, given, body)
        if check and arranged.body is not None:
            operation.check(arranged.body)
        query = {**arranged.params, **(params or {})}
        if operation.method != "GET":
            sent = arranged.body and self._references.add(operation, arranged.body)
            return self._write(
                operation.method,
                arranged.path,
                sent,
                operation,
                params=query,
                even_if_unsettled=even_if_unsettled,
            )
        answer = self._request("GET", arranged.path, params=query)
        if operation.is_paged:
            self._books.note(arranged.path, answer)
        return answer

    def _write(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        operation: Operation | None,
        *,
        params: Mapping[str, str | int] | None = None,
        headers: Mapping[str, str] | None = None,
        even_if_unsettled: bool,
    ) -> Answer:
        """Send a write once; if its answer is lost, find out what became of it."""
        entry = self._journal.describe(
            operation.name if operation else f"{method} {path}",
            method,
            path,
            body,
            newest_before=self._books.newest.get(path),
        )
        if not even_if_unsettled:
            self._journal.check(entry)
        self._guard.check(method, path, operation, body)

        def send(session: Session, *earlier: Exchange) -> Answer:
            return self._send(
                session, method, path, body, params=params, headers=headers, earlier=earlier
            )

        write = Write(entry, operation, self._journal, self._books, self._read_list)
        told = body if isinstance(body, Mapping) else {}
        return write.carry_out(self._sessions, send, retries=self._client.retries, body=told)

    def _read_list(self, path: str) -> Answer:
        return self._request("GET", path, params={} if "?" in path else {"count": _LOOK})

    def _arrange(
        self,
        operation: Operation,
        own_id: tuple[object, ...],
        given: Mapping[str, Any],
        body: Mapping[str, Any] | None,
    ) -> Arranged:
        return arrange(
            operation,
            own_id,
            given,
            body=body,
            user_id=self.user_id,
            find_account=self._account,
        )

    def _call_unknown(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | None,
        params: Mapping[str, str | int],
        given: Mapping[str, Any],
        *,
        even_if_unsettled: bool,
    ) -> Answer:
        """Call what the catalogue does not know: the API changes without notice."""
        if method not in ("GET", "POST", "PUT", "DELETE") or not path.startswith("/"):
            raise FieldError(
                f"'{method} {path}' is no call. Write a method and a path: "
                "GET /user/{userID}/card."
            )
        path = path.replace("{userID}", str(self.user_id))
        if "{monetary-accountID}" in path:
            account = self._account(given.get("account"))
            path = path.replace("{monetary-accountID}", str(account["id"]))
        left = [*re.findall(r"\{.*?\}", path), *(name for name in given if name != "account")]
        if left:
            raise FieldError(
                f"The catalogue does not know {method} {path}, so {', '.join(left)} can't be "
                "placed. Write ids into the path, and fields into body=."
            )
        if method == "GET":
            return self._request(method, path, body, params=params)
        return self._write(
            method, path, body, None, params=params, even_if_unsettled=even_if_unsettled
        )

    def _request(
        self,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None = None,
        *,
        params: Mapping[str, str | int] | None = None,
        is_read: bool = True,
    ) -> Answer:
        """Read: a read may be sent again whatever became of it."""
        session = self.session
        try:
            return self._send(session, method, path, body, params=params, is_enveloped=is_read)
        except ApiError as error:
            if not session_ended(error):
                raise
            refused = error.exchange
        session = self._sessions.current(but_not=session)
        return self._send(
            session, method, path, body, params=params, is_enveloped=is_read, earlier=(refused,)
        )

    def _send(
        self,
        session: Session,
        method: str,
        path: str,
        body: Mapping[str, Any] | bytes | None,
        **how: Any,
    ) -> Answer:
        try:
            answer = self._client.request(
                method,
                path,
                body,
                token=session.token,
                follow=lambda url: self._request("GET", url),
                is_unlocked=True,
                **how,
            )
        except SignatureError as error:
            self._sessions.ask_if_wiped(error, session)
            raise
        if self.drift.is_on and answer.is_json:
            self.drift.add(answer)
        return answer

    def _pages(
        self, operation: str, *own_id: object, is_read: bool, **given: Any
    ) -> Iterator[Answer]:
        """Give the pages of a list; whoever takes them unread reads them himself."""
        known = _find_known(operation)
        if known is not None and known.is_paged:
            given.setdefault("count", _PAGE)
        # The first is read in any case: its ids are noted.
        page: Answer | None = self.call(operation, *own_id, **given)
        seen: set[str] = set()
        while page is not None:
            if page.exchange.path in seen or len(seen) > _MOST_PAGES:
                raise page.exchange.unusable("its page came before, or its list has no end")
            seen.add(page.exchange.path)
            yield page
            url = page.older_url
            page = self._request("GET", url, is_read=is_read) if url else None

    def _accounts(self) -> list[dict[str, Any]]:
        known: list[dict[str, Any]] = []
        for page in self.pages("monetary-account.list"):
            if not all(type(each.get("id")) is int for each in page.items):
                raise page.exchange.unusable("an account has no id")
            known += page.items
        self._known_accounts = known
        return known

    def _account(self, named: object) -> Mapping[str, Any]:
        """Find an account; without a name the oldest open one. Source: as the SDK chooses."""
        if named is not None:
            known = self._known_accounts
            if all(str(named) != str(account.get("id")) for account in known):
                known = self._accounts()
            return choose_account(known, named)
        if self._main is None:
            active = [each for each in self._accounts() if each.get("status") == "ACTIVE"]
            if not active:
                raise UnknownNameError("There is no open account. Open one in the app first.")
            self._main = min(active, key=lambda each: int(each["id"]))
        return self._main


def _find_known(name: str) -> Operation | None:
    """Find what the catalogue knows of a name, or of a method and path, which it need not know."""
    bare = name.partition("?")[0]
    try:
        return catalogue_operation(bare)
    except UnknownNameError:
        if " " not in bare.strip():
            raise
        return None
