"""The trace of a signature: usual mistakes are found from the digest alone."""

from __future__ import annotations

import hashlib

import pytest

from bunqkit.inspection.signature_trace import find_signed, first_difference

SENT = b'{"b": 1, "a": "x"}'
HEADERS = {"Cache-Control": "no-cache", "X-Bunq-Region": "nl_NL", "X-Bunq-Client-Signature": "s"}
OLD = b"POST /v1/user\nCache-Control: no-cache\nX-Bunq-Region: nl_NL\n\n" + SENT
MISTAKES = {
    "nothing, an empty body": b"",
    "the body with CR LF at its end": SENT + b"\r\n",
    "the scheme of before 2020, with the headers": OLD,
    "the same JSON without spaces": b'{"b":1,"a":"x"}',
    "the same JSON with a space after each colon and comma, its names sorted": (
        b'{"a": "x", "b": 1}'
    ),
    "the body with byte 6 as 33": b'{"b": 3, "a": "x"}',
}


@pytest.mark.parametrize("how", MISTAKES)
def test_a_usual_mistake_is_found(how: str) -> None:
    """Both the bytes that were signed and how they came about."""
    digest = hashlib.sha256(MISTAKES[how]).digest()
    trace = find_signed(SENT, digest, method="POST", path="/v1/user", headers=HEADERS)
    assert trace is not None
    assert (trace.signed, trace.how) == (MISTAKES[how], how)


def test_other_bytes_are_not_found() -> None:
    """Nothing is claimed of bytes that are not near."""
    assert find_signed(SENT, hashlib.sha256(b"other").digest(), headers=HEADERS) is None


@pytest.mark.parametrize(("other", "at"), [(b"abx", 2), (b"ab", 2), (b"abcd", 3), (b"abc", 3)])
def test_the_first_difference(other: bytes, at: int) -> None:
    """The place of the first byte that differs, or the end of the shorter text."""
    assert first_difference(b"abc", other) == at
