"""A client that shares nothing with the kit: a shell script with openssl and curl."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from pathlib import Path

import pytest

from bunqkit.sandbox import Bank, doors

SCRIPT = Path(__file__).with_suffix("").with_name("openssl_and_curl.sh")


def test_shell_gets_from_nothing_to_a_payment() -> None:
    """Key pair, three steps, money, a payment: signed by openssl, every answer verified by it."""
    for program in ("openssl", "curl"):
        if shutil.which(program) is None:
            (pytest.fail if os.environ.get("CI") else pytest.skip)(f"{program} is not installed")
    server = doors.Server(Bank(), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    done = subprocess.run(
        ["sh", str(SCRIPT), server.url], capture_output=True, text=True, check=False, timeout=60
    )
    server.close()
    thread.join(10)
    assert done.stderr == ""
    assert done.stdout == '"amount":{"currency":"EUR","value":"-25.00"}\n'
