"""Decides who may open a served bank's page and its control desk: those who have its token.

The token comes once in the printed link, then as a cookie; programs send it as a header. The host
name of each call is checked too, so that no page of another site can reach the desk. The API needs
none of this: it answers as bunq does.
"""

from __future__ import annotations

import hmac
import ipaddress
import re
import secrets
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from bunqkit.errors import BunqkitError
from bunqkit.sandbox.refusal import refuse
from bunqkit.security.private_files import warn_if_open, write_private
from bunqkit.security.redaction import Secret

if TYPE_CHECKING:
    from wsgiref.types import WSGIEnvironment

_TOKEN = re.compile(r"[A-Za-z0-9_-]{20,200}")
_GOOD = "one line of 20 to 200 letters, digits, - and _"
_HOST = re.compile(r"(?:\[([0-9a-fA-F:.]+)\]|([A-Za-z0-9._-]+))(?::[0-9]{1,5})?")


class Admission:
    """Checks calls to the page and the desk of one served bank.

    Parameters
    ----------
    token
        The token that opens them; by default a new one.
    host_names
        Further host names by which browsers may call. ``localhost`` and addresses are always
        allowed: nobody can make these point elsewhere.

    Raises
    ------
    BunqkitError
        If the token is too weak or has other characters than allowed.
    """

    def __init__(self, token: Secret | None, host_names: Iterable[str]) -> None:
        if token is not None and not _TOKEN.fullmatch(token.reveal()):
            raise BunqkitError(f"The admin token is not {_GOOD}. Leave it out to get a new one.")
        self.token = token or Secret(secrets.token_urlsafe(24))
        self._names = {"localhost", *(name.lower() for name in host_names)}

    def check_origin(self, environ: WSGIEnvironment) -> None:
        """Check the host name that a call uses, and the page that it comes from.

        Raises
        ------
        Refusal
            If the host name is not the bank's, or the page is of another site.
        """
        host = environ.get("HTTP_HOST", "")
        if not self._is_own(host):
            raise refuse(
                403,
                "The bank's page does not open by this host name. Use an address, or start the "
                "bank with --host-name and the name.",
            )
        origin = environ.get("HTTP_ORIGIN")
        # A page in a sandboxed frame, or of a file, sends "null".
        if origin is not None and _netloc(origin) != host.lower():
            raise refuse(403, "A page from elsewhere can't use this bank's page.")

    def check_token(self, environ: WSGIEnvironment) -> None:
        """Check that a call has the token, in a header or in the cookie.

        Raises
        ------
        Refusal
            If it has not.
        """
        scheme, _, text = environ.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() == "bearer" and self._is_token(text.strip()):
            return
        if not any(map(self._is_token, _cookies(environ, _cookie_name(environ)))):
            raise refuse(
                401,
                "This needs the bank's admin token. Open the link that was printed at its start, "
                "or send the header Authorization: Bearer TOKEN.",
            )

    def is_in_link(self, environ: WSGIEnvironment) -> bool:
        """Return True if the query of a call holds the token."""
        query = parse_qs(environ.get("QUERY_STRING", ""))
        return any(map(self._is_token, query.get("token", [])))

    def cookie(self, environ: WSGIEnvironment) -> str:
        """Return the cookie that replaces the link until the browser is closed."""
        return f"{_cookie_name(environ)}={self.token.reveal()}; HttpOnly; SameSite=Strict"

    def _is_token(self, text: str) -> bool:
        # It takes the same time for every text, so that nobody can guess the token by letters.
        return hmac.compare_digest(text.encode(), self.token.reveal().encode())

    def _is_own(self, host: str) -> bool:
        parts = _HOST.fullmatch(host)
        name = (parts[1] or parts[2]).lower() if parts else ""
        if name in self._names:
            return True
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


def read_token(path: Path) -> Secret:
    """Return the admin token in a file; create a private file if there is none.

    Raises
    ------
    BunqkitError
        If the file can't be read or created, or holds no valid token.
    """
    try:
        if not path.exists():
            write_private(path, f"{secrets.token_urlsafe(24)}\n")
        warn_if_open(path)
        text = path.read_text(encoding="utf-8").strip()
    except (OSError, ValueError) as error:
        raise BunqkitError(
            f"{path} can't be read as a file with an admin token. Name another file, in a folder "
            "that exists."
        ) from error
    if not _TOKEN.fullmatch(text):
        raise BunqkitError(
            f"{path} holds no admin token: {_GOOD}. Delete it, and the next start creates one."
        )
    return Secret(text)


def _netloc(origin: str) -> str:
    try:
        return urlsplit(origin).netloc.lower()
    except ValueError:
        return ""


def _cookie_name(environ: WSGIEnvironment) -> str:
    # Browsers keep cookies by host, not by port, and a machine may serve two banks.
    return f"bunqkit_admin_{environ.get('SERVER_PORT', '')}"


def _cookies(environ: WSGIEnvironment, name: str) -> list[str]:
    # Other servers of this machine leave cookies too, and SimpleCookie can't read all of them.
    pairs = (pair.strip().partition("=") for pair in environ.get("HTTP_COOKIE", "").split(";"))
    return [text for key, _, text in pairs if key == name]
