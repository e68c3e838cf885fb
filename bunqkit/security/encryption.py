"""Seals a text with a passphrase, so that it can be neither read nor changed without it."""

from __future__ import annotations

import base64
import os

from bunqkit.security.redaction import Private, Secret

# 128 MB and about 0.4 s for each guess. Source: OWASP, "Password Storage Cheat Sheet", scrypt.
_COST = 1 << 17
_BLOCK = 8
_KEY_BYTES = 32
_SALT_BYTES = 16
_NONCE_BYTES = 12


class Seal(Private):
    """What a passphrase and a salt give: made once and kept, since making it is slow on purpose.

    Parameters
    ----------
    passphrase
        Somebody's secret, however short.
    salt
        Of the text that is to be opened; a new one without it.

    Attributes
    ----------
    salt
        Goes beside what is sealed, and is no secret.
    pem_password
        Encrypts a private key's PEM. It is no cheaper to guess than the passphrase is here,
        whatever the derivation that PKCS#8 prescribes.
    """

    def __init__(self, passphrase: Secret, salt: bytes | None = None) -> None:
        # Only those with a passphrase need these, and they take a while to load.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM  # noqa: PLC0415
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt  # noqa: PLC0415

        self.salt = os.urandom(_SALT_BYTES) if salt is None else salt
        slow = Scrypt(salt=self.salt, length=2 * _KEY_BYTES, n=_COST, r=_BLOCK, p=1)
        keys = Secret(slow.derive(passphrase.reveal().encode()).hex())
        self._cipher = AESGCM(bytes.fromhex(keys.reveal())[:_KEY_BYTES])
        self.pem_password = Secret(keys.reveal()[2 * _KEY_BYTES :])

    def close(self, text: Secret, beside: str) -> str:
        """Give the text sealed, as base64.

        Parameters
        ----------
        text
            What nobody shall read.
        beside
            What stands beside it for all to read, and shall not be changed either.
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.reveal().encode(), beside.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, beside: str) -> Secret | None:
        """Give the text; ``None`` if another passphrase sealed it, or anything was changed."""
        from cryptography.exceptions import InvalidTag  # noqa: PLC0415 (as above)

        raw = base64.b64decode(sealed, validate=True)
        try:
            text = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], beside.encode())
        except InvalidTag:
            return None
        return Secret(text.decode())
