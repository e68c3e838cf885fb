"""Writes one exchange as code that runs without bunqkit: curl, Python, openssl.

A snippet holds no secret: it reads the API key from ``BUNQ_API_KEY`` and performs the three steps
itself, with its own key pair. So it runs as it is, anywhere, and shows the whole flow.
"""

from __future__ import annotations

import base64
import json
import pprint
import re
import shlex
import textwrap
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from bunqkit.client.exchange import Exchange

# The transport adds these, or a snippet makes new ones each time it runs.
_OWN = frozenset(
    {
        "accept",
        "accept-encoding",
        "connection",
        "content-length",
        "transfer-encoding",
        "x-bunq-client-authentication",
        "x-bunq-client-request-id",
        "x-bunq-client-signature",
    }
)
_STEPS_BEFORE = {
    "/device-server": 1,
    "/payment-service-provider-credential": 1,
    "/session-server": 2,
}
_ALL_STEPS = 3
_LARGEST_INLINE = 16 * 1024
_KEY = "BUNQ_API_KEY"
_FILE = "BUNQ_UPLOAD_FILE"
_PEM = "BUNQ_PRIVATE_KEY_FILE"
_FIELD_BEFORE = re.compile(rb'"(\w+)"\s*:\s*"?\Z')
# The place of a secret in a body. JSON writes this character with an escape, never as it is.
_MARK = re.compile("\x00([A-Z0-9_]+)\x00")


