"""Finds what a signature was made over, when the bytes beside it are others.

An RSA signature opens, with the public key, to the digest that was signed. A digest does not give
its bytes back, but the usual mistakes are few: the JSON was written once more, a newline came or
went, the scheme of before 2020 was used, or one byte changed on the way. Each is tried.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

# Trying every byte at every place costs the square of the length: about a second for these.
_LONGEST_TRIED = 1200
_LONGEST_FLIPPED = 16_000


@dataclass(frozen=True)
class Trace:
    """Bytes that a signature was made over.

    Attributes
    ----------
    signed
        The bytes.
    how
        How they come about from those that were sent.
    """

    signed: bytes
    how: str


def digest_of(content: bytes) -> bytes:
    """Give the SHA-256 of bytes: what RSA signs is this, not the bytes."""
    return hashlib.sha256(content).digest()


def find_signed(
    sent: bytes, digest: bytes, *, method: str = "", path: str = "", headers: Mapping[str, str]
) -> Trace | None:
    """Find the bytes of a digest near those that were sent; ``None`` if no usual mistake fits.

    Parameters
    ----------
    sent
        The bytes that stand beside the signature.
    digest
        What the signature holds.
    method, path, headers
        Of the request, which the scheme of before 2020 signed too.
    """
    for how, tried in _usual(sent, method, path, headers):
        if digest_of(tried) == digest:
            return Trace(tried, how)
    return _one_byte_off(sent, digest)


def first_difference(one: bytes, other: bytes) -> int:
    """Give the number of the first byte in which two texts differ, or where the shorter ends."""
    shorter = min(len(one), len(other))
    return next((at for at in range(shorter) if one[at] != other[at]), shorter)


def _usual(
    sent: bytes, method: str, path: str, headers: Mapping[str, str]
) -> Iterator[tuple[str, bytes]]:
    yield "nothing, an empty body", b""
    yield "the body with a newline at its end", sent + b"\n"
    yield "the body with CR LF at its end", sent + b"\r\n"
    yield "the body without the white space at its ends", sent.strip()
    yield "the body with LF for CR LF", sent.replace(b"\r\n", b"\n")
    yield "the body with CR LF for LF", sent.replace(b"\n", b"\r\n")
    yield "the scheme of before 2020, with the headers", _old_scheme(sent, method, path, headers)
    try:
        told = json.loads(sent)
    except (ValueError, RecursionError):
        return
    for form, how in (
        ({"separators": (",", ":")}, "without spaces"),
        ({}, "with a space after each colon and comma"),
        ({"indent": 2}, "over several lines, indented by 2"),
        ({"indent": 4}, "over several lines, indented by 4"),
    ):
        for is_sorted in (False, True):
            for is_ascii in (False, True):
                text = json.dumps(told, ensure_ascii=is_ascii, sort_keys=is_sorted, **form)
                names = ", its names sorted" if is_sorted else ""
                letters = ", other letters escaped" if is_ascii and not text.isascii() else ""
                yield f"the same JSON {how}{names}{letters}", text.encode("utf-8", "surrogatepass")


def _old_scheme(sent: bytes, method: str, path: str, headers: Mapping[str, str]) -> bytes:
    """Give what was signed before 2020. Source: bunq docs, "Signing", of that time."""
    told = sorted(
        f"{name}: {text}"
        for name, text in headers.items()
        if name in ("Cache-Control", "User-Agent")
        or (name.startswith("X-Bunq-") and name != "X-Bunq-Client-Signature")
    )
    return "\n".join([f"{method} {path}", *told, "", ""]).encode() + sent


def _one_byte_off(sent: bytes, digest: bytes) -> Trace | None:
    """Try another byte at every place, one byte less, and one more; of long ones a flipped bit."""
    before = hashlib.sha256()
    if _LONGEST_TRIED < len(sent) <= _LONGEST_FLIPPED:
        return _one_bit_off(sent, digest)
    if len(sent) > _LONGEST_FLIPPED:
        return None
    for at in range(len(sent) + 1):
        after, rest = sent[at:], sent[at + 1 :]
        for byte in range(256):
            one = bytes([byte])
            if at < len(sent) and _continues(before, one + rest, digest):
                return Trace(sent[:at] + one + rest, f"the body with byte {at} as {byte:02x}")
            if _continues(before, one + after, digest):
                return Trace(sent[:at] + one + after, f"the body with {byte:02x} before byte {at}")
        if at < len(sent) and _continues(before, rest, digest):
            return Trace(sent[:at] + rest, f"the body without byte {at}")
        before.update(sent[at : at + 1])
    return None


def _one_bit_off(sent: bytes, digest: bytes) -> Trace | None:
    before = hashlib.sha256()
    for at, byte in enumerate(sent):
        for bit in range(8):
            one = bytes([byte ^ 1 << bit])
            if _continues(before, one + sent[at + 1 :], digest):
                how = f"the body with byte {at} as {one.hex()}"
                return Trace(sent[:at] + one + sent[at + 1 :], how)
        before.update(sent[at : at + 1])
    return None


def _continues(before: hashlib._Hash, rest: bytes, digest: bytes) -> bool:
    tried = before.copy()
    tried.update(rest)
    return tried.digest() == digest
