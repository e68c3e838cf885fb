"""What an item or a body holds: fields and their types, checks of a body, examples.

Knows kinds and rules of values; :mod:`bunqkit.catalogue.operations` knows which types there are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bunqkit.security.redaction import Secret

if TYPE_CHECKING:
    from bunqkit.catalogue.docs import Page

__all__ = ["Field", "Type", "body_example", "item_example", "problems"]


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a type.

    Attributes
    ----------
    name
        As it is on the wire.
    kind
        What it holds in answers: ``integer``, ``number`` (decimals occur), ``decimal`` (text that
        is a decimal number), ``text``, ``boolean``, ``time`` (text
        ``YYYY-MM-DD HH:MM:SS.ffffff``, UTC), ``date`` (text ``YYYY-MM-DD``), ``any``, or the name
        of a type.
    body_kind
        What it holds in bodies; differs where bunq writes a ``Pointer`` and reads a label.
    is_list, is_body_list
        Whether it holds a list of these, in answers and in bodies.
    required
        Whether a POST body must have it.
    readable, writable
        Whether answers have it, whether bodies may.
    values
        The values that are known of it, in bunq's order. The set is open: others may come.

    Source: bunq's description, with the corrections of ``corrections.py``.
    """

    name: str
    kind: str
    body_kind: str
    is_list: bool
    is_body_list: bool
    required: bool
    readable: bool
    writable: bool
    values: tuple[str, ...]


@dataclass(frozen=True)
class Type:
    """What an item, a body or an object inside them holds.

    ``type_["amount"]`` is the field of this name, ``"amount" in type_`` tells whether there is one.

    Attributes
    ----------
    name
        The name under which items of it come on the wire, such as ``ScheduledPayment``.
    fields
        In bunq's order.
    """

    name: str
    fields: tuple[Field, ...]

    @property
    def is_anchor(self) -> bool:
        """Whether it is an object with one member, named after the type of what is inside.

        Source: captures of the real bank: ``{"object": {"Payment": {...}}}``.
        """
        shown = [field.name for field in self.fields if field.readable]
        return bool(shown) and all(name[0].isupper() for name in shown)

    @property
    def readable(self) -> tuple[Field, ...]:
        """The fields of answers."""
        return tuple(field for field in self.fields if field.readable)

    @cached_property
    def writable(self) -> tuple[Field, ...]:
        """The fields of bodies, required ones first."""
        fields = [field for field in self.fields if field.writable]
        return tuple(sorted(fields, key=lambda field: not field.required))

    def _repr_html_(self) -> str:
        return self._page().html()

    def _repr_markdown_(self) -> str:
        return self._page().markdown()

    def _page(self) -> Page:
        from bunqkit.catalogue.docs import describe_type  # noqa: PLC0415 (it reads this module)

        return describe_type(self)

    def __getitem__(self, name: str) -> Field:
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    @cached_property
    def _by_name(self) -> dict[str, Field]:
        return {field.name: field for field in self.fields}


_DECIMAL = re.compile(r"-?\d+(\.\d+)?", re.ASCII)
_DATE = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
# bunq's own form, and the ISO forms that its Postman collection sends.
_TIME = re.compile(
    r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?", re.ASCII
)
_TEXTS = {
    "decimal": (_DECIMAL, "a text that is a decimal number, such as '10.00'"),
    "date": (_DATE, "a date as YYYY-MM-DD"),
    "time": (_TIME, "a time in UTC as YYYY-MM-DD HH:MM:SS.ffffff"),
}


def problems(
    body: Any, type_: Type, named: Callable[[str], Type], *, complete: bool
) -> tuple[list[str], list[str]]:
    """Say what is wrong with a body, and what is unusual.

    A field that is ``None`` counts as absent: missing if it is required, fine if it is not.

    Parameters
    ----------
    body
        The object that would be sent as JSON.
    type_
        The type of its fields.
    named
        Gives a type by its name.
    complete
        Whether required fields must be there, as in a POST. Inside nested objects they always must.

    Returns
    -------
    tuple of two lists of str
        Sentences that start with the path of the field, such as ``payments[2].amount.currency``:
        first the problems, then the values outside a known set.
    """
    wrong: list[str] = []
    unusual: list[str] = []
    _Check(named, wrong, unusual).fields(body, type_, "", complete=complete)
    return wrong, unusual


