"""Inputs of single values: each holds a JSON value, and shows it in widgets.

The value is the truth: a widget shows it as well as it can, and what nobody has changed is kept.
"""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import ipywidgets

from bunqkit.catalogue.values import write_amount, write_pointer
from bunqkit.display.html import problem_line
from bunqkit.errors import FieldError
from bunqkit.security.redaction import MASK, Secret
from bunqkit.widgets.panel import Panel
from bunqkit.widgets.pickers import Pickers, picked

_CURRENCIES = ("EUR", "GBP", "USD", "CHF", "PLN", "SEK", "DKK", "NOK", "RON", "CZK")
_WHOLE = re.compile(r"-?[0-9]+", re.ASCII)
_DECIMAL = re.compile(r"-?[0-9]+(\.[0-9]+)?", re.ASCII)
_POINTERS = ("EMAIL", "PHONE_NUMBER", "IBAN", "", None)
_PLACEHOLDERS = {
    "date": "YYYY-MM-DD",
    "time": "YYYY-MM-DD HH:MM:SS in UTC",
    "integer": "a whole number",
    "number": "a number",
    "decimal": "10.00",
}
_WIDE = {"width": "auto"}
_LABELLED = {"description_width": "200px"}


@dataclass(frozen=True)
class FormContext:
    """What all inputs of a form share.

    Attributes
    ----------
    panel
        Wraps their handlers.
    pickers
        What there is to pick from.
    """

    panel: Panel
    pickers: Pickers


class Input(ABC):
    """One field of a body.

    Parameters
    ----------
    name, path
        What it is called, and its place in the body: ``payments[0].amount``.
    context
        What all inputs of the form share.
    changed
        Is told when a person has changed the value.

    Attributes
    ----------
    box
        The widget that shows it.
    value
        The JSON value; ``None`` if there is none.
    """

    box: ipywidgets.Widget

    def __init__(
        self, name: str, path: str, context: FormContext, changed: Callable[[], None]
    ) -> None:
        self.name = name
        self.path = path
        self.value: Any = None
        self._context = context
        self._changed = changed
        self._is_showing = False

    def write(self, value: Any) -> None:
        """Hold another value and show it; nobody is told."""
        self.value = value
        self._is_showing = True
        try:
            self._show(value)
        finally:
            self._is_showing = False

    @abstractmethod
    def typed(self) -> Any:
        """Give the value as the widgets show it."""

    @abstractmethod
    def _show(self, value: Any) -> None:
        """Put a value into the widgets."""

    @abstractmethod
    def value_inputs(self) -> Iterator[ValueInput]:
        """Give the inputs inside that are built, down to single values."""

    def _watch(self, *controls: ipywidgets.Widget) -> None:
        for control in controls:
            control.observe(self._context.panel.handler(self._hear), "value")

    def _hear(self, _change: object) -> None:
        if not self._is_showing:
            self.value = self.typed()
            self._changed()


class ValueInput(Input):
    """An input of one value, with a line below it that says what is wrong with it."""

    def __init__(
        self, name: str, path: str, context: FormContext, changed: Callable[[], None]
    ) -> None:
        super().__init__(name, path, context, changed)
        self._note = ipywidgets.HTML(layout={"display": "none", "margin": "0 0 0 208px"})

    def objection(self) -> str:
        """Say what is wrong with the value beyond what the catalogue's check would say."""
        return ""

    def note(self, problem: str) -> None:
        """Show below the input what is wrong with it; without a problem the line takes no room."""
        said = problem_line(problem, is_read_out=False)
        if said != self._note.value:
            self._note.value = said
            self._note.layout.display = "" if problem else "none"

    def value_inputs(self) -> Iterator[ValueInput]:
        """Give the input itself."""
        yield self


class TextInput(ValueInput):
    """A text, number, date, or choice in one line; known values can be picked, others typed."""

    def __init__(
        self,
        name: str,
        path: str,
        context: FormContext,
        changed: Callable[[], None],
        *,
        kind: str = "text",
        values: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, path, context, changed)
        self._kind = kind
        # What a picker offers is an id and then what it is; a text of one's own is taken whole.
        self.is_picked = name == "account" or name.endswith(("_id", "_uuid"))
        options = values or context.pickers.choices(name)
        if kind == "boolean":
            options = ("true", "false")
        how = {
            "description": name,
            "placeholder": _PLACEHOLDERS.get(kind, ""),
            "layout": _WIDE,
            "style": _LABELLED,
        }
        self.control = (
            ipywidgets.Combobox(options=options, ensure_option=False, **how)
            if options or self.is_picked
            else ipywidgets.Text(**how)
        )
        self.box = ipywidgets.VBox([self.control, self._note])
        self._watch(self.control)

    def typed(self) -> Any:
        """Give what the text says; a text that is none of the kind stays a text."""
        text = self.control.value
        if self.is_picked:
            text = picked(text)[0]
        if text == "":
            return None
        if self._kind == "integer":
            return int(text) if _WHOLE.fullmatch(text) else text
        if self._kind in ("boolean", "number", "any"):
            try:
                return json.loads(text)
            except (ValueError, RecursionError):
                return text
        return text

    def offer(self, choices: tuple[str, ...]) -> None:
        """Offer other values to pick from."""
        if isinstance(self.control, ipywidgets.Combobox):
            self.control.options = choices

    def _show(self, value: Any) -> None:
        self.control.value = _text(value)


