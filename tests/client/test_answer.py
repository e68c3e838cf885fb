"""What an answer tells of the pages beside it, without its items being read."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bunqkit.client.answer import Answer
from bunqkit.client.exchange import Exchange

OLDER = "/v1/user/1/payment?older_id=7"
PAGES = {"future_url": None, "older_url": OLDER}
TRAP = {"Pagination": {"older_url": "/wrong"}}


def answer(body: bytes) -> Answer:
    """Return the answer with a body."""
    exchange = Exchange(
        method="GET",
        url="https://bank.invalid/v1/user",
        path="/v1/user",
        request_headers={},
        request_body=b"",
        status=200,
        answer_headers={},
        answer_body=body,
        elapsed_s=0.0,
        is_verified=True,
    )

    def follow(_url: str) -> Answer:
        raise AssertionError

    return Answer(exchange, follow)


@pytest.mark.parametrize(
    ("envelope", "expected"),
    [
        ({"Response": [], "Pagination": PAGES}, OLDER),
        ({"Pagination": PAGES, "Response": []}, OLDER),
        ({"Pagination": PAGES, "Response": [{"Odd": TRAP}]}, OLDER),
        ({"Response": [{"Odd": TRAP}], "Pagination": PAGES}, OLDER),
        ({"Response": [{"Odd": TRAP}]}, None),
        ({"Response": [{"Odd": {"x": [TRAP]}}], "Pagination": None}, None),
        ({"Response": [{"Odd": {"x": '"Pagination":{"older_url":"/wrong"}}'}}]}, None),
        ({"Response": [], "Pagination": {"older_url": None}}, None),
        ({"Response": [], "Pagination": {}}, None),
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_the_older_page_is_found_wherever_pagination_stands(
    envelope: dict[str, Any], expected: str | None, indent: int | None
) -> None:
    """First or last, and never that of an item, or of a text."""
    assert answer(json.dumps(envelope, indent=indent).encode()).older_url == expected


def test_the_older_page_is_found_without_reading_the_items() -> None:
    """A page on the quick way is parsed by Arrow alone."""
    found = answer(json.dumps({"Response": [], "Pagination": PAGES}).encode())
    assert found.older_url == OLDER
    assert "envelope" not in vars(found)
