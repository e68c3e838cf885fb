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
from bunqkit.widgets.panel import Fold
from bunqkit.widgets.value_inputs import FormContext, TextInput, masked

_NUMBERS = ("count", "older_id", "newer_id", "account")


class Form:
    """Everything that one operation takes.

    Parameters
    ----------
    operation
        Whose form it is.
    context
        What all inputs share.
    defaults
        Ids that fill the path unless others are given: the user, and the main account.
    changed
        Is told when a person has changed anything.
    look_up
        Asks the bank for what an id may be: gets the name of the operation that lists it.

    Attributes
    ----------
    box
        The widget that shows it.
    needs
        Names of what is still missing.
    problems
        What is wrong with what was given, each with its place.
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
        # A body of which the catalogue knows no field is written as JSON only.
        self._loose: dict[str, Any] | None = None
        self._is_typing_json = False
        self._wrong_json = ""
        self._path = ipywidgets.HTML()
        self._verdict = ipywidgets.HTML()
        self.body = self._make_body()
        self.json = self._make_json() if self._has_body else None
        self.upload = _UploadInput(context, self._hear) if operation.sends_bytes else None
        self.box = ipywidgets.VBox(self._layout())
        self._write_json()
        self._say()

    @property
    def call(self) -> DraftCall:
        """The call as it stands in the form."""
        given = {name: line.value for name, line in self.ids.items() if line.value is not None}
        body = (self._held() or {}) if self._has_body else None
        return DraftCall(self.operation, given, body, self.upload.value if self.upload else None)

    @property
    def path(self) -> str:
        """The path as it will be sent; what is missing stands in braces."""
        given = self.call.given
        query = {name: given[name] for name in self.operation.query if name in given}
        ids = {name: given[name] for name in self.operation.ids if name in given}
        filled = {**self._defaults, **ids}
        missing = {name: "_" for name in self.operation.ids if filled.get(name) is None}
        parts = iter(self.operation.ids)
        if missing:
            path = re.sub(
                r"\{[^}]*\}",
                lambda _: _shown_id(name := next(parts), filled.get(name)),
                self.operation.path,
            )
        else:
            path = self.operation.fill(ids, self._defaults)
        return f"/v1{path}" + (f"?{urlencode(query)}" if query else "")

    def fill(
        self,
        given: Mapping[str, object],
        body: Mapping[str, Any] | None,
        upload: Upload | None = None,
    ) -> None:
        """Put a call into the form, in place of what stands there."""
        if self.upload is not None:
            self.upload.held = upload
        for name, line in self.ids.items():
            line.write(given.get(name))
            # An id may be given as text; it is what the line makes of it.
            line.value = line.typed()
        self._hold(dict(body) if body else None)
        self._hear()

    def open_all(self) -> None:
        """Open everything that is folded."""
        folds = [each for each in _folds(self.box) if not each.toggle.value]
        while folds:
            for fold in folds:
                fold.toggle.value = True
            folds = [each for each in _folds(self.box) if not each.toggle.value]

    def focus(self) -> None:
        """Put the cursor into the first input."""
        for control in _controls(self.box):
            control.focus()
            return

    def refresh(self, defaults: Mapping[str, object]) -> None:
        """Offer what was learnt since, and fill the path with other defaults."""
        self._defaults = defaults
        for name, line in self.ids.items():
            line.offer(self._context.pickers.choices(name))
        self._say()

    @property
    def _has_body(self) -> bool:
        return self.operation.method in ("POST", "PUT") and not self.operation.sends_bytes

    def _held(self) -> Any:
        return self.body.value if self.body is not None else self._loose

    def _hold(self, value: dict[str, Any] | None) -> None:
        if self.body is not None:
            self.body.write(value)
        else:
            self._loose = value

    def _make_body(self) -> ObjectInput | None:
        operation = self.operation
        if operation.body is None or not self._has_body:
            return None
        return ObjectInput("", "", self._context, self._hear, type_=type_named(operation.body))

    def _make_json(self) -> ipywidgets.Textarea:
        made = ipywidgets.Textarea(
            rows=10, layout={"width": "auto"}, placeholder="{}", description="JSON"
        )
        made.add_class("bunqkit-json")
        made.observe(self._context.panel.handler(lambda _: self._hear_json()), "value")
        return made

    def _layout(self) -> list[ipywidgets.Widget]:
        needed = [name for name in self.operation.ids if name not in ("user_id", "account")]
        parts: list[ipywidgets.Widget] = [self._path]
        parts += [self._id_row(name) for name in needed]
        if self.upload is not None:
            parts.append(self.upload.box)
        if self.body is not None:
            parts.append(self.body.box)
        if "account" in self.operation.ids:
            parts.append(self._id_row("account"))
        if self.operation.query:
            lines = [self._line(name).box for name in self.operation.query]
            parts.append(Fold("Paging and filters", self._context.panel, lines))
        if self.json is not None:
            parts.append(Fold("Body as JSON", self._context.panel, [self.json]))
        return [*parts, self._verdict]

    def _line(self, name: str) -> TextInput:
        kind = "integer" if _is_number(name) else "text"
        line = TextInput(name, name, self._context, self._hear, kind=kind)
        self.ids[name] = line
        return line

    def _id_row(self, name: str) -> ipywidgets.Widget:
        line = self._line(name)
        if name == "account":
            line.control.placeholder = "the main account"
        lister = self.operation.lister(name)
        if name == "account":
            lister = "monetary-account.list"
        if lister is None:
            return line.box
        line.box.layout.flex = "1 1 auto"
        button = self._context.panel.button(
            "Look up", lambda: self._look_up(lister), tooltip=f"Send {lister}"
        )
        return ipywidgets.HBox([line.box, button])

    def _hear(self) -> None:
        """Bring everything in step with what a person has changed in the form."""
        self._wrong_json = ""
        self._write_json()
        self._say()
        self._changed()

    def _write_json(self) -> None:
        if self.json is None:
            return
        text = json.dumps(masked(self._held() or {}), indent=2, ensure_ascii=False)
        self._is_typing_json = True
        self.json.value = text
        self._is_typing_json = False

    def _hear_json(self) -> None:
        """Bring the form in step with the JSON; while it is none, the form stays as it was."""
        if self._is_typing_json or self.json is None:
            return
        self._wrong_json = ""
        try:
            read = json.loads(self.json.value or "{}")
            if not isinstance(read, dict):
                self._wrong_json = "The body is an object: write it in braces."
        except (ValueError, RecursionError) as error:
            self._wrong_json = f"This is no JSON yet: {error}."
        if not self._wrong_json:
            hidden, has_new = _hide(read, self._held())
            self._hold(hidden or None)
            if has_new:
                self._write_json()
        self._say()
        self._changed()

    def _say(self) -> None:
        """Say the path, what is missing, and what is wrong, each beside its input."""
        self._path.value = render("form_path.html", method=self.operation.method, path=self.path)
        call = self.call
        wrong, self.remarks = call.judge()
        value_inputs = list(self.body.value_inputs()) if self.body else []
        objections = {value_input.path: value_input.objection() for value_input in value_inputs}
        self.needs = [
            name
            for name in self.operation.ids
            if call.given.get(name) is None and self._defaults.get(name) is None
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
            told = [text for text in wrong if _belongs(text, value_input.path)]
            value_input.note(objections.get(value_input.path) or " ".join(told))
        for name, line in self.ids.items():
            is_wrong = isinstance(line.value, str) and _is_number(name)
            said = f"{name} is a whole number: pick one from the menu, or type it."
            line.note(said if is_wrong else "")
            wrong += [said] * is_wrong
        self.problems = wrong
        inputs = [*(value_input.path for value_input in value_inputs), *self.ids]
        apart = [text for text in wrong if not any(_belongs(text, path) for path in inputs)]
        self._verdict.value = render(
            "form_verdict.html", needs=self.needs, problems=apart, remarks=self.remarks
        )


class _UploadInput:
    """A file to send, and what it is called; ``held`` is one that was sent before."""

    def __init__(self, context: FormContext, changed: Callable[[], None]) -> None:
        self.held: Upload | None = None
        self._changed = changed
        self.control = ipywidgets.FileUpload(description="Choose a file", layout={"width": "auto"})
        self.description = ipywidgets.Text(
            description="description", style={"description_width": "200px"}
        )
        for control in (self.control, self.description):
            control.observe(context.panel.handler(lambda _: self._changed()), "value")
        self.box = ipywidgets.VBox([self.control, self.description])

    @property
    def value(self) -> Upload | None:
        """The file that was chosen, or else the one that is held."""
        if not self.control.value:
            return self.held
        (file,) = self.control.value
        description = self.description.value.strip() or file["name"]
        return Upload(file["name"], bytes(file["content"]), file["type"], description)


def _hide(read: dict[str, Any], held: Any) -> tuple[dict[str, Any], bool]:
    """Take secrets out of what was read: a mask stands for the one that is held.

    Returns
    -------
    tuple of dict, bool
        The value with ``Secret`` in the place of each secret text, and whether one was new.
    """
    has_new = False

    def walk(value: Any, known: Any) -> Any:
        nonlocal has_new
        if isinstance(value, dict):
            before = known if isinstance(known, Mapping) else {}
            made: dict[str, Any] = {}
            for name, inner in value.items():
                is_told = isinstance(inner, str | int | float) and not isinstance(inner, bool)
                if is_secret_field(name) and is_told and inner != "":
                    if inner != MASK:
                        has_new = True
                        made[name] = conceal({name: inner})[name]
                    elif isinstance(before.get(name), Secret):
                        made[name] = before[name]
                    continue
                made[name] = walk(inner, before.get(name))
            return made
        if isinstance(value, list):
            before_list = known if isinstance(known, list) else []
            padded = [*before_list, *[None] * len(value)]
            return [walk(inner, padded[at]) for at, inner in enumerate(value)]
        return value

    hidden: dict[str, Any] = walk(read, held)
    return hidden, has_new


def _shown_id(name: str, value: object) -> str:
    return f"{{{name}}}" if value is None else quote(str(value), safe="")


def _is_number(name: str) -> bool:
    return name in _NUMBERS or name.endswith("_id")


def _is_missing(text: str) -> bool:
    return text.endswith(" is missing")


def _belongs(text: str, path: str) -> bool:
    """Whether a problem is about the field at a path, or something inside it."""
    return text == path or (text.startswith(path) and text[len(path)] in ".[: ")


def _folds(widget: ipywidgets.Widget) -> list[Fold]:
    found = [widget] if isinstance(widget, Fold) else []
    for child in getattr(widget, "children", ()):
        found += _folds(child)
    return found


def _controls(widget: ipywidgets.Widget) -> list[ipywidgets.Widget]:
    if isinstance(widget, ipywidgets.Text | ipywidgets.Textarea | ipywidgets.FileUpload):
        return [widget]
    return [each for child in getattr(widget, "children", ()) for each in _controls(child)]
