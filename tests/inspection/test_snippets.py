"""Code that runs as written: each kind of call again, by curl, by Python, by openssl."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sampling import one_in
from visitors import payment

import bunqkit
from bunqkit.client.exchange import Exchange
from bunqkit.context.context import Context
from bunqkit.sandbox import Bank, doors

PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c63f8cf"
    "c0f01f00050001ff89993d1d0000000049454e44ae426082"
)
pytestmark = pytest.mark.skipif(
    not all(map(shutil.which, ("bash", "curl", "openssl"))), reason="needs bash, curl and openssl"
)


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[Bank, str]]:
    """Return a bank at an address."""
    bank = Bank()
    server = doors.Server(bank, host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    yield bank, server.url
    server.close()
    thread.join(10)
    bank.close()


@pytest.fixture
def bunq(served: tuple[Bank, str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Context]:
    """Return a context at the served bank, as a class has it."""
    bank, url = served
    monkeypatch.setenv("BUNQ_BASE_URL", url)
    bunq = bunqkit.connect(environment="OFFLINE", api_key=bank.demo_key)
    yield bunq
    bunq.close()


def run(kind: str, snippet: str, tmp_path: Path, **variables: str) -> bytes:
    """Run a snippet as it is, with nothing in the environment but what is given; its output."""
    path = tmp_path / "snippet"
    path.write_text(snippet)
    program = [sys.executable] if kind == "python" else ["bash"]
    done = subprocess.run(
        [*program, str(path)],
        env={"PATH": os.environ["PATH"], **variables},
        capture_output=True,
        cwd=tmp_path,
        check=False,
        timeout=60,
    )
    assert done.stderr in (b"", b"curl: (22) The requested URL returned error: 400\n"), done.stderr
    return done.stdout


def upload(bunq: Context) -> dict[str, Any]:
    """Upload a picture."""
    return bunq.upload(
        "attachment-public.create", PNG, description='it\'s a "pixel"', media_type="image/png"
    )


def update(bunq: Context) -> None:
    """Change what an account is called, to words with every kind of quote."""
    account = min(bunq.call("monetary-account-bank.list").items, key=lambda each: each["id"])
    words = 'it\'s "so" $HOME `x` \\ é'
    bunq.call("monetary-account-bank.update", account["id"], description=words)


def refuse(bunq: Context) -> None:
    """Pay nothing, which the bank refuses."""
    with pytest.raises(bunqkit.ApiError):
        bunq.call("payment.create", body=payment("bravo@bunq.com", "0.00"))


CALLS: dict[str, Callable[[Context], object]] = {
    "GET list": lambda bunq: bunq.call("payment.list", count=3),
    "GET one": lambda bunq: bunq.call("user.get", bunq.user_id),
    "POST": lambda bunq: bunq.call(
        "payment.create", amount="1.00", to="bravo@bunq.com", description='it\'s "tea"'
    ),
    "PUT": update,
    "DELETE": lambda bunq: bunq.call("session.delete", 0),
    "upload": upload,
    "download": lambda bunq: bunq.download("attachment-public.content", upload(bunq)["uuid"]),
    "refused": refuse,
}


def essence(content: bytes) -> Any:
    """Return what is the same whenever a call is made: all but numbers and times of what is new."""
    try:
        told = json.loads(content)
    except ValueError:
        return content
    if "Error" in told:
        return told
    return [
        {
            name: sorted(item) if name in ("Id", "Uuid") else {**item, "updated": "", "created": ""}
            for name, item in each.items()
        }
        for each in told["Response"]
    ]


@pytest.mark.parametrize("kind", ["curl", "python"])
@pytest.mark.parametrize("call", one_in(4, CALLS))
def test_a_snippet_gets_the_same_answer(
    served: tuple[Bank, str], bunq: Context, tmp_path: Path, call: str, kind: str
) -> None:
    """As written, with the API key in the environment and nothing else."""
    CALLS[call](bunq)
    exchange = bunq.exchanges[-1]
    snippet = exchange.as_curl() if kind == "curl" else exchange.as_python()
    told = run(kind, snippet, tmp_path, BUNQ_API_KEY=served[0].demo_key.reveal())
    assert essence(told) == essence(exchange.answer_body)
    assert essence(told) not in (b"", []) or call == "DELETE"


@pytest.mark.parametrize("kind", ["curl", "python"])
@pytest.mark.parametrize("at", one_in(3, [2, 1, 0]), ids=["session", "device", "installation"])
def test_the_steps_themselves_run(
    served: tuple[Bank, str], bunq: Context, tmp_path: Path, at: int, kind: str
) -> None:
    """Each of the three steps is a call like any other, with the steps before it."""
    exchange = bunq.exchanges[at]
    snippet = exchange.as_curl() if kind == "curl" else exchange.as_python()
    told = json.loads(run(kind, snippet, tmp_path, BUNQ_API_KEY=served[0].demo_key.reveal()))
    types = [next(iter(each)) for each in json.loads(exchange.answer_body)["Response"]]
    assert [next(iter(each)) for each in told["Response"]] == types


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_a_large_file_is_read_from_its_path(
    served: tuple[Bank, str], bunq: Context, tmp_path: Path, kind: str
) -> None:
    """A snippet names the variable for it, and sends the file's bytes."""
    large = PNG + bytes(40_000)
    bunq.upload("attachment-public.create", large, description="x", media_type="image/png")
    exchange = bunq.exchanges[-1]
    snippet = exchange.as_curl() if kind == "curl" else exchange.as_python()
    assert len(snippet) < 6000
    assert "40,070 bytes" in snippet
    (tmp_path / "large.png").write_bytes(large)
    key = served[0].demo_key.reveal()
    told = run(kind, snippet, tmp_path, BUNQ_API_KEY=key, BUNQ_UPLOAD_FILE="large.png")
    uuid = json.loads(told)["Response"][0]["Uuid"]["uuid"]
    assert bunq.download("attachment-public.content", uuid) == large


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_an_address_can_be_given(
    served: tuple[Bank, str], bunq: Context, tmp_path: Path, kind: str
) -> None:
    """A call to a bank inside Python runs at any other bank that has the key and the user."""
    inside = bunqkit.connect(bank=served[0], api_key=served[0].demo_key)
    answer = inside.call("payment.list", count=2)
    exchange = answer.exchange
    snippet = exchange.as_curl() if kind == "curl" else exchange.as_python()
    key = served[0].demo_key.reveal()
    told = run(kind, snippet, tmp_path, BUNQ_API_KEY=key, BUNQ_BASE_URL=served[1])
    assert essence(told) == essence(exchange.answer_body)


