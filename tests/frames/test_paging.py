"""Pages into one table: whether it is complete, and what is left when somebody stops it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from items import page_of
from visitors import Visitor, payment

from bunqkit.errors import BadAnswerError, FrameError, Interrupted
from bunqkit.frames.frames import to_items
from bunqkit.frames.paging import frame_of_pages, say_completeness


def bodies(*sizes: int) -> Iterator[bytes]:
    """Return pages of so many payments; all but the last name an older one."""
    number = 0
    for at, size in enumerate(sizes):
        items = [{"Payment": {"id": number + each}} for each in range(size)]
        number += size
        yield page_of(items, older_url="/older" if at < len(sizes) - 1 else None)


def told(frame: Any) -> tuple[Any, ...]:
    """Return pages, rows, completeness and cut of a table."""
    attrs = frame.attrs["bunqkit"]
    return tuple(attrs[name] for name in ("pages", "rows", "complete", "cut_by"))


@pytest.mark.parametrize(
    ("max_rows", "expected", "sentence"),
    [
        (None, (3, 5, True, None), "5 rows of 3 pages, complete"),
        (9, (3, 5, True, None), "5 rows of 3 pages, complete"),
        (5, (3, 5, True, None), "5 rows of 3 pages, complete"),
        (4, (2, 4, False, "max_rows"), "4 rows of 2 pages, cut by max_rows"),
        (1, (1, 1, False, "max_rows"), "1 row of 1 page, cut by max_rows"),
        (0, (1, 0, False, "max_rows"), "0 rows of 1 page, cut by max_rows"),
    ],
)
def test_table_says_whether_it_is_complete(
    max_rows: int | None, expected: tuple[Any, ...], sentence: str
) -> None:
    """No more pages are taken than are needed, and all of them is not cut."""
    frame = frame_of_pages(
        bodies(2, 2, 1), operation="payment.list", accounts=[7], max_rows=max_rows
    )
    assert told(frame) == expected
    assert say_completeness(frame) == sentence
    assert frame["id"].tolist() == list(range(expected[1]))
    assert frame.attrs["bunqkit"]["operation"] == "payment.list"
    assert frame.attrs["bunqkit"]["accounts"] == [7]


def test_some_rows_are_said_to_be_some() -> None:
    """A filtered table tells how many there were."""
    frame = frame_of_pages(bodies(2, 2), operation="payment.list")
    assert say_completeness(frame.head(3)) == "3 of 4 rows of 2 pages, complete"


def test_many_pages_keep_their_order() -> None:
    """Pages are read some at a time; the rows stay in the order in which they came."""
    frame = frame_of_pages(bodies(*[3] * 50), operation="payment.list")
    assert frame["id"].tolist() == list(range(150))
    assert told(frame) == (50, 150, True, None)


@pytest.mark.parametrize("after", [0, 1, 25])
def test_interrupt_keeps_what_has_come(after: int) -> None:
    """The table is in the error, and says that it is incomplete."""

    def stopped() -> Iterator[bytes]:
        yield from list(bodies(*[2] * 30))[:after]
        raise KeyboardInterrupt

    with pytest.raises(Interrupted, match=f"{after * 2} rows") as caught:
        frame_of_pages(stopped(), operation="payment.list")
    assert told(caught.value.frame) == (after, after * 2, False, "interrupt")
    assert len(to_items(caught.value.frame)) == after * 2


def test_no_pages_give_the_columns_of_the_operation() -> None:
    """An empty list has its columns."""
    assert "amount.value" in frame_of_pages(bodies(0), operation="payment.list")
    accounts = frame_of_pages(bodies(0), operation="monetary-account.list")
    assert "balance.value" in accounts


def test_a_broken_page_is_refused() -> None:
    """A table never leaves a page out."""
    with pytest.raises(FrameError):
        frame_of_pages([*bodies(2, 2), b'{"Response":['], operation="payment.list")


def test_answers_of_the_bank_become_a_table(visitor: Visitor, later: Callable[..., None]) -> None:
    """What a call gave is read from its bytes."""
    visitor.top_up()
    for _ in range(3):
        later(seconds=1)
        visitor.create(f"{visitor.account}/payment", payment("bravo@bunq.com"))
    answer = visitor.call("GET", f"{visitor.account}/payment")
    frame = frame_of_pages([answer], operation="payment.list")
    assert frame["amount.value"].tolist() == [-10.0, -10.0, -10.0, 500.0]
    assert frame.attrs["bunqkit"]["complete"] is True


def test_a_cut_answer_complains_with_its_call() -> None:
    """Who fetched it can tell which call it was."""

    class Cut:
        """An answer whose bytes are no envelope."""

        class exchange:  # noqa: N801 (as an answer has it)
            """Its call."""

            answer_body = b'{"Response":'

        @property
        def wrapped(self) -> list[dict[str, Any]]:
            """Complain."""
            raise BadAnswerError("cut off", method="GET", path="/v1/user", status=200)

    cut: Any = Cut()
    with pytest.raises(BadAnswerError, match="cut off"):
        frame_of_pages([cut])


@pytest.mark.parametrize("most", [1, 3, 25])
def test_pages_without_an_end_are_stopped(most: int) -> None:
    """Pages that go on for ever: what has come is in the error."""
    pages = (next(bodies(2)) for _ in iter(int, 1))
    with pytest.raises(Interrupted, match="without an end") as caught:
        frame_of_pages(pages, operation="payment.list", max_pages=most)
    assert told(caught.value.frame) == (most, 2 * most, False, "max_pages")


def test_as_many_pages_as_are_allowed_are_complete() -> None:
    """The last that may come is the last there is."""
    frame = frame_of_pages(bodies(2, 2, 2), operation="payment.list", max_pages=3)
    assert frame.attrs["bunqkit"]["complete"]
