"""Makes examples of bodies and items from the facts of their types; the same every time."""

from __future__ import annotations

from typing import Any

from bunqkit.catalogue.types import Field, Type, is_type_name, type_named

__all__ = ["body_example", "item_example"]

# Values that look like real ones, by the name of the field. All are made up or reserved.
_BY_NAME: dict[str, Any] = {
    "account_number": "NL91ABNA0417164300",
    "city": "Amsterdam",
    "color": "#0A84FF",
    "content": "Receipt is in the drawer",
    "content_type": "image/png",
    "counterparty_iban": "NL91ABNA0417164300",
    "country": "NL",
    "currency": "EUR",
    "currency_source": "EUR",
    "currency_target": "GBP",
    "description": "Lunch",
    "display_name": "A. Example",
    "email": "someone@example.org",
    "first_name": "Alex",
    "house_number": "1",
    "iban": "NL91ABNA0417164300",
    "ip": "192.0.2.1",
    "language": "en_US",
    "last_name": "Example",
    "merchant_reference": "order-1",
    "name": "A. Example",
    "number_of_required_accepts": 1,
    "permitted_ips": "192.0.2.1",
    "postal_code": "1012 AB",
    "recurrence_size": 1,
    "recurrence_unit": "MONTHLY",
    "region": "nl_NL",
    "sender_iban": "NL91ABNA0417164300",
    "session_timeout": 604800,
    "street": "Example Street",
    "token": "made-up-token",
    "type_description": "Example",
    "year": 2025,
}
# For all other names, by the kind of the field.
_BY_KIND: dict[str, Any] = {
    "any": None,
    "boolean": True,
    "date": "2025-03-05",
    "decimal": "12.50",
    "integer": 1,
    "number": 0.5,
    "text": "example",
    "time": "2025-03-05 16:12:11.918100",
}
_POINTER = {"type": "EMAIL", "value": "someone@example.org", "name": "A. Example"}
_COMMON_MEMBERS = ("Payment", "UserPerson", "MonetaryAccountBank", "DeviceServer")


def body_example(type_: Type, *, complete: bool, inside: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return a body that ``check_body`` accepts.

    Parameters
    ----------
    type_
        The type of its fields.
    complete
        True for a POST: it has the required fields, or all if none is required. Otherwise it has
        every writable field.
    inside
        The types of the objects around it; fields of these types are left out.
    """
    if type_.name == "Pointer":
        return dict(_POINTER)
    fields = type_.writable
    if type_.is_anchor and inside:
        fields = fields[:1]
    elif complete and any(field.required for field in fields):
        fields = tuple(field for field in fields if field.required)
    example: dict[str, Any] = {}
    for field in fields:
        kind = field.body_kind
        if kind in inside:
            continue
        value = 1 if kind == "any" else _sample(field, kind)
        if is_type_name(kind):
            value = body_example(type_named(kind), complete=True, inside=(*inside, type_.name))
        example[field.name] = [value] if field.is_body_list else value
    return example


def item_example(type_: Type, inside: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return an item with every readable field; of an anchor's members, the most common one.

    Parameters
    ----------
    type_
        The type of its fields.
    inside
        The types of the objects around it; a field of one of them is ``None`` or an empty list.
    """
    if type_.name == "Pointer":
        return dict(_POINTER)
    fields = type_.readable
    if type_.is_anchor:
        common = (type_[name] for name in _COMMON_MEMBERS if name in type_)
        fields = (next(common, fields[0]),)
    inside = (*inside, type_.name)
    example: dict[str, Any] = {}
    for field in fields:
        if field.kind in inside:
            example[field.name] = [] if field.is_list else None
            continue
        is_nested = is_type_name(field.kind)
        value = (
            item_example(type_named(field.kind), inside)
            if is_nested
            else _sample(field, field.kind)
        )
        example[field.name] = [value] if field.is_list else value
    return example


def _sample(field: Field, kind: str) -> Any:
    """Return a value of a plain kind."""
    name = field.name
    sample = _BY_NAME.get(name)
    if field.values:
        return sample if sample in field.values else field.values[0]
    if kind == "text" and name.endswith("uuid"):
        return "00000000-0000-4000-8000-000000000001"
    if kind == "text" and "url" in name.split("_"):
        return "https://example.org/"
    if sample is not None and isinstance(sample, str) == (kind == "text"):
        return sample
    return _BY_KIND.get(kind)
