"""When an error leaves, no frame holds a secret: as IPython, rich and Python itself show frames."""

from __future__ import annotations

import io
import json
import traceback
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

import pytest
import requests
from visitors import Wire

import bunqkit
from bunqkit.auth.state import StateFile
from bunqkit.client.client import Client
from bunqkit.client.live import LiveTransport
from bunqkit.context.context import Context
from bunqkit.errors import BunqkitError
from bunqkit.sandbox import Bank, doors
from bunqkit.security.env_files import write_api_key
from bunqkit.security.known_secrets import find_known
from bunqkit.security.redaction import Forgetting, Secret
from bunqkit.security.signing import KeyPair
from bunqkit.settings import load_settings

KEY = "sandbox_" + "0f1e2d3c4b5a6978" * 4
PIN = 73_194
CODE = "c0de" * 9 + "0123456789ab"
PASSPHRASE = "correct horse battery staple"
BACK = "http://127.0.0.1:9/back"


def frames_of(error: BaseException) -> Iterator[dict[str, Any]]:
    """Return the variables of every frame of an error and its causes but those of this file."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        for frame, _ in traceback.walk_tb(each.__traceback__):
            if frame.f_code.co_filename != __file__:
                yield frame.f_locals
        left += [each.__cause__, each.__context__]
        yield {"arguments": each.args, **vars(each)}


def texts_in(value: object, depth: int = 4) -> Iterator[str]:
    """Return every text that a variable holds, and what each thing says of itself."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, bytes):
        yield repr(value)
    elif isinstance(value, dict) and depth:
        for name, inner in value.items():
            yield from texts_in(name, depth - 1)
            yield from texts_in(inner, depth - 1)
    elif isinstance(value, list | tuple | set | frozenset) and depth:
        for inner in value:
            yield from texts_in(inner, depth - 1)
    elif isinstance(value, requests.PreparedRequest | requests.Response):
        yield from texts_in({name: str(each) for name, each in vars(value).items()})
    elif isinstance(value, UnicodeError):
        yield from texts_in(value.args)
    else:
        yield repr(value)


def from_kit(error: BaseException) -> TracebackType | None:
    """Return the traceback from the kit's first frame on: the frames before it are a user's."""
    at = error.__traceback__
    while at is not None and at.tb_frame.f_code.co_filename == __file__:
        at = at.tb_next
    return at


def shown(error: BaseException) -> Iterator[tuple[str, str]]:
    """Return what each way to show a traceback with variables shows."""
    at = from_kit(error)
    told = traceback.TracebackException(type(error), error, at, capture_locals=True)
    yield "Python", "".join(told.format())
    console = pytest.importorskip("rich.console", reason="rich shows tracebacks with locals")
    from rich.traceback import Traceback

    file = io.StringIO()
    # Rich takes None, though its annotation says int.
    unlimited: Any = None
    console.Console(file=file, width=300).print(
        Traceback.from_exception(
            type(error),
            error,
            at,
            show_locals=True,
            locals_max_length=unlimited,
            locals_max_string=unlimited,
            max_frames=1000,
        )
    )
    yield "rich", file.getvalue()
    ultratb = pytest.importorskip("IPython.core.ultratb", reason="IPython shows tracebacks")
    verbose = ultratb.FormattedTB(mode="Verbose", tb_offset=0)
    yield "IPython", "\n".join(verbose.structured_traceback(type(error), error, at))


def check(error: BaseException, *secrets: str) -> None:
    """Check that nothing of an error holds a secret, or a good part of one."""
    for variables in frames_of(error):
        for name, value in variables.items():
            for text in texts_in(value):
                assert not find_known(text, secrets), f"{name} holds a secret: {text[:200]}"
    for who, text in shown(error):
        assert not find_known(text, secrets), f"{who} shows a secret"


@pytest.fixture(scope="module")
def bank() -> Iterator[Bank]:
    """Return a bank."""
    bank = Bank()
    yield bank
    bank.close()


@pytest.fixture(scope="module")
def bunq(bank: Bank) -> Iterator[Context]:
    """Return somebody at it."""
    bunq = bunqkit.connect(bank=bank)
    yield bunq
    bunq.close()


def env_file(text: str | bytes) -> Path:
    """Return a file of settings."""
    path = Path("settings.env")
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