class _Check:
    """One walk through one body."""

    def __init__(self, named: Callable[[str], Type], wrong: list[str], unusual: list[str]) -> None:
        self.named = named
        self.wrong = wrong
        self.unusual = unusual

    def fields(self, body: Any, type_: Type, path: str, *, complete: bool) -> None:
        """Check an object against a type."""
        if not isinstance(body, dict):
            self.wrong.append(f"{path or 'the body'} is {_shown(body)}, not {_of(type_)}")
            return
        writable = {field.name: field for field in type_.writable}
        for name, field in writable.items():
            if complete and field.required and body.get(name) is None:
                self.wrong.append(f"{_join(path, name)} is missing")
        for name, value in body.items():
            if name not in writable:
                known = "is only in answers" if name in type_ else f"is no field of {_of(type_)}"
                self.wrong.append(f"{_join(path, str(name))} {known}")
            elif value is not None:
                self._field(value, writable[name], _join(path, name))

    def _field(self, value: Any, field: Field, path: str) -> None:
        if not field.is_body_list:
            self._value(value, field, path)
        elif isinstance(value, (list, tuple)):
            for position, each in enumerate(value):
                self._value(each, field, f"{path}[{position}]")
        else:
            self.wrong.append(f"{path} is {_shown(value)}, not a list")

    def _value(self, value: Any, field: Field, path: str) -> None:
        kind = field.body_kind
        if isinstance(value, Secret):
            self._secret(value, field, path)
            return
        if kind[0].isupper():
            self.fields(value, self.named(kind), path, complete=True)
            if field.name == "counterparty_alias":
                self._counterparty(value, path)
            return
        wanted = _unlike(value, kind)
        if wanted:
            self.wrong.append(f"{path} is {_shown(value)}, not {wanted}")
        elif field.values and value not in field.values:
            known = ", ".join(field.values)
            self.unusual.append(f"{path} is {value!r}; the values known so far are {known}")

    def _secret(self, value: Secret, field: Field, path: str) -> None:
        """Check a secret without quoting it."""
        kind = field.body_kind
        is_object = kind[0].isupper()
        wanted = _of(self.named(kind)) if is_object else _unlike(value.reveal_value(), kind)
        if wanted:
            self.wrong.append(f"{path} is a secret of another kind, not {wanted}")

    def _counterparty(self, pointer: Any, path: str) -> None:
        """Ask whose IBAN it is, as bunq does (sdk_python#12, #29, #96)."""
        if isinstance(pointer, dict) and pointer.get("type") == "IBAN" and not pointer.get("name"):
            self.wrong.append(f"{path}.name is missing: an IBAN needs the name of its holder")


def _unlike(value: Any, kind: str) -> str:
    """Say what a value should be instead, or nothing if it is of the kind."""
    if kind in _TEXTS:
        form, wanted = _TEXTS[kind]
        return "" if isinstance(value, str) and form.fullmatch(value) else wanted
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    fits = {
        "text": isinstance(value, str),
        "boolean": isinstance(value, bool),
        "integer": is_number and isinstance(value, int),
        "number": is_number,
        "any": True,
    }
    names = {"text": "a text", "boolean": "true or false", "integer": "a whole number"}
    return "" if fits[kind] else names.get(kind, "a number")


def _shown(value: Any) -> str:
    """Say what a value is, but never quote a text: it may be a secret."""
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    name = type(value).__name__
    kinds = {"str": "a text", "dict": "an object", "list": "a list", "tuple": "a list"}
    return kinds.get(name, f"a Python {name}")


def _of(type_: Type) -> str:
    return f"{'an' if type_.name[0] in 'AEIOU' else 'a'} {type_.name}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


# Values that read like life; the rest is made from the kind. All are made up or reserved.
_SAMPLES: dict[str, Any] = {
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
_COMMON = ("Payment", "UserPerson", "MonetaryAccountBank", "DeviceServer")


def body_example(type_: Type, named: Callable[[str], Type], *, complete: bool) -> dict[str, Any]:
    """Give a body that :func:`problems` accepts: the required fields, or all if none is.

    Parameters
    ----------
    type_, named
        As for :func:`problems`.
    complete
        Whether it is for a POST; otherwise every writable field is in it.
    """
    return _body(type_, named, (), complete=complete)


def item_example(type_: Type, named: Callable[[str], Type]) -> dict[str, Any]:
    """Give an item with every readable field; a type met again inside itself is ``None``.

    An anchor has one member, the commonest.
    """
    return _item(type_, named, ())


def _body(
    type_: Type, named: Callable[[str], Type], inside: tuple[str, ...], *, complete: bool
) -> dict[str, Any]:
    if type_.name == "Pointer":
        return dict(_POINTER)
    fields = type_.writable
    if type_.is_anchor and inside:
        fields = fields[:1]
    elif complete and any(field.required for field in fields):
        fields = tuple(field for field in fields if field.required)
    example: dict[str, Any] = {}
    for field in fields:
        if field.body_kind not in inside:
            value = 1 if field.body_kind == "any" else _sample(field, field.body_kind)
            if field.body_kind[0].isupper():
                nested = (*inside, type_.name)
                value = _body(named(field.body_kind), named, nested, complete=True)
            example[field.name] = [value] if field.is_body_list else value
    return example


def _item(type_: Type, named: Callable[[str], Type], inside: tuple[str, ...]) -> dict[str, Any]:
    if type_.name == "Pointer":
        return dict(_POINTER)
    inside = (*inside, type_.name)
    example: dict[str, Any] = {}
    for field in _anchored(type_) if type_.is_anchor else type_.readable:
        if field.kind in inside:
            example[field.name] = [] if field.is_list else None
            continue
        value = _sample(field, field.kind)
        if field.kind[0].isupper():
            value = _item(named(field.kind), named, inside)
        example[field.name] = [value] if field.is_list else value
    return example


def _anchored(type_: Type) -> Iterator[Field]:
    """Give the one member that an example of an anchor has."""
    for name in _COMMON:
        if name in type_:
            yield type_[name]
            return
    yield type_.readable[0]


def _sample(field: Field, kind: str) -> Any:
    """Give a value of a plain kind."""
    name = field.name
    if field.values:
        return _SAMPLES[name] if _SAMPLES.get(name) in field.values else field.values[0]
    if kind == "text" and name.endswith("uuid"):
        return "00000000-0000-4000-8000-000000000001"
    if kind == "text" and (name == "url" or "url" in name.split("_")):
        return "https://example.org/"
    sample = _SAMPLES.get(name)
    if sample is not None and isinstance(sample, str) == (kind == "text"):
        return sample
    return _BY_KIND.get(kind)
