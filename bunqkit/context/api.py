"""``bunq.api``: every operation as a method, for Tab completion, ``?`` and Shift-Tab.

Resources and verbs are made from the catalogue when they are first needed. Nothing here sends
anything: a verb passes its operation and arguments to the function that it was made with.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal
from functools import cached_property
from typing import TYPE_CHECKING, Any

from bunqkit.catalogue.operations import Field, Operation, operations, type_named
from bunqkit.errors import UnknownNameError
from bunqkit.security.redaction import conceal

if TYPE_CHECKING:
    from bunqkit.catalogue.docs import DocPage
    from bunqkit.client.answer import Answer

Call = Callable[..., "Answer"]
"""Calls an operation with its arguments."""

_ANNOTATIONS: dict[str, object] = {
    "integer": int,
    "number": float,
    "decimal": Decimal | str,
    "text": str,
    "boolean": bool,
    "time": datetime | str,
    "date": date | str,
    "any": object,
    "Amount": Decimal | str | dict,
    "Pointer": str | dict,
}


class Resource:
    """A resource of the API: its verbs, and the resources below it. Its repr is its documentation.

    Parameters
    ----------
    name
        As in the names of operations, ``card.export-statement-card``; ``""`` is the whole API.
    below
        The operations whose names start with it.
    call
        The function that each verb calls.
    """

    def __init__(self, name: str, below: Mapping[str, Operation], call: Call) -> None:
        self._name = name
        self._below = below
        self._call = call

    @cached_property
    def _members(self) -> dict[str, Resource | Verb]:
        depth = self._name.count(".") + 1 if self._name else 0
        members: dict[str, Resource | Verb] = {}
        below: dict[str, dict[str, Operation]] = {}
        for operation in self._below.values():
            parts = operation.name.split(".")
            if len(parts) == depth + 1:
                members[parts[depth].replace("-", "_")] = Verb(operation, self._call)
            else:
                name = ".".join(parts[: depth + 1])
                below.setdefault(name, {})[operation.name] = operation
        for name, known in below.items():
            members[name.rpartition(".")[2].replace("-", "_")] = Resource(name, known, self._call)
        return members

    def __getattr__(self, name: str) -> Any:  # a resource or a verb, as the name says
        if name in self._members:
            return self._members[name]
        if name.startswith("_"):
            raise AttributeError(name)
        from bunqkit.catalogue.search import nearest_names

        nearest = nearest_names(name, self._members)
        # It is an AttributeError too, so hasattr() and completion work as everywhere.
        raise NoSuchMemberError(
            f"{self._name or 'The API'} has no {name!r}. Did you mean {', '.join(nearest)}? "
            "bunq.find() searches all operations.",
            nearest,
        )

    def __dir__(self) -> list[str]:
        return sorted(self._members)

    def _page(self) -> DocPage:
        from bunqkit.catalogue.docs import describe_api, describe_resource

        if not self._name:
            return describe_api(self._below.values())
        return describe_resource(self._name, self._below.values())

    def __repr__(self) -> str:
        return self._page().text()

    def _repr_html_(self) -> str:
        return self._page().html()

    def _repr_markdown_(self) -> str:
        return self._page().markdown()


class NoSuchMemberError(UnknownNameError, AttributeError):
    """The error for a name that is no member of a resource."""


class Verb:
    """One operation as a function. Its repr is its documentation.

    Parameters
    ----------
    operation
        The operation.
    call
        The function that is called with the operation and the arguments.
    """

    def __init__(self, operation: Operation, call: Call) -> None:
        self.operation = operation
        self._call = call
        self.__name__ = operation.python_name.rpartition(".")[2]

    def __call__(self, *own_id: object, **arguments: Any) -> Answer:
        """Call the operation; its signature lists the arguments."""
        arguments = conceal(arguments)
        return self._call(self.operation, *own_id, **arguments)

    @property
    def __doc__(self) -> str:  # type: ignore[override]
        """The docstring, written only when it is read: completion does not need it."""
        from bunqkit.catalogue.docs import write_docstring

        return write_docstring(self.operation)

    @property
    def __signature__(self) -> inspect.Signature:
        """The arguments of the operation, for ``inspect.signature``."""
        return _signature(self.operation)

    def _page(self) -> DocPage:
        return self.operation.page()

    def __repr__(self) -> str:
        return self._page().text()

    def _repr_html_(self) -> str:
        return self._page().html()

    def _repr_markdown_(self) -> str:
        return self._page().markdown()


def make_api(call: Call) -> Resource:
    """Return the whole API; its verbs call ``call``."""
    return Resource("", {operation.name: operation for operation in operations()}, call)


def argument_names(operation: Operation) -> list[str]:
    """Return the keyword arguments of an operation: ids, query parameters, fields of the body."""
    return [
        name
        for name, parameter in _signature(operation).parameters.items()
        if parameter.kind in (parameter.KEYWORD_ONLY, parameter.POSITIONAL_OR_KEYWORD)
    ]


def _signature(operation: Operation) -> inspect.Signature:
    """Return the arguments of a verb: its own id, required fields, other ids, the rest."""
    ids = [name for name in operation.ids if name not in ("user_id", "account")]
    either = inspect.Parameter.POSITIONAL_OR_KEYWORD
    parameters = [inspect.Parameter(name, either, annotation=int) for name in ids[-1:]]

    def keyword(name: str, annotation: object, *, required: bool = False) -> None:
        default = inspect.Parameter.empty if required else None
        kind = inspect.Parameter.KEYWORD_ONLY
        parameters.append(inspect.Parameter(name, kind, default=default, annotation=annotation))

    for name in ids[:-1]:
        keyword(name, int, required=True)
    fields = [] if operation.body is None else list(type_named(operation.body).writable)
    for field in fields:
        short = field.name == "counterparty_alias" and operation.takes_counterparty
        keyword(
            "to" if short else field.name,
            _annotation(field),
            required=field.required and operation.method == "POST",
        )
    if operation.takes_counterparty and "name" not in [field.name for field in fields]:
        keyword("name", str)
    if "account" in operation.ids:
        keyword("account", int | str)
    for name in operation.query:
        keyword(name, int if name in ("count", "older_id", "newer_id") else str)
    if operation.method in ("POST", "PUT"):
        keyword("body", dict)
        keyword("check", bool)
    return inspect.Signature(parameters, return_annotation="Answer")


def _annotation(field: Field) -> object:
    return list if field.is_body_list else _ANNOTATIONS.get(field.body_kind, dict)
