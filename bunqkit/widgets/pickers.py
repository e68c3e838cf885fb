"""Values to pick in a form: ids and counterparties that earlier answers have shown."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import Any

from bunqkit.catalogue.accounts import find_iban
from bunqkit.catalogue.operations import operation as operation_named, operations
from bunqkit.client.exchange import Exchange
from bunqkit.errors import UnknownNameError

SEPARATOR = " · "
_ACCOUNT = "account"
_COUNTERPARTY = "counterparty_alias"
_MOST = 500
_MOST_READ = 1000
_OK = 200
_TITLES = ("description", "display_name", "name", "name_on_card", "category", "status")


class Pickers:
    """Values from answers, by the name of the field that takes them.

    A choice is the value with its description: ``42 · Main account · NL91 ABNA``.
    """

    def __init__(self) -> None:
        self._choices: dict[str, dict[str, str]] = {}
        self._last: Exchange | None = None

    def choices(self, name: str) -> tuple[str, ...]:
        """List the choices for an id, an account or a counterparty, newest first."""
        return tuple(reversed(self._choices.get(_kind(name), {}).values()))

    def learn(self, exchanges: Sequence[Exchange]) -> None:
        """Read ids and counterparties from the answers that came since the last call of this."""
        new: list[Exchange] = []
        for exchange in reversed(exchanges):
            if exchange is self._last:
                break
            new.append(exchange)
        for exchange in reversed(new):
            self._last = exchange
            self._read(exchange)

    def _read(self, exchange: Exchange) -> None:
        if exchange.status != _OK:
            return
        name = _id_of_items(f"{exchange.method} {exchange.path.partition('?')[0]}")
        for item in reversed(_items(exchange.answer_body)):
            value = item.get("id") or item.get("uuid")
            if name is not None and isinstance(value, int | str):
                self._add(name, str(value), _described(item))
            self._learn_counterparty(item.get(_COUNTERPARTY))

    def _learn_counterparty(self, label: object) -> None:
        if not isinstance(label, Mapping):
            return
        name = str(label.get("display_name") or label.get("name") or "")
        value = label.get("iban") or label.get("value")
        if isinstance(value, str) and value:
            self._add(_COUNTERPARTY, value, [name])

    def _add(self, name: str, value: str, description: Iterable[str]) -> None:
        choices = self._choices.setdefault(_kind(name), {})
        choices.pop(value, None)
        choices[value] = SEPARATOR.join([value, *(part for part in description if part)])
        if len(choices) > _MOST:
            del choices[next(iter(choices))]


def split_choice(text: str) -> tuple[str, str]:
    """Return the value and the description of a choice; a typed text has no description."""
    value, _, description = text.partition(SEPARATOR)
    return value.strip(), description.strip()


def _kind(name: str) -> str:
    """Return one name for all fields that take the same values: accounts have many."""
    if name == "account" or (name.startswith("monetary_account") and name.endswith("_id")):
        return _ACCOUNT
    return name


def _id_of_items(call: str) -> str | None:
    """Return the name of the id that the items have in the answer to a method and path."""
    try:
        resource = operation_named(call).resource
    except UnknownNameError:
        return None
    return _own_ids().get(resource)


@cache
def _own_ids() -> dict[str, str]:
    """Return the name of each resource's own id."""
    return {
        operation.resource: operation.ids[-1]
        for operation in operations()
        if operation.verb in ("get", "update", "delete") and operation.ids
    }


def _items(body: bytes) -> list[dict[str, Any]]:
    """List the first items of an envelope; none if the body is no envelope."""
    try:
        wrapped = json.loads(body)["Response"][:_MOST_READ]
        return [item for entry in wrapped for item in entry.values() if isinstance(item, dict)]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return []


def _described(item: Mapping[str, Any]) -> list[str]:
    title = next((str(item[name]) for name in _TITLES if isinstance(item.get(name), str)), "")
    amount = item.get("balance") or item.get("amount")
    money = ""
    if isinstance(amount, Mapping):
        money = f"{amount.get('currency', '')} {amount.get('value', '')}".strip()
    return [title[:60], find_iban(item) or "", money]
