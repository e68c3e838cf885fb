"""Encrypts a text with a passphrase, so that nobody without it can read or change the text."""

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
    """The keys from a passphrase and a salt; keep them, since deriving them is slow on purpose.

    Parameters
    ----------
    passphrase
        The user's secret, of any length.
    salt
        The salt of the text that will be opened; without it a new one is made.

    Attributes
    ----------
    salt
        The salt, which is stored beside the encrypted text. It is not secret.
    pem_password
        The password that encrypts a private key's PEM. Guessing it costs as much as guessing the
        passphrase, whatever derivation PKCS#8 prescribes.
    """

    def __init__(self, passphrase: Secret, salt: bytes | None = None) -> None:
        # Only those with a passphrase need these, and they take a while to load.
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
        from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

        self.salt = os.urandom(_SALT_BYTES) if salt is None else salt
        slow = Scrypt(salt=self.salt, length=2 * _KEY_BYTES, n=_COST, r=_BLOCK, p=1)
        keys = Secret(slow.derive(passphrase.reveal().encode()).hex())
        self._cipher = AESGCM(bytes.fromhex(keys.reveal())[:_KEY_BYTES])
        self.pem_password = Secret(keys.reveal()[2 * _KEY_BYTES :])

    def close(self, text: Secret, beside: str) -> str:
        """Return the encrypted text, as base64.

        Parameters
        ----------
        text
            The text that nobody else may read.
        beside
            A plain text that is stored with it, and that nobody may change either.
        """
        nonce = os.urandom(_NONCE_BYTES)
        sealed = self._cipher.encrypt(nonce, text.reveal().encode(), beside.encode())
        return base64.b64encode(nonce + sealed).decode()

    def open(self, sealed: str, beside: str) -> Secret | None:
        """Return the text; ``None`` if the passphrase is another one, or anything was changed."""
        from cryptography.exceptions import InvalidTag

        raw = base64.b64decode(sealed, validate=True)
        try:
            text = self._cipher.decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], beside.encode())
        except InvalidTag:
            return None
        return Secret(text.decode())
