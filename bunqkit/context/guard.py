"""Decides which writes may be sent: production is read-only until a call is unlocked.

A locked call raises an error before anything is sent. An unlock names one operation, and may limit
the money that it moves, the number of calls, and the payee. It ends with its ``with`` block, and is
valid only in the thread and the asyncio task that opened it. All calls of a context together move
no more than its cap, whatever is unlocked. Before a call is sent, the guard prints its amount and
payee.
"""

from __future__ import annotations

import contextlib
import re
import threading
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from bunqkit.catalogue.operations import Operation, operation as catalogue_operation
from bunqkit.catalogue.values import PAYEE, find_payees, plain_payee
from bunqkit.display.terminal import printable
from bunqkit.errors import FieldError, LockedError

# Logging out is the one change that is always allowed.
_FREE = ("session.delete",)
# The bound for a call whose body names no amount, such as the acceptance of a draft.
_ANY = "any"
_UNBOUNDED = Decimal("Infinity")
_MAX_LETTERS = 200
# Source: bunq docs, "Payment", for the two members of an amount.
_AMOUNT_MEMBERS = frozenset({"value", "currency"})
_AMOUNT_NAME = re.compile(r"amount(_\w+)?")


@dataclass
class Permit:
    """The calls that one unlock still allows.

    Attributes
    ----------
    operation
        The operation that is unlocked.
    left
        The number of calls that are left.
    amount_left
        The amount that may still be moved, in the account's currency; ``None`` for no limit.
    to
        The only payee (e-mail address, phone number, IBAN), or ``None`` for any.
    sent
        The calls that were sent, in words, read from their bodies.
    opened_by
        The thread and the asyncio task that opened it; it is valid in no other.
    """

    operation: str
    left: int
    amount_left: Decimal | None
    to: str | None
    sent: list[str] = field(default_factory=list)
    opened_by: tuple[object, object] = field(default=(None, None), repr=False)

    def __str__(self) -> str:
        bound = "" if self.amount_left is None else f" up to {_amount_text(self.amount_left)}"
        payee = "" if self.to is None else f" to {self.to}"
        return f"{self.operation}{bound}{payee}, {self.left} left"


