"""The demo person has a history."""

from __future__ import annotations

from bunqkit.sandbox import Bank
from bunqkit.security.signing import KeyPair


def test_the_demo_person_has_lived(key: KeyPair, bank: Bank) -> None:
    """Two and a half years, 500 payments, about 80 in the last three months, cards and savings."""
    rows = bank.ledger.rows("SELECT created FROM movement")
    assert len(rows) >= 500
    assert min(row["created"] for row in rows) < "2023-11-01"
    late = [row for row in rows if row["created"] >= "2026-01-01"]
    assert 60 <= len(late) <= 100
    kinds = {row["kind"] for row in bank.ledger.rows("SELECT DISTINCT kind FROM account")}
    assert kinds == {"MonetaryAccountBank", "MonetaryAccountSavings", "MonetaryAccountJoint"}
    types = {row["type"] for row in bank.ledger.rows("SELECT DISTINCT type FROM movement")}
    assert types == {"BUNQ", "EBA_SCT", "EBA_SDD", "IDEAL", "MASTERCARD"}
    assert set(bank.ledger.imbalance().values()) == {0}
