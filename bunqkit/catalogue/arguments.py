"""Sorts the arguments of a call into what is sent: a path, a query, a body, or a file.

The catalogue says where a keyword belongs: ids go into the path, paging and filters into the query,
everything else into the body, where :mod:`bunqkit.catalogue.values` writes short forms in full.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from numbers import Integral
from pathlib import Path
from typing import Any

from bunqkit.catalogue.operations import Operation
from bunqkit.catalogue.types import Field, Type, find_type
from bunqkit.catalogue.values import write_amount, write_instant, write_pointer
from bunqkit.errors import FieldError

__all__ = ["Arranged", "arrange", "check_max_rows", "read_upload"]

Account = Mapping[str, Any]


@dataclass(frozen=True)
class Arranged:
    """One call as it will be sent, before it is signed.

    Attributes
    ----------
    path
        The path below ``/v1``, with its ids.
    params
        The query.
    body
        ``None`` if the call has no body; else a dictionary, which is sent as JSON.
    """

    path: str
    params: dict[str, str]
    body: dict[str, Any] | None


def arrange(
    operation: Operation,
    own_id: tuple[object, ...],
    keywords: Mapping[str, Any],
    *,
    body: Mapping[str, Any] | None = None,
    user_id: int,
    find_account: Callable[[object], Account],
) -> Arranged:
    """Sort the arguments of a call into path, query and body.

    Parameters
    ----------
    operation
        The operation that is called.
    own_id
        Empty, or the item's own id, which is the last one in the path.
    keywords
        Ids (``payment_id``), ``account``, the query (``count``), fields of the body. ``to`` and
        ``name`` stand for ``counterparty_alias``.
    body
        The whole body, in place of its fields; it is sent as it is.
    user_id
        The user in the path, unless the keywords name another.
    find_account
        Returns the account with an id, an IBAN or a description, and the main one for ``None``.

    Raises
    ------
    FieldError
        If an id is missing, or a keyword is neither id nor query nor field of the operation.
    """
    left = {name: value for name, value in keywords.items() if value is not None}
    if len(own_id) > (1 if operation.ids and operation.ids[-1] != "account" else 0):
        raise FieldError(
            f"{operation.name} takes {'its own id' if operation.ids else 'nothing'} without a "
            "name; name the others."
        )
    account: Account | None = None
    if "account" in operation.ids:
        account = find_account(left.pop("account", None))
    ids: dict[str, object] = {name: left.pop(name) for name in operation.ids if name in left}
    ids |= dict(zip(operation.ids[-1:], own_id, strict=False))
    for name, value in ids.items():
        if name.startswith("monetary_account") and not str(value).isdigit():
            ids[name] = find_account(value)["id"]
    params = {name: _query_text(left.pop(name)) for name in operation.query if name in left}
    path = operation.fill(ids, {"user_id": user_id, "account": account["id"] if account else None})
    if body is not None:
        if left:
            raise FieldError(
                f"{operation.name}: body and {', '.join(left)} were given. Put the fields into "
                "the body, or leave it out."
            )
        return Arranged(path, params, dict(body))
    if operation.method in ("GET", "DELETE"):
        if left:
            known = ", ".join((*operation.ids, *operation.query)) or "nothing"
            raise FieldError(
                f"{operation.name} does not take {', '.join(left)}; it takes {known}.", tuple(left)
            )
        return Arranged(path, params, None)
    type_ = operation.body_type
    if type_ is not None:
        left = _BodyWriter(lambda: account or find_account(None)).write_object(type_, left)
    return Arranged(path, params, left)


def check_max_rows(max_rows: int | None) -> None:
    """Raise if a bound on rows is not a number of rows.

    Raises
    ------
    FieldError
        If it is neither ``None`` nor a whole number that is at least 0; the message names it.
    """
    if max_rows is not None and (not isinstance(max_rows, Integral) or max_rows < 0):
        raise FieldError(f"max_rows is {max_rows!r}. Make it 0 or more, or leave it out.")


def read_upload(
    file: str | os.PathLike[str] | bytes, *, description: str, media_type: str | None
) -> tuple[bytes, dict[str, str]]:
    """Return the bytes of a file that will be sent, and the headers that describe it.

    Raises
    ------
    FieldError
        If the file can't be read, its type is unknown, or a header can't hold the description.
    """
    import mimetypes

    name = "" if isinstance(file, bytes) else str(file)
    media_type = media_type or mimetypes.guess_type(name)[0]
    if media_type is None:
        raise FieldError(
            f"The type of {name or 'these bytes'} is not known. Add media_type='image/png', or "
            "whatever it is."
        )
    try:
        content = file if isinstance(file, bytes) else Path(file).read_bytes()
    except OSError as error:
        raise FieldError(f"{name} can't be read ({error.strerror}). Check the path.") from error
    if not content:
        raise FieldError(f"{name or 'The file'} is empty, and bunq keeps no empty files.")
    headers = {
        "Content-Type": media_type,
        "X-Bunq-Attachment-Description": description or Path(name).name,
    }
    for header, text in headers.items():
        if not (text.isascii() and text.isprintable()):
            raise FieldError(
                f"{header} is {text!r}, and a header holds plain letters only. Write it without "
                "accents or line breaks."
            )
    return content, headers


class _BodyWriter:
    """Writes short forms in full, at every depth where the type of a field is known.

    Parameters
    ----------
    find_payer
        Returns the account whose currency counts for an amount without one.
    """

    def __init__(self, find_payer: Callable[[], Account]) -> None:
        self._find_payer = find_payer

    def write_object(self, type_: Type, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the fields of an object of a type, as bunq wants them."""
        values = dict(values)
        if "to" in values and "to" not in type_ and "counterparty_alias" in type_:
            name = None if "name" in type_ else values.pop("name", None)
            values["counterparty_alias"] = write_pointer(values.pop("to"), name)
        return {
            name: self._write_field(type_[name], value) if name in type_ else value
            for name, value in values.items()
        }

    def _write_field(self, field: Field, value: Any) -> Any:
        if field.is_body_list and isinstance(value, list | tuple):
            return [self._write_value(field, element) for element in value]
        return self._write_value(field, value)

    def _write_value(self, field: Field, value: Any) -> Any:
        kind = field.body_kind
        if kind == "Amount" and isinstance(value, str | int | float | Decimal):
            return write_amount(value, self._currency())  # type: ignore[arg-type]
        if kind == "Pointer" and isinstance(value, str):
            return write_pointer(value)
        if kind == "time" and isinstance(value, date):
            return write_instant(value, field.name)
        if kind == "date" and isinstance(value, date):
            return value.isoformat()[:10]
        if isinstance(value, Mapping) and (type_ := find_type(kind)) is not None:
            return self.write_object(type_, value)
        return str(value) if isinstance(value, Decimal) else value

    def _currency(self) -> str:
        currency = self._find_payer().get("currency")
        if not currency:
            raise FieldError(
                "The account has no currency. Write the amount as a dictionary: "
                "{'value': '10.00', 'currency': 'EUR'}."
            )
        return str(currency)


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return write_instant(value, "the time in the query")
    if isinstance(value, list | tuple):
        return ",".join(map(str, value))
    return str(value)
