"""What people allow apps by OAuth: the code, the token it buys, the accounts, and the end of it.

A consent is a ``UserApiKey``: its token opens sessions in which the app sees those accounts of the
person who granted it, under the id of the consent or of the granter.

Source: bunq docs, "OAuth"; RFC 6749 for the errors; the SDK for ``UserApiKey``. That people choose
among their accounts, and that a consent given to a payment service provider ends after 90 days, are
rules of our own, made after PSD2.
"""

from __future__ import annotations

import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.accounts import MINE
from bunqkit.sandbox.resources.events import notify_person
from bunqkit.sandbox.resources.generic_resources import StoredResource
from bunqkit.sandbox.resources.users import PROVIDER, show_consent

_CODE_LIFETIME = timedelta(minutes=10)
_PROVIDER_LIFETIME = timedelta(days=90)


@dataclass(frozen=True)
class Consent:
    """What somebody lets an app see.

    Attributes
    ----------
    id
        The id of its ``UserApiKey``, by which it is revoked.
    app, granter_id
        The name of the app's owner, and the person who let it in.
    accounts
        Ids of the accounts that it may see.
    is_used
        True if the code has bought its token.
    revoked
        When it was revoked, as it is written; ``None`` if it was not.
    """

    id: int
    app: str
    granter_id: int
    accounts: tuple[int, ...]
    is_used: bool
    revoked: str | None


def list_consents(ledger: BankLedger) -> list[Consent]:
    """List all consents that were ever granted at the bank, newest first."""
    accounts = "SELECT account_id FROM consent_account WHERE consent_id = ? ORDER BY account_id"
    return [
        Consent(
            id=row["id"],
            app=ledger.person(row["requester_id"])["label"],
            granter_id=row["granter_id"],
            accounts=tuple(account["account_id"] for account in ledger.rows(accounts, row["id"])),
            is_used=row["api_key"] is not None,
            revoked=row["revoked"],
        )
        for row in ledger.rows("SELECT * FROM consent ORDER BY id DESC")
    ]


def find_client(ledger: BankLedger, client_id: str, redirect_uri: str) -> StoredResource:
    """Return the app that asks; refuse if it is unknown, or has not registered this address.

    Raises
    ------
    Refusal
        In words of our own.
    """
    condition = "type = 'OauthClient' AND json_extract(item, '$.client_id') = ?"
    client = next(iter(StoredResource.select(ledger, condition, client_id)), None)
    if client is None or client.status != "ACTIVE":
        raise refuse(400, "No OAuth client has this client_id.")
    addresses = StoredResource.select(
        ledger, "scope = ?", f"{client.scope}/{client.id}/callback-url"
    )
    if redirect_uri not in [address.fields.get("url") for address in addresses]:
        raise refuse(400, "The redirect_uri is no callback address of this OAuth client.")
    return client


def granter_behind(ledger: BankLedger, api_key: str) -> sqlite3.Row | None:
    """Return the person or company of an API key; a granted token grants nothing further."""
    query = (
        "SELECT person.* FROM person JOIN api_key ON person_id = person.id WHERE text = ? "
        "AND (expires IS NULL OR expires > ?) AND kind <> ? "
        "AND text NOT IN (SELECT api_key FROM consent WHERE api_key IS NOT NULL)"
    )
    return ledger.row(query, api_key, wire_time(ledger.clock.now()), PROVIDER)


def accounts_of(ledger: BankLedger, person_id: int) -> list[sqlite3.Row]:
    """List the open accounts that a person can let others see, oldest first."""
    query = f"SELECT * FROM account WHERE {MINE} AND status = 'ACTIVE' ORDER BY id"
    return ledger.rows(query, person_id, person_id)


