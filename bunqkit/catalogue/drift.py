"""Where an answer differs from the catalogue: the API has moved, or the catalogue is wrong.

Nothing is refused for it; it is counted and told.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from bunqkit.catalogue.operations import Field, Type, find_type
from bunqkit.errors import FrameError
from bunqkit.security.redaction import redact

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = ("type", "field", "difference", "expected", "found", "count", "example")
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_TIME = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}[ T][0-9]{2}:[0-9]{2}.*", re.ASCII)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
_TEXTS = {"decimal": _DECIMAL, "time": _TIME, "date": _DATE}
_EXAMPLE_WIDTH = 60


@dataclass(frozen=True)
class _Difference:
    """One way in which items differ; equal ones are counted together."""

    type: str
    field: str
    difference: str
    expected: str
    found: str


def drift(answer_or_items: object) -> pd.DataFrame:
    """Compare an answer with the catalogue.

    Parameters
    ----------
    answer_or_items
        An ``Answer``, or a ``Response`` list with each item under its type.

    Returns
    -------
    DataFrame
        One row a difference: ``type, field, difference, expected, found, count, example``.
        ``field`` is a path; ``difference`` is ``unknown type``, ``unknown field``, ``absent``,
        ``other kind``, ``unknown value``, or ``too deep`` if an item is nested too deeply to be
        compared; ``count`` is how often it was met.

    Raises
    ------
    FrameError
        If it is neither.
    """
    log = DriftLog()
    log.add(answer_or_items)
    return log.frame()


class DriftLog:
    """Collects differences over many answers, while it is switched on.

    Attributes
    ----------
    is_on
        Whether a context adds its answers; off at first.
    """

    def __init__(self) -> None:
        self.is_on = False
        self._counts: dict[_Difference, int] = {}
        self._examples: dict[_Difference, str] = {}

    def switch_on(self) -> None:
        """Compare every answer from now on."""
        self.is_on = True

    def switch_off(self) -> None:
        """Compare no more; what was found stays."""
        self.is_on = False

    def add(self, answer_or_items: object) -> None:
        """Compare one answer, or items under their types."""
        for name, item in _typed(answer_or_items):
            for difference, example in _differences(name, item):
                self._counts[difference] = self._counts.get(difference, 0) + 1
                self._examples.setdefault(difference, example)

    def frame(self) -> pd.DataFrame:
        """Give what was found so far, as ``drift`` does."""
        import pandas as pd  # noqa: PLC0415 (pandas when first used)

        rows = [
            (*vars(each).values(), count, self._examples[each])
            for each, count in self._counts.items()
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
        raise FrameError("Give an answer, or a list of items under their types.")
    for entry in items:
        if not (isinstance(entry, Mapping) and len(entry) == 1):
            raise FrameError("Each item stands alone under its type: {'Payment': {...}}.")
        name, item = next(iter(entry.items()))
        if not isinstance(item, Mapping):
            raise FrameError(f"What stands under {name!r} is no object.")
        yield name, item


def _differences(name: str, item: Mapping[str, Any]) -> list[tuple[_Difference, str]]:
    """Return how an item differs, each way with an example; no answer is lost for its depth."""
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
    """Compares one item, field by field, at whatever depth its types are known."""

    def __init__(self, item_type: str) -> None:
        self._item_type = item_type

    def compare(
        self, known: Type, item: Mapping[str, Any], prefix: str
    ) -> Iterator[tuple[_Difference, str]]:
        readable = {each.name: each for each in known.readable}
        for name, value in item.items():
            path = f"{prefix}{name}"
            if name not in readable:
                found = _kind(value)
                yield self._tell(path, "unknown field", "", found), _example(name, value)
            elif value is not None:
                yield from self._compare_field(readable[name], value, path)
        # Of an anchor's members one is there, and the others are not missed.
        missing = [] if known.is_anchor else [name for name in readable if name not in item]
        for name in missing:
            expected = _describe(readable[name])
            yield self._tell(f"{prefix}{name}", "absent", expected, ""), ""

    def _compare_field(
        self, known: Field, value: Any, path: str
    ) -> Iterator[tuple[_Difference, str]]:
        entries: Iterable[Any] = [value]
        if known.is_list != isinstance(value, list):
            yield self._other_kind(known, value, path)
            return
        if known.is_list:
            entries, path = value, f"{path}[]"
        for each in entries:
            nested = find_type(known.kind)
            if nested is not None and isinstance(each, Mapping):
                yield from self.compare(nested, each, f"{path}.")
            elif not _fits(known.kind, each, is_nested=nested is not None):
                yield self._other_kind(known, each, path)
            elif known.values and isinstance(each, str) and each not in known.values:
                expected = " ".join(known.values)
                difference = self._tell(path, "unknown value", expected, each)
                yield difference, _example(known.name, each)

    def _other_kind(self, known: Field, value: Any, path: str) -> tuple[_Difference, str]:
        expected, found = _describe(known), _kind(value)
        return self._tell(path, "other kind", expected, found), _example(known.name, value)

    def _tell(self, path: str, difference: str, expected: str, found: str) -> _Difference:
        return _Difference(self._item_type, path, difference, expected, found)


def _describe(known: Field) -> str:
    return f"list of {known.kind}" if known.is_list else known.kind


def _fits(kind: str, value: Any, *, is_nested: bool) -> bool:
    if value is None or kind == "any":
        return True
    if is_nested:
        return False
    if kind in _TEXTS:
        return isinstance(value, str) and bool(_TEXTS[kind].fullmatch(value))
    wanted: dict[str, tuple[str, ...]] = {
        "integer": ("integer",),
        "number": ("integer", "number"),
        "text": ("text",),
        "boolean": ("boolean",),
    }
    return _kind(value) in wanted.get(kind, ())


def _kind(value: Any) -> str:
    """Name the kind of a JSON value, in the catalogue's words."""
    names = {bool: "boolean", int: "integer", float: "number", str: "text", list: "list"}
    if value is None:
        return "null"
    return names.get(value.__class__, "object")


def _example(name: str, value: Any) -> str:
    shown = json.dumps(redact({name: value})[name], ensure_ascii=False, default=str)
    return shown if len(shown) <= _EXAMPLE_WIDTH else f"{shown[:_EXAMPLE_WIDTH]}…"
