"""Checks a body against the fields that a call takes, and refuses in bunq's words.

Order of the checks: superfluous fields (all of them), types, required fields. Source of the texts:
sdk_php#101 and sdk_python#15; the text for a missing field is our own, no source shows bunq's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from bunqkit.catalogue.operations import Field, Operation, type_named
from bunqkit.errors import UnknownNameError
from bunqkit.sandbox.quirks import Quirks
from bunqkit.sandbox.refusal import Refusal, refuse

_KINDS: dict[str, tuple[str, type | tuple[type, ...]]] = {
    "integer": ("INTEGER", int),
    "number": ("NUMBER", (int, float)),
    "boolean": ("BOOLEAN", bool),
    "text": ("STRING", str),
    "decimal": ("STRING", str),
    "time": ("STRING", str),
    "date": ("STRING", str),
}

SHARE_DETAILS = {
    "payment": "ShareDetailPayment",
    "read_only": "ShareDetailReadOnly",
    "draft_payment": "ShareDetailDraftPayment",
}
"""The members of a share's details: the official description's name, and the name on the wire."""


def straighten(value: Any, quirks: Quirks) -> Any:
    """Return a body in the form of the wire, for quirks that also take the description's form."""
    if isinstance(value, list):
        return [straighten(entry, quirks) for entry in value]
    if not isinstance(value, dict):
        return value
    body = {name: straighten(member, quirks) for name, member in value.items()}
    label, batch, detail = (
        body.get(name) for name in ("counterparty_alias", "payments", "share_detail")
    )
    if quirks.labels_are_taken and isinstance(label, dict) and "iban" in label:
        alias = {"type": "IBAN", "value": label["iban"], "name": label.get("display_name")}
        body["counterparty_alias"] = alias
    if quirks.filters_are_fields:
        body.pop("notification_delivery_method", None)
    if quirks.batches_nest and isinstance(batch, dict):
        body["payments"] = batch.get("Payment")
    if quirks.share_details_are_short and isinstance(detail, dict):
        body["share_detail"] = {SHARE_DETAILS.get(name, name): detail[name] for name in detail}
    return body


def check_fields(operation: Operation, body: dict[str, Any], quirks: Quirks) -> None:
    """Check that the operation takes all fields of a body, and that each has its type.

    Raises
    ------
    Refusal
        400, with a text for each superfluous or missing field, or for the first wrong type.
    """
    fields = _writable(operation.body)
    if quirks.filters_are_fields and operation.method == "PUT" and _OWNING.match(operation.name):
        fields["notification_filters"] = type_named("NotificationFilterUrl")["notification_filters"]
    superfluous = [name for name in body if name not in fields]
    if superfluous:
        raise _refuse_all(f'Superfluous field "{name}".' for name in superfluous)
    for name, value in body.items():
        if value is not None:
            _check_value(fields[name], value, name)
    # The description's "required" is meant for creating; an update may have any of the fields.
    if operation.method == "POST":
        missing = [f.name for f in fields.values() if f.required and body.get(f.name) is None]
        if missing:
            raise _refuse_all(f'Missing required field "{name}".' for name in missing)


# Changes of users and accounts themselves, not of what hangs under them.
_OWNING = re.compile(r"(user|monetary-account)-[a-z-]+\.update")


def _writable(type_name: str | None) -> dict[str, Field]:
    if type_name is None:
        return {}
    return {field.name: field for field in type_named(type_name).fields if field.writable}


def _check_value(field: Field, value: Any, path: str) -> None:
    if field.is_body_list:
        if not isinstance(value, list):
            inner = _KINDS.get(field.body_kind, ("STRUCT", dict))[0]
            raise _wrong_type(path, f"ARRAY containing {inner}")
        for entry in value:
            _check_one(field.body_kind, entry, path)
    else:
        _check_one(field.body_kind, value, path)


def _check_one(kind: str, value: Any, path: str) -> None:
    if kind in _KINDS:
        name, types = _KINDS[kind]
        # In Python a boolean is a whole number; on the wire it is not.
        if not isinstance(value, types) or (isinstance(value, bool) and types is not bool):
            raise _wrong_type(path, name)
        return
    if kind == "any":
        return
    if not isinstance(value, dict):
        raise _wrong_type(path, "STRUCT")
    _check_struct(kind, value, path)


def _check_struct(kind: str, value: dict[str, Any], path: str) -> None:
    try:
        fields = _writable(kind)
    except UnknownNameError:
        return
    for name, inner in value.items():
        if name not in fields:
            raise refuse(400, f'Superfluous field "{name}".')
        if inner is not None:
            _check_value(fields[name], inner, f"{path}.{name}")
    for field in fields.values():
        if field.required and value.get(field.name) is None:
            raise refuse(400, f'Missing required field "{path}.{field.name}".')


def _wrong_type(path: str, expected: str) -> Refusal:
    return refuse(400, f'Invalid type for field "{path}" (expected {expected}).')


def _refuse_all(texts: Iterable[str]) -> Refusal:
    return Refusal(400, *((text, text) for text in texts))
