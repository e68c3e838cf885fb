# Each public name once, and the module it is loaded from.

from .answer import (
    Answer as Answer,
)
from .checkup import (
    doctor as doctor,
)
from .client import (
    Client as Client,
)
from .context import (
    Context as Context,
)
from .differences import (
    drift as drift,
)
from .errors.exceptions import (
    ApiError as ApiError,
)
from .errors.exceptions import (
    BadAnswerError as BadAnswerError,
)
from .errors.exceptions import (
    BankBusyError as BankBusyError,
)
from .errors.exceptions import (
    BunqkitError as BunqkitError,
)
from .errors.exceptions import (
    BusyError as BusyError,
)
from .errors.exceptions import (
    CallError as CallError,
)
from .errors.exceptions import (
    CatalogueError as CatalogueError,
)
from .errors.exceptions import (
    FieldError as FieldError,
)
from .errors.exceptions import (
    FrameError as FrameError,
)
from .errors.exceptions import (
    Interrupted as Interrupted,
)
from .errors.exceptions import (
    KeyFormatError as KeyFormatError,
)
from .errors.exceptions import (
    LockedError as LockedError,
)
from .errors.exceptions import (
    NoAnswerError as NoAnswerError,
)
from .errors.exceptions import (
    OutcomeUnknownError as OutcomeUnknownError,
)
from .errors.exceptions import (
    PickleRefusedError as PickleRefusedError,
)
from .errors.exceptions import (
    ScrubError as ScrubError,
)
from .errors.exceptions import (
    SettingsError as SettingsError,
)
from .errors.exceptions import (
    SignatureError as SignatureError,
)
from .errors.exceptions import (
    StateError as StateError,
)
from .errors.exceptions import (
    UnknownNameError as UnknownNameError,
)
from .errors.exceptions import (
    UnsettledError as UnsettledError,
)
from .frames import (
    to_frame as to_frame,
)
from .frames import (
    to_items as to_items,
)
from .handshake import (
    create_installation as create_installation,
)
from .handshake import (
    create_provider_credential as create_provider_credential,
)
from .handshake import (
    create_sandbox_user as create_sandbox_user,
)
from .handshake import (
    open_session as open_session,
)
from .handshake import (
    register_device as register_device,
)
from .headings import (
    describe_columns as describe_columns,
)
from .ledger import (
    Ledger as Ledger,
)
from .oauth import (
    OAuthApp as OAuthApp,
)
from .opening import (
    connect as connect,
)
from .receiver import (
    Receiver as Receiver,
)
from .reconciliation import (
    reconcile as reconcile,
)
from .related import (
    to_frames as to_frames,
)
from .scrub import (
    scrub_file as scrub_file,
)
from .settings import (
    Settings as Settings,
)
from .settings import (
    load_settings as load_settings,
)
from .signing import (
    KeyPair as KeyPair,
)
from .signing import (
    PublicKey as PublicKey,
)
from .view import (
    show as show,
)

__version__: str

def load_ipython_extension(shell: object) -> None: ...
