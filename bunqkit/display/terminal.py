"""Makes texts of strangers safe to print in a terminal.

A description may hold codes that move the cursor, change the direction of writing, or can't be
printed. A dot takes the place of each, so that the reader sees that something was there.
"""

from __future__ import annotations

import re

_LINE_ENDS = re.compile("\r\n|[\t\n\x0b\x0c\r\x85\u2028\u2029]")
# Control characters, soft hyphens, characters without width (except the two joiners, which emoji
# and Persian need), characters that change the direction of writing, lone surrogates, tags.
_HARMFUL = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb"
    "\ud800-\udfff\U000e0000-\U000e0fff]"
)

# Accents on accents reach over the lines above and below; no script needs more than three.
_STACKED = re.compile(
    "([\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
    "[\u0300-\u036f\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def printable(text: str) -> str:
    """Return a text as one line: line ends become spaces, unprintable characters become dots."""
    if text.isascii() and text.isprintable():
        return text
    return _STACKED.sub(r"\1", _HARMFUL.sub("·", _LINE_ENDS.sub(" ", text)))


def printable_lines(text: str) -> str:
    """Return a text of several lines, each made safe by ``printable``."""
    return "\n".join(map(printable, text.split("\n")))
