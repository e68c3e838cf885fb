"""Fills items up to every field of their type, and reads a body into the fields of a type.

This module knows types from the catalogue, and no single resource.
"""

from __future__ import annotations

from typing import Any

from bunqkit.catalogue.operations import Field, Type, type_named
from bunqkit.errors import UnknownNameError
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.resources.labels import label_account, label_pointer, label_user

_LABEL = "LabelMonetaryAccount"


def shape(type_name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Return an item with every readable field of its type; unknown ones are null or empty.

    The label of an account stays as it is, and is left out where there is none.

    Source: captures of the real bank, which has all fields in every item; bunq's SDK, which can't
    read a label that is null.
    """
    type_ = type_named(type_name)
    if type_.is_anchor or type_name == _LABEL:
        return values
    return {
        field.name: _shape_field(field, values.get(field.name))
        for field in type_.readable
        if field.kind != _LABEL or values.get(field.name) is not None
    }


def _shape_field(field: Field, value: Any) -> Any:
    if field.is_list:
        entries = value if isinstance(value, list) else [] if value is None else [value]
        return [_shape_one(field.kind, entry) for entry in entries]
    return _shape_one(field.kind, value)


def _shape_one(kind: str, value: Any) -> Any:
    if isinstance(value, dict) and kind[0].isupper():
        # Some objects inside others have types of which no field is known.
        return shape(kind, value) if type_named(kind).readable else value
    return value


def fill(
    ledger: BankLedger,
    type_name: str,
    body: dict[str, Any],
    *,
    person_id: int,
    account_id: int | None = None,
) -> dict[str, Any]:
    """Return what the bank keeps of a body: its fields, and those that follow from its sender.

    Parameters
    ----------
    ledger
        Knows the names behind pointers.
    type_name
        The type that will be read.
    body
        The body that was sent, checked.
    person_id, account_id
        Who sent it, and on which account.
    """
    values = read(ledger, type_name, body)
    for field in type_named(type_name).readable:
        if values.get(field.name) is None:
            value = _default(ledger, field, person_id, account_id)
            if value is not None:
                values[field.name] = value
    return values


def read(ledger: BankLedger, type_name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Return the fields of a body as they will be read: a pointer becomes the label behind it."""
    type_ = type_named(type_name)
    return {name: _read_field(ledger, type_, name, value) for name, value in body.items()}


def _read_field(ledger: BankLedger, type_: Type, name: str, value: Any) -> Any:
    if value is None or name not in type_:
        return value
    if isinstance(value, list):
        return [_read_one(ledger, type_[name], entry) for entry in value]
    return _read_one(ledger, type_[name], value)


def _read_one(ledger: BankLedger, field: Field, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if field.body_kind == "Pointer" and field.kind in (_LABEL, "LabelUser"):
        return label_pointer(ledger, value, of_user=field.kind == "LabelUser")
    try:
        return read(ledger, field.body_kind, value)
    except UnknownNameError:
        return value


def _default(ledger: BankLedger, field: Field, person_id: int, account_id: int | None) -> Any:
    """Return the value of a field that was not sent: its maker, its account, its status."""
    name, kind = field.name, field.kind
    if name == "status":
        return field.values[0] if field.values else "ACTIVE"
    if name == "user_id":
        return person_id
    if name == "monetary_account_id":
        return account_id
    if kind == "LabelUser" and "creat" in name:
        return label_user(ledger, person_id)
    if kind == _LABEL and name in ("alias", "alias_monetary_account") and account_id is not None:
        return label_account(ledger, account_id)
    return None
