"""Secrets leave a notebook or a recording, and nothing else in it changes."""

from __future__ import annotations

import base64
import html
import json
import random
import re
import stat
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from cryptography.hazmat.primitives import serialization
from hypothesis import given, strategies as st
from sampling import one_in

import bunqkit
from bunqkit.diagnosis.scrub import scrub_file
from bunqkit.errors import ScrubError
from bunqkit.sandbox import Bank, doors
from bunqkit.security.redaction import is_secret_name
from bunqkit.security.signing import KeyPair

KEY = KeyPair.generate()
PEM = KEY.to_pem().reveal()
REMOVED_PEM = "\n".join(
    line if line.startswith("-") or not line else "REMOVED" for line in PEM.split("\n")
)


def drawn(luck: random.Random, digits: int = 64) -> str:
    """Return hex digits."""
    return f"{luck.getrandbits(digits * 4):0{digits}x}"


# Each kind of secret, and what shall stand in its place.
SECRETS: dict[str, Callable[[random.Random], tuple[str, str]]] = {
    "sandbox key": lambda luck: (f"sandbox_{drawn(luck)}", "sandbox_REMOVED"),
    "production key": lambda luck: (drawn(luck), "REMOVED"),
    "token in capitals": lambda luck: (drawn(luck).upper(), "REMOVED"),
    "private key": lambda _luck: (PEM, REMOVED_PEM),
    "signature": lambda luck: (KEY.sign(luck.randbytes(9)), "REMOVED"),
}
# Texts in which a secret may stand anywhere.
PHRASES: dict[str, Callable[[str], str]] = {
    "alone": str,
    "in words": lambda secret: f"before {secret} after\n",
    "as an argument": lambda secret: f"bunqkit.connect({secret!r})",
    "in HTML": lambda secret: f"<td>{html.escape(secret)}</td>",
    "in quotes of HTML": lambda secret: f"a=&quot;{secret}&quot;",
    "in a printed dictionary": lambda secret: repr({"id": 7, "note": f"first\n{secret}"}),
    "in printed JSON": lambda secret: "answer: " + json.dumps({"Token": {"id": 5, "note": secret}}),
    "in JSON": lambda secret: json.dumps([{"Token": {"note": secret, "id": 5}}]),
    "in JSON in JSON": lambda secret: json.dumps({"body": json.dumps({"a": secret})}),
    "after a break": lambda secret: f"one\ntwo {secret}\nthree\n",
    "in a comment": lambda secret: f"# {secret}".replace("\n", "\n# "),
}


def comment(text: str) -> str:
    """Return code that runs whatever the text is."""
    return f"text = '''{text}'''\n".replace("\\", "\\\\")


def coded(text: str) -> str:
    """Return a text as base64."""
    return base64.b64encode(text.encode()).decode()


def shown(**data: Any) -> dict[str, Any]:
    """Return a cell with an output."""
    return {"outputs": [{"output_type": "display_data", "data": {}, "metadata": {}} | data]}


def printed(text: str | list[str]) -> dict[str, Any]:
    """Return a cell that printed a text."""
    return {"outputs": [{"output_type": "stream", "name": "stdout", "text": text}]}


def failed(value: str, *traceback: str) -> dict[str, Any]:
    """Return a cell that raised."""
    error = {"ename": "ApiError", "evalue": value, "traceback": list(traceback)}
    return {"outputs": [{"output_type": "error", **error}]}


def widget(text: str) -> dict[str, Any]:
    """Return the saved state of a widget that shows a text."""
    model = {
        "model_name": "HTMLModel",
        "model_module": "@jupyter-widgets/controls",
        "model_module_version": "2.0.0",
        "state": {"value": text},
    }
    saved = {"version_major": 2, "version_minor": 0, "state": {"0" * 32: model}}
    return {"widgets": {"application/vnd.jupyter.widget-state+json": saved}}


