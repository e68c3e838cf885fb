"""OAuth from the app's side: the address to send people to, and the token that comes of it.

The token is used as an API key: ``bunqkit.connect(bank=bunq, api_key=token)`` sees the accounts of
the one who let the app in, and may do what OAuth includes.

Source: bunq docs, "OAuth".
"""

from __future__ import annotations

import json
import secrets
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode, urlsplit

from bunqkit.errors import FieldError
from bunqkit.security.redaction import Private, Secret, conceal, forgetting
from bunqkit.settings import BASE_URLS

if TYPE_CHECKING:
    from bunqkit.context.context import Context

# Source: bunq docs, "OAuth": page and token have hosts of their own.
_PAGES = {
    "SANDBOX": "https://oauth.sandbox.bunq.com/auth",
    "PRODUCTION": "https://oauth.bunq.com/auth",
}
_TOKENS = {
    "SANDBOX": "https://api-oauth.sandbox.bunq.com/v1",
    "PRODUCTION": "https://api.oauth.bunq.com/v1",
}


class OAuthApp(Private):
    """An app of yours that others let into their accounts; the one OAuth client of your user.

    Made if your user has none yet, and the address registered if it is new. In production each of
    the two is a call to unlock: ``oauth-client.create``, ``oauth-client.callback-url.create``.

    Parameters
    ----------
    bunq
        You, the app's owner.
    redirect_uri
        Where people are sent back to: https; the offline bank takes plain http on this machine.

    Attributes
    ----------
    client_id
        What the app is called in addresses.
    redirect_uri
        As it was given.
    """

    @forgetting
    def __init__(self, bunq: Context, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri
        self._bunq = bunq
        self._states: set[str] = set()
        known = bunq.call("oauth-client.list").items
        number = known[0]["id"] if known else bunq.call("oauth-client.create").item["id"]
        item = conceal(bunq.call("oauth-client.get", number).item)
        if redirect_uri not in [each["url"] for each in item.get("callback_url") or []]:
            bunq.call("oauth-client.callback-url.create", oauth_client_id=number, url=redirect_uri)
        self.client_id = str(item["client_id"])
        self._secret: Secret = item["secret"]

    def ask(self) -> str:
        """Give the address of the bank's page, to open in the browser of whoever shall let you in.

        Each has a ``state`` of its own, by which ``receive`` knows what it began.
        """
        state = secrets.token_urlsafe(16)
        self._states.add(state)
        query = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": state,
        }
        return f"{self._hosts()[0]}?{urlencode(query)}"

    def receive(self, address: str) -> Secret:
        """Take the address that the browser was sent back to, and buy the token for its code.

        Parameters
        ----------
        address
            The whole of it, with its query.

        Returns
        -------
        Secret
            The access token: ``bunqkit.connect(bank=bunq, api_key=token)`` uses it where it was
            received; elsewhere it goes only if the address or environment is given beside it.

        Raises
        ------
        FieldError
            If it was refused, has no code, or belongs to no ``ask()`` of this app: somebody may
            have sent it who wants you to use an account of theirs.
        ApiError
            If the bank does not take the code: it is good once, and for minutes.
        """
        told, address = _read_query(address), ""
        if told.get("state") not in self._states:
            raise FieldError(
                "This address does not come from a page that ask() of this app began: its state is "
                "another, or was received before. Begin again with ask()."
            )
        self._states.discard(told["state"])
        if "error" in told:
            raise FieldError(
                f"The app was not let in: the bank says {told['error'][:80]!r}. Ask again, if the "
                "person wants it."
            )
        if "code" not in told:
            raise FieldError("This address holds no code. Give the whole of it, with its query.")
        return self._buy(told["code"])

    def _buy(self, code: Secret) -> Secret:
        query: dict[str, str | int | Secret] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "client_id": self.client_id,
            "client_secret": self._secret,
        }
        client = self._bunq.client.without_keys(self._hosts()[1])
        answer = client.request("POST", "/token", params=query, is_enveloped=False)
        token = _read_token(answer.exchange.answer_body)
        if token is None:
            raise answer.exchange.unusable("it holds no access_token")
        return token

    def _hosts(self) -> tuple[str, str]:
        """Give the page's address and the token's: at an offline bank both are beside the API."""
        settings = self._bunq.settings
        environment, base_url = settings.environment, str(settings.base_url)
        if base_url == BASE_URLS.get(environment):
            return _PAGES[environment], _TOKENS[environment]
        return f"{base_url.removesuffix('/v1')}/auth", base_url

    def __repr__(self) -> str:
        return f"OAuthApp({self.client_id[:8]}…, back to {self.redirect_uri})"


def _read_query(address: str) -> dict[str, Any]:
    """Return the query of an address, its code as a ``Secret``; nothing if it is no address."""
    try:
        query = parse_qs(urlsplit(address).query)
    except (ValueError, AttributeError, TypeError):
        return {}
    told: dict[str, Any] = conceal({name: texts[0] for name, texts in query.items()})
    return told


def _read_token(body: bytes) -> Secret | None:
    try:
        token = json.loads(body)["access_token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Secret(token) if isinstance(token, str) and token else None