class SecretInput(ValueInput):
    """A secret: taken from the widget when it is typed, so that no notebook keeps it."""

    def __init__(
        self, name: str, path: str, context: FormContext, changed: Callable[[], None]
    ) -> None:
        super().__init__(name, path, context, changed)
        self.control = ipywidgets.Password(
            description=name,
            placeholder="a secret; it is not kept in the notebook",
            continuous_update=False,
            layout=_WIDE,
            style=_LABELLED,
        )
        self.box = ipywidgets.VBox([self.control, self._note])
        self._watch(self.control)

    def typed(self) -> Any:
        """Give the secret that was held, or the one that was typed."""
        text = self.control.value
        return Secret(text) if text else self.value

    def _hear(self, change: object) -> None:
        super()._hear(change)
        if self.control.value:
            self.write(self.value)

    def _show(self, value: Any) -> None:
        self.control.value = ""
        self.control.placeholder = (
            "a secret; it is not kept in the notebook" if value is None else "given, not shown"
        )


class AmountInput(ValueInput):
    """An amount of money and its currency."""

    def __init__(
        self, name: str, path: str, context: FormContext, changed: Callable[[], None]
    ) -> None:
        super().__init__(name, path, context, changed)
        self.control = ipywidgets.Text(
            description=name, placeholder="10.00", layout={"flex": "1 1 320px"}, style=_LABELLED
        )
        self.currency = ipywidgets.Combobox(
            value="EUR",
            options=_CURRENCIES,
            ensure_option=False,
            description="currency",
            layout={"width": "170px"},
            style={"description_width": "70px"},
        )
        row = ipywidgets.HBox([self.control, self.currency], layout={"flex_flow": "row wrap"})
        self.box = ipywidgets.VBox([row, self._note])
        self._watch(self.control, self.currency)

    def typed(self) -> Any:
        """Give the amount as bunq writes it; what is no amount stays as it was typed."""
        text, currency = self.control.value.strip(), self.currency.value.strip()
        if not text:
            return None
        try:
            return write_amount(text, currency)
        except FieldError:
            return {"value": text, "currency": currency}

    def objection(self) -> str:
        """Say what ``write_amount`` says."""
        if not isinstance(self.value, Mapping) or not isinstance(self.value.get("value"), str):
            return ""
        if not _DECIMAL.fullmatch(self.value["value"]):
            return "Write the amount with a dot, such as 10.00."
        try:
            write_amount(self.value["value"], "")
        except FieldError as error:
            return str(error)
        return ""

    def _show(self, value: Any) -> None:
        told = value if isinstance(value, Mapping) else {"value": value}
        self.control.value = _text(told.get("value"))
        self.currency.value = _text(told.get("currency", "EUR"))


class PointerInput(ValueInput):
    """Whom it is about: an e-mail address, a phone number, or an IBAN with its holder's name."""

    def __init__(
        self, name: str, path: str, context: FormContext, changed: Callable[[], None]
    ) -> None:
        super().__init__(name, path, context, changed)
        self.control = ipywidgets.Combobox(
            options=context.pickers.choices("counterparty_alias"),
            ensure_option=False,
            description=name,
            placeholder="e-mail address, +31612345678 or IBAN",
            layout={"flex": "1 1 320px"},
            style=_LABELLED,
        )
        self.holder = ipywidgets.Text(
            description="name",
            placeholder="needed with an IBAN",
            layout={"flex": "1 1 220px"},
            style={"description_width": "50px"},
        )
        row = ipywidgets.HBox([self.control, self.holder], layout={"flex_flow": "row wrap"})
        self.box = ipywidgets.VBox([row, self._note])
        self._watch(self.control, self.holder)

    def typed(self) -> Any:
        """Give the pointer as bunq writes it; what is none stays as it was typed."""
        text, told = picked(self.control.value)
        name = self.holder.value.strip() or told
        if not text:
            return None
        try:
            return write_pointer(text, name or None)
        except FieldError:
            return {"type": _guess(text), "value": text, **({"name": name} if name else {})}

    def objection(self) -> str:
        """Say what ``write_pointer`` says."""
        value = self.value
        if not isinstance(value, Mapping) or value.get("type") not in _POINTERS:
            return ""
        try:
            write_pointer(str(value.get("value", "")), str(value.get("name") or "") or None)
        except FieldError as error:
            return str(error)
        return ""

    def _show(self, value: Any) -> None:
        told = value if isinstance(value, Mapping) else {"value": value}
        self.control.value = _text(told.get("value"))
        self.holder.value = _text(told.get("name"))


class JsonInput(ValueInput):
    """A value of any shape, written as JSON."""

    def __init__(
        self, name: str, path: str, context: FormContext, changed: Callable[[], None]
    ) -> None:
        super().__init__(name, path, context, changed)
        self.control = ipywidgets.Textarea(
            description=name, placeholder="JSON", rows=3, layout=_WIDE, style=_LABELLED
        )
        self.box = ipywidgets.VBox([self.control, self._note])
        self._watch(self.control)

    def typed(self) -> Any:
        """Give the JSON value; what is no JSON stays as it was typed."""
        text = self.control.value
        try:
            return json.loads(text) if text.strip() else None
        except (ValueError, RecursionError):
            return text

    def _show(self, value: Any) -> None:
        self.control.value = "" if value is None else json.dumps(value, ensure_ascii=False)


def masked(value: Any) -> Any:
    """Give a JSON value with a mask in place of each secret."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, dict):
        return {name: masked(inner) for name, inner in value.items()}
    return [masked(inner) for inner in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _guess(text: str) -> str:
    """Give the type of pointer that a text which is none yet looks like."""
    if text.startswith("+"):
        return "PHONE_NUMBER"
    return "IBAN" if text[:2].isalpha() and text[2:4].isdigit() else "EMAIL"