class Guard:
    """Allows reads, and writes that are unlocked.

    Parameters
    ----------
    environment
        Only ``PRODUCTION`` is locked; elsewhere money is play money.
    cap
        The largest amount that all calls together may move, however often one is unlocked.
    say
        Prints each call that is sent.

    Attributes
    ----------
    is_locked
        True if writes need an unlock.
    """

    def __init__(
        self, environment: str, *, cap: Decimal, say: Callable[[str], object] = print
    ) -> None:
        self.is_locked = environment == "PRODUCTION"
        self._cap = cap
        self._moved = Decimal(0)
        self._say = say
        self._permits: list[Permit] = []
        self._lock = threading.Lock()

    def describe(self) -> str:
        """Return what may be written, in words; ``""`` if nothing is locked."""
        if not self.is_locked:
            return ""
        permits = [str(permit) for permit in self._own_permits() if permit.left]
        state = f"unlocked: {'; '.join(permits)}" if permits else "read-only"
        return f"{state} ({self._moved:.2f} of at most {self._cap:.2f} moved)"

    @contextlib.contextmanager
    def unlock(
        self,
        operation: str,
        *,
        up_to: str | Decimal | None = None,
        count: int = 1,
        to: str | None = None,
    ) -> Iterator[Permit]:
        """Allow one operation to write to production until the ``with`` block ends.

        Only production is locked, so elsewhere this changes nothing. The unlock is valid for the
        thread and the asyncio task that opened it. If several blocks inside each other unlock the
        same operation, the innermost one counts.

        Parameters
        ----------
        operation
            Its name, such as ``payment.create``.
        up_to
            The largest amount that all its calls together may move, in the account's currency; an
            operation that moves money needs it. ``"any"`` allows a call whose body names no
            amount, such as the acceptance of a draft.
        count
            The number of calls.
        to
            The only payee: e-mail address, phone number or IBAN. Every letter must be equal, but
            for invisible letters, the coding of accents, and the spaces and case of an IBAN.

        Returns
        -------
        context manager
            It returns a ``Permit``, which counts down, and lists in ``sent`` what was sent.

        Raises
        ------
        FieldError
            If the bound is missing or is no amount, or the count is not above zero.
        UnknownNameError
            If there is no such operation.
        """
        known = catalogue_operation(operation)
        bound = _parse_bound(up_to)
        if known.effect == "moves money" and bound is None:
            raise FieldError(
                f"{known.name} moves money. Limit the amount: unlock({known.name!r}, "
                "up_to='25.00')."
            )
        if count < 1:
            raise FieldError(f"count is {count}. Make it 1 or more.")
        permit = Permit(known.name, count, bound, to and plain_payee(to), opened_by=_here())
        with self._lock:
            self._permits.append(permit)
        try:
            yield permit
        finally:
            with self._lock:
                self._permits.remove(permit)

    def check(self, method: str, path: str, operation: Operation | None, body: object) -> None:
        """Count a call that may be sent, or raise an error.

        Parameters
        ----------
        method, path
            The method and path of the call.
        operation
            The operation; ``None`` for a path that is not in the catalogue, which can only be read.
        body
            The body of the call.

        Raises
        ------
        LockedError
            If it must not be sent. The message names amount and payee, and shows how to unlock.
        """
        if not self.is_locked or method == "GET":
            return
        if operation is not None and (operation.effect == "reads" or operation.name in _FREE):
            return
        call = _PlannedCall(operation, body)
        amounts = _amount_objects(body)
        if members := {key for amount in amounts for key in amount if key not in _AMOUNT_MEMBERS}:
            names = ", ".join(sorted(repr(_clean(key)) for key in members))
            raise LockedError(
                f"{call} was not sent to PRODUCTION: an amount in it has {names} "
                "beside its value and currency, and it is not known how the bank would read that. "
                "Take it out."
            )
        with self._lock:
            permit = self._find_permit(call)
            if permit is None:
                raise LockedError(call.refusal(method, path))
            if call.moves_money and self._moved + call.total > self._cap:
                raise LockedError(
                    f"{call} was not sent: {self._moved:.2f} has been moved since connect(), and "
                    f"BUNQ_TOTAL_CAP allows {self._cap:.2f} in all. Raise it there if you mean it."
                )
            permit.left -= 1
            if permit.amount_left is not None and permit.amount_left.is_finite():
                permit.amount_left -= call.total
            if call.moves_money:
                self._moved += call.total
            permit.sent.append(str(call))
            left = f"{permit.left} more call{'' if permit.left == 1 else 's'}"
            if permit.amount_left is not None:
                left += f" and {_amount_text(permit.amount_left)}"
        self._say(f"PRODUCTION: {call} is being sent. The unlock leaves {left}.")

    def _find_permit(self, call: _PlannedCall) -> Permit | None:
        """Return the innermost permit of the operation, if it covers the call."""
        name = call.operation.name if call.operation else None
        permits = [permit for permit in self._own_permits() if permit.operation == name]
        return permits[-1] if permits and call.is_covered_by(permits[-1]) else None

    def _own_permits(self) -> list[Permit]:
        here = _here()
        return [permit for permit in list(self._permits) if permit.opened_by == here]


def amounts_in(body: object) -> list[tuple[Decimal, str]]:
    """Return every amount in a body with its currency, at any depth.

    What may be an amount counts as one. One that can't be read counts as infinite.
    """
    return [
        (_size(amount.get("value")), _clean(amount.get("currency", "?")))
        for amount in _amount_objects(body)
    ]


def payees_in(body: object) -> list[str]:
    """Return the value of every counterparty in a body, at any depth, as it would be sent."""
    return [value for _, value in find_payees(body)]


