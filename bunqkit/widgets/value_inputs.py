"""The inputs of single values in a form: a text, a secret, an amount, a pointer, JSON.

An input holds a JSON value and shows it in its widgets. The value counts, not what the widgets can
show of it: what nobody has changed stays as it was.
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
from bunqkit.widgets.pickers import Pickers, split_choice

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
_NOT_KEPT = "a secret; it is not kept in the notebook"
_LABELLED = {"description_width": "200px"}


@dataclass(frozen=True)
class FormContext:
    """What all inputs of a form share.

    Attributes
    ----------
    panel
        The panel that wraps their handlers.
    pickers
        The values that can be picked.
    """

    panel: Panel
    pickers: Pickers


class Input(ABC):
    """The input of one field of a body.

    Parameters
    ----------
    path
        The field's place in the body: ``payments[0].amount``.
    context
        What all inputs of the form share.
    changed
        Called when a person has changed the value.

    Attributes
    ----------
    box
        The widget that shows the input.
    name
        The name of the field; a member of a list has a number, from 1 on.
    value
        The JSON value; ``None`` if there is none.
    """

    box: ipywidgets.Widget

    def __init__(self, path: str, context: FormContext, changed: Callable[[], None]) -> None:
        name, _, number = path.rpartition(".")[2].partition("[")
        self.name = f"{name} {int(number.removesuffix(']')) + 1}" if number else name
        self.path = path
        self.value: Any = None
        self._context = context
        self._changed = changed
        self._is_showing = False

    def write(self, value: Any) -> None:
        """Set the value and show it, without calling ``changed``."""
        self.value = value
        self._is_showing = True
        try:
            self._show(value)
        finally:
            self._is_showing = False

    @abstractmethod
    def typed(self) -> Any:
        """Return the value as the widgets show it."""

    @abstractmethod
    def _show(self, value: Any) -> None:
        """Put a value into the widgets."""

    @abstractmethod
    def value_inputs(self) -> Iterator[ValueInput]:
        """List the inputs of single values inside this one that are built so far."""


class ValueInput(Input):
    """The input of one value, with a line below it that says what is wrong with the value."""

    def __init__(self, path: str, context: FormContext, changed: Callable[[], None]) -> None:
        super().__init__(path, context, changed)
        self._note = ipywidgets.HTML(layout={"display": "none", "margin": "0 0 0 208px"})
        self.box = ipywidgets.VBox([*self._make_content(), self._note])

    def objection(self) -> str:
        """Return what is wrong with the value that the catalogue's check does not find."""
        return ""

    def note(self, problem: str) -> None:
        """Show below the input what is wrong with it; without a problem the line is hidden."""
        note = problem_line(problem, is_read_out=False)
        if note != self._note.value:
            self._note.value = note
            self._note.layout.display = "" if problem else "none"

    def value_inputs(self) -> Iterator[ValueInput]:
        """List the input itself."""
        yield self

    @abstractmethod
    def _make_content(self) -> list[ipywidgets.Widget]:
        """Make the widgets above the line."""

    def _watched(self, *controls: ipywidgets.Widget) -> list[ipywidgets.Widget]:
        """Return widgets in one row, after asking them to report what is typed."""
        self._context.panel.on_change(self._on_change, *controls)
        if len(controls) == 1:
            return [*controls]
        return [ipywidgets.HBox(controls, layout={"flex_flow": "row wrap"})]

    def _on_change(self) -> None:
        if not self._is_showing:
            self.value = self.typed()
            self._changed()


class TextInput(ValueInput):
    """A text, number, date or choice in one line; known values can be picked, others typed."""

    def __init__(
        self,
        path: str,
        context: FormContext,
        changed: Callable[[], None],
        *,
        kind: str = "text",
        values: tuple[str, ...] = (),
    ) -> None:
        self._kind = kind
        self._values = ("true", "false") if kind == "boolean" else values
        super().__init__(path, context, changed)

    def typed(self) -> Any:
        """Return the value of the text; a text that is not of the field's kind stays a text."""
        text = self.control.value
        if self.is_picked:
            text = split_choice(text)[0]
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

    def _make_content(self) -> list[ipywidgets.Widget]:
        look = {
            "description": self.name,
            "placeholder": _PLACEHOLDERS.get(self._kind, ""),
            "layout": {"width": "auto"},
            "style": _LABELLED,
        }
        # A picker offers an id with a description behind it; any other text is taken as a whole.
        self.is_picked = self.name == "account" or self.name.endswith(("_id", "_uuid"))
        options = self._values or self._context.pickers.choices(self.name)
        if options or self.is_picked:
            self.control = ipywidgets.Combobox(options=options, ensure_option=False, **look)
        else:
            self.control = ipywidgets.Text(**look)
        return self._watched(self.control)

    def _show(self, value: Any) -> None:
        self.control.value = _text(value)


