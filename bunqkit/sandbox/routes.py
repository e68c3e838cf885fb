"""Reads a call: which operation its path means, which page is asked for, and what it brings."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from bunqkit.catalogue.operations import Operation, operations
from bunqkit.sandbox.fields import check_fields, straighten
from bunqkit.sandbox.quirks import Habits
from bunqkit.sandbox.refusal import NO_ROUTE, refuse
from bunqkit.sandbox.resources.call import File, Paging

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_LARGEST_PAGE = 200
# Source: bunq docs, "Attachment"; the largest file that the offline bank keeps.
LARGEST_BODY = 32 * 1024 * 1024


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


@cache
def all_routes() -> Routes:
    """Return the routes of all operations; every bank has the same."""
    return Routes(operations())


def read_path(environ: WSGIEnvironment, habits: Habits) -> str:
    """Read the path, the one of today for those of other times that the bank's habits know."""
    # WSGI hands the path over as Latin-1 whatever its bytes mean.
    path: str = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
    if habits.version_is_optional and not _IS_WHOLE.match(path):
        path = f"/v1{path}"
    if habits.sandbox_user_stays and path == "/v1/sandbox-user":
        path = "/v1/sandbox-user-person"
    return path


# It names the version, or is the page for people, which has none.
_IS_WHOLE = re.compile(r"/(v1(/|$)|auth$)")


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


def read_body(environ: WSGIEnvironment) -> bytes:
    """Read the bytes of a call, up to the largest that the bank takes."""
    told = environ.get("CONTENT_LENGTH") or "0"
    length = int(told) if told.isascii() and told.isdigit() else 0
    if length > LARGEST_BODY:
        raise refuse(400, "The request body is too large.")
    body: bytes = environ["wsgi.input"].read(length)
    return body


def read_upload(environ: WSGIEnvironment, body: bytes) -> File:
    """Give the file that came in place of a body."""
    kind = environ.get("CONTENT_TYPE") or ""
    description = environ.get("HTTP_X_BUNQ_ATTACHMENT_DESCRIPTION")
    return File(body, kind.partition(";")[0].strip().lower(), description)


def read_fields(operation: Operation, body: bytes, habits: Habits) -> dict[str, Any]:
    """Read the JSON of a call that takes some. Source: no Content-Type is asked for (SDK)."""
    if operation.method not in ("POST", "PUT") or operation.sends_bytes or not body:
        told: Any = {}
    else:
        try:
            told = straighten(json.loads(body), habits)
            # Half of a surrogate pair can be escaped in JSON, and is no text.
            json.dumps(told, ensure_ascii=False, allow_nan=False).encode()
        except (ValueError, RecursionError) as error:
            raise refuse(400, "The request body is not valid JSON.") from error
        if not isinstance(told, dict):
            raise refuse(400, "The request body must be a JSON object.")
    fields: dict[str, Any] = told
    if operation.method in ("POST", "PUT") and not operation.sends_bytes:
        check_fields(operation, fields, habits)
    return fields
