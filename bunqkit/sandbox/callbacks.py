"""Callbacks for experiments: lists those that were sent, sends by hand, sends again.

Source: bunq docs, "Callbacks", for categories; issues of the SDKs for types of events. Types that
nobody has captured are our own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bunqkit.catalogue import operations as catalogue
from bunqkit.errors import UnknownNameError
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.event_list import show_object
from bunqkit.sandbox.resources.events import add_callback, owners
from bunqkit.sandbox.webhook_sender import WebhookSender
from bunqkit.security.signing import KeyPair

CATEGORIES = {
    "BILLING": ("BILLING_INVOICE_CREATED", "Invoice"),
    "BUNQME_TAB": ("BUNQME_TAB_CREATED", "BunqMeTab"),
    "CARD_TRANSACTION_FAILED": ("CARD_TRANSACTION_FAILED", "MasterCardAction"),
    "CARD_TRANSACTION_SUCCESSFUL": ("CARD_TRANSACTION_SUCCESSFUL", "MasterCardAction"),
    "CHAT": ("CHAT_MESSAGE_RECEIVED", "ChatMessageAnnouncement"),
    "DRAFT_PAYMENT": ("DRAFT_PAYMENT_ACCEPTED", "DraftPayment"),
    "IDEAL": ("IDEAL_MERCHANT_TRANSACTION_SUCCEEDED", "IdealMerchantTransaction"),
    "MONETARY_ACCOUNT_PROFILE": ("MONETARY_ACCOUNT_PROFILE_UPDATED", "MonetaryAccountBank"),
    "MUTATION": ("MUTATION_RECEIVED", "Payment"),
    "OAUTH": ("OAUTH_REVOKED", "UserApiKey"),
    "PAYMENT": ("PAYMENT_RECEIVED", "Payment"),
    "PROMOTION": ("PROMOTION_STARTED", "FeatureAnnouncement"),
    "REQUEST": ("REQUEST_INQUIRY_ACCEPTED", "RequestInquiry"),
    "SCHEDULE_RESULT": ("SCHEDULE_INSTANCE_PAYMENT_BATCH_SUCCEEDED", "ScheduledInstance"),
    "SCHEDULE_STATUS": ("SCHEDULE_DEFINITION_PAYMENT_BATCH_CANCELLED", "ScheduledPaymentBatch"),
    "SHARE": ("SHARE_INVITE_BANK_INQUIRY_ACCEPTED", "ShareInviteBankInquiry"),
    "SOFORT": ("SOFORT_MERCHANT_TRANSACTION_SUCCEEDED", "SofortMerchantTransaction"),
    "SUPPORT": ("SUPPORT_MESSAGE_RECEIVED", "ChatMessageAnnouncement"),
    "TAB_RESULT": ("TAB_RESULT_CREATED", "BunqMeTabResultResponse"),
    "USER_APPROVAL": ("USER_APPROVAL_GRANTED", "UserPerson"),
}
"""Every category that a filter may name, with the type of event and of object to send."""


@dataclass(frozen=True)
class Attempt:
    """One attempt to deliver a callback.

    Attributes
    ----------
    at
        The bank's time, in the form of the wire.
    status
        The status of the target's answer; ``None`` if none came.
    problem
        The reason of a failure; ``None`` for a success.
    """

    at: str
    status: int | None
    problem: str | None


@dataclass(frozen=True)
class Callback:
    """One message to a target, with all attempts to deliver it.

    Attributes
    ----------
    id, person_id
        The ids of the callback and of the user whose filter asks for it.
    category, event_type, object_id
        The kind of message, and the object that it is about.
    target
        The address that it goes to.
    body, signature
        The bytes that are sent, and the bank's signature over them.
    due
        The time of the next attempt, in the form of the wire; ``None`` if there is none.
    attempts
        The attempts, oldest first.
    """

    id: int
    person_id: int
    category: str
    event_type: str
    object_id: int
    target: str
    body: bytes = field(repr=False)
    signature: str = field(repr=False)
    due: str | None
    attempts: tuple[Attempt, ...]

    @property
    def is_delivered(self) -> bool:
        """True if the target has accepted it at least once."""
        return any(attempt.problem is None for attempt in self.attempts)


class Callbacks:
    """The callbacks of one bank; ``bank.callbacks``.

    Parameters
    ----------
    ledger, key, sender
        The books, the key that signs callbacks, and the sender that delivers them.
    """

    def __init__(self, ledger: BankLedger, key: KeyPair, sender: WebhookSender) -> None:
        self._ledger = ledger
        self._key = key
        self._sender = sender

    def sent(self, *, category: str | None = None, limit: int = 100) -> list[Callback]:
        """Return the callbacks of one category or all, sent or due, newest first."""
        rows = self._ledger.rows(
            "SELECT * FROM callback WHERE category = COALESCE(?, category) "
            "ORDER BY id DESC LIMIT ?",
            category,
            limit,
        )
        return [self._read(row) for row in rows]

    def get(self, callback_id: int) -> Callback:
        """Return one callback."""
        row = self._ledger.row("SELECT * FROM callback WHERE id = ?", callback_id)
        if row is None:
            raise not_found("Callback", callback_id)
        return self._read(row)

    def trigger(
        self, category: str, *, person_id: int | None = None, target: str | None = None
    ) -> list[Callback]:
        """Send the callbacks of a category though nothing happened; return those now due.

        The object is the newest of its kind that the person has, or else an example. The sender
        delivers them within seconds; ``bank.deliver()`` does so at once.

        Parameters
        ----------
        category
            One of ``CATEGORIES``.
        person_id
            The user whose filters count; by default everybody's.
        target
            The address to send to, whatever category its filters name. It must be the target of
            a filter: the bank calls no address that nobody has subscribed.

        Raises
        ------
        Refusal
            If there is no such category, or no filter asks for it.
        """
        if category not in CATEGORIES:
            known = ", ".join(CATEGORIES)
            raise refuse(400, f'"{category}" is no category of callbacks. There are: {known}.')
        subscribers = self._subscribers(category if target is None else None, person_id)
        if target is not None:
            subscribers = list({pair: None for pair in subscribers if pair[1] == target})
        if not subscribers:
            missing = f"has subscribed {target}" if target else f"asks for {category}"
            raise refuse(400, f"Nobody {missing}. Set a filter that names the target.")
        with self._ledger.transaction():
            numbers = [self._add(category, person, address) for person, address in subscribers]
        self._sender.wake()
        return [self.get(number) for number in numbers]

    def replay(self, callback_id: int) -> Callback:
        """Send the same bytes again, whether they were delivered or not; return the callback."""
        self.get(callback_id)
        with self._ledger.transaction():
            now = wire_time(self._ledger.clock.now())
            self._ledger.update("callback", callback_id, due=now, tries=0, problem=None)
        self._sender.wake()
        return self.get(callback_id)

    def _subscribers(self, category: str | None, person_id: int | None) -> list[tuple[int, str]]:
        """Return the users and targets of the filters of a category, or of all."""
        filters = self._ledger.rows(
            "SELECT scope, json_extract(item, '$.notification_target') AS target FROM thing "
            "WHERE scope LIKE '%/notification-filter-url' "
            "AND json_extract(item, '$.category') = COALESCE(?, json_extract(item, '$.category')) "
            "ORDER BY id",
            category,
        )
        subscribers = []
        for row in filters:
            kind, number, _ = row["scope"].split("/")
            people = owners(self._ledger, int(number)) if kind == "monetary-account" else []
            if kind == "user":
                consent = self._ledger.row("SELECT * FROM consent WHERE id = ?", int(number))
                people = [int(number) if consent is None else consent["granter_id"]]
            subscribers += [
                (person, row["target"]) for person in people if person_id in (None, person)
            ]
        return subscribers

    def _add(self, category: str, person_id: int, target: str) -> int:
        event_type, kind = CATEGORIES[category]
        self._ledger.person(person_id)
        event = self._ledger.row(
            "SELECT * FROM event WHERE person_id = ? AND kind = ? ORDER BY id DESC LIMIT 1",
            person_id,
            kind,
        )
        object_by_kind = show_object(self._ledger, kind, event["object_id"]) if event else None
        item = (object_by_kind or {}).get(kind) or _example(kind)
        about = (int(item.get("id") or 0), (kind, item))
        return add_callback(self._ledger, person_id, (category, event_type), about, target)

    def _read(self, row: Any) -> Callback:
        body = row["body"].encode()
        attempts = self._ledger.rows(
            "SELECT * FROM attempt WHERE callback_id = ? ORDER BY id", row["id"]
        )
        names = ("id", "person_id", "category", "event_type", "object_id", "target", "due")
        return Callback(
            body=body,
            signature=self._key.sign(body),
            attempts=tuple(
                Attempt(attempt["at"], attempt["response_code"], attempt["problem"])
                for attempt in attempts
            ),
            **{name: row[name] for name in names},
        )


def _example(kind: str) -> dict[str, Any]:
    """Return an example of an object. Callbacks use names that types no longer have."""
    anchor = catalogue.type_named("EventObject")
    try:
        return catalogue.example_item(anchor[kind].kind if kind in anchor else kind)
    except UnknownNameError:
        return {"id": 1}
