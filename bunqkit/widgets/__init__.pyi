from .connect import ConnectPanel as ConnectPanel
from .explorer import Explorer as Explorer
from .payments import PaymentsPanel as PaymentsPanel
from .wire import WirePanel as WirePanel
