"""What a context or a ledger offers of its parts looks as if it were its own."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

import bunqkit
from bunqkit.ledger.ledger import Ledger
from bunqkit.sandbox import Bank

TABLES = {
    "accounts", "payments", "money_requests", "cards", "card_transactions", "events",
    "scheduled_payments",
}  # fmt: skip
OF_CONTEXT = TABLES | {
    "api", "bank", "call", "client", "close", "download", "drift", "exchanges", "find",
    "find_account", "frame", "handshake", "logout", "pages", "pay", "preview", "renew", "replay",
    "request_money", "send_bytes", "session", "settings", "settle", "state", "top_up", "unlock",
    "unsettled", "upload", "user", "user_id",
}  # fmt: skip
OF_SNAPSHOT = TABLES | {"at", "balances", "export", "frame", "sql"}
OF_LEDGER = OF_SNAPSHOT | {"as_of", "close", "follow", "path", "repair", "status", "sync"}


def check_methods(whole: object, names: set[str]) -> None:
    """Check names, documentation and signatures, on the object and on its class."""
    assert {name for name in dir(whole) if not name.startswith("_")} == names
    for name in names - {"at", "bank", "client", "settings", "drift", "path"}:
        if not callable(getattr(type(whole), name)):
            continue
        method, function = getattr(whole, name), getattr(type(whole), name)
        assert method.__name__ == function.__name__ == name
        assert inspect.getdoc(method)
        assert "self" not in inspect.signature(method).parameters
        assert inspect.isroutine(function)


def test_a_context_offers_what_its_parts_have(bank: Bank) -> None:
    """Completion, ``help()`` and signatures show the methods of callers, tables and guard."""
    bunq = bunqkit.connect(bank=bank)
    check_methods(bunq, OF_CONTEXT)
    assert list(inspect.signature(bunq.payments).parameters) == [
        "since", "until", "account", "max_rows", "watch",
    ]  # fmt: skip


def test_a_ledger_offers_what_its_snapshot_has(tmp_path: Path) -> None:
    """So does what ``as_of()`` returns."""
    with Ledger(tmp_path / "ledger.sqlite") as ledger:
        check_methods(ledger, OF_LEDGER)
        check_methods(ledger.as_of("2026-04-01"), OF_SNAPSHOT)


def test_a_wrong_argument_is_refused_by_the_part(bank: Bank) -> None:
    """With the name of the method that was called."""
    bunq = bunqkit.connect(bank=bank)
    with pytest.raises(TypeError, match=r"payments\(\) got an unexpected keyword argument 'sinc'"):
        bunq.payments(sinc="2026-01-01")  # type: ignore[call-arg]
