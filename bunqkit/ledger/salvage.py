"""Reads the rows of a damaged SQLite file page by page, where SQLite itself gives up.

This module knows SQLite's file format, and nothing of ledgers. Source: sqlite.org, "Database File
Format".
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from dataclasses import dataclass

_HEAD = b"SQLite format 3\x00"
_PAGE_SIZES = [2**power for power in range(9, 17)]
_USUAL_PAGE_SIZE = 4096
_RESERVED_AT = 20
# In the bytes of a number, this bit says that another byte follows.
_MORE = 0x80
_LEAF_OF_TABLE, _LEAF_OF_INDEX, _INSIDE_INDEX = 0x0D, 0x0A, 0x02
_INTEGERS = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_REAL, _ZERO, _ONE, _TEXT = 7, 8, 9, 13

Row = tuple[int, list[object]]


@dataclass(frozen=True)
class _DamagedFile:
    """A file, the size of its pages, and the part of a page that SQLite uses, in bytes."""

    content: bytes
    size: int
    usable: int


def read_rows(content: bytes, *, of_indexes: bool) -> Iterator[Row]:
    """Return the rows that can be read of a file's tables, or of its indexes.

    A table without rowids counts as an index.

    Parameters
    ----------
    content
        The bytes of the file, damaged or not. Deleted rows may be among the others.
    of_indexes
        True to read the pages of indexes instead of those of tables.

    Returns
    -------
    iterator
        The rowid (0 in an index) and the values; the column of the rowid itself is ``None``.
    """
    size = _page_size(content)
    has_head = content.startswith(_HEAD) and len(content) > _RESERVED_AT
    reserved = content[_RESERVED_AT] if has_head else 0
    file = _DamagedFile(content, size, size - reserved)
    kinds = (_LEAF_OF_INDEX, _INSIDE_INDEX) if of_indexes else (_LEAF_OF_TABLE,)
    for start in range(0, len(content), size):
        page = content[start : start + size]
        head = 100 if start == 0 and page[:1] not in [bytes([kind]) for kind in kinds] else 0
        if len(page) > head + 12 and page[head] in kinds:
            yield from _cells(file, page, head)


def _page_size(content: bytes) -> int:
    size = int.from_bytes(content[16:18], "big")
    size = 65536 if size == 1 else size
    return size if content.startswith(_HEAD) and size in _PAGE_SIZES else _USUAL_PAGE_SIZE


def _cells(file: _DamagedFile, page: bytes, head: int) -> Iterator[Row]:
    kind = page[head]
    first = head + (12 if kind == _INSIDE_INDEX else 8)
    count = int.from_bytes(page[head + 3 : head + 5], "big")
    for at in range(first, min(first + 2 * count, len(page) - 1), 2):
        place = int.from_bytes(page[at : at + 2], "big")
        try:
            yield _cell(file, page, place, kind)
        except (IndexError, ValueError, struct.error):
            continue


def _cell(file: _DamagedFile, page: bytes, place: int, kind: int) -> Row:
    if kind == _INSIDE_INDEX:
        place += 4
    length, place = _varint(page, place)
    rowid, usable = 0, file.usable
    most, least = usable - 35, (usable - 12) * 32 // 255 - 23
    if kind == _LEAF_OF_TABLE:
        rowid, place = _varint(page, place)
    else:
        most = (usable - 12) * 64 // 255 - 23
    if length > len(file.content):
        raise ValueError(length)
    if length <= most:
        payload = page[place : place + length]
    else:
        local = least + (length - least) % (usable - 4)
        local = local if local <= most else least
        following = int.from_bytes(page[place + local : place + local + 4], "big")
        payload = page[place : place + local]
        payload += _overflow(file, following, length - local)
    if len(payload) != length:
        raise ValueError(length)
    return rowid, _values(payload)


def _overflow(file: _DamagedFile, number: int, length: int) -> bytes:
    content = file.content
    parts = []
    while length > 0:
        start = (number - 1) * file.size
        if number < 1 or start >= len(content):
            raise ValueError(number)
        part = content[start + 4 : start + 4 + min(length, file.usable - 4)]
        number = int.from_bytes(content[start : start + 4], "big")
        if not part:
            raise ValueError(number)
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def _values(payload: bytes) -> list[object]:
    end, at = _varint(payload, 0)
    body = end
    values: list[object] = []
    while at < end:
        kind, at = _varint(payload, at)
        value, body = _value(payload, body, kind)
        values.append(value)
    if body != len(payload):
        raise ValueError(body)
    return values


def _value(payload: bytes, at: int, kind: int) -> tuple[object, int]:
    if kind in (0, _ZERO, _ONE):
        return (None if kind == 0 else kind - _ZERO), at
    length = _INTEGERS.get(kind, 8 if kind == _REAL else (kind - 12) // 2)
    raw = payload[at : at + length]
    if len(raw) != length or kind in (10, 11):
        raise ValueError(kind)
    if kind in _INTEGERS:
        return int.from_bytes(raw, "big", signed=True), at + length
    if kind == _REAL:
        return struct.unpack(">d", raw)[0], at + length
    return (raw.decode() if kind % 2 else raw), at + length


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = 0
    for place in range(8):
        byte = content[at + place]
        value = value << 7 | byte & ~_MORE
        if byte < _MORE:
            return value, at + place + 1
    return value << 8 | content[at + 8], at + 9
