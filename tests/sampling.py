"""Samples for the default run of tests that have very many cases."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest


def one_in(count: int, cases: Iterable[Any]) -> list[Any]:
    """Return cases for ``parametrize``: one in so many runs by default, the others in slow."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=pytest.mark.slow if at % count else (),
        )
        for at, case in enumerate(cases)
    ]
