"""Reads a call: the operation of its path, its paging, its fields or its file."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bunqkit.catalogue.operations import Operation, operations
from bunqkit.sandbox.fields import check_fields, straighten
from bunqkit.sandbox.quirks import Quirks
from bunqkit.sandbox.refusal import NO_ROUTE, refuse
from bunqkit.sandbox.resources.call import File, Paging
from bunqkit.sandbox.wsgi import read_length

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_LARGEST_PAGE = 200
# The largest file that the offline bank keeps. Source: bunq docs, "Attachment".
LARGEST_BODY = 32 * 1024 * 1024


class Routes:
    """A tree of path segments that leads to operations; literal segments win over ids."""

    def __init__(self, operations: Iterable[Operation]) -> None:
        self._root: dict[str, Any] = {}
        for operation in operations:
            node = self._root
            parts = operation.path.strip("/").split("/")
            for segment in parts:
                node = node.setdefault("{}" if segment.startswith("{") else segment, {})
            names = [(place, part[1:-1]) for place, part in enumerate(parts) if part[0] == "{"]
            node.setdefault("methods", {})[operation.method] = (operation, names)

    def find(self, method: str, path: str) -> tuple[Operation, dict[str, str]]:
        """Return the operation and the ids in the path; raise a refusal if there is none."""
        if not path.startswith("/v1/"):
            raise NO_ROUTE
        segments = path.removeprefix("/v1/").removesuffix("/").split("/")
        node = self._root
        for segment in segments:
            # A client may send "methods" or "{}" as an id, but they are keys of the tree.
            key = segment if segment in node and segment not in ("methods", "{}") else "{}"
            if not segment or key not in node:
                raise NO_ROUTE
            node = node[key]
        if "methods" not in node:
            raise NO_ROUTE
        if method not in node["methods"]:
            raise refuse(405, f"Method {method} is not allowed for this endpoint.")
        operation, names = node["methods"][method]
        return operation, {name: unquote(segments[place]) for place, name in names}


@cache
def all_routes() -> Routes:
    """Return the routes of all operations; every bank has the same."""
    return Routes(operations())


def read_path(environ: WSGIEnvironment, quirks: Quirks) -> str:
    """Return the path; a path of other times that the quirks allow becomes today's."""
    # WSGI hands the path over as Latin-1 whatever its bytes mean.
    path: str = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    if quirks.version_is_optional and not _IS_WHOLE.match(path):
        path = f"/v1{path}"
    if quirks.sandbox_user_stays and path == "/v1/sandbox-user":
        path = "/v1/sandbox-user-person"
    return path


# A path that names the version, or that of the page for people, which has none.
_IS_WHOLE = re.compile(r"/(v1(/|$)|auth$)")


def read_paging(query: dict[str, str], *, cuts: bool) -> Paging:
    """Return the page that a query asks for. A count above 200 is cut to 200, or refused."""
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


# Every number of eighteen digits fits into SQLite's 64 bits.
_NUMBER = re.compile(r"[0-9]{1,18}", re.ASCII)


def read_body(environ: WSGIEnvironment) -> bytes:
    """Return the body of a call; refuse one that is too large."""
    length = read_length(environ)
    if length > LARGEST_BODY:
        raise refuse(400, "The request body is too large.")
    body: bytes = environ["wsgi.input"].read(length)
    return body


def read_upload(environ: WSGIEnvironment, body: bytes) -> File:
    """Return the file that was sent in place of JSON."""
    kind = environ.get("CONTENT_TYPE") or ""
    description = environ.get("HTTP_X_BUNQ_ATTACHMENT_DESCRIPTION")
    return File(body, kind.partition(";")[0].strip().lower(), description)


def read_fields(operation: Operation, body: bytes, quirks: Quirks) -> dict[str, Any]:
    """Return the JSON body of a call, checked; empty if the operation takes none.

    Source: no Content-Type is asked for (SDK).
    """
    if operation.method not in ("POST", "PUT") or operation.sends_bytes:
        return {}
    try:
        fields = straighten(json.loads(body or b"{}"), quirks)
        # JSON can escape half of a surrogate pair, which is no text.
        json.dumps(fields, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise refuse(400, "The request body is not valid JSON.") from error
    if not isinstance(fields, dict):
        raise refuse(400, "The request body must be a JSON object.")
    check_fields(operation, fields, quirks)
    return fields