# Each place of a notebook that may hold a text: members of a cell, or of the notebook's metadata.
PLACES: dict[str, Callable[[str], dict[str, Any]]] = {
    "code": lambda text: {"source": comment(text)},
    "lines of code": lambda text: {"source": comment(text).splitlines(keepends=True)},
    "markdown": lambda text: {"cell_type": "markdown", "source": text},
    "raw": lambda text: {"cell_type": "raw", "source": text},
    "cell metadata": lambda text: {"metadata": {"note": [text, {"deep": {"deeper": text}}]}},
    "name in metadata": lambda text: {"metadata": {text: 1}},
    "stream": printed,
    "stream in lines": lambda text: printed(text.splitlines(keepends=True)),
    "result as text": lambda text: shown(data={"text/plain": text}),
    "result as HTML": lambda text: shown(data={"text/html": ["<b>\n", text]}),
    "result as JSON": lambda text: shown(data={"application/json": {"deep": [{"note": text}]}}),
    "result as SVG": lambda text: shown(data={"image/svg+xml": text}),
    "output metadata": lambda text: shown(metadata={"text/plain": {"note": text}}),
    "error": lambda text: failed(text, "end"),
    "traceback": lambda text: failed("", f"\x1b[31mline {text[:12]}\x1b[32m{text[12:]}", "end"),
    "attachment": lambda text: {
        "cell_type": "markdown",
        "attachments": {"key.txt": {"text/plain": text}},
    },
    "attachment in base64": lambda text: {
        "cell_type": "markdown",
        "attachments": {"key.txt": {"text/plain": coded(text)}},
    },
    "data address": lambda text: {
        "cell_type": "markdown",
        "source": f"[key](data:text/plain;base64,{coded(text)})",
    },
    "notebook metadata": lambda text: {"notebook": {"note": [text]}},
    "widget state": lambda text: {"notebook": widget(text)},
}
ONE_LINE = ("traceback", "name in metadata")
ORDINARY = (
    "123e4567-e89b-12d3-a456-426614174000",
    "d9c770a4f1c2c1f1b2a3d4e5f60718293a4b5c6d",
    "NL42BUNQ2025104123",
    "9e107d9d372bb6826bd81d3542a419d6",
    "1234567890",
    "EUR 12.50",
    "sha256: " + "ab12" * 16,
    f"<dt>digest</dt><dd>{'ab12' * 16}</dd>",
    "sandbox_user_person",
    "sandbox_public_api_bunq_com_v1",
    "pinned to 2026",
    "KeyPair('9f86d081884c7d65')",
    "Secret('sandbox_0123…')",
    "-----BEGIN PUBLIC KEY-----\n" + KEY.public.pem.split("\n")[1],
)


def plant(notebook: dict[str, Any], place: str, text: str) -> None:
    """Put a text into a place of a notebook."""
    part = PLACES[place](text)
    notebook["metadata"] |= part.pop("notebook", {})
    cell: dict[str, Any] = {
        "cell_type": "code",
        "id": f"cell-{len(notebook['cells'])}",
        "metadata": {},
    }
    cell |= {"source": "x = 1"} | part
    if cell["cell_type"] == "code":
        cell = {"execution_count": None, "outputs": []} | cell
    notebook["cells"].append(cell)


def write(notebook: dict[str, Any], style: int) -> str:
    """Write a notebook in one of the ways in which JSON can be written."""
    indent = (1, None, 2, 1)[style]
    text = json.dumps(notebook, indent=indent, ensure_ascii=style != 1) + "\n" * (style != 2)
    if style == 2:
        return text.replace("/", "\\/").replace("\n", "\r\n")
    return text.replace("-", r"\u002d").replace("A", r"\u0041") if style == 3 else text


def make(seed: int) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    """Return a notebook with secrets in many places, as it shall be without, and the secrets."""
    luck = random.Random(seed)
    places = list(PLACES)
    chosen = [places[seed % len(places)], *luck.choices(places, k=6)]
    full: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    bare = json.loads(json.dumps(full))
    secrets = []
    for place in chosen:
        kinds = [kind for kind in SECRETS if kind != "private key" or place not in ONE_LINE]
        secret, removed = SECRETS[luck.choice(kinds)](luck)
        phrase = PHRASES[luck.choice(list(PHRASES))]
        secrets += [line for line in secret.splitlines() if not line.startswith("-----")]
        plant(full, place, phrase(secret))
        plant(bare, place, phrase(removed))
        ordinary = luck.choice(ORDINARY)
        plant(full, "stream", ordinary)
        plant(bare, "stream", ordinary)
    return full, bare, secrets


