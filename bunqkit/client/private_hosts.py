"""Looks up where the name of a bank on this machine or its network leads.

A name is looked up once. All addresses that it leads to must be on this machine or its network. The
connections then go to these addresses, not to what the name leads to later: so whoever controls the
name can't redirect a key to another machine afterwards.
"""

from __future__ import annotations

import ipaddress
import socket
from urllib.parse import urlsplit

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
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        raise SettingsError(
            f"BUNQ_BASE_URL in {place} names the host {host}, which is not found. Check the name, "
            "or write the address of the bank's machine in its place."
        ) from error
    addresses = tuple(dict.fromkeys(str(address[0]) for *_, address in entries))
    for address in addresses:
        if not is_near(ipaddress.ip_address(address)):
            raise SettingsError(
                f"BUNQ_BASE_URL in {place} leads to {address}, which is not on this machine or its "
                "network. OFFLINE goes nowhere else, so nothing was sent."
            )
    return addresses
