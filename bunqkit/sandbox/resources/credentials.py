"""What opens the bank, seen from inside: installation, devices, keys, addresses, OAuth clients.

Source: bunq docs, "Device server", "Permitted IP", "OAuth client" and "Payment service provider
credential"; fixtures of the Ruby client for members that the official description lacks.
"""

from __future__ import annotations

import secrets
import sqlite3
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

from bunqkit.errors import KeyFormatError, SignatureError
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import WRONG_CREDENTIALS, not_found, refuse
from bunqkit.sandbox.resources.access import add_permitted_ip, check_addresses
from bunqkit.sandbox.resources.call import Call, Item, Page, created
from bunqkit.sandbox.resources.consents import revoke_all
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    change_thing,
    find_thing,
    scope_of,
    tell_thing,
)
from bunqkit.sandbox.resources.rights import roles_in
from bunqkit.sandbox.resources.users import PROVIDER
from bunqkit.security.signing import certificate_key, read_certificate

# Source: bunq docs, "PSD2": a credential is good for 90 days, and its first session for an hour.
_CREDENTIAL_LIFETIME = timedelta(days=90)
_SESSION_S = 3600


def list_installations(call: Call) -> list[Item]:
    """Give the id of the installation: there is one for a token."""
    assert call.installation is not None
    wrapper = "Installation" if call.habits.installations_are_named else "Id"
    return [(wrapper, {"id": call.installation["id"]})]


def get_installation(call: Call) -> list[Item]:
    """Give the id of one's own installation."""
    _own_installation(call, "itemId")
    return list_installations(call)


def list_server_keys(call: Call) -> list[Item]:
    """Give the bank's public key once more."""
    _own_installation(call, "installationID")
    return [("ServerPublicKey", {"server_public_key": call.bank_key})]


def _own_installation(call: Call, name: str) -> None:
    assert call.installation is not None
    if call.number(name) != call.installation["id"]:
        raise not_found("Installation", call.ids[name])


_DEVICES = "api_key IN (SELECT text FROM api_key WHERE person_id = ?)"


def list_devices(call: Call) -> Page:
    """List the devices that a person's keys are bound to, newest first."""
    return call.page("device", _DEVICES, (call.person_id,), _tell_device)


def get_device(call: Call) -> list[Item]:
    """Give one device."""
    row = call.ledger.row(
        f"SELECT * FROM device WHERE id = ? AND {_DEVICES}", call.number("itemId"), call.person_id
    )
    if row is None:
        raise not_found("Device", call.ids["itemId"])
    return [_tell_device(call.ledger, row)]


def _tell_device(_ledger: Ledger, row: sqlite3.Row) -> Item:
    return "DeviceServer", {
        "id": row["id"],
        "created": row["created"],
        "updated": row["created"],
        "description": row["description"],
        "ip": row["ip"],
        "status": "ACTIVE",
    }


def list_credentials(call: Call) -> Page:
    """List a person's keys, newest first; what was granted to apps is no key of the person's."""
    return call.page("api_key", _KEYS, (call.person_id,), _tell_credential)


_KEYS = "person_id = ? AND text NOT IN (SELECT api_key FROM consent WHERE api_key IS NOT NULL)"


def get_credential(call: Call) -> list[Item]:
    """Give one key: its text only while nobody has used it."""
    return [_tell_credential(call.ledger, _own_credential(call, "itemId"))]


def _own_credential(call: Call, name: str) -> sqlite3.Row:
    row = call.ledger.row(
        f"SELECT * FROM api_key WHERE id = ? AND {_KEYS}", call.number(name), call.person_id
    )
    if row is None:
        raise not_found("Credential password ip", call.ids[name])
    return row


