from .admin import Admin as Admin
from .bank import Bank as Bank
from .clock import Clock as Clock
from .faults import Fault as Fault
from .quirks import Quirks as Quirks
from .resources.card_use import CardUse as CardUse
from .resources.debits import DirectDebit as DirectDebit
