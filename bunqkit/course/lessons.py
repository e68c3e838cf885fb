"""Marks the exercises of the course, and keeps count of what is done.

``check`` never raises: it shows what it found and gives ``True``, ``False``, or ``None`` for an
answer that is still ``...``. Progress is kept in a private file beside the state.
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
    """Say whether an answer is right, by asking the bank or working the truth out.

    Parameters
    ----------
    exercise
        Lesson and number: ``"3.1"``.
    answer
        Yours; ``...`` as long as you have none.
    bunq
        The context of the lesson.

    Returns
    -------
    bool or None
        ``True``, ``False``, or ``None`` if there is no answer yet. What is wrong is shown; after
        a wrong answer the hint opens, after three the solution.
    """
    try:
        found = find_exercise(exercise)
    except UnknownNameError as error:
        _show(f"Exercise {exercise}", str(error))
        return None
    if answer is ...:
        _show_state(found, "Not answered yet. Put your answer in place of the three dots.", 0)
        return None
    problem = _judge(found, answer, bunq)
    wrong = _note(exercise, is_right=problem is None)
    if problem is None:
        _show_state(found, "That's right.", 0)
        return True
    _show_state(found, f"Not yet: {problem}", wrong)
    return False


def find_exercise(exercise: str) -> Exercise:
    """Give an exercise by lesson and number.

    Raises
    ------
    UnknownNameError
        If there is none.
    """
    known = {each.id: each for each in list_exercises()}
    if str(exercise) not in known:
        raise UnknownNameError(
            f"There is no exercise {exercise}. There are {', '.join(sorted(known, key=_order))}."
        )
    return known[str(exercise)]


def list_exercises() -> list[Exercise]:
    """Give every exercise of the course, in its order."""
    found: list[Exercise] = []
    for module in pkgutil.iter_modules(exercises.__path__):
        of_lesson = importlib.import_module(f"{exercises.__name__}.{module.name}")
        found += getattr(of_lesson, "EXERCISES", ())
    return sorted(found, key=lambda each: _order(each.id))


def summary() -> pd.DataFrame:
    """Say how far the course is, for a learner or a teacher.

    Returns
    -------
    DataFrame
        One row an exercise: ``lesson, exercise, state`` (``right``, ``wrong``, ``open``),
        ``wrong_answers, right_at`` (UTC).
    """
    import pandas as pd  # noqa: PLC0415 (when first used)

    kept = _read()
    rows = [(each.id.split(".")[0], each.id, kept.get(each.id, {})) for each in list_exercises()]
    return pd.DataFrame(
        {
            "lesson": pd.Series([int(lesson) for lesson, _, _ in rows], dtype="Int64"),
            "exercise": pd.Series([number for _, number, _ in rows], dtype="str"),
            "state": pd.Series([_state(told) for _, _, told in rows], dtype="str"),
            "wrong_answers": pd.Series(
                [told.get("wrong", 0) for _, _, told in rows], dtype="Int64"
            ),
            "right_at": pd.to_datetime(
                pd.Series([told.get("right_at") for _, _, told in rows], dtype="str"), utc=True
            ).astype("datetime64[us, UTC]"),
        }
    )


def _order(exercise: str) -> list[int]:
    return [int(part) for part in exercise.split(".")]


def _judge(exercise: Exercise, answer: object, bunq: Context) -> str | None:
    try:
        problem = exercise.judge(answer, bunq)
    except BunqkitError as error:
        problem = f"The bank could not be asked about it: {error}"
    except Exception as error:  # noqa: BLE001 (an answer may be anything; a learner sees what)
        problem = (
            f"This answer can't be looked at ({type(error).__name__}: {error}). Is it of the kind "
            "that is asked for, and were all cells above run?"
        )
    return problem and textwrap.shorten(problem, _LONGEST, placeholder=" …")


def _state(told: dict[str, Any]) -> str:
    if told.get("right_at"):
        return "right"
    return "wrong" if told.get("wrong") else "open"


def _file() -> Path:
    return load_settings(environment="OFFLINE").state_folder / _FILE


def _read() -> dict[str, dict[str, Any]]:
    try:
        kept = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, BunqkitError):
        # Progress is worth less than a lesson that runs: without it, the count begins anew.
        return {}
    entries = kept.items() if isinstance(kept, dict) else ()
    return {number: told for number, told in entries if isinstance(told, dict)}


def _note(exercise: str, *, is_right: bool) -> int:
    """Keep what came of an answer; give how many were wrong so far."""
    kept = _read()
    told = kept.setdefault(str(exercise), {})
    if is_right:
        told.setdefault("right_at", f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}")
    else:
        told["wrong"] = told.get("wrong", 0) + 1
    try:
        path = _file()
        make_private_folder(path.parent)
        write_private(path, json.dumps(kept, indent=1, sort_keys=True))
    except (OSError, BunqkitError) as error:
        _show("Progress is not kept", f"{_FILE} can't be written: {error}")
    return int(told.get("wrong", 0))


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
    """What is said of an answer: a card in a notebook, text elsewhere."""

    def __init__(self, title: str, text: str, body: tuple[str, ...]) -> None:
        self._title, self._text, self._body = title, text, body

    def __repr__(self) -> str:
        return f"{self._title}: {self._text}"

    def _repr_html_(self) -> str:
        return card(self._title, *self._body)


def _show(title: str, text: str, *body: str) -> None:
    from IPython.display import display  # noqa: PLC0415 (ipywidgets brings it; loaded when used)

    display(_Verdict(title, text, body or (paragraph(text),)))  # type: ignore[no-untyped-call]
