"""Payment links (bunq.me): made, paid by whoever has the link, cancelled, expired.

Source: bunq docs, "bunq.me tab"; a capture of 2017 for the expiry after 30 days. A link can be paid
more than once. bunq has no call to pay one: ``Bank.pay_tab`` and the control desk do.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from bunqkit.sandbox import scheduled_jobs
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger, Movement
from bunqkit.sandbox.refusal import refuse
from bunqkit.sandbox.resources.accounts import own_account
from bunqkit.sandbox.resources.call import Call, Item, Verbs, created
from bunqkit.sandbox.resources.events import announce, record
from bunqkit.sandbox.resources.generic_resources import StoredResource, collection, shown_as
from bunqkit.sandbox.resources.labels import label_account
from bunqkit.sandbox.resources.payments import book, check_description, show_payment_of
from bunqkit.sandbox.resources.shape import shape
from bunqkit.sandbox.resources.wire import amount, read_cents

_LIFETIME = timedelta(days=30)
_RESULT = "BunqMeTabResultResponse"
_MERCHANTS = ("IDEAL", "SOFORT", "BANCONTACT")


def create_tab(call: Call) -> list[Item]:
    """Make a link; a ``status`` that is sent is not looked at."""
    ledger, account, entry = call.ledger, own_account(call), call.body["bunqme_tab_entry"]
    cents = None
    if entry.get("amount_inquired") is not None:
        cents = read_cents(entry, "amount_inquired", account["currency"])
    check_description(entry.get("description") or "", outside=False)
    expiry = ledger.clock.now() + _LIFETIME
    secret = {"account_id": account["id"], "cents": cents, "entry": entry, "paid": []}
    values = {"status": "WAITING_FOR_PAYMENT", "time_expiry": wire_time(expiry)}
    tab = StoredResource.post(call, "BunqMeTab", values, secret=secret)
    scheduled_jobs.plan(ledger, "tab", tab.id, expiry)
    _announce(tab, "CREATED")
    return created(tab.id)


def update_tab(call: Call) -> list[Item]:
    """Cancel a link that waits: the one change that it takes."""
    own_account(call)
    tab = StoredResource.find(call)
    if call.body.get("status") != "CANCELLED":
        raise refuse(400, 'A bunq.me tab can only be changed to status "CANCELLED".')
    _check_open(tab)
    end_tab(tab, "CANCELLED")
    return created(tab.id)


def expire_tab(ledger: BankLedger, number: int) -> None:
    """End a link whose time is over."""
    end_tab(StoredResource.read(ledger, number), "EXPIRED")


def end_tab(tab: StoredResource, status: str) -> None:
    """End a link: nobody can pay by it any more."""
    scheduled_jobs.cancel(tab.ledger, "tab", tab.id)
    tab.save(status=status)
    _announce(tab, status)


def pay_tab(
    ledger: BankLedger,
    number: int,
    *,
    cents: int | None = None,
    name: str = "J. de Vries",
    account_id: int | None = None,
) -> int:
    """Pay by a link, by iDEAL or from an account of the bank; return the payment's id.

    Parameters
    ----------
    ledger, number
        The books, and the id of the link.
    cents
        How much; needed if the link does not say it.
    name, account_id
        Who pays: somebody outside of that name, or an account of the bank.
    """
    tab = StoredResource.typed(ledger, "BunqMeTab", "Bunqme tab", number)
    secret = tab.secret
    _check_open(tab)
    cents = secret["cents"] if cents is None else cents
    if type(cents) is not int or cents <= 0:
        raise refuse(400, "This bunq.me tab does not say how much. Say it, in cents.")
    currency, kind = ledger.account(secret["account_id"])["currency"], "BUNQ"
    payer = account_id
    if payer is None:
        payer, kind = ledger.outsider(name, currency=currency), "IDEAL"
    description = secret["entry"].get("description") or ""
    paid, got = book(ledger, payer, secret["account_id"], Movement(cents, description, type=kind))
    secret["paid"].append(got)
    tab.save()
    # The name of this event is our own.
    _announce(tab, "PAID", "TAB_RESULT")
    if account_id is not None:
        scope = f"monetary-account/{account_id}/bunqme-tab-result-response"
        result = StoredResource.add(ledger, scope, _RESULT, {}, secret={"payment_id": paid})
        record(ledger, account_id, _RESULT, result.id)
    return got


def _check_open(tab: StoredResource) -> None:
    if tab.status != "WAITING_FOR_PAYMENT":
        raise refuse(400, f"This bunq.me tab is {tab.status} and leads nowhere any more.")


def _announce(tab: StoredResource, word: str, *more: str) -> None:
    """Announce what happened to a link, to further categories of filters first."""
    notices = tuple((category, f"BUNQME_TAB_{word}") for category in (*more, "BUNQME_TAB"))
    about, account_id = ("BunqMeTab", tab.id), tab.secret["account_id"]
    announce(tab.ledger, account_id, about, notices, lambda: show_tab(tab))


@shown_as("BunqMeTab")
def show_tab(tab: StoredResource) -> dict[str, Any]:
    """Return a link, with what was paid by it."""
    item, secret, ledger = tab.fields, tab.secret, tab.ledger
    account, cents = ledger.account(secret["account_id"]), secret["cents"]
    alias = label_account(ledger, account["id"])
    own = {
        "uuid": item["uuid"],
        "created": tab.created,
        "updated": tab.updated,
        "amount_inquired": None if cents is None else amount(cents, account["currency"]),
        "alias": alias,
        "status": item["status"],
        "merchant_available": [
            {"merchant_type": kind, "available": kind == "IDEAL"} for kind in _MERCHANTS
        ],
    }
    entry = shape("BunqMeTabEntry", secret["entry"] | own)
    return {
        "monetary_account_id": account["id"],
        "type": "BUNQ_ME",
        "alias_monetary_account": alias,
        "bunqme_tab_share_url": f"https://bunq.me/t/{item['uuid']}",
        "bunqme_tab_entry": entry,
        "bunqme_tab_entries": [entry],
        "result_inquiries": [
            {"payment": show_payment_of(ledger, number)[1], "bunq_me_tab_id": tab.id}
            for number in secret["paid"]
        ],
    }


@shown_as(_RESULT)
def show_result(result: StoredResource) -> dict[str, Any]:
    """Return what was paid by a link, as the payer sees it."""
    return {"payment": show_payment_of(result.ledger, result.secret["payment_id"])[1]}


RULES: dict[str, Verbs] = {
    "bunqme-tab": collection(show_tab, create=create_tab, update=update_tab),
    "bunqme-tab-result-response": collection(show_result),
}
