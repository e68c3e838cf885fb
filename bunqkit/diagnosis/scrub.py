"""Takes secrets out of notebooks and recorded answers, and leaves every other byte as it is.

A file is parsed only to find its texts. It is changed in its own bytes, where the secrets stand,
and never written anew from the parsed values. ``security`` decides what is a secret.
"""

from __future__ import annotations

import json
import os
import re
import stat
import tempfile
from bisect import bisect_left
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from urllib.parse import quote

from bunqkit.auth.state import read_kept_secrets
from bunqkit.display.html import card, code
from bunqkit.display.terminal import printable
from bunqkit.errors import ScrubError
from bunqkit.security.env_files import list_profiles
from bunqkit.security.known_secrets import html_forms
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
        The line of the file, from 1.
    place
        The place in the JSON: ``cells[2].outputs[0].text``.
    kind
        ``API key``, ``private key``, or the name that the secret stands under.
    shown
        The first letters of the secret and a mask.
    """

    line: int
    place: str
    kind: str
    shown: str


class Scrubbing:
    """The secrets of a file, and its text without them; ``scrub_file`` makes it.

    Attributes
    ----------
    path
        The file.
    findings
        The secrets, in order; a private key counts once, however many lines it has.
    text
        The text of the file without the secrets.
    """

    def __init__(self, path: Path, before: str, edits: list[Edit]) -> None:
        self.path = path
        self._before = before
        self._edits = edits
        self.text = apply(before, edits)
        ends = [newline.start() for newline in re.finditer("\n", before)]
        self._lines = [bisect_left(ends, edit.start) + 1 for edit in edits]
        self.findings = tuple(
            Finding(self._lines[index], edit.place, edit.kind, edit.shown)
            for index, edit in enumerate(edits)
            if not self._continues_key(index)
        )

    def diff(self) -> str:
        """Return each line that changes: before, with its secrets shortened, and after."""
        parts = [f"--- {self.path}", f"+++ {self.path}"]
        for line, group in groupby(range(len(self._edits)), key=self._lines.__getitem__):
            indexes = list(group)
            edits = [self._edits[index] for index in indexes]
            if all(map(self._continues_key, indexes)):
                parts += [] if parts[-1] == _MORE else [_MORE]
                continue
            kinds = ", ".join(dict.fromkeys(edit.kind for edit in edits))
            parts += [
                _cut(f"@@ line {line}: {kinds}: {edits[0].place} @@"),
                f"-{self._line(edits, [edit.shown for edit in edits])}",
                f"+{self._line(edits, [edit.new for edit in edits])}",
            ]
        return "\n".join(parts)

    def _continues_key(self, index: int) -> bool:
        """Return True if an edit is a further line of the private key of the edit before it."""
        pair = self._edits[max(index - 1, 0) : index + 1]
        is_near = self._lines[index] - self._lines[index - 1] <= 1
        return len(pair) > 1 and is_near and all(edit.kind == PRIVATE_KEY_KIND for edit in pair)

    def write(self) -> None:
        """Replace the file by its text without secrets, whole or not at all, with the same mode.

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
                raise ScrubError(f"{self.path} has changed since it was read. Scrub it again.")
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
        title = f"{self.path}: secrets found: {len(self.findings) or 'none'}"
        return card(title, *([code(self.diff())] if self.findings else []))

    def _line(self, edits: list[Edit], texts: list[str]) -> str:
        """Return a line with other texts in place of its secrets; its ends may be cut off."""
        start = self._before.rfind("\n", 0, edits[0].start) + 1
        end = self._before.find("\n", edits[-1].end)
        end = len(self._before) if end < 0 else end
        if end - start > _WIDTH:
            margin = 16
            start = max(start, edits[0].start - margin)
            end = min(end, edits[-1].end + margin)
        edits_of_line = [
            Edit(edit.start - start, edit.end - start, text, "", "", "")
            for edit, text in zip(edits, texts, strict=True)
        ]
        line = apply(self._before[start:end], edits_of_line).removesuffix("\r")
        return _cut(printable(line))


def _cut(text: str) -> str:
    return text if len(text) <= _WIDTH else f"{text[: _WIDTH - 1]}…"


@forgetting
def scrub_file(path: str | os.PathLike[str]) -> Scrubbing:
    """Return the secrets in a notebook or a recording; nothing is written.

    API keys, tokens, private keys, signatures, PINs, passphrases and OAuth secrets are found by
    their shape or their name. The secrets of your own ``.env`` and state are found in every text of
    the file. Pictures and compressed files are not looked into.

    Parameters
    ----------
    path
        A notebook, JSON (such as a HAR file), or JSON lines.

    Returns
    -------
    Scrubbing
        Its ``findings`` and ``diff()`` show what would change; ``write()`` changes the file.

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
    """Raise ``ScrubError`` if the text is no notebook, JSON or JSON lines."""
    is_notebook = file.suffix == ".ipynb"
    try:
        parsed = json.loads(text)
    except ValueError as error:
        lines = [line for line in text.splitlines() if line.strip()]
        if is_notebook or not lines or not all(map(_is_json, lines)):
            line = f" (line {error.lineno})" if isinstance(error, json.JSONDecodeError) else ""
            raise ScrubError(
                f"{file} is no {'notebook' if is_notebook else 'JSON'}{line}, so it was left "
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
    """List your own secrets as they may be written: whole, line by line, in HTML, in a URL."""
    secrets: list[Secret] = []
    for profile in (None, *list_profiles()):
        _, values = read_values(profile=profile)
        secrets += [secret for name, secret in values.items() if is_secret_name(name)]
    folder = find_state_folder()
    for state_folder in (folder, *folder.glob("profiles/*")):
        secrets += read_kept_secrets(state_folder)
    lines = {line for secret in secrets for line in secret.reveal().split("\n")}
    forms: dict[str, None] = {}
    for line in sorted(lines, key=len, reverse=True):
        if len(line) >= _SHORTEST and not line.startswith("-----"):
            forms |= dict.fromkeys((line, *html_forms(line), quote(line, safe="")))
    return list(forms)
