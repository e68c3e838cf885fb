"""Learn and explore the bunq banking API from a notebook.

``bunqkit.connect()`` opens an account: at the embedded offline bank without a key, at bunq with
one. Everything below is loaded when it is first used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

__version__ = "0.1.0"

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from bunqkit.answer import Answer as Answer
    from bunqkit.checkup import doctor as doctor
    from bunqkit.client import Client as Client
    from bunqkit.context import Context as Context
    from bunqkit.differences import drift as drift
    from bunqkit.errors import ApiError as ApiError
    from bunqkit.errors import BadAnswerError as BadAnswerError
    from bunqkit.errors import BankBusyError as BankBusyError
    from bunqkit.errors import BunqkitError as BunqkitError
    from bunqkit.errors import BusyError as BusyError
    from bunqkit.errors import CallError as CallError
    from bunqkit.errors import CatalogueError as CatalogueError
    from bunqkit.errors import FieldError as FieldError
    from bunqkit.errors import FrameError as FrameError
    from bunqkit.errors import Interrupted as Interrupted
    from bunqkit.errors import KeyFormatError as KeyFormatError
    from bunqkit.errors import LockedError as LockedError
    from bunqkit.errors import NoAnswerError as NoAnswerError
    from bunqkit.errors import OutcomeUnknownError as OutcomeUnknownError
    from bunqkit.errors import PickleRefusedError as PickleRefusedError
    from bunqkit.errors import ScrubError as ScrubError
    from bunqkit.errors import SettingsError as SettingsError
    from bunqkit.errors import SignatureError as SignatureError
    from bunqkit.errors import StateError as StateError
    from bunqkit.errors import UnknownNameError as UnknownNameError
    from bunqkit.errors import UnsettledError as UnsettledError
    from bunqkit.frames import to_frame as to_frame
    from bunqkit.frames import to_items as to_items
    from bunqkit.handshake import create_installation as create_installation
    from bunqkit.handshake import create_provider_credential as create_provider_credential
    from bunqkit.handshake import create_sandbox_user as create_sandbox_user
    from bunqkit.handshake import open_session as open_session
    from bunqkit.handshake import register_device as register_device
    from bunqkit.headings import describe_columns as describe_columns
    from bunqkit.ledger import Ledger as Ledger
    from bunqkit.oauth import OAuthApp as OAuthApp
    from bunqkit.opening import connect as connect
    from bunqkit.receiver import Receiver as Receiver
    from bunqkit.reconciliation import reconcile as reconcile
    from bunqkit.related import to_frames as to_frames
    from bunqkit.scrub import scrub_file as scrub_file
    from bunqkit.settings import Settings as Settings
    from bunqkit.settings import load_settings as load_settings
    from bunqkit.signing import KeyPair as KeyPair
    from bunqkit.signing import PublicKey as PublicKey
    from bunqkit.view import show as show

_HOMES = {
    "answer": ("Answer",),
    "checkup": ("doctor",),
    "client": ("Client",),
    "context": ("Context",),
    "differences": ("drift",),
    "errors": (
        "ApiError",
        "BadAnswerError",
        "BankBusyError",
        "BunqkitError",
        "BusyError",
        "CallError",
        "CatalogueError",
        "FieldError",
        "FrameError",
        "Interrupted",
        "KeyFormatError",
        "LockedError",
        "NoAnswerError",
        "OutcomeUnknownError",
        "PickleRefusedError",
        "ScrubError",
        "SettingsError",
        "SignatureError",
        "StateError",
        "UnknownNameError",
        "UnsettledError",
    ),
    "frames": ("to_frame", "to_items"),
    "handshake": (
        "create_installation",
        "create_provider_credential",
        "create_sandbox_user",
        "open_session",
        "register_device",
    ),
    "headings": ("describe_columns",),
    "ledger": ("Ledger",),
    "reconciliation": ("reconcile",),
    "oauth": ("OAuthApp",),
    "opening": ("connect",),
    "receiver": ("Receiver",),
    "related": ("to_frames",),
    "scrub": ("scrub_file",),
    "settings": ("Settings", "load_settings"),
    "signing": ("KeyPair", "PublicKey"),
    "view": ("show",),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # noqa: PLE0605 (one list of names, not two)


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'bunqkit' has no attribute {name!r}")
    found: object = getattr(importlib.import_module(f"bunqkit.{_HOME_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted([*__all__, "__version__"])


def load_ipython_extension(shell: InteractiveShell) -> None:
    """Give a notebook the magic ``%bunq``; called by ``%load_ext bunqkit``."""
    from bunqkit import magics  # noqa: PLC0415 (when first used)

    magics.load(shell)
