"""Explains an exchange: what was sent and why, what was signed, and how it was checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from bunqkit.display.report import Bytes, Facts, Notes, Part, Section, Sheet, Verbatim, Words
from bunqkit.errors import SettingsError
from bunqkit.errors.advice import advise
from bunqkit.inspection.signature_trace import digest_of, find_signed, first_difference
from bunqkit.security.redaction import redact_headers, shorten
from bunqkit.security.signing import PublicKey

if TYPE_CHECKING:
    from bunqkit.client.exchange import Exchange

_CLIENT_SIGNATURE = "X-Bunq-Client-Signature"
_SERVER_SIGNATURE = "X-Bunq-Server-Signature"
_ROW = 16
_WHOLE_UP_TO = 64 * _ROW
_SHOWN_OF_LONG = 16 * _ROW
_JSON_LINES = 60
_OK = 200
_NEEDS_INSTALLATION = (
    "/device-server",
    "/session-server",
    "/payment-service-provider-credential",
)
_NEEDS_NOTHING = ("/installation", "/sandbox-user-person", "/sandbox-user-company")

# Why each header is there. Source: bunq docs, "Headers", "Signing"; HTTP (RFC 9110).
_WHY = {
    "user-agent": "Says which program calls; bunq asks for one, any text will do.",
    "cache-control": "Nothing between here and the bank may answer in its place.",
    "content-type": "What the body is.",
    "content-length": "How many bytes the body has.",
    "accept": "Any kind of answer is welcome; the transport adds it.",
    "accept-encoding": "The answer may come compressed; the transport adds it.",
    "connection": "The connection is kept for the next call; the transport adds it.",
    "x-bunq-language": "The language of the bank's translated texts.",
    "x-bunq-region": "How the bank writes numbers and dates in texts.",
    "x-bunq-geolocation": "Where the caller is; kept on a payment.",
    "x-bunq-client-request-id": "A new name for every call; the bank sends it back. It does not "
    "prevent that a payment is made twice.",
    "x-bunq-client-authentication": "The token: who is calling.",
    "x-bunq-client-signature": "Proves that the holder of the installation's private key sent "
    "exactly this body.",
    "x-bunq-attachment-description": "What the file is called at the bank.",
    "x-bunq-client-response-id": "The bank's name for this answer: bunq's support asks for it.",
    "x-bunq-server-signature": "Proves that the bank sent exactly this body.",
    "x-bunq-warning": "A remark of the bank's.",
    "date": "The bank's clock.",
    "server": "The bank's web server.",
    "via": "The servers between here and the bank.",
}
_TOKENS = {
    "installation": "The installation token. It comes from the first step, and opens the second "
    "step (device-server) and the third (session-server), and nothing else.",
    "session": "The session token. The third step gave it; it opens every call except the three "
    "steps, until the session ends.",
    "other": "A token that does not come from one of bunqkit's own steps.",
    "": "None.",
}


class Xray(Sheet):
    """The explanation of one exchange; a notebook shows it, and ``str()`` is for a terminal.

    Parameters
    ----------
    exchange
        The exchange.
    reveal
        True to show secrets whole: only those of an offline bank.
    signed
        The bytes that were signed, if bunqkit did not sign them.

    Raises
    ------
    SettingsError
        If ``reveal`` would show secrets that open something.
    """

    def __init__(
        self, exchange: Exchange, *, reveal: bool = False, signed: bytes | None = None
    ) -> None:
        if reveal and not exchange.may_reveal:
            raise SettingsError(
                "reveal=True shows complete tokens and keys. It is allowed for OFFLINE only, where "
                "they give access to no real money. Leave it out, or make the same call at the "
                "offline bank."
            )
        self._exchange = exchange
        self._reveal = reveal
        self._signed_elsewhere = signed
        time = f", {_time(exchange.elapsed_s)}" if exchange.is_sent else ""
        super().__init__(
            f"{exchange.method} {exchange.path} -> {exchange.outcome}{time}", self._sections()
        )

    def _sections(self) -> list[Section]:
        exchange = self._exchange
        sections = [
            *self._refusal(),
            Section(
                "What was sent" if exchange.is_sent else "What would be sent", self._show_request()
            ),
            Section("The token", [Words(line) for line in _explain_token(exchange)]),
            Section("The signature", self._explain_signature()),
        ]
        if exchange.status:
            sections.append(Section("What came back", self._show_answer()))
        if not exchange.is_sent:
            return sections
        sections += [
            Section("The check of the answer", self._explain_check()),
            Section("Time, limits, attempts", self._explain_time()),
        ]
        return sections

    def _refusal(self) -> list[Section]:
        exchange = self._exchange
        if exchange.status in (0, _OK):
            return []
        advice = advise(exchange.status, exchange.refusal)
        facts = {
            "words": " ".join(exchange.refusal),
            "why": f"Most likely: {advice.why}",
            "what to do": advice.what_to_do,
        }
        return [Section("The refusal", [Facts(facts)])]

    def _show_request(self) -> list[Part]:
        exchange = self._exchange
        parts: list[Part] = [
            Facts({"call": f"{exchange.method} {exchange.path}", "to": exchange.base_url}),
            self._headers(exchange.request_headers),
        ]
        return parts + self._body(exchange.request_body, exchange.request_headers)

    def _show_answer(self) -> list[Part]:
        exchange = self._exchange
        headers = self._headers(exchange.answer_headers)
        return [headers, *self._body(exchange.answer_body, exchange.answer_headers)]

    def _headers(self, headers: Mapping[str, str]) -> Part:
        shown = dict(headers)
        if not self._reveal:
            shown = {
                name: self._exchange.mask(text) for name, text in redact_headers(headers).items()
            }
        rows = [(name, text, _WHY.get(name.lower(), "")) for name, text in shown.items()]
        return Notes(("header", "value", "why it is there"), rows)

    def _body(self, body: bytes, headers: Mapping[str, str]) -> list[Part]:
        """Return a readable form of a body: the lines of JSON, or the size of a file."""
        if not body:
            return [Words("The body is empty.")]
        text = self._exchange.redacted(body, indent=2)
        if text is None:
            kind = headers.get("Content-Type", "no media type")
            return [Words(f"The body: {len(body):,} bytes of {kind}.")]
        if self._reveal:
            text = json.dumps(json.loads(body), ensure_ascii=False, indent=2)
        lines = text.splitlines()
        if len(lines) > _JSON_LINES:
            left = len(lines) - _JSON_LINES
            lines = [*lines[:_JSON_LINES], f"… and {left:,} more lines"]
        return [Words(f"The body, {len(body):,} bytes of JSON:"), Verbatim("\n".join(lines))]

    def _explain_signature(self) -> list[Part]:
        exchange = self._exchange
        signature = exchange.request_headers.get(_CLIENT_SIGNATURE)
        if signature is None:
            return [Words(_why_unsigned(exchange))]
        sent = exchange.request_body
        check = _SignatureCheck.of(sent, signature, exchange.key)
        facts = {
            "signed with": f"the private half of key {exchange.key.fingerprint}"
            if exchange.key and check.digest
            else "a key that is not this installation's",
            "how": "SHA-256 of the bytes, then RSA with PKCS#1 v1.5 padding, then base64",
            "digest": digest_of(sent).hex(),
            "signature": signature
            if self._reveal
            else f"{shorten(signature)} ({len(signature)} letters)",
        }
        if check.is_right:
            facts["test"] = (
                "opened with the public half of the key, the signature holds this digest: the "
                "bytes that were sent are the bytes that were signed"
            )
            return [
                Words("Nothing but the body is signed: no header, no path."),
                *self._bytes(sent, "The bytes that were signed, and sent:"),
                Facts(facts),
                *self._refused_all_the_same(),
            ]
        facts["test"] = check.verdict
        known = exchange.signed if self._signed_elsewhere is None else self._signed_elsewhere
        return [
            *self._bytes(sent, "The bytes that were sent:"),
            Facts(facts),
            *self._difference(sent, check, known, "sent"),
        ]

    def _refused_all_the_same(self) -> list[Part]:
        """Return where to look when the bank refused a signature that is right here."""
        exchange = self._exchange
        if b"The request signature is invalid" not in exchange.answer_body:
            return []
        key = exchange.key.fingerprint if exchange.key else "?"
        return [
            Words(
                "The bank refused the signature, but what left here is right. So either the body "
                "was changed on the way (a proxy, a gateway), or the bank has another public key "
                f"than {key} for the installation whose token was sent: the token and the key must "
                "belong to one installation."
            )
        ]

    def _difference(
        self, beside: bytes, check: _SignatureCheck, known: bytes | None, verb: str
    ) -> list[Part]:
        """Return the signed bytes and the others, with a frame around the first that differs."""
        exchange = self._exchange
        if check.digest is None:
            return []
        if known is not None and digest_of(known) == check.digest:
            signed, how = known, ""
        else:
            trace = find_signed(
                beside,
                check.digest,
                method=exchange.method,
                path=exchange.path,
                headers=exchange.request_headers,
            )
            if trace is None:
                return [
                    Words(
                        "The digest does not show which bytes were signed. The usual mistakes were "
                        f"tried: {check.digest.hex()} is none of theirs. If you have the signed "
                        "bytes, xray(signed=...) shows the difference."
                    )
                ]
            signed, how = trace.signed, f" What was signed: {trace.how}."
        at = first_difference(signed, beside)
        first = max(at // _ROW - 1, 0) * _ROW
        end = first + 3 * _ROW
        views = [
            Bytes(body, label, self._hidden(body), at if at < len(body) else None, first, end)
            for body, label in (
                (signed, f"Signed, {len(signed):,} bytes:"),
                (beside, f"{verb.capitalize()}, {len(beside):,} bytes:"),
            )
        ]
        if any(first <= at < end for first, end in self._hidden(beside)):
            return [Words(f"Byte {at} differs, which belongs to a secret."), *views]
        bytes_there = f"{_name(signed, at)} was signed, {_name(beside, at)} was {verb}"
        return [Words(f"Byte {at} differs: {bytes_there}.{how}"), *views]

    def _bytes(self, body: bytes, label: str) -> list[Part]:
        """Return a view of bytes; of many, the first and the last."""
        hidden = self._hidden(body)
        if len(body) <= _WHOLE_UP_TO:
            return [Bytes(body, label, hidden)] if body else [Words(f"{label} none.")]
        last = (len(body) - _SHOWN_OF_LONG // 4) // _ROW * _ROW
        between = last - _SHOWN_OF_LONG
        return [
            Bytes(body, label, hidden, end=_SHOWN_OF_LONG),
            Bytes(body, f"{between:,} more bytes, then:", hidden, first=last),
        ]

    def _hidden(self, body: bytes) -> list[tuple[int, int]]:
        return [] if self._reveal else self._exchange.secret_spans(body)

    def _explain_check(self) -> list[Part]:
        exchange = self._exchange
        if not exchange.status:
            return [Words(f"There is no answer to check. {exchange.failure}")]
        signature = exchange.answer_headers.get(_SERVER_SIGNATURE)
        if exchange.bank_key is None:
            return [Words("The bank's key was not known yet, so only TLS protects the answer.")]
        if signature is None:
            return [Words(_why_answer_unsigned(exchange))]
        check = _SignatureCheck.of(exchange.answer_body, signature, exchange.bank_key)
        facts = {
            "checked with": f"the bank's public key {exchange.bank_key.fingerprint}, from the "
            "first step",
            "over": f"the {len(exchange.answer_body):,} bytes that came",
            "digest": digest_of(exchange.answer_body).hex(),
            "signature": signature if self._reveal else shorten(signature),
            "test": "right: the bank signed exactly these bytes"
            if check.is_right
            else check.verdict,
        }
        if check.is_right:
            return [Facts(facts)]
        return [
            Facts(facts),
            Words("Don't act on this answer: something changed it, or it is not the bank's."),
            *self._difference(exchange.answer_body, check, None, "received"),
        ]

    def _explain_time(self) -> list[Part]:
        exchange = self._exchange
        facts = {}
        if exchange.sent_at:
            facts["sent at"] = f"{exchange.sent_at:%Y-%m-%d %H:%M:%S.%f} UTC"
        facts["took"] = f"{_time(exchange.elapsed_s)}, from sending to the last byte"
        if not exchange.budget:
            facts["limiter"] = "no limit is known for this call, so it did not wait"
        elif exchange.waited_s:
            facts["limiter"] = (
                f"kept it back for {_time(exchange.waited_s)}: the bank allows {exchange.budget}"
            )
        else:
            facts["limiter"] = f"let it through at once: the bank allows {exchange.budget}"
        number = len(exchange.earlier) + 1
        facts["attempt"] = "the first" if number == 1 else f"number {number}"
        parts: list[Part] = [Facts(facts)]
        if exchange.earlier:
            attempts = [*exchange.earlier, exchange]
            rows = [
                (
                    f"attempt {at}",
                    f"{attempt.outcome}, {_time(attempt.elapsed_s)}",
                    _why_again(attempt),
                )
                for at, attempt in enumerate(attempts, 1)
            ]
            parts.append(Notes(("attempt", "outcome", "before it"), rows))
        return parts


@dataclass(frozen=True)
class _SignatureCheck:
    """The comparison of a signature with the bytes beside it.

    Attributes
    ----------
    is_right
        True if the signature was made over these bytes with this key.
    digest
        The digest that the signature holds; ``None`` if the key can't open it.
    verdict
        What is wrong, in words.
    """

    is_right: bool
    digest: bytes | None
    verdict: str

    @classmethod
    def of(cls, beside: bytes, signature: str, key: PublicKey | None) -> _SignatureCheck:
        if key is None:
            return cls(is_right=False, digest=None, verdict="no public key is known to open it")
        digest = key.open_signature(signature)
        if digest is None:
            return cls(
                is_right=False,
                digest=None,
                verdict=f"key {key.fingerprint} can't open it: another key made it, or it is "
                "damaged",
            )
        return cls(
            is_right=digest == digest_of(beside),
            digest=digest,
            verdict=f"wrong: opened with the public key it holds another digest, {digest.hex()}",
        )


def _explain_token(exchange: Exchange) -> list[str]:
    below = exchange.path.partition("?")[0].removeprefix("/v1")
    sentences = [_TOKENS[exchange.token]]
    if below == _OAUTH_PATH:
        return [*sentences, "The code and the client's secret, all in the query, open this call."]
    needed = "session"
    if exchange.method == "POST" and below in _NEEDS_INSTALLATION:
        needed = "installation"
    elif exchange.method == "POST" and below in _NEEDS_NOTHING:
        needed = ""
    if not needed:
        sentences.append("This call needs no token: it comes before the first one.")
    elif exchange.token in (needed, "other"):
        sentences.append(f"This call is opened by the {needed} token.")
    else:
        sentences.append(f"This call is opened by the {needed} token: with another it is refused.")
    return sentences


# Source: bunq docs, "OAuth": it lies beside the API, and uses the keys of neither side.
_OAUTH_PATH = "/token"


def _why_unsigned(exchange: Exchange) -> str:
    if exchange.path.startswith(f"/v1{_OAUTH_PATH}?"):
        return "Nothing was signed: there is no body, and the client's secret shows who asks."
    if exchange.method in ("GET", "DELETE"):
        return (
            "Nothing was signed: a signature covers the body and nothing else, and a "
            f"{exchange.method} has none."
        )
    if exchange.key is None:
        return "Nothing was signed: the bank does not know our public key before the first step."
    return "Nothing was signed, although this call has a body: the bank may insist on it (466)."


def _why_answer_unsigned(exchange: Exchange) -> str:
    if exchange.status == _OK:
        return (
            "The bank signs every success, and this answer has no signature: it may not be the "
            "bank's. Don't act on it."
        )
    return (
        "This refusal is not signed, so it may be forged. bunq leaves some unsigned (429, 491 and "
        "5xx), and a gateway on the way can't sign."
    )


def _why_again(exchange: Exchange) -> str:
    if not exchange.earlier:
        return ""
    if exchange.paused_s:
        return f"after a pause of {_time(exchange.paused_s)}"
    return "the session had ended: sent again with the token of the next one"


def _name(body: bytes, at: int) -> str:
    return f"{body[at]:02x}" if at < len(body) else "nothing (it has ended)"


def _time(seconds: float) -> str:
    return f"{1000 * seconds:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
