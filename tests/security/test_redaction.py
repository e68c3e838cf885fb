"""What is secret is masked wherever it is shown, and cut short enough to open nothing."""

from __future__ import annotations

import copy
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bunqkit.security.redaction import (
    MASK,
    Body,
    Headers,
    Secret,
    redact,
    redact_headers,
    shorten,
)

TOKEN = "0123456789abcdef" * 4


@pytest.mark.parametrize("shown", [repr, str, "{}".format, lambda secret: f"{[secret]!r}"])
def test_a_secret_prints_masked(shown: Any) -> None:
    """However it is printed, at most four letters of it are seen."""
    assert TOKEN[:4] in shown(Secret(TOKEN))
    assert TOKEN[:5] not in shown(Secret(TOKEN))


def test_a_secret_gives_itself_when_asked() -> None:
    """``reveal()`` gives the text; equal texts are equal secrets, a text is none."""
    assert Secret(TOKEN).reveal() == TOKEN
    assert Secret(TOKEN) == Secret(TOKEN)
    assert Secret(TOKEN) != Secret("other")
    assert Secret(TOKEN) != TOKEN
    assert {Secret(TOKEN), Secret(TOKEN)} == {Secret(TOKEN)}
    assert copy.deepcopy(Secret(TOKEN)) == copy.copy(Secret(TOKEN)) == Secret(TOKEN)


def test_short_secrets_are_masked_whole() -> None:
    """Of a PIN nothing is shown."""
    assert shorten("1234") == MASK
    assert shorten("sandbox_" + TOKEN) == f"sandbox_0123{MASK}"


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.just(TOKEN),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["secret", "token", "name", "api_key"]), inner)
        ),
    )
)
def test_redacted_json_holds_no_secret_field(value: Any) -> None:
    """At any depth the value of a secret field is masked, and all else stays."""

    def check(before: Any, after: Any) -> None:
        if isinstance(before, dict):
            for name, inner in before.items():
                if name in ("secret", "token", "api_key") and inner not in (None, ""):
                    assert TOKEN not in repr(after[name])
                else:
                    check(inner, after[name])
        elif isinstance(before, list):
            for one, other in zip(before, after, strict=True):
                check(one, other)
        else:
            assert before == after

    check(value, redact(value))


def test_headers_with_tokens_and_signatures_are_shortened() -> None:
    """Whatever the case of their names; other headers stay."""
    headers = {
        "X-Bunq-Client-Authentication": TOKEN,
        "x-bunq-client-signature": TOKEN,
        "X-Bunq-Server-Signature": TOKEN,
        "Authorization": f"Bearer {TOKEN}",
        "User-Agent": "me",
    }
    shown = redact_headers(headers)
    assert TOKEN not in repr(shown)
    assert shown["User-Agent"] == "me"


def test_headers_are_found_in_any_case_and_print_masked() -> None:
    """A mapping like any other, but for its repr."""
    headers = Headers({"X-Bunq-Client-Authentication": TOKEN, "Cache-Control": "no-cache"})
    assert headers["x-bunq-client-authentication"] == TOKEN
    assert dict(headers) == {"X-Bunq-Client-Authentication": TOKEN, "Cache-Control": "no-cache"}
    assert TOKEN not in repr(headers)
    assert "no-cache" in repr(headers)


def test_a_body_prints_its_length() -> None:
    """The bytes are bytes; a repr shows none of them."""
    assert Body(b"abc") == b"abc"
    assert repr(Body(b"abc")) == "<3 bytes>"
