"""Finds and masks secrets that are known, in any text: an echo of the bank, a log, a saved file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from urllib.parse import quote

from bunqkit.security.redaction import KEY_PREFIX, LEAST_PART, SECRET_FIELDS, Secret, shorten

# A secret field and its value, in JSON that may be cut off. Group 1 or 2 is what must be masked.
_SECRET_VALUE = re.compile(
    rb'"(?:%s)"\s*:\s*(?:"((?:[^"\\]|\\.)*)|([^\s",\]}\[{]+))'
    % "|".join(sorted(SECRET_FIELDS)).encode(),
    re.DOTALL,
)
# ASCII alone, so that places in the text stay the same.
_LOWER = {upper: upper + 32 for upper in range(ord("A"), ord("Z") + 1)}
_BLOCK = LEAST_PART // 2


def secret_spans(body: bytes, *known: str) -> list[tuple[int, int]]:
    """Return the places of the secrets in a body, as first byte and end, in order and apart.

    Parameters
    ----------
    body
        JSON, whole or cut off; in other bytes only known secrets are found.
    known
        Secret texts that may be anywhere.
    """
    spans = [match.span(1 if match[1] is not None else 2) for match in _SECRET_VALUE.finditer(body)]
    # One letter for each byte, so that places in the text are places in the body.
    text = body.decode("latin-1")
    spans += find_known(text, [secret.encode().decode("latin-1") for secret in known])
    return _merge(spans)


def mask_known(text: str, known: Iterable[str]) -> str:
    """Return a text in which known secrets, and long parts of them, are shortened."""
    for start, end in reversed(_merge(find_known(text, known))):
        text = text[:start] + shorten(text[start:end]) + text[end:]
    return text


def html_forms(text: str) -> tuple[str, ...]:
    """Return a text as HTML: with plain quotes, with those of Python, and with those of Jinja2."""
    plain = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    as_python = plain.replace('"', "&quot;").replace("'", "&#x27;")
    as_jinja = plain.replace('"', "&#34;").replace("'", "&#39;")
    return plain, as_python, as_jinja


def forms_of(secret: Secret) -> list[str]:
    """Return the forms in which a secret may be written: as it is, in HTML, a URL, JSON."""
    text = secret.reveal()
    forms = (text, *html_forms(text), quote(text, safe=""), json.dumps(text)[1:-1])
    return list(dict.fromkeys(filter(None, forms)))


def find_known(text: str, known: Iterable[str]) -> list[tuple[int, int]]:
    """Return where known secrets are in a text, as start and end: whole, or long parts of them.

    A part counts if it has 12 letters or more. A shorter secret counts where no letter or digit is
    beside it. Upper and lower case are the same, and each part of a secret that is cut, wrapped or
    escaped is found.
    """
    lower = text.translate(_LOWER)
    spans: list[tuple[int, int]] = []
    for whole in known:
        secret = whole.removeprefix(KEY_PREFIX)
        if secret and len(secret) < LEAST_PART:
            pattern = rf"(?<![0-9A-Za-z]){re.escape(secret)}(?![0-9A-Za-z])"
            spans += [match.span() for match in re.finditer(pattern, text)]
        elif len(secret) >= LEAST_PART:
            spans += [
                (start - len(KEY_PREFIX) * lower.endswith(KEY_PREFIX, 0, start), end)
                for start, end in _find_parts(lower, secret.translate(_LOWER))
            ]
    return spans


def _find_parts(text: str, secret: str) -> Iterator[tuple[int, int]]:
    """Yield the parts that a text and a secret have in common, each as long as it is.

    A part of at least two blocks holds one whole block that begins at a multiple of its length.
    """
    for at in range(0, len(secret) - _BLOCK + 1, _BLOCK):
        place = text.find(secret[at : at + _BLOCK])
        while place >= 0:
            start, first = place, at
            while start and first and text[start - 1] == secret[first - 1]:
                start, first = start - 1, first - 1
            end, last = place + _BLOCK, at + _BLOCK
            while end < len(text) and last < len(secret) and text[end] == secret[last]:
                end, last = end + 1, last + 1
            if end - start >= LEAST_PART:
                yield start, end
            place = text.find(secret[at : at + _BLOCK], max(place + 1, end - _BLOCK + 1))


def _merge(spans: Iterable[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return spans in order, with those that overlap as one."""
    merged: list[tuple[int, int]] = []
    for start, end in sorted(span for span in spans if span[0] < span[1]):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged
