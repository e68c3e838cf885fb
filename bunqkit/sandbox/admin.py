"""What a served bank shows beside its API: a start page, its health, and a control desk.

All of it lies outside ``/v1``, where bunq has nothing. Page and desk open to whoever has the admin
token. The desk does to play money what no client may: it forgets everybody, moves the clock, has
things go wrong, uses cards, bills, lets apps in, sends callbacks by hand and shows what was sent,
opens the books.
"""

from __future__ import annotations

import json
import sqlite3
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from bunqkit.errors import BunqkitError
from bunqkit.sandbox import page
from bunqkit.sandbox.admission import Admission
from bunqkit.sandbox.bank import Bank
from bunqkit.sandbox.callbacks import Callback
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.faults import Fault
from bunqkit.sandbox.oauth import PATHS
from bunqkit.sandbox.refusal import Refusal, refuse
from bunqkit.sandbox.resources.card_use import CardUse
from bunqkit.sandbox.resources.debits import DirectDebit
from bunqkit.security.redaction import Secret

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

_SHOWN = 20
_LARGEST_ORDER = 100_000
_NO_TOKEN = 401
# What an order without sense may lead to.
_NONSENSE = (
    ValueError,
    TypeError,
    KeyError,
    AttributeError,
    OverflowError,
    RecursionError,
    sqlite3.Error,
)
_REASONS = {
    200: "OK",
    303: "See Other",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    405: "Method Not Allowed",
    413: "Content Too Large",
}


@dataclass(frozen=True)
class Glance:
    """One exchange as the start page shows it: nothing secret of it is kept."""

    method: str
    path: str
    status: str
    sent: int
    was_signed: bool
    signature: str


