"""What may be written where: production is read-only until a call is unlocked.

A locked call raises before anything is sent. An unlock names one operation, and may bound what it
moves, how often, and to whom; it ends with its block, and serves no other thread or asyncio task.
Whatever is unlocked, all calls of a context together move no more than its cap. What is let through
is read back, amount and payee first.
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

# Logging out is the one change that nobody needs to be kept from.
_FREE = ("session.delete",)
# For a call whose body names no amount, such as the acceptance of a draft.
_ANY = "any"
_UNBOUNDED = Decimal("Infinity")
_LONGEST = 200
# Source: bunq docs, "Payment", for the two members of an amount.
_AMOUNT_MEMBERS = frozenset({"value", "currency"})
_AMOUNT_NAME = re.compile(r"amount(_\w+)?")


@dataclass
class Permit:
    """What one unlock lets happen, counted down as it is used.

    Attributes
    ----------
    operation
        The one operation that it opens.
    left
        How many calls are left.
    amount_left
        How much may still be moved, in the account's currency; ``None`` if that is not bounded.
    to
        The only counterparty (e-mail address, phone number, IBAN), or ``None`` for any.
    sent
        What it has let through, read back from the bodies.
    opened_by
        The thread and the asyncio task that opened it: it serves no other.
    """

    operation: str
    left: int
    amount_left: Decimal | None
    to: str | None
    sent: list[str] = field(default_factory=list)
    opened_by: tuple[object, object] = field(default=(None, None), repr=False)

    def __str__(self) -> str:
        bound = "" if self.amount_left is None else f" up to {_written(self.amount_left)}"
        payee = "" if self.to is None else f" to {self.to}"
        return f"{self.operation}{bound}{payee}, {self.left} left"


class Guard:
    """Lets reads through, and writes if they may be.

    Parameters
    ----------
    environment
        Only ``PRODUCTION`` is locked: elsewhere money is play money.
    cap
        The most that all calls together may move, however often something is unlocked.
    say
        Reads back what is let through.

    Attributes
    ----------
    is_locked
        Whether writes need an unlock.
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
        """Tell what may be written: ``""`` where everything may."""
        if not self.is_locked:
            return ""
        opened = [str(permit) for permit in self._own_permits() if permit.left]
        told = f"unlocked: {'; '.join(opened)}" if opened else "read-only"
        return f"{told} ({self._moved:.2f} of at most {self._cap:.2f} moved)"

    @contextlib.contextmanager
    def unlock(
        self,
        operation: str,
        *,
        up_to: str | Decimal | None = None,
        count: int = 1,
        to: str | None = None,
    ) -> Iterator[Permit]:
        """Let one operation through until the block ends, for the thread and task that opened it.

        Of several blocks inside each other that unlock the same operation, the innermost counts.

        Parameters
        ----------
        operation
            Its name, such as ``payment.create``.
        up_to
            The most that all its calls together may move, in the account's currency. An operation
            that moves money can't be unlocked without it. ``"any"`` lets a call through whose body
            names no amount, such as the acceptance of a draft.
        count
            How many calls may be made.
        to
            The only counterparty that it may be for, letter for letter: only invisible letters,
            the way in which accents are coded, and the spaces and case of an IBAN don't matter.

        Raises
        ------
        FieldError
            If the bound is missing or no amount, or the count is not above zero.
        UnknownNameError
            If no operation is called so.
        """
        known = catalogue_operation(operation)
        bound = _bound(up_to)
        if known.effect == "moves money" and bound is None:
            raise FieldError(
                f"{known.name} moves money. Say how much it may: unlock({known.name!r}, "
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
        """Return if the call may be sent, and count it.

        Parameters
        ----------
        method, path
            What is called.
        operation
            ``None`` for a path that the catalogue does not know: it can only be read.
        body
            What would be sent.

        Raises
        ------
        LockedError
            If it may not; the message reads back amount and payee, and says how to unlock.
        """
        if not self.is_locked or method == "GET":
            return
        if operation is not None and (operation.effect == "reads" or operation.name in _FREE):
            return
        told = _Told(operation, body)
        if strange := sorted(set(_strange_members(body))):
            raise LockedError(
                f"{told} was not sent to PRODUCTION: an amount of it has {', '.join(strange)} "
                "beside its value and currency, and nobody can say how the bank would read that. "
                "Take it out."
            )
        with self._lock:
            permit = self._permit(told)
            if permit is None:
                raise LockedError(told.refusal(method, path))
            if told.moves_money and self._moved + told.total > self._cap:
                raise LockedError(
                    f"{told} was not sent: {self._moved:.2f} has been moved since connect(), and "
                    f"BUNQ_TOTAL_CAP allows {self._cap:.2f} in all. Raise it there if you mean it."
                )
            permit.left -= 1
            if permit.amount_left is not None and permit.amount_left.is_finite():
                permit.amount_left -= told.total
            if told.moves_money:
                self._moved += told.total
            permit.sent.append(str(told))
            left = f"{permit.left} more call{'' if permit.left == 1 else 's'}"
            more = "" if permit.amount_left is None else f" and {_written(permit.amount_left)}"
        self._say(f"PRODUCTION: {told} is being sent. The unlock leaves {left}{more}.")

    def _permit(self, told: _Told) -> Permit | None:
        """Return the permit that covers a call: the innermost of its operation, or ``None``."""
        name = told.operation.name if told.operation else None
        own = [permit for permit in self._own_permits() if permit.operation == name]
        return own[-1] if own and told.is_covered_by(own[-1]) else None

    def _own_permits(self) -> list[Permit]:
        here = _here()
        return [permit for permit in list(self._permits) if permit.opened_by == here]


def amounts_in(body: object) -> list[tuple[Decimal, str]]:
    """Give every amount in a body with its currency, at any depth."""
    return list(_amounts(body))


def payees_in(body: object) -> list[str]:
    """Return the value of every counterparty in a body, at any depth, as it would be sent."""
    return [value for _, value in find_payees(body)]


class _Told:
    """What a call says that it would do: its operation, its amounts, its payees."""

    def __init__(self, operation: Operation | None, body: object) -> None:
        self.operation = operation
        self.amounts = amounts_in(body)
        self.payees = payees_in(body)
        self.total = sum((value for value, _ in self.amounts), Decimal(0))
        self.moves_money = operation is not None and operation.effect == "moves money"

    def is_covered_by(self, permit: Permit) -> bool:
        if self.operation is None or permit.operation != self.operation.name or permit.left < 1:
            return False
        if self.moves_money and not self.amounts and permit.amount_left != _UNBOUNDED:
            return False
        if permit.amount_left is not None and self.total > permit.amount_left:
            return False
        return permit.to is None or {plain_payee(each) for each in self.payees} == {permit.to}

    def refusal(self, method: str, path: str) -> str:
        if self.operation is None:
            return (
                f"{method} {path} is not in the catalogue, so nobody can say what it does. In "
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
        each = " each time" if money and name.startswith("schedule") else ""
        whom = f" to {', '.join(map(_clean, self.payees))}" if self.payees else ""
        return f"{name}{f' of {money}' if money else ''}{each}{whom}"


def _bound(up_to: str | Decimal | None) -> Decimal | None:
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


def _amounts(value: object, name: object = "") -> Iterator[tuple[Decimal, str]]:
    """Give every amount in a body, at any depth: more is counted rather than less.

    One that can't be read counts as more than anybody allows.
    """
    if _is_amount(value, name):
        assert isinstance(value, Mapping)
        yield _size(value.get("value")), _clean(value.get("currency", "?"))
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _amounts(inner, key)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _amounts(inner, name)
    elif value is not None and _is_amount_name(name):
        yield _UNBOUNDED, "?"


def _strange_members(value: object, name: object = "") -> Iterator[str]:
    """Return the members of amounts that no amount has, at any depth."""
    if isinstance(value, Mapping):
        if _is_amount(value, name):
            yield from (repr(_clean(key)) for key in value if key not in _AMOUNT_MEMBERS)
        for key, inner in value.items():
            yield from _strange_members(inner, key)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _strange_members(inner, name)


def _is_amount(value: object, name: object) -> bool:
    """Return whether an object is an amount: by its name, or since it has the members of one."""
    if not isinstance(value, Mapping):
        return False
    is_pointer = "currency" not in value and ("type" in value or name == PAYEE)
    return _is_amount_name(name) or ("value" in value and not is_pointer)


def _is_amount_name(name: object) -> bool:
    return isinstance(name, str) and _AMOUNT_NAME.fullmatch(name) is not None


def _size(value: object) -> Decimal:
    try:
        size = abs(Decimal(str(value)))
    except InvalidOperation:
        return _UNBOUNDED
    return size if size.is_finite() else _UNBOUNDED


def _written(amount: Decimal) -> str:
    return f"{amount:.2f}" if amount.is_finite() else "any amount"


def _clean(told: object) -> str:
    """Return a text that a body holds, short, and without what could rewrite a terminal."""
    return printable(str(told)[:_LONGEST])


def _here() -> tuple[object, object]:
    """Return the thread and the asyncio task, if any, that this runs in."""
    import asyncio  # noqa: PLC0415 (slow to load, and only who writes to production needs it)

    try:
        task = asyncio.current_task()
    except RuntimeError:
        task = None
    return threading.current_thread(), task
