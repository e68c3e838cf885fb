"""An account is found by any of its names."""

from __future__ import annotations

import pytest

from bunqkit.catalogue.accounts import choose_account
from bunqkit.errors import UnknownNameError

ACCOUNTS = [
    {"id": 1, "description": "Main", "alias": [{"type": "IBAN", "value": "NL91ABNA0417164300"}]},
    {"id": 2, "description": "Twin", "alias": None},
    {"id": 3, "description": "Twin"},
]


@pytest.mark.parametrize("named", [1, "1", "Main", "NL91ABNA0417164300", "nl91 abna 0417 1643 00"])
def test_accounts_by_any_name(named: object) -> None:
    """Id, description, IBAN."""
    assert choose_account(ACCOUNTS, named)["id"] == 1


@pytest.mark.parametrize(("named", "how"), [("Twin", "2 accounts are"), ("None", "No account is")])
def test_accounts_that_are_not_one(named: str, how: str) -> None:
    """None or several: the message lists what there is."""
    with pytest.raises(UnknownNameError, match=rf"{how} called '{named}'.*1 'Main'; 2 'Twin'"):
        choose_account(ACCOUNTS, named)
