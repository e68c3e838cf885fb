"""The stepper of the handshake: what each step is for, and how far one is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from bunqkit.look import key_values, paragraph


@dataclass(frozen=True)
class Step:
    """One step on the way to a context.

    Attributes
    ----------
    name
        What it is called.
    purpose
        What it is for, in a sentence.
    """

    name: str
    purpose: str


STEPS = (
    Step("API key", "It stands for you: whoever has it can move your money."),
    Step(
        "Installation",
        "You send your public key, the bank sends its own. From now on both sides sign.",
    ),
    Step("Device", "The key is bound to this installation and to the addresses that may use it."),
    Step("Session", "The key is traded for a token that opens everything else."),
)


def steps_html(done: int, told: Sequence[Mapping[str, str]], *, has_failed: bool) -> str:
    """Give the steps as a list.

    Parameters
    ----------
    done
        How many are done.
    told
        What is known of each.
    has_failed
        Whether the next one was tried, and failed.
    """
    items = []
    for number, (step, facts) in enumerate(zip(STEPS, told, strict=True)):
        if number < done:
            sign, state = "✓", "done"
        elif number == done:
            sign, state = ("✗", "failed") if has_failed else ("▸", "next")
        else:
            sign, state = "○", "to do"
        detail = key_values(facts) if facts else ""
        items.append(
            f"<li><strong>{sign} {number}. {escape(step.name)}</strong> ({state})"
            f"{paragraph(step.purpose)}{detail}</li>"
        )
    return f'<ol style="list-style:none;padding:0;margin:8px 0">{"".join(items)}</ol>'
