"""Time of one payment: ours, bare ``requests`` with the same bytes, and bunq's official SDK.

All three send to a server on loopback, in a process of its own, that answers payments with bytes it
has kept, signed by the bank, so that no bank's work is counted. Bare ``requests`` keeps its
connection too, and adds one RSA signature and one verification, nothing else. The SDK has a virtual
environment of its own, since it pins old libraries; it opens a connection for each call. Runs take
turns; the ratios are medians over the turns, each against its neighbours.

    python tests/benchmarks/overhead.py [TURNS [CALLS]]
"""

from __future__ import annotations

import json
import os
import socketserver
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

PAYMENT: dict[str, Any] = {"amount": "0.01", "to": "bravo@bunq.com", "description": "tea"}
SDK = """
import sys, time
from bunq.sdk.context.api_context import ApiContext
from bunq.sdk.context.api_environment_type import ApiEnvironmentType
from bunq.sdk.context.bunq_context import BunqContext
from bunq.sdk.model.generated import endpoint, object_
ApiEnvironmentType.SANDBOX._uri_base = f"{sys.argv[1]}/"
context = ApiContext.create(ApiEnvironmentType.SANDBOX, sys.argv[2], "overhead")
BunqContext.load_api_context(context)
account = BunqContext.user_context().primary_monetary_account.id_
def pay():
    endpoint.PaymentApiObject.create(
        object_.AmountObject("0.01", "EUR"), object_.PointerObject("EMAIL", "bravo@bunq.com"),
        "tea", monetary_account_id=account)
pay()
print("ready", flush=True)
for line in sys.stdin:
    started = time.perf_counter()
    for _ in range(int(line)):
        pay()
    print(time.perf_counter() - started, flush=True)
"""


def serve() -> None:
    """Answer until the end: payments from memory, everything else by a bank."""
    from bunqkit.sandbox import Bank

    bank = Bank()
    kept: dict[str, bytes] = {}

    def answer(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
        if path in kept and method == "POST":
            return kept[path]
        bare, _, query = path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": method,
            "PATH_INFO": bare,
            "QUERY_STRING": query,
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.input": BytesIO(body),
        }
        environ |= {f"HTTP_{k.upper().replace('-', '_')}": text for k, text in headers.items()}
        told: list[Any] = []

        def start(*line: Any) -> Any:
            told.extend(line)

        content = b"".join(bank(environ, start))
        lines = [f"HTTP/1.1 {told[0]}", *(f"{name}: {text}" for name, text in told[1]), "", ""]
        whole = "\r\n".join(lines).encode() + content
        if bare.endswith("/payment"):
            kept[path] = whole
        return whole

    class Handler(socketserver.StreamRequestHandler):
        disable_nagle_algorithm = True

        def handle(self) -> None:
            while line := self.rfile.readline():
                method, path, _ = line.decode().split()
                headers = {}
                while (header := self.rfile.readline().decode().strip()) != "":
                    name, _, text = header.partition(":")
                    headers[name.title()] = text.strip()
                body = self.rfile.read(int(headers.get("Content-Length", 0)))
                self.wfile.write(answer(method, path, headers, body))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        print(f"http://127.0.0.1:{server.server_address[1]}/v1", flush=True)
        print(bank.demo_key.reveal(), flush=True)
        server.serve_forever()


def clients(url: str, api_key: str, folder: Path) -> tuple[Callable[[], object], ...]:
    """Give a payment by the kit, and the same bytes by bare ``requests``."""
    import requests

    import bunqkit

    env_file = folder / ".env"
    env_file.write_text(
        f"BUNQ_BASE_URL={url}\nBUNQ_API_KEY={api_key}\nBUNQ_STATE_DIR={folder / 'state'}\n"
    )
    env_file.chmod(0o600)
    bunq = bunqkit.connect(env_file=env_file)
    account = int(bunq.accounts()["id"].iloc[0])

    def ours() -> object:
        return bunq.call("payment.create", account=account, **PAYMENT)

    exchange = bunq.call("payment.create", account=account, **PAYMENT).exchange
    state = bunq._sessions.state
    assert state is not None
    http = requests.Session()
    http.trust_env = False
    headers = dict(exchange.request_headers)

    def bare() -> object:
        headers["X-Bunq-Client-Signature"] = state.installation.key.sign(exchange.request_body)
        answer = http.post(exchange.url, data=exchange.request_body, headers=headers, timeout=30)
        signature = answer.headers["X-Bunq-Server-Signature"]
        state.installation.bank_key.verify(answer.content, signature)
        return answer.json()

    return ours, bare


def timed(call: Callable[[], object], calls: int) -> float:
    """Give the seconds that so many calls take."""
    started = time.perf_counter()
    for _ in range(calls):
        call()
    return time.perf_counter() - started


def start_sdk(url: str, api_key: str, folder: Path) -> subprocess.Popen[str]:
    """Start the SDK in an environment of its own, ready to pay."""
    subprocess.run([sys.executable, "-m", "venv", folder / "sdk"], check=True)
    python = folder / "sdk/bin/python"
    install = ["-m", "pip", "install", "--quiet", "bunq-sdk==1.28.0", "setuptools<81"]
    subprocess.run([python, *install], check=True)
    quiet = {name: text for name, text in os.environ.items() if "proxy" not in name.lower()}
    sdk = subprocess.Popen(
        [python, "-W", "ignore", "-c", SDK, url, api_key],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=quiet,
        cwd=folder,
    )
    assert sdk.stdout is not None
    assert sdk.stdout.readline() == "ready\n"
    return sdk


def main(turns: int = 15, calls: int = 100) -> None:
    """Measure, and print medians and ratios as JSON, then in a line."""
    server = subprocess.Popen(
        [sys.executable, __file__, "serve"], stdout=subprocess.PIPE, text=True
    )
    assert server.stdout is not None
    url, api_key = server.stdout.readline().strip(), server.stdout.readline().strip()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        ours, bare = clients(url, api_key, folder)
        sdk = start_sdk(url, api_key, folder)
        assert sdk.stdin is not None
        assert sdk.stdout is not None
        told: dict[str, list[float]] = {"ours": [], "bare requests": [], "SDK": []}
        for call in (ours, bare):
            timed(call, calls)
        for _ in range(turns):
            told["ours"].append(timed(ours, calls) / calls)
            told["bare requests"].append(timed(bare, calls) / calls)
            sdk.stdin.write(f"{calls}\n")
            sdk.stdin.flush()
            told["SDK"].append(float(sdk.stdout.readline()) / calls)
        sdk.stdin.close()
        sdk.wait()
    server.terminate()
    server.wait()
    print(json.dumps({who: statistics.median(each) * 1000 for who, each in told.items()}))
    by_bare, by_sdk = (
        statistics.median(a / b for a, b in zip(told["ours"], told[who], strict=True))
        for who in ("bare requests", "SDK")
    )
    print(f"overhead: {by_bare:.2f} times bare requests, {by_sdk:.2f} times the SDK")


if __name__ == "__main__":
    if sys.argv[1:] == ["serve"]:
        serve()
    else:
        main(*map(int, sys.argv[1:]))
