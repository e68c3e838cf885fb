"""Signs and verifies as bunq does, and reads and writes the keys for it.

RSA with 2048 bits, PKCS#1 v1.5 padding, SHA-256, base64 on one line, over the bytes of a body and
nothing else. Public keys travel as SubjectPublicKeyInfo PEM, private keys are kept as PKCS#8 PEM.

Source: bunq docs, "Signing" (body-only since 2020-04-28).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from bunqkit.errors import KeyFormatError, SignatureError
from bunqkit.security.redaction import Forgetting, Private, Secret

if TYPE_CHECKING:
    from cryptography import x509

_BITS = 2048


class PublicKey:
    """A key that verifies; made by ``from_pem`` or taken from a ``KeyPair``.

    Attributes
    ----------
    pem
        SubjectPublicKeyInfo PEM, with a final newline.
    """

    def __init__(self, key: rsa.RSAPublicKey) -> None:
        self._key = key
        self.pem = key.public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ).decode()

    @classmethod
    def from_pem(cls, pem: str) -> PublicKey:
        """Read a SubjectPublicKeyInfo PEM.

        Raises
        ------
        KeyFormatError
            If it is another form (PKCS#1, OpenSSH), no RSA key, or has fewer than 2048 bits.
        """
        _insist_on(pem, "-----BEGIN PUBLIC KEY-----", "SubjectPublicKeyInfo")
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFormatError("The public key's PEM can't be read; is it complete?") from error
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _BITS:
            raise KeyFormatError(f"bunq signs with RSA keys of at least {_BITS} bits; make one.")
        return cls(key)

    @property
    def fingerprint(self) -> str:
        """First 16 hex digits of the SHA-256 of the PEM: a name for the key."""
        return hashlib.sha256(self.pem.encode()).hexdigest()[:16]

    def verify(self, signed: bytes, signature: str) -> None:
        """Return if ``signature`` was made over exactly these bytes with this key's other half.

        Parameters
        ----------
        signed
            The bytes of a body, as they travelled.
        signature
            Base64 on one line.

        Raises
        ------
        SignatureError
            If it was not, or is no base64.
        """
        try:
            raw = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SignatureError("The signature is no base64 on one line.") from error
        try:
            self._key.verify(raw, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature as error:
            raise SignatureError(
                f"The signature does not belong to these {len(signed)} bytes and the key "
                f"{self.fingerprint}: one of the three was changed."
            ) from error

    def open_signature(self, signature: str) -> bytes | None:
        """Give the SHA-256 that a signature holds; ``None`` if this key's other half made none.

        Parameters
        ----------
        signature
            Base64 on one line.
        """
        try:
            raw = base64.b64decode(signature, validate=True)
            return self._key.recover_data_from_signature(raw, padding.PKCS1v15(), hashes.SHA256())
        except (binascii.Error, ValueError, InvalidSignature):
            return None

    def __repr__(self) -> str:
        return f"PublicKey({self.fingerprint!r})"


class KeyPair(Private):
    """A key that signs, loaded once and kept: loading costs more than a hundred signatures.

    Attributes
    ----------
    public
        The half that the other side verifies with.
    """

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def generate(cls) -> KeyPair:
        """Make a new pair of 2048 bits; takes about 50 ms."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=_BITS))

    @classmethod
    def from_pem(cls, pem: str | Secret, password: Secret | None = None) -> KeyPair:
        """Read a PKCS#8 PEM: an unencrypted one, or with a password an encrypted one.

        Raises
        ------
        KeyFormatError
            If it is another form, no RSA key, has fewer than 2048 bits, or the password is wrong.
        """
        pem = Secret(pem) if isinstance(pem, str) else pem
        with Forgetting():
            if password is None:
                _insist_on(pem.reveal(), "-----BEGIN PRIVATE KEY-----", "unencrypted PKCS#8")
            else:
                _insist_on(
                    pem.reveal(), "-----BEGIN ENCRYPTED PRIVATE KEY-----", "encrypted PKCS#8"
                )
            key = _load_private_key(pem, password)
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _BITS:
            raise KeyFormatError(f"bunq signs with RSA keys of at least {_BITS} bits; make one.")
        return cls(key)

    def to_pem(self, password: Secret | None = None) -> Secret:
        """Give the private key as PKCS#8 PEM, encrypted if there is a password."""
        encryption = (
            serialization.NoEncryption()
            if password is None
            else serialization.BestAvailableEncryption(password.reveal().encode())
        )
        pem = self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption
        )
        return Secret(pem.decode())

    def sign(self, unsigned: bytes) -> str:
        """Give the signature over these bytes: 344 letters of base64 on one line."""
        signature = self._key.sign(unsigned, padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode()

    def __repr__(self) -> str:
        return f"KeyPair({self.public.fingerprint!r})"


def generate_soon() -> Callable[[], KeyPair]:
    """Start to make a new key pair in a thread, and return the function that waits for it.

    Each call of that function returns another pair. OpenSSL needs about 40 ms for one, and lets
    Python's other threads run meanwhile.
    """
    made: list[KeyPair] = []
    thread = threading.Thread(target=lambda: made.append(KeyPair.generate()), daemon=True)
    thread.start()

    def wait() -> KeyPair:
        thread.join()
        return made.pop() if made else KeyPair.generate()

    return wait


def _load_private_key(pem: Secret, password: Secret | None) -> object:
    try:
        return serialization.load_pem_private_key(
            pem.reveal().encode(),
            password=None if password is None else password.reveal().encode(),
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is left out: a parser's words may quote what it read.
        raise KeyFormatError("The private key's PEM can't be read.") from None


def sign_for_provider(key: KeyPair, client_key: PublicKey, token: Secret) -> str:
    """Give the signature by which a payment service provider shows that a certificate is its own.

    Parameters
    ----------
    key
        The certificate's own key, not the client's.
    client_key, token
        What the installation exchanged: our public key, and the installation's token.

    Source: bunq docs, "PSD2": over the public key's PEM, a line's end, and the token.
    """
    return key.sign(f"{client_key.pem.strip()}\n{token.reveal()}".encode())


def certificate_key(pem: str) -> tuple[PublicKey, str]:
    """Give the key of a certificate, and the common name that it stands under.

    Nobody vouches for either: the offline bank takes self-signed certificates, as bunq's sandbox
    does.

    Raises
    ------
    KeyFormatError
        If it is no certificate, or one of another kind of key.
    """
    from cryptography.x509.oid import NameOID  # noqa: PLC0415 (only providers have certificates)

    certificate = read_certificate(pem)
    try:
        key = certificate.public_key()
        names = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    except (ValueError, UnsupportedAlgorithm) as error:
        raise KeyFormatError(_NO_CERTIFICATE) from error
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _BITS:
        raise KeyFormatError(f"bunq takes certificates of RSA keys of at least {_BITS} bits.")
    return PublicKey(key), str(names[0].value) if names else ""


def read_certificate(pem: str) -> x509.Certificate:
    """Give the certificate that a PEM text holds, of whatever key.

    Raises
    ------
    KeyFormatError
        If it holds none.
    """
    from cryptography import x509  # noqa: PLC0415 (only providers have certificates)

    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise KeyFormatError(_NO_CERTIFICATE) from error


_NO_CERTIFICATE = "The certificate's PEM can't be read; is it complete?"


def _insist_on(pem: str, first_line: str, form: str) -> None:
    if not pem.lstrip().startswith(first_line):
        raise KeyFormatError(f"A {form} PEM starts with {first_line!r}; this text does not.")
