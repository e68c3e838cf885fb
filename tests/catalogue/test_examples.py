"""Examples of bodies, items and answers: whole, and always the same."""

from __future__ import annotations

import json

import pytest

from bunqkit.catalogue.operations import (
    example_answer,
    example_body,
    example_item,
    operation,
    operations,
    types,
)


def test_example_bodies() -> None:
    """A POST shows what is required; a read and a file show no body."""
    assert set(example_body(operation("payment.create")) or ()) == {
        "amount",
        "counterparty_alias",
        "description",
    }
    assert example_body(operation("export-rib.create")) == {}
    assert example_body(operation("payment.list")) is None
    assert example_body(operation("attachment.create")) is None


def test_example_items_are_whole() -> None:
    """An example has every readable field, one member if it is an anchor, and is JSON."""
    for each in types():
        item = example_item(each.name)
        assert json.loads(json.dumps(item)) == item
        assert example_item(each.name) == item
        if each.is_anchor:
            assert len(item) == 1
        elif each.name != "Pointer":
            assert list(item) == [field.name for field in each.readable]


def test_examples_end() -> None:
    """A type met again inside itself is null."""
    assert (
        example_item("Payment")["payment_auto_allocate_instance"]["payment_batch"]["payments"] == []
    )
    assert max(len(json.dumps(example_answer(each))) for each in operations()) < 64 * 1024


@pytest.mark.parametrize(
    ("name", "wrappers"),
    [
        ("payment.list", ["Payment"]),
        ("user.list", ["UserPerson"]),
        ("payment.create", ["Id"]),
        ("installation.create", ["Id", "Token", "ServerPublicKey"]),
        ("session-server.create", ["Id", "Token", "UserPerson"]),
        ("session.delete", []),
        ("attachment.content", []),
    ],
)
def test_example_answers(name: str, wrappers: list[str]) -> None:
    """An answer is a list of items, each under its name."""
    assert [next(iter(item)) for item in example_answer(operation(name))] == wrappers
