"""Checks a body against the fields of its type, before it is sent."""

from __future__ import annotations

import json
import re
from typing import Any

from bunqkit.catalogue.types import Field, Type, is_type_name, type_named
from bunqkit.security.redaction import Secret

__all__ = ["check_body"]

# The second form of a time: bunq's own, and the ISO forms that its Postman collection sends.
_FORMS = {
    "decimal": (r"-?\d+(\.\d+)?", "a text that is a decimal number, such as '10.00'"),
    "date": (r"\d{4}-\d{2}-\d{2}", "a date as YYYY-MM-DD"),
    "time": (
        r"\d{4}-\d{2}-\d{2}[ T]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})?",
        "a time in UTC as YYYY-MM-DD HH:MM:SS.ffffff",
    ),
}


def check_body(body: Any, type_: Type, *, complete: bool) -> tuple[list[str], list[str]]:
    """Return what is wrong with a body, and what is unusual in it.

    A field that is ``None`` counts as absent: a problem if it is required, else none.

    Parameters
    ----------
    body
        The object that would be sent as JSON.
    type_
        The type of its fields.
    complete
        True if required fields must be there, as in a POST. In nested objects they always must.

    Returns
    -------
    tuple of two lists of str
        Sentences that start with the path of a field, such as ``payments[2].amount.currency``:
        first the problems, then the values outside a known set.
    """
    check = _BodyCheck()
    check.check_fields(body, type_, "", complete=complete)
    return check.problems, check.unusual


class _BodyCheck:
    """One walk through one body, which collects sentences."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.unusual: list[str] = []

    def check_fields(self, body: Any, type_: Type, path: str, *, complete: bool) -> None:
        """Check an object against a type."""
        if not isinstance(body, dict):
            self.problems.append(f"{path or 'the body'} is {_describe(body)}, not {_a(type_)}")
            return
        writable = {field.name: field for field in type_.writable}
        for name, field in writable.items():
            if complete and field.required and body.get(name) is None:
                self.problems.append(f"{_join(path, name)} is missing")
        for name, value in body.items():
            if name not in writable:
                problem = "is only in answers" if name in type_ else f"is no field of {_a(type_)}"
                self.problems.append(f"{_join(path, str(name))} {problem}")
            elif value is not None:
                self._check_field(value, writable[name], _join(path, name))

    def _check_field(self, value: Any, field: Field, path: str) -> None:
        if not field.is_body_list:
            self._check_value(value, field, path)
        elif isinstance(value, (list, tuple)):
            for place, element in enumerate(value):
                self._check_value(element, field, f"{path}[{place}]")
        else:
            self.problems.append(f"{path} is {_describe(value)}, not a list")

    def _check_value(self, value: Any, field: Field, path: str) -> None:
        kind = field.body_kind
        if isinstance(value, Secret):
            # The message must not quote it.
            is_nested = is_type_name(kind)
            expected = _a(type_named(kind)) if is_nested else _expected(value.reveal_value(), kind)
            if expected:
                self.problems.append(f"{path} is a secret of another kind, not {expected}")
        elif is_type_name(kind):
            self.check_fields(value, type_named(kind), path, complete=True)
            if field.name == "counterparty_alias":
                self._check_holder(value, path)
        elif expected := _expected(value, kind):
            self.problems.append(f"{path} is {_describe(value)}, not {expected}")
        elif field.values and value not in field.values:
            known = ", ".join(field.values)
            self.unusual.append(f"{path} is {value!r}; the values known so far are {known}")

    def _check_holder(self, pointer: Any, path: str) -> None:
        """Require the holder's name with an IBAN, as bunq does (sdk_python#12, #29, #96)."""
        if isinstance(pointer, dict) and pointer.get("type") == "IBAN" and not pointer.get("name"):
            self.problems.append(f"{path}.name is missing: an IBAN needs the name of its holder")


def _expected(value: Any, kind: str) -> str:
    """Return what a value should be instead; empty if it is of the kind."""
    if kind in _FORMS:
        pattern, expected = _FORMS[kind]
        is_of_form = isinstance(value, str) and re.fullmatch(pattern, value, re.ASCII)
        return "" if is_of_form else expected
    classes: dict[str, tuple[type | tuple[type, ...], str]] = {
        "text": (str, "a text"),
        "boolean": (bool, "true or false"),
        "integer": (int, "a whole number"),
        "number": ((int, float), "a number"),
        "any": (object, ""),
    }
    class_, expected = classes[kind]
    # Python counts True and False as whole numbers; JSON does not.
    is_right = isinstance(value, class_) and (
        kind in ("any", "boolean") or not isinstance(value, bool)
    )
    return "" if is_right else expected


def _describe(value: Any) -> str:
    """Return what a value is; a text is never quoted, since it may be a secret."""
    if value is None or isinstance(value, (bool, int, float)):
        return json.dumps(value)
    name = type(value).__name__
    kinds = {"str": "a text", "dict": "an object", "list": "a list", "tuple": "a list"}
    return kinds.get(name, f"a Python {name}")


def _a(type_: Type) -> str:
    return f"{'an' if type_.name[0] in 'AEIOU' else 'a'} {type_.name}"


def _join(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name
