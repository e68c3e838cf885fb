"""Drift: every kind of difference is found, counted and told, and nothing is refused for it."""

from __future__ import annotations

from typing import Any

import pytest

from bunqkit.catalogue.drift import DriftLog, drift
from bunqkit.catalogue.operations import example_answer, example_item, operations, types
from bunqkit.errors import FrameError


def rows(items: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Return type, field and difference of each row."""
    found = drift(items)
    return set(zip(found["type"], found["field"], found["difference"], strict=True))


@pytest.mark.parametrize("known", types(), ids=lambda known: known.name)
def test_an_item_as_described_does_not_differ(known: Any) -> None:
    """An example of every type of the catalogue shows no drift."""
    assert rows([{known.name: example_item(known.name)}]) == set()


def test_answers_as_described_do_not_differ() -> None:
    """Nor does an example answer of any operation."""
    log = DriftLog()
    for each in operations():
        log.add(example_answer(each))
    assert log.frame().empty


PAYMENT = example_item("Payment")
CASES: dict[str, tuple[dict[str, Any], tuple[str, str, str]]] = {
    "unknown type": ({"Novelty": {"id": 1}}, ("Novelty", "", "unknown type")),
    "unknown field": ({"Payment": PAYMENT | {"new": 1}}, ("Payment", "new", "unknown field")),
    "absent": (
        {"Payment": {name: value for name, value in PAYMENT.items() if name != "id"}},
        ("Payment", "id", "absent"),
    ),
    "other kind": ({"Payment": PAYMENT | {"id": "7"}}, ("Payment", "id", "other kind")),
    "boolean for a number": ({"Payment": PAYMENT | {"id": True}}, ("Payment", "id", "other kind")),
    "object for a list": (
        {"Payment": PAYMENT | {"attachment": {}}},
        ("Payment", "attachment", "other kind"),
    ),
    "text for an object": (
        {"Payment": PAYMENT | {"amount": "1"}},
        ("Payment", "amount", "other kind"),
    ),
    "time in another form": (
        {"Payment": PAYMENT | {"created": "yesterday"}},
        ("Payment", "created", "other kind"),
    ),
    "unknown value": (
        {"Payment": PAYMENT | {"type": "BARTER"}},
        ("Payment", "type", "unknown value"),
    ),
    "nested": (
        {"Payment": PAYMENT | {"amount": {"value": "1", "currency": "EUR", "coin": 1}}},
        ("Payment", "amount.coin", "unknown field"),
    ),
    "inside a list": (
        {"Payment": PAYMENT | {"attachment": [{"id": "x", "monetary_account_id": 1}]}},
        ("Payment", "attachment[].id", "other kind"),
    ),
}


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_each_difference_is_found(case: tuple[dict[str, Any], tuple[str, str, str]]) -> None:
    """One thing is bent, and that thing alone is told, with its path."""
    item, expected = case
    assert rows([item]) == {expected}


def test_null_is_no_difference() -> None:
    """Fields without a value come as null."""
    assert rows([{"Payment": dict.fromkeys(PAYMENT)}]) == set()


def test_differences_are_counted_with_an_example() -> None:
    """Equal ones are one row; the example is the first, short, and no secret."""
    items = [{"Payment": PAYMENT | {"new": "x" * 500, "secret": "s3cr3t" * 9}} for _ in range(3)]
    found = drift(items).set_index("field")
    assert found["count"].tolist() == [3, 3]
    assert len(found["example"]["new"]) < 70
    assert "s3cr3ts3cr3t" not in found["example"]["secret"]


def test_no_drift_is_an_empty_table_with_columns() -> None:
    """The columns are there for the next cell."""
    assert list(drift([]).columns) == [
        "type",
        "field",
        "difference",
        "expected",
        "found",
        "count",
        "example",
    ]


@pytest.mark.parametrize("what", [5, "text", {"Payment": {}}, [{"id": 1, "b": 2}], [{"A": 1}]])
def test_what_is_no_list_of_items_is_refused(what: object) -> None:
    """A typed error says what is wanted."""
    with pytest.raises(FrameError):
        drift(what)


@pytest.mark.parametrize("inside", ["object", "list"])
def test_what_is_nested_too_deeply_is_told(inside: str) -> None:
    """An answer that the bank has given is not lost because it can't be compared."""
    value: object = 1
    for _ in range(5_000):
        value = {"a": value} if inside == "object" else [value]
    found = drift([{"Payment": {"id": 1, "amount": value}}])
    assert found["difference"].tolist() == ["too deep"]
