"""The tour prints each step with its purpose, its call and its result."""

from __future__ import annotations

import io
import re

from bunqkit.course.tour import show_tour


def test_the_tour_shows_each_step_and_its_call() -> None:
    """In order, with the path that was called; tokens are shortened."""
    out = io.StringIO()
    show_tour("offline", out=out)
    text = out.getvalue()
    titles = re.findall(r"^\d\. (.+)$", text, re.MULTILINE)
    assert titles == ["API key", "Installation", "Device", "Session", "First call"]
    calls = re.findall(r"^    (GET|POST) +(\S+)$", text, re.MULTILINE)
    assert [path for _, path in calls[:3]] == [
        "/v1/installation",
        "/v1/device-server",
        "/v1/session-server",
    ]
    assert not re.search(r"[0-9a-f]{32}", text)
    assert "Balances" in text
