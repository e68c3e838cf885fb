"""The form of one operation, made from the catalogue: ids, query, body, and the body as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from urllib.parse import quote, urlencode

import ipywidgets

from bunqkit.catalogue.operations import Operation, type_named
from bunqkit.display.html import render
from bunqkit.security.redaction import MASK, Secret, conceal, is_secret_field
from bunqkit.widgets.body_inputs import ObjectInput
from bunqkit.widgets.draft_call import DraftCall, Upload
from bunqkit.widgets.fold import Fold
from bunqkit.widgets.value_inputs import FormContext, TextInput, masked

_NUMBERS = ("count", "older_id", "newer_id", "account")


class Form:
    """The inputs of one operation.

    Parameters
    ----------
    operation
        The operation.
    context
        What all inputs share.
    defaults
        Ids that fill the path unless others are typed: the user, and the main account.
    changed
        Called when a person has changed anything.
    look_up
        Asks the bank for the values of an id: gets the name of the operation that lists them.

    Attributes
    ----------
    box
        The widget that shows the form.
    needs
        The names of the inputs that are still missing.
    problems
        What is wrong with the values, each with its place.
    remarks
        What is unusual about the values, though they can be sent.
    """

    def __init__(
        self,
        operation: Operation,
        context: FormContext,
        *,
        defaults: Mapping[str, object],
        changed: Callable[[], None],
        look_up: Callable[[str], None],
    ) -> None:
        self.operation = operation
        self.needs: list[str] = []
        self.problems: list[str] = []
        self.remarks: list[str] = []
        self.ids: dict[str, TextInput] = {}
        self._context = context
        self._defaults = defaults
        self._changed = changed
        self._look_up = look_up
        # The body, if the catalogue knows none of its fields: it is written as JSON only.
        self._free_body: dict[str, Any] | None = None
        self._is_typing_json = False
        self._wrong_json = ""
        self._path = ipywidgets.HTML()
        self._verdict = ipywidgets.HTML()
        self.body = self._make_body()
        self.json = self._make_json() if self._has_body else None
        self.upload = _UploadInput(context, self._on_input) if operation.sends_bytes else None
        self.box = ipywidgets.VBox(self._layout())
        self._write_json()
        self._check()

    @property
    def call(self) -> DraftCall:
        """The call as it stands in the form."""
        ids = {name: field.value for name, field in self.ids.items() if field.value is not None}
        body = (self._body_value() or {}) if self._has_body else None
        return DraftCall(self.operation, ids, body, self.upload.value if self.upload else None)

    @property
    def path(self) -> str:
        """The path as it will be sent; the name of a missing id stands in braces."""
        arguments = self.call.arguments
        query = {name: arguments[name] for name in self.operation.query if name in arguments}
        ids = {name: arguments[name] for name in self.operation.ids if name in arguments}
        values = {**self._defaults, **ids}
        names = iter(self.operation.ids)
        if any(values.get(name) is None for name in self.operation.ids):
            path = re.sub(
                r"\{[^}]*\}",
                lambda _: _path_segment(name := next(names), values.get(name)),
                self.operation.path,
            )
        else:
            path = self.operation.fill(ids, self._defaults)
        return f"/v1{path}" + (f"?{urlencode(query)}" if query else "")

    def fill(
        self,
        arguments: Mapping[str, object],
        body: Mapping[str, Any] | None,
        upload: Upload | None = None,
    ) -> None:
        """Replace the content of the form by a call."""
        if self.upload is not None:
            self.upload.previous = upload
        for name, field in self.ids.items():
            field.write(arguments.get(name))
            # An id may come as a text; its input makes a number of it.
            field.value = field.typed()
        self._set_body(dict(body) if body else None)
        self._on_input()

    def open_all(self) -> None:
        """Open everything that is folded."""
        while closed := [fold for fold in _folds(self.box) if not fold.toggle.value]:
            for fold in closed:
                fold.toggle.value = True

    def focus(self) -> None:
        """Put the cursor into the first input."""
        if controls := _controls(self.box):
            controls[0].focus()

    def refresh(self, defaults: Mapping[str, object]) -> None:
        """Offer new choices, and fill the path with other defaults."""
        self._defaults = defaults
        for name, field in self.ids.items():
            field.offer(self._context.pickers.choices(name))
        self._check()

    @property
    def _has_body(self) -> bool:
        return self.operation.method in ("POST", "PUT") and not self.operation.sends_bytes

    def _body_value(self) -> Any:
        return self.body.value if self.body is not None else self._free_body

    def _set_body(self, value: dict[str, Any] | None) -> None:
        if self.body is not None:
            self.body.write(value)
        else:
            self._free_body = value

    def _make_body(self) -> ObjectInput | None:
        operation = self.operation
        if operation.body is None or not self._has_body:
            return None
        return ObjectInput("", self._context, self._on_input, type_=type_named(operation.body))

    def _make_json(self) -> ipywidgets.Textarea:
        area = ipywidgets.Textarea(
            rows=10, layout={"width": "auto"}, placeholder="{}", description="JSON"
        )
        area.add_class("bunqkit-json")
        self._context.panel.on_change(self._on_json, area)
        return area

    def _layout(self) -> list[ipywidgets.Widget]:
        parts: list[ipywidgets.Widget] = [self._path]
        parts += [
            self._id_row(name) for name in self.operation.ids if name not in ("user_id", "account")
        ]
        if self.upload is not None:
            parts.append(self.upload.box)
        if self.body is not None:
            parts.append(self.body.box)
        if "account" in self.operation.ids:
            parts.append(self._id_row("account"))
        if self.operation.query:
            boxes = [self._make_id(name).box for name in self.operation.query]
            parts.append(Fold("Paging and filters", self._context.panel, boxes))
        if self.json is not None:
            parts.append(Fold("Body as JSON", self._context.panel, [self.json]))
        return [*parts, self._verdict]

    def _make_id(self, name: str) -> TextInput:
        kind = "integer" if _is_number(name) else "text"
        self.ids[name] = TextInput(name, self._context, self._on_input, kind=kind)
        return self.ids[name]

    def _id_row(self, name: str) -> ipywidgets.Widget:
        """Make the input of an id, with a button that looks up its values if they can be listed."""
        field = self._make_id(name)
        lister = self.operation.lister(name)
        if name == "account":
            field.control.placeholder = "the main account"
            lister = "monetary-account.list"
        if lister is None:
            return field.box
        field.box.layout.flex = "1 1 auto"
        button = self._context.panel.button(
            "Look up", lambda: self._look_up(lister), tooltip=f"Send {lister}"
        )
        return ipywidgets.HBox([field.box, button])

    def _on_input(self) -> None:
        """Update everything that depends on the inputs."""
        self._wrong_json = ""
        self._write_json()
        self._check()
        self._changed()

    def _write_json(self) -> None:
        if self.json is None:
            return
        text = json.dumps(masked(self._body_value() or {}), indent=2, ensure_ascii=False)
        self._is_typing_json = True
        self.json.value = text
        self._is_typing_json = False

    def _on_json(self) -> None:
        """Update the inputs from the JSON; while it is not valid, they stay as they were."""
        if self._is_typing_json or self.json is None:
            return
        self._wrong_json = ""
        try:
            body = json.loads(self.json.value or "{}")
            if not isinstance(body, dict):
                self._wrong_json = "The body is an object: write it in braces."
        except (ValueError, RecursionError) as error:
            self._wrong_json = f"This is no JSON yet: {error}."
        if not self._wrong_json:
            hidden, has_new = _hide_secrets(body, self._body_value())
            self._set_body(hidden or None)
            if has_new:
                self._write_json()
        self._check()
        self._changed()

    def _check(self) -> None:
        """Show the path, what is missing, and what is wrong, the last beside its input."""
        self._path.value = render("form_path.html", method=self.operation.method, path=self.path)
        call = self.call
        wrong, self.remarks = call.judge()
        value_inputs = list(self.body.value_inputs()) if self.body else []
        objections = {value_input.path: value_input.objection() for value_input in value_inputs}
        self.needs = [
            name
            for name in self.operation.ids
            if call.arguments.get(name) is None and self._defaults.get(name) is None
        ]
        if self.operation.sends_bytes and call.upload is None:
            self.needs.append("a file")
        self.needs += [text.removesuffix(" is missing") for text in wrong if _is_missing(text)]
        wrong = [text for text in wrong if not _is_missing(text)]
        for path, objection in objections.items():
            if objection and not any(_belongs(text, path) for text in wrong):
                wrong.append(f"{path}: {objection}")
        if self._wrong_json:
            wrong.append(self._wrong_json)
        for value_input in value_inputs:
            problems = [text for text in wrong if _belongs(text, value_input.path)]
            value_input.note(objections.get(value_input.path) or " ".join(problems))
        for name, field in self.ids.items():
            problem = ""
            if isinstance(field.value, str) and _is_number(name):
                problem = f"{name} is a whole number: pick one from the menu, or type it."
                wrong.append(problem)
            field.note(problem)
        self.problems = wrong
        paths = [*objections, *self.ids]
        apart = [text for text in wrong if not any(_belongs(text, path) for path in paths)]
        self._verdict.value = render(
            "form_verdict.html", needs=self.needs, problems=apart, remarks=self.remarks
        )


class _UploadInput:
    """A file to send and its description; ``previous`` is a file that was sent before."""

    def __init__(self, context: FormContext, changed: Callable[[], None]) -> None:
        self.previous: Upload | None = None
        self.control = ipywidgets.FileUpload(description="Choose a file", layout={"width": "auto"})
        self.description = ipywidgets.Text(
            description="description", style={"description_width": "200px"}
        )
        context.panel.on_change(changed, self.control, self.description)
        self.box = ipywidgets.VBox([self.control, self.description])

    @property
    def value(self) -> Upload | None:
        """The file that was chosen, or else the previous one."""
        if not self.control.value:
            return self.previous
        (file,) = self.control.value
        description = self.description.value.strip() or file["name"]
        return Upload(file["name"], bytes(file["content"]), file["type"], description)


def _hide_secrets(body: dict[str, Any], before: Any) -> tuple[dict[str, Any], bool]:
    """Replace the secrets in a typed body; a mask stands for the secret that was there before.

    Returns
    -------
    tuple of dict, bool
        The body with a ``Secret`` in place of each secret text; True if one of them is new.
    """
    has_new = False

    def hide(value: Any, old: Any) -> Any:
        nonlocal has_new
        if isinstance(value, list):
            old_list = [*old] if isinstance(old, list) else []
            old_list += [None] * len(value)
            return [hide(member, old_list[at]) for at, member in enumerate(value)]
        if not isinstance(value, dict):
            return value
        old_fields = old if isinstance(old, Mapping) else {}
        fields: dict[str, Any] = {}
        for name, member in value.items():
            is_text = isinstance(member, str | int | float) and not isinstance(member, bool)
            if not (is_secret_field(name) and is_text and member != ""):
                fields[name] = hide(member, old_fields.get(name))
            elif member != MASK:
                has_new = True
                fields[name] = conceal({name: member})[name]
            elif isinstance(old_fields.get(name), Secret):
                fields[name] = old_fields[name]
        return fields

    hidden: dict[str, Any] = hide(body, before)
    return hidden, has_new


def _path_segment(name: str, value: object) -> str:
    return f"{{{name}}}" if value is None else quote(str(value), safe="")


def _is_number(name: str) -> bool:
    return name in _NUMBERS or name.endswith("_id")


def _is_missing(text: str) -> bool:
    return text.endswith(" is missing")


def _belongs(text: str, path: str) -> bool:
    """Return True if a problem is about the field at a path, or something inside it."""
    return text == path or (text.startswith(path) and text[len(path)] in ".[: ")


def _folds(widget: ipywidgets.Widget) -> list[Fold]:
    inner = [fold for child in getattr(widget, "children", ()) for fold in _folds(child)]
    return [widget, *inner] if isinstance(widget, Fold) else inner


def _controls(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    if isinstance(widget, ipywidgets.Text | ipywidgets.Textarea | ipywidgets.FileUpload):
        return [widget]
    return [control for child in getattr(widget, "children", ()) for control in _controls(child)]
