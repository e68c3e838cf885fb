"""Marks the exercises of the course, and counts which are done.

``check`` never raises: it shows a verdict and returns ``True``, ``False``, or ``None`` for an
answer that is still ``...``. Progress is stored in a private file beside the state.
"""

from __future__ import annotations

import importlib
import json
import pkgutil
import textwrap
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from bunqkit.course import exercises
from bunqkit.display.html import card, code, fold, paragraph
from bunqkit.errors import BunqkitError, UnknownNameError
from bunqkit.security.private_files import make_private_folder, write_private
from bunqkit.settings import load_settings

if TYPE_CHECKING:
    import pandas as pd

    from bunqkit.context.context import Context
    from bunqkit.course.exercises.exercise import Exercise

_SHOW_SOLUTION_AFTER = 3
# A wrong answer may be a whole table, and a problem may quote it.
_LONGEST = 400
_FILE = "lessons.json"


def check(exercise: str, answer: object, bunq: Context) -> bool | None:
    """Check an answer, by asking the bank or computing the right one.

    Parameters
    ----------
    exercise
        Lesson and number: ``"3.1"``.
    answer
        Your answer; ``...`` as long as you have none.
    bunq
        The context of the lesson.

    Returns
    -------
    bool or None
        ``True``, ``False``, or ``None`` if there is no answer yet. A card shows what is wrong.
        After one wrong answer the hint opens, after three the solution.
    """
    try:
        known = find_exercise(exercise)
    except UnknownNameError as error:
        _show(f"Exercise {exercise}", str(error))
        return None
    if answer is ...:
        _show_state(known, "Not answered yet. Replace the three dots by your answer.", 0)
        return None
    problem = _judge(known, answer, bunq)
    wrong_answers = _store_result(exercise, is_right=problem is None)
    if problem is None:
        _show_state(known, "That's right.", 0)
        return True
    _show_state(known, f"Not yet: {problem}", wrong_answers)
    return False


def find_exercise(exercise: str) -> Exercise:
    """Return an exercise by lesson and number.

    Raises
    ------
    UnknownNameError
        If there is no such exercise.
    """
    known = {listed.id: listed for listed in list_exercises()}
    if str(exercise) not in known:
        raise UnknownNameError(
            f"There is no exercise {exercise}. There are {', '.join(sorted(known, key=_order))}."
        )
    return known[str(exercise)]


def list_exercises() -> list[Exercise]:
    """Return every exercise of the course, in its order."""
    every: list[Exercise] = []
    for module in pkgutil.iter_modules(exercises.__path__):
        lesson = importlib.import_module(f"{exercises.__name__}.{module.name}")
        every += getattr(lesson, "EXERCISES", ())
    return sorted(every, key=lambda exercise: _order(exercise.id))


def summary() -> pd.DataFrame:
    """Return the progress of the course, for a learner or a teacher.

    Returns
    -------
    DataFrame
        One row for each exercise: ``lesson, exercise, state`` (``right``, ``wrong``, ``open``),
        ``wrong_answers, right_at`` (UTC).
    """
    import pandas as pd

    progress = _read_progress()
    ids = [exercise.id for exercise in list_exercises()]
    results = [progress.get(number, {}) for number in ids]
    right_at = pd.Series([result.get("right_at") for result in results], dtype="str")
    columns = {
        "lesson": pd.Series([_order(number)[0] for number in ids], dtype="Int64"),
        "exercise": pd.Series(ids, dtype="str"),
        "state": pd.Series([_state(result) for result in results], dtype="str"),
        "wrong_answers": pd.Series([result.get("wrong", 0) for result in results], dtype="Int64"),
        "right_at": pd.to_datetime(right_at, utc=True).astype("datetime64[us, UTC]"),
    }
    return pd.DataFrame(columns)


def _order(exercise: str) -> list[int]:
    return [int(part) for part in exercise.split(".")]


def _judge(exercise: Exercise, answer: object, bunq: Context) -> str | None:
    try:
        problem = exercise.judge(answer, bunq)
    except BunqkitError as error:
        problem = f"The bank could not check it: {error}"
    except Exception as error:  # noqa: BLE001 (an answer may be anything; a learner sees what)
        problem = (
            f"This answer can't be checked ({type(error).__name__}: {error}). Has it the type that "
            "the exercise asks for, and did you run all cells above?"
        )
    return problem and textwrap.shorten(problem, _LONGEST, placeholder=" …")


def _state(result: dict[str, Any]) -> str:
    if result.get("right_at"):
        return "right"
    return "wrong" if result.get("wrong") else "open"


def _file() -> Path:
    return load_settings(environment="OFFLINE").state_folder / _FILE


def _read_progress() -> dict[str, dict[str, Any]]:
    """Return the results by exercise; empty if the file can't be read, so that a lesson runs."""
    try:
        progress = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, BunqkitError):
        return {}
    entries = progress.items() if isinstance(progress, dict) else ()
    return {number: result for number, result in entries if isinstance(result, dict)}


def _store_result(exercise: str, *, is_right: bool) -> int:
    """Store the result of an answer; return the number of wrong answers so far."""
    progress = _read_progress()
    result = progress.setdefault(str(exercise), {})
    if is_right:
        result.setdefault("right_at", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}")
    else:
        result["wrong"] = result.get("wrong", 0) + 1
    try:
        path = _file()
        make_private_folder(path.parent)
        write_private(path, json.dumps(progress, indent=1, sort_keys=True))
    except (OSError, BunqkitError) as error:
        _show("Progress is not stored", f"{_FILE} can't be written: {error}")
    return int(result.get("wrong", 0))


def _show_state(exercise: Exercise, said: str, wrong: int) -> None:
    hint = fold("Hint", paragraph(exercise.hint), is_open=wrong > 0)
    solution = fold("Solution", code(exercise.solution), is_open=wrong >= _SHOW_SOLUTION_AFTER)
    text = said
    if wrong > 0:
        text += f"\nHint: {exercise.hint}"
    if wrong >= _SHOW_SOLUTION_AFTER:
        text += f"\nSolution:\n{exercise.solution}"
    _show(f"Exercise {exercise.id}", text, paragraph(said), hint, solution)


class _Verdict:
    """A verdict on an answer: a card in a notebook, text elsewhere."""

    def __init__(self, title: str, text: str, body: tuple[str, ...]) -> None:
        self._title, self._text, self._body = title, text, body

    def __repr__(self) -> str:
        return f"{self._title}: {self._text}"

    def _repr_html_(self) -> str:
        return card(self._title, *self._body)


def _show(title: str, text: str, *body: str) -> None:
    from IPython.display import display

    display(_Verdict(title, text, body or (paragraph(text),)))  # type: ignore[no-untyped-call]