class Snippet(str):
    """Code that runs as it is; its repr is the code itself."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        from bunqkit.display.html import card, code

        return card("", code(self))


def write_curl(exchange: Exchange) -> Snippet:
    """Return a call as a shell script for curl and openssl, with the steps before it."""
    call = _read(exchange)
    lines = ["#!/usr/bin/env bash", *(f"# {line}" for line in _about(call, "curl and openssl"))]
    default = f":?{_INSIDE}" if call.is_inside else f":-{call.base_url}"
    lines += ["set -euo pipefail", "umask 077", f'api="${{BUNQ_BASE_URL{default}}}"']
    lines.append("work=$(mktemp -d)\ntrap 'rm -rf \"$work\"' EXIT")
    if call.needs_file:
        lines.append(f'cp "${{{_FILE}:?}}" "$work/file" && {_FILE}=file')
    lines.append('cd "$work"')
    lines += [_CURL_TOOLS, *_CURL_STEPS[: call.steps_before], "", "# The call itself."]
    lines.append(f"{_shell_body(call)} > body")
    options = [f"-H {shlex.quote(f'{name}: {text}')}" for name, text in call.headers]
    if call.body:
        # Without a type curl would declare the body as a form.
        options += [] if call.has_type else ["-H 'Content-Type:'"]
        options.append("--data-binary @body")
    options.append('-H "X-Bunq-Client-Request-Id: $(openssl rand -hex 16)"')
    if call.is_signed:
        lines.append("sign body > signature")
        options.append("-H @signature")
    if call.token:
        options.append("-H @token")
    lines.append(f'curl -sSg --fail-with-body -X {call.method} "$api"{shlex.quote(call.below)} \\')
    lines.append(" \\\n".join(f"  {option}" for option in options))
    text = "\n".join(lines) + "\n"
    # No proxy is needed between this machine and itself.
    return Snippet(text.replace("curl -sSg", "curl -sSg --noproxy '*'") if call.is_near else text)


def write_python(exchange: Exchange) -> Snippet:
    """Return a call as Python for requests and cryptography, with the steps before it."""
    call = _read(exchange)
    title, *about = _about(call, "requests and cryptography")
    api = 'os.environ["BUNQ_BASE_URL"]  # ' + _INSIDE
    if not call.is_inside:
        api = f'os.environ.get("BUNQ_BASE_URL", "{call.base_url}")'
    lines = ['"""' + title, "", *about, '"""', _PYTHON_IMPORTS, f"API = {api}"]
    lines.append("bank = requests.Session()")
    if call.is_near:
        lines.append("bank.trust_env = False  # no proxy between this machine and itself")
    lines += [_PYTHON_TOOLS, *_PYTHON_STEPS[: call.steps_before], "", "# The call itself."]
    lines.append(f"body = {_python_body(call)}")
    lines.append(f"headers = {_python_literal(dict(call.headers))}")
    token = "token" if call.token else "None"
    is_signed = "" if call.is_signed else ", is_signed=False"
    lines.append(
        f'answer = send("{call.method}", {call.below!r}, body, headers, {token}{is_signed})'
    )
    lines.append(_PYTHON_END)
    return Snippet("\n".join(lines) + "\n")


def write_openssl(exchange: Exchange) -> Snippet:
    """Return a shell command that makes the signature of a call again."""
    call = _read(exchange)
    if exchange.signed is None:
        return Snippet(
            f"# {call.method} {call.path} was not signed by this client: bunq needs a signature\n"
            "# if there is a body, and after the two sides exchanged their public keys.\n"
        )
    about = (
        f"The signature of {call.method} {call.path}: RSA (PKCS#1 v1.5) with SHA-256 over the "
        f"body's bytes, in base64. Needs {_PEM}: a file with this installation's private key, "
        "which bunq.handshake.installation.key.to_pem().reveal() returns; keep it secret."
    )
    if call.variables:
        about += f" Needs {' and '.join(call.variables)} too, for the body."
    lines = [f"# {line}" for line in textwrap.wrap(about, 78, break_on_hyphens=False)]
    sign = f'openssl dgst -sha256 -sign "${{{_PEM}:?}}" | openssl base64 -A'
    return Snippet("\n".join([*lines, f"{_shell_body(call)} | {sign}"]) + "\n")


@dataclass(frozen=True)
class _SnippetCall:
    """The parts of an exchange that its snippets need; only ``body`` holds secrets.

    Attributes
    ----------
    below
        The path below the base address.
    text
        The body as JSON with a mark in place of each secret; ``None`` if it is a file.
    """

    method: str
    path: str
    below: str
    base_url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    text: str | None
    token: str
    is_signed: bool

    @property
    def steps_before(self) -> int:
        """The number of steps that come before it: 0 to 3."""
        if not self.token:
            return 0
        last = {"installation": _ALL_STEPS - 1}.get(self.token, _ALL_STEPS)
        return _STEPS_BEFORE.get(self.below, last) if self.method == "POST" else last

    @property
    def needs_file(self) -> bool:
        """True if the body is too long for a snippet."""
        return self.text is None and len(self.body) > _LARGEST_INLINE

    @property
    def variables(self) -> list[str]:
        """The environment variables that the body needs."""
        names = sorted(set(_MARK.findall(self.text or "")))
        return [_FILE] if self.needs_file else names

    @property
    def has_type(self) -> bool:
        return any(name.lower() == "content-type" for name, _ in self.headers)

    @property
    def is_inside(self) -> bool:
        """True if the bank was in this process, so that nothing else can reach it."""
        return self._host.endswith(".invalid")

    @property
    def is_near(self) -> bool:
        return self._host in ("127.0.0.1", "localhost", "::1")

    @property
    def _host(self) -> str:
        return urlsplit(self.base_url).hostname or ""


def _read(exchange: Exchange) -> _SnippetCall:
    return _SnippetCall(
        method=exchange.method,
        path=exchange.path,
        below=exchange.path.removeprefix(urlsplit(exchange.base_url).path),
        base_url=exchange.base_url,
        headers=tuple(
            (name, text)
            for name, text in exchange.request_headers.items()
            if name.lower() not in _OWN
        ),
        body=bytes(exchange.request_body),
        text=_mark_secrets(exchange),
        token=exchange.token,
        is_signed="X-Bunq-Client-Signature" in exchange.request_headers,
    )


def _mark_secrets(exchange: Exchange) -> str | None:
    """Return a JSON body with a mark in place of each secret, named after its field."""
    body = bytes(exchange.request_body)
    media_type = exchange.request_headers.get("Content-Type", "application/json")
    if not media_type.startswith("application/json") or b"\x00" in body:
        return None
    for first, end in reversed(exchange.secret_spans(body)):
        field = _FIELD_BEFORE.search(body[:first])
        name = field[1].decode() if field else "text"
        variable = _KEY if name in ("secret", "api_key") else f"BUNQ_{name.upper()}"
        body = body[:first] + f"\x00{variable}\x00".encode() + body[end:]
    try:
        return body.decode()
    except UnicodeDecodeError:
        return None


def _about(call: _SnippetCall, tools: str) -> list[str]:
    """Return lines that say what a snippet is, what it needs, and what running it does."""
    title = f"{call.method} {call.path}, with nothing but {tools}."
    needs = sorted({*call.variables, *([_KEY] if call.steps_before > 1 else [])})
    about = f"Reads {', '.join(needs)} from the environment. " if needs else ""
    if _FILE in needs:
        about += f"{_FILE} is the path of the file of {len(call.body):,} bytes. "
    if call.steps_before:
        about += (
            "It makes a key pair and performs the steps before the call itself, as every program "
            "does when it starts for the first time: it registers one more device. "
        )
    if call.steps_before == _ALL_STEPS:
        about += "bunq opens only one session in 30 seconds. "
    if call.method != "GET":
        about += "Each run does again what the call did."
    return [title, *textwrap.wrap(about, 78, break_on_hyphens=False)]


def _shell_body(call: _SnippetCall) -> str:
    """Return a command that prints the body, byte for byte."""
    if call.needs_file:
        return f'cat "${{{_FILE}:?}}"'
    if call.text is None:
        lines = "\n".join(textwrap.wrap(base64.b64encode(call.body).decode(), 76))
        return f"printf '%s\\n' '{lines}' | openssl base64 -d"
    # Every second part is the name of a variable.
    parts = _MARK.split(call.text)
    words = [
        f'"${{{part}:?}}"' if at % 2 else shlex.quote(part)
        for at, part in enumerate(parts)
        if part or len(parts) == 1
    ]
    return f"printf '%s' {''.join(words)}"


def _python_body(call: _SnippetCall) -> str:
    """Return an expression for the body: a dictionary, if that is serialised to the same bytes."""
    if call.needs_file:
        return f'pathlib.Path(os.environ["{_FILE}"]).read_bytes()'
    if call.text is None:
        lines = "\n".join(textwrap.wrap(base64.b64encode(call.body).decode(), 76))
        return f'base64.b64decode("""\n{lines}\n""")'
    if not call.text:
        return 'b""'
    # With escaped marks the text is JSON that can be read, and is written back with the marks.
    escaped = call.text.replace("\x00", "\\u0000")
    try:
        value = json.loads(escaped)
    except (ValueError, RecursionError):
        value = None
    literal = _python_literal(value)
    # A mark that is left is inside a longer text.
    if (
        isinstance(value, dict)
        and json.dumps(value, ensure_ascii=False) == escaped
        and "\\x00" not in literal
    ):
        return f"json.dumps({literal}, ensure_ascii=False).encode()"
    parts = [
        f'os.environ["{part}"]' if at % 2 else repr(part)
        for at, part in enumerate(_MARK.split(call.text))
        if part
    ]
    return f"({' + '.join(parts)}).encode()"


def _python_literal(value: object) -> str:
    text = pprint.pformat(value, width=96, sort_dicts=False)
    return re.sub(r"(['\"])\\x00([A-Z0-9_]+)\\x00\1", r'os.environ["\2"]', text)


_INSIDE = "this call went to a bank inside Python; serve one with 'bunqkit sandbox', name it here"

_CURL_TOOLS = r"""
# Sends a request and keeps the answer; shows a refusal and stops.
call() { curl -sSg --fail-with-body "$@" > answer || { cat answer >&2; exit 1; }; }
# Takes the first token of the answer, and writes the header with it.
take_token() {
  awk -F '"token": *"' '{ split($2, part, "\"")
    print "X-Bunq-Client-Authentication: " part[1] }' answer > token
}
# Writes the header of a signature: RSA with SHA-256 over a file's bytes, in base64.
sign() {
  printf 'X-Bunq-Client-Signature: '
  openssl dgst -sha256 -sign key.pem "$1" | openssl base64 -A
}"""

_CURL_STEPS = (
    r"""
