"""Searches: what a newcomer types leads to the operation that is meant."""

from __future__ import annotations

import pytest
from hypothesis import given, strategies as st

from bunqkit.catalogue.operations import find, operations
from bunqkit.catalogue.search import Index, words

SEARCHES = [
    ("statement pdf", "customer-statement.create"),
    ("bank statement", "customer-statement.list"),
    ("split the bill", "request-inquiry.create"),
    ("iban", "monetary-account.list"),
    ("webhook", "notification-filter-url.create"),
    ("callback url", "notification-filter-url.create"),
    ("upload", "attachment.create"),
    ("cancel card", "card.update"),
    ("freeze my card", "card.update"),
    ("order a card", "card-debit.create"),
    ("card limit", "card.update"),
    ("pin", "card.update"),
    ("cvc", "card.generated-cvc2.list"),
    ("send money", "payment.create"),
    ("transfer money to someone", "payment.create"),
    ("direct pay", "payment.create"),
    ("make a payment", "payment.create"),
    ("paym", "payment.list"),
    ("payments", "payment.list"),
    ("transactions", "payment.list"),
    ("balance", "monetary-account.list"),
    ("bank account", "monetary-account-bank.list"),
    ("open account", "monetary-account-bank.create"),
    ("close account", "monetary-account-bank.update"),
    ("savings", "monetary-account-savings.list"),
    ("joint account", "monetary-account-joint.list"),
    ("log out", "session.delete"),
    ("login", "session-server.create"),
    ("who am i", "user.get"),
    ("legal name", "legal-name.list"),
    ("recurring payment", "schedule-payment.create"),
    ("standing order", "schedule-payment.create"),
    ("exchange rate", "currency-conversion-quote.get"),
    ("direct debit", "whitelist-sdd.list"),
    ("request money", "request-inquiry.create"),
    ("payment link", "bunqme-tab.create"),
    ("receipt", "payment.note-attachment.create"),
    ("download attachment", "attachment.content"),
    ("share account", "share-invite-monetary-account-inquiry.list"),
    ("invoice", "invoice.list"),
    ("annual overview", "export-annual-overview.create"),
    ("api key", "credential-password-ip.list"),
    ("ip address", "credential-password-ip.ip.list"),
    ("oauth", "oauth-client.list"),
    ("batch payment", "payment-batch.create"),
    ("draft", "draft-payment.create"),
    ("spending", "insights.list"),
    ("international transfer", "transferwise-quote.create"),
]


@pytest.mark.parametrize(("query", "expected"), SEARCHES, ids=[query for query, _ in SEARCHES])
def test_find(query: str, expected: str) -> None:
    """What a newcomer types leads to the operation, among the first three."""
    assert expected in [each.name for each in find(query)[:3]]


def test_find_nothing_and_everything() -> None:
    """No words are all operations; words that mean nothing here are none."""
    assert find("") == find("  ") == list(operations())
    assert find("qwertyuiop") == []
    assert find("the") == []


@pytest.mark.parametrize("name", ["payment", "card", "event", "invoice", "schedule-payment"])
def test_find_while_typing(name: str) -> None:
    """From the third letter on, and in plural, a resource's own operations come first."""
    for typed in [name[:length] for length in range(4, len(name) + 1)] + [f"{name}s"]:
        assert any(each.resource.startswith(name[:4]) for each in find(typed)[:3])


@given(st.text(max_size=40))
def test_find_takes_anything(text: str) -> None:
    """Any text can be searched for, and nothing is found twice."""
    found = [each.name for each in find(text)]
    assert len(found) == len(set(found))


def test_words() -> None:
    """One word is written alike everywhere."""
    for text in ("ScheduledPayment", "scheduled-payments", "SCHEDULED_PAYMENT"):
        assert words(text) == ["scheduled", "payment"]
    assert words("status companies cvc2") == ["status", "company", "cvc", "2"]


def test_rank() -> None:
    """More of the query before more weight, then the shorter name, then the earlier."""
    index = Index(
        {
            "long": ({"cat": 1.0, "dog": 1.0}, 4),
            "both": ({"cat": 1.0, "dog": 1.0}, 2),
            "also": ({"cat": 1.0, "dog": 1.0}, 2),
            "heavy": ({"cat": 3.0}, 2),
        }
    )
    assert index.rank("cats and dogs") == ["both", "also", "long", "heavy"]
    assert index.rank("bird") == []