def _tell_credential(ledger: Ledger, row: sqlite3.Row) -> Item:
    device = ledger.row("SELECT * FROM device WHERE api_key = ? ORDER BY id", row["text"])
    # Source: fixtures of the Ruby client; the text is gone once the key is in use.
    is_new = device is None and row["expires"] is not None
    return "CredentialPasswordIp", {
        "id": row["id"],
        "created": row["created"],
        "updated": row["created"] if device is None else device["created"],
        "status": "PENDING_FIRST_USE" if is_new else "ACTIVE",
        "expiry_time": row["expires"],
        "token_value": row["text"] if is_new else None,
        "permitted_device": device and {"description": device["description"], "ip": device["ip"]},
    }


_ADDRESSES = "device_id IN (SELECT id FROM device WHERE api_key = ?)"


def list_addresses(call: Call) -> Page:
    """List the addresses that a key may be used from."""
    key = _own_credential(call, "credential-password-ipID")
    return call.page("permitted_ip", _ADDRESSES, (key["text"],), _tell_address)


def get_address(call: Call) -> list[Item]:
    """Give one address."""
    return [_tell_address(call.ledger, _own_address(call))]


def create_address(call: Call) -> list[Item]:
    """Permit an address to every device of the key; ``*`` permits any."""
    key = _own_credential(call, "credential-password-ipID")
    if call.habits.addresses_are_fixed:
        raise refuse(400, "An address can't be added once the device is registered.")
    check_addresses([call.body["ip"]], call.habits)
    status = _check_status(call.body.get("status") or "ACTIVE")
    number = 0
    for device in call.ledger.rows("SELECT id FROM device WHERE api_key = ?", key["text"]):
        number = add_permitted_ip(call.ledger, device["id"], call.body["ip"], status)
    if not number:
        raise refuse(400, "No device is bound to this key yet.")
    return created(number)


def update_address(call: Call) -> list[Item]:
    """Switch an address on or off; what it is never changes."""
    row = _own_address(call)
    if call.body.get("ip") not in (None, row["ip"]):
        raise refuse(400, "The IP address can't be changed; deactivate it and add another.")
    call.ledger.update(
        "permitted_ip",
        row["id"],
        status=_check_status(call.body.get("status") or row["status"]),
        updated=wire_time(call.ledger.clock.now()),
    )
    return created(row["id"])


def _check_status(status: str) -> str:
    if status not in ("ACTIVE", "INACTIVE"):
        raise refuse(400, f'Status "{status}" is not valid.')
    return status


def _own_address(call: Call) -> sqlite3.Row:
    key = _own_credential(call, "credential-password-ipID")
    row = call.ledger.row(
        f"SELECT * FROM permitted_ip WHERE id = ? AND {_ADDRESSES}",
        call.number("itemId"),
        key["text"],
    )
    if row is None:
        raise not_found("Permitted ip", call.ids["itemId"])
    return row


def _tell_address(_ledger: Ledger, row: sqlite3.Row) -> Item:
    return "PermittedIp", {name: row[name] for name in ("ip", "status", "id", "created", "updated")}


def create_provider(call: Call) -> list[Item]:
    """Make a payment service provider from a certificate; give the key that it opens sessions with.

    The signature is that of the certificate's key over the client's public key, a line's end and
    the installation token. Self-signed certificates are taken, as in bunq's sandbox.

    Source: bunq docs, "PSD2"; the SDK and psd2_sandbox for what is signed.
    """
    assert call.installation is not None
    ledger, body = call.ledger, call.body
    try:
        key, name = certificate_key(body["client_payment_service_provider_certificate"])
        pem = (
            call.bank_key
            if call.habits.providers_sign_bank_key
            else call.installation["public_key"]
        )
        signed = f"{pem.strip()}\n{call.installation['token']}"
        key.verify(signed.encode(), body["client_public_key_signature"])
    except (KeyFormatError, SignatureError) as error:
        raise WRONG_CREDENTIALS from error
    if not roles_in(name):
        raise refuse(400, "The certificate names no role: AISP, PISP or CBPII.")
    if ledger.row("SELECT 1 FROM person WHERE name = ? AND kind = ?", name, PROVIDER):
        raise refuse(400, "A provider with this certificate's name exists already.")
    person_id = ledger.add_person(
        kind=PROVIDER,
        name=name,
        label=name,
        details={"certificate_distinguished_name": name},
    )
    ledger.update("person", person_id, session_timeout=_SESSION_S)
    text = ledger.add_api_key(person_id, lifetime=_CREDENTIAL_LIFETIME)
    row = ledger.row("SELECT * FROM api_key WHERE text = ?", text)
    assert row is not None
    return [_tell_credential(ledger, row)]


