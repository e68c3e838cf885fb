"""OAuth from the app's side: the address to send people to, and the access token.

The token is used as an API key: ``bunqkit.connect(bank=bunq, api_key=token)`` sees the accounts of
the person who granted access, and may do what OAuth includes.

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

# Source: bunq docs, "OAuth": the consent page and the token have hosts of their own.
_PAGES = {
    "SANDBOX": "https://oauth.sandbox.bunq.com/auth",
    "PRODUCTION": "https://oauth.bunq.com/auth",
}
_TOKENS = {
    "SANDBOX": "https://api-oauth.sandbox.bunq.com/v1",
    "PRODUCTION": "https://api.oauth.bunq.com/v1",
}


class OAuthApp(Private):
    """Your app, which others grant access to their accounts: the one OAuth client of your user.

    The client is made if your user has none, and the address is registered if it is new. In
    production each is a call to unlock: ``oauth-client.create``,
    ``oauth-client.callback-url.create``.

    Parameters
    ----------
    bunq
        The context of the app's owner.
    redirect_uri
        The https address that people are sent back to. The offline bank also accepts plain http on
        this machine.

    Attributes
    ----------
    client_id
        The id of the app in addresses.
    redirect_uri
        The address that people are sent back to.
    """

    @forgetting
    def __init__(self, bunq: Context, redirect_uri: str) -> None:
        self.redirect_uri = redirect_uri
        self._bunq = bunq
        self._states: set[str] = set()
        clients = bunq.call("oauth-client.list").items or [bunq.call("oauth-client.create").item]
        number = clients[0]["id"]
        client = conceal(bunq.call("oauth-client.get", number).item)
        if redirect_uri not in [callback["url"] for callback in client.get("callback_url") or []]:
            bunq.call("oauth-client.callback-url.create", oauth_client_id=number, url=redirect_uri)
        self.client_id = str(client["client_id"])
        self._secret: Secret = client["secret"]

    def ask(self) -> str:
        """Return the address of the bank's consent page, for the browser of the account's owner.

        Each address has a ``state`` of its own, by which ``receive`` recognises the answer.
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
        """Return the access token, in exchange for the code in the address.

        Parameters
        ----------
        address
            The whole address that the browser was sent back to, with its query.

        Returns
        -------
        Secret
            The access token. ``bunqkit.connect(bank=bunq, api_key=token)`` uses it at the bank that
            issued it. Elsewhere the environment or the address must be given beside it.

        Raises
        ------
        FieldError
            If access was refused, the address has no code, or it belongs to no ``ask()`` of this
            app: somebody may have sent it who wants you to use an account of theirs.
        ApiError
            If the bank does not accept the code: it can be used once, and for minutes.
        """
        query, address = _read_query(address), ""
        if query.get("state") not in self._states:
            raise FieldError(
                "This address does not come from a page that ask() of this app began: its state is "
                "another, or was received before. Begin again with ask()."
            )
        self._states.discard(query["state"])
        if "error" in query:
            raise FieldError(
                f"The app was not let in: the bank says {query['error'][:80]!r}. Ask again, if the "
                "person wants it."
            )
        if "code" not in query:
            raise FieldError("This address holds no code. Give the whole of it, with its query.")
        return self._request_token(query["code"])

    def _request_token(self, code: Secret) -> Secret:
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
        """Return the addresses of page and token: an offline bank has both beside the API."""
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
    fields: dict[str, Any] = conceal({name: texts[0] for name, texts in query.items()})
    return fields


def _read_token(body: bytes) -> Secret | None:
    try:
        token = json.loads(body)["access_token"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    return Secret(token) if isinstance(token, str) and token else None
