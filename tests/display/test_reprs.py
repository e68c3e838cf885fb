"""Everything that a notebook shows of the kit has one look: the same card, the same words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from adversary.hostile_names import HTML as HOSTILE

import bunqkit
from bunqkit.context.context import Context


def refusal(bunq: Context) -> Exception:
    """Return a refusal of the bank's."""
    with pytest.raises(bunqkit.ApiError) as caught:
        bunq.pay("900000.00", "bravo@bunq.com", "too much")
    return caught.value


def wrong_field(bunq: Context) -> Exception:
    """Return an error that the kit raises before it sends anything."""
    with pytest.raises(bunqkit.FieldError) as caught:
        bunq.pay(HOSTILE, "bravo@bunq.com", "too much")
    return caught.value


SHOWN: dict[str, tuple[Callable[[Context], Any], str]] = {
    "context": (lambda bunq: bunq, "OFFLINE"),
    "api": (lambda bunq: bunq.api, "operations"),
    "resource": (lambda bunq: bunq.api.payment, "payment.create"),
    "operation": (lambda bunq: bunq.api.payment.create, "POST"),
    "search": (lambda bunq: bunq.find("webhook"), "notification-filter-url"),
    "answer": (lambda bunq: bunq.api.payment.list(count=3), "200, verified, 3 Payment"),
    "exchange": (lambda bunq: bunq.exchanges[-1], "200, verified"),
    "exchanges": (lambda bunq: bunq.exchanges, "200, verified"),
    "x-ray": (lambda bunq: bunq.exchanges[-1].xray(), "200, verified"),
    "refusal": (refusal, "refused"),
    "error": (wrong_field, "The amount is"),
    "table": (lambda bunq: bunqkit.show(bunq.payments(max_rows=3)), "3 rows"),
}


@pytest.fixture(scope="module")
def bunq() -> Iterator[Context]:
    """Return the person with a history."""
    bunq = bunqkit.connect()
    yield bunq
    bunq.close()


@pytest.mark.parametrize("name", SHOWN)
def test_what_is_shown_is_one_card(bunq: Context, name: str) -> None:
    """One frame, its stylesheet, the same facts as the text, nothing unescaped."""
    make, word = SHOWN[name]
    shown = make(bunq)
    html = shown._repr_html_()
    assert html.startswith('<div class="bunqkit')
    assert html.count("<style>") >= 1
    assert word in html
    assert HOSTILE not in html
    text = str(shown) if isinstance(shown, Exception) else repr(shown)
    assert word in text


def test_a_search_shows_the_best(bunq: Context) -> None:
    """A screenful of operations, and how many there are; the list has all of them."""
    everything = bunq.find("")
    assert len(everything) == 480
    for shown in (repr(everything), everything._repr_html_()):
        assert "480 operations" in shown
        assert "first 12" in shown
        assert everything[11].name in shown
        assert everything[12].name not in shown
    few = bunq.find("webhook")
    assert few[-1].name in repr(few)
    assert "first" not in repr(few)


def test_an_answer_tells_what_came(bunq: Context) -> None:
    """How many of what, whether there is more, and every value, without a secret."""
    answer = bunq.api.payment.list(count=3)
    assert repr(answer).endswith("-> 200, verified, 3 Payment, older ones exist>")
    assert answer.has_older
    assert str(answer.items[0]["id"]) in answer._repr_html_()
    many = bunq.api.payment.list(count=50)
    assert "30 more items" in many._repr_html_()
    token = bunq.session.token.reveal()
    assert all(token not in each._repr_html_() for each in (answer, answer.exchange, bunq))
    file = bunq.upload("attachment-public.create", b"\x89PNG", media_type="image/png",
                       description="x")  # fmt: skip
    content = bunq.call("attachment-public.content", attachment_public_uuid=file["uuid"])
    assert "4 bytes of image/png" in repr(content)
    assert "4 bytes of image/png" in content._repr_html_()
