"""From what a person writes to what is sent: a path, a query, a body.

Keywords are sorted by the catalogue: ids go into the path, paging and filters into the query, all
else into the body, where short forms are written out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any

from bunqkit.catalogue.operations import Field, Operation, Type, find_type, type_named
from bunqkit.catalogue.values import write_amount, write_instant, write_pointer
from bunqkit.errors import FieldError

Account = Mapping[str, Any]


@dataclass(frozen=True)
class Arranged:
    """One call as it will be sent, but for its signature.

    Attributes
    ----------
    path
        Below ``/v1``, its ids filled in.
    params
        The query.
    body
        ``None`` if the call has none; else a dictionary, sent as JSON.
    """

    path: str
    params: dict[str, str]
    body: dict[str, Any] | None


def arrange(
    operation: Operation,
    own_id: tuple[object, ...],
    given: Mapping[str, Any],
    *,
    body: Mapping[str, Any] | None = None,
    user_id: int,
    find_account: Callable[[object], Account],
) -> Arranged:
    """Sort arguments into path, query and body.

    Parameters
    ----------
    operation
        What is to be called.
    own_id
        Nothing, or the item's own id, the last in the path.
    given
        By keyword: ids (``payment_id``), ``account``, the query (``count``), fields of the body.
        ``to`` and ``name`` stand for ``counterparty_alias``.
    body
        The whole body, in place of its fields; it is sent as it is.
    user_id
        Fills the path unless another is given.
    find_account
        Gives the account of an id, an IBAN or a description, and the main one for ``None``.

    Raises
    ------
    FieldError
        If an id is missing, or a keyword is neither id nor query nor field of the operation.
    """
    left = {name: value for name, value in given.items() if value is not None}
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
            raise FieldError(_unknown(operation, left), tuple(left))
        return Arranged(path, params, None)

    def currency() -> str:
        return _currency(account or find_account(None))

    fields = _BodyWriter(currency).write(operation, left)
    return Arranged(path, params, fields)


def _currency(account: Mapping[str, Any]) -> str:
    told = account.get("currency")
    if not told:
        raise FieldError(
            "The account says no currency. Write the amount as a dictionary: "
            "{'value': '10.00', 'currency': 'EUR'}."
        )
    return str(told)


class _BodyWriter:
    """Writes short forms out, at whatever depth a type's fields say what they are."""

    def __init__(self, currency: Callable[[], str]) -> None:
        self._currency = currency

    def write(self, operation: Operation, given: Mapping[str, Any]) -> dict[str, Any]:
        known = _body_type(operation)
        return self._write_object(known, given) if known else dict(given)

    def _write_object(self, known: Type, given: Mapping[str, Any]) -> dict[str, Any]:
        written = dict(given)
        if "to" in written and "to" not in known and "counterparty_alias" in known:
            name = None if "name" in known else written.pop("name", None)
            written["counterparty_alias"] = write_pointer(written.pop("to"), name)
        return {
            name: self._write_field(known[name], value) if name in known else value
            for name, value in written.items()
        }

    def _write_field(self, field: Field, value: Any) -> Any:
        if field.is_body_list and isinstance(value, list | tuple):
            return [self._write_one(field, each) for each in value]
        return self._write_one(field, value)

    def _write_one(self, field: Field, value: Any) -> Any:
        kind = field.body_kind
        if kind == "Amount" and isinstance(value, str | int | float | Decimal):
            return write_amount(value, self._currency())  # type: ignore[arg-type]
        if kind == "Pointer" and isinstance(value, str):
            return write_pointer(value)
        if kind == "time" and isinstance(value, date):
            return write_instant(value, field.name)
        if kind == "date" and isinstance(value, date):
            return value.isoformat()[:10]
        if isinstance(value, Mapping) and (known := find_type(kind)) is not None:
            return self._write_object(known, value)
        return str(value) if isinstance(value, Decimal) else value


def _body_type(operation: Operation) -> Type | None:
    return None if operation.body is None else type_named(operation.body)


def _query_text(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, date):
        return write_instant(value, "the time in the query")
    if isinstance(value, list | tuple):
        return ",".join(str(each) for each in value)
    return str(value)


def _unknown(operation: Operation, left: Mapping[str, Any]) -> str:
    known = ", ".join((*operation.ids, *operation.query)) or "nothing"
    return f"{operation.name} does not take {', '.join(left)}; it takes {known}."
