"""A call on its way out: its URL and headers."""

from __future__ import annotations

from typing import Any

import pytest
import requests
from hypothesis import given, strategies as st
from visitors import Visitor

from bunqkit.client.client import Client
from bunqkit.errors import FieldError

BASE = "https://bank.invalid/v1"
LETTERS = st.characters(exclude_categories=["Cs"], exclude_characters="?#\\%")
SEGMENTS = st.text(LETTERS, min_size=1, max_size=8).filter(lambda text: text.strip("."))


@given(
    segments=st.lists(SEGMENTS, min_size=1, max_size=4),
    params=st.dictionaries(st.text(max_size=5), st.text(LETTERS, max_size=8) | st.integers()),
)
def test_a_url_is_the_one_that_requests_makes(segments: list[str], params: dict[str, Any]) -> None:
    """Another implementation encodes path and query in the same way."""
    path = "/user/" + "/".join(segment.replace("/", "x") for segment in segments)
    preview = Client(BASE).preview("GET", path, params=params)
    prepared = requests.Request("GET", BASE + path, params=params).prepare()
    assert preview.url == prepared.url


@pytest.mark.parametrize(
    ("path", "url"),
    [
        ("/user/1?count=5", f"{BASE}/user/1?count=5&older_id=3"),
        ("/v1/user/1", f"{BASE}/user/1?older_id=3"),
        ("/user/a%20b", f"{BASE}/user/a%20b?older_id=3"),
        ("/user/100%", f"{BASE}/user/100%25?older_id=3"),
        ("/user/a#b", f"{BASE}/user/a%23b?older_id=3"),
    ],
)
def test_what_is_encoded_stays(path: str, url: str) -> None:
    """A page's address comes encoded, with a query of its own."""
    client = Client(BASE)
    assert client.preview("GET", path, params={"older_id": 3}).url == url


@pytest.mark.parametrize(
    "headers",
    [{"X-A": "1\r\nX-B: 2"}, {"X-A": "1\n"}, {"X-A": "€"}, {"X-A": "\0"}, {"X: A": "1"}, {"": "1"}],
)
def test_headers_that_cannot_be_sent(visitor: Visitor, headers: dict[str, str]) -> None:
    """No line of a header begins another one; nothing is sent."""
    before = len(visitor.door.wire.calls)
    with pytest.raises(FieldError, match="nothing was sent"):
        visitor.call("GET", "/user", headers=headers)
    assert len(visitor.door.wire.calls) == before
