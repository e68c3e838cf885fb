"""Learn and explore the bunq banking API from a notebook.

``bunqkit.connect()`` opens an account: at the embedded offline bank without a key, at bunq with
one. The public names stand in ``__init__.pyi``; each is loaded when it is first used.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

from bunqkit.version import __version__ as __version__

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

__getattr__, _names, __all__ = lazy_loader.attach_stub(__name__, __file__)


def __dir__() -> list[str]:
    return sorted([*_names(), "__version__"])


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Register the magic ``%bunq``; IPython calls this for ``%load_ext bunqkit``."""
    from bunqkit.cli import magics

    magics.load(shell)
