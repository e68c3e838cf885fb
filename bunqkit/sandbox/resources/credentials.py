"""What opens the bank, seen from inside: installation, devices, keys, addresses, OAuth clients.

Source: bunq docs, "Device server", "Permitted IP", "OAuth client" and "Payment service provider
credential"; fixtures of the Ruby client for members that the official description lacks.
"""

from __future__ import annotations

import secrets
import sqlite3
from datetime import timedelta
from urllib.parse import urlsplit

from bunqkit.errors import KeyFormatError, SignatureError
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import WRONG_CREDENTIALS, not_found, refuse
from bunqkit.sandbox.resources.access import add_permitted_ip, check_addresses
from bunqkit.sandbox.resources.call import Call, Item, Table, Verbs, by_person, created
from bunqkit.sandbox.resources.consents import revoke_all
from bunqkit.sandbox.resources.generic_resources import StoredResource, collection, scope_of
from bunqkit.sandbox.resources.rights import roles_in
from bunqkit.sandbox.resources.rows import check_choice, pick
from bunqkit.sandbox.resources.users import PROVIDER
from bunqkit.security.signing import certificate_key, read_certificate

# Source: bunq docs, "PSD2": a credential is good for 90 days, and its first session for an hour.
_CREDENTIAL_LIFETIME = timedelta(days=90)
_SESSION_S = 3600


def list_installations(call: Call) -> list[Item]:
    """Return the id of the installation: there is one for a token."""
    assert call.installation is not None
    wrapper = "Installation" if call.quirks.installations_are_named else "Id"
    return [(wrapper, {"id": call.installation["id"]})]


def get_installation(call: Call) -> list[Item]:
    """Return the id of one's own installation."""
    _check_installation(call, "itemId")
    return list_installations(call)


def list_server_keys(call: Call) -> list[Item]:
    """Return the bank's public key once more."""
    _check_installation(call, "installationID")
    return [("ServerPublicKey", {"server_public_key": call.bank_key})]


def _check_installation(call: Call, name: str) -> None:
    assert call.installation is not None
    if call.number(name) != call.installation["id"]:
        raise not_found("Installation", call.ids[name])


def _show_device(_ledger: BankLedger, row: sqlite3.Row) -> Item:
    more = {"updated": row["created"], "status": "ACTIVE"}
    return "DeviceServer", pick(row, "id", "created", "description", "ip") | more


def _show_credential(ledger: BankLedger, row: sqlite3.Row) -> Item:
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
        "permitted_device": device and pick(device, "description", "ip"),
    }


def _show_address(_ledger: BankLedger, row: sqlite3.Row) -> Item:
    return "PermittedIp", pick(row, "ip", "status", "id", "created", "updated")


DEVICES = Table(
    "device",
    "api_key IN (SELECT text FROM api_key WHERE person_id = ?)",
    by_person,
    "Device",
    _show_device,
)
"""The devices that a person's keys are bound to."""
CREDENTIALS = Table(
    "api_key",
    "person_id = ? AND text NOT IN (SELECT api_key FROM consent WHERE api_key IS NOT NULL)",
    by_person,
    "Credential password ip",
    _show_credential,
)
"""A person's keys, shown in full only until they are used; tokens of apps are not among them."""
ADDRESSES = Table(
    "permitted_ip",
    "device_id IN (SELECT id FROM device WHERE api_key = ?)",
    lambda call: (_key(call),),
    "Permitted ip",
    _show_address,
)
"""The addresses that a key may be used from."""


def _key(call: Call) -> str:
    return str(CREDENTIALS.find(call, "credential-password-ipID")["text"])


def create_address(call: Call) -> list[Item]:
    """Permit an address to every device of the key; ``*`` permits any."""
    key = _key(call)
    if call.quirks.addresses_are_fixed:
        raise refuse(400, "An address can't be added once the device is registered.")
    check_addresses([call.body["ip"]], call.quirks)
    status = _check_status(call.body.get("status") or "ACTIVE")
    number = 0
    for device in call.ledger.rows("SELECT id FROM device WHERE api_key = ?", key):
        number = add_permitted_ip(call.ledger, device["id"], call.body["ip"], status)
    if not number:
        raise refuse(400, "No device is bound to this key yet.")
    return created(number)


def update_address(call: Call) -> list[Item]:
    """Switch an address on or off; the address itself never changes."""
    row = ADDRESSES.find(call)
    if call.body.get("ip") not in (None, row["ip"]):
        raise refuse(400, "The IP address can't be changed; deactivate it and add another.")
    status, now = call.body.get("status") or row["status"], wire_time(call.ledger.clock.now())
    call.ledger.update("permitted_ip", row["id"], status=_check_status(status), updated=now)
    return created(row["id"])


def _check_status(status: str) -> str:
    return check_choice("Status", status, ("ACTIVE", "INACTIVE"))