OF_CONNECT: dict[str, Callable[[Bank], object]] = {
    "an unknown key": lambda bank: bunqkit.connect(bank=bank, api_key=KEY),
    "a key for another environment": lambda _: bunqkit.connect(
        api_key=KEY, environment="PRODUCTION"
    ),
    "a key with a blank": lambda _: bunqkit.connect(api_key=f"{KEY} x"),
    "a key of another form": lambda _: bunqkit.connect(api_key=KEY.removeprefix("sandbox_")),
    "nothing listens": lambda _: bunqkit.connect(
        api_key=KEY, environment="OFFLINE", env_file=env_file("BUNQ_BASE_URL=http://127.0.0.1:9/v1")
    ),
    "no bank": lambda _: bunqkit.connect(bank="none", api_key=KEY),  # type: ignore[arg-type]
    "a quote left open": lambda _: bunqkit.connect(
        env_file=env_file(f"BUNQ_API_KEY={KEY}\nBUNQ_STATE_DIR='open\n")
    ),
    "another encoding": lambda _: bunqkit.connect(
        env_file=env_file(f"BUNQ_API_KEY={KEY}\nX=".encode() + b"\xff")
    ),
    "another environment in the file": lambda _: bunqkit.connect(
        env_file=env_file(f"BUNQ_API_KEY={KEY}\nBUNQ_ENVIRONMENT=PRODUCTION")
    ),
    "settings alone": lambda _: load_settings(api_key=KEY, environment="PRODUCTION"),
    "no folder to write to": lambda _: write_api_key(Secret(KEY), Path("missing/.env")),
    "no file in the way": lambda _: write_api_key(Secret(KEY), Path.cwd()),
    "a body that is no JSON": lambda bank: doors_client(bank).request(
        "POST", "/device-server", {"secret": KEY, "description": object()}
    ),
    "a body with half a letter": lambda bank: doors_client(bank).request(
        "POST", "/device-server", {"secret": KEY, "description": "\ud800"}
    ),
    "a body that is refused": lambda bank: doors_client(bank).request(
        "POST", "/device-server", {"secret": KEY, "description": "x"}
    ),
    "a query that is refused": lambda bank: doors_client(bank).request(
        "POST", "/token", params={"code": KEY, "client_secret": KEY, "grant_type": "x"}
    ),
    "a token that no header holds": lambda bank: doors_client(bank).request(
        "GET", "/user", token=Secret(f"{KEY}\r\nX-Other: 1")
    ),
    "a path to elsewhere": lambda bank: doors_client(bank).request(
        "GET", "//elsewhere/", token=Secret(KEY)
    ),
}


def doors_client(bank: Bank) -> Client:
    """Return a client of a bank, without keys."""
    return Client(doors.BASE_URL, transport=doors.InProcess(bank))


@pytest.mark.filterwarnings("ignore::bunqkit.security.private_files.PrivacyWarning")
@pytest.mark.parametrize("name", OF_CONNECT)
def test_keys(bank: Bank, name: str) -> None:
    """However ``connect()`` or a call fails, the key was ``Secret`` from the first line on."""
    with pytest.raises(BunqkitError) as caught:
        OF_CONNECT[name](bank)
    check(caught.value, KEY)


def test_a_state_that_cannot_be_written(bunq: Context, tmp_path: Path) -> None:
    """Tokens and private key are on their way to the disk when it fails."""
    state = bunq.state
    assert state is not None
    assert state.session is not None
    file = StateFile(tmp_path, environment="OFFLINE", base_url="x", api_key=Secret(KEY))
    file.path.mkdir()
    pem = "".join(state.installation.key.to_pem().reveal().split("\n")[1:-2])
    tokens = (state.installation.token.reveal(), state.session.token.reveal(), KEY, pem)
    with pytest.raises(BunqkitError) as caught:
        file.save(state)
    check(caught.value, *tokens)
    with pytest.raises(BunqkitError) as caught:
        file.load()
    check(caught.value, *tokens)
    sealed = StateFile(
        tmp_path / "sealed",
        environment="OFFLINE",
        base_url="x",
        api_key=Secret(KEY),
        passphrase=Secret(PASSPHRASE),
    )
    sealed.save(state)
    other = StateFile(
        tmp_path / "sealed",
        environment="OFFLINE",
        base_url="x",
        api_key=Secret(KEY),
        passphrase=Secret(f"{PASSPHRASE}s"),
    )
    with pytest.raises(BunqkitError) as caught:
        other.load()
    check(caught.value, *tokens, PASSPHRASE)


