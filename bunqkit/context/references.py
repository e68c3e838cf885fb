"""References of the kit's own, by which a payment or a request can be found again.

bunq has no idempotency key. Some types have a field for a reference instead: a payment that bears
a reference that nothing else bears can be found among what the bank shows.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

from bunqkit.catalogue.operations import Operation, Type, find_type, operations
from bunqkit.client.journal import REFERENCE

PREFIX = "bunqkit-"
"""How every reference of the kit begins."""


def add_reference(operation: Operation, body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body with a reference wherever its type has a field for one.

    A reference that the caller chose stays.
    """
    body_type = find_type(operation.body or "")
    if operation.verb != "create" or body_type is None or not body:
        return dict(body)
    return _add_references(body_type, body)


def bears_reference(operation: Operation) -> bool:
    """Return True if what an operation makes bears a reference that can be looked up."""
    body_type = find_type(operation.body or "")
    return (
        operation.verb == "create"
        and body_type is not None
        and is_listed(operation)
        and _has_reference(body_type)
    )


@cache
def is_listed(operation: Operation) -> bool:
    """Return True if the bank has a paged list at the path of an operation."""
    return any(
        other.method == "GET" and other.path == operation.path and other.is_paged
        for other in operations()
    )


class References:
    """The references of writes: each call gets its own, and a preview shows that of the next call.

    A preview is kept until a call with the same operation and body takes its references.
    """

    def __init__(self) -> None:
        self._previewed: tuple[Operation, Mapping[str, Any], dict[str, Any]] | None = None
        self._lock = threading.Lock()

    def preview(self, operation: Operation, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body as the next call with the same one will send it."""
        complete = self._find(operation, body) or add_reference(operation, body)
        self._previewed = (operation, dict(body), complete)
        return complete

    def add(self, operation: Operation, body: Mapping[str, Any]) -> dict[str, Any]:
        """Return the body with references that no other call gets."""
        with self._lock:
            complete, self._previewed = self._find(operation, body), None
        return complete or add_reference(operation, body)

    def _find(self, operation: Operation, body: Mapping[str, Any]) -> dict[str, Any] | None:
        previewed = self._previewed
        is_same = previewed is not None and previewed[:2] == (operation, body)
        return previewed[2] if previewed is not None and is_same else None


def _add_references(body_type: Type, body: Mapping[str, Any]) -> dict[str, Any]:
    complete = dict(body)
    if _takes_reference(body_type) and not complete.get(REFERENCE):
        complete[REFERENCE] = f"{PREFIX}{secrets.token_hex(8)}"
    for field in body_type.writable:
        inner, value = find_type(field.body_kind), complete.get(field.name)
        if inner is None:
            continue
        if isinstance(value, Mapping):
            complete[field.name] = _add_references(inner, value)
        elif isinstance(value, list | tuple):
            complete[field.name] = [
                _add_references(inner, part) if isinstance(part, Mapping) else part
                for part in value
            ]
    return complete


def _has_reference(body_type: Type, above: tuple[str, ...] = ()) -> bool:
    """Return True if a type, or one inside it, has a field for a reference."""
    above = (*above, body_type.name)
    inner = (find_type(field.body_kind) for field in body_type.writable)
    return _takes_reference(body_type) or any(
        _has_reference(part, above) for part in inner if part is not None and part.name not in above
    )


def _takes_reference(body_type: Type) -> bool:
    return REFERENCE in body_type and body_type[REFERENCE].writable
