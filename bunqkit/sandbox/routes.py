"""Finds the operation of a path, and reads which page is asked for."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any
from urllib.parse import unquote

from bunqkit.catalogue import Operation
from bunqkit.sandbox.refusal import NO_ROUTE, refuse
from bunqkit.sandbox.resources.call import Paging

_LARGEST_PAGE = 200


class Routes:
    """Finds the operation of a path, a segment at a time; literal ones win over ids."""

    def __init__(self, known: Iterable[Operation]) -> None:
        self._root: dict[str, Any] = {}
        for operation in known:
            node = self._root
            parts = operation.path.strip("/").split("/")
            for segment in parts:
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            names = [(at, part[1:-1]) for at, part in enumerate(parts) if part[0] == "{"]
            node.setdefault("methods", {})[operation.method] = (operation, names)

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """Give the operation and the path's ids, or refuse."""
        if not path.startswith("/v1/"):
            raise NO_ROUTE
        segments = path.removeprefix("/v1/").removesuffix("/").split("/")
        node = self._root
        for segment in segments:
            # "methods" is no segment of bunq's, and "{}" none that travels.
            key = segment if segment in node and segment not in ("methods", "{}") else "{}"
            if not segment or key not in node:
                raise NO_ROUTE
            node = node[key]
        if "methods" not in node:
            raise NO_ROUTE
        if method not in node["methods"]:
            raise refuse(405, f"Method {method} is not allowed for this endpoint.")
        operation, names = node["methods"][method]
        return operation, {name: unquote(segments[at]) for at, name in names}


def read_paging(query: dict[str, str], *, cuts: bool) -> Paging:
    """Read which page is asked for; more than 200 are cut to 200, or refused."""
    numbers: dict[str, int] = {}
    for name in ("count", "older_id", "newer_id"):
        if name in query:
            if not _NUMBER.fullmatch(query[name]):
                raise refuse(400, f'Invalid value for "{name}": a whole number is expected.')
            numbers[name] = int(query[name])
    if "older_id" in numbers and "newer_id" in numbers:
        raise refuse(400, 'Use either "older_id" or "newer_id", not both.')
    if numbers.get("count") == 0:
        raise refuse(400, 'Invalid value for "count": at least 1 is expected.')
    if numbers.get("count", 0) > _LARGEST_PAGE and not cuts:
        raise refuse(400, f'Invalid value for "count": at most {_LARGEST_PAGE} is expected.')
    return Paging(
        count=min(numbers.get("count", Paging.count), _LARGEST_PAGE),
        older_id=numbers.get("older_id"),
        newer_id=numbers.get("newer_id"),
    )


# Eighteen digits are what SQLite's 64 bits hold for certain.
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)
