"""Items become a table: one row an item, one column a leaf, nothing lost, nothing made up.

Columns get a type only where every value of theirs allows it; a text becomes a number or a time
only if each value prints back to the same text. ``attrs["bunqkit"]["wire"]`` of the table says how
each converted column was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any

import pandas as pd

from bunqkit.catalogue import Field, type_named
from bunqkit.errors import FrameError, UnknownNameError

ITEM_TYPE = "item_type"
_SCALARS = ("integer", "number", "decimal", "text", "boolean", "time", "date", "any")
_DTYPES = {
    "integer": "Int64",
    "number": "float64",
    "amount": "float64",
    "boolean": "boolean",
    "time": "datetime64[us, UTC]",
    "text": "str",
    "date": "str",
}
_DECIMALS = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.([0-9]+))?", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2} [0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{6})?", re.ASCII)
# Beyond it a float64 no longer tells neighbouring hundredths apart.
_EXACT_DIGITS = 15


def to_frame(items: Sequence[Mapping[str, Any]], *, type: str | None = None) -> pd.DataFrame:  # noqa: A002
    r"""One row for each item of a list answer, one column for each leaf.

    Parameters
    ----------
    items
        The ``Response`` list, each item under its type: ``{"Payment": {...}}``; or bare items, if
        ``type`` says of what type they are.
    type
        The type of bare items, and of an empty list, which has that type's columns then: such as
        ``Payment``. Objects named after their own type, and a type inside itself, get no columns
        in advance.

    Returns
    -------
    DataFrame, shape (items, leaves + 1)
        First column ``item_type``; keys of nested objects joined by ``.``, with ``\`` before a
        dot or backslash inside a key. Whole numbers ``Int64``, truth values ``boolean``, times
        UTC-aware in microseconds, amounts float64 with their currency in the column beside, rates
        ``Decimal``, text ``str``; lists and mixed kinds stay as they are. What is missing is
        missing, not zero. ``attrs["bunqkit"]`` holds ``rows``, ``wire`` (how converted columns
        were written) and ``kept`` (columns that could not be converted without loss).

    Raises
    ------
    FrameError
        If an item does not have exactly one type.
    UnknownNameError
        If the list is empty and nothing is known of ``type``.

    Source: bunq docs, "Response body format".
    """
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Sequence):
        raise FrameError(
            f"Items are a list, each under its type; this is a {items.__class__.__name__}."
        )
    typed = [_unwrap(entry, at, type) for at, entry in enumerate(items)]
    if not typed and type is not None:
        kinds = {ITEM_TYPE: "text", **dict(_schema(type))}
        return _assemble({name: [] for name in kinds}, kinds)
    rows = [dict(_leaves(item, ())) for _, item in typed]
    names = _column_names(rows)
    columns: dict[str, list[Any]] = {ITEM_TYPE: [name for name, _ in typed]}
    columns |= {name: [row.get(segments) for row in rows] for segments, name in names.items()}
    types = list(dict.fromkeys(name for name, _ in typed))
    kinds = {name: _kind_of(segments, types, names) for segments, name in names.items()}
    return _assemble(columns, {ITEM_TYPE: "text", **kinds})


def _unwrap(entry: object, at: int, bare_type: str | None) -> tuple[str, Mapping[str, Any]]:
    """Unwrap by position: one key is the type, whatever it is called."""
    if isinstance(entry, Mapping):
        if len(entry) == 1:
            name, item = next(iter(entry.items()))
            # Types are written in capitals; a bare item may have a single field, too.
            if isinstance(item, Mapping) and (bare_type is None or name[:1].isupper()):
                return name, item
        if bare_type is not None:
            return bare_type, entry
    told = f"has {len(entry)} keys" if isinstance(entry, Mapping) else "is no object"
    raise FrameError(
        f"Item {at} {told}, where one type with the item under it was expected. Give the "
        'Response list as it came, or say type="Payment" for bare items.'
    )


_Path = tuple[str, ...]


def _leaves(item: Mapping[str, Any], prefix: _Path) -> Iterator[tuple[_Path, Any]]:
    """Give every leaf with its path; an object that holds nothing is a leaf itself."""
    for key, value in item.items():
        path = (*prefix, key)
        if isinstance(value, Mapping):
            if _is_hollow(value):
                yield path, {}
            yield from _leaves(value, path)
        else:
            yield path, value


def _is_hollow(value: Mapping[str, Any]) -> bool:
    """Whether an object holds nothing but nulls, so that without a mark it would be lost.

    An object inside it marks itself.
    """
    return all(inner is None for inner in value.values())


def _column_names(rows: list[dict[_Path, Any]]) -> dict[_Path, str]:
    """Name a column for each path that holds something.

    A null where other rows have an object is that object missing, and gets no column.
    """
    names = {path: _join(path) for path in dict.fromkeys(path for row in rows for path in row)}
    parents = {path[:end] for path in names for end in range(1, len(path))}
    empty = {path for path in parents & names.keys() if all(row.get(path) is None for row in rows)}
    return {path: name for path, name in names.items() if path not in empty}


def _join(path: _Path) -> str:
    name = ".".join(key.replace("\\", "\\\\").replace(".", "\\.") for key in path)
    return f"\\{name}" if name == ITEM_TYPE else name


def _assemble(columns: dict[str, list[Any]], kinds: dict[str, str]) -> pd.DataFrame:
    wire: dict[str, str] = {}
    kept: list[str] = []
    series = {}
    for name, values in columns.items():
        series[name], form = _convert(values, kinds[name])
        if form == "kept":
            kept.append(name)
        elif form:
            wire[name] = form
    frame = pd.DataFrame(series)
    rows = len(columns[ITEM_TYPE])
    frame.attrs["bunqkit"] = {"rows": rows, "wire": wire, "kept": kept}
    return frame


def _convert(values: list[Any], kind: str) -> tuple[pd.Series[Any], str]:
    """Give the column and how it was written: ``""`` unconverted, ``"kept"`` if it could not be."""
    present = [value for value in values if value is not None]
    found = {value.__class__ for value in present}
    if not found:
        dtype = _DTYPES.get(kind, "object")
        return pd.Series(values, dtype=dtype), _empty_form(kind)
    if found == {bool}:
        return pd.Series(values, dtype="boolean"), ""
    if found == {int}:
        fits = all(-(2**63) <= value < 2**63 for value in present)
        return pd.Series(values, dtype="Int64" if fits else "object"), ""
    if found == {float} or (found == {int, float} and _fit_float64(present)):
        return pd.Series(values, dtype="float64"), ""
    if found == {str}:
        return _convert_text(values, present, kind)
    return pd.Series(values, dtype="object"), ""


def _fit_float64(numbers: list[Any]) -> bool:
    return all(isinstance(number, float) or abs(number) <= 2**53 for number in numbers)


def _empty_form(kind: str) -> str:
    return {"amount": "decimals:2", "time": "time"}.get(kind, "")


def _convert_text(values: list[Any], present: list[str], kind: str) -> tuple[pd.Series[Any], str]:
    form = ""
    if kind == "amount":
        if (decimals := _common_decimals(present)) is not None:
            floats = [None if value is None else float(value) for value in values]
            return pd.Series(floats, dtype="float64"), f"decimals:{decimals}"
        form = "kept"
    if kind in ("amount", "decimal"):
        exact = [None if value is None else _exact(value) for value in values]
        if all(value is None or new is not None for value, new in zip(values, exact, strict=True)):
            return pd.Series(exact, dtype="object"), "decimal"
        form = "kept"
    if kind == "time":
        if (time_form := _common_time(present)) is not None:
            times = [None if value is None else _read_time(value) for value in values]
            return pd.Series(times, dtype="datetime64[us, UTC]"), time_form
        form = "kept"
    try:
        return pd.Series(values, dtype="str"), form
    except UnicodeEncodeError:
        # Half of a surrogate pair is JSON, but no text that Arrow holds.
        return pd.Series(values, dtype="object"), form


def _common_decimals(texts: list[str]) -> int | None:
    """Give the number of decimals if all have the same, and a float64 prints each back."""
    found = set()
    for text in texts:
        match = _DECIMALS.fullmatch(text)
        if match is None or len(text.lstrip("-").replace(".", "").lstrip("0")) > _EXACT_DIGITS:
            return None
        found.add(len(match[1] or ""))
    return found.pop() if len(found) == 1 else None


def _exact(text: str) -> Decimal | None:
    try:
        number = Decimal(text)
    except InvalidOperation:
        return None
    return number if str(number) == text else None


def _common_time(texts: list[str]) -> str | None:
    """Tell the form of all times: with six decimals or without; ``None`` if they differ."""
    matches = [_TIME.fullmatch(text) for text in texts]
    fractions = {match[1] is not None for match in matches if match}
    if not all(matches) or len(fractions) != 1 or any(_read_time(text) is None for text in texts):
        return None
    return "time" if fractions.pop() else "time without fraction"


def _read_time(text: str) -> datetime | None:
    try:
        return datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return None


def _kind_of(path: _Path, types: list[str], names: Mapping[_Path, str]) -> str:
    """Tell what a column holds, by the first type that knows it."""
    if path[-1] == "value" and (*path[:-1], "currency") in names:
        return "amount"
    for type_name in types:
        kind = _known_kind(type_name, path)
        if kind is not None:
            return kind
    # A field that nobody has described: bunq's times bear one of these names.
    leaf = path[-1]
    is_time = leaf in ("created", "updated") or leaf.startswith("time_")
    return "time" if is_time else "any"


@cache
def _known_kind(type_name: str, path: _Path) -> str | None:
    """Follow a path through the types; an unknown key that is a type's name leads into it."""
    current: str | None = type_name
    for key in path:
        field = _field(current, key)
        step = key if field is None else field.kind
        current = step if field is not None or _is_type(key) else None
    return current if current in _SCALARS else None


def _field(type_name: str | None, key: str) -> Field | None:
    if type_name is None or not _is_type(type_name):
        return None
    known = type_named(type_name)
    if key not in known:
        return None
    field = known[key]
    return field if field.readable and not field.is_list else None


@cache
def _is_type(name: str) -> bool:
    try:
        type_named(name)
    except UnknownNameError:
        return False
    return True


def _schema(
    type_name: str, prefix: _Path = (), inside: tuple[str, ...] = ()
) -> Iterator[tuple[str, str]]:
    """Give the columns of a type and their kinds, plain nested types expanded."""
    known = type_named(type_name)
    fields = [field for field in known.fields if field.readable]
    is_amount = {field.name for field in fields} >= {"value", "currency"}
    for field in fields:
        path = (*prefix, field.name)
        if field.is_list:
            yield _join(path), "list"
        elif is_amount and field.name == "value":
            yield _join(path), "amount"
        elif field.kind in _SCALARS:
            yield _join(path), field.kind
        elif _is_plain(field.kind) and field.kind not in (type_name, *inside):
            yield from _schema(field.kind, path, (*inside, type_name))


def _is_plain(type_name: str) -> bool:
    return _is_type(type_name) and not type_named(type_name).is_anchor
