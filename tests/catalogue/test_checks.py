"""Bodies: what the check refuses, and what it warns of."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, strategies as st

from bunqkit.catalogue.operations import (
    CatalogueWarning,
    Operation,
    example_body,
    operation,
    operations,
    type_named,
)
from bunqkit.errors import FieldError

if TYPE_CHECKING:
    from collections.abc import Iterator

ALL = operations()
WITH_BODY = [each for each in ALL if example_body(each)]
AMOUNT = {"value": "10.00", "currency": "EUR"}
POINTER = {"type": "EMAIL", "value": "someone@example.org"}
PAYMENT = {"amount": AMOUNT, "counterparty_alias": POINTER, "description": "tea"}


@pytest.mark.parametrize(
    ("name", "body", "problems"),
    [
        (
            "payment.create",
            {},
            ["amount is missing", "counterparty_alias is missing", "description is missing"],
        ),
        (
            "payment.create",
            None,
            ["amount is missing", "counterparty_alias is missing", "description is missing"],
        ),
        ("payment.create", [PAYMENT], ["the body is a list, not a Payment"]),
        ("payment.create", PAYMENT | {"id": 5}, ["id is only in answers"]),
        ("payment.create", PAYMENT | {"amonut": 5}, ["amonut is no field of a Payment"]),
        ("payment.create", PAYMENT | {"description": None}, ["description is missing"]),
        ("payment.create", PAYMENT | {"merchant_reference": None}, []),
        ("payment.create", PAYMENT | {"description": 5}, ["description is 5, not a text"]),
        ("payment.create", PAYMENT | {"amount": "10.00"}, ["amount is a text, not an Amount"]),
        (
            "payment.create",
            PAYMENT | {"amount": {"value": 10.0, "currency": "EUR"}},
            ["amount.value is 10.0, not a text that is a decimal number, such as '10.00'"],
        ),
        ("payment.create", PAYMENT | {"amount": {"value": "500", "currency": "EUR"}}, []),
        (
            "payment.create",
            PAYMENT | {"amount": {"value": "1e3", "currency": "EUR"}},
            ["amount.value is a text, not a text that is a decimal number, such as '10.00'"],
        ),
        (
            "payment.create",
            PAYMENT | {"attachment": {"id": 1}},
            ["attachment is an object, not a list"],
        ),
        ("payment.create", PAYMENT | {"attachment": [{}]}, ["attachment[0].id is missing"]),
        ("payment.create", PAYMENT | {"allow_bunqto": 1}, ["allow_bunqto is 1, not true or false"]),
        (
            "payment.create",
            PAYMENT | {"counterparty_alias": {"type": "IBAN", "value": "NL91ABNA0417164300"}},
            ["counterparty_alias.name is missing: an IBAN needs the name of its holder"],
        ),
        (
            "payment-batch.create",
            {"payments": [PAYMENT, PAYMENT, PAYMENT | {"amount": {"value": "1"}}]},
            ["payments[2].amount.currency is missing"],
        ),
        ("export-annual-overview.create", {"year": True}, ["year is true, not a whole number"]),
        ("export-annual-overview.create", {"year": 2024.0}, ["year is 2024.0, not a whole number"]),
        (
            "customer-statement.create",
            {"statement_format": "CSV", "date_start": "1-1-2025", "date_end": "2025-01-31"},
            ["date_start is a text, not a date as YYYY-MM-DD"],
        ),
        ("request-inquiry.update", {"status": "REVOKED"}, []),
        ("bunqme-tab.update", {"status": "CANCELLED"}, []),
        (
            "bunqme-tab.update",
            {"bunqme_tab_entry": {"amount_inquired": {}}},
            [
                "bunqme_tab_entry.amount_inquired.value is missing",
                "bunqme_tab_entry.amount_inquired.currency is missing",
            ],
        ),
        ("payment.list", {"count": 5}, ["it has no fields"]),
        ("export-rib.create", {}, []),
        ("export-rib.create", {"x": 1}, ["it has no fields"]),
        ("monetary-account-card.update", {"description": "x"}, []),
        ("attachment.create", {}, ["the body is a file's bytes, it has no fields"]),
        ("attachment.create", b"\x89PNG", []),
        ("user.notification-filter-url.create", {"notification_filters": []}, []),
    ],
)
def test_check(name: str, body: object, problems: list[str]) -> None:
    """All problems are found at once, each with the path of its field, and nothing else is."""
    if not problems:
        operation(name).check(body)
        return
    with pytest.raises(FieldError) as caught:
        operation(name).check(body)
    assert list(caught.value.problems) == problems


def test_messages_quote_no_text() -> None:
    """A text in a body may be a secret: a message does not repeat it."""
    with pytest.raises(FieldError) as caught:
        operation("card.update").check({"card_limit": "my secret"})
    assert "secret" not in str(caught.value)


def test_new_value() -> None:
    """A value that nobody has heard of is a warning; the API may know it."""
    with pytest.warns(CatalogueWarning, match=r"type is 'PIGEON'.*EMAIL"):
        operation("payment.create").check(
            PAYMENT | {"counterparty_alias": {"type": "PIGEON", "value": "x"}}
        )


def test_each_example_is_accepted() -> None:
    """The example of every operation passes its own check, without a warning."""
    for each in ALL:
        if not each.sends_bytes:
            each.check(example_body(each))


@given(operation=st.sampled_from(WITH_BODY), data=st.data())
def test_one_field_too_many(operation: Operation, data: st.DataObject) -> None:
    """A field of another name is refused, wherever it is."""
    body = json.loads(json.dumps(example_body(operation)))
    path, inner = data.draw(st.sampled_from(list(objects(body))))
    inner["no_such_field"] = 1
    with pytest.raises(FieldError) as caught:
        operation.check(body)
    assert [each.split(" ")[0] for each in caught.value.problems] == [f"{path}no_such_field"]


@given(operation=st.sampled_from([e for e in WITH_BODY if e.method == "POST"]), data=st.data())
def test_one_field_too_few(operation: Operation, data: st.DataObject) -> None:
    """A POST without one of its required fields is refused."""
    body = example_body(operation) or {}
    required = [f.name for f in type_named(operation.body or "").fields if f.required]
    if required:
        missing = data.draw(st.sampled_from(required))
        del body[missing]
        with pytest.raises(FieldError, match=f"{missing} is missing"):
            operation.check(body)


def objects(value: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Each object inside a body, with the path that leads to its fields."""
    if isinstance(value, dict):
        yield path, value
        for name, each in value.items():
            yield from objects(each, f"{path}{name}" + ("." if isinstance(each, dict) else ""))
    elif isinstance(value, list):
        for place, each in enumerate(value):
            yield from objects(each, f"{path}[{place}].")
