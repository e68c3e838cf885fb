"""What is done when a line of the agenda is due, by the kind of line."""

from __future__ import annotations

from bunqkit.sandbox.agenda import Duty
from bunqkit.sandbox.resources import access

DUTIES: dict[str, Duty] = {
    "api key": access.forget_key,
    "session": access.end_session,
}
"""One for each kind of line that anything plans."""