def signed(bunq: Context) -> list[Exchange]:
    """Return one call of each kind that is signed."""
    CALLS["POST"](bunq)
    CALLS["PUT"](bunq)
    CALLS["upload"](bunq)
    bunq.upload(
        "attachment-public.create", PNG + bytes(40_000), media_type="image/png", description="x"
    )
    return [each for each in bunq.exchanges if each.signed is not None]


def test_openssl_makes_the_same_signature(
    served: tuple[Bank, str], bunq: Context, tmp_path: Path
) -> None:
    """RSA with PKCS#1 v1.5 is the same each time: letter for letter what was sent."""
    exchanges = signed(bunq)
    assert [each.method for each in exchanges] == ["POST", "POST", "POST", "PUT", "POST", "POST"]
    pem, large = tmp_path / "key.pem", tmp_path / "large.png"
    installation = bunq.handshake.installation
    assert installation is not None
    pem.write_text(installation.key.to_pem().reveal())
    large.write_bytes(PNG + bytes(40_000))
    for exchange in exchanges:
        made = run(
            "openssl",
            exchange.as_openssl(),
            tmp_path,
            BUNQ_PRIVATE_KEY_FILE=str(pem),
            BUNQ_API_KEY=served[0].demo_key.reveal(),
            BUNQ_UPLOAD_FILE=str(large),
        )
        assert made.decode() == exchange.request_headers["X-Bunq-Client-Signature"]


def test_openssl_says_what_is_not_signed(bunq: Context, tmp_path: Path) -> None:
    """A call without a body: the snippet runs, and tells why there is nothing."""
    snippet = bunq.call("user.get", bunq.user_id).exchange.as_openssl()
    assert "not signed" in snippet
    assert run("openssl", snippet, tmp_path) == b""


def test_snippets_hold_no_secret(served: tuple[Bank, str], bunq: Context) -> None:
    """Neither key nor tokens nor signatures, nor a PIN of a body: each is read by its name."""
    card = bunq.call("card.list").items[0]
    bunq.call("card.update", card["id"], body={"pin_code": "4711"})
    state = bunq.handshake
    assert state.installation is not None
    assert state.session is not None
    secrets = [served[0].demo_key, state.installation.token, state.session.token]
    texts = [each.reveal() for each in secrets]
    texts += state.installation.key.to_pem().reveal().splitlines()[1:-1]
    exchanges = [*signed(bunq), *bunq.exchanges]
    texts += [each.request_headers.get("X-Bunq-Client-Signature", "4711") for each in exchanges]
    for exchange in exchanges:
        for snippet in (exchange.as_curl(), exchange.as_python(), exchange.as_openssl()):
            assert not [text for text in texts if text in snippet]
            assert not [text for text in texts if text in snippet._repr_html_()]
    pin = next(each for each in exchanges if b"4711" in each.request_body)
    assert "${BUNQ_PIN_CODE:?}" in pin.as_curl()
    assert 'os.environ["BUNQ_PIN_CODE"]' in pin.as_python()


@pytest.mark.parametrize("kind", ["curl", "python"])
def test_a_secret_inside_a_text_is_read_too(
    served: tuple[Bank, str], bunq: Context, tmp_path: Path, kind: str
) -> None:
    """What the client knows to be secret is masked in whatever text it stands."""
    key = served[0].demo_key.reveal()
    words = f'it\'s {key}, "really"'
    bunq.call("payment.create", amount="1.00", to="bravo@bunq.com", description=words)
    exchange = bunq.exchanges[-1]
    snippet = exchange.as_curl() if kind == "curl" else exchange.as_python()
    assert key not in snippet
    assert "BUNQ_TEXT" in snippet
    run(kind, snippet, tmp_path, BUNQ_API_KEY=key, BUNQ_TEXT=key)
    assert [each["description"] for each in bunq.call("payment.list", count=2).items] == [words] * 2


def test_a_body_with_a_secret_runs(served: tuple[Bank, str], bunq: Context, tmp_path: Path) -> None:
    """The bank gets the secret itself, from the variable."""
    card = bunq.call("card.list").items[0]
    exchange = bunq.call("card.update", card["id"], body={"pin_code": "4711"}).exchange
    key = served[0].demo_key.reveal()
    for kind, snippet in (("curl", exchange.as_curl()), ("python", exchange.as_python())):
        told = run(kind, snippet, tmp_path, BUNQ_API_KEY=key, BUNQ_PIN_CODE="4711")
        assert essence(told) == essence(exchange.answer_body)
