"""Proves that payments and balances agree, to the cent, and finds the first place where they don't.

On each account the opening balance plus all amounts is the closing balance, and each balance
follows from the one before it. Knows what each kind of fault looks like.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from bunqkit.display.html import card, key_values
from bunqkit.display.terminal import printable
from bunqkit.errors import FrameError
from bunqkit.frames.frames import ATTRS
from bunqkit.frames.money import minor_units, to_cents

_CENTS = ("opening_cents", "mutations_cents", "closing_cents")
_SUMMARY = ("account_id", "account", "currency", "payments", *_CENTS, "holds")
_AMOUNTS = ("amount", "amount_cents", "balance_after")
_COLUMNS = {
    "payments": ("id", "created", "account_id", "currency", *_AMOUNTS),
    "accounts": ("id", "description", "balance_cents", "currency"),
}
# If so many times the usual time lies between two payments, a whole page of them is missing.
_WIDE_TIMES = 20


@dataclass(frozen=True)
class Gap:
    """A place where payments and balances don't agree.

    Attributes
    ----------
    account_id, account
        The id and the description of the account.
    before, after
        The ids of the payments on both sides of the gap; ``None`` at an end.
    difference_cents, currency
        How much the balance after the gap is too high, or too low if this is negative.
    cause
        The likely cause: ``doubled row``, ``wrong currency``, ``changed amount``,
        ``changed balance``, ``swapped order``, ``missing row or changed amount``,
        ``missing page``, ``missing older rows``, ``missing newer rows`` or ``missing account``.
    message
        The same as a sentence, with what to do.
    """

    account_id: int
    account: str
    before: int | None
    after: int | None
    difference_cents: int
    currency: str
    cause: str
    message: str


@dataclass(frozen=True)
class Reconciliation:
    """The answer of :func:`reconcile`: whether payments and balances agree.

    Attributes
    ----------
    accounts
        One row an account: ``account_id, account, currency, payments, opening_cents,
        mutations_cents, closing_cents, holds``.
    gaps
        The first gap of each account that has one, in the order of time.
    """

    accounts: pd.DataFrame = field(repr=False)
    gaps: tuple[Gap, ...]

    @property
    def holds(self) -> bool:
        """True if every account adds up."""
        return not self.gaps

    @property
    def first_gap(self) -> Gap | None:
        """The first place where payments and balances don't agree."""
        return self.gaps[0] if self.gaps else None

    def __bool__(self) -> bool:
        return self.holds

    def __repr__(self) -> str:
        if self.holds:
            return self._title()
        return f"{self._title()} The first:\n  {printable(self.gaps[0].message)}"

    def _repr_html_(self) -> str:
        messages = {gap.account: gap.message for gap in self.gaps}
        return card(self._title(), key_values(messages))

    def _title(self) -> str:
        rows = f"{int(self.accounts['payments'].sum()):,} payments on {len(self.accounts)} accounts"
        if self.holds:
            return f"Holds: {rows} add up to their balances, to the cent."
        return f"Does not hold: {rows}, {len(self.gaps)} of them with a gap."


def reconcile(
    payments: pd.DataFrame, accounts: pd.DataFrame, *, allow_incomplete: bool = False
) -> Reconciliation:
    """Prove for each account that the opening balance plus all amounts is the closing balance.

    Parameters
    ----------
    payments
        As ``bunq.payments()`` or ``ledger.payments()`` returns them. The opening balance of a
        whole table is zero; of a table that begins at a date it is the balance before the first
        row. The closing balance of a table that ends at a date is the balance after the last row.
    accounts
        As ``bunq.accounts()`` or ``ledger.accounts()`` returns them, fetched before the payments.
    allow_incomplete
        Whether to accept a table that was cut: the rows of each account then have no known
        beginning or end.

    Returns
    -------
    Reconciliation
        True if everything adds up; else it shows the first gap, its neighbours and a likely cause.

    Raises
    ------
    FrameError
        If a table lacks a column, or says that it was cut.
    """
    for name, frame in (("payments", payments), ("accounts", accounts)):
        missing = [column for column in _COLUMNS[name] if column not in frame.columns]
        if missing:
            raise FrameError(
                f"The table of {name} lacks {', '.join(missing)}. Pass that of bunq.{name}()."
            )
        attrs = frame.attrs.get(ATTRS, {})
        if attrs.get("complete") is False and not allow_incomplete:
            raise FrameError(
                f"The table of {name} is incomplete (cut by {attrs.get('cut_by')}), so it can't "
                "prove the balances. Fetch all of it, or pass allow_incomplete=True."
            )
    unclear = payments.loc[payments["amount_cents"].isna() | payments["balance_after"].isna(), "id"]
    if len(unclear):
        raise FrameError(f"Payment {unclear.iloc[0]} has no amount or no balance in whole cents.")
    attrs = payments.attrs.get(ATTRS, {})
    is_whole = attrs.get("complete") is not False
    has_start = is_whole and attrs.get("since") is None
    has_end = is_whole and attrs.get("until") is None
    rows, gaps = [], []
    groups = dict(iter(payments.groupby("account_id", sort=False)))
    known = accounts.drop_duplicates("id").set_index("id")
    for account_id in dict.fromkeys([*(attrs.get("accounts") or accounts["id"]), *groups]):
        part = groups.get(account_id, payments.iloc[:0])
        history = _AccountHistory(int(account_id), part, known)
        gap = history.first_gap(has_start=has_start, has_end=has_end)
        rows.append({**history.summary(has_end=has_end), "holds": gap is None})
        if gap is not None:
            gaps.append((history.time_of(gap), gap))
    gaps.sort(key=lambda entry: entry[0])
    summary = pd.DataFrame(rows, columns=_SUMMARY)
    return Reconciliation(summary, tuple(gap for _, gap in gaps))


