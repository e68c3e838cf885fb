"""Finds unknown secrets in a text of any kind, by their shape or by the name in front of them.

It is for texts that are written already: a notebook, a recording, the message of an error.
``redaction`` decides which names are those of secrets.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from bunqkit.security.redaction import KEY_PREFIX, MASK, is_secret_name, shorten

# Replaces a secret in a file. These are plain letters, since it may be in a bytes literal.
REMOVED = "REMOVED"


@dataclass(frozen=True)
class Sighting:
    """The place of a secret in a text, and its kind."""

    start: int
    end: int
    kind: str


def is_harmless_name(name: str) -> bool:
    """Return True if 64 hex digits under this name are a digest or a public id, and no key."""
    return re.search(_HARMLESS, name) is not None


def is_placeholder(text: str) -> bool:
    """Return True if a text is in place of a secret: a mask, a variable, a blank to fill in."""
    return _PLACEHOLDER.fullmatch(text) is not None and _CUT_KEY.search(text) is None


def find_secrets(text: str) -> Iterator[Sighting]:
    """Yield what has the shape of a secret, or is in the text under the name of one.

    Sightings may overlap and come in any order. UUIDs, git hashes, IBANs and labelled SHA-256
    digests are no secrets. A private key is found line by line.
    """
    yield from _find_keys(text)
    yield from _find_broken_keys(text)
    for end in re.finditer("==(?!=)", text):
        begin = max(end.end() - _LONGEST_SIGNATURE, 0)
        if signature := _SIGNATURE.search(text, begin, end.end()):
            yield Sighting(*signature.span(), "signature")
    if any(mark in text for mark in _KEY_MARKS):
        for block in _PRIVATE_KEY.finditer(text):
            yield from _find_key_lines(text, *block.span())
    yield from _find_named(text)


def mask_secrets(text: str) -> str:
    """Return a text in which everything that ``find_secrets`` finds is shortened."""
    for secret in sorted(find_secrets(text), key=lambda secret: secret.start, reverse=True):
        start, end = secret.start, secret.end
        text = text[:start] + shorten(text[start:end]) + text[end:]
    return text


def _find_named(text: str) -> Iterator[Sighting]:
    # Most texts hold none of the words, and this check is cheap.
    lower = text.lower()
    for words, pattern in _NAMED:
        if any(word in lower for word in words):
            for match in pattern.finditer(text):
                if not is_placeholder(match["value"]):
                    name = match["name"]
                    yield Sighting(*match.span("value"), _IN_ADDRESS if name == "://" else name)
    if not any(word in lower for word in _SECRET_WORDS):
        return
    for pattern in (_ASSIGNED, _ASSIGNED_NUMBER):
        for match in pattern.finditer(text):
            name = match["name"]
            if match.start() and text[match.start() - 1] == "\\":
                name = name[1:]  # the n of an escaped line end
            is_number = pattern is _ASSIGNED_NUMBER and match["value"].strip("0") != ""
            if is_secret_name(name) and (is_number or _may_be_secret(name, match["value"])):
                yield Sighting(*match.span("value"), name)


def _find_keys(text: str) -> Iterator[Sighting]:
    """Yield keys and tokens that are in one piece, or are cut off."""
    for match in _SANDBOX_KEY.finditer(text):
        if _stands_apart(text, match.start()):
            yield Sighting(*match.span(), "API key")
    for pattern, kind in ((_HEX, HEX_KIND), (_CUT_KEY, "part of a key")):
        for match in pattern.finditer(text):
            group = match.lastgroup or 0
            is_word = match[group].isdigit() or match[group].isalpha()
            if not is_word and _stands_apart(text, match.start()) and not _is_digest(text, match):
                yield Sighting(*match.span(group), kind)


def _find_broken_keys(text: str) -> Iterator[Sighting]:
    """Yield the pieces of keys that are split over lines, joined strings or tags."""
    done = 0
    for joint in _JOINT.finditer(text):
        begin, first = _begin_of_key(text, joint.start())
        is_short = joint.start() - begin < _LEAST_PIECE
        if begin < done or is_short or not _stands_apart(text, begin):
            continue
        if _BEFORE_DIGEST.search(text[max(begin - 40, 0) : begin]):
            continue
        pieces, letters = [(begin, joint.start())], text[first : joint.start()]
        after: re.Match[str] | None = joint
        while after and len(letters) < _DIGITS and (piece := _PIECE.match(text, after.end())):
            pieces.append(piece.span())
            letters += piece[0]
            after = _JOINT.match(text, piece.end())
        if len(pieces) > 1 and _is_key(letters, pieces, has_prefix=begin < first):
            yield from (Sighting(*piece, "API key in pieces") for piece in pieces)
            done = pieces[-1][1]


def _begin_of_key(text: str, end: int) -> tuple[int, int]:
    """Return where the key begins that is split at a place, and where its digits begin."""
    first = end
    while first and end - first < _DIGITS and text[first - 1] in _HEX_DIGITS:
        first -= 1
    has_prefix = text.endswith(KEY_PREFIX, 0, first)
    return first - len(KEY_PREFIX) * has_prefix, first


def _is_key(letters: str, pieces: list[tuple[int, int]], *, has_prefix: bool) -> bool:
    """Return True if pieces are those of a key; lines of 32 digits are a list of digests."""
    if letters.isdigit() or letters.isalpha():
        return False
    if has_prefix:
        return len(letters) >= _LEAST_DIGITS
    return len(letters) == _DIGITS and {end - start for start, end in pieces} != {_DIGITS // 2}


def _may_be_secret(name: str, text: str) -> bool:
    """Return True if a text in code may be a secret: machines draw keys, people write passwords."""
    if is_placeholder(text):
        return False
    if re.search(r"(?i)pass(?:phrase|word)|pin|cvc|cvv", name):
        return True
    drawn = 16
    return len(text) >= drawn or (len(text) >= drawn // 2 and re.search("[0-9]", text) is not None)


_PLACEHOLDER = re.compile(
    rf"0*|.*(?:{MASK}|\.\.\.)|(?:sandbox_)?{REMOVED}(?:_\d+)?|<.*>|\*+|"
    r"\$\{?[A-Z_]+\}?|\{+[^}]*\}+|%(?:s|r|\w+%|\(\w+\)s)"
)
HEX_KIND = "key or token (64 hex digits)"
PRIVATE_KEY_KIND = "private key"
# The escape of a line end in front of a secret looks like a letter of the secret.
_WRITTEN_OUT = r"(?<=\\[nrtbf])|(?<=%[0-9A-F]{2})|(?<=\\u[0-9a-f]{4})"
_APART = re.compile(rf"(?<![0-9A-Za-z])|{_WRITTEN_OUT}")
# Source: bunq docs, "Authentication", and recorded answers: keys and tokens are 64 hex digits,
# signatures 256 bytes in base64; the first bytes of PKCS#8 and PKCS#1 keys, by their standards.
_SANDBOX_KEY = re.compile(r"sandbox_(?=[A-Za-z]*[0-9])[0-9A-Za-z]{24,}")
_HEX = re.compile("[0-9A-Fa-f]{64}(?![0-9A-Za-z])")
_DIGITS = 64
_LEAST_DIGITS = 24
_LEAST_PIECE = 4
_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")
# The rest of a cut key, if it has more letters than bunqkit itself shows: the other letters may be
# known from another place.
_CUT_KEY = re.compile(
    r"(?P<letters>sandbox_[0-9a-f]{8,63}|[0-9A-Fa-f]{16,63})(?:…|\.\.\.)"
    r"|(?P<tail>(?<=…)[0-9a-f]{16,63}|(?<=\.\.\.)[0-9a-f]{16,63})(?![0-9A-Za-z])"
    r"|(?P<short>sandbox_(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{12,})(?![0-9A-Za-z])"
)
# The text that may be between two pieces of a key: a line end and the start of the next line, two
# joined strings, tags, the colours of a terminal; escaped or not.
_JOINT = re.compile(
    r"""(?<=[0-9A-Fa-f_])(?:
        \x1b\[[0-9;]*m | <[^<>\n]{1,80}> | =?\\?(?:\r?\n|\\r?\\?n)[ \t>|\#*]*
        | \\*["'](?:[ \t+()\\]|\r?\n){0,60}?[rbfuRBFU]{0,2}\\*["']
    )+(?=[0-9A-Fa-f])""",
    re.VERBOSE,
)
_PIECE = re.compile("[0-9A-Fa-f]+(?![0-9A-Za-z])")
_SIGNATURE = re.compile(rf"(?:(?<![A-Za-z0-9+/=])|{_WRITTEN_OUT})(?:[A-Za-z0-9+/]|\\/){{342}}==\Z")
_LONGEST_SIGNATURE = 420  # with every slash written as \/
_HARMLESS = r"(?i:sha-?_?256|digest|checksum|hash|fingerprint|etag|integrity|client_?id)"
_BEFORE_DIGEST = re.compile(
    rf"{_HARMLESS}(?:sum)?[\"']?\W{{0,4}}(?:hex|value|of the body)?\W{{0,6}}(?:<[^<>]*>){{0,3}}\Z"
)
_AFTER_DIGEST = re.compile(r" [ *][\w./-]+\.\w")  # as sha256sum prints it


def _stands_apart(text: str, start: int) -> bool:
    return _APART.match(text, start) is not None


def _is_digest(text: str, match: re.Match[str]) -> bool:
    before = text[max(match.start() - 40, 0) : match.start()]
    return bool(_BEFORE_DIGEST.search(before) or _AFTER_DIGEST.match(text, match.end()))


_BLANK = r"(?: |%20|\+|_)"
_PRIVATE_KEY = re.compile(
    rf"BEGIN{_BLANK}(?:[A-Z]+{_BLANK}){{0,2}}PRIVATE{_BLANK}KEY(?s:.{{0,6000}}?)"
    rf"END{_BLANK}(?:[A-Z]+{_BLANK}){{0,2}}PRIVATE{_BLANK}KEY"
    # Without its last line, or without both: the rest of it goes on as long as there is base64.
    r"|(?:PRIVATE KEY-----|MII[A-Za-z0-9+/]{3}IBA(?:DANBgkqhkiG9w0BAQEFAASC|AKCA)"
    r"|LS0tLS1CRUdJTiB(?:QUklWQVRF|SU0EgUFJJVkFUR|FTkNSWVBURUQgUFJJVkFUR))"
    r"""(?:[A-Za-z0-9+/=\s"',]|\\[nrt/"'])*"""
)
_KEY_MARKS = ("PRIVATE", "MII", "LS0tLS1CRUdJTiB")
_KEY_LINE = re.compile(
    r"\\[nrt\"']|\\u[0-9a-fA-F]{4}|%[0-9A-F]{2}|<[^<>]*>|&#?\w+;|-----?[A-Z +%0-9]+-----?"
    r"|(?P<line>(?:[A-Za-z0-9+/=]|\\/)+)"
)
_LEAST_LINE = 16
_NEARLY_ALL = 0.8


def _find_key_lines(text: str, start: int, end: int) -> Iterator[Sighting]:
    """Yield the lines of base64 in a block that has some; short ones only at its end."""
    lines = [
        line
        for line in _KEY_LINE.finditer(text, start, end)
        if line["line"] and line["line"] not in ("BEGIN", "END", "PRIVATE", "KEY", "RSA")
    ]
    longest = max((len(line["line"]) for line in lines), default=0)
    if longest < 2 * _LEAST_LINE:
        return
    # Code may be between the lines, but not if nearly everything is base64.
    is_pure = sum(len(line["line"]) for line in lines) > _NEARLY_ALL * (end - start)
    least = _LEAST_LINE // 4 if is_pure else _LEAST_LINE
    for line in lines:
        if len(line["line"]) >= least or line is lines[-1]:
            yield Sighting(*line.span(), PRIVATE_KEY_KIND)


_IN_ADDRESS = "password in an address"
_QUOTE = r"""(?:\\*["']|&quot;|&\#39;|&\#x27;)"""
_BETWEEN = r"(?:<[^<>]*>|&\w+;|[^\w\n<>]){1,8}"  # punctuation, or the tags of a table
_NAMED = tuple(
    (words, re.compile(pattern))
    for words, pattern in (
        # The value of a header without quotes; a name of a variable has no digit, or an attribute.
        (
            ("x-bunq-",),
            (
                rf"(?i)(?P<name>x-bunq-(?:client-authentication|(?:client|server)-signature|"
                rf"client-encryption-(?:key|iv|hmac))){_QUOTE}?\]?\s*[:=,]\s*{_QUOTE}?"
                r"(?P<value>(?=[A-Za-z+/=_-]*[0-9])[A-Za-z0-9+/=_-]{8,})(?![A-Za-z0-9+/=_.(\[-])"
            ),
        ),
        (
            ("bearer", "basic"),
            r"(?i)\b(?P<name>bearer|basic)\s+(?P<value>(?=[a-z+/=_.~-]*[0-9])[a-z0-9+/=_.~-]{12,})",
        ),
        (
            ("cookie",),
            r"(?i)\b(?P<name>(?:set-)?cookie)[\"']?:\s*[\"']?(?P<value>[\w-]+=[^\r\n\"'<\\]{6,})",
        ),
        # In an address: a query, and a password before the host.
        (
            ("token=", "secret=", "key=", "code="),
            (
                r"[?&;](?:amp;)?(?P<name>(?:access_|refresh_)?token|client_secret|api_?key|secret|code)="
                r"(?P<value>[^&\s\"'<>#\\]{6,})"
            ),
        ),
        (("://",), r"(?P<name>://)[^/\s:@\"'<>]+:(?P<value>[^/\s@\"'<>]+)@"),
        # Settings as a shell, IPython or a .env writes them.
        (
            ("key", "secret", "pass", "token"),
            (
                r"(?m)^[^\S\n]*(?:!|export |set |%(?:set_)?env )*(?P<name>[A-Z][A-Z0-9_]*"
                r"(?:API_?KEY|SECRET|PASSPHRASE|PASSWORD|TOKEN))=(?P<value>[^\s\"'\\]+)"
            ),
        ),
        (
            ("passphrase=", "password="),
            r"(?P<name>[A-Z][A-Z0-9_]*(?:PASSPHRASE|PASSWORD))=(?P<value>[^\n\"'\\]+)",
        ),
        (
            ("%env", "%set_env"),
            (
                r"%(?:set_)?env (?P<name>[A-Z][A-Z0-9_]*"
                r"(?:API_?KEY|SECRET|PASSPHRASE|PASSWORD|TOKEN)) (?P<value>[^\s\"'\\]+)"
            ),
        ),
        (
            ("bunq_",),
            (
                rf"(?P<name>BUNQ_(?:API_KEY|STATE_PASSPHRASE)){_QUOTE}\s*,\s*{_QUOTE}"
                r"(?P<value>[^\"'\\\n]+)"
            ),
        ),
        (
            ("pin",),
            rf"(?i)\b(?P<name>pin(?:[ _-]?code)?)\b{_BETWEEN}(?P<value>[0-9]{{4,6}})\b",
        ),
        (
            ("cvc", "cvv"),
            rf"(?i)(?:\b|_)(?P<name>cvc2?|cvv2?)\b{_BETWEEN}(?P<value>[0-9]{{3,4}})\b",
        ),
    )
)
_SECRET_WORDS = ("key", "secret", "pass", "token", "pin", "cvc", "cvv", "auth", "signature", "code")
_ASSIGNED = re.compile(
    rf"(?<![\w-])(?P<name>[A-Za-z_][\w-]*){_QUOTE}?\]?\s*(?::|=>?)\s*(?:Secret\()?[rbRB]?"
    r"""(?P<quote>\\*["']|&quot;|&\#39;|&\#x27;)(?P<value>(?:(?!(?P=quote))[^\n]){1,4000}?)(?P=quote)"""
)
_ASSIGNED_NUMBER = re.compile(
    rf"(?<![\w-])(?P<name>[A-Za-z_][\w-]*){_QUOTE}?\]?\s*(?::|=>?)\s*(?P<value>[0-9]{{4,}})(?![\w.…])"
)
