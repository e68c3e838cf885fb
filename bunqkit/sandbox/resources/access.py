"""Sandbox users, installation, device, session: who may call.

Source: bunq docs, "Getting started", "Sandbox"; failure texts from issue threads of the SDKs.
"""

from __future__ import annotations

import ipaddress
import secrets
import sqlite3
from datetime import timedelta

from bunqkit.errors import KeyFormatError
from bunqkit.sandbox import people, scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.quirks import Quirks
from bunqkit.sandbox.refusal import (
    BAD_PUBLIC_KEY,
    INSUFFICIENT,
    UNAUTHORISED,
    WRONG_CREDENTIALS,
    Refusal,
    refuse,
)
from bunqkit.sandbox.resources.call import Call, Item, created
from bunqkit.sandbox.resources.consents import consent_behind
from bunqkit.sandbox.resources.users import tell_consent, tell_user
from bunqkit.security.signing import PublicKey


def create_person(call: Call) -> list[Item]:
    """Make a person with an empty account."""
    return _api_key(call, people.add_person(call.ledger))


def create_company(call: Call) -> list[Item]:
    """Make a company with an empty account."""
    return _api_key(call, people.add_company(call.ledger))


def _api_key(call: Call, person_id: int) -> list[Item]:
    if call.habits.users_answer_by_id:
        return created(person_id)
    lifetime = timedelta(hours=call.habits.key_lifetime_h)
    return [("ApiKey", {"api_key": call.ledger.add_api_key(person_id, lifetime=lifetime)})]


def end_key(ledger: Ledger, number: int) -> None:
    """Lose a key that was not bound in time; of a provider's that was, end the sessions."""
    key = ledger.row("SELECT * FROM api_key WHERE id = ?", number)
    assert key is not None
    devices = ledger.rows("SELECT * FROM device WHERE api_key = ?", key["text"])
    for device in devices:
        for row in ledger.rows(
            "SELECT id FROM session WHERE installation_id = ?", device["installation_id"]
        ):
            end_session(ledger, row["id"])
    if not devices:
        ledger.delete("api_key", number)


def create_installation(call: Call) -> list[Item]:
    """Exchange public keys; the answer's order is fixed."""
    pem = call.body["client_public_key"]
    if "\r" in pem and call.habits.crlf_keys_are_refused:
        raise BAD_PUBLIC_KEY
    try:
        key = PublicKey.from_pem(pem)
    except KeyFormatError as error:
        raise BAD_PUBLIC_KEY from error
    ledger = call.ledger
    number, token_id = ledger.next_id("installation"), ledger.next_id("token")
    token, now = secrets.token_hex(32), wire_time(ledger.clock.now())
    ledger.insert(
        "installation",
        id=number,
        token_id=token_id,
        token=token,
        created=now,
        public_key=key.pem,
    )
    return [
        ("Id", {"id": number}),
        ("Token", {"id": token_id, "created": now, "updated": now, "token": token}),
        ("ServerPublicKey", {"server_public_key": call.bank_key}),
    ]


def create_device(call: Call) -> list[Item]:
    """Bind an API key to the installation and to addresses."""
    assert call.installation is not None
    ledger, installation_id = call.ledger, call.installation["id"]
    if ledger.row("SELECT 1 FROM device WHERE installation_id = ?", installation_id):
        raise refuse(400, "A device already exists for this installation: device already exists.")
    secret = call.body["secret"]
    key = ledger.row("SELECT * FROM api_key WHERE text = ?", secret)
    now = wire_time(ledger.clock.now())
    if key is None or (key["expires"] is not None and key["expires"] <= now):
        raise WRONG_CREDENTIALS
    told = call.body.get("permitted_ips") or [call.address]
    addresses = check_addresses(told, call.habits)
    number = ledger.next_id("device")
    ledger.insert(
        "device",
        id=number,
        installation_id=installation_id,
        api_key=secret,
        created=now,
        description=call.body["description"],
        ip=call.address,
    )
    for address in addresses:
        add_permitted_ip(ledger, number, address, "ACTIVE")
    # Once bound, a key stays.
    ledger.bind_api_key(secret)
    return created(number)


def add_permitted_ip(ledger: Ledger, device_id: int, address: str, status: str) -> int:
    """Write an address that a device may call from; give its id."""
    number, now = ledger.next_id("permitted-ip"), wire_time(ledger.clock.now())
    ledger.insert(
        "permitted_ip",
        id=number,
        device_id=device_id,
        ip=address,
        status=status,
        created=now,
        updated=now,
    )
    return number


