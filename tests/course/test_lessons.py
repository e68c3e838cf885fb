"""Marking: it never raises, tells what is wrong, helps after a while, and keeps count."""

from __future__ import annotations

import json
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import bunqkit
from bunqkit.course.exercises.exercise import tell_difference
from bunqkit.course.lessons import check, list_exercises, summary


@pytest.fixture(autouse=True)
def _own_progress(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("BUNQ_STATE_DIR", str(tmp_path / "state"))


@pytest.fixture(scope="module")
def bunq() -> bunqkit.Context:
    """Open the demo person's account."""
    return bunqkit.connect()


class Desk:
    """Where a learner hands answers in, and hears what is said of them."""

    def __init__(self, bunq: bunqkit.Context, capsys: pytest.CaptureFixture[str]) -> None:
        self.bunq, self._capsys = bunq, capsys

    def check(self, exercise: str, answer: object) -> tuple[bool | None, str]:
        """Return the verdict, and what was shown as text."""
        verdict = check(exercise, answer, self.bunq)
        return verdict, self._capsys.readouterr().out


@pytest.fixture
def desk(bunq: bunqkit.Context, capsys: pytest.CaptureFixture[str]) -> Desk:
    """Return a desk at the demo person's bank."""
    return Desk(bunq, capsys)


def test_dots_are_no_answer(desk: Desk) -> None:
    """They are neither right nor wrong, and give nothing away."""
    verdict, text = desk.check("1.2", ...)
    assert verdict is None
    assert "Not answered yet" in text
    assert "Hint" not in text
    assert summary().set_index("exercise").loc["1.2", "state"] == "open"


def test_help_grows_with_need(desk: Desk) -> None:
    """A wrong answer shows the hint, the third one the solution."""
    shown = [desk.check("1.2", 1)[1] for _ in range(3)]
    assert ["Hint" in text for text in shown] == [True, True, True]
    assert ["Solution" in text for text in shown] == [False, False, True]
    row = summary().set_index("exercise").loc["1.2"]
    assert (row["state"], row["wrong_answers"]) == ("wrong", 3)


def test_right_stays_right(desk: Desk) -> None:
    """What was answered once counts, whatever is tried later."""
    oldest = int(desk.bunq.accounts()["id"].min())
    march = desk.bunq.payments(since="2026-03-01", until="2026-04-01", account=oldest)
    cents = march.loc[march["amount"] > 0, "amount_cents"].sum()
    assert desk.check("1.2", cents)[0] is True
    verdict, text = desk.check("1.2", cents / 100)
    assert verdict is False
    assert text.startswith(f"Exercise 1.2: Not yet: {cents / 100} is a hundred times off: one")
    assert summary().set_index("exercise").loc["1.2", "state"] == "right"


@pytest.mark.parametrize(
    "answer",
    [
        None,
        "x",
        pd.DataFrame(),
        *(
            pytest.param(answer, marks=pytest.mark.slow)
            for answer in (5, [], {}, object(), pd.Series([1, 2]), float("nan"), b"", {"a"})
        ),
    ],
    ids=lambda answer: type(answer).__name__,
)
def test_no_answer_raises(desk: Desk, answer: object) -> None:
    """Whatever is answered to whatever exercise, the verdict is False, in words."""
    for exercise in list_exercises():
        verdict, text = desk.check(exercise.id, answer)
        assert verdict is False, exercise.id
        assert "Not yet: " in text


@pytest.mark.parametrize(
    "make",
    [
        lambda bunq: bunq.payments(),
        pytest.param(lambda bunq: bunq.api.card.list, marks=pytest.mark.slow),
        pytest.param(lambda bunq: bunq, marks=pytest.mark.slow),
        pytest.param(lambda _bunq: "x" * 3000, marks=pytest.mark.slow),
    ],
    ids=["table", "operation", "context", "text"],
)
def test_a_large_answer_is_not_quoted_whole(
    desk: Desk, make: Callable[[bunqkit.Context], object]
) -> None:
    """A problem may quote the answer, which may be a table or the page of an operation."""
    answer = make(desk.bunq)
    for exercise in list_exercises():
        verdict, text = desk.check(exercise.id, answer)
        assert verdict is False
        assert len(text.partition("Hint:")[0]) < 500


def test_an_answer_of_another_kind_is_told_the_kind(desk: Desk) -> None:
    """Not what Python says about it."""
    pair = bunqkit.KeyPair.generate()
    signature = pair.sign(b"I was here")
    assert "A text is asked for; this is a Verb." in desk.check("3.3", desk.bunq.api.card.list)[1]
    assert "pair.public can verify" in desk.check("2.1", (pair.public.pem, signature))[1]
    assert desk.check("2.1", (pair.public, signature))[0] is True


def test_an_unknown_exercise_is_named(desk: Desk) -> None:
    """It does not raise either."""
    verdict, text = desk.check("99.1", 5)
    assert verdict is None
    assert text.startswith("Exercise 99.1: There is no exercise 99.1. There are 1.1, 1.2")


def test_broken_progress_is_begun_anew(desk: Desk, tmp_path: Path) -> None:
    """A damaged file of progress does not stop a lesson."""
    (tmp_path / "state").mkdir()
    file = tmp_path / "state" / "lessons.json"
    file.write_text("{broken")
    assert desk.check("1.2", 1)[0] is False
    assert json.loads(file.read_text())["1.2"]["wrong"] == 1
    file.write_text('{"1.2": 5}')
    assert desk.check("1.2", 1)[0] is False
    assert len(summary()) == len(list_exercises())


@pytest.mark.parametrize(
    ("answer", "truth", "problem"),
    [
        (5, 5, None),
        (np.int64(5), 5, None),
        (5.0, 5, None),
        (Decimal("5.00"), 5, None),
        ("5", 5, None),
        (4, 5, "4 is too small."),
        (-5, 5, "-5 has the wrong sign."),
        (0.05, 5, "0.05 is a hundred times off: one of them is in cents."),
        ("five", 5, "A number is asked for; this is a str."),
        (" monday", "Monday", None),
        (1, "Monday", "A text is asked for; this is an int."),
        (["a", "b"], {"b", "a"}, None),
        (["a", "c"], ["a", "b"], "Of 2, 1 are missing, and 1 do not belong there."),
        (3, ["a"], "A list is asked for; this is an int."),
        (True, True, None),
        (False, True, "It is the other way round."),
    ],
)
def test_differences_are_told(answer: Any, truth: object, problem: str | None) -> None:
    """A learner reads what is wrong, not only that it is."""
    assert tell_difference(answer, truth) == problem
