"""Where bunq's own description of its API is wrong or silent, and how we know.

One table. Each row says what is corrected, of which things, what it is instead, and the source.
A row that finds nothing to correct fails the build: the description has caught up, delete the row.

Sources: "SDK" is bunq/sdk_python 1.27 (its constants and tests), "capture" an answer of the real
bank shown in public (QNimbus/bunq 2023, the SDK's assets 2017, jorttbv/bunq-client fixtures),
"docs" is doc.bunq.com, "name#number" an issue of that repository of bunq, "2020 description" its
swagger of September 2020. "Inferred" is our own conclusion from these.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from bunqkit.catalogue.known_values import VALUES

__all__ = ["CORRECTIONS", "Correction"]


@dataclass(frozen=True, slots=True)
class Correction:
    """One row of the table.

    The facts of a field are those of ``catalogue.json``: ``kind``, ``body`` (kind in a body),
    ``list``, ``body_list``, ``use`` (``r`` in answers, ``w`` in bodies), ``required``.

    Attributes
    ----------
    what
        ``wire name``: a class of the description is called ``says`` on the wire.
        ``answer``: the answer schema ``of`` stands for the type ``says``.
        ``same answer``: the type ``of`` reads like the type ``says``.
        ``ignore``: the type ``of``, or these fields ``Type.field`` of it, are not on the wire.
        ``field``: the field ``Type.field`` has the facts ``says``; it is added if unknown.
        ``values``: the set of values of ``Type.field``, instead of what the prose names.
        ``not paged``: these list operations give everything at once.
        ``query``: further query parameters of these operations.
        ``signed``, ``moves money``, ``sends bytes``: operations with this property.
    of
        Names, separated by blanks; see :meth:`names`.
    says
        The fact; ``None`` where the row itself is the fact.
    source
        Who says so.
    """

    what: str
    of: str
    says: Any
    source: str

    def names(self) -> list[str]:
        """Give the things that the row is about: ``A,B.x,y`` is A.x, A.y, B.x and B.y."""
        parts = [word.partition(".") for word in self.of.split()]
        return [
            f"{owner}{dot}{member}"
            for owners, dot, members in parts
            for owner in owners.split(",")
            for member in members.split(",")
        ]


def _read(kind: str, **more: Any) -> dict[str, Any]:
    """Give the facts of a field that occurs in answers only."""
    return {"kind": kind, "use": "r", **more}


def _both(kind: str) -> dict[str, Any]:
    """Give the facts of a field of answers and bodies."""
    return {"kind": kind, "use": "rw"}


def _body(kind: str, **more: Any) -> dict[str, Any]:
    """Give the facts of a field that occurs in bodies only."""
    return {"kind": kind, "use": "w", **more}


# Notes hang under twenty parents; each has a class of its own.
_NOTES = (
    "{0}AdyenCardTransaction {0}BankSwitchServiceNetherlandsIncomingPayment "
    "{0}BunqMeFundraiserResult {0}DraftPayment {0}IdealMerchantTransaction "
    "{0}MasterCardAction {0}OpenBankingMerchantTransaction {0}Payment {0}PaymentBatch "
    "{0}PaymentDelayed {0}RequestInquiry {0}RequestInquiryBatch {0}RequestResponse "
    "{0}ScheduleInstance {0}SchedulePayment {0}SchedulePaymentBatch {0}ScheduleRequest "
    "{0}ScheduleRequestBatch {0}SofortMerchantTransaction {0}WhitelistResult"
)

_WIRE_NAMES = (
    (_NOTES.format("NoteText"), "NoteText", "SDK"),
    (_NOTES.format("NoteAttachment"), "NoteAttachment", "SDK"),
    ("BunqId", "Id", "SDK"),
    ("InstallationToken SessionServerToken", "Token", "SDK"),
    ("InvoiceByUser", "Invoice", "SDK"),
    ("BunqMeFundraiserProfileUser", "BunqMeFundraiserProfile", "SDK"),
    ("CardName", "CardUserNameArray", "SDK"),
    ("SchedulePayment", "ScheduledPayment", "SDK, capture"),
    ("SchedulePaymentBatch", "ScheduledPaymentBatch", "SDK"),
    ("ScheduleInstance", "ScheduledInstance", "SDK, capture"),
    ("TransferwiseTransfer", "TransferwisePayment", "SDK"),
    ("ExportStatement", "CustomerStatement", "SDK"),
    ("InsightEvent", "Event", "SDK"),
    ("Insight", "InsightCategory", "SDK"),
    ("InstallationServerPublicKey", "ServerPublicKey", "SDK"),
    ("NotificationFilterUrlMonetaryAccount", "NotificationFilterUrl", "SDK"),
    ("PaymentServiceProviderCredential UserCredentialPasswordIp", "CredentialPasswordIp", "SDK"),
    ("SandboxUserPerson SandboxUserCompany", "ApiKey", "SDK"),
    ("TokenQrRequestIdeal TokenQrRequestSofort", "RequestResponse", "SDK"),
    ("TransferwiseAccountQuote", "TransferwiseRecipient", "SDK"),
    ("TransferwiseAccountRequirement", "TransferwiseRequirement", "SDK"),
    ("TransferwiseQuoteTemporary", "TransferwiseQuote", "SDK"),
    ("UserCompanyName", "UserCompanyNameArray", "SDK"),
    ("UserLegalName", "UserLegalNameArray", "SDK"),
    ("WhitelistSddMonetaryAccountPaying", "WhitelistSdd", "SDK"),
    (
        "MasterCardIdentityCheckChallengeRequestUser",
        "MasterCardIdentityCheckChallengeRequest",
        "SDK",
    ),
)

_ANSWERS = (
    ("AttachmentPublicCreate", "Uuid", "SDK"),
    ("CardUpdate", "Card", "SDK"),
    ("CardCreditCreate", "CardCredit", "SDK"),
    ("CardDebitCreate", "CardDebit", "SDK"),
    ("CompanyListing CompanyRead", "UserCompany", "SDK"),
    ("ConfirmationOfFundsCreate", "ConfirmationOfFunds", "SDK"),
    ("HealthCheckListing", "HealthCheckResult", "SDK"),
    ("MasterCardPaymentListing", "Payment", "SDK"),
    ("NotificationFilterEmailCreate", "NotificationFilterEmail", "SDK"),
    ("NotificationFilterPushCreate", "NotificationFilterPush", "SDK"),
    (
        "NotificationFilterUrlCreate NotificationFilterUrlMonetaryAccountCreate",
        "NotificationFilterUrl",
        "sdk_php#177, sdk_php#184, sdk_python#130, sdk_python#154",
    ),
    ("PaymentAutoAllocateUserListing", "PaymentAutoAllocate", "SDK"),
    ("PaymentServiceProviderCredentialCreate", "CredentialPasswordIp", "SDK, docs"),
    ("RequestResponseUpdate", "RequestResponse", "SDK"),
    ("SandboxUserCompanyCreate SandboxUserPersonCreate", "ApiKey", "SDK"),
    ("SchedulePaymentUpdate", "ScheduledPayment", "SDK"),
    ("TokenQrRequestSofortCreate", "RequestResponse", "SDK"),
    ("WhitelistSddListing WhitelistSddRead", "Whitelist", "SDK: decoded by the key of the item"),
)

_FIELDS = (
    # Envelope types that the description does not draw.
    ("Uuid.uuid ApiKey.api_key", _read("text"), "SDK"),
    ("Token.created,updated", _read("time"), "capture"),
    ("ConfirmationOfFunds.has_sufficient_funds", _read("boolean"), "docs"),
    ("Whitelist.WhitelistSddOneOff", _read("WhitelistSddOneOff"), "SDK; members inferred"),
    ("Whitelist.WhitelistSddRecurring", _read("WhitelistSddRecurring"), "SDK; members inferred"),
    # Members that are named after their types.
    ("ShareDetail.ShareDetailPayment", _both("ShareDetailPayment"), "capture, SDK"),
    ("ShareDetail.ShareDetailReadOnly", _both("ShareDetailReadOnly"), "capture, SDK"),
    ("ShareDetail.ShareDetailDraftPayment", _both("ShareDetailDraftPayment"), "capture, SDK"),
    # Others are written as a Pointer and read as a label.
    (
        "Payment,RequestInquiry,DraftPaymentEntry,SchedulePaymentEntry.counterparty_alias",
        {"body": "Pointer"},
        "doc#203, sdk_php#175, SDK",
    ),
    (
        "CoOwner.alias ShareInviteMonetaryAccountInquiry.counter_user_alias",
        {"body": "Pointer"},
        "docs of 2018, sdk_php#145",
    ),
    ("RequestInquiry.user_alias_created", {"kind": "LabelMonetaryAccount"}, "capture"),
    # What the API demands although the description does not say so.
    ("Pointer.type,value Amount.value,currency", {"required": True}, "docs"),
    ("Payment.amount,counterparty_alias,description", {"required": True}, "SDK, docs"),
    (
        "RequestInquiry.amount_inquired,counterparty_alias,description",
        {"required": True},
        "SDK, docs",
    ),
    ("MonetaryAccountBank.currency", {"required": True}, "bunq's hackathon toolkit of 2026"),
    ("MonetaryAccountJoint.all_co_owner", {"required": True}, "docs of 2018"),
    (
        "DraftPaymentEntry,SchedulePaymentEntry.amount,counterparty_alias,description",
        {"required": True},
        "as in a payment: inferred",
    ),
    ("ScheduledPayment.payment,schedule", {"required": True}, "docs, SDK"),
    ("ScheduledPaymentBatch.payments,schedule", {"required": True}, "docs, SDK"),
    ("Schedule.time_start,recurrence_unit,recurrence_size", {"required": True}, "docs, SDK"),
    ("PaymentBatch.payments", {"required": True}, "docs, SDK"),
    (
        "RequestInquiryBatch.request_inquiries,total_amount_inquired",
        {"required": True},
        "docs, SDK",
    ),
    (
        "AttachmentMonetaryAccountPayment,Id.id Certificate.certificate CardPinAssignment.type",
        {"required": True},
        "the object says nothing without it: inferred",
    ),
    # Kinds that are drawn wrongly.
    ("Geolocation.latitude,longitude,altitude,radius", {"kind": "number"}, "sdk_java#45"),
    (
        "MonetaryAccountSavings,MonetaryAccountExternalSavings.savings_goal_progress",
        {"kind": "number"},
        "sdk_csharp#118",
    ),
    (
        "InvoiceItem.vat PaymentAutoAllocateDefinition.fraction",
        {"kind": "number"},
        "a fraction is seldom whole: inferred",
    ),
    ("Event.user_id,monetary_account_id", {"kind": "any"}, "captures: text, and integers"),
    (
        "TransferwisePayment.monetary_account_id,recipient_id",
        {"kind": "any"},
        "ids drawn as text: inferred",
    ),
    (
        "PaymentBatch.payments",
        {"kind": "Payment", "list": True},
        "capture; the description draws an object with one list",
    ),
    (
        "ShareInviteMonetaryAccountInquiry,ShareInviteMonetaryAccountResponse.start_date,end_date",
        {"kind": "time"},
        "capture",
    ),
    # The fields of the request were lost to the answer of the same name.
    ("Avatar.uuid", {"use": "r"}, "SDK, bunq/postman"),
    ("Avatar.attachment_public_uuid", _body("text", required=True), "SDK, bunq/postman"),
    (
        "NotificationFilterUrl.notification_filters",
        _body("NotificationFilterUrlEntry", list=True, required=True),
        "sdk_php#177, sdk_python#15",
    ),
    (
        "NotificationFilterPush,NotificationFilterEmail.notification_filters",
        _body("NotificationFilterEntry", list=True, required=True),
        "docs",
    ),
    (
        "NotificationFilterUrlEntry.category,notification_target NotificationFilterEntry.category",
        _body("text", required=True),
        "docs; the names of the types are ours",
    ),
    (
        "NotificationFilterUrl,NotificationFilterPush,NotificationFilterEmail.id",
        _read("integer"),
        "2020 description",
    ),
    (
        "NotificationFilterUrl,NotificationFilterPush,NotificationFilterEmail.created,updated",
        _read("time"),
        "2020 description",
    ),
    (
        (
            "NotificationFilterUrl.category,notification_target "
            "NotificationFilterPush,NotificationFilterEmail.category"
        ),
        _read("text"),
        "sdk_php#177, 2020 description",
    ),
    # An error text is an array of objects; the description draws an array of such arrays.
    ("Error.error_description,error_description_translated", _read("text"), "docs"),
    # On the wire, not in the description.
    ("ScheduleAnchorObject.ScheduledPayment", _read("ScheduledPayment"), "capture"),
    ("ChatMessageAnnouncement.id,conversation_id", _read("integer"), "capture"),
    ("ChatMessageAnnouncement.created,updated", _read("time"), "capture"),
    ("ChatMessageAnnouncement.client_message_uuid", _read("text"), "capture"),
    (
        "ChatMessageAnnouncement.content",
        _read("ChatMessageContent"),
        "capture; the name of the type is ours",
    ),
    (
        "ChatMessageContent.ChatMessageContentText",
        _read("ChatMessageContentText"),
        "capture",
    ),
    ("ChatMessageContentText.text", _read("text"), "capture"),
    ("NotificationUrl.target_url,category,event_type", _read("text"), "capture: a callback"),
    ("NotificationUrl.object", _read("EventObject"), "capture"),
    ("Image.urls", _read("AttachmentUrl", list=True), "capture"),
    ("LabelUser.type", _read("text"), "capture"),
    ("Event.additional_transaction_information", _read("any"), "sdk_csharp#163"),
    (
        (
            "ScheduledPayment,ScheduledPaymentBatch,ScheduledInstance,PaymentBatch,"
            "RequestInquiryBatch,PermittedIp.id"
        ),
        _read("integer"),
        "capture",
    ),
    (
        (
            "DraftPayment,ScheduledPayment,ScheduledPaymentBatch,ScheduledInstance,PaymentBatch,"
            "RequestInquiryBatch,PermittedIp,MasterCardAction,BunqMeTabEntry,"
            "ShareInviteMonetaryAccountInquiry.created,updated"
        ),
        _read("time"),
        "capture",
    ),
    ("Schedule.time_next", _read("time"), "capture"),
    ("ScheduledPayment.monetary_account_id", _read("integer"), "capture"),
    (
        "ScheduledPayment.label_schedule_user_created,label_schedule_user_canceled",
        _read("LabelUser"),
        "capture",
    ),
    ("SchedulePaymentEntry,RequestInquiry.type,sub_type", _read("text"), "capture"),
    ("MonetaryAccountBank,MonetaryAccountJoint.country,timezone", _read("text"), "capture"),
    ("MonetaryAccountBank.total_request_pending", _read("Amount"), "choffmann/bunq-overview 2023"),
    (
        (
            "Schedule,OauthCallbackUrl,IdealMerchantTransaction,SofortMerchantTransaction,"
            "TransferwisePayment,TransferwiseRecipient,PaymentServiceProviderDraftPayment,"
            "BunqMeTabResultResponse,FeatureAnnouncement,BunqMeFundraiserProfile,"
            "BankSwitchServiceNetherlandsIncomingPayment,AdditionalTransactionInformationCategory,"
            "MasterCardIdentityCheckChallengeRequest.id"
        ),
        _read("integer"),
        "the item's own path and the paging cursors need it: inferred",
    ),
)

_IGNORED = (
    ("PaymentBatchAnchoredPayment", "capture: payments are a plain list"),
    (
        (
            "MonetaryAccount.alias,balance,monetary_account_profile,setting,budget,reason,"
            "reason_description,share,all_auto_save_id,fulfillments,relation_user,all_co_owner,"
            "co_owner_invite,open_banking_account,birdee_investment_portfolio"
        ),
        "doc#203: the account is one object under its real type",
    ),
    ("ShareDetail.payment,read_only,draft_payment", "capture, SDK: named after their types"),
    ("Invoice.description,external_url", "merged from another resource: inferred"),
)

_NOT_PAGED = (
    (
        (
            "user.list card-name.list legal-name.list user-company.name.list limit.list "
            "installation.list installation.server-public-key.list notification-filter-url.list "
            "user.notification-filter-url.list notification-filter-push.list "
            "notification-filter-email.list notification-filter-failure.list "
            "transferwise-currency.list transferwise-user.list "
            "transferwise-quote.transferwise-recipient.list "
            "transferwise-quote.transferwise-recipient-requirement.list"
        ),
        "capture, docs",
    ),
    (
        (
            "health-check.list insight-preference-date.list tree-progress.list insights.list "
            "currency-cloud-beneficiary-requirement.list billing-contract-subscription.list "
            "additional-transaction-information-category.list"
        ),
        "one answer or a fixed set: inferred",
    ),
)

_QUERY = (
    ("event.list", "monetary_account_id status display_user_event", "docs"),
    (
        (
            "monetary-account.list monetary-account-bank.list monetary-account-joint.list "
            "monetary-account-savings.list monetary-account-external.list "
            "monetary-account-external-savings.list monetary-account-card.list"
        ),
        "status",
        "clients that use it",
    ),
    ("insights.list", "time_start time_end", "docs; names inferred"),
    ("insights-search.list", "time_start time_end category", "docs; names inferred"),
)

_SIGNED = (
    (
        (
            "session-server.create payment.create payment-batch.create schedule-payment.create "
            "schedule-payment.update schedule-payment-batch.create schedule-payment-batch.update "
            "draft-payment.update request-response.update"
        ),
        "docs, Signing",
    ),
    (
        "transferwise-quote.transferwise-transfer.create currency-conversion-quote.update",
        "they pay: inferred",
    ),
)
_MOVES_MONEY = (
    (
        (
            "payment.create payment-batch.create payment-batch.update schedule-payment.create "
            "schedule-payment.update schedule-payment-batch.create schedule-payment-batch.update "
            "draft-payment.update request-response.update"
        ),
        "docs, Signing",
    ),
    (
        (
            "transferwise-quote.transferwise-transfer.create currency-conversion-quote.update "
            "payment-auto-allocate.create payment-auto-allocate.update "
            "schedule.schedule-instance.update challenge-request.update"
        ),
        (
            "a transfer, an accepted quote, a standing order to sort money, a retried "
            "instalment, an approved card payment: inferred"
        ),
    ),
)

CORRECTIONS: tuple[Correction, ...] = (
    *(Correction("wire name", of, says, source) for of, says, source in _WIRE_NAMES),
    *(Correction("answer", of, says, source) for of, says, source in _ANSWERS),
    Correction("same answer", "CardCredit CardDebit", "Card", "SDK"),
    *(Correction("ignore", of, None, source) for of, source in _IGNORED),
    *(Correction("field", of, says, source) for of, says, source in _FIELDS),
    *(Correction("values", of, says.split(), source) for of, says, source in VALUES),
    *(Correction("not paged", of, None, source) for of, source in _NOT_PAGED),
    *(Correction("query", of, says.split(), source) for of, says, source in _QUERY),
    *(Correction("signed", of, None, source) for of, source in _SIGNED),
    *(Correction("moves money", of, None, source) for of, source in _MOVES_MONEY),
    Correction("sends bytes", "attachment-public.create attachment.create", None, "docs, SDK"),
)
