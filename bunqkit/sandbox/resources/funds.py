"""Small answers about money: whether there is enough, and what a code asks to be paid.

Source: bunq docs, "Confirmation of funds" and "Token QR request".
"""

from __future__ import annotations

from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.call import Call, Item
from bunqkit.sandbox.resources.wire import cents_of


def confirm_funds(call: Call) -> list[Item]:
    """Say whether an account of the bank has an amount; that of a stranger never has."""
    pointer, told = call.body["pointer_iban"], call.body["amount"]
    cents = cents_of(told, told["currency"], "amount")
    row = None
    if pointer["type"] == "IBAN":
        row = call.ledger.account_behind("IBAN", pointer["value"])
    enough = (
        row is not None
        and row["person_id"] is not None
        and row["currency"] == told["currency"]
        and row["balance"] >= cents
    )
    return [("ConfirmationOfFunds", {"has_sufficient_funds": enough})]


def read_code(_call: Call) -> list[Item]:
    """Refuse a token of a QR code: no shop of this bank shows any."""
    raise refuse(400, "The token is not valid.")