def create_provider(call: Call) -> list[Item]:
    """Make a payment service provider from a certificate; return the key that opens its sessions.

    The signature is made by the certificate's key over the client's public key, a line's end and
    the installation token. Self-signed certificates are taken, as in bunq's sandbox.

    Source: bunq docs, "PSD2"; the SDK and psd2_sandbox for what is signed.
    """
    assert call.installation is not None
    ledger, body, pem = call.ledger, call.body, call.installation["public_key"]
    if call.quirks.providers_sign_bank_key:
        pem = call.bank_key
    try:
        key, name = certificate_key(body["client_payment_service_provider_certificate"])
        signed = f"{pem.strip()}\n{call.installation['token']}"
        key.verify(signed.encode(), body["client_public_key_signature"])
    except (KeyFormatError, SignatureError) as error:
        raise WRONG_CREDENTIALS from error
    if not roles_in(name):
        raise refuse(400, "The certificate names no role: AISP, PISP or CBPII.")
    if ledger.row("SELECT 1 FROM person WHERE name = ? AND kind = ?", name, PROVIDER):
        raise refuse(400, "A provider with this certificate's name exists already.")
    details = {"certificate_distinguished_name": name}
    person_id = ledger.add_person(kind=PROVIDER, name=name, label=name, details=details)
    ledger.update("person", person_id, session_timeout=_SESSION_S)
    text = ledger.add_api_key(person_id, lifetime=_CREDENTIAL_LIFETIME)
    return [_show_credential(ledger, ledger.rows("SELECT * FROM api_key WHERE text = ?", text)[0])]


def pin_certificates(call: Call) -> list[Item]:
    """Keep the chain of certificates for callbacks; it is read as one text."""
    chain = [entry["certificate"] for entry in call.body["certificate_chain"]]
    for pem in chain:
        try:
            read_certificate(pem)
        except KeyFormatError as error:
            raise refuse(400, str(error)) from error
    if not chain:
        raise refuse(400, "The certificate chain is empty.")
    values = {"certificate_chain": "\n".join(pem.strip() for pem in chain)}
    return created(StoredResource.post(call, "CertificatePinned", values).id)


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
    return created(StoredResource.add(call.ledger, scope, "OauthClient", values).id)


def update_client(call: Call) -> list[Item]:
    """Give up an OAuth client, which ends all its consents, or take it up again."""
    client, status = StoredResource.find(call), call.body.get("status") or "ACTIVE"
    client.save(status=check_choice("Status", status, ("ACTIVE", "CANCELLED")))
    if status == "CANCELLED":
        revoke_all(call.ledger, client.id)
    return created(client.id)


def _show_client(client: StoredResource) -> Item:
    addresses = StoredResource.select(
        client.ledger, "scope = ?", f"{client.scope}/{client.id}/callback-url"
    )
    urls = [address.show("OauthCallbackUrl")[1] for address in addresses]
    name, fields = client.show("OauthClient")
    return name, fields | {"callback_url": urls}


def create_callback_url(call: Call) -> list[Item]:
    """Add an address that people are sent back to: https, or plain http on this machine."""
    scope, url = scope_of(call), _check_address(call.body["url"])
    return created(StoredResource.add(call.ledger, scope, "OauthCallbackUrl", {"url": url}).id)


def update_callback_url(call: Call) -> list[Item]:
    """Change an address that people are sent back to."""
    address = StoredResource.find(call)
    if (url := call.body.get("url")) is not None:
        address.save(url=_check_address(url))
    return created(address.id)


def _check_address(url: str) -> str:
    if not is_callable(url):
        raise refuse(400, f'"{url}" is not a valid callback address; it must begin with https.')
    return url


def is_callable(url: str) -> bool:
    """Return True if the bank would call an address: https, or plain http on this machine.

    Source: bunq docs, "Callbacks", for https; http on loopback is a difference of this bank.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    is_here = host in ("localhost", "127.0.0.1", "::1")
    return bool(host) and (parts.scheme == "https" or (parts.scheme == "http" and is_here))


RULES: dict[str, Verbs] = {
    "installation": {"list": list_installations, "get": get_installation},
    "installation.server-public-key": {"list": list_server_keys},
    "device-server": DEVICES.rules(),
    "device": DEVICES.rules(),
    "credential-password-ip": CREDENTIALS.rules(),
    "credential-password-ip.ip": ADDRESSES.rules(create=create_address, update=update_address),
    "payment-service-provider-credential": {
        "create": create_provider,
        "get": CREDENTIALS.rules()["get"],
    },
    "certificate-pinned": {"create": pin_certificates},
    "oauth-client": collection(_show_client, create=create_client, update=update_client),
    "oauth-client.callback-url": {"create": create_callback_url, "update": update_callback_url},
}