def test_private_keys(key: KeyPair) -> None:
    """A PEM of another form, cut off, or with another password."""
    pem = key.to_pem().reveal()
    inside = "".join(pem.split("\n")[1:-2])
    other_form = pem.replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE")
    for text, password in ((other_form, None), (pem[:900], None), (pem, Secret(PASSPHRASE))):
        with pytest.raises(BunqkitError) as caught:
            KeyPair.from_pem(text, password)
        check(caught.value, inside, *pem.split("\n")[1:-2], PASSPHRASE)


def test_oauth(bank: Bank, bunq: Context) -> None:
    """The code that a browser brings, and the app's secret, whatever becomes of the token."""
    app = bunqkit.OAuthApp(bunq, BACK)
    secret = app._secret.reveal()

    def state() -> str:
        return app.ask().partition("state=")[2]

    for address in (
        f"{BACK}?code={CODE}&state=another",
        f"{BACK}?code={CODE}&state={state()}",
        f"{BACK}?error=access_denied&code={CODE}&state={state()}",
        f"http://[{BACK}?code={CODE}&state={state()}",
    ):
        with pytest.raises(BunqkitError) as caught:
            app.receive(address)
        check(caught.value, CODE, secret)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(bunq.client, "_transport", None)
        patch.setattr(app, "_hosts", lambda: (BACK, "http://127.0.0.1:9/v1"))
        with pytest.raises(BunqkitError) as caught:
            app.receive(f"{BACK}?code={CODE}&state={app.ask().partition('state=')[2]}")
        check(caught.value, CODE, secret)
    wire = Wire(bank)
    patch = pytest.MonkeyPatch()
    patch.setattr(bunq.client, "_transport", LiveTransport(adapter=doors.InProcess(wire)))
    answer = json.dumps({"token": CODE, "access_tokens": [CODE]}).encode()
    for body in (answer, answer[:-4], b"[]", json.dumps({"access_token": [CODE]}).encode()):
        wire.force(body)
        with pytest.raises(BunqkitError) as caught:
            app.receive(f"{BACK}?code={CODE}&state={state()}")
        check(caught.value, CODE, secret)
    patch.undo()


BROKEN = {
    "no user": [{"Id": {"id": 1}}, {"Token": {"token": CODE}}],
    "no id": [{"Token": {"token": CODE}}, {"UserPerson": {"id": 1}}],
    "no number": [{"Id": {"id": "x"}}, {"Token": {"token": CODE}}, {"UserPerson": {"id": 1}}],
    "two in one": [{"Id": {"id": 1}, "Token": {"token": CODE}}],
    "a text": [CODE],
    "another token": [{"Id": {"id": 1}}, {"Token": {"token": [CODE]}}, {"UserPerson": {"id": 1}}],
}


@pytest.mark.parametrize("items", BROKEN.values(), ids=BROKEN)
def test_answers_that_hold_a_token(bank: Bank, bunq: Context, items: list[Any]) -> None:
    """An answer to a step can't be used: what it holds all the same is not shown."""
    wire = Wire(bank)
    client = Client(doors.BASE_URL, transport=doors.InProcess(wire))
    wire.force(json.dumps({"Response": items}).encode())
    state = bunq.state
    assert state is not None
    with pytest.raises(BunqkitError) as caught:
        bunqkit.open_session(client, state.installation, Secret(KEY), now=datetime.now(UTC))
    check(caught.value, KEY, CODE, state.installation.token.reveal())


@pytest.mark.parametrize("pin", [PIN, str(PIN)], ids=["number", "text"])
def test_pins(bunq: Context, pin: object) -> None:
    """A PIN, as a text or as a number: refused here, refused there, or not to be written."""
    assignment = [{"type": "PRIMARY", "pin_code": pin}]
    for call in (
        lambda: bunq.call("card.update", 1, pin_code=pin),
        lambda: bunq.api.card.update(1, pin_code=pin, status="LOST"),
        lambda: bunq.call("card.update", 1, body={"pin_code_assignment": assignment}),
        lambda: bunq.call("card.update", 1, body={"pin_code": pin, "x": {1}}, check=False),
        lambda: bunq.call(
            "PUT /user/{userID}/card/1", body={"pin_code": pin, "x": "\ud800"}, check=False
        ),
    ):
        with pytest.raises(BunqkitError) as caught:
            call()
        check(caught.value, str(PIN))