def check_addresses(told: list[str], habits: Quirks) -> list[str]:
    """Insist that these are IP addresses, or ``*`` for any, of the kinds that the habits allow."""
    for address in told:
        try:
            valid = not habits.wildcards_are_refused
            if address != "*":
                version = ipaddress.ip_address(address).version
                valid = not (habits.ipv6_is_refused and version == _IPV6)
        except ValueError:
            valid = False
        if not valid:
            raise refuse(400, f'"{address}" is not a valid IP address.')
    return told


_IPV6 = 6


def create_session(call: Call) -> list[Item]:
    """Open a session for the key that is bound to the installation; the order is fixed."""
    assert call.installation is not None
    ledger = call.ledger
    device = ledger.row(
        "SELECT device.*, api_key.person_id FROM device JOIN api_key ON text = api_key "
        "WHERE installation_id = ? AND (expires IS NULL OR expires > ?)",
        call.installation["id"],
        wire_time(ledger.clock.now()),
    )
    if (
        device is None
        or not secrets.compare_digest(device["api_key"].encode(), call.body["secret"].encode())
        or not is_permitted(ledger, device["id"], call.address)
    ):
        raise WRONG_CREDENTIALS
    person = ledger.person(device["person_id"])
    consent = consent_behind(ledger, call.installation["id"])
    number, token, now = ledger.next_id("token"), secrets.token_hex(32), ledger.clock.now()
    expires = now + _timeout(ledger, person["id"], consent)
    scheduled_jobs.plan(ledger, "session", number, expires)
    ledger.insert(
        "session",
        id=number,
        token=token,
        installation_id=call.installation["id"],
        person_id=person["id"],
        created=wire_time(now),
        expires=wire_time(expires),
    )
    opened = wire_time(now)
    return [
        ("Id", {"id": number}),
        ("Token", {"id": number, "created": opened, "updated": opened, "token": token}),
        tell_user(ledger, person) if consent is None else tell_consent(ledger, consent),
    ]


def _timeout(ledger: Ledger, person_id: int, consent: sqlite3.Row | None) -> timedelta:
    """Give how long a session lasts: as its user likes, an app's as its owner does."""
    user = ledger.person(person_id if consent is None else consent["requester_id"])
    return timedelta(seconds=user["session_timeout"])


def delete_session(call: Call) -> list[Item]:
    """Log out; the id in the path is not looked at."""
    assert call.session is not None
    end_session(call.ledger, call.session["id"])
    return []


def end_session(ledger: Ledger, number: int) -> None:
    """End a session: its token opens nothing any more."""
    scheduled_jobs.cancel(ledger, "session", number)
    ledger.delete("session", number)


def is_permitted(ledger: Ledger, device_id: int, address: str) -> bool:
    """Whether a device may call from this address: only active ones let in."""
    return (
        ledger.row(
            "SELECT 1 FROM permitted_ip "
            "WHERE device_id = ? AND status = 'ACTIVE' AND ip IN ('*', ?)",
            device_id,
            address,
        )
        is not None
    )


def expired(habits: Quirks) -> Refusal:
    """Give the refusal for a token that opens nothing, or nothing any more."""
    return UNAUTHORISED if habits.expired_is_401 else INSUFFICIENT


def touch(call: Call) -> None:
    """Insist that the call comes from a permitted address, and extend the session near its end.

    Raises
    ------
    Refusal
        If it does not: the same text as for a token that nobody knows.
    """
    assert call.session is not None
    ledger, session = call.ledger, call.session
    now = ledger.clock.now()
    device = ledger.row(
        "SELECT device.id FROM device JOIN api_key ON text = api_key "
        "WHERE installation_id = ? AND (expires IS NULL OR expires > ?)",
        session["installation_id"],
        wire_time(now),
    )
    if device is None or not is_permitted(ledger, device["id"], call.address):
        raise expired(call.habits)
    if session["expires"] < wire_time(now + timedelta(seconds=call.habits.extension_s)):
        expires = now + _timeout(ledger, session["person_id"], call.consent)
        ledger.update("session", session["id"], expires=wire_time(expires))
        scheduled_jobs.plan(ledger, "session", session["id"], expires)
