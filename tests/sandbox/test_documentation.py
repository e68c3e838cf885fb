"""The documentation of the offline bank says which resources have rules."""

from __future__ import annotations

import textwrap

import pytest

import bunqkit.sandbox
from bunqkit.sandbox.resources.rules import resources_with_rules


def listed(names: list[str]) -> str:
    """Write names as the docstring has them."""
    return textwrap.fill(
        ", ".join(sorted(names)) + ".",
        width=98,
        initial_indent="    ",
        subsequent_indent="    ",
        break_on_hyphens=False,
        break_long_words=False,
    )


@pytest.mark.parametrize("has_rules", [True, False], ids=["with rules", "generic"])
def test_the_list_of_resources_is_true(*, has_rules: bool) -> None:
    """The package's docstring names exactly the resources with rules, and the generic ones.

    If this fails, put the text that it shows in place of the docstring's.
    """
    told = resources_with_rules()
    names = [name for name, has in told.items() if has == has_rules and ".note-" not in name]
    assert listed(names) in (bunqkit.sandbox.__doc__ or "")
