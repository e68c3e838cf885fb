"""What people allow others by OAuth: the code, the token it buys, the accounts, and the end of it.

A consent is a ``UserApiKey``: the token opens sessions in which the one who asked sees those
accounts of the one who granted, by the id of the consent or of the granter.

Source: bunq docs, "OAuth"; RFC 6749 for the errors; the SDK for ``UserApiKey``. That people choose
among their accounts, and that a consent given to a payment service provider ends after 90 days, are
rules of our own, made after PSD2.
"""

from __future__ import annotations

import json
import secrets
import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import Refusal, not_found, refuse
from bunqkit.sandbox.resources.accounts import MINE
from bunqkit.sandbox.resources.events import notify_person
from bunqkit.sandbox.resources.users import PROVIDER, tell_consent

_CODE_LIFETIME = timedelta(minutes=10)
_PROVIDER_LIFETIME = timedelta(days=90)


@dataclass(frozen=True)
class Consent:
    """What somebody let an app see.

    Attributes
    ----------
    id
        Of its ``UserApiKey``, by which it is revoked.
    app, granter_id
        Whose app it is by name, and who let it in.
    accounts
        Ids of the accounts that it may see.
    is_used
        Whether the code has bought its token.
    revoked
        When it was taken back, as it is written; ``None`` for not yet.
    """

    id: int
    app: str
    granter_id: int
    accounts: tuple[int, ...]
    is_used: bool
    revoked: str | None


def list_consents(ledger: Ledger) -> list[Consent]:
    """Give all that was ever granted at the bank, newest first."""
    accounts = "SELECT account_id FROM consent_account WHERE consent_id = ? ORDER BY account_id"
    return [
        Consent(
            id=row["id"],
            app=ledger.person(row["requester_id"])["label"],
            granter_id=row["granter_id"],
            accounts=tuple(each["account_id"] for each in ledger.rows(accounts, row["id"])),
            is_used=row["api_key"] is not None,
            revoked=row["revoked"],
        )
        for row in ledger.rows("SELECT * FROM consent ORDER BY id DESC")
    ]


def find_client(ledger: Ledger, client_id: str, redirect_uri: str) -> sqlite3.Row:
    """Give the app that asks; refuse if it is unknown, or would be answered elsewhere.

    Raises
    ------
    Refusal
        In words of our own.
    """
    row = ledger.row(
        "SELECT * FROM thing WHERE type = 'OauthClient' AND json_extract(item, '$.client_id') = ?",
        client_id,
    )
    if row is None or json.loads(row["item"])["status"] != "ACTIVE":
        raise refuse(400, "No OAuth client has this client_id.")
    known = ledger.rows(
        "SELECT json_extract(item, '$.url') AS url FROM thing WHERE scope = ?",
        f"{row['scope']}/{row['id']}/callback-url",
    )
    if redirect_uri not in [each["url"] for each in known]:
        raise refuse(400, "The redirect_uri is no callback address of this OAuth client.")
    return row


def granter_behind(ledger: Ledger, api_key: str) -> sqlite3.Row | None:
    """Give the person or company whose API key it is; a granted token grants nothing further."""
    return ledger.row(
        "SELECT person.* FROM person JOIN api_key ON person_id = person.id WHERE text = ? "
        "AND (expires IS NULL OR expires > ?) AND kind <> ? "
        "AND text NOT IN (SELECT api_key FROM consent WHERE api_key IS NOT NULL)",
        api_key,
        wire_time(ledger.clock.now()),
        PROVIDER,
    )


def accounts_of(ledger: Ledger, person_id: int) -> list[sqlite3.Row]:
    """Give the open accounts that a person can let others see, oldest first."""
    return ledger.rows(
        f"SELECT * FROM account WHERE {MINE} AND status = 'ACTIVE' ORDER BY id",
        person_id,
        person_id,
    )


def grant(
    ledger: Ledger,
    client: sqlite3.Row,
    person_id: int,
    accounts: Iterable[int],
    *,
    redirect_uri: str,
    state: str | None = None,
) -> str:
    """Write that somebody lets an app see accounts; give the code that buys the token once."""
    chosen = set(accounts)
    if not chosen or not chosen <= {row["id"] for row in accounts_of(ledger, person_id)}:
        raise refuse(400, "Choose at least one account, of your own.")
    code, now = secrets.token_hex(32), ledger.clock.now()
    number = ledger.next_id("person")
    ledger.insert(
        "consent",
        id=number,
        client_id=client["id"],
        requester_id=int(client["scope"].split("/")[1]),
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


def exchange(ledger: Ledger, told: dict[str, str]) -> dict[str, Any]:
    """Sell the token for a code: once, to the client that it was made for.

    Raises
    ------
    OAuthRefusal
        In the form and, where a source shows it, the words of bunq's token address.
    """
    if told.get("grant_type") != "authorization_code":
        raise OAuthRefusal("unsupported_grant_type", "The grant_type must be authorization_code.")
    row = ledger.row("SELECT * FROM consent WHERE code = ?", told.get("code", ""))
    now = ledger.clock.now()
    if row is None or row["api_key"] is not None or row["code_expires"] <= wire_time(now):
        raise OAuthRefusal("invalid_grant", "The authorization code is invalid or expired.")
    client = ledger.row("SELECT * FROM thing WHERE id = ?", row["client_id"])
    item = json.loads(client["item"]) if client else {}
    names = ("client_id", "secret")
    given = (told.get("client_id", ""), told.get("client_secret", ""))
    if item.get("status") != "ACTIVE" or not all(
        secrets.compare_digest(str(item[name]).encode(), text.encode())
        for name, text in zip(names, given, strict=True)
    ):
        raise OAuthRefusal("invalid_client", "The client_id or the client_secret is wrong.")
    if told.get("redirect_uri") != row["redirect_uri"]:
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


def consent_behind(ledger: Ledger, installation_id: int) -> sqlite3.Row | None:
    """Give the consent whose token an installation is bound to, if it is one."""
    return ledger.row(
        "SELECT consent.* FROM consent JOIN device ON device.api_key = consent.api_key "
        "WHERE device.installation_id = ?",
        installation_id,
    )


def revoke(ledger: Ledger, consent_id: int) -> None:
    """End a consent: its token opens nothing from now on, and the app's owner is told."""
    row = ledger.row("SELECT * FROM consent WHERE id = ?", consent_id)
    if row is None or row["revoked"] is not None:
        raise not_found("Consent", consent_id)
    now = wire_time(ledger.clock.now())
    # A code that nobody has used yet ends with it.
    ledger.update("consent", consent_id, revoked=now, code_expires=now)
    ledger.execute("UPDATE api_key SET expires = ? WHERE text = ?", now, row["api_key"])
    notify_person(
        ledger,
        row["requester_id"],
        consent_id,
        (("OAUTH", "OAUTH_REVOKED"),),
        lambda: tell_consent(ledger, row),
    )


def revoke_all(ledger: Ledger, client_id: int) -> None:
    """End what was granted to an app that its owner gives up."""
    query = "SELECT id FROM consent WHERE client_id = ? AND revoked IS NULL"
    for row in ledger.rows(query, client_id):
        revoke(ledger, row["id"])
