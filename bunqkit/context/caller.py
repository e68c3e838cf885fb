"""Calls any operation as one user: by name, by path, or by a method of ``bunq.api``."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import parse_qsl

from bunqkit.catalogue.accounts import choose_account
from bunqkit.catalogue.arguments import Arranged, arrange, check_max_rows, read_upload
from bunqkit.catalogue.docs import FoundOperations
from bunqkit.catalogue.operations import Operation, find, operation as catalogue_operation
from bunqkit.client.answer import Answer, Content
from bunqkit.client.exchange import Exchange
from bunqkit.context.api import Resource, make_api
from bunqkit.context.channel import Channel
from bunqkit.context.references import References
from bunqkit.context.writes import Writes
from bunqkit.errors import FieldError, UnknownNameError
from bunqkit.security.redaction import conceal

if TYPE_CHECKING:
    import pandas as pd

_PAGE = 200


class Caller:
    """Calls operations for one user, and is a source of the pages of every list.

    Parameters
    ----------
    channel
        Sends a call in the user's session.
    writes
        Sends a write at most once.
    """

    shows_progress = True

    def __init__(self, channel: Channel, writes: Writes) -> None:
        self._channel = channel
        self._writes = writes
        self._references = References()
        self._accounts: list[dict[str, Any]] = []
        self._main_account: Mapping[str, Any] | None = None

    @cached_property
    def api(self) -> Resource:
        """Every operation as a method: ``bunq.api.payment.list(count=50)``, with Tab completion."""
        return make_api(self._call_operation)

    def find(self, words: str) -> FoundOperations:
        """Return the operations whose names, paths or fields match some words, best first.

        Everyday words work too: ``find("webhook")``. ``find("")`` returns all operations.
        """
        return FoundOperations(find(words))

    def call(
        self,
        /,
        operation: str,
        *own_id: object,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        check: bool = True,
        even_if_unsettled: bool = False,
        **arguments: Any,
    ) -> Answer:
        """Call any operation, and return its verified answer.

        Parameters
        ----------
        operation
            Its name, ``payment.create``; or a method and a path, ``GET /user/{userID}/card``,
            which need not be in the catalogue.
        own_id
            The id of the item itself, which is the last id in the path.
        body
            The whole body, instead of single fields. It is sent as it is. Only an empty field for
            a reference is filled in, so that the item can be found again.
        params
            Further query parameters.
        check
            Whether the fields are checked before anything is sent. The API may know fields that
            the catalogue does not.
        even_if_unsettled
            Whether a write is sent although the outcome of a similar one is not known. The same
            thing may be done twice then.
        arguments
            Ids (``payment_id``), ``account`` (id, IBAN or description; the main account if it is
            left out), query parameters (``count``), and fields of the body: ``amount="10.00"``,
            ``to`` an e-mail address, phone number or IBAN, dates for times.

        Raises
        ------
        UnknownNameError
            If there is no such operation; the message suggests similar names.
        FieldError
            If an id or a field is missing, unknown or of the wrong type; nothing was sent.
        UnsettledError
            If the outcome of a similar write (same operation, account, payee, amount and
            description) is not known; nothing was sent.
        OutcomeUnknownError
            If the answer was lost, and it is not known yet whether the write was carried out.
        ApiError, NoAnswerError, SignatureError, BadAnswerError
            As for ``Client.request``.
        """
        arguments, body = conceal(arguments), conceal(body)
        options: dict[str, Any] = {"body": body, "params": params or {}}
        options["even_if_unsettled"] = even_if_unsettled
        method, _, path = operation.strip().partition(" ")
        if not path:
            known = catalogue_operation(method)
            return self._call_operation(known, *own_id, check=check, **options, **arguments)
        path, _, query = path.strip().partition("?")
        options["params"] = {**dict(parse_qsl(query)), **options["params"]}
        try:
            known = catalogue_operation(f"{method} {path}")
        except UnknownNameError:
            return self._call_path(method.upper(), path, arguments, **options)
        arguments = {**known.read_ids(path), **arguments}
        return self._call_operation(known, *own_id, check=check, **options, **arguments)

    def preview(
        self,
        /,
        operation: str,
        *own_id: object,
        body: Mapping[str, Any] | bytes | None = None,
        check: bool = True,
        headers: Mapping[str, str] | None = None,
        **arguments: Any,
    ) -> Exchange:
        """Return what the next ``call`` with the same arguments will send, and send nothing.

        The bytes are the same, including the reference that the call will get.

        Parameters
        ----------
        operation, own_id, check, arguments
            As for ``call``; the operation must be in the catalogue.
        body
            The whole body, instead of single fields; for an upload, the bytes of the file.
        headers
            Further headers, such as those of an upload.

        Returns
        -------
        Exchange
            A call without an answer and without a time: look at ``xray()``, ``as_curl()``.
        """
        arguments, body, known = conceal(arguments), conceal(body), catalogue_operation(operation)
        arranged = self._arrange(
            known, own_id, arguments, None if isinstance(body, bytes) else body
        )
        if not isinstance(body, bytes):
            body = arranged.body and self._references.preview(known, arranged.body)
        if check and body is not None:
            known.check(body)
        return self._channel.client.preview(
            known.method,
            arranged.path,
            body,
            token=self._channel.sessions.current().token,
            params=arranged.params,
            headers=headers,
        )

    def find_account(self, named: int | str | None = None) -> Mapping[str, Any]:
        """Return an account by id, IBAN or description; without a name, the main account.

        The main account is the oldest one that is open. It is looked up once.

        Source: bunq's SDK chooses it in the same way.
        """
        if named is not None:
            accounts = self._accounts
            if all(str(named) != str(account.get("id")) for account in accounts):
                accounts = self.list_accounts()
            return choose_account(accounts, named)
        if self._main_account is None:
            accounts = self.list_accounts()
            active = [account for account in accounts if account.get("status") == "ACTIVE"]
            if not active:
                raise UnknownNameError("There is no open account. Open one in the app first.")
            self._main_account = min(active, key=lambda account: int(account["id"]))
        return self._main_account

    def pages(self, /, operation: str, *own_id: object, **arguments: Any) -> Iterator[Answer]:
        """Return the pages of a list, newest first; each is fetched when it is asked for.

        Parameters
        ----------
        operation, own_id, arguments
            As for ``call``. ``count`` is 200 by default; older pages are fetched by the bank's
            own ``older_url``.

        Raises
        ------
        BadAnswerError
            If a page comes twice, or there are more than 100,000 pages.
        """
        return self._pages(operation, *own_id, is_enveloped=True, **arguments)

    def raw_pages(self, /, operation: str, *own_id: object, **arguments: Any) -> Iterator[Answer]:
        """Return the pages of a list as ``pages`` does; the caller parses all but the first."""
        return self._pages(operation, *own_id, is_enveloped=False, **arguments)

    def list_accounts(self) -> list[dict[str, Any]]:
        """Return the user's accounts as the bank describes them, without their type names."""
        accounts: list[dict[str, Any]] = []
        for page in self.pages("monetary-account.list"):
            if not all(type(account.get("id")) is int for account in page.items):
                raise page.exchange.unusable("an account has no id")
            accounts += page.items
        self._accounts = accounts
        return accounts

    def mark_completeness(self, frame: pd.DataFrame, calls: Sequence[object]) -> None:
        """Add nothing: the bank's lists are complete, and ``attrs`` says which were cut."""

    def frame(
        self,
        /,
        operation: str,
        *own_id: object,
        money: Literal["float", "decimal", "cents"] = "float",
        max_rows: int | None = None,
        **arguments: Any,
    ) -> pd.DataFrame:
        """Return every page of a list as one table.

        Parameters
        ----------
        operation, own_id, arguments
            As for ``call``.
        money
            Amounts as float64, ``Decimal`` objects, or whole cents; see ``to_frame``.
        max_rows
            The largest number of rows; the newest are returned.

        Returns
        -------
        DataFrame
            As ``to_frame`` returns it. ``attrs["bunqkit"]`` says whether it is complete. A line on
            the screen says the same when the fetch has ended.

        Raises
        ------
        Interrupted
            If the fetch is stopped; its ``frame`` holds the rows so far.
        """
        from bunqkit.frames.paging import frame_of_pages

        check_max_rows(max_rows)
        known = find_operation(operation)
        if known is not None and known.is_paged and max_rows is not None:
            count = -(-max_rows // int(arguments.get("count", _PAGE)))
            limiter = self._channel.client.limiter
            limiter.announce("GET", known.path, count, what=f"At most {count} pages")
        return frame_of_pages(
            self.raw_pages(operation, *own_id, **arguments),
            operation=None if known is None else known.name,
            money=money,
            max_rows=max_rows,
            is_said=True,
        )

    def download(self, /, operation: str, *own_id: object, **arguments: Any) -> Content:
        """Return a file's bytes, which show themselves: ``download("attachment.content", 7)``.

        Parameters
        ----------
        operation, own_id, arguments
            As for ``call``; the operation must be one that answers bytes.
        """
        if not catalogue_operation(operation).is_bytes:
            raise FieldError(f"{operation} answers no file. Use bunq.call({operation!r}).")
        return self.call(operation, *own_id, **arguments).content

    def upload(
        self,
        /,
        operation: str,
        file: str | os.PathLike[str] | bytes,
        *,
        description: str = "",
        media_type: str | None = None,
        **arguments: Any,
    ) -> dict[str, Any]:
        """Send a file, and return the new item with its id or uuid.

        The signature covers the bytes of the file.

        Parameters
        ----------
        operation
            ``attachment-public.create`` or ``attachment.create``.
        file
            A path, or the bytes themselves.
        description
            The name of the file at the bank.
        media_type
            Such as ``image/png``; guessed from the name of the file if it is left out.
        arguments
            Ids and ``account``, as for ``call``.

        Raises
        ------
        FieldError
            If the operation takes no file, the file can't be read, or its type can't be guessed.

        Source: bunq docs, "Attachments": PNG, JPEG and GIF; PDF works in practice.
        """
        if not catalogue_operation(operation).sends_bytes:
            raise FieldError(f"{operation} takes no file. Use bunq.call({operation!r}).")
        content, headers = read_upload(file, description=description, media_type=media_type)
        return self.send_bytes(operation, content, headers, **arguments).first()

    def send_bytes(
        self, /, operation: str, content: bytes, headers: Mapping[str, str], **arguments: Any
    ) -> Answer:
        """Send signed bytes, with the headers that describe them.

        Parameters
        ----------
        operation, arguments
            As for ``upload``.
        content, headers
            As ``read_upload`` returns them.
        """
        known = catalogue_operation(operation)
        path = self._arrange(known, (), arguments, None).path
        return self._writes.write(
            "POST", path, content, known, headers=headers, even_if_unsettled=True
        )

    def _call_operation(
        self,
        operation: Operation,
        *own_id: object,
        body: Mapping[str, Any] | None = None,
        params: Mapping[str, str | int] | None = None,
        check: bool = True,
        even_if_unsettled: bool = False,
        **arguments: Any,
    ) -> Answer:
        if operation.sends_bytes:
            raise FieldError(
                f"{operation.name} takes a file: bunq.upload({operation.name!r}, ...)."
            )
        arranged = self._arrange(operation, own_id, arguments, body)
        path, body = arranged.path, arranged.body
        if check and body is not None:
            operation.check(body)
        query = {**arranged.params, **(params or {})}
        if operation.method == "GET":
            answer = self._channel.read(path, params=query)
            if operation.is_paged:
                self._writes.known_items.note(path, answer)
            return answer
        return self._writes.write(
            operation.method,
            path,
            body and self._references.add(operation, body),
            operation,
            params=query,
            even_if_unsettled=even_if_unsettled,
        )

    def _call_path(
        self,
        method: str,
        path: str,
        arguments: Mapping[str, Any],
        *,
        body: Mapping[str, Any] | None,
        params: Mapping[str, str | int],
        even_if_unsettled: bool,
    ) -> Answer:
        """Call a path that is not in the catalogue: the API changes without notice."""
        if method not in ("GET", "POST", "PUT", "DELETE") or not path.startswith("/"):
            raise FieldError(
                f"'{method} {path}' is no call. Write a method and a path: "
                "GET /user/{userID}/card."
            )
        path = path.replace("{userID}", str(self._channel.sessions.current().user_id))
        if "{monetary-accountID}" in path:
            account = self.find_account(arguments.get("account"))
            path = path.replace("{monetary-accountID}", str(account["id"]))
        unused = [*re.findall(r"\{.*?\}", path), *(name for name in arguments if name != "account")]
        if unused:
            raise FieldError(
                f"The catalogue does not know {method} {path}, so {', '.join(unused)} can't be "
                "placed. Write ids into the path, and fields into body=."
            )
        if method == "GET":
            return self._channel.read(path, body, params=params)
        return self._writes.write(
            method, path, body, None, params=params, even_if_unsettled=even_if_unsettled
        )

    def _arrange(
        self,
        operation: Operation,
        own_id: tuple[object, ...],
        arguments: Mapping[str, Any],
        body: Mapping[str, Any] | None,
    ) -> Arranged:
        return arrange(
            operation,
            own_id,
            arguments,
            body=body,
            user_id=self._channel.sessions.current().user_id,
            find_account=self.find_account,  # type: ignore[arg-type]
        )

    def _pages(
        self, operation: str, *own_id: object, is_enveloped: bool, **arguments: Any
    ) -> Iterator[Answer]:
        known = find_operation(operation)
        if known is not None and known.is_paged:
            arguments.setdefault("count", _PAGE)
        # The first page is always parsed, since its ids are noted.
        first = self.call(operation, *own_id, **arguments)
        yield from self._channel.follow(first, is_enveloped=is_enveloped)


def find_operation(name: str) -> Operation | None:
    """Return the operation of a name, or of a method and a path.

    Parameters
    ----------
    name
        Such as ``payment.list`` or ``GET /user/{userID}/card``.

    Returns
    -------
    Operation
        ``None`` for a method and a path that are not in the catalogue.
    """
    bare = name.partition("?")[0]
    try:
        return catalogue_operation(bare)
    except UnknownNameError:
        if " " not in bare.strip():
            raise
        return None