def test_a_file_that_cannot_be_scrubbed() -> None:
    """The file's own secrets, and those that it is searched for."""
    Path(".env").write_text(f"BUNQ_API_KEY={KEY}\n")
    deep = Path("deep.json")
    deep.write_text("[" * 100_000 + f'"{CODE}", "{KEY}"' + "]" * 100_000)
    cut = Path("cut.json")
    cut.write_text(f'["{CODE}", "{KEY}", ')
    for file in (deep, cut):
        with pytest.raises(BunqkitError) as caught:
            bunqkit.scrub_file(file)
        check(caught.value, KEY, CODE)


def test_what_was_handled_before_keeps_its_frames() -> None:
    """Somebody's own error, in whose handling the kit is called, is not touched."""

    def own() -> None:
        mine = "mine"
        raise ValueError(mine)

    try:
        own()
    except ValueError as error:
        with pytest.raises(BunqkitError):
            bunqkit.connect(api_key="")
        frames = [frame for frame, _ in traceback.walk_tb(error.__traceback__)]
    assert frames[-1].f_locals == {"mine": "mine"}


def test_a_block_gives_errors_on_as_they_are() -> None:
    """Same error, same lines; only the variables are gone."""

    def inner(text: str) -> None:
        raise ValueError(len(text))

    with pytest.raises(ValueError, match="76") as caught, Forgetting():
        inner(KEY + "abcd")
    last = list(traceback.walk_tb(caught.value.__traceback__))[-1][0]
    assert last.f_code.co_name == "inner"
    assert last.f_locals == {}


CELLS = """
import bunqkit; bunqkit.connect(env_file="key.env")
import os; bunqkit.connect(api_key=os.environ["A_KEY"], environment="PRODUCTION")
bunqkit.connect(env_file="open.env")
app = bunqkit.OAuthApp(bunqkit.connect(), "http://127.0.0.1:9/back")
app.receive(app.ask().replace("state=", f"code={os.environ['A_KEY']}&state="))
bunqkit.KeyPair.from_pem(open("key.pem").read())
"""


@pytest.mark.slow
def test_a_notebook_that_is_saved(key: KeyPair) -> None:
    """With ``%xmode Verbose`` and rich, as nbclient and nbconvert run and write it."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs the notebooks")
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks")
    pytest.importorskip("ipykernel", reason="a kernel runs the notebooks (extra: lab)")
    pem = key.to_pem().reveal().replace("BEGIN PRIVATE", "BEGIN RSA PRIVATE")
    Path("key.pem").write_text(pem)
    Path("key.env").write_text(f"BUNQ_API_KEY={KEY}\nBUNQ_ENVIRONMENT=PRODUCTION\n")
    Path("open.env").write_text(f"BUNQ_API_KEY={KEY}\nBUNQ_LANGUAGE='en\n")
    new_cell = nbformat.v4.new_code_cell
    cells = [new_cell(line) for line in CELLS.strip().split("\n")]
    rich = new_cell(
        "import rich.traceback; _ = rich.traceback.install(show_locals=True, "
        "locals_max_string=None, locals_max_length=None)"
    )
    notebook = nbformat.v4.new_notebook(
        cells=[new_cell("%xmode Verbose"), *cells, rich, *map(new_cell, CELLS.strip().split("\n"))]
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("A_KEY", KEY)
        nbclient.NotebookClient(
            notebook,
            timeout=120,
            allow_errors=True,
            resources={"metadata": {"path": str(Path.cwd())}},
        ).execute()
    saved = nbformat.writes(notebook)
    assert saved.count('"output_type": "error"') >= 5
    inside = pem.split("\n")[1:-2]
    assert not find_known(saved, [KEY, *inside])
    nbconvert = pytest.importorskip("nbconvert", reason="nbconvert writes HTML of a notebook")
    html, _ = nbconvert.HTMLExporter().from_notebook_node(notebook)
    assert not find_known(html, [KEY, *inside])
