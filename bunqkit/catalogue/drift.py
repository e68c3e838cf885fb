"""Compares answers with the catalogue: a difference means that the API or the catalogue is wrong.

No answer is refused for a difference; differences are counted and listed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunqkit.catalogue.types import Field, Type, find_type
from bunqkit.errors import FrameError
from bunqkit.security.redaction import redact

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("type", "field", "difference", "expected", "found", "count", "example")
_FORMS = {
    "decimal": re.compile(r"-?[0-9]+(\.[0-9]+)?"),
    "time": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}.*"),
    "date": re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}"),
}
_EXAMPLE_WIDTH = 60


@dataclass(frozen=True)
class _Difference:
    """One kind of difference; equal ones are counted together."""

    type: str
    field: str
    difference: str
    expected: str
    found: str


def drift(answer_or_items: object) -> pd.DataFrame:
    """Return how an answer differs from the catalogue.

    Parameters
    ----------
    answer_or_items
        An ``Answer``, or a ``Response`` list with each item under its type.

    Returns
    -------
    DataFrame
        One row for each difference: ``type, field, difference, expected, found, count, example``.
        ``field`` is a path; ``difference`` is ``unknown type``, ``unknown field``, ``absent``,
        ``other kind``, ``unknown value``, or ``too deep`` if an item is nested too deeply to be
        compared; ``count`` is the number of times it occurred.

    Raises
    ------
    FrameError
        If the argument is neither.
    """
    log = DriftLog()
    log.add(answer_or_items)
    return log.frame()


class DriftLog:
    """Collects differences over many answers, while it is switched on.

    Attributes
    ----------
    is_on
        True if a context adds its answers; at first it is off.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._counts: dict[_Difference, int] = {}
        self._examples: dict[_Difference, str] = {}

    def switch_on(self) -> None:
        """Compare every answer from now on."""
        self.is_on = True

    def switch_off(self) -> None:
        """Stop comparing; the differences so far stay."""
        self.is_on = False

    def add(self, answer_or_items: object) -> None:
        """Compare one answer, or items under their types."""
        for name, item in _typed(answer_or_items):
            for difference, example in _differences(name, item):
                self._counts[difference] = self._counts.get(difference, 0) + 1
                self._examples.setdefault(difference, example)

    def frame(self) -> pd.DataFrame:
        """Return the differences so far, in the form of ``drift``."""
        import pandas as pd

        rows = [
            (*vars(difference).values(), count, self._examples[difference])
            for difference, count in self._counts.items()
        ]
        return pd.DataFrame(rows, columns=list(_COLUMNS)).astype(
            {name: "Int64" if name == "count" else "str" for name in _COLUMNS}
        )

    def __repr__(self) -> str:
        state = "on" if self.is_on else "off"
        return f"<drift: {state}, {len(self._counts)} differences; .frame() lists them>"


def _typed(answer_or_items: object) -> Iterator[tuple[str, Mapping[str, Any]]]:
    items = getattr(answer_or_items, "wrapped", answer_or_items)
    if isinstance(items, str | bytes | Mapping) or not isinstance(items, Sequence):
        raise FrameError("drift() takes an answer, or a list of items under their types.")
    for entry in items:
        if not (isinstance(entry, Mapping) and len(entry) == 1):
            raise FrameError(
                "Each item must be an object with one key, its type: {'Payment': {...}}."
            )
        name, item = next(iter(entry.items()))
        if not isinstance(item, Mapping):
            raise FrameError(f"The value under {name!r} is not an object.")
        yield name, item


def _differences(name: str, item: Mapping[str, Any]) -> list[tuple[_Difference, str]]:
    """Return the differences of an item, each with an example; a deep item raises nothing."""
    try:
        return list(_compare_item(name, item))
    except RecursionError:
        return [(_Difference(name, "", "too deep", "", "object"), "")]


def _compare_item(name: str, item: Mapping[str, Any]) -> Iterator[tuple[_Difference, str]]:
    known = find_type(name)
    if known is None:
        yield _Difference(name, "", "unknown type", "", "object"), _example("", item)
    else:
        yield from _Comparer(name).compare(known, item, "")


class _Comparer:
    """Compares one item, field by field, at every depth where the types are known."""

    def __init__(self, item_type: str) -> None:
        self._item_type = item_type

    def compare(
        self, known: Type, item: Mapping[str, Any], prefix: str
    ) -> Iterator[tuple[_Difference, str]]:
        readable = {field.name: field for field in known.readable}
        for name, value in item.items():
            path = f"{prefix}{name}"
            if name not in readable:
                difference = self._difference(path, "unknown field", "", _kind(value))
                yield difference, _example(name, value)
            elif value is not None:
                yield from self._compare_field(readable[name], value, path)
        # An anchor has one of its members; the others are not missing.
        missing = [] if known.is_anchor else [name for name in readable if name not in item]
        for name in missing:
            expected = _describe(readable[name])
            yield self._difference(f"{prefix}{name}", "absent", expected, ""), ""

    def _compare_field(
        self, known: Field, value: Any, path: str
    ) -> Iterator[tuple[_Difference, str]]:
        if known.is_list != isinstance(value, list):
            yield self._other_kind(known, value, path)
            return
        elements, path = (value, f"{path}[]") if known.is_list else ([value], path)
        nested = find_type(known.kind)
        for element in elements:
            if nested is not None and isinstance(element, Mapping):
                yield from self.compare(nested, element, f"{path}.")
            elif not _is_of_kind(known.kind, element):
                yield self._other_kind(known, element, path)
            elif known.values and isinstance(element, str) and element not in known.values:
                expected = " ".join(known.values)
                difference = self._difference(path, "unknown value", expected, element)
                yield difference, _example(known.name, element)

    def _other_kind(self, known: Field, value: Any, path: str) -> tuple[_Difference, str]:
        difference = self._difference(path, "other kind", _describe(known), _kind(value))
        return difference, _example(known.name, value)

    def _difference(self, path: str, difference: str, expected: str, found: str) -> _Difference:
        return _Difference(self._item_type, path, difference, expected, found)


def _describe(known: Field) -> str:
    return f"list of {known.kind}" if known.is_list else known.kind


def _is_of_kind(kind: str, value: Any) -> bool:
    """Return True if a value that is not an object is of a kind."""
    if value is None or kind == "any":
        return True
    if kind in _FORMS:
        return isinstance(value, str) and bool(_FORMS[kind].fullmatch(value))
    return _kind(value) == kind or (kind == "number" and _kind(value) == "integer")


def _kind(value: Any) -> str:
    """Return the kind of a JSON value, in the catalogue's words."""
    names = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list"}
    if value is None:
        return "null"
    return names.get(value.__class__, "object")


def _example(name: str, value: Any) -> str:
    shown = json.dumps(redact({name: value})[name], ensure_ascii=False, default=str)
    return shown if len(shown) <= _EXAMPLE_WIDTH else f"{shown[:_EXAMPLE_WIDTH]}…"
