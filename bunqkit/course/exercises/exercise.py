"""Defines an exercise, and compares an answer with the right one."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from bunqkit.catalogue.operations import operation
from bunqkit.errors import FieldError, UnknownNameError

if TYPE_CHECKING:
    from bunqkit.context.context import Context


@dataclass(frozen=True)
class Exercise:
    """One exercise of the course.

    Attributes
    ----------
    id
        Lesson and number: ``3.1``.
    hint
        A hint in a sentence or two.
    solution
        Python code that sets ``answer``; it may use ``bunq`` and names that the lesson defines.
    wrong
        Python code that sets a wrong ``answer``, as after misreading the question.
    judge
        Returns what is wrong with an answer, in a sentence, or ``None`` if it is right.
    """

    id: str
    hint: str
    solution: str
    wrong: str
    judge: Callable[[Any, Context], str | None]


def equals(truth: Callable[[Context], object]) -> Callable[[Any, Context], str | None]:
    """Return a judge that compares an answer with the right one, computed on each call.

    Parameters
    ----------
    truth
        Returns the right answer: a number, a text, or a collection of both, in any order.
    """
    return lambda answer, bunq: tell_difference(answer, truth(bunq))


def names_list(path: str) -> Callable[[Any, Context], str | None]:
    """Return a judge that accepts the name of the operation that reads a list.

    Parameters
    ----------
    path
        The end of the operation's path: ``/card``.
    """

    def judge(answer: Any, _: Context) -> str | None:
        if not isinstance(answer, str):
            return f"A text is asked for; this is {_kind(answer)}."
        try:
            named = operation(answer)
        except UnknownNameError as error:
            return str(error)
        if named.method == "GET" and named.path.endswith(path):
            return None
        return f"{named.name} is {named.method} {named.path}."

    return judge


def tell_difference(answer: Any, truth: object) -> str | None:
    """Return how an answer differs from the right one; ``None`` if it does not."""
    if isinstance(truth, bool):
        return None if bool(answer) is truth else "It is the other way round."
    if isinstance(truth, str):
        return _tell_text(answer, truth)
    if isinstance(truth, int | float | Decimal):
        return _tell_number(answer, truth)
    if isinstance(truth, Collection):
        return _tell_collection(answer, truth)
    raise FieldError(
        f"The right answer is a {type(truth).__name__}, no number, text or collection."
    )


def _tell_text(answer: Any, truth: str) -> str | None:
    if not isinstance(answer, str):
        return f"A text is asked for; this is {_kind(answer)}."
    if answer.strip().casefold() == truth.strip().casefold():
        return None
    return f"{answer!r} is not it."


def _tell_number(answer: Any, truth: float | Decimal) -> str | None:
    try:
        number, right = Decimal(str(answer)), Decimal(str(truth))
    except InvalidOperation:
        return f"A number is asked for; this is {_kind(answer)}."
    if not number.is_finite():
        return f"A number is asked for; this is {answer}."
    if number == right:
        return None
    if number == -right:
        return f"{answer} has the wrong sign."
    if number in (right * 100, right / 100):
        return f"{answer} is a hundred times off: one of them is in cents."
    return f"{answer} is too {'small' if number < right else 'large'}."


def _tell_collection(answer: Any, truth: Collection[Any]) -> str | None:
    try:
        entries = {str(entry) for entry in answer}
    except TypeError:
        return f"A list is asked for; this is {_kind(answer)}."
    right = {str(entry) for entry in truth}
    missing, superfluous = len(right - entries), len(entries - right)
    if not missing and not superfluous:
        return None
    return f"Of {len(right)}, {missing} are missing, and {superfluous} do not belong there."


def _kind(answer: Any) -> str:
    name = type(answer).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"
