"""Nobody gains by rounding."""

from __future__ import annotations

from hypothesis import given, strategies as st

from bunqkit.sandbox.resources.facts import facts
from bunqkit.sandbox.resources.rates import bought, cost, rate_of


@given(
    cents=st.integers(1, 10**12),
    source=st.sampled_from(sorted(facts("currencies"))),
    target=st.sampled_from(sorted(facts("currencies"))),
)
def test_nobody_gains_by_rounding(cents: int, source: str, target: str) -> None:
    """What an amount buys never costs more than the amount, and there and back brings no more."""
    if source == target:
        return
    rate = rate_of(source, target)
    gets = bought(cents, rate)
    assert cost(gets, rate) <= cents
    assert bought(cost(cents, rate), rate) >= cents