def same(text: str) -> str:
    """Take out a colour in the middle of a secret, and numbers that tell names apart."""
    return re.sub(r"\\u001b\[32m|(?<=REMOVED)_[0-9]+", "", text).replace(r"\u0041", "A")


@pytest.mark.parametrize("seed", one_in(5, range(100)))
def test_a_hundred_notebooks(seed: int, tmp_path: Path) -> None:
    """Secrets in every place, in every way to write JSON: they go, and no other byte changes."""
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks")
    full, bare, secrets = make(seed)
    path = tmp_path / "n.ipynb"
    path.write_bytes(write(full, seed % 4).encode())
    scrubbing = scrub_file(path)
    assert path.read_bytes() == write(full, seed % 4).encode()
    assert same(scrubbing.text) == same(write(bare, seed % 4))
    for text in (scrubbing.diff(), repr(scrubbing), scrubbing._repr_html_()):
        assert not [secret for secret in secrets if secret in text]
    scrubbing.write()
    assert scrub_file(path).findings == ()
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            exec(compile(cell.source, "cell", "exec"), {})


def scrubbed(tmp_path: Path, held: object, name: str = "recording.json") -> str:
    """Return the text of a file without its secrets."""
    path = tmp_path / name
    path.write_text(held if isinstance(held, str) else json.dumps(held))
    return scrub_file(path).text


@pytest.mark.parametrize(
    "source",
    [
        'passphrase = "correct horse battery"',
        "connect(passphrase='correct horse battery')",
        'os.environ["BUNQ_STATE_PASSPHRASE"] = "correct horse battery"',
        'os.environ.setdefault("BUNQ_STATE_PASSPHRASE", "correct horse battery")',
        '{"password": "correct horse battery"}',
        r"{\"password\": \"correct horse battery\"}",
        "%env BUNQ_STATE_PASSPHRASE=correct",
        "%env BUNQ_STATE_PASSPHRASE correct",
        "export BUNQ_STATE_PASSPHRASE=correct horse battery",
        "BUNQ_API_KEY=correct123horse45",
        'headers = {"X-Bunq-Client-Authentication": "correct123horse45"}',
        "curl -H 'X-Bunq-Client-Authentication: correct123horse45'",
        "X-Bunq-Client-Signature: correct123horse45+/==",
        "Authorization: Bearer correct123horse45",
        "Cookie: session=correct123horse45",
        "https://oauth/token?grant=x&client_secret=correct123horse45&a=1",
        "https://me:correct@proxy.example:8080/",
        'pin_code="4711correct"',
    ],
)
def test_what_stands_under_a_secret_name_in_a_text(source: str, tmp_path: Path) -> None:
    """Assignments, settings, headers, addresses: the value goes, the name and the rest stay."""
    text = scrubbed(tmp_path, {"source": source})
    secret = r"session=\w+|4711correct|correct horse battery|correct(123horse45)?(\+/==)?"
    kept = re.sub(secret, "REMOVED", source)
    assert json.loads(text) == {"source": kept}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("PIN code: 4711", "PIN code: 0000"),
        ("{'pin_code': '4711', 'cvc2': 123}", "{'pin_code': '0000', 'cvc2': 000}"),
        ("<th>cvc2</th><td>123</td>", "<th>cvc2</th><td>000</td>"),
        ("generated_cvc2&nbsp;123", "generated_cvc2&nbsp;000"),
    ],
)
def test_numbers_of_a_card_become_zeros(before: str, after: str, tmp_path: Path) -> None:
    """What was a number in code stays one."""
    assert json.loads(scrubbed(tmp_path, [before])) == [after]