def get_provider(call: Call) -> list[Item]:
    """Give a provider's credential."""
    return get_credential(call)


def pin_certificates(call: Call) -> list[Item]:
    """Keep the chain of certificates that callbacks shall insist on; glued, as it is read."""
    chain = [each["certificate"] for each in call.body["certificate_chain"]]
    for pem in chain:
        try:
            read_certificate(pem)
        except KeyFormatError as error:
            raise refuse(400, str(error)) from error
    if not chain:
        raise refuse(400, "The certificate chain is empty.")
    values = {"certificate_chain": "\n".join(pem.strip() for pem in chain)}
    return created(add_thing(call.ledger, scope_of(call), "CertificatePinned", values))


def create_client(call: Call) -> list[Item]:
    """Make the one OAuth client that a user may have."""
    scope = scope_of(call)
    if call.ledger.row("SELECT 1 FROM thing WHERE scope = ?", scope):
        raise refuse(400, "You have an OAuth client already.")
    values = {
        "status": call.body.get("status") or "ACTIVE",
        "display_name": call.ledger.person(call.person_id)["label"],
        "client_id": secrets.token_hex(32),
        "secret": secrets.token_hex(32),
    }
    return created(add_thing(call.ledger, scope, "OauthClient", values))


def list_clients(call: Call) -> Page:
    """List the OAuth clients, each with its callback addresses."""
    return call.page("thing", "scope = ?", (scope_of(call),), _tell_client)


def get_client(call: Call) -> list[Item]:
    """Give one OAuth client with its callback addresses."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    return [_tell_client(call.ledger, row)]


def update_client(call: Call) -> list[Item]:
    """Give up an OAuth client, which ends all that was granted to it, or take it up again."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    status = call.body.get("status") or "ACTIVE"
    if status not in ("ACTIVE", "CANCELLED"):
        raise refuse(400, f'Status "{status}" is not valid.')
    change_thing(call.ledger, row, {"status": status})
    if status == "CANCELLED":
        revoke_all(call.ledger, row["id"])
    return created(row["id"])


def _tell_client(ledger: Ledger, row: sqlite3.Row) -> Item:
    urls = ledger.rows(
        "SELECT * FROM thing WHERE scope = ? ORDER BY id",
        f"{row['scope']}/{row['id']}/callback-url",
    )
    told: dict[str, Any] = tell_thing(row, "OauthClient")
    return "OauthClient", told | {"callback_url": [tell_thing(u, "OauthCallbackUrl") for u in urls]}


def create_callback_url(call: Call) -> list[Item]:
    """Add an address that people are sent back to: https, or plain http on this machine."""
    scope = scope_of(call)
    _check_address(call.body["url"])
    return created(add_thing(call.ledger, scope, "OauthCallbackUrl", {"url": call.body["url"]}))


def update_callback_url(call: Call) -> list[Item]:
    """Change an address that people are sent back to."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    if (url := call.body.get("url")) is not None:
        _check_address(url)
        change_thing(call.ledger, row, {"url": url})
    return created(row["id"])


def _check_address(url: str) -> None:
    if not is_callable(url):
        raise refuse(400, f'"{url}" is not a valid callback address; it must begin with https.')


def is_callable(url: str) -> bool:
    """Whether the bank would call an address: https, or plain http on this machine.

    Source: bunq docs, "Callbacks", for https; http on loopback is a difference of this bank.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    is_here = host in ("localhost", "127.0.0.1", "::1")
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_here))