class _AccountHistory:
    """The payments of one account, oldest first, and the balance that they should add up to."""

    def __init__(self, account_id: int, part: pd.DataFrame, accounts: pd.DataFrame) -> None:
        self._id = account_id
        self._is_known = account_id in accounts.index
        account: Any = accounts.loc[account_id] if self._is_known else None
        self._account = str(account_id if account is None else account["description"])
        self._closing = None if account is None else int(account["balance_cents"])
        currencies = part["currency"].mode()
        commonest = currencies.iloc[0] if len(currencies) else ""
        self._currency = str(commonest if account is None else account["currency"])
        times = part["created"]
        # Tables come newest first; the user may have reversed this one.
        is_reversed = len(part) > 1 and times.iloc[0] < times.iloc[-1]
        self._unsorted = part if is_reversed else part.iloc[::-1]
        self._rows = self._unsorted.sort_values("id", kind="stable")
        self._ids = self._rows["id"].to_numpy(dtype="int64")
        self._mutations = self._rows["amount_cents"].to_numpy(dtype="int64")
        self._unit = 10 ** minor_units(self._currency)
        balances = self._rows["balance_after"].to_numpy("float64")
        self._after = np.rint(balances * self._unit).astype("int64")

    def summary(self, *, has_end: bool) -> dict[str, Any]:
        """Return the row of the account."""
        opening = int(self._after[0] - self._mutations[0]) if len(self._ids) else 0
        own = int(self._after[-1]) if len(self._ids) else 0
        return {
            "account_id": self._id,
            "account": self._account,
            "currency": self._currency,
            "payments": len(self._ids),
            "opening_cents": opening,
            "mutations_cents": int(self._mutations.sum()),
            "closing_cents": own if self._closing is None or not has_end else self._closing,
        }

    def time_of(self, gap: Gap) -> pd.Timestamp:
        """Return the time of the payment after a gap, or of the last payment."""
        times = self._rows.loc[self._rows["id"] == (gap.after or gap.before), "created"]
        return times.iloc[0] if len(times) else pd.Timestamp.max.tz_localize("UTC")

    def first_gap(self, *, has_start: bool, has_end: bool) -> Gap | None:
        """Return the first gap; ``None`` if everything adds up."""
        gaps = self._gaps(has_start=has_start, has_end=has_end)
        return min(gaps, key=lambda entry: entry[0], default=(0, None))[1]

    def _gaps(self, *, has_start: bool, has_end: bool) -> Iterator[tuple[int, Gap]]:
        """Yield the first gap of each kind, with the place of the row after it."""
        if not self._is_known:
            words = "its account is not among the accounts: fetch them anew"
            yield 0, self._gap(0, 0, "missing account", words)
            return
        yield from self._doubled()
        yield from self._foreign()
        yield from self._mismatched()
        yield from self._unordered()
        if len(self._ids) == 0:
            if has_start and has_end and self._closing:
                words = "it has no payment at all, and a balance"
                yield 0, self._gap(0, self._closing, "missing page", words)
            return
        opening = int(self._after[0] - self._mutations[0])
        if has_start and opening:
            words = "older payments are missing, or the table begins at a date"
            yield 0, self._gap(0, opening, "missing older rows", words)
        steps = self._after[1:] - self._after[:-1] - self._mutations[1:]
        broken = np.flatnonzero(steps) + 1
        if len(broken):
            yield int(broken[0]), self._broken(int(broken[0]), steps)
        closing = int(self._after[-1])
        if has_end and self._closing is not None and self._closing != closing:
            words = "newer payments are missing, or the accounts were fetched at another time"
            place, difference = len(self._ids), self._closing - closing
            yield place, self._gap(place, difference, "missing newer rows", words)

    def _doubled(self) -> Iterator[tuple[int, Gap]]:
        """Find the first payment that is there twice."""
        same_id = self._ids[1:] == self._ids[:-1]
        same = (self._after[1:] == self._after[:-1]) & (self._mutations[1:] == self._mutations[:-1])
        same &= self._mutations[1:] != 0
        places = np.flatnonzero(same_id | same) + 1
        if len(places):
            place = int(places[0])
            words = f"payment {self._ids[place]} is there twice: take one of the rows out"
            yield place, self._gap(place, int(self._mutations[place]), "doubled row", words)

    def _foreign(self) -> Iterator[tuple[int, Gap]]:
        """Find the first payment in another currency than that of the account."""
        places = np.flatnonzero((self._rows["currency"] != self._currency).to_numpy())
        if len(places):
            place = int(places[0])
            other = self._rows["currency"].iloc[place]
            words = f"payment {self._ids[place]} is in {other}, and the account in {self._currency}"
            yield place, self._gap(place, 0, "wrong currency", words)

    def _mismatched(self) -> Iterator[tuple[int, Gap]]:
        """Find the first payment whose amount differs from its amount in cents."""
        cents = to_cents(self._rows["amount"], self._rows["currency"]).to_numpy(dtype="int64")
        places = np.flatnonzero(cents != self._mutations)
        if len(places):
            place = int(places[0])
            words = f"payment {self._ids[place]} has two amounts, in amount and in amount_cents"
            difference = int(cents[place] - self._mutations[place])
            yield place, self._gap(place, difference, "changed amount", words)

    def _unordered(self) -> Iterator[tuple[int, Gap]]:
        """Find the first row that stands neither in the order of ids nor in that of time."""
        ids = self._unsorted["id"].to_numpy(dtype="int64")
        times = self._unsorted["created"]
        if (ids[1:] >= ids[:-1]).all() or times.is_monotonic_increasing:
            return
        place = int(np.flatnonzero(ids[1:] < ids[:-1])[0]) + 1
        words = f"payment {ids[place]} stands where payment {ids[place - 1]} should: sort the rows"
        difference = int(self._mutations[self._ids == ids[place]][0])
        after = int(np.flatnonzero(self._ids == ids[place - 1])[0])
        yield after, self._gap(after, difference, "swapped order", words)

    def _broken(self, place: int, steps: np.ndarray[Any, Any]) -> Gap:
        """Return the gap at a balance that does not follow from the one before it."""
        difference = int(steps[place - 1])
        following = int(steps[place]) if place < len(steps) else 0
        payment_id = self._ids[place]
        if self._would_hold_swapped(place):
            words = f"payments {payment_id} and {self._ids[place + 1]} have changed places"
            return self._gap(place, difference, "swapped order", words)
        if following == -difference:
            words = f"the balance after payment {payment_id} is not what both its neighbours say"
            return self._gap(place, difference, "changed balance", words)
        mutation = int(self._mutations[place])
        if difference == -2 * mutation:
            words = f"the amount of payment {payment_id} has the wrong sign"
            return self._gap(place, difference, "changed amount", words)
        missing = self._as_text(difference)
        if self._is_wide(place):
            words = f"payments of {missing} in all are missing: a page that did not come"
            return self._gap(place, difference, "missing page", words)
        words = (
            f"a payment of {missing} is missing between the two, or the amount of payment "
            f"{payment_id} was changed from {self._as_text(mutation + difference)} to "
            f"{self._as_text(mutation)}"
        )
        return self._gap(place, difference, "missing row or changed amount", words)

    def _would_hold_swapped(self, place: int) -> bool:
        """Return True if the balances would add up with a row and the next one swapped."""
        if place + 1 >= len(self._ids):
            return False
        before, amounts, after = self._after[place - 1], self._mutations, self._after
        second = before + amounts[place + 1] == after[place + 1]
        return bool(second and after[place + 1] + amounts[place] == after[place])

    def _is_wide(self, place: int) -> bool:
        """Return True if far more time than usual lies before a row."""
        seconds = self._rows["created"].diff().dt.total_seconds().to_numpy("float64")
        usual = float(np.nanmedian(seconds)) if len(seconds) > 1 else 0.0
        return bool(seconds[place] > _WIDE_TIMES * max(usual, 1.0))

    def _gap(self, place: int, difference: int, cause: str, words: str) -> Gap:
        before = int(self._ids[place - 1]) if 0 < place <= len(self._ids) else None
        after = int(self._ids[place]) if place < len(self._ids) else None
        sides = f"between payments {before} and {after}"
        if before is None:
            sides = f"before its first payment, {after}" if after is not None else "it is empty"
        elif after is None:
            sides = f"after its last payment, {before}"
        return Gap(
            account_id=self._id,
            account=self._account,
            before=before,
            after=after,
            difference_cents=difference,
            currency=self._currency,
            cause=cause,
            message=(
                f"{self._account} ({self._id}), {sides}: {self._as_text(difference)} unexplained. "
                f"Likely: {words}."
            ),
        )

    def _as_text(self, cents: int) -> str:
        decimals = minor_units(self._currency)
        return f"{cents / self._unit:,.{decimals}f} {self._currency}"