class _PlannedCall:
    """A write before it is sent: its operation, its amounts, its payees."""

    def __init__(self, operation: Operation | None, body: object) -> None:
        self.operation = operation
        self.amounts = amounts_in(body)
        self.payees = payees_in(body)
        self.total = sum((value for value, _ in self.amounts), Decimal(0))
        self.moves_money = operation is not None and operation.effect == "moves money"

    def is_covered_by(self, permit: Permit) -> bool:
        """Return True if a permit of its operation allows the call."""
        if permit.left < 1:
            return False
        if self.moves_money and not self.amounts and permit.amount_left != _UNBOUNDED:
            return False
        if permit.amount_left is not None and self.total > permit.amount_left:
            return False
        return permit.to is None or {plain_payee(payee) for payee in self.payees} == {permit.to}

    def refusal(self, method: str, path: str) -> str:
        """Return the text that says why the call was not sent, and how to unlock it."""
        if self.operation is None:
            return (
                f"{method} {path} is not in the catalogue, so it is not known what it does. In "
                "PRODUCTION it can't be sent."
            )
        if not self.total.is_finite():
            return f"{self} was not sent to PRODUCTION. Write amounts as texts such as '10.00'."
        up_to = f"{self.total:.2f}" if self.amounts else _ANY
        bound = f", up_to={up_to!r}" if self.moves_money else ""
        return (
            f"{self} was not sent: PRODUCTION is read-only until you unlock a call, and no unlock "
            f"covers this one. If you mean it: with bunq.unlock({self.operation.name!r}{bound}): "
            "..."
        )

    def __str__(self) -> str:
        name = self.operation.name if self.operation else "A call"
        money = " and ".join(
            f"{currency} {value:.2f}" if value.is_finite() else "an amount that can't be read"
            for value, currency in self.amounts
        )
        if self.moves_money and not money:
            money = "an amount that its body does not name"
        frequency = " each time" if money and name.startswith("schedule") else ""
        payees = f" to {', '.join(map(_clean, self.payees))}" if self.payees else ""
        return f"{name}{f' of {money}' if money else ''}{frequency}{payees}"


def _parse_bound(up_to: str | Decimal | None) -> Decimal | None:
    if up_to is None:
        return None
    if up_to == _ANY:
        return _UNBOUNDED
    try:
        bound = Decimal(up_to)
    except InvalidOperation:
        bound = Decimal(-1)
    if not bound.is_finite() or bound < 0:
        raise FieldError(f"up_to is {up_to!r}. Write an amount such as '25.00'.")
    return bound


def _amount_objects(value: object, name: object = "") -> Iterator[Mapping[str, object]]:
    """Return every amount in a body, at any depth; an amount that is no object is empty."""
    if isinstance(value, Mapping):
        if _is_amount(value, name):
            yield value
            return
        for key, inner in value.items():
            yield from _amount_objects(inner, key)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _amount_objects(inner, name)
    elif value is not None and _is_amount_name(name):
        yield {}


def _is_amount(value: Mapping[str, object], name: object) -> bool:
    """Return True if an object is an amount: by its name, or since it has a member ``value``."""
    is_pointer = "currency" not in value and ("type" in value or name == PAYEE)
    return _is_amount_name(name) or ("value" in value and not is_pointer)


def _is_amount_name(name: object) -> bool:
    return isinstance(name, str) and _AMOUNT_NAME.fullmatch(name) is not None


def _size(value: object) -> Decimal:
    """Return the size of an amount; infinity if it can't be read."""
    try:
        size = abs(Decimal(str(value)))
    except InvalidOperation:
        return _UNBOUNDED
    return size if size.is_finite() else _UNBOUNDED


def _amount_text(amount: Decimal) -> str:
    return f"{amount:.2f}" if amount.is_finite() else "any amount"


def _clean(value: object) -> str:
    """Return the text of a value in a body, short, without letters that rewrite a terminal."""
    return printable(str(value)[:_MAX_LETTERS])


def _here() -> tuple[object, object]:
    """Return the present thread and the present asyncio task, if there is one."""
    import asyncio

    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.current_thread(), task
