"""Signatures agree with the openssl program, in both directions, and a changed byte is noticed."""

from __future__ import annotations

import base64
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, strategies as st

from bunqkit.errors import KeyFormatError, SignatureError
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair, PublicKey

MADE = json.loads((Path(__file__).parents[1] / "data/signature_vectors.json").read_text())
KEY = KeyPair.from_pem(MADE["private_key"])


@pytest.mark.parametrize("vector", MADE["vectors"], ids=lambda vector: vector["name"])
def test_signs_as_openssl_does(vector: dict[str, Any]) -> None:
    """PKCS#1 v1.5 is deterministic: the same key and bytes give the same signature."""
    assert KEY.sign(base64.b64decode(vector["bytes_in_base64"])) == vector["signature"]


@pytest.mark.parametrize("vector", MADE["vectors"], ids=lambda vector: vector["name"])
def test_verifies_what_openssl_signed(vector: dict[str, Any]) -> None:
    """A signature of openssl's verifies; over one more byte it does not."""
    signed = base64.b64decode(vector["bytes_in_base64"])
    key = PublicKey.from_pem(MADE["public_key"])
    key.verify(signed, vector["signature"])
    with pytest.raises(SignatureError, match="does not match"):
        key.verify(signed + b" ", vector["signature"])


@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_openssl_verifies_what_we_signed(tmp_path: Path, key: KeyPair) -> None:
    """The openssl program accepts a signature of a key that was generated here."""
    (tmp_path / "public.pem").write_text(key.public.pem)
    (tmp_path / "body").write_bytes(b'{"a": 1}')
    (tmp_path / "signature").write_bytes(base64.b64decode(key.sign(b'{"a": 1}')))
    command = "openssl dgst -sha256 -verify public.pem -signature signature body"
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True, text=True)
    assert done.stdout.strip() == "Verified OK"


@given(signed=st.binary(max_size=64), at=st.integers(0, 511), bit=st.integers(0, 7))
def test_any_flipped_bit_is_noticed(signed: bytes, at: int, bit: int) -> None:
    """Flip one bit of the bytes, or of the signature: verify raises."""
    signature = base64.b64decode(KEY.sign(signed))
    KEY.public.verify(signed, base64.b64encode(signature).decode())
    bent = bytearray(signed + signature)
    bent[at % len(bent)] ^= 1 << bit
    body, bent_signature = bytes(bent[: len(signed)]), bytes(bent[len(signed) :])
    with pytest.raises(SignatureError):
        KEY.public.verify(body, base64.b64encode(bent_signature).decode())


@pytest.mark.parametrize("signature", ["", "no base64!", "AAAA", "A" * 344 + "\n", "ÄÖÜ"])
def test_what_is_no_signature_raises(signature: str) -> None:
    """Empty, too short, several lines, other letters: the same typed error."""
    with pytest.raises(SignatureError):
        KEY.public.verify(b"", signature)


def test_signature_is_344_letters_on_one_line() -> None:
    """2048 bits are 256 bytes, in base64 without line breaks."""
    signature = KEY.sign(b"x")
    assert len(signature) == 344
    assert "\n" not in signature


def test_pem_forms_are_those_of_bunq() -> None:
    """Public keys are SubjectPublicKeyInfo, private ones PKCS#8, and both come back."""
    assert KEY.public.pem.startswith("-----BEGIN PUBLIC KEY-----\n")
    assert KEY.to_pem().reveal().startswith("-----BEGIN PRIVATE KEY-----\n")
    assert PublicKey.from_pem(KEY.public.pem).pem == MADE["public_key"]
    assert KeyPair.from_pem(KEY.to_pem()).sign(b"x") == KEY.sign(b"x")


@pytest.mark.parametrize(
    "command",
    [
        "openssl rsa -in key.pem -traditional",
        "openssl pkey -in key.pem -pubout",
        "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:1024",
        "openssl genpkey -algorithm ED25519",
        "openssl pkcs8 -topk8 -in key.pem -passout pass:secret",
    ],
    ids=["PKCS#1", "public", "1024 bits", "no RSA", "encrypted"],
)
@pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")
def test_other_private_keys_are_refused(tmp_path: Path, command: str) -> None:
    """A key in another form is refused, and the message holds nothing of it."""
    (tmp_path / "key.pem").write_text(MADE["private_key"])
    done = subprocess.run(command.split(), cwd=tmp_path, capture_output=True, check=True, text=True)
    with pytest.raises(KeyFormatError) as caught:
        KeyPair.from_pem(Secret(done.stdout))
    assert done.stdout.splitlines()[1] not in str(caught.value)


@pytest.mark.parametrize("pem", ["", "x", MADE["private_key"], MADE["public_key"][:100]])
def test_other_public_keys_are_refused(pem: str) -> None:
    """What is no SubjectPublicKeyInfo is refused."""
    with pytest.raises(KeyFormatError):
        PublicKey.from_pem(pem)


def test_reprs_show_a_fingerprint_only() -> None:
    """Neither half is in a repr."""
    assert repr(KEY) == f"KeyPair({KEY.public.fingerprint!r})"
    assert "BEGIN" not in repr(KEY) + repr(KEY.public) + repr(KEY.to_pem())