@pytest.mark.parametrize("kind", ["PRIVATE KEY", "RSA PRIVATE KEY"])
@pytest.mark.parametrize(
    "write",
    [
        lambda pem: pem,
        lambda pem: "\n".join(pem.splitlines()[1:-1]),
        lambda pem: "".join(pem.splitlines()[1:-1]),
        lambda pem: "key = (\n" + "\n".join(f"    {line!r}" for line in pem.splitlines()) + "\n)",
        lambda pem: "key = (\n" + "\n".join(f"  '{x}'" for x in pem.splitlines()[1:-1]) + "\n)",
        lambda pem: "".join(f"'{line}\\n' +\n" for line in pem.splitlines()),
        lambda pem: pem[:900],
        lambda pem: "<pre>" + pem.replace("\n", "<br>") + "</pre>",
        quote,
        lambda pem: repr({"key": pem.encode()}),
        lambda pem: "\n".join(
            base64.b64encode(pem.encode()).decode()[a : a + 76] for a in range(0, 2400, 76)
        ),
    ],
)
def test_a_private_key_goes_however_it_is_written(
    kind: str, write: Callable[[str], str], tmp_path: Path
) -> None:
    """With and without its first and last line, in quotes, in HTML, in a URL, cut, in base64."""
    loaded = serialization.load_pem_private_key(PEM.encode(), None)
    forms = {
        "PRIVATE KEY": serialization.PrivateFormat.PKCS8,
        "RSA PRIVATE KEY": serialization.PrivateFormat.TraditionalOpenSSL,
    }
    how = (serialization.Encoding.PEM, forms[kind], serialization.NoEncryption())
    text = write(loaded.private_bytes(*how).decode())
    left = json.loads(scrubbed(tmp_path, {"source": text.splitlines(keepends=True)}))
    runs = re.findall(r"[A-Za-z0-9+/]{16,}", re.sub(r"%0A|\\n", " ", "".join(left["source"])))
    assert runs == []


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        ({"api_key": "short"}, {"api_key": "REMOVED"}),
        ({"clientSecret": "x y"}, {"clientSecret": "REMOVED"}),
        ({"pin_code": "1234", "cvc2": 123}, {"pin_code": "0000", "cvc2": 0}),
        ({"secret": ["one", "two"]}, {"secret": ["REMOVED", "REMOVED"]}),
        ({"secret": None, "token": ""}, {"secret": None, "token": ""}),
        (
            [{"name": "Authorization", "value": "Basic x"}],
            [{"name": "Authorization", "value": "REMOVED"}],
        ),
        (
            [["X-Bunq-Client-Authentication", "x"], ["Accept", "y"]],
            [["X-Bunq-Client-Authentication", "REMOVED"], ["Accept", "y"]],
        ),
        (
            {"cookies": [{"name": "session", "value": "x"}]},
            {"cookies": [{"name": "session", "value": "REMOVED"}]},
        ),
        (
            {"model_name": "PasswordModel", "state": {"value": "x", "width": "y"}},
            {"model_name": "PasswordModel", "state": {"value": "REMOVED", "width": "y"}},
        ),
        (
            {"state": {"description": "API key:", "value": "x"}},
            {"state": {"description": "API key:", "value": "REMOVED"}},
        ),
    ],
)
def test_what_stands_under_a_secret_name_in_json(held: Any, kept: Any, tmp_path: Path) -> None:
    """Fields of bunq, headers and cookies of a HAR file, password boxes: whatever the value is."""
    assert json.loads(scrubbed(tmp_path, held)) == kept


@pytest.mark.parametrize("text", ORDINARY, ids=lambda text: text[:20])
def test_what_is_no_secret_stays(text: str, tmp_path: Path) -> None:
    """Ids, hashes, IBANs, labelled digests, public keys, masked secrets."""
    path = tmp_path / "n.json"
    path.write_text(json.dumps({"id": text, "list": [text, text], "text": f"it is {text}."}))
    assert scrub_file(path).findings == ()


