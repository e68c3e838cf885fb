"""What may be written where: production is read-only until a call is unlocked.

A locked call raises before anything is sent. An unlock names one operation, and may bound what it
moves, how often, and to whom; it ends with its block.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from bunqkit.catalogue import Operation
from bunqkit.catalogue import operation as catalogue_operation
from bunqkit.errors import FieldError, LockedError

# Logging out is the one change that nobody needs to be kept from.
_FREE = ("session.delete",)


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
    """

    operation: str
    left: int
    amount_left: Decimal | None
    to: str | None

    def __str__(self) -> str:
        bound = "" if self.amount_left is None else f" up to {self.amount_left:.2f}"
        payee = "" if self.to is None else f" to {self.to}"
        return f"{self.operation}{bound}{payee}, {self.left} left"


class Guard:
    """Lets reads through, and writes if they may be.

    Parameters
    ----------
    environment
        Only ``PRODUCTION`` is locked: elsewhere money is play money.

    Attributes
    ----------
    is_locked
        Whether writes need an unlock.
    """

    def __init__(self, environment: str) -> None:
        self.is_locked = environment == "PRODUCTION"
        self._permits: list[Permit] = []
        self._lock = threading.Lock()

    def describe(self) -> str:
        """Tell what may be written: ``""`` where everything may."""
        if not self.is_locked:
            return ""
        opened = [str(permit) for permit in self._permits if permit.left]
        return f"unlocked: {'; '.join(opened)}" if opened else "read-only"

    @contextlib.contextmanager
    def unlock(
        self,
        operation: str,
        *,
        up_to: str | Decimal | None = None,
        count: int = 1,
        to: str | None = None,
    ) -> Iterator[Permit]:
        """Let one operation through until the block ends.

        Parameters
        ----------
        operation
            Its name, such as ``payment.create``.
        up_to
            The most that all its calls together may move, in the account's currency. An operation
            that moves money can't be unlocked without it.
        count
            How many calls may be made.
        to
            The only counterparty that it may be for.

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
        permit = Permit(known.name, count, bound, to and _plain(to))
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
        amounts = amounts_in(body)
        total = sum((value for value, _ in amounts), Decimal(0))
        payees = payees_in(body)
        with self._lock:
            for permit in self._permits:
                if operation is not None and _allows(permit, operation, total, payees):
                    permit.left -= 1
                    if permit.amount_left is not None:
                        permit.amount_left -= total
                    return
        raise LockedError(_refusal(method, path, operation, amounts, payees))


def amounts_in(body: object) -> list[tuple[Decimal, str]]:
    """Give every amount in a body with its currency, at any depth."""
    return list(_amounts(body))


def payees_in(body: object) -> list[str]:
    """Give the value of every counterparty in a body, at any depth."""
    return list(_payees(body))


def _allows(permit: Permit, operation: Operation, total: Decimal, payees: list[str]) -> bool:
    return (
        permit.operation == operation.name
        and permit.left > 0
        and (permit.amount_left is None or total <= permit.amount_left)
        and (
            permit.to is None or (bool(payees) and {_plain(each) for each in payees} == {permit.to})
        )
    )


def _refusal(
    method: str,
    path: str,
    operation: Operation | None,
    amounts: list[tuple[Decimal, str]],
    payees: list[str],
) -> str:
    if operation is None:
        return (
            f"{method} {path} is not in the catalogue, so nobody can say what it does. In "
            "PRODUCTION it can't be sent."
        )
    money = " and ".join(f"{currency} {value:.2f}" for value, currency in amounts)
    what = f"{operation.name}{f' of {money}' if money else ''}"
    whom = f" to {', '.join(payees)}" if payees else ""
    total = sum((value for value, _ in amounts), Decimal(0))
    bounds = f", up_to='{total:.2f}'" if operation.effect == "moves money" else ""
    return (
        f"{what}{whom} was not sent: PRODUCTION is read-only until you unlock a call, and no "
        f"unlock covers this one. If you mean it: with bunq.unlock({operation.name!r}{bounds}): ..."
    )


def _bound(up_to: str | Decimal | None) -> Decimal | None:
    if up_to is None:
        return None
    try:
        bound = Decimal(up_to)
    except InvalidOperation:
        bound = Decimal(-1)
    if not bound.is_finite() or bound < 0:
        raise FieldError(f"up_to is {up_to!r}. Write an amount such as '25.00'.")
    return bound


def _amounts(value: object) -> Iterator[tuple[Decimal, str]]:
    """Give every amount in a body, at any depth: more is counted rather than less."""
    if isinstance(value, Mapping):
        if {"value", "currency"} <= value.keys():
            with contextlib.suppress(InvalidOperation):
                yield abs(Decimal(str(value["value"]))), str(value["currency"])
            return
        for inner in value.values():
            yield from _amounts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _amounts(inner)


def _payees(value: object) -> Iterator[str]:
    """Give every counterparty in a body, at any depth."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            if name == "counterparty_alias" and isinstance(inner, Mapping):
                yield str(inner.get("value"))
            else:
                yield from _payees(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _payees(inner)


def _plain(counterparty: str) -> str:
    return "".join(counterparty.split()).casefold()
