"""Every kind of lost answer, for every operation that moves money: made how often, told how.

The bank is in this process; the wire before it loses one answer, or many in a row, before or after
the bank has done its work. Time is not waited for.

    python tests/benchmarks/lost_answers.py [EVERY]

prints kinds of failure by operations: how often each was made by the bank, and what was told. With
a number only each so many-th case is run. The run ends with status 1 if anything was made twice,
was told otherwise than it was, or stays unknown though it bears a reference.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import product
from typing import Any

import requests

from bunqkit import connect
from bunqkit.auth import handshake
from bunqkit.catalogue.operations import Operation, operation as catalogue_operation, operations
from bunqkit.client.client import Client
from bunqkit.client.retries import Retries
from bunqkit.context.context import Context
from bunqkit.context.references import bears_reference
from bunqkit.errors import BunqkitError, BusyError, OutcomeUnknownError
from bunqkit.sandbox import Bank, doors
from bunqkit.sandbox.resources.card_use import CardUse
from bunqkit.security.signing import KeyPair

PAYMENT: dict[str, Any] = {
    "amount": {"value": "0.10", "currency": "EUR"},
    "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
    "description": "tea",
}
MONTHLY: dict[str, Any] = {
    "time_start": "2026-04-20 09:00:00.000000",
    "recurrence_unit": "MONTHLY",
    "recurrence_size": 1,
}
MOVING = tuple(each for each in operations() if each.effect == "moves money")

_MARKS = {"made": "+", "not made": "-", "unknown": "?", "busy": "b"}
STATUSES = (204, 302, 400, 401, 403, 404, 408, 409, 429, 491, 500, 502, 503, 504)
FORMS: dict[str, tuple[str, bytes]] = {
    "page": ("text/html", b"<html><body>Bad Gateway</body></html>"),
    "JSON": ("application/json", b'{"error": "upstream"}'),
    "bunq's form": ("application/json", b'{"Error":[{"error_description":"Refused."}]}'),
}
RECIPIENT = {
    "type": "sort_code",
    "name_account_holder": "Somebody Abroad",
    "detail": [
        {"key": "sortCode", "value": "200000"},
        {"key": "accountNumber", "value": "55779911"},
    ],
}
TOKEN = b'{"Error":[{"error_description":"Insufficient authentication."}]}'


# The item's own id, further ids, and the body.
Prepared = tuple[Any, dict[str, Any], dict[str, Any]]


@dataclass(frozen=True)
class Failure:
    """One way to lose an answer.

    Attributes
    ----------
    name
        What it is called in the table.
    bend
        Makes of the bank's answer (status, headers, body) what arrives; ``None`` cuts the
        connection.
    is_done
        Whether the bank gets the call, and does its work, before.
    times
        How many answers in a row are lost so.
    """

    name: str
    bend: Callable[[int, dict[str, str], bytes], tuple[int, dict[str, str], bytes] | Exception]
    is_done: bool = True
    times: int = 1


def failures() -> list[Failure]:
    """Return every kind, before and after the bank has done its work."""
    other = KeyPair.generate()

    def answering(status: int, media_type: str, body: bytes) -> Any:
        return lambda *_answer: (status, {"Content-Type": media_type}, body)

    def badly_signed(status: int) -> Any:
        return lambda _status, headers, body: (
            status,
            headers | {"X-Bunq-Server-Signature": other.sign(body)},
            body,
        )

    def unsigned(status: int, headers: dict[str, str], body: bytes) -> Any:
        return status, {k: v for k, v in headers.items() if "Signature" not in k}, body

    kinds: dict[str, Any] = {
        "cut": lambda *_answer: requests.ConnectionError("cut"),
        "time-out": lambda *_answer: requests.ReadTimeout("late"),
        "broken TLS record": lambda *_answer: requests.ConnectionError("bad record"),
        "chunk cut": lambda *_answer: requests.exceptions.ChunkedEncodingError("cut"),
        "wrong signature": badly_signed(200),
        "wrong signature, 403": badly_signed(403),
        "no signature": unsigned,
        "truncated": lambda status, headers, body: (status, headers, body[: len(body) // 2]),
        "flipped byte": lambda status, headers, body: (status, headers, body[:-1] + b"]"),
        "empty 200": answering(200, "application/json", b""),
        "page 200": answering(200, *FORMS["page"]),
        "session ended, 401": answering(401, "application/json", TOKEN),
        "session ended, 403": answering(403, "application/json", TOKEN),
    }
    for status in STATUSES:
        for form, (media_type, body) in FORMS.items():
            kinds[f"{status}, {form}"] = answering(status, media_type, body)
    found = []
    for is_done in (True, False):
        when = "after" if is_done else "before"
        found += [Failure(f"{name}, {when}", bend, is_done) for name, bend in kinds.items()]
        for name in ("429, bunq's form", "491, bunq's form", "session ended, 403"):
            found.append(Failure(f"{name}, {when}, always", kinds[name], is_done, times=99))
    return found


class Losing(requests.adapters.BaseAdapter):
    """A wire that loses the answers to one write, and counts how often the bank did it.

    Parameters
    ----------
    bank
        The bank behind it.
    """

    def __init__(self, bank: Bank) -> None:
        super().__init__()
        self._bank = doors.InProcess(bank)
        self.failure: Failure | None = None
        self.left = 0
        self.made = 0

    def send(self, request: requests.PreparedRequest, **how: Any) -> requests.Response:
        """Pass a call on, and lose its answer if that is wanted."""
        if self.failure is None or request.method == "GET" or "/session" in str(request.url):
            return self._bank.send(request, **how)
        is_lost, self.left = self.left > 0, self.left - 1
        answer = None
        if self.failure.is_done or not is_lost:
            answer = self._bank.send(request, **how)
            self.made += answer.status_code == 200
        if answer is not None and not is_lost:
            return answer
        status, headers, body = 200, {"Content-Type": "application/json"}, b'{"Response":[]}'
        if answer is not None:
            status, headers, body = answer.status_code, dict(answer.headers), answer.content
        bent = self.failure.bend(status, headers, body)
        if isinstance(bent, Exception):
            raise bent
        told, headers, body = bent

        def respond(_environ: Any, start_response: Any) -> list[bytes]:
            headers["Content-Length"] = str(len(body))
            start_response(f"{told} x", list(headers.items()))
            return [body]

        return doors.InProcess(respond).send(request, **how)

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class World:
    """A person with all that the operations need, behind a wire that loses answers."""

    bunq: Context = field(init=False)

    def __post_init__(self) -> None:
        self.bank = Bank()
        self.wire = Losing(self.bank)
        kept = connect(bank=self.bank)
        kept.top_up("500.00")
        keys = kept.client
        self.bunq = kept
        self.bunq._channel.client = Client(
            doors.BASE_URL,
            key=keys.key,
            bank_key=keys.bank_key,
            transport=self.wire,
            retries=Retries(sleep=lambda _seconds: None),
        )
        self.bunq._writes.sleep = lambda _seconds: None
        self.account = self.bunq.find_account()["id"]
        self.email = next(each["value"] for each in kept.user["alias"] if each["type"] == "EMAIL")
        self.friend = connect(bank=self.bank, api_key=handshake.create_sandbox_user(keys))
        self.prepared: dict[str, Any] = {}
        paid = kept.call("payment.list").items
        self.incoming = next(each["id"] for each in paid if each["amount"]["value"] == "500.00")

    def call(self, name: str) -> tuple[tuple[object, ...], dict[str, Any]]:
        """Prepare what an operation needs; give the ids and the body to call it with."""
        resource, _, verb = name.rpartition(".")
        way = getattr(self, f"_{resource.rpartition('.')[2].replace('-', '_')}")
        number, given, body = way(verb)
        return (() if number is None else (number,)), {**given, "body": body}

    def _payment(self, _verb: str) -> Prepared:
        return None, {}, PAYMENT

    def _payment_batch(self, verb: str) -> Prepared:
        if verb == "create":
            return None, {}, {"payments": [PAYMENT, PAYMENT]}
        return self._id("payment-batch.create", payments=[PAYMENT]), {}, {}

    def _schedule_payment(self, verb: str) -> Prepared:
        body = {"payment": PAYMENT, "schedule": MONTHLY}
        number = None if verb == "create" else self._id("schedule-payment.create", **body)
        return number, {}, body

    def _schedule_payment_batch(self, verb: str) -> Prepared:
        body = {"payments": [PAYMENT, PAYMENT], "schedule": MONTHLY}
        number = None if verb == "create" else self._id("schedule-payment-batch.create", **body)
        return number, {}, body

    def _schedule_instance(self, _verb: str) -> Prepared:
        once = MONTHLY | {"recurrence_unit": "ONCE", "time_start": "2026-04-01 09:00:00.000000"}
        dear = PAYMENT | {"amount": {"value": "99999.00", "currency": "EUR"}}
        number = self._id("schedule-payment.create", payment=dear, schedule=once)
        turns = self.bunq.call("schedule.schedule-instance.list", schedule_id=number)
        return turns.item["id"], {"schedule_id": number}, {"state": "RETRY"}

    def _draft_payment(self, _verb: str) -> Prepared:
        number = self._id("draft-payment.create", entries=[PAYMENT], number_of_required_accepts=1)
        return number, {}, {"status": "ACCEPTED"}

    def _request_response(self, _verb: str) -> Prepared:
        self.friend.request_money("0.10", self.email, "half of it")
        number = self.bunq.call("request-response.list").items[0]["id"]
        amount = {"value": "0.10", "currency": "EUR"}
        return number, {}, {"status": "ACCEPTED", "amount_responded": amount}

    def _challenge_request(self, _verb: str) -> Prepared:
        use = CardUse(1, "Webwinkel", kind="online")
        return self.bank.challenge(self._once("card", self._card), use), {}, {"status": "ACCEPTED"}

    def _card(self) -> int:
        names = self.bunq.call("card-name.list").item["possible_card_name_array"]
        ordered = self.bunq.call(
            "card-debit.create",
            type="MASTERCARD",
            product_type="MASTERCARD_DEBIT",
            second_line="mine",
            name_on_card=names[0],
        )
        return int(ordered.item["id"])

    def _currency_conversion_quote(self, _verb: str) -> Prepared:
        self._once("dollars", lambda: self._id("monetary-account-bank.create", currency="USD"))
        number = self._id(
            "currency-conversion-quote.create",
            amount={"value": "0.10", "currency": "EUR"},
            currency_source="EUR",
            currency_target="USD",
            order_type="SELL",
            counterparty_alias={"type": "EMAIL", "value": self.email},
        )
        return number, {}, {"status": "ACCEPTED"}

    def _payment_auto_allocate(self, verb: str) -> Prepared:
        part = {
            "type": "FRACTION",
            "counterparty_alias": PAYMENT["counterparty_alias"],
            "description": "a part",
            "fraction": 0.001,
        }
        body = {"payment_id": self.incoming, "type": "ONCE", "definition": [part]}
        number = None if verb == "create" else self._id("payment-auto-allocate.create", **body)
        return number, {}, body

    def _transferwise_transfer(self, _verb: str) -> Prepared:
        quote = self._id(
            "transferwise-quote.create",
            currency_source="EUR",
            currency_target="GBP",
            amount_target={"value": "1.00", "currency": "GBP"},
        )
        recipient = self._id(
            "transferwise-quote.transferwise-recipient.create",
            transferwise_quote_id=quote,
            body=RECIPIENT,
        )
        body = {"monetary_account_id": self.account, "recipient_id": recipient}
        return None, {"transferwise_quote_id": quote}, body

    def _id(self, name: str, **given: Any) -> Any:
        return self.bunq.call(name, **given, even_if_unsettled=True).first("Id")["id"]

    def _once(self, name: str, make: Callable[[], Any]) -> Any:
        if name not in self.prepared:
            self.prepared[name] = make()
        return self.prepared[name]


@dataclass(frozen=True)
class Case:
    """What became of one operation under one failure."""

    operation: str
    failure: str
    made: int
    told: str
    settled: str

    @property
    def is_true(self) -> bool:
        """Return True if it was made at most once, and reported as it was.

        Only of what bears no reference may it be left open.
        """
        told = self.settled or self.told
        if told in ("made", "not made"):
            return self.made == (told == "made")
        can_be_known = bears_reference(catalogue_operation(self.operation))
        return self.made <= 1 and (not can_be_known or (told == "busy" and not self.made))


def run(world: World, operation: Operation, failure: Failure) -> Case:
    """Call once under a failure; then settle, if nobody knows."""
    ids, given = world.call(operation.name)
    wire = world.wire
    wire.failure, wire.left, wire.made = failure, failure.times, 0
    settled = ""
    try:
        world.bunq.call(operation.name, *ids, **given, even_if_unsettled=True)
        told = "made"
    except OutcomeUnknownError:
        told = "unknown"
    except BunqkitError as error:
        told = "busy" if isinstance(error, BusyError) else "not made"
        if world.bunq.unsettled:
            raise AssertionError(f"{operation.name} is unsettled: {error}") from error
    wire.failure = None
    if told == "unknown":
        (one,) = world.bunq.settle()
        settled = one.outcome
        if settled == "unknown":
            world.bunq.settle(forget=one.entry.id)
    return Case(operation.name, failure.name, wire.made, told, settled)


def cases(every: int = 1) -> Iterator[Case]:
    """Return every case, or each so many-th."""
    world = World()
    for operation, failure in list(product(MOVING, failures()))[::every]:
        yield run(world, operation, failure)


def _cell(case: Case | None) -> str:
    if case is None:
        return f"{'':5}"
    told = _MARKS.get(case.told, "!") + _MARKS.get(case.settled, "")
    return f"{case.made}{told}{'' if case.is_true else '!'}".rjust(5)


def main(every: int = 1) -> int:
    """Print the table; give the exit status."""
    found = list(cases(every))
    names = list(dict.fromkeys(case.operation for case in found))
    for number, name in enumerate(names, 1):
        print(f"{number:>3}  {name}")
    print(f"{'':34}" + "".join(f"{number:>5}" for number in range(1, len(names) + 1)))
    by_failure: dict[str, dict[str, Case]] = {}
    for case in found:
        by_failure.setdefault(case.failure, {})[case.operation] = case
    for failure, row in by_failure.items():
        cells = (row.get(name) for name in names)
        line = "".join(_cell(each) for each in cells)
        print(f"{failure:34}{line}")
    false = [case for case in found if not case.is_true]
    for case in false:
        print(f"FALSE: {case}")
    twice = sum(case.made > 1 for case in found)
    print(
        "made how often; + told made, - told not made, b told busy (look before you repeat it), "
        "? told unknown, and then what settle() said"
    )
    print(f"matrix: {len(found)} cases, made twice {twice}, told falsely {len(false)}")
    return 1 if false or twice else 0


if __name__ == "__main__":
    sys.exit(main(*map(int, sys.argv[1:])))