@pytest.mark.parametrize(
    "source",
    [
        "token = session.token.reveal()",
        "def call(token: Secret | None = None): ...",
        'api_key = os.environ["BUNQ_API_KEY"]',
        'headers = {"X-Bunq-Client-Authentication": session_token_of_2026.text}',
        'f"{token}"',
        'columns = ["token", "secret", "amount"]',
        'frame.rename(columns={"token": "name"})',
        "BUNQ_API_KEY=sandbox_...",
        "BUNQ_API_KEY is not set; BUNQ_STATE_PASSPHRASE may be.",
        'connect(api_key="<your key>")',
        "-----BEGIN PRIVATE KEY----- is its first line, -----END PRIVATE KEY----- its last",
        "curl -H 'X-Bunq-Client-Authentication: $TOKEN'",
    ],
)
def test_code_without_secrets_stays(source: str, tmp_path: Path) -> None:
    """Names of secrets, variables that hold one, and blanks to fill in are no secrets."""
    assert json.loads(scrubbed(tmp_path, {"source": source})) == {"source": source}


def test_your_own_secrets_are_known(tmp_path: Path, bank: Any) -> None:
    """What .env and the state hold goes wherever it stands, whatever it looks like."""
    Path(".env").write_text("BUNQ_API_KEY=no-shape-at-all\nBUNQ_STATE_DIR=kept\n")
    Path("kept").mkdir()
    token, lines = "odd token & more", PEM.splitlines()
    Path("kept/sandbox-1.json").write_text(
        json.dumps({"session": {"token": token}, "installation": {"private_key": PEM}})
    )
    held = {"a": f"say no-shape-at-all, {html.escape(token)} {quote(token)}", "b": lines[3]}
    assert json.loads(scrubbed(tmp_path, held)) == {
        "a": "say REMOVED, REMOVED REMOVED",
        "b": "REMOVED",
    }


def test_secrets_of_all_profiles_are_known(tmp_path: Path) -> None:
    """What .env.work and its own state hold goes too, whichever profile is in use."""
    Path(".env").write_text("BUNQ_STATE_DIR=kept\n")
    Path(".env.work").write_text("BUNQ_API_KEY=no-shape-at-all\n")
    Path("kept/profiles/work").mkdir(parents=True)
    Path("kept/profiles/work/sandbox-1.json").write_text('{"session": {"token": "odd token"}}')
    held = {"a": "say no-shape-at-all, odd token"}
    assert json.loads(scrubbed(tmp_path, held)) == {"a": "say REMOVED, REMOVED"}


@pytest.mark.parametrize(
    ("name", "held", "words"),
    [
        ("n.ipynb", "{", "line 1"),
        ("n.ipynb", "[1]", "no cells"),
        ("n.json", '{"a": 1,}', "no JSON"),
        ("n.txt", "BUNQ_API_KEY=x", "no JSON"),
        ("n.json", b"\xff\xfe{", "UTF-8"),
        ("n.json", "[" * 100_000 + "]" * 100_000, "too deeply"),
        ("n.ipynb", '{"cells": []}\n<<<<<<< HEAD', "no notebook"),
        ("missing.json", None, "can't be read"),
    ],
)
def test_what_cant_be_parsed_is_left_alone(
    name: str, held: str | bytes | None, words: str, tmp_path: Path
) -> None:
    """A typed error, and the file is as it was."""
    path = tmp_path / name
    if held is not None:
        path.write_bytes(held if isinstance(held, bytes) else held.encode())
    with pytest.raises(ScrubError, match=words):
        bunqkit.scrub_file(path)
    if held is not None:
        assert path.read_bytes() == (held if isinstance(held, bytes) else held.encode())


def test_lines_of_json_and_marks_of_order_stay(tmp_path: Path) -> None:
    """JSON lines are read one by one; a byte order mark, CR LF and blanks stay."""
    key = "ab12" * 16
    before = f'\ufeff{{"api_key" :\t"{key}"}}\r\n\r\n{{"a":1.0, "b": -0}}\r\n'
    (tmp_path / "n.jsonl").write_bytes(before.encode())
    assert scrub_file(tmp_path / "n.jsonl").text == before.replace(key, "REMOVED")


def test_writing_keeps_mode_and_link(tmp_path: Path) -> None:
    """The file behind a link is replaced whole and keeps who may read it; nothing is left over."""
    path, link = tmp_path / "n.json", tmp_path / "link.json"
    path.write_text('{"secret": "x"}')
    path.chmod(0o640)
    link.symlink_to(path)
    scrub_file(link).write()
    assert path.read_text() == '{"secret": "REMOVED"}'
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert link.is_symlink()
    assert sorted(path.name for path in tmp_path.glob("*n*.json")) == ["link.json", "n.json"]


