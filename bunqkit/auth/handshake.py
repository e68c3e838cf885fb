"""The three steps from an API key to a first call, each a call of its own.

``POST /installation`` -> ``POST /device-server`` -> ``POST /session-server``. Two tokens travel in
the same header: the installation's opens the second and third step, the session's everything else.

Source: bunq docs, "Getting started" and "API context".
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from bunqkit.auth.state import Device, Installation, Session
from bunqkit.client.answer import Answer
from bunqkit.client.client import Client
from bunqkit.client.retries import Retries
from bunqkit.errors import FieldError
from bunqkit.security.redaction import Secret, forgetting
from bunqkit.security.signing import KeyPair, PublicKey, sign_for_provider

# Seconds, if a user of a kind that this kit has not heard of names none. Source: the shortest
# auto-logout time that the bunq app offers.
_SHORTEST_TIMEOUT_S = 300


@forgetting
def create_sandbox_user(client: Client, *, kind: str = "person") -> Secret:
    """Make a new user with an empty account, and give its API key.

    Parameters
    ----------
    client
        A client of the sandbox or the offline bank; production has no such call.
    kind
        ``person`` or ``company``.

    Source: bunq docs, "Sandbox"; answers under ``ApiKey``.
    """
    if kind not in ("person", "company"):
        raise FieldError(f"kind is {kind!r}. Make it 'person' or 'company'.")
    answer = client.request("POST", f"/sandbox-user-{kind}")
    return Secret(_text(answer, answer.first("ApiKey"), "api_key"))


@forgetting
def create_installation(client: Client, key: KeyPair) -> Installation:
    """First step: exchange public keys, and get the installation token.

    From here on the client signs with ``key`` and verifies with the bank's. This answer itself
    can't be verified: TLS vouches for it.

    Parameters
    ----------
    client
        A client that has no keys yet.
    key
        Our new key pair; one installation is one key pair.
    """
    answer = client.request("POST", "/installation", {"client_public_key": key.public.pem})
    bank_pem = _text(answer, answer.first("ServerPublicKey"), "server_public_key")
    installation = Installation(
        id=_number(answer, answer.first("Id"), "id"),
        token=Secret(_text(answer, answer.first("Token"), "token"), kind="installation"),
        key=key,
        bank_key=PublicKey.from_pem(bank_pem),
    )
    client.key, client.bank_key = installation.key, installation.bank_key
    return installation


@forgetting
def create_provider_credential(
    client: Client, installation: Installation, certificate: str, key: KeyPair, *, chain: str
) -> Secret:
    """Between the first and the second step: become a payment service provider, and get its key.

    The key opens sessions for 90 days, as an API key does, for what the certificate's roles allow.

    Parameters
    ----------
    client
        The client of the installation.
    installation
        What the first step gave.
    certificate, chain
        PEM of the provider's certificate, and of those that vouch for it; the sandbox takes one
        signed by itself, whose name holds the roles.
    key
        The certificate's own key pair.

    Source: bunq docs, "PSD2".
    """
    body = {
        "client_payment_service_provider_certificate": certificate,
        "client_payment_service_provider_certificate_chain": chain,
        "client_public_key_signature": sign_for_provider(
            key, installation.key.public, installation.token
        ),
    }
    path = "/payment-service-provider-credential"
    answer = client.request("POST", path, body, token=installation.token)
    return Secret(_text(answer, answer.first("CredentialPasswordIp"), "token_value"))


@forgetting
def register_device(
    client: Client,
    installation: Installation,
    api_key: Secret,
    *,
    description: str,
    permitted_ips: tuple[str, ...] | None = None,
) -> Device:
    """Second step: bind the API key to this installation and to addresses.

    Parameters
    ----------
    client
        The client of the installation.
    installation
        What the first step gave; its token opens this one.
    api_key
        The key to bind; from now on it works with this installation only from these addresses.
    description
        What the device is called in the app.
    permitted_ips
        Addresses, or ``*`` for any; ``None`` lets the bank take the caller's. A list without the
        caller's own address locks the caller out.
    """
    body: dict[str, Any] = {"description": description, "secret": api_key}
    if permitted_ips is not None:
        body["permitted_ips"] = list(permitted_ips)
    answer = client.request("POST", "/device-server", body, token=installation.token)
    return Device(id=_number(answer, answer.first("Id"), "id"), description=description)


@forgetting
def open_session(
    client: Client, installation: Installation, api_key: Secret, *, now: datetime
) -> Session:
    """Third step: get the session token, and the user.

    Parameters
    ----------
    client
        The client of the installation.
    installation
        What the first step gave; its token opens this one. The bank insists on a signature.
    api_key
        The key that the second step bound.
    now
        The present (aware), from which the session's end is counted.

    Source: bunq docs, "Sessions"; one session in 30 seconds.
    """
    body = {"secret": api_key}
    answer = client.request("POST", "/session-server", body, token=installation.token)
    user_type, user = _user(answer)
    return Session(
        id=_number(answer, answer.first("Id"), "id"),
        token=Secret(_text(answer, answer.first("Token"), "token"), kind="session"),
        user_type=user_type,
        user={**user, "id": _number(answer, user, "id")},
        opened_at=now,
        timeout_s=_timeout_s(user),
    )


def close_session(client: Client, session: Session) -> None:
    """Log out: the session's token opens nothing from then on. Asked once, not again and again.

    Parameters
    ----------
    client
        The client of the installation.
    session
        What the third step gave.

    Source: bunq docs, "Sessions".
    """
    client.request(
        "DELETE", f"/session/{session.id}", token=session.token, retries=Retries(attempts=1)
    )


def _user(answer: Answer) -> tuple[str, dict[str, Any]]:
    """Give the item that is neither id nor token: of whatever kind, it is the user."""
    for name, item in zip(answer.types, answer.items, strict=True):
        if name not in ("Id", "Token"):
            return name, item
    raise answer.exchange.unusable("it names no user")


def _timeout_s(user: dict[str, Any]) -> int:
    """Read the auto-logout time; that of an OAuth user stands at the one who asked."""
    told = user.get("session_timeout")
    if told is None and isinstance(anchor := user.get("requested_by_user"), dict):
        asker = next((inner for inner in anchor.values() if isinstance(inner, dict)), {})
        told = asker.get("session_timeout")
    return told if isinstance(told, int) and told > 0 else _SHORTEST_TIMEOUT_S


def _text(answer: Answer, item: dict[str, Any], name: str) -> str:
    if not isinstance(text := item.get(name), str) or not text:
        raise answer.exchange.unusable(f"its {name} is no text")
    return text


def _number(answer: Answer, item: dict[str, Any], name: str) -> int:
    if not isinstance(number := item.get(name), int) or isinstance(number, bool):
        raise answer.exchange.unusable(f"its {name} is no whole number")
    return number
