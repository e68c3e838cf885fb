"""The inputs of a body: objects and lists of inputs, down to single values.

What the catalogue doesn't know has no input, and is kept. What is folded is built when it is
opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ipywidgets

from bunqkit.catalogue.operations import Field, Type, type_named
from bunqkit.display.html import strong
from bunqkit.security.redaction import is_secret_field
from bunqkit.widgets.panel import Fold, swap
from bunqkit.widgets.value_inputs import (
    AmountInput,
    FormContext,
    Input,
    JsonInput,
    PointerInput,
    SecretInput,
    TextInput,
    ValueInput,
)


class ObjectInput(Input):
    """The fields of an object: required ones are shown, the others are folded."""

    def __init__(
        self,
        name: str,
        path: str,
        context: FormContext,
        changed: Callable[[], None],
        *,
        type_: Type,
        inside: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, path, context, changed)
        self._type = type_
        self._inside = (*inside, type_.name)
        self.inputs: dict[str, Input] = {}
        needed = [field for field in type_.writable if field.required]
        self._other = [field for field in type_.writable if not field.required]
        shown = [self._add(field).box for field in needed]
        if len(self._other) == 1 and not needed:
            shown = [self._add(field).box for field in self._other]
            self._other = []
        self.fold = Fold(self._count(), context.panel, self._build_other) if self._other else None
        self.box = ipywidgets.VBox([*shown, *([self.fold] if self.fold else [])])
        if path:
            title = ipywidgets.HTML(strong(name))
            self.box = ipywidgets.VBox([title, self.box])
            self.box.add_class("bunqkit-group")

    def typed(self) -> Any:
        """Give the object as its inputs show it; fields that have no input are as they were."""
        held = self.value if isinstance(self.value, Mapping) else {}
        typed = dict(held)
        for name, each in self.inputs.items():
            value = each.typed()
            if value is None:
                typed.pop(name, None)
            else:
                typed[name] = value
        return typed or None

    def value_inputs(self) -> Iterator[ValueInput]:
        """Give the inputs of the fields that are built, at any depth."""
        for each in self.inputs.values():
            yield from each.value_inputs()

    def _add(self, field: Field) -> Input:
        path = f"{self.path}.{field.name}" if self.path else field.name
        made = make_input(
            field, path, self._context, lambda: self._take(field.name), inside=self._inside
        )
        self.inputs[field.name] = made
        return made

    def _take(self, name: str) -> None:
        """Put the value of one field into the object; the others stay as they are."""
        held: dict[str, Any] = dict(self.value) if isinstance(self.value, Mapping) else {}
        value = self.inputs[name].value
        if value is None:
            held.pop(name, None)
        else:
            held[name] = value
        self.value = held or None
        self._changed()

    def _build_other(self) -> list[ipywidgets.Widget]:
        boxes = [self._add(field).box for field in self._other]
        self.write(self.value)
        return boxes

    def _count(self) -> str:
        count = len(self._other)
        return f"{count} more field{'' if count == 1 else 's'}"

    def _show(self, value: Any) -> None:
        held = value if isinstance(value, Mapping) else {}
        for name, each in self.inputs.items():
            if each.value != held.get(name):
                each.write(held.get(name))
        if self.fold is not None:
            given = [field.name for field in self._other if field.name in held]
            self.fold.say(self._count() + (f", given: {', '.join(given)}" if given else ""))


class ListInput(ValueInput):
    """A list: one input for each value, and buttons to add and to remove."""

    def __init__(
        self,
        name: str,
        path: str,
        context: FormContext,
        changed: Callable[[], None],
        *,
        field: Field,
        inside: tuple[str, ...] = (),
    ) -> None:
        super().__init__(name, path, context, changed)
        self._field = field
        self._inside = inside
        self.inputs: list[Input] = []
        self._rows = ipywidgets.VBox()
        self.add_button = context.panel.button(f"Add one to {name}", self._add)
        self.box = ipywidgets.VBox([self._rows, self.add_button, self._note])

    def typed(self) -> Any:
        """Give the list as its inputs show it."""
        return [each.typed() for each in self.inputs] or None

    def value_inputs(self) -> Iterator[ValueInput]:
        """Give the inputs of each value."""
        yield self
        for each in self.inputs:
            yield from each.value_inputs()

    def _add(self) -> None:
        self.write([*self._held(), None])
        self._changed()

    def _remove(self, at: int) -> None:
        held = self._held()
        self.write([*held[:at], *held[at + 1 :]] or None)
        self._changed()

    def _take(self, at: int) -> None:
        held = self._held()
        held[at] = self.inputs[at].value
        self.value = held
        self._changed()

    def _held(self) -> list[Any]:
        return list(self.value) if isinstance(self.value, list) else []

    def _show(self, value: Any) -> None:
        held = value if isinstance(value, list) else []
        if len(held) != len(self.inputs):
            self.inputs = [self._make(at) for at in range(len(held))]
            swap(self._rows, [self._row(at) for at in range(len(held))])
        for each, one in zip(self.inputs, held, strict=True):
            each.write(one)

    def _make(self, at: int) -> Input:
        return make_one(
            self._field,
            f"{self.path}[{at}]",
            self._context,
            lambda: self._take(at),
            name=f"{self.name} {at + 1}",
            inside=self._inside,
        )

    def _row(self, at: int) -> ipywidgets.Widget:
        remove = self._context.panel.button(
            f"Remove {self.name} {at + 1}", lambda: self._remove(at), button_style=""
        )
        return ipywidgets.VBox([self.inputs[at].box, remove])


def make_input(
    field: Field,
    path: str,
    context: FormContext,
    changed: Callable[[], None],
    *,
    inside: tuple[str, ...] = (),
) -> Input:
    """Make the input of a field; ``inside`` names the types that it stands in."""
    if field.is_body_list:
        return ListInput(field.name, path, context, changed, field=field, inside=inside)
    return make_one(field, path, context, changed, name=field.name, inside=inside)


def make_one(
    field: Field,
    path: str,
    context: FormContext,
    changed: Callable[[], None],
    *,
    name: str,
    inside: tuple[str, ...],
) -> Input:
    """Make the input of one value of a field."""
    kind = field.body_kind
    if is_secret_field(field.name):
        return SecretInput(name, path, context, changed)
    if kind == "Amount":
        return AmountInput(name, path, context, changed)
    if kind == "Pointer":
        return PointerInput(name, path, context, changed)
    if not kind[0].isupper():
        return TextInput(name, path, context, changed, kind=kind, values=field.values)
    if kind in inside:
        return JsonInput(name, path, context, changed)
    return ObjectInput(name, path, context, changed, type_=type_named(kind), inside=inside)