def grant(
    ledger: BankLedger,
    client: StoredResource,
    person_id: int,
    accounts: Iterable[int],
    *,
    redirect_uri: str,
    state: str | None = None,
) -> str:
    """Write that somebody lets an app see accounts; return the code that buys the token once."""
    chosen = set(accounts)
    if not chosen or not chosen <= {row["id"] for row in accounts_of(ledger, person_id)}:
        raise refuse(400, "Choose at least one account, of your own.")
    code, now = secrets.token_hex(32), ledger.clock.now()
    number = ledger.next_id("person")
    ledger.insert(
        "consent",
        id=number,
        client_id=client.id,
        requester_id=int(client.scope.split("/")[1]),
        granter_id=person_id,
        created=wire_time(now),
        code=code,
        code_expires=wire_time(now + _CODE_LIFETIME),
        redirect_uri=redirect_uri,
        state=state,
    )
    for account_id in sorted(chosen):
        ledger.insert("consent_account", consent_id=number, account_id=account_id)
    return code


def exchange(ledger: BankLedger, form: dict[str, str]) -> dict[str, Any]:
    """Exchange a code for its token: once, for the client that it was made for.

    Raises
    ------
    OAuthRefusal
        In the form and, where a source shows it, the words of bunq's token address.
    """
    if form.get("grant_type") != "authorization_code":
        raise OAuthRefusal("unsupported_grant_type", "The grant_type must be authorization_code.")
    row = ledger.row("SELECT * FROM consent WHERE code = ?", form.get("code", ""))
    now = ledger.clock.now()
    if row is None or row["api_key"] is not None or row["code_expires"] <= wire_time(now):
        raise OAuthRefusal("invalid_grant", "The authorization code is invalid or expired.")
    client = next(iter(StoredResource.select(ledger, "id = ?", row["client_id"])), None)
    pairs = (("client_id", "client_id"), ("secret", "client_secret"))
    if (
        client is None
        or client.status != "ACTIVE"
        or not all(
            secrets.compare_digest(str(client.fields[ours]).encode(), form.get(theirs, "").encode())
            for ours, theirs in pairs
        )
    ):
        raise OAuthRefusal("invalid_client", "The client_id or the client_secret is wrong.")
    if form.get("redirect_uri") != row["redirect_uri"]:
        raise OAuthRefusal("invalid_grant", "The redirect_uri is not that of the code.")
    is_provider = ledger.person(row["requester_id"])["kind"] == PROVIDER
    token = secrets.token_hex(32)
    ledger.insert(
        "api_key",
        text=token,
        id=ledger.next_id("credential"),
        person_id=row["granter_id"],
        created=wire_time(now),
        expires=wire_time(now + _PROVIDER_LIFETIME) if is_provider else None,
    )
    ledger.update("consent", row["id"], api_key=token)
    answer = {"access_token": token, "token_type": "bearer"}
    return answer if row["state"] is None else answer | {"state": row["state"]}


class OAuthRefusal(Refusal):
    """A refusal in the form of RFC 6749, 5.2."""

    def __init__(self, error: str, description: str) -> None:
        super().__init__(400, (description, description))
        self.error = error


def consent_behind(ledger: BankLedger, installation_id: int) -> sqlite3.Row | None:
    """Return the consent whose token an installation is bound to, or ``None``."""
    query = (
        "SELECT consent.* FROM consent JOIN device ON device.api_key = consent.api_key "
        "WHERE device.installation_id = ?"
    )
    return ledger.row(query, installation_id)


def revoke(ledger: BankLedger, consent_id: int) -> None:
    """End a consent: its token opens nothing any more, and the app's owner is notified."""
    row = ledger.row("SELECT * FROM consent WHERE id = ?", consent_id)
    if row is None or row["revoked"] is not None:
        raise not_found("Consent", consent_id)
    now, notices = wire_time(ledger.clock.now()), (("OAUTH", "OAUTH_REVOKED"),)
    # A code that nobody has used yet ends with it.
    ledger.update("consent", consent_id, revoked=now, code_expires=now)
    ledger.execute("UPDATE api_key SET expires = ? WHERE text = ?", now, row["api_key"])
    notify_person(
        ledger, row["requester_id"], consent_id, notices, lambda: show_consent(ledger, row)
    )


def revoke_all(ledger: BankLedger, client_id: int) -> None:
    """End all consents of an app that its owner gives up."""
    query = "SELECT id FROM consent WHERE client_id = ? AND revoked IS NULL"
    for row in ledger.rows(query, client_id):
        revoke(ledger, row["id"])
