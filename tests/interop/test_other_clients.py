"""Clients of other people believe the bank: nothing of them is changed but the address."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import threading
import venv
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID
from world import ELSEWHERE, EVERY, REFUSED, World, prepare

from bunqkit.sandbox import Bank, doors

pytestmark = pytest.mark.slow

RELEASE = "bunq-sdk==1.28.0"
NODE_RELEASE = "@bunq-community/bunq-js-client@1.1.2"
SCRIPT = Path(__file__).with_name("official_sdk.py")
NODE_SCRIPT = Path(__file__).with_name("javascript_client.js")
# The installation is no class of the SDK's; for a part of a health check it has none.
NOT_READ = {*ELSEWHERE, *REFUSED, "installation.get", "installation.list", "health-check.list"}
STEPS = (
    "context",
    "save and restore",
    "list",
    "sugar daddy",
    "pay",
    "batch",
    "pages",
    "request accepted",
    "avatar",
    "attachment",
    "card",
    "papers",
    "callback",
    "joint account",
    "draft",
    "schedule",
    "payment link",
    "share",
    "conversion",
    "wise",
    "insights",
    "many at once",
    "allocation",
    "funds",
    "note",
    "permitted address",
    "names and limits",
    "ideal, certificate, company",
    "sent by Wise",
    "typed errors",
    "psd2",
    "oauth",
    "log out",
)


def kept_folder(tag: str) -> Path:
    """Return a folder of this user's that stays between runs."""
    return Path(tempfile.gettempdir()) / f"bunqkit-interop-{os.getuid()}-{tag}"


def quiet_environment() -> dict[str, str]:
    """Return the environment without proxies: the bank is on this machine."""
    return {name: text for name, text in os.environ.items() if "proxy" not in name.lower()}


@pytest.fixture(scope="session")
def sdk_python() -> Path:
    """Return the Python of an environment with the SDK, made once and kept between runs.

    The SDK pins releases of urllib3 and chardet that the kit can't live with.
    """
    version = f"py{sys.version_info.major}{sys.version_info.minor}"
    folder = kept_folder(f"{RELEASE.replace('==', '-')}-{version}")
    python = folder / "bin" / "python"
    if (
        python.exists()
        and subprocess.run([python, "-c", "import bunq"], check=False).returncode == 0
    ):
        return python
    try:
        venv.create(folder, with_pip=True, clear=True)
        install: list[str | Path] = [
            python,
            "-m",
            "pip",
            "install",
            "--quiet",
            "--no-input",
            RELEASE,
        ]
        subprocess.run(install, check=True, capture_output=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{RELEASE} can't be installed: {error}")
    return python


@pytest.fixture(scope="session")
def node_folder() -> Path:
    """Return a folder with the JavaScript client, made once and kept between runs."""
    folder = kept_folder("bunq-js-client-1.1.2")
    if (folder / "node_modules/@bunq-community/bunq-js-client").exists():
        return folder
    folder.mkdir(exist_ok=True)
    install: list[str | Path] = [
        "npm",
        "install",
        "--no-audit",
        "--no-fund",
        "--prefix",
        folder,
        NODE_RELEASE,
    ]
    try:
        subprocess.run(install, check=True, capture_output=True, timeout=300)
    except (subprocess.SubprocessError, OSError) as error:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(f"{NODE_RELEASE} can't be installed: {error}")
    return folder


@pytest.fixture
def bank() -> Iterator[Bank]:
    """Return a bank whose clock runs."""
    bank = Bank()
    yield bank
    bank.close()


@pytest.fixture
def served(bank: Bank) -> Iterator[str]:
    """Return the address of a bank."""
    server = doors.Server(bank, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield server.url
    server.close()
    thread.join(10)


def write_certificate(folder: Path) -> None:
    """Write a certificate as bunq's sandbox takes them, signed by itself, and its key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Interop PISP AISP 1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    (folder / "certificate.pem").write_bytes(certificate.public_bytes(pem))
    (folder / "key.pem").write_bytes(
        key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def test_the_official_sdk_walks_through(sdk_python: Path, served: str, tmp_path: Path) -> None:
    """From a key to logging out: every step that the SDK's own tests take, and its signatures."""
    write_certificate(tmp_path)
    walk = subprocess.run(
        [sdk_python, SCRIPT, served, tmp_path],
        check=False,
        capture_output=True,
        text=True,
        timeout=300,
        env=quiet_environment(),
        cwd=tmp_path,
    )
    done = [line.removeprefix("done: ") for line in walk.stdout.splitlines()]
    assert done == list(STEPS), walk.stderr[-6_000:]


def test_the_official_sdk_reads_every_answer(sdk_python: Path, world: World) -> None:
    """What each operation that reads answers becomes an object of the class that the SDK has."""
    answers = []
    for operation in EVERY:
        if operation.method != "GET" or operation.is_bytes or operation.name in NOT_READ:
            continue
        path, body = prepare(world, operation)
        items = world.call(operation, path, body).items
        answers.append({"name": operation.name, "path": operation.path, "items": items})
    read = subprocess.run(
        [sdk_python, "-W", "ignore", SCRIPT.with_name("read_answers.py")],
        check=True,
        input=json.dumps(answers),
        capture_output=True,
        text=True,
        timeout=120,
        env=quiet_environment(),
    )
    told = json.loads(read.stdout)
    assert told["read"] > 250
    assert told["problems"] == []


def test_the_javascript_client_pays(node_folder: Path, served: str, bank: Bank) -> None:
    """Another language, another library of signatures: handshake, a payment, and reading it."""
    walk = subprocess.run(
        ["node", NODE_SCRIPT, served, bank.demo_key.reveal()],
        check=False,
        capture_output=True,
        text=True,
        timeout=120,
        env=quiet_environment() | {"NODE_PATH": str(node_folder / "node_modules")},
        cwd=node_folder,
    )
    assert walk.returncode == 0, walk.stderr[-2_000:]
    told = json.loads(walk.stdout)
    assert told["newest"]["id"] == told["paid"]
    assert (told["newest"]["amount"]["value"], told["newest"]["description"]) == ("-1.00", "a / b")
