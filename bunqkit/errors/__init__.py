"""The exceptions of the kit, and what a refusal of the bank usually means.

Every exception is a ``BunqkitError``; ``exceptions`` draws the tree, ``advice`` holds the causes.
"""

from bunqkit.errors.exceptions import (
    ApiError as ApiError,
)
from bunqkit.errors.exceptions import (
    BadAnswerError as BadAnswerError,
)
from bunqkit.errors.exceptions import (
    BankBusyError as BankBusyError,
)
from bunqkit.errors.exceptions import (
    BunqkitError as BunqkitError,
)
from bunqkit.errors.exceptions import (
    BusyError as BusyError,
)
from bunqkit.errors.exceptions import (
    CallError as CallError,
)
from bunqkit.errors.exceptions import (
    CatalogueError as CatalogueError,
)
from bunqkit.errors.exceptions import (
    FieldError as FieldError,
)
from bunqkit.errors.exceptions import (
    FrameError as FrameError,
)
from bunqkit.errors.exceptions import (
    Interrupted as Interrupted,
)
from bunqkit.errors.exceptions import (
    KeyFormatError as KeyFormatError,
)
from bunqkit.errors.exceptions import (
    LockedError as LockedError,
)
from bunqkit.errors.exceptions import (
    NoAnswerError as NoAnswerError,
)
from bunqkit.errors.exceptions import (
    OutcomeUnknownError as OutcomeUnknownError,
)
from bunqkit.errors.exceptions import (
    PickleRefusedError as PickleRefusedError,
)
from bunqkit.errors.exceptions import (
    ScrubError as ScrubError,
)
from bunqkit.errors.exceptions import (
    SettingsError as SettingsError,
)
from bunqkit.errors.exceptions import (
    SignatureError as SignatureError,
)
from bunqkit.errors.exceptions import (
    StateError as StateError,
)
from bunqkit.errors.exceptions import (
    StoppedBeforeSending as StoppedBeforeSending,
)
from bunqkit.errors.exceptions import (
    UnknownNameError as UnknownNameError,
)
from bunqkit.errors.exceptions import (
    UnsettledError as UnsettledError,
)
