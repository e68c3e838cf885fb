"""Banks on this machine or its network: where a name leads, and the way to exactly there.

A name is looked up once. All addresses that it leads to must be near, and the connections go to
these addresses, not to what the name leads to later: whoever controls the name can't have a key
sent to another machine afterwards.
"""

from __future__ import annotations

import ipaddress
import socket
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from bunqkit.client.connections import RecordingAdapter
from bunqkit.errors import SettingsError
from bunqkit.settings import is_near


def look_up(base_url: str, place: str) -> tuple[str, ...]:
    """Return the addresses that the host of a bank leads to.

    Parameters
    ----------
    base_url
        Where the bank is.
    place
        Where that is written, in words.

    Raises
    ------
    SettingsError
        If the host is not found, or one of its addresses is neither on this machine nor on a
        private network.
    """
    parts = urlsplit(base_url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"BUNQ_BASE_URL in {place} names the host {host}, which is not found. Check the name, "
            "or write the address of the bank's machine in its place."
        ) from error
    addresses = tuple(dict.fromkeys(str(address[0]) for *_, address in found))
    for address in addresses:
        if not is_near(ipaddress.ip_address(address)):
            raise SettingsError(
                f"BUNQ_BASE_URL in {place} leads to {address}, which is not on this machine or its "
                "network. OFFLINE goes nowhere else, so nothing was sent."
            )
    return addresses


class Nearby(RecordingAdapter):
    """Connects to addresses that were checked, whatever the name in the request leads to.

    The name stays in the ``Host`` header and, by https, in the check of the certificate. No proxy
    is used: it would look the name up itself.

    Parameters
    ----------
    addresses
        They are tried one after the other, until one takes a connection.
    """

    def __init__(self, addresses: Sequence[str]) -> None:
        super().__init__()
        self._addresses = deque(addresses)

    def send(  # type: ignore[override]
        self, request: requests.PreparedRequest, **how: Any
    ) -> requests.Response:
        """Send a request to the first address where something listens."""
        how["proxies"] = {}
        for _ in range(len(self._addresses) - 1):
            try:
                return super().send(request, **how)
            except requests.ConnectionError as error:
                # Only if nothing was sent: no connection was made.
                reason = getattr(error.args[0] if error.args else None, "reason", None)
                if not isinstance(reason, urllib3.exceptions.NewConnectionError):
                    raise
            self._addresses.rotate(-1)
        return super().send(request, **how)

    def build_connection_pool_key_attributes(
        self, request: requests.PreparedRequest, verify: Any, cert: Any = None
    ) -> Any:
        """Name the address in place of the host; the certificate must be the host's."""
        host, tls = super().build_connection_pool_key_attributes(request, verify, cert)
        name = host["host"]
        pool = {**tls, **({"server_hostname": name} if host["scheme"] == "https" else {})}
        return {**host, "host": self._addresses[0]}, pool

    def add_headers(self, request: requests.PreparedRequest, **_how: Any) -> None:
        """Name the host as the request does."""
        request.headers["Host"] = urlsplit(str(request.url)).netloc