class SecretInput(ValueInput):
    """A secret: it is taken out of the widget when it is typed, so that no notebook keeps it."""

    def typed(self) -> Any:
        """Return the secret that was typed, or else the one that was typed before."""
        text = self.control.value
        return Secret(text) if text else self.value

    def _make_content(self) -> list[ipywidgets.Widget]:
        self.control = ipywidgets.Password(
            description=self.name,
            placeholder=_NOT_KEPT,
            continuous_update=False,
            layout={"width": "auto"},
            style=_LABELLED,
        )
        return self._watched(self.control)

    def _on_change(self) -> None:
        super()._on_change()
        if self.control.value:
            self.write(self.value)

    def _show(self, value: Any) -> None:
        self.control.value = ""
        self.control.placeholder = _NOT_KEPT if value is None else "given, not shown"


class AmountInput(ValueInput):
    """An amount of money and its currency."""

    def typed(self) -> Any:
        """Return the amount as bunq writes it; a text that is no amount stays as it was typed."""
        text, currency = self.control.value.strip(), self.currency.value.strip()
        if not text:
            return None
        try:
            return write_amount(text, currency)
        except FieldError:
            return {"value": text, "currency": currency}

    def objection(self) -> str:
        """Return what ``write_amount`` says of the amount."""
        if not isinstance(self.value, Mapping) or not isinstance(self.value.get("value"), str):
            return ""
        if not _DECIMAL.fullmatch(self.value["value"]):
            return "Write the amount with a dot, such as 10.00."
        try:
            write_amount(self.value["value"], "")
        except FieldError as error:
            return str(error)
        return ""

    def _make_content(self) -> list[ipywidgets.Widget]:
        self.control = ipywidgets.Text(
            description=self.name,
            placeholder="10.00",
            layout={"flex": "1 1 320px"},
            style=_LABELLED,
        )
        self.currency = ipywidgets.Combobox(
            value="EUR",
            options=_CURRENCIES,
            ensure_option=False,
            description="currency",
            layout={"width": "170px"},
            style={"description_width": "70px"},
        )
        return self._watched(self.control, self.currency)

    def _show(self, value: Any) -> None:
        amount = value if isinstance(value, Mapping) else {"value": value}
        self.control.value = _text(amount.get("value"))
        self.currency.value = _text(amount.get("currency", "EUR"))


class PointerInput(ValueInput):
    """A counterparty: an e-mail address, a phone number, or an IBAN with its holder's name."""

    def typed(self) -> Any:
        """Return the pointer as bunq writes it; a text that is none stays as it was typed."""
        text, described = split_choice(self.control.value)
        name = self.holder.value.strip() or described
        if not text:
            return None
        try:
            return write_pointer(text, name or None)
        except FieldError:
            return {"type": _guess_type(text), "value": text, **({"name": name} if name else {})}

    def objection(self) -> str:
        """Return what ``write_pointer`` says of the pointer."""
        value = self.value
        if not isinstance(value, Mapping) or value.get("type") not in _POINTERS:
            return ""
        try:
            write_pointer(str(value.get("value", "")), str(value.get("name") or "") or None)
        except FieldError as error:
            return str(error)
        return ""

    def _make_content(self) -> list[ipywidgets.Widget]:
        self.control = ipywidgets.Combobox(
            options=self._context.pickers.choices("counterparty_alias"),
            ensure_option=False,
            description=self.name,
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
        return self._watched(self.control, self.holder)

    def _show(self, value: Any) -> None:
        pointer = value if isinstance(value, Mapping) else {"value": value}
        self.control.value = _text(pointer.get("value"))
        self.holder.value = _text(pointer.get("name"))


class JsonInput(ValueInput):
    """A value of any shape, written as JSON."""

    def typed(self) -> Any:
        """Return the JSON value; a text that is no JSON stays a text."""
        text = self.control.value
        try:
            return json.loads(text) if text.strip() else None
        except (ValueError, RecursionError):
            return text

    def _make_content(self) -> list[ipywidgets.Widget]:
        self.control = ipywidgets.Textarea(
            description=self.name,
            placeholder="JSON",
            rows=3,
            layout={"width": "auto"},
            style=_LABELLED,
        )
        return self._watched(self.control)

    def _show(self, value: Any) -> None:
        self.control.value = "" if value is None else json.dumps(value, ensure_ascii=False)


def masked(value: Any) -> Any:
    """Return a JSON value with a mask in place of each secret."""
    if isinstance(value, Secret):
        return MASK
    if isinstance(value, dict):
        return {name: masked(member) for name, member in value.items()}
    return [masked(member) for member in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _guess_type(text: str) -> str:
    """Return the type of pointer that an unfinished text looks like."""
    if text.startswith("+"):
        return "PHONE_NUMBER"
    return "IBAN" if text[:2].isalpha() and text[2:4].isdigit() else "EMAIL"
