"""Lesson 11: OAuth and PSD2."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from bunqkit.course.exercises.exercise import Exercise, equals

if TYPE_CHECKING:
    from bunqkit.context.context import Context

_OTHER = "https://app.example/other"


def _client(bunq: Context) -> dict[str, Any]:
    return bunq.call("oauth-client.list").items[0]


def _judge_address(answer: object, bunq: Context) -> str | None:
    addresses = {entry["id"]: entry["url"] for entry in _client(bunq)["callback_url"]}
    if answer not in addresses:
        return f"The app has no address with the id {answer}."
    return None if addresses[answer] == _OTHER else f"That one is {addresses[answer]}."


EXERCISES = (
    Exercise(
        "11.1",
        hint='bunq.call("oauth-client.list") has it, and so has app.',
        solution="answer = app.client_id",
        wrong='answer = "app"',
        judge=equals(lambda bunq: str(_client(bunq)["client_id"])),
    ),
    Exercise(
        "11.2",
        hint="oauth-client.callback-url.create takes oauth_client_id and url.",
        solution=(
            "made = bunq.call(\n"
            '    "oauth-client.callback-url.create",\n'
            '    oauth_client_id=client["id"],\n'
            '    url="https://app.example/other",\n'
            ")\n"
            'answer = made.first("Id")["id"]'
        ),
        wrong='answer = client["callback_url"][0]["id"]',
        judge=_judge_address,
    ),
)
