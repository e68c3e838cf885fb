"""Signs and verifies as bunq does, and reads and writes the keys for it.

A signature is RSA with 2048 bits, PKCS#1 v1.5 padding and SHA-256, in base64 on one line, over the
bytes of a body and nothing else. Public keys are sent as SubjectPublicKeyInfo PEM, private keys are
stored as PKCS#8 PEM.

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
    """A key that verifies signatures; ``from_pem`` reads one, and a ``KeyPair`` has one.

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
        _check_first_line(pem, "-----BEGIN PUBLIC KEY-----", "SubjectPublicKeyInfo")
        try:
            key = serialization.load_pem_public_key(pem.encode())
        except (ValueError, UnsupportedAlgorithm) as error:
            raise KeyFormatError("The public key's PEM can't be read; is it complete?") from error
        if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _BITS:
            raise KeyFormatError(f"bunq signs with RSA keys of at least {_BITS} bits; make one.")
        return cls(key)

    @property
    def fingerprint(self) -> str:
        """The first 16 hex digits of the SHA-256 of the PEM: a name for the key."""
        return hashlib.sha256(self.pem.encode()).hexdigest()[:16]

    def verify(self, signed: bytes, signature: str) -> None:
        """Check that a signature was made over exactly these bytes with this key's private half.

        Parameters
        ----------
        signed
            The bytes of a body, as they travelled.
        signature
            Base64 on one line.

        Raises
        ------
        SignatureError
            If it was not, or is not base64.
        """
        try:
            raw = base64.b64decode(signature, validate=True)
        except (binascii.Error, ValueError) as error:
            raise SignatureError("The signature is not base64 on one line.") from error
        try:
            self._key.verify(raw, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature as error:
            raise SignatureError(
                f"The signature does not match these {len(signed)} bytes and the key "
                f"{self.fingerprint}: one of the three was changed."
            ) from error

    def open_signature(self, signature: str) -> bytes | None:
        """Return the SHA-256 in a signature; ``None`` if this key's private half did not make it.

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
    """A key that signs; keep it, since loading it costs more than a hundred signatures.

    Attributes
    ----------
    public
        The half with which the other side verifies.
    """

    def __init__(self, key: rsa.RSAPrivateKey) -> None:
        self._key = key
        self.public = PublicKey(key.public_key())

    @classmethod
    def generate(cls) -> KeyPair:
        """Make a new pair of 2048 bits, in about 50 ms."""
        return cls(rsa.generate_private_key(public_exponent=65537, key_size=_BITS))

    @classmethod
    def from_pem(cls, pem: str | Secret, password: Secret | None = None) -> KeyPair:
        """Read a PKCS#8 PEM: an encrypted one if there is a password, else an unencrypted one.

        Raises
        ------
        KeyFormatError
            If it is another form, no RSA key, has fewer than 2048 bits, or the password is wrong.
        """
        pem = Secret(pem) if isinstance(pem, str) else pem
        with Forgetting():
            form = "unencrypted PKCS#8" if password is None else "encrypted PKCS#8"
            label = "PRIVATE KEY" if password is None else "ENCRYPTED PRIVATE KEY"
            _check_first_line(pem.reveal(), f"-----BEGIN {label}-----", form)
            key = _load_private_key(pem, password)
        if not isinstance(key, rsa.RSAPrivateKey) or key.key_size < _BITS:
            raise KeyFormatError(f"bunq signs with RSA keys of at least {_BITS} bits; make one.")
        return cls(key)

    def to_pem(self, password: Secret | None = None) -> Secret:
        """Return the private key as PKCS#8 PEM, encrypted if there is a password."""
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
        """Sign these bytes; return 344 letters of base64 on one line."""
        signature = self._key.sign(unsigned, padding.PKCS1v15(), hashes.SHA256())
        return base64.b64encode(signature).decode()

    def __repr__(self) -> str:
        return f"KeyPair({self.public.fingerprint!r})"


def generate_soon() -> Callable[[], KeyPair]:
    """Start a thread that makes a new key pair, and return a function that waits for the pair.

    Each call of that function returns another pair. OpenSSL needs about 40 ms for one, and lets
    Python's other threads run meanwhile.
    """
    pairs: list[KeyPair] = []
    thread = threading.Thread(target=lambda: pairs.append(KeyPair.generate()), daemon=True)
    thread.start()

    def wait() -> KeyPair:
        thread.join()
        return pairs.pop() if pairs else KeyPair.generate()

    return wait


def _load_private_key(pem: Secret, password: Secret | None) -> object:
    try:
        return serialization.load_pem_private_key(
            pem.reveal().encode(),
            password=None if password is None else password.reveal().encode(),
        )
    except (ValueError, TypeError, UnsupportedAlgorithm):
        # The cause is left out, since the message of a parser may quote the key.
        raise KeyFormatError("The private key's PEM can't be read.") from None


def sign_for_provider(key: KeyPair, client_key: PublicKey, token: Secret) -> str:
    """Sign as a payment service provider that proves that it owns a certificate.

    Parameters
    ----------
    key
        The key of the certificate, not that of the client.
    client_key, token
        The public key and the token of the installation.

    Source: bunq docs, "PSD2": over the public key's PEM, a line end, and the token.
    """
    return key.sign(f"{client_key.pem.strip()}\n{token.reveal()}".encode())


def certificate_key(pem: str) -> tuple[PublicKey, str]:
    """Return the key of a certificate and its common name.

    Neither is verified: the offline bank takes self-signed certificates, as bunq's sandbox does.

    Raises
    ------
    KeyFormatError
        If it is not a certificate, or its key is of another kind.
    """
    from cryptography.x509.oid import NameOID

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
    """Return the certificate in a PEM text, with any kind of key.

    Raises
    ------
    KeyFormatError
        If there is none.
    """
    from cryptography import x509

    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError as error:
        raise KeyFormatError(_NO_CERTIFICATE) from error


_NO_CERTIFICATE = "The certificate's PEM can't be read; is it complete?"


def _check_first_line(pem: str, first_line: str, form: str) -> None:
    if not pem.lstrip().startswith(first_line):
        raise KeyFormatError(f"A {form} PEM starts with {first_line!r}; this text does not.")
