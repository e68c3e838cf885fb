"""Fixtures of the widgets."""

from __future__ import annotations

import pytest

import bunqkit
from bunqkit.context.context import Context
from bunqkit.sandbox import Bank


@pytest.fixture
def bunq(bank: Bank) -> Context:
    """Return the person with a history, at a bank whose clock stands still."""
    return bunqkit.connect(bank=bank, api_key=bank.demo_key)
