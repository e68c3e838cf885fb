# Each public name once, and the module it is loaded from.

from . import (
    analysis as analysis,
    lessons as lessons,
    plots as plots,
    recurring as recurring,
    sandbox as sandbox,
    widgets as widgets,
)
from .analysis.reconciliation import (
    reconcile as reconcile,
)
from .auth.handshake import (
    create_installation as create_installation,
    create_provider_credential as create_provider_credential,
    create_sandbox_user as create_sandbox_user,
    open_session as open_session,
    register_device as register_device,
)
from .auth.oauth import (
    OAuthApp as OAuthApp,
)
from .catalogue.drift import (
    drift as drift,
)
from .client.answer import (
    Answer as Answer,
)
from .client.client import (
    Client as Client,
)
from .context.context import (
    Context as Context,
)
from .context.opening import (
    connect as connect,
)
from .diagnosis.checkup import (
    doctor as doctor,
)
from .diagnosis.scrub import (
    scrub_file as scrub_file,
)
from .errors.exceptions import (
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
    UnknownNameError as UnknownNameError,
    UnsettledError as UnsettledError,
)
from .frames.column_docs import (
    describe_columns as describe_columns,
)
from .frames.frames import (
    to_frame as to_frame,
    to_items as to_items,
)
from .frames.nested import (
    to_frames as to_frames,
)
from .frames.statement import (
    show as show,
)
from .ledger.ledger import (
    Ledger as Ledger,
)
from .security.signing import (
    KeyPair as KeyPair,
    PublicKey as PublicKey,
)
from .settings import (
    Settings as Settings,
    load_settings as load_settings,
)
from .webhooks.receiver import (
    Receiver as Receiver,
)

__version__: str

def load_ipython_extension(shell: object) -> None: ...
