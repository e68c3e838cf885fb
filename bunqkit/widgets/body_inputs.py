"""The inputs of a body: objects and lists, made of the inputs of single values.

A field that the catalogue does not know has no input, and its value is kept. The inputs of folded
fields are made when the fold is opened.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import ipywidgets

from bunqkit.catalogue.operations import Field, Type, type_named
from bunqkit.display.html import strong
from bunqkit.security.redaction import is_secret_field
from bunqkit.widgets.fold import Fold
from bunqkit.widgets.panel import swap
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
    """The fields of an object: required ones are shown, the others are folded.

    Parameters
    ----------
    path, context, changed
        As :class:`Input` takes them.
    type_
        The type of the object.
    inside
        The names of the types that it stands in: a type inside itself is written as JSON.
    """

    def __init__(
        self,
        path: str,
        context: FormContext,
        changed: Callable[[], None],
        *,
        type_: Type,
        inside: tuple[str, ...] = (),
    ) -> None:
        super().__init__(path, context, changed)
        self._inside = (*inside, type_.name)
        self.inputs: dict[str, Input] = {}
        shown = [field for field in type_.writable if field.required]
        self._folded = [field for field in type_.writable if not field.required]
        if len(self._folded) == 1 and not shown:
            shown, self._folded = self._folded, []
        boxes = [self._add(field).box for field in shown]
        self.fold: Fold | None = None
        if self._folded:
            self.fold = Fold(self._fold_title(), context.panel, self._make_folded)
            boxes.append(self.fold)
        self.box = ipywidgets.VBox(boxes)
        if path:
            self.box = ipywidgets.VBox([ipywidgets.HTML(strong(self.name)), self.box])
            self.box.add_class("bunqkit-group")

    def typed(self) -> Any:
        """Return the object as its inputs show it; fields without an input stay as they were."""
        return self._with({name: field.typed() for name, field in self.inputs.items()})

    def value_inputs(self) -> Iterator[ValueInput]:
        """List the inputs of single values, at any depth, that are built so far."""
        for field in self.inputs.values():
            yield from field.value_inputs()

    def _with(self, changes: Mapping[str, Any]) -> dict[str, Any] | None:
        """Return the object with other values of some fields; ``None`` takes a field out."""
        before = self.value if isinstance(self.value, Mapping) else {}
        gone = {name for name, part in changes.items() if part is None}
        fields = {name: part for name, part in {**before, **changes}.items() if name not in gone}
        return fields or None

    def _add(self, field: Field) -> Input:
        path = f"{self.path}.{field.name}" if self.path else field.name
        self.inputs[field.name] = make_input(
            field, path, self._context, lambda: self._on_field(field.name), inside=self._inside
        )
        return self.inputs[field.name]

    def _on_field(self, name: str) -> None:
        """Put the value of one field into the object; the others stay as they are."""
        self.value = self._with({name: self.inputs[name].value})
        self._changed()

    def _make_folded(self) -> list[ipywidgets.Widget]:
        boxes = [self._add(field).box for field in self._folded]
        self.write(self.value)
        return boxes

    def _fold_title(self) -> str:
        count = len(self._folded)
        return f"{count} more field{'' if count == 1 else 's'}"

    def _show(self, value: Any) -> None:
        values = value if isinstance(value, Mapping) else {}
        for name, field in self.inputs.items():
            if field.value != values.get(name):
                field.write(values.get(name))
        if self.fold is not None:
            filled = [field.name for field in self._folded if field.name in values]
            suffix = f", given: {', '.join(filled)}" if filled else ""
            self.fold.set_title(self._fold_title() + suffix)


class ListInput(ValueInput):
    """A list: one input for each value, and buttons to add and to remove."""

    def __init__(
        self,
        path: str,
        context: FormContext,
        changed: Callable[[], None],
        *,
        field: Field,
        inside: tuple[str, ...] = (),
    ) -> None:
        self._field = field
        self._inside = inside
        self.inputs: list[Input] = []
        super().__init__(path, context, changed)

    def typed(self) -> Any:
        """Return the list as its inputs show it."""
        return [member.typed() for member in self.inputs] or None

    def value_inputs(self) -> Iterator[ValueInput]:
        """List the list itself and the inputs of its values."""
        yield self
        for member in self.inputs:
            yield from member.value_inputs()

    def _make_content(self) -> list[ipywidgets.Widget]:
        self._rows = ipywidgets.VBox()
        self.add_button = self._context.panel.button(f"Add one to {self.name}", self._add)
        return [self._rows, self.add_button]

    def _add(self) -> None:
        self.write([*self._values(), None])
        self._changed()

    def _remove(self, at: int) -> None:
        values = self._values()
        self.write([*values[:at], *values[at + 1 :]] or None)
        self._changed()

    def _on_member(self, at: int) -> None:
        values = self._values()
        values[at] = self.inputs[at].value
        self.value = values
        self._changed()

    def _values(self) -> list[Any]:
        return list(self.value) if isinstance(self.value, list) else []

    def _show(self, value: Any) -> None:
        values = value if isinstance(value, list) else []
        if len(values) != len(self.inputs):
            self.inputs = [self._make_member(at) for at in range(len(values))]
            swap(self._rows, [self._row(at) for at in range(len(values))])
        for member, member_value in zip(self.inputs, values, strict=True):
            member.write(member_value)

    def _make_member(self, at: int) -> Input:
        return make_one(
            self._field,
            f"{self.path}[{at}]",
            self._context,
            lambda: self._on_member(at),
            inside=self._inside,
        )

    def _row(self, at: int) -> ipywidgets.Widget:
        remove = self._context.panel.button(
            f"Remove {self.name} {at + 1}", lambda: self._remove(at)
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
    """Make the input of a field; ``inside`` has the names of the types that it stands in."""
    if field.is_body_list:
        return ListInput(path, context, changed, field=field, inside=inside)
    return make_one(field, path, context, changed, inside=inside)


def make_one(
    field: Field,
    path: str,
    context: FormContext,
    changed: Callable[[], None],
    *,
    inside: tuple[str, ...],
) -> Input:
    """Make the input of one value of a field."""
    kind = field.body_kind
    if is_secret_field(field.name):
        return SecretInput(path, context, changed)
    if kind == "Amount":
        return AmountInput(path, context, changed)
    if kind == "Pointer":
        return PointerInput(path, context, changed)
    if not kind[0].isupper():
        return TextInput(path, context, changed, kind=kind, values=field.values)
    if kind in inside:
        return JsonInput(path, context, changed)
    return ObjectInput(path, context, changed, type_=type_named(kind), inside=inside)