class Office:
    """Stands before a bank: passes calls of the API on, counts them, and answers the rest.

    Parameters
    ----------
    bank
        Whose office it is.
    admin_token
        What opens the page and the desk; by default a new one.
    host_names
        Further names by which browsers may open them, beside ``localhost`` and addresses.

    Attributes
    ----------
    admission
        Checks who comes to the page or the desk; ``admission.token`` opens them.
    glances
        The last exchanges, newest first.
    counts
        How many answers there were, by status.
    """

    def __init__(
        self, bank: Bank, *, admin_token: Secret | None = None, host_names: Iterable[str] = ()
    ) -> None:
        self.bank = bank
        self.admission = Admission(admin_token, host_names)
        self.glances: deque[Glance] = deque(maxlen=_SHOWN)
        self.counts: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._shown: dict[str, Callable[[], object]] = {
            "books": self._open_books,
            "oauth": lambda: [asdict(each) for each in self.bank.granted()],
            "callbacks": lambda: [_told(each) for each in self.bank.callbacks.sent()],
            "": self._list_orders,
        }
        self._orders: dict[str, Callable[[dict[str, Any]], object]] = {
            "reset": self._reset,
            "clock": self._move_clock,
            "faults": self._set_faults,
            "cards/use": self._use_card,
            "cards/challenge": self._challenge,
            "cards/give-back": self._give_back,
            "debits/send": self._send_debit,
            "tabs/pay": self._pay_tab,
            "ideal/pay": self._pay_ideal,
            "sofort/pay": lambda order: {"payment_id": self.bank.pay_sofort(**order)},
            "payments/categorise": self._categorise,
            "callbacks/trigger": self._trigger,
            "callbacks/replay": lambda order: _told(self.bank.callbacks.replay(int(order["id"]))),
            "callbacks/deliver": lambda _order: {"tried": self.bank.deliver()},
            "place": self._place,
            "oauth/consent": self._consent,
            "oauth/revoke": self._revoke,
            "keys/issue": self._issue_key,
            "drafts/answer": self._answer_draft,
            "bill": lambda order: {"invoice_id": self.bank.bill(**order)},
        }

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one call."""
        path = environ["PATH_INFO"]
        if path == "/" and environ["REQUEST_METHOD"] == "GET":
            return self._show_page(environ, start_response)
        if path == "/health":
            return _send_json(start_response, 200, self._health())
        if path.startswith("/control/"):
            status, told = self._obey(environ, path.removeprefix("/control/"))
            return _send_json(start_response, status, told)
        is_whole = path == "/v1" or path.startswith("/v1/") or path in PATHS
        if is_whole or self.bank.habits.version_is_optional:
            return self._pass_on(environ, start_response)
        return _send_json(start_response, 404, {"problem": "There is nothing here."})

    def link(self, url: str) -> str:
        """Return the address of the page with the token in it, for the API's address."""
        return f"{url.removesuffix('v1')}?token={self.admission.token.reveal()}"

    def _show_page(
        self, environ: WSGIEnvironment, start_response: StartResponse
    ) -> Iterable[bytes]:
        """Show the start page; move the token from the link into a cookie first."""
        try:
            self.admission.check_origin(environ)
            url = f"{environ.get('wsgi.url_scheme', 'http')}://{environ['HTTP_HOST']}/v1"
            if self.admission.is_in_link(environ):
                cookie = self.admission.cookie(environ)
                return _send(
                    start_response, 303, "text/plain", b"", Location="./", Set_Cookie=cookie
                )
            self.admission.check_token(environ)
        except Refusal as refusal:
            html = page.closed_page(refusal.texts[0][0], url if refusal.status == _NO_TOKEN else "")
            return _send_html(start_response, refusal.status, html)
        return _send_html(start_response, 200, page.start_page(self, url))

    def _pass_on(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        def watch(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            signature = dict(headers).get("X-Bunq-Server-Signature", "")
            glance = Glance(
                method=environ["REQUEST_METHOD"],
                path=environ["PATH_INFO"],
                status=status,
                sent=_length(environ),
                was_signed="HTTP_X_BUNQ_CLIENT_SIGNATURE" in environ,
                signature=signature[:12],
            )
            with self._lock:
                self.glances.appendleft(glance)
                self.counts[status] += 1
            return start_response(status, headers, *rest)

        return self.bank(environ, watch)

    def _health(self) -> dict[str, Any]:
        return {"status": "well", "time": wire_time(self.bank.clock.now())}

    def _obey(self, environ: WSGIEnvironment, what: str) -> tuple[int, object]:
        """Carry out an order of the desk; one that makes no sense is refused with its reason."""
        try:
            self.admission.check_origin(environ)
            self.admission.check_token(environ)
            if what in self._shown and environ["REQUEST_METHOD"] == "GET":
                return 200, self._shown[what]()
            order = self._read_order(environ, what)
            return 200, self._orders[what](order)
        except Refusal as refusal:
            return refusal.status, {"problem": refusal.texts[0][0]}
        except (*_NONSENSE, BunqkitError) as error:
            return 400, {"problem": f"{type(error).__name__}: {error}"}

    def _read_order(self, environ: WSGIEnvironment, what: str) -> dict[str, Any]:
        if what not in self._orders:
            raise refuse(404, "There is no such order. GET /control/ lists those that there are.")
        if environ["REQUEST_METHOD"] != "POST":
            raise refuse(405, "Send a POST.")
        # A page of another site can send a browser here, but not with this header.
        if not environ.get("CONTENT_TYPE", "").startswith("application/json"):
            raise refuse(400, "Send the header Content-Type: application/json.")
        if (length := _length(environ)) > _LARGEST_ORDER:
            raise refuse(413, f"Send {_LARGEST_ORDER} bytes at most.")
        body = environ["wsgi.input"].read(length)
        order = json.loads(body or b"{}")
        if not isinstance(order, dict):
            raise refuse(400, "Send a JSON object.")
        return order

    def _list_orders(self) -> dict[str, Any]:
        return {"GET": [name for name in self._shown if name], "POST": list(self._orders)}

    def _open_books(self) -> dict[str, Any]:
        ledger = self.bank.ledger
        numbers = {
            table: ledger.rows(f"SELECT COUNT(*) AS number FROM {table}")[0]["number"]
            for table in ("person", "account", "movement", "session", "event", "callback")
        }
        return {
            "imbalance": ledger.imbalance(),
            "numbers": numbers,
            "time": wire_time(self.bank.clock.now()),
            "seed": ledger.seed,
            "faults": dict(self.bank.faults.happened),
        }

    def _reset(self, order: dict[str, Any]) -> object:
        seed = order.get("seed")
        self.bank.reset(seed=None if seed is None else int(seed))
        with self._lock:
            self.glances.clear()
            self.counts.clear()
        return {"api_key": self.bank.demo_key.reveal()}

    def _move_clock(self, order: dict[str, Any]) -> object:
        how = {name: float(order.pop(name, 0)) for name in ("days", "hours", "seconds")}
        if order:
            raise ValueError(f"the clock moves by days, hours, seconds, not by {', '.join(order)}")
        return {"time": wire_time(self.bank.clock.advance(**how))}

    def _set_faults(self, order: dict[str, Any]) -> object:
        if order.get("clear"):
            self.bank.faults.clear()
        else:
            self.bank.faults.add(Fault(**order))
        return {"happened": dict(self.bank.faults.happened)}

    def _use_card(self, order: dict[str, Any]) -> object:
        number = self.bank.use_card(int(order.pop("card_id")), CardUse(**order))
        row = self.bank.ledger.row("SELECT item FROM thing WHERE id = ?", number)
        assert row is not None
        return {"mastercard_action_id": number, "decision": json.loads(row["item"])["decision"]}

    def _challenge(self, order: dict[str, Any]) -> object:
        number = self.bank.challenge(int(order.pop("card_id")), CardUse(**order))
        return {"challenge_request_id": number}

    def _give_back(self, order: dict[str, Any]) -> object:
        return {"payment_id": self.bank.give_back(int(order.pop("mastercard_action_id")), **order)}

    def _send_debit(self, order: dict[str, Any]) -> object:
        account_id = int(order.pop("account_id"))
        return {"request_response_id": self.bank.direct_debit(account_id, DirectDebit(**order))}

    def _pay_tab(self, order: dict[str, Any]) -> object:
        return {"payment_id": self.bank.pay_tab(int(order.pop("tab_id")), **order)}

    def _pay_ideal(self, order: dict[str, Any]) -> object:
        return {"payment_id": self.bank.pay_ideal(int(order.pop("transaction_id")), **order)}

    def _categorise(self, order: dict[str, Any]) -> object:
        self.bank.categorise(int(order["payment_id"]), str(order["category"]))
        return {"category": order["category"]}

    def _trigger(self, order: dict[str, Any]) -> object:
        return [_told(each) for each in self.bank.callbacks.trigger(**order)]

    def _answer_draft(self, order: dict[str, Any]) -> object:
        number = self.bank.answer_draft(int(order["id"]), accept=bool(order["accept"]))
        return {"payment_id": number}

    def _consent(self, order: dict[str, Any]) -> object:
        return {"address": self.bank.consent(**order)}

    def _revoke(self, order: dict[str, Any]) -> object:
        self.bank.revoke(int(order["id"]))
        return {"revoked": order["id"]}

    def _issue_key(self, order: dict[str, Any]) -> object:
        return {"api_key": self.bank.issue_key(int(order["user_id"])).reveal()}

    def _place(self, order: dict[str, Any]) -> object:
        return {"id": self.bank.place(order["path"], order.get("values"))}


def _told(callback: Callback) -> dict[str, Any]:
    return asdict(callback) | {
        "body": callback.body.decode(),
        "is_delivered": callback.is_delivered,
    }


def _length(environ: WSGIEnvironment) -> int:
    told = environ.get("CONTENT_LENGTH") or "0"
    return int(told) if told.isascii() and told.isdigit() else 0


def _send_json(start_response: StartResponse, status: int, told: object) -> list[bytes]:
    return _send(start_response, status, "application/json", json.dumps(told).encode())


def _send_html(start_response: StartResponse, status: int, html: str) -> list[bytes]:
    policy = {"Content-Security-Policy": page.POLICY}
    return _send(start_response, status, page.HTML, html.encode(), **policy)


def _send(
    start_response: StartResponse, status: int, content_type: str, body: bytes, **more: str
) -> list[bytes]:
    headers = {
        "Content-Type": content_type,
        "Content-Length": str(len(body)),
        "Cache-Control": "no-store",
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        **{name.replace("_", "-"): text for name, text in more.items()},
    }
    if status == _NO_TOKEN:
        headers["WWW-Authenticate"] = "Bearer"
    start_response(f"{status} {_REASONS.get(status, 'Refused')}", list(headers.items()))
    return [body]