def test_a_file_that_changed_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    """What somebody saved between the look and the writing stays."""
    path = tmp_path / "n.json"
    path.write_text('{"secret": "x"}')
    scrubbing = scrub_file(path)
    path.write_text('{"secret": "y"}')
    with pytest.raises(ScrubError, match="has changed since"):
        scrubbing.write()
    assert path.read_text() == '{"secret": "y"}'


NAMES = st.text().filter(lambda name: not is_secret_name(name))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.just("ab12" * 16),
        lambda inner: st.lists(inner) | st.dictionaries(NAMES, inner),
    ),
    st.sampled_from([None, 0, 3]),
    st.sampled_from(["ascii", "utf-8"]),
)
def test_any_json_keeps_its_shape(
    tmp_path_factory: pytest.TempPathFactory, held: Any, indent: int | None, letters: str
) -> None:
    """Whatever the JSON is, it stays JSON, and only the key is gone from it."""
    path = tmp_path_factory.getbasetemp() / "any.json"
    text = json.dumps(held, indent=indent, ensure_ascii=letters == "ascii")
    try:
        path.write_bytes(text.encode())
    except UnicodeEncodeError:
        return
    scrubbing = scrub_file(path)
    assert repr(json.loads(scrubbing.text)) == repr(held).replace("ab12" * 16, "REMOVED")


def test_the_diff_fits_a_terminal(tmp_path: Path) -> None:
    """A file on one line is shown around its secrets, in 80 columns."""
    path = tmp_path / "n.json"
    path.write_text(json.dumps({"x" * 500: "y" * 500, "secret": "abcd" * 40, "z": ["z"] * 400}))
    diff = scrub_file(path).diff().removeprefix(f"--- {path}\n+++ {path}\n")
    assert max(map(len, diff.splitlines())) <= 80
    assert '-yy", "secret": "abcd…", "z": ["z", "z' in diff


