"""Items for the laws of tables: of every type of the catalogue, and as hostile as JSON can be."""

from __future__ import annotations

import json
from datetime import datetime
from functools import cache
from typing import Any

import pandas as pd
from hypothesis import HealthCheck, settings, strategies as st

from bunqkit.catalogue import operations as catalogue
from bunqkit.frames.frames import Gathered, to_items
from bunqkit.frames.json_reader import EnvelopeReader
from bunqkit.frames.money import Money

FORMS: tuple[Money, ...] = ("float", "decimal", "cents")
lenient = settings(
    deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
_DEPTH = 4
_TEXTS = st.sampled_from(
    ["", "nan", "NaN", "None", "null", "NA", "<NA>", "inf", "0", "007", "1e5", "true", " ", "é",
     "a\nb", "2024-02-30", "2024-02-29", "2024-02-29 12:00:00", "2024-02-29T12:00:00Z", "\x00"],
) | st.text(max_size=8)  # fmt: skip
_AMOUNTS = st.decimals(-(10**9), 10**9, places=2, allow_nan=False).map(lambda d: f"{d:.2f}")
_ODD_AMOUNTS = st.sampled_from(
    ["10.5", "10.50", "-0.00", "0", "1234567890123456789.01", "1e5", "NaN", "", "+1.00", "01.00",
     "0.005", ".5", "1000", "٣.00"]
)  # fmt: skip
_MOMENTS = st.datetimes(datetime(1, 1, 1), datetime(9999, 12, 31))  # noqa: DTZ001 (the wire's)
_TIMES = _MOMENTS.map(lambda moment: moment.isoformat(" ", "microseconds"))
_ODD_TIMES = _MOMENTS.map(lambda moment: moment.isoformat(" ", "seconds")) | st.sampled_from(
    ["0000-00-00 00:00:00", "2024-02-30 00:00:00", "2024-02-29T12:00:00", "2024-02-29", "soon"]
)
_WHOLE = st.integers(-(2**63), 2**63 - 1)
_BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "integer": _WHOLE,
    "number": st.floats(-1e6, 1e6) | st.integers(-(10**6), 10**6),
    "boolean": st.booleans(),
    "text": _TEXTS,
    "decimal": _AMOUNTS,
    "time": _TIMES,
    "date": st.dates().map(str),
    "any": st.none() | _TEXTS | st.integers(0, 9),
}
_CURRENCIES = st.sampled_from(["EUR", "EUR", "EUR", "USD", "JPY", "KWD"])

scalars = (
    st.none()
    | st.booleans()
    | _WHOLE
    | st.integers(-(2**70), 2**70)
    | st.sampled_from([0, -1, 2**53 + 1, 1.5, -0.0, 0.1, 1e300, 5e-324])
    | _TEXTS
    | _ODD_AMOUNTS
    | _TIMES
    | _ODD_TIMES
)
_KEYS = st.sampled_from(
    ["id", "a", "b", "a.b", "a\\", "\\", ".", "", "item_type", "\\item_type", "value", "currency",
     "created", "amount", "items", "parent", "Payment", "alias", "attachment"],
) | st.text(max_size=3)  # fmt: skip
hostile_values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)
hostile_items = st.dictionaries(_KEYS, hostile_values, max_size=6)
"""Objects that no bank would send."""

hostile_lists = st.lists(
    st.tuples(
        st.sampled_from(
            ["PaymentFee", "AttachmentPublic", "UserPaymentServiceProvider", "Unheard", "a"]
        ),
        hostile_items,
    ).map(lambda pair: {pair[0]: pair[1]}),
    max_size=6,
)
"""``Response`` lists of them."""


def items_of(type_name: str, *, odd: bool = False) -> st.SearchStrategy[dict[str, Any]]:
    """Give items of a type: each field may be there, null or absent.

    Parameters
    ----------
    type_name
        A type of the catalogue.
    odd
        Whether amounts and times may be written as bunq does not.
    """
    return _objects(type_name, (), odd=odd)


@cache
def _objects(
    type_name: str, inside: tuple[str, ...], *, odd: bool
) -> st.SearchStrategy[dict[str, Any]]:
    known = catalogue.type_named(type_name)
    names = {field.name for field in known.readable}

    @st.composite
    def draw_object(draw: st.DrawFn) -> dict[str, Any]:
        item: dict[str, Any] = {}
        fields = known.readable
        if known.is_anchor and inside:
            fields = (draw(st.sampled_from(fields)),)
        for field in fields:
            fate = draw(st.integers(0, 5))
            if fate == 0:
                continue
            item[field.name] = None
            is_object = field.kind[0].isupper()
            if fate == 1 or (is_object and (len(inside) > _DEPTH or field.kind in inside)):
                continue
            value: st.SearchStrategy[Any]
            if is_object:
                value = _objects(field.kind, (*inside, type_name), odd=odd)
            elif field.name == "currency":
                value = _CURRENCIES
            elif field.name == "value" and "currency" in names:
                value = _AMOUNTS | _ODD_AMOUNTS if odd else _AMOUNTS
            else:
                value = _BY_KIND[field.kind]
                if odd and field.kind == "time":
                    value |= _ODD_TIMES
            item[field.name] = draw(st.lists(value, max_size=2) if field.is_list else value)
        return item

    return draw_object()


def page_of(wrapped: list[dict[str, Any]], **pagination: str | None) -> bytes:
    """Give the body of a page."""
    return json.dumps({"Pagination": pagination, "Response": wrapped}).encode()


def quick_frame(
    wrapped: list[dict[str, Any]], *, pages: int = 2, type_name: str | None = None, **how: Any
) -> tuple[pd.DataFrame, EnvelopeReader]:
    """Give the table of items that went over the wire in some pages, and its reader."""
    size = -(-len(wrapped) // pages) or 1
    parts = [wrapped[start : start + size] for start in range(0, len(wrapped), size)] or [[]]
    gathered, reader = Gathered(type_name), EnvelopeReader()
    for part in reader.read([page_of(part) for part in parts]):
        gathered.add(part)
    return gathered.frame(how.get("money", "float")), reader


def payments(*amounts: str, currency: str = "EUR") -> list[dict[str, Any]]:
    """Return payments of some amounts."""
    return [
        {"Payment": {"id": at, "amount": {"value": amount, "currency": currency}}}
        for at, amount in enumerate(amounts)
    ]


def same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    """Assert that two tables have the same columns, dtypes, attributes and values."""
    assert list(one.columns) == list(other.columns)
    assert one.dtypes.to_dict() == other.dtypes.to_dict()
    assert one.attrs == other.attrs
    assert to_items(one) == to_items(other)
