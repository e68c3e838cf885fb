"""A bank in a box: bunq's protocol, offline, with real keys, tokens, signatures and refusals.

What it is not, so far:

- Only these calls have rules: sandbox users, installation, device-server, session-server, session,
  user, monetary-account, monetary-account-bank, payment, request-inquiry. Every other call of the
  API answers 501 and says so.
- A request for money from another person of the bank stays pending, but for the sugar daddy's.
- Payments to an IBAN outside the bank are booked at once; the real sandbox may not carry them out.
- Daily limits are kept and shown, and not enforced. Avatars have no pictures.
- Texts of refusals for which no source shows bunq's are our own: too little money, an unknown
  counterparty, a missing field, a page that can't be asked for.
- Refusals are signed; bunq sends some (429, 491, 5xx) unsigned.
- ``count`` above 200 is cut to 200. A key that is never bound is lost after one hour (sources say
  one or four). An expired session is refused with 403 (older sources say 401) and is extended by
  a call in its last 30 minutes (one source says seconds).
"""

from bunqkit.sandbox.bank import Bank
from bunqkit.sandbox.clock import Clock
from bunqkit.sandbox.faults import Fault
from bunqkit.sandbox.office import Office
from bunqkit.sandbox.resources.card_use import CardUse

__all__ = ["Bank", "CardUse", "Clock", "Fault", "Office"]
