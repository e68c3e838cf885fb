"""Known secrets, and those in secret fields, are found in any bytes."""

from __future__ import annotations

import html

import markupsafe
import pytest
from hypothesis import given, strategies as st

from bunqkit.security.known_secrets import html_forms, secret_spans

SPANS: dict[str, tuple[bytes, list[bytes]]] = {
    "text": (b'{"secret": "abc", "x": "y"}', [b"abc"]),
    "number": (b'{"pin_code":1234}', [b"1234"]),
    "escapes": (b'{"token": "a\\"b\\\\"}', [b'a\\"b\\\\']),
    "deep and often": (b'[{"a": {"token": "t1"}}, {"token" : "t2"}]', [b"t1", b"t2"]),
    "cut off": (b'{"Response":[{"Token":{"token":"0123', [b"0123"]),
    "known elsewhere": (b'{"x": "is known here"}', [b"known"]),
    "known in its field": (b'{"secret": "known"}', [b"known"]),
    "known in a longer one": (b'{"secret": "is known here"}', [b"is known here"]),
    "none": (b'{"x": "y", "secret": ""}', []),
    "no JSON": (b"\x89PNG", []),
}


@pytest.mark.parametrize("case", SPANS.values(), ids=SPANS)
def test_secrets_are_found_in_bytes(case: tuple[bytes, list[bytes]]) -> None:
    """By the name of their field, whole JSON or not, and by what is known."""
    body, secrets = case
    assert [body[first:end] for first, end in secret_spans(body, "known", "")] == secrets


@given(st.text())
def test_a_secret_is_known_in_every_form_of_html(text: str) -> None:
    """Quotes are escaped in two ways: by Python's own module, and by the templates."""
    assert {html.escape(text), html.escape(text, quote=False)} <= set(html_forms(text))
    assert str(markupsafe.escape(text)) in html_forms(text)
