"""Finds an account among a user's accounts by what a person calls it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from bunqkit.errors import UnknownNameError

__all__ = ["choose_account", "find_iban"]


def choose_account(accounts: Iterable[Mapping[str, Any]], name: object) -> Mapping[str, Any]:
    """Return the account with an id, an IBAN or a description.

    Raises
    ------
    UnknownNameError
        If no account or several have this name; the message lists all accounts.
    """
    accounts = list(accounts)
    text = str(name).strip()
    iban = re.sub(r"\s", "", text).upper()
    matches = [
        account
        for account in accounts
        if text in (str(account.get("id")), account.get("description"))
        or iban == find_iban(account)
    ]
    if len(matches) == 1:
        return matches[0]
    names = "; ".join(f"{account.get('id')} {account.get('description')!r}" for account in accounts)
    number = f"{len(matches)} accounts are" if matches else "No account is"
    raise UnknownNameError(f"{number} called {name!r}. Name one by its id: {names}.")


def find_iban(account: Mapping[str, Any]) -> str | None:
    """Return the IBAN among an account's aliases, if it has one."""
    aliases = account.get("alias")
    for alias in aliases if isinstance(aliases, list) else []:
        if isinstance(alias, Mapping) and alias.get("type") == "IBAN":
            return str(alias.get("value"))
    return None
