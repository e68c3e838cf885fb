"""Recorded bodies against the laws of tables, by hand: ``python tests/recordings.py FOLDER``.

Every JSON file of the folder is a recorded callback, ``{"NotificationUrl": {"object": {...}}}``, or
a bare item of the type that the file is named after. Each scalar in it must be in the table with
its value, and ``to_items`` must give the item back, without null keys, by both ways.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
from items import quick_frame

from bunqkit import to_frame, to_items
from bunqkit.frames.columns import pruned
from bunqkit.frames.schemas import join_path


def items_in(file: Path) -> list[dict[str, Any]]:
    """Give the item of a file, under its type; and the callback around it, if there is one."""
    read: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    if len(read) == 1:
        name, item = next(iter(read.items()))
        inner = item.get("object") if isinstance(item, dict) else None
        return [{name: item}] + ([inner] if inner else [])
    return [{file.stem: read}]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Give the scalars and lists of an item with their paths."""
    for key, inner in value.items():
        if isinstance(inner, dict):
            yield from leaves(inner, (*path, key))
        elif inner is not None:
            yield (*path, key), inner


def is_in(frame: pd.DataFrame, path: tuple[str, ...], value: Any) -> bool:
    """Whether the first row of a table has a value, as the number or time that it is."""
    name = join_path(path)
    if name not in frame.columns:
        return False
    found = frame[name].iloc[0]
    if isinstance(value, list):
        return pruned([found]) == pruned([value])
    if isinstance(found, pd.Timestamp):
        return bool(f"{found:%Y-%m-%d %H:%M:%S.%f}" == value)
    return bool(found == (float(value) if isinstance(found, float) else value))


def main() -> None:
    """Check the files of a folder; exit with 1 if one of them breaks a law."""
    checked, broken = 0, []
    for file in sorted(Path(sys.argv[1]).glob("*.json")):
        for item in items_in(file):
            frame, (wrapped,) = to_frame([item]), item.values()
            quick, reader = quick_frame([item])
            lost = [path for path, value in leaves(wrapped) if not is_in(frame, path, value)]
            ok = not lost and to_items(frame) == pruned([item]) == to_items(quick)
            checked += sum(1 for _ in leaves(wrapped))
            broken += [] if ok else [file.name]
            way = "general way" if reader.general_pages else "Arrow"
            kept = frame.attrs["bunqkit"]["kept"]
            told = f"{file.name:<32}{next(iter(item)):<26}{way:<12}kept {kept} lost {lost}"
            sys.stdout.write(f"{told}\n")
    sys.stdout.write(f"{checked} leaves; broken: {', '.join(broken) or 'none'}\n")
    sys.exit(bool(broken))


if __name__ == "__main__":
    main()
