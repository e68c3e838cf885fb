"""A recorder in the place of a bank: checks what every call must have, answers by the catalogue."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from bunqkit.auth.sessions import Sessions
from bunqkit.auth.state import Device, Installation, Session, State
from bunqkit.catalogue.operations import Operation, example_answer, operation
from bunqkit.client.client import Client
from bunqkit.context.context import Context
from bunqkit.sandbox import doors
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair, PublicKey
from bunqkit.settings import load_settings

TOKEN = "5" * 64
ACCOUNT = {
    "id": 7,
    "status": "ACTIVE",
    "description": "Main",
    "currency": "EUR",
    "alias": [{"type": "IBAN", "value": "NL91ABNA0417164300", "name": "Ada"}],
}
HOLIDAY = ACCOUNT | {"id": 8, "description": "Holiday", "currency": "USD", "alias": []}


class Recorder:
    """A WSGI application that checks what every call must have, and answers by the catalogue."""

    def __init__(self, key: KeyPair, bank_key: KeyPair) -> None:
        self._public: PublicKey = key.public
        self._bank_key = bank_key
        self.answers: dict[str, list[dict[str, Any]]] = {}
        self.seen: list[tuple[str, str, str, bytes, dict[str, str]]] = []

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        """Check, remember, answer."""
        body = environ["wsgi.input"].read()
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        headers = {k: v for k, v in environ.items() if k.startswith(("HTTP_", "CONTENT_"))}
        assert headers["HTTP_X_BUNQ_CLIENT_AUTHENTICATION"] == TOKEN
        assert headers["HTTP_USER_AGENT"].startswith("bunqkit/")
        assert headers["HTTP_CACHE_CONTROL"] == "no-cache"
        assert headers["HTTP_X_BUNQ_CLIENT_REQUEST_ID"]
        if method in ("POST", "PUT"):
            self._public.verify(body, headers["HTTP_X_BUNQ_CLIENT_SIGNATURE"])
        else:
            assert body == b""
        self.seen.append((method, path, environ["QUERY_STRING"], body, headers))
        answer = self.answers.get(f"{method} {path}")
        known = operation(f"{method} {path}") if answer is None else None
        if known is not None and known.name == "monetary-account.list":
            answer = [{"MonetaryAccountBank": each} for each in (HOLIDAY, ACCOUNT)]
        elif known is not None:
            answer = example_answer(known)
        is_bytes = known is not None and known.is_bytes
        told = b"\x89PNG" if is_bytes else json.dumps({"Response": answer}).encode()
        media_type = "image/png" if is_bytes else "application/json"
        signature = self._bank_key.sign(told)
        headers_back = [("Content-Type", media_type), ("X-Bunq-Server-Signature", signature)]
        start_response("200 OK", headers_back)
        return [told]

    def caller(self, key: KeyPair, bank_key: KeyPair, environment: str = "OFFLINE") -> Context:
        """Return a context with an open session here."""
        client = Client(
            doors.BASE_URL, key=key, bank_key=bank_key.public, transport=doors.InProcess(self)
        )
        now = datetime.now(UTC)
        state = State(
            Installation(1, Secret("i" * 64), key, bank_key.public),
            Device(2, "test"),
            Session(3, Secret(TOKEN), "UserPerson", {"id": 42}, now, 3600),
        )
        settings = replace(load_settings(), environment=environment)
        sessions = Sessions(settings, client, None, clock=lambda: now, state=state)
        return Context(settings, client, sessions)

    @property
    def last(self) -> tuple[str, str, str, Any]:
        """Give method, path, query and parsed body of the last call."""
        method, path, query, body, _ = self.seen[-1]
        return method, path, query, json.loads(body) if body else None


def own_ids(known: Operation) -> dict[str, Any]:
    """Give every id that has no default."""
    return {
        name: "6f0f1c6e-0000-4000-8000-000000000000" if name.endswith("uuid") else 9
        for name in known.ids
        if name not in ("user_id", "account")
    }
