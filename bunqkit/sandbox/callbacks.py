"""A laboratory for callbacks: what was sent and how it went, by hand and once more.

Source: bunq docs, "Callbacks", for categories; types of events as captured in issues of the SDKs,
those that nobody has captured are our own.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from bunqkit.catalogue import operations as catalogue
from bunqkit.errors import UnknownNameError
from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
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
"""Every category that a filter may name, with the event and the object that ``trigger`` sends."""


@dataclass(frozen=True)
class Attempt:
    """One time that a callback was sent.

    Attributes
    ----------
    at
        The bank's time, as it is written.
    status
        Of the target's answer; ``None`` if none came.
    problem
        What was wrong; ``None`` for a success.
    """

    at: str
    status: int | None
    problem: str | None


@dataclass(frozen=True)
class Callback:
    """One message to a target, as often as it was sent.

    Attributes
    ----------
    id, person_id
        Its number, and whose it is.
    category, event_type, object_id
        What it tells, and of what.
    target
        Where it goes.
    body, signature
        The bytes that are sent, and the bank's signature over them.
    due
        When it will be sent (again), as it is written; ``None`` for never.
    attempts
        Oldest first.
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
        """Whether the target has taken it, at least once."""
        return any(attempt.problem is None for attempt in self.attempts)


class Callbacks:
    """The callbacks of one bank; ``bank.callbacks``.

    Parameters
    ----------
    ledger, key, sender
        Where they are kept, what signs them, and who brings them.
    """

    def __init__(self, ledger: Ledger, key: KeyPair, sender: WebhookSender) -> None:
        self._ledger = ledger
        self._key = key
        self._sender = sender

    def sent(self, *, category: str | None = None, limit: int = 100) -> list[Callback]:
        """Give those that were or will be sent, newest first, of one category or all."""
        rows = self._ledger.rows(
            "SELECT * FROM callback WHERE category = COALESCE(?, category) "
            "ORDER BY id DESC LIMIT ?",
            category,
            limit,
        )
        return [self._read(row) for row in rows]

    def get(self, callback_id: int) -> Callback:
        """Give one of them."""
        row = self._ledger.row("SELECT * FROM callback WHERE id = ?", callback_id)
        if row is None:
            raise not_found("Callback", callback_id)
        return self._read(row)

    def trigger(
        self, category: str, *, person_id: int | None = None, target: str | None = None
    ) -> list[Callback]:
        """Have a category's callback sent though nothing happened; give what is now due.

        The object is the newest of its kind that the person has, else an example. ``deliver()`` of
        the bank sends at once; else the sender does within seconds.

        Parameters
        ----------
        category
            One of ``CATEGORIES``.
        person_id
            Whose filters are asked; by default everybody's.
        target
            Where to send it, whatever category that target's filters name. It must be a target of
            a filter: the bank calls no address that nobody has subscribed.

        Raises
        ------
        Refusal
            If there is no such category, or nobody asks for it.
        """
        if category not in CATEGORIES:
            known = ", ".join(CATEGORIES)
            raise refuse(400, f'"{category}" is no category of callbacks. There are: {known}.')
        told = self._asking(category if target is None else None, person_id)
        if target is not None:
            told = list({each: None for each in told if each[1] == target})
        if not told:
            asked = f"has subscribed {target}" if target else f"asks for {category}"
            raise refuse(400, f"Nobody {asked}. Set a filter that names the target.")
        with self._ledger.transaction():
            numbers = [self._add(category, *each) for each in told]
        self._sender.wake()
        return [self.get(number) for number in numbers]

    def replay(self, callback_id: int) -> Callback:
        """Have the same bytes sent once more, whatever became of them; give what is now due."""
        self.get(callback_id)
        with self._ledger.transaction():
            now = wire_time(self._ledger.clock.now())
            self._ledger.update("callback", callback_id, due=now, tries=0, problem=None)
        self._sender.wake()
        return self.get(callback_id)

    def _asking(self, category: str | None, person_id: int | None) -> list[tuple[int, str]]:
        """Return people and targets whose filters name a category, or any."""
        filters = self._ledger.rows(
            "SELECT scope, json_extract(item, '$.notification_target') AS target FROM thing "
            "WHERE scope LIKE '%/notification-filter-url' "
            "AND json_extract(item, '$.category') = COALESCE(?, json_extract(item, '$.category')) "
            "ORDER BY id",
            category,
        )
        told = []
        for row in filters:
            kind, number, _ = row["scope"].split("/")
            people = owners(self._ledger, int(number)) if kind == "monetary-account" else []
            if kind == "user":
                consent = self._ledger.row("SELECT * FROM consent WHERE id = ?", int(number))
                people = [int(number) if consent is None else consent["granter_id"]]
            told += [(each, row["target"]) for each in people if person_id in (None, each)]
        return told

    def _add(self, category: str, person_id: int, target: str) -> int:
        event_type, kind = CATEGORIES[category]
        self._ledger.person(person_id)
        event = self._ledger.row(
            "SELECT * FROM event WHERE person_id = ? AND kind = ? ORDER BY id DESC LIMIT 1",
            person_id,
            kind,
        )
        found = show_object(self._ledger, kind, event["object_id"]) if event else None
        item = (found or {}).get(kind) or _example(kind)
        about = (int(item.get("id") or 0), (kind, item))
        return add_callback(self._ledger, person_id, (category, event_type), about, target)

    def _read(self, row: Any) -> Callback:
        body = row["body"].encode()
        attempts = self._ledger.rows(
            "SELECT * FROM attempt WHERE callback_id = ? ORDER BY id", row["id"]
        )
        return Callback(
            id=row["id"],
            person_id=row["person_id"],
            category=row["category"],
            event_type=row["event_type"],
            object_id=row["object_id"],
            target=row["target"],
            body=body,
            signature=self._key.sign(body),
            due=row["due"],
            attempts=tuple(
                Attempt(each["at"], each["response_code"], each["problem"]) for each in attempts
            ),
        )


def _example(kind: str) -> dict[str, Any]:
    """Give a made-up object; callbacks keep names that types have lost."""
    anchor = catalogue.type_named("EventObject")
    try:
        return catalogue.example_item(anchor[kind].kind if kind in anchor else kind)
    except UnknownNameError:
        return {"id": 1}
