"""Offers a method of a part as a method of the whole, with its own signature and docstring."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

Arguments = ParamSpec("Arguments")
Returned = TypeVar("Returned")


class PartMethod(Generic[Arguments, Returned]):
    """A method that an object offers, and one of its parts has.

    The object returns the bound method of the part, so no further frame is on the call stack: a
    secret among the arguments stands in no traceback.

    Parameters
    ----------
    part
        The name of the attribute that holds the part.
    method
        The method, as the class of the part has it.
    """

    def __init__(self, part: str, method: Callable[Concatenate[Any, Arguments], Returned]) -> None:
        self._part = part
        self._method = method

    @overload
    def __get__(
        self, whole: None, kind: type
    ) -> Callable[Concatenate[Any, Arguments], Returned]: ...

    @overload
    def __get__(self, whole: object, kind: type) -> Callable[Arguments, Returned]: ...

    def __get__(self, whole: object | None, kind: type) -> Callable[..., Returned]:
        """Return the method of the part; on the class, the plain function, for ``help()``."""
        if whole is None:
            return self._method
        bound: Callable[..., Returned] = getattr(getattr(whole, self._part), self._method.__name__)
        return bound
