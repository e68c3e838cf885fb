"""Gives items every field of their type, and reads what a body says into them.

Knows types from the catalogue and nothing of single resources.
"""

from __future__ import annotations

from typing import Any

from bunqkit.catalogue.operations import Field, Type, type_named
from bunqkit.errors import UnknownNameError
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.resources.labels import label_account, label_pointer, label_user


def shape(type_name: str, values: dict[str, Any]) -> dict[str, Any]:
    """Give an item with every readable field of its type; what is not known is null or empty.

    The label of an account is given as it is, and left out where there is none.

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


_LABEL = "LabelMonetaryAccount"


def _shape_field(field: Field, value: Any) -> Any:
    if field.is_list:
        told = value if isinstance(value, list) else [] if value is None else [value]
        return [_shape_one(field.kind, each) for each in told]
    return _shape_one(field.kind, value)


def _shape_one(kind: str, value: Any) -> Any:
    if isinstance(value, dict) and kind[0].isupper():
        # Some objects inside others have types of which no field is known.
        return shape(kind, value) if type_named(kind).readable else value
    return value


def fill(
    ledger: Ledger,
    type_name: str,
    body: dict[str, Any],
    *,
    person_id: int,
    account_id: int | None = None,
) -> dict[str, Any]:
    """Give what the bank keeps of a body: its fields, and those that follow from who sent it.

    Parameters
    ----------
    ledger
        Knows the names behind pointers.
    type_name
        The type that will be read.
    body
        What was sent, checked.
    person_id, account_id
        Who sent it, and on which account.
    """
    type_ = type_named(type_name)
    values = _read(ledger, type_, body)
    for field in type_.readable:
        if values.get(field.name) is None:
            given = _given(ledger, field, person_id, account_id)
            if given is not None:
                values[field.name] = given
    return values


def read(ledger: Ledger, type_name: str, body: dict[str, Any]) -> dict[str, Any]:
    """Give the fields of a body as they will be read: a pointer becomes the label behind it."""
    return _read(ledger, type_named(type_name), body)


def _read(ledger: Ledger, type_: Type, body: dict[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, value in body.items():
        if value is not None and name in type_:
            field = type_[name]
            told = (
                [_read_one(ledger, field, one) for one in value]
                if isinstance(value, list)
                else _read_one(ledger, field, value)
            )
            values[name] = told
        else:
            values[name] = value
    return values


def _read_one(ledger: Ledger, field: Field, value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if field.body_kind == "Pointer" and field.kind in ("LabelMonetaryAccount", "LabelUser"):
        return label_pointer(ledger, value, of_user=field.kind == "LabelUser")
    try:
        return _read(ledger, type_named(field.body_kind), value)
    except UnknownNameError:
        return value


def _given(ledger: Ledger, field: Field, person_id: int, account_id: int | None) -> Any:
    """Give a field that is not sent: who made it, where, and how it stands."""
    name, kind = field.name, field.kind
    if name == "status":
        return field.values[0] if field.values else "ACTIVE"
    if name == "user_id":
        return person_id
    if name == "monetary_account_id":
        return account_id
    if kind == "LabelUser" and "creat" in name:
        return label_user(ledger, person_id)
    if kind == "LabelMonetaryAccount" and name in ("alias", "alias_monetary_account"):
        return None if account_id is None else label_account(ledger, account_id)
    return None