@pytest.mark.slow
def test_a_scrubbed_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a kernel, from top to bottom: what the secrets stood in is still Python."""
    nbclient = pytest.importorskip("nbclient", reason="nbclient runs the notebooks")
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks")
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    notebook: dict[str, Any] = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": []}
    source = (
        f"%env BUNQ_API_KEY={'ab12' * 16}\npin_code = 4711\nkey = b'''{PEM}'''\nprint(pin_code)"
    )
    for text in (source, source.splitlines(keepends=True)):
        plant(notebook, "code", "")
        notebook["cells"][-1]["source"] = text
    path = tmp_path / "n.ipynb"
    path.write_text(json.dumps(notebook))
    scrub_file(path).write()
    ran = nbclient.NotebookClient(nbformat.read(path, as_version=4)).execute()
    outputs = [out for cell in ran.cells for out in cell.outputs]
    assert "".join(out["text"] for out in outputs) == "env: BUNQ_API_KEY=REMOVED\n0\n" * 2


def test_a_recording_of_a_browser_loses_every_secret(tmp_path: Path, bank: Bank) -> None:
    """Headers, query, body and answers of the handshake in a HAR file; ids and IBANs stay."""
    client = bunqkit.Client(doors.BASE_URL, transport=doors.InProcess(bank))
    installation = bunqkit.create_installation(client, KEY)
    bunqkit.register_device(client, installation, bank.demo_key, description="laptop")
    session = bunqkit.open_session(
        client, installation, bank.demo_key, now=datetime(2026, 4, 1, tzinfo=UTC)
    )
    entries = [
        {
            "request": {
                "method": exchange.method,
                "url": f"{exchange.url}?access_token={session.token.reveal()}&count=10",
                "headers": [{"name": n, "value": v} for n, v in exchange.request_headers.items()],
                "postData": {"text": exchange.request_body.decode()},
            },
            "response": {
                "status": exchange.status,
                "headers": [{"name": n, "value": v} for n, v in exchange.answer_headers.items()],
                "content": {
                    "text": base64.b64encode(exchange.answer_body).decode(),
                    "encoding": "base64",
                },
            },
        }
        for exchange in client.exchanges
    ]
    har = json.loads(scrubbed(tmp_path, {"log": {"entries": entries}}, "bunq.har"))
    last = har["log"]["entries"][-1]
    answer = json.loads(base64.b64decode(last["response"]["content"]["text"]))
    user = answer["Response"][2]["UserPerson"]
    assert answer["Response"][1]["Token"]["token"] == "REMOVED"
    assert user == session.user
    assert json.loads(last["request"]["postData"]["text"]) == {"secret": "sandbox_REMOVED"}
    assert last["request"]["url"].endswith("?access_token=REMOVED&count=10")
    whole = json.dumps(har) + json.dumps(answer)
    signature = next(
        text
        for name, text in client.exchanges[-1].request_headers.items()
        if name == "X-Bunq-Client-Signature"
    )
    for secret in (bank.demo_key, installation.token, session.token):
        assert secret.reveal() not in whole
    assert signature not in whole


BROKEN_KEY = "sandbox_0f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a69780f1e2d3c4b5a6978"
BARE = BROKEN_KEY.removeprefix("sandbox_")


def lines_of(text: str, width: int) -> list[str]:
    """Return a text in lines."""
    return [text[at : at + width] for at in range(0, len(text), width)]


BROKEN: dict[str, Callable[[str], Any]] = {
    "wrapped": lambda key: {"text": "key: " + "\n".join(lines_of(key, 30)) + "\nand so on"},
    "wrapped and indented": lambda key: {"text": "\n".join(f"    {x}" for x in lines_of(key, 26))},
    "wrapped in a comment": lambda key: {"text": "\n".join(f"# {x}" for x in lines_of(key, 40))},
    "wrapped in a quotation": lambda key: {"text": "\n> ".join(lines_of(key, 40))},
    "wrapped as in mail": lambda key: {"text": "=\r\n".join(lines_of(key, 40))},
    "wrapped, written out": lambda key: {"text": repr("\n".join(lines_of(key, 40)))},
    "over the lines of a list": lambda key: {"source": [f"{x}\n" for x in lines_of(key, 50)]},
    "in strings of a list": lambda key: {"note": lines_of(key, 50)},
    "a notebook's source": lambda key: {
        "source": ["key = (\n", *(f'    "{x}"\n' for x in lines_of(key, 31)), ")\n"]
    },
    "joined strings": lambda key: {"source": f'api_key="{key[:20]}" "{key[20:]}"'},
    "added strings": lambda key: {"source": f"connect('{key[:20]}' + '{key[20:]}')"},
    "added over lines": lambda key: {"source": f"key = '{key[:20]}' \\\n    + f'{key[20:]}'"},
    "the prefix apart": lambda key: {"source": f'"sandbox_" "{key.removeprefix("sandbox_")}"'},
    "joined, printed as JSON": lambda key: {
        "text": "x: " + json.dumps({"source": f'"{key[:20]}" "{key[20:]}"'})
    },
    "tags between": lambda key: {"html": f"<b>{key[:30]}</b><i>{key[30:50]}<br>\n{key[50:]}"},
    "colours between": lambda key: {"text": f"{key[:30]}\x1b[1m{key[30:]}\x1b[0m"},
    "in base64": lambda key: {"note": coded(f"the key is {key}")},
    "in base64 of addresses": lambda key: {
        "note": base64.urlsafe_b64encode(f"\u00fb\u00ff?> {key}".encode()).decode().rstrip("=")
    },
    "in base64 over lines": lambda key: {
        "note": base64.encodebytes(f"the key is {key}, and {'no more ' * 20}".encode()).decode()
    },
    "in codes of JSON": lambda key: {
        "text": "POST " + json.dumps({"a": key}).replace("0", "\\u0030").replace("e", "\\u0065")
    },
    "in codes of an address": lambda key: {"text": f"?a={key.replace('0', '%30')}"},
    "cut": lambda key: {"text": f"The key {key[:40]}… was used"},
    "cut by dots": lambda key: {"source": f'api_key = "{key[:32]}..."'},
    "its end": lambda key: {"text": f"it ends in …{key[-24:]}"},
    "its middle left out": lambda key: {"text": f"{key[:28]}...{key[-20:]}"},
}


@pytest.mark.parametrize("key", [BROKEN_KEY, BARE], ids=["sandbox", "production"])
@pytest.mark.parametrize("name", BROKEN)
def test_a_key_goes_in_pieces_too(name: str, key: str, tmp_path: Path) -> None:
    """Broken over lines, strings or tags, written in codes, or cut where the rest is of use."""
    if key == BARE and name == "the prefix apart":
        pytest.skip("a key of production has no prefix")
    held = BROKEN[name](key)
    path = tmp_path / "held.json"
    path.write_text(json.dumps(held))
    scrubbing = scrub_file(path)
    text = json.dumps(json.loads(scrubbing.text), ensure_ascii=False)
    left = "".join(re.findall(r"[0-9a-f]{5,}", text.replace("\\u0030", "0").replace("%30", "0")))
    assert len(left) < 12, text
    assert scrubbing.findings
    path.write_text(scrubbing.text)
    assert scrub_file(path).findings == ()


def test_parts_of_your_own_key_are_known(tmp_path: Path) -> None:
    """From twelve letters on, without any sign that it was cut."""
    Path(".env").write_text(f"BUNQ_API_KEY={BROKEN_KEY}\n")
    held = {"a": f"it began with {BARE[:14]} or so", "b": BARE[20:34].upper(), "c": BARE[:8]}
    assert json.loads(scrubbed(tmp_path, held)) == {
        "a": "it began with REMOVED or so",
        "b": "REMOVED",
        "c": BARE[:8],
    }


@pytest.mark.parametrize(
    "text",
    [
        "9e107d9d372bb6826bd81d3542a419d6\ne4d909c290d0fb1ca068ffaddf22cbd0\n",
        "<td>9e107d9d372bb6826bd81d3542a419d6</td><td>e4d909c290d0fb1ca068ffaddf22cbd0</td>",
        "d9c770a4f1c2c1f1b2a3d4e5f60718293a4b5c6d\nd9c770a4f1c2c1f1b2a3d4e5f60718293a4b5c6e",
        "commit d9c770a4f1c2\nMerge: 0f1e2d3 4b5a697",
        'sha256: "ab12ab12ab12ab12ab12ab12ab12ab12"\n  "ab12ab12ab12ab12ab12ab12ab12ab12"',
        "sandbox_0123… and 0123… are shown so",
        "api_key = 'sandbox_your_key...'",
        "Added\nface\nbead\ncafe",
        "digest ab12ab12ab12ab12…",
        "tokens = 4096",
        "max_token: 2048",
        "pin: 0000",
        "client_secret=1234… HTTP/1.1",
        "pin_code=12.5",
        "progress 1234567890123456...",
    ],
)
def test_what_only_looks_broken_stays(text: str, tmp_path: Path) -> None:
    """Lists of digests, commits, masks, words of hexadecimal letters."""
    assert json.loads(scrubbed(tmp_path, {"text": text})) == {"text": text}


@pytest.mark.parametrize(
    ("held", "kept"),
    [
        ({"oauth_code": "abc"}, {"oauth_code": "REMOVED"}),
        ({"oauth_code": 123456}, {"oauth_code": 0}),
        (
            {"pin_code": 1234, "deep": [{"password": 1.5}]},
            {"pin_code": 0, "deep": [{"password": 0}]},
        ),
        ({"secret": [12, 34]}, {"secret": [0, 0]}),
        ({"source": "call(oauth_code=123456)"}, {"source": "call(oauth_code=000000)"}),
        ({"text": "{'secret': 12345, 'id': 7}"}, {"text": "{'secret': 00000, 'id': 7}"}),
    ],
)
def test_numbers_are_secrets_too(held: Any, kept: Any, tmp_path: Path) -> None:
    """Under a name of secrets, in JSON and in code."""
    assert json.loads(scrubbed(tmp_path, held)) == kept
