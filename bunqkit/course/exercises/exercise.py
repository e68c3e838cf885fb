"""What an exercise is, and how an answer is compared with the truth."""

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
        What helps who is stuck, in a sentence or two.
    solution
        Python code that sets ``answer``; it may use ``bunq`` and what the lesson has defined.
    wrong
        Python code that sets a wrong ``answer``, as somebody might who misread the question.
    judge
        Gives what is wrong with an answer, in a sentence, or ``None`` if it is right.
    """

    id: str
    hint: str
    solution: str
    wrong: str
    judge: Callable[[Any, Context], str | None]


def equals(truth: Callable[[Context], object]) -> Callable[[Any, Context], str | None]:
    """Judge by comparing with a truth that is worked out when it is asked for.

    Parameters
    ----------
    truth
        Gives a number, a text, or a collection of texts and numbers, in any order.
    """
    return lambda answer, bunq: tell_difference(answer, truth(bunq))


def names_list(path: str) -> Callable[[Any, Context], str | None]:
    """Judge by whether an answer is the name of the operation that reads a list.

    Parameters
    ----------
    path
        How the operation's path ends: ``/card``.
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
    """Say how an answer differs from the truth; ``None`` if it does not."""
    if isinstance(truth, bool):
        return None if bool(answer) is truth else "It is the other way round."
    if isinstance(truth, str):
        return _tell_text(answer, truth)
    if isinstance(truth, int | float | Decimal):
        return _tell_number(answer, truth)
    if isinstance(truth, Collection):
        return _tell_collection(answer, truth)
    raise FieldError(f"The truth is {type(truth).__name__}: no number, text or collection.")


def _tell_text(answer: Any, truth: str) -> str | None:
    if not isinstance(answer, str):
        return f"A text is asked for; this is {_kind(answer)}."
    if answer.strip().casefold() == truth.strip().casefold():
        return None
    return f"{answer!r} is not it."


def _tell_number(answer: Any, truth: float | Decimal) -> str | None:
    try:
        number, wanted = Decimal(str(answer)), Decimal(str(truth))
    except InvalidOperation:
        return f"A number is asked for; this is {_kind(answer)}."
    if not number.is_finite():
        return f"A number is asked for; this is {answer}."
    if number == wanted:
        return None
    if number == -wanted:
        return f"{answer} has the wrong sign."
    if number in (wanted * 100, wanted / 100):
        return f"{answer} is a hundred times off: one of them is in cents."
    return f"{answer} is too {'small' if number < wanted else 'large'}."


def _tell_collection(answer: Any, truth: Collection[Any]) -> str | None:
    try:
        given = {str(each) for each in answer}
    except TypeError:
        return f"A list is asked for; this is {_kind(answer)}."
    wanted = {str(each) for each in truth}
    missing, superfluous = len(wanted - given), len(given - wanted)
    if not missing and not superfluous:
        return None
    return f"Of {len(wanted)}, {missing} are missing, and {superfluous} do not belong there."


def _kind(answer: Any) -> str:
    name = type(answer).__name__
    return f"{'an' if name[:1] in 'aeiouAEIOU' else 'a'} {name}"
