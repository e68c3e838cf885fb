"""The exceptions of bunqkit, and what a refusal of the bank usually means.

Every exception is a ``BunqkitError``; ``exceptions`` draws the tree, ``advice.toml`` has the table.
"""

from bunqkit.errors.exceptions import (
    ApiError as ApiError,
    BadAnswerError as BadAnswerError,
    BankBusyError as BankBusyError,
    BunqkitError as BunqkitError,
    BusyError as BusyError,
    CallError as CallError,
    CatalogueError as CatalogueError,
    FieldError as FieldError,
    FrameError as FrameError,
    Interrupted as Interrupted,
    KeyFormatError as KeyFormatError,
    LockedError as LockedError,
    NoAnswerError as NoAnswerError,
    OutcomeUnknownError as OutcomeUnknownError,
    PickleRefusedError as PickleRefusedError,
    ScrubError as ScrubError,
    SettingsError as SettingsError,
    SignatureError as SignatureError,
    StateError as StateError,
    StoppedBeforeSending as StoppedBeforeSending,
    UnknownNameError as UnknownNameError,
    UnsettledError as UnsettledError,
)