# Step 1, installation: the bank gets our public key, we get the installation token.
openssl genpkey -quiet -algorithm RSA -pkeyopt rsa_keygen_bits:2048 -out key.pem
public=$(openssl pkey -in key.pem -pubout | awk '{ printf "%s\\n", $0 }')
printf '{"client_public_key": "%s"}' "$public" > body
call "$api/installation" -H 'Content-Type: application/json' --data-binary @body
take_token""",
    r"""
# Step 2, device: the API key is bound to the installation and to this address.
printf '{"description": "a snippet", "secret": "%s"}' "${BUNQ_API_KEY:?}" > body
sign body > signature
call "$api/device-server" -H 'Content-Type: application/json' --data-binary @body \
  -H @signature -H @token""",
    r"""
# Step 3, session: the key is traded for the session token.
printf '{"secret": "%s"}' "$BUNQ_API_KEY" > body
sign body > signature
call "$api/session-server" -H 'Content-Type: application/json' --data-binary @body \
  -H @signature -H @token
take_token""",
)

_PYTHON_IMPORTS = """
import base64
import json
import os
import pathlib
import sys
import uuid

import requests
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
"""

_PYTHON_TOOLS = '''
key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
is_json = {"Content-Type": "application/json"}


def sign(body):
    """RSA with SHA-256 over the body's bytes, in base64."""
    return base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()


def send(method, below, body, headers, token, is_signed=True):
    """Send exactly these bytes, signed."""
    headers = {**headers, "X-Bunq-Client-Request-Id": str(uuid.uuid4())}
    if token:
        headers["X-Bunq-Client-Authentication"] = token
    if is_signed:
        headers["X-Bunq-Client-Signature"] = sign(body)
    return bank.request(method, API + below, data=body, headers=headers, timeout=30)


def step(below, fields, token, is_signed=True):
    """Perform one of the three steps, and return the items of the answer by their types."""
    answer = send("POST", below, json.dumps(fields).encode(), is_json, token, is_signed)
    if answer.status_code != 200:
        sys.exit(answer.text)
    return {name: item for entry in answer.json()["Response"] for name, item in entry.items()}
'''

_PYTHON_STEPS = (
    """
# Step 1, installation: the bank gets our public key, we get the installation token.
public = key.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)
fields = {"client_public_key": public.decode()}
token = step("/installation", fields, None, is_signed=False)["Token"]["token"]""",
    """
# Step 2, device: the API key is bound to the installation and to this address.
fields = {"description": "a snippet", "secret": os.environ["BUNQ_API_KEY"]}
step("/device-server", fields, token)""",
    """
# Step 3, session: the key is traded for the session token.
fields = {"secret": os.environ["BUNQ_API_KEY"]}
token = step("/session-server", fields, token)["Token"]["token"]""",
)

_PYTHON_END = """
if answer.headers.get("Content-Type", "").startswith("application/json"):
    print(answer.text)
elif hasattr(sys.stdout, "buffer"):  # a notebook has none: look at answer.content there
    sys.stdout.buffer.write(answer.content)"""
