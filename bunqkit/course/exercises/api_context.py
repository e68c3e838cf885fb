"""Lesson 2: the API context by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from bunqkit.course.exercises.exercise import Exercise, equals
from bunqkit.errors import SignatureError

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_SIGNED = b"I was here"


def _judge_signature(answer: object, _: Context) -> str | None:
    try:
        key, signature = cast("tuple[Any, str]", answer)
    except (TypeError, ValueError):
        return "The exercise asks for two things: (key, signature)."
    if not hasattr(key, "verify"):
        return "The first of the two is not the key: pair.public can verify, its text can't."
    try:
        key.verify(_SIGNED, signature)
    except SignatureError as error:
        return str(error)
    return None


def _token_header(bunq: Context) -> str:
    token = bunq.session.token.reveal()
    sent = bunq.call("user.list").exchange.request_headers
    return next(name for name, text in sent.items() if text == token)


EXERCISES = (
    Exercise(
        "2.1",
        hint="pair.sign(...) signs bytes. The key that checks is pair.public.",
        solution='answer = (pair.public, pair.sign(b"I was here"))',
        wrong='answer = (pair.public, pair.sign(b"I was there"))',
        judge=_judge_signature,
    ),
    Exercise(
        "2.2",
        hint="Look at what describe() printed: which header has a token's beginning?",
        solution='answer = "X-Bunq-Client-Authentication"',
        wrong='answer = "Authorization"',
        judge=equals(_token_header),
    ),
    Exercise(
        "2.3",
        hint="bunq.session tells when it was opened and how long it lives.",
        solution="answer = bunq.session.timeout_s",
        wrong="answer = 60",
        judge=equals(lambda bunq: bunq.session.timeout_s),
    ),
)
