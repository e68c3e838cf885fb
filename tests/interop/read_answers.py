"""Reads answers with the classes of bunq's own Python SDK; run by ``test_other_clients.py``.

On its input a list of ``{"name": ..., "path": ..., "items": [...]}``; on its output how many items
were read, and which were not.
"""

from __future__ import annotations

import inspect
import json
import re
import sys

from bunq.sdk.json import converter
from bunq.sdk.model.generated import endpoint


def bare(path: str) -> str:
    """Return a path without the names of its ids."""
    return re.sub(r"{[^}]*}", "{}", path).strip("/")


def main() -> None:
    """Read them all."""
    kinds = {
        getattr(kind, name): kind
        for _, kind in inspect.getmembers(endpoint, inspect.isclass)
        for name in ("_ENDPOINT_URL_READ", "_ENDPOINT_URL_LISTING")
        if getattr(kind, name, None)
    }
    read, problems = 0, []
    for answer in json.load(sys.stdin):
        for item in answer["items"]:
            try:
                converter.deserialize(kinds[bare(answer["path"])], item)
                read += 1
            except Exception as error:  # noqa: BLE001 (each is told)
                problems.append(f"{answer['name']}: {error!r}")
    sys.stdout.write(json.dumps({"read": read, "problems": problems}))


main()
