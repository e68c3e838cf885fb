"""Addresses, OAuth clients and providers."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Door, Visitor, certificate, refusal

from bunqkit.auth import handshake
from bunqkit.sandbox import Quirks
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

PROVIDERS = "/payment-service-provider-credential"

# Credentials


def test_address_can_be_switched_off(visitor: Visitor) -> None:
    """Only active addresses let in; their text never changes."""
    user = f"/user/{visitor.session.user_id}"
    (credential,) = visitor.call("GET", f"{user}/credential-password-ip").items
    assert (credential["status"], credential["token_value"]) == ("ACTIVE", None)
    path = f"{user}/credential-password-ip/{credential['id']}/ip"
    (address,) = visitor.call("GET", path).items
    assert (address["ip"], address["status"]) == ("127.0.0.1", "ACTIVE")
    one = f"{path}/{address['id']}"
    assert refusal(lambda: visitor.call("PUT", one, {"ip": "10.0.0.1"}))[0] == 400
    visitor.call("POST", path, {"ip": "203.0.113.9"})
    visitor.call("PUT", one, {"status": "INACTIVE"})
    assert refusal(lambda: visitor.call("GET", path))[0] == 403


def test_there_is_one_oauth_client(visitor: Visitor) -> None:
    """A user has one OAuth client, with callback addresses of their own."""
    path = f"/user/{visitor.session.user_id}/oauth-client"
    number = visitor.create(path, {})
    assert refusal(lambda: visitor.call("POST", path, {}))[0] == 400
    urls = f"{path}/{number}/callback-url"
    url = visitor.create(urls, {"url": "https://example.org/a"})
    visitor.call("PUT", f"{urls}/{url}", {"url": "https://example.org/b"})
    told = visitor.call("GET", f"{path}/{number}").item
    assert [each["url"] for each in told["callback_url"]] == ["https://example.org/b"]
    visitor.call("DELETE", f"{urls}/{url}")
    assert visitor.call("GET", f"{path}/{number}").item["callback_url"] == []
    assert refusal(lambda: visitor.call("POST", urls, {"url": "ftp://x"}))[0] == 400


@pytest.mark.parametrize(
    ("name", "signs", "problem"),
    [
        ("Test PISP AISP 1", True, None),
        ("Test PISP AISP 1", False, "User credentials are incorrect"),
        ("No role at all", True, "names no role"),
    ],
    ids=["good", "wrong signature", "no role"],
)
def test_provider_comes_with_a_certificate(
    door: Door, key: KeyPair, name: str, *, signs: bool, problem: str | None
) -> None:
    """A credential opens a provider's session; it is given for a signature and a role."""
    client = door.client()
    installation = handshake.create_installation(client, key)
    pem, pair = certificate(name)
    signed = f"{key.public.pem}{installation.token.reveal()}" if signs else "something else"
    body = {
        "client_payment_service_provider_certificate": pem,
        "client_payment_service_provider_certificate_chain": pem,
        "client_public_key_signature": pair.sign(signed.encode()),
    }

    def post() -> Any:
        return client.request("POST", PROVIDERS, body, token=installation.token)

    if problem is not None:
        status, text = refusal(post)
        assert (status, problem in text) == (400, True)
        return
    credential = post().item
    assert (credential["status"], credential["permitted_device"]) == ("PENDING_FIRST_USE", None)
    api_key = Secret(credential["token_value"])
    handshake.register_device(client, installation, api_key, description="test")
    session = handshake.open_session(client, installation, api_key, now=door.bank.clock.now())
    assert (session.user_type, session.timeout_s) == ("UserPaymentServiceProvider", 3600)
    path = f"/user-payment-service-provider/{session.user_id}"
    told = client.request("GET", path, token=session.token).item
    assert told["certificate_distinguished_name"] == name
    # The name of a certificate is taken once.
    assert refusal(post)[0] == 400


@pytest.mark.parametrize("said", [False, True])
def test_providers_sign_the_key_that_is_said(door: Door, key: KeyPair, *, said: bool) -> None:
    """The client's public key, or the bank's: a signature over the other is refused."""
    door.bank.quirks = Quirks(providers_sign_bank_key=said)
    client = door.client()
    installation = handshake.create_installation(client, key)
    pem, pair = certificate("Test AISP 2")
    signed = {False: key.public.pem, True: door.bank.key.public.pem}
    for over in (not said, said):
        text = f"{signed[over].strip()}\n{installation.token.reveal()}"
        body = {
            "client_payment_service_provider_certificate": pem,
            "client_payment_service_provider_certificate_chain": pem,
            "client_public_key_signature": pair.sign(text.encode()),
        }
        send = lambda b=body: client.request("POST", PROVIDERS, b, token=installation.token)  # noqa: E731
        if over == said:
            assert send().types == ["CredentialPasswordIp"]
        else:
            assert refusal(send)[0] == 400
