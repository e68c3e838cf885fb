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
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.quirks import Quirks
from bunqkit.sandbox.refusal import (
    BAD_PUBLIC_KEY,
    INSUFFICIENT,
    UNAUTHORISED,
    WRONG_CREDENTIALS,
    Refusal,
    refuse,
)
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.consents import consent_behind
from bunqkit.sandbox.resources.rows import read_row
from bunqkit.sandbox.resources.users import show_consent, show_user
from bunqkit.security.signing import PublicKey

# The device of an installation, while its key is alive.
_DEVICE = (
    "SELECT device.*, api_key.person_id FROM device JOIN api_key ON text = api_key "
    "WHERE installation_id = ? AND (expires IS NULL OR expires > ?)"
)


def create_person(call: Call) -> list[Item]:
    """Make a person with an empty account."""
    return _api_key(call, people.add_person(call.ledger))


def create_company(call: Call) -> list[Item]:
    """Make a company with an empty account."""
    return _api_key(call, people.add_company(call.ledger))


def _api_key(call: Call, person_id: int) -> list[Item]:
    if call.quirks.users_answer_by_id:
        return created(person_id)
    lifetime = timedelta(hours=call.quirks.key_lifetime_h)
    return [("ApiKey", {"api_key": call.ledger.add_api_key(person_id, lifetime=lifetime)})]


def end_key(ledger: BankLedger, number: int) -> None:
    """End a key: delete it if it was never bound; otherwise, for a provider, end its sessions."""
    text = read_row(ledger, "api_key", number)["text"]
    query = (
        "SELECT session.id FROM session JOIN device "
        "ON device.installation_id = session.installation_id WHERE api_key = ?"
    )
    for session in ledger.rows(query, text):
        end_session(ledger, session["id"])
    if not ledger.row("SELECT 1 FROM device WHERE api_key = ?", text):
        ledger.delete("api_key", number)


def create_installation(call: Call) -> list[Item]:
    """Exchange public keys; the answer's order is fixed."""
    pem, ledger = call.body["client_public_key"], call.ledger
    if "\r" in pem and call.quirks.crlf_keys_are_refused:
        raise BAD_PUBLIC_KEY
    try:
        pem = PublicKey.from_pem(pem).pem
    except KeyFormatError as error:
        raise BAD_PUBLIC_KEY from error
    number, token_id = ledger.next_id("installation"), ledger.next_id("token")
    token, now = secrets.token_hex(32), wire_time(ledger.clock.now())
    ledger.insert(
        "installation", id=number, token_id=token_id, token=token, created=now, public_key=pem
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
    addresses = call.body.get("permitted_ips") or [call.address]
    check_addresses(addresses, call.quirks)
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
    # A key that is bound does not expire any more.
    ledger.bind_api_key(secret)
    return created(number)


def add_permitted_ip(ledger: BankLedger, device_id: int, address: str, status: str) -> int:
    """Write an address that a device may call from; return its id."""
    number, now = ledger.next_id("permitted-ip"), wire_time(ledger.clock.now())
    values = {"device_id": device_id, "ip": address, "status": status}
    ledger.insert("permitted_ip", id=number, created=now, updated=now, **values)
    return number


def check_addresses(addresses: list[str], quirks: Quirks) -> None:
    """Check that these are IP addresses, or ``*`` for any, of the kinds that the quirks allow."""
    for address in addresses:
        if address == "*":
            is_valid = not quirks.wildcards_are_refused
        else:
            try:
                is_six = isinstance(ipaddress.ip_address(address), ipaddress.IPv6Address)
                is_valid = not (is_six and quirks.ipv6_is_refused)
            except ValueError:
                is_valid = False
        if not is_valid:
            raise refuse(400, f'"{address}" is not a valid IP address.')


def create_session(call: Call) -> list[Item]:
    """Open a session for the key that is bound to the installation; the answer's order is fixed."""
    assert call.installation is not None
    ledger, installation_id, now = call.ledger, call.installation["id"], call.ledger.clock.now()
    device = ledger.row(_DEVICE, installation_id, wire_time(now))
    if (
        device is None
        or not secrets.compare_digest(device["api_key"].encode(), call.body["secret"].encode())
        or not is_permitted(ledger, device["id"], call.address)
    ):
        raise WRONG_CREDENTIALS
    person = ledger.person(device["person_id"])
    consent = consent_behind(ledger, installation_id)
    number, token, opened = ledger.next_id("token"), secrets.token_hex(32), wire_time(now)
    expires = now + _timeout(ledger, person["id"], consent)
    scheduled_jobs.plan(ledger, "session", number, expires)
    ledger.insert(
        "session",
        id=number,
        token=token,
        installation_id=installation_id,
        person_id=person["id"],
        created=opened,
        expires=wire_time(expires),
    )
    return [
        ("Id", {"id": number}),
        ("Token", {"id": number, "created": opened, "updated": opened, "token": token}),
        show_user(ledger, person) if consent is None else show_consent(ledger, consent),
    ]


def _timeout(ledger: BankLedger, person_id: int, consent: sqlite3.Row | None) -> timedelta:
    """Return how long a session lasts: its user decides, for an app's session the app's owner."""
    user = ledger.person(person_id if consent is None else consent["requester_id"])
    return timedelta(seconds=user["session_timeout"])


def delete_session(call: Call) -> list[Item]:
    """Log out; the id in the path is not looked at."""
    assert call.session is not None
    end_session(call.ledger, call.session["id"])
    return []


def end_session(ledger: BankLedger, number: int) -> None:
    """End a session: its token opens nothing any more."""
    scheduled_jobs.cancel(ledger, "session", number)
    ledger.delete("session", number)


def is_permitted(ledger: BankLedger, device_id: int, address: str) -> bool:
    """Return True if a device may call from this address: inactive ones don't count."""
    query = (
        "SELECT 1 FROM permitted_ip WHERE device_id = ? AND status = 'ACTIVE' AND ip IN ('*', ?)"
    )
    return ledger.row(query, device_id, address) is not None


def expired(quirks: Quirks) -> Refusal:
    """Return the refusal for a token that is unknown or has expired."""
    return UNAUTHORISED if quirks.expired_is_401 else INSUFFICIENT


def touch(call: Call) -> None:
    """Check that the call comes from a permitted address, and extend the session near its end.

    Raises
    ------
    Refusal
        If it does not: the same text as for an unknown token.
    """
    assert call.session is not None
    ledger, session, now = call.ledger, call.session, call.ledger.clock.now()
    device = ledger.row(_DEVICE, session["installation_id"], wire_time(now))
    if device is None or not is_permitted(ledger, device["id"], call.address):
        raise expired(call.quirks)
    if session["expires"] < wire_time(now + timedelta(seconds=call.quirks.extension_s)):
        expires = now + _timeout(ledger, session["person_id"], call.consent)
        ledger.update("session", session["id"], expires=wire_time(expires))
        scheduled_jobs.plan(ledger, "session", session["id"], expires)


RULES: dict[str, Verbs] = {
    "sandbox-user-person": {"create": create_person},
    "sandbox-user-company": {"create": create_company},
    "installation": {"create": create_installation},
    "device-server": {"create": create_device},
    "session-server": {"create": create_session},
    "session": {"delete": delete_session},
}
