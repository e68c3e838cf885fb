"""Takes secrets out of notebooks and recorded answers, and leaves every other byte as it is.

A file is parsed to know what is a text in it, and changed where the secrets stand, within its own
bytes: it is never written anew from what was parsed. ``redaction`` decides what is a secret.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from bisect import bisect_left
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from bunqkit.auth.state import read_kept_secrets
from bunqkit.display.html import card, code
from bunqkit.display.terminal import printable
from bunqkit.errors import ScrubError
from bunqkit.security.env_files import list_profiles
from bunqkit.security.redaction import Secret, forgetting, is_secret_name
from bunqkit.security.secret_scan import PRIVATE_KEY_KIND
from bunqkit.security.secret_scan_json import Edit, apply, find_edits
from bunqkit.settings import find_state_folder, read_values

_WIDTH = 76
_MORE = "  (and so on, for each line of the key)"
_BOM = "\ufeff"


@dataclass(frozen=True)
class Finding:
    """One secret in a file.

    Attributes
    ----------
    line
        Of the file, from 1.
    place
        Where in the JSON: ``cells[2].outputs[0].text``.
    kind
        What it is: ``API key``, ``private key``, or the name that it stands under.
    shown
        Its first letters and a mask.
    """

    line: int
    place: str
    kind: str
    shown: str


class Scrubbing:
    """A file's secrets, and the file without them; made by ``scrub_file``, which writes nothing.

    Attributes
    ----------
    path
        The file.
    findings
        Its secrets, in order; a private key counts once, however many lines it has.
    text
        The file's text without them.
    """

    def __init__(self, path: Path, before: str, edits: list[Edit]) -> None:
        self.path = path
        self._before = before
        self._edits = edits
        self.text = apply(before, edits)
        ends = [found.start() for found in re.finditer("\n", before)]
        self._lines = [bisect_left(ends, edit.start) + 1 for edit in edits]
        self.findings = tuple(
            Finding(self._lines[at], edit.place, edit.kind, edit.shown)
            for at, edit in enumerate(edits)
            if not self._goes_on(at)
        )

    def diff(self) -> str:
        """Show each line that changes, before with its secrets shortened, and after."""
        parts = [f"--- {self.path}", f"+++ {self.path}"]
        for line, group in groupby(range(len(self._edits)), key=self._lines.__getitem__):
            places = list(group)
            edits = [self._edits[at] for at in places]
            if all(map(self._goes_on, places)):
                parts += [] if parts[-1] == _MORE else [_MORE]
                continue
            kinds = ", ".join(dict.fromkeys(edit.kind for edit in edits))
            parts += [
                _cut(f"@@ line {line}: {kinds}: {edits[0].place} @@"),
                f"-{self._line(edits, [edit.shown for edit in edits])}",
                f"+{self._line(edits, [edit.new for edit in edits])}",
            ]
        return "\n".join(parts)

    def _goes_on(self, at: int) -> bool:
        """Whether a stretch is a further line of the private key before it."""
        two = self._edits[max(at - 1, 0) : at + 1]
        is_near = self._lines[at] - self._lines[at - 1] <= 1
        return len(two) > 1 and is_near and all(edit.kind == PRIVATE_KEY_KIND for edit in two)

    def write(self) -> None:
        """Put the file without its secrets in its place, whole or not at all, with its mode.

        Raises
        ------
        ScrubError
            If the file was changed since it was read, or can't be written.
        """
        if not self.findings:
            return
        path = self.path.resolve()
        temporary = ""
        try:
            if path.read_bytes() != self._before.encode():
                raise ScrubError(f"{self.path} was changed meanwhile. Scrub it again.")
            handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=".scrub-")
            with os.fdopen(handle, "wb") as file:
                file.write(self.text.encode())
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).chmod(stat.S_IMODE(path.stat().st_mode))
            Path(temporary).replace(path)
        except OSError as error:
            Path(temporary).unlink(missing_ok=True)
            raise ScrubError(
                f"{self.path} can't be written ({error.strerror}), and is as it was. Make the "
                "file and its folder writable."
            ) from error

    def __repr__(self) -> str:
        if not self.findings:
            return f"{self.path}: no secret found."
        return f"{self.diff()}\n{self.path}: secrets found: {len(self.findings)}."

    def _repr_html_(self) -> str:
        title = f"{escape(str(self.path))}: secrets found: {len(self.findings) or 'none'}"
        return card(title, code(self.diff()) if self.findings else "")

    def _line(self, edits: list[Edit], texts: list[str]) -> str:
        """Give a line with other texts in place of its secrets; its ends may be cut off."""
        start = self._before.rfind("\n", 0, edits[0].start) + 1
        end = self._before.find("\n", edits[-1].end)
        end = len(self._before) if end < 0 else end
        if end - start > _WIDTH:
            margin = 16
            start = max(start, edits[0].start - margin)
            end = min(end, edits[-1].end + margin)
        moved = [
            Edit(edit.start - start, edit.end - start, text, "", "", "")
            for edit, text in zip(edits, texts, strict=True)
        ]
        line = apply(self._before[start:end], moved).removesuffix("\r")
        return _cut(printable(line))


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


@forgetting
def scrub_file(path: str | os.PathLike[str]) -> Scrubbing:
    """Look through a notebook or a recording for secrets; nothing is written.

    API keys, tokens, private keys, signatures, PINs, passphrases and OAuth secrets are found by
    their shape or their name, and whatever stands in your own ``.env`` and state by itself, in
    every text of the file. What is inside a picture or a compressed file is not seen.

    Parameters
    ----------
    path
        A notebook, or JSON (such as a HAR file), or a JSON value a line.

    Returns
    -------
    Scrubbing
        Its ``findings`` and ``diff()`` show what would go; ``write()`` puts the file in its place.

    Raises
    ------
    ScrubError
        If the file can't be read or parsed.
    """
    file = Path(path).expanduser()
    try:
        text = file.read_bytes().decode()
    except OSError as error:
        raise ScrubError(f"{file} can't be read ({error.strerror}). Check the path.") from error
    except UnicodeDecodeError as error:
        raise ScrubError(f"{file} is no text in UTF-8, so it was left alone.") from error
    try:
        _insist_on_json(file, text.removeprefix(_BOM))
        edits = find_edits(text, _own_secrets())
    except RecursionError as error:
        raise ScrubError(
            f"{file} is nested too deeply to be read, so it was left alone."
        ) from error
    return Scrubbing(file, text, edits)


def _insist_on_json(file: Path, text: str) -> None:
    """Return if the text is a notebook, JSON, or a JSON value a line."""
    is_notebook = file.suffix == ".ipynb"
    try:
        parsed = json.loads(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if is_notebook or len(lines) < 2 or not all(map(_is_json, lines)):  # noqa: PLR2004
            where = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            raise ScrubError(
                f"{file} is no {'notebook' if is_notebook else 'JSON'}{where}, so it was left "
                "alone. Only notebooks, JSON and JSON lines can be scrubbed."
            ) from None
        return
    if is_notebook and not (isinstance(parsed, dict) and {"cells", "worksheets"} & parsed.keys()):
        raise ScrubError(f"{file} is no notebook: it has no cells. It was left alone.")


def _is_json(line: str) -> bool:
    try:
        json.loads(line)
    except ValueError:
        return False
    return True


_SHORTEST = 6


def _own_secrets() -> list[str]:
    """Give your own secrets as they may be written down: whole, line by line, in HTML, in a URL."""
    own: list[Secret] = []
    for profile in (None, *list_profiles()):
        _, settings = read_values(profile=profile)
        own += [secret for name, secret in settings.items() if is_secret_name(name)]
    folder = find_state_folder()
    for each in (folder, *folder.glob("profiles/*")):
        own += read_kept_secrets(each)
    lines = {line for secret in own for line in secret.reveal().split("\n")}
    written: dict[str, None] = {}
    for line in sorted(lines, key=len, reverse=True):
        if len(line) >= _SHORTEST and not line.startswith("-----"):
            written |= dict.fromkeys((line, escape(line), quote(line, safe="")))
    return list(written)
