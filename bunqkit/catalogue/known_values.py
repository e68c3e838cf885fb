"""The values that fields are known to have, where bunq's prose does not simply name them.

Part of the table in ``corrections.py``, which names the sources. Every set is open.
"""

from __future__ import annotations

__all__ = ["VALUES"]

_ACCOUNTS = (
    "MonetaryAccountBank,MonetaryAccountExternal,MonetaryAccountExternalSavings,"
    "MonetaryAccountJoint,MonetaryAccountSavings"
)

VALUES: tuple[tuple[str, str, str], ...] = (
    (
        f"{_ACCOUNTS},MonetaryAccountInvestment,MonetaryAccountLight.sub_status",
        (
            "NONE COMPLETELY ONLY_ACCEPTING_INCOMING REDEMPTION_INVOLUNTARY REDEMPTION_VOLUNTARY "
            "PERMANENT"
        ),
        "description",
    ),
    (
        f"{_ACCOUNTS}.status",
        "ACTIVE BLOCKED CANCELLED PENDING_REOPEN PENDING_ACCEPTANCE",
        "description, capture",
    ),
    (
        "Card,CardCredit,CardDebit.status",
        "ACTIVE DEACTIVATED LOST STOLEN CANCELLED EXPIRED PIN_TRIES_EXCEEDED",
        "description",
    ),
    ("CardBatchEntry.status", "ACTIVE DEACTIVATED LOST STOLEN CANCELLED", "description"),
    (
        "Payment.type",
        "BUNQ EBA_SCT EBA_SDD IDEAL SWIFT FIS MASTERCARD CHECKOUT_MERCHANT",
        "description, capture, a third party's export",
    ),
    (
        "Payment.sub_type",
        "PAYMENT WITHDRAWAL REVERSAL REQUEST BILLING SCT SDD NLO",
        "description",
    ),
    ("Pointer.type", "EMAIL PHONE_NUMBER IBAN", "description"),
    ("NotificationFilter.notification_delivery_method", "PUSH URL", "description"),
    ("RelationUser.status", "", "description: names a method, no value"),
    ("RequestResponse.sub_type", "ONCE RECURRING NONE", "description"),
    ("RequestInquiry.status", "PENDING ACCEPTED REJECTED REVOKED EXPIRED", "capture"),
    ("RequestInquiry.type", "INTERNAL", "capture"),
    ("RequestInquiry.sub_type", "NONE", "capture"),
    ("DraftPayment.status", "ACTIVE PENDING ACCEPTED REJECTED CANCELLED", "capture, docs"),
    (
        "ShareInviteMonetaryAccountInquiry,ShareInviteMonetaryAccountResponse.status",
        "ACTIVE REVOKED REJECTED PENDING ACCEPTED",
        "description, capture",
    ),
    (
        "ShareInviteMonetaryAccountInquiry.access_type",
        "VIEW_BALANCE VIEW_TRANSACTION DRAFT_PAYMENT FULL_TRANSIENT",
        "description of the response",
    ),
    ("CustomerStatement.statement_format", "MT940 CSV PDF", "description"),
    (
        "CustomerStatement,ExportStatementCard,ExportStatementCardCsv.regional_format",
        "UK_US EUROPEAN",
        "description",
    ),
    (
        "MasterCardAction.payment_status",
        "PAYMENT_SUCCESSFUL PAYMENT_SUCCESSFUL_SETTLED",
        "description, capture",
    ),
    ("MasterCardAction.authorisation_status", "AUTHORISED BLOCKED", "capture"),
    ("MasterCardAction.settlement_status", "SETTLED", "capture"),
    ("MasterCardAction.authorisation_type", "NORMAL_AUTHORISATION", "capture"),
    ("MasterCardAction.pin_status", "NOT_PROVIDED", "capture"),
    ("MasterCardAction.decision", "ALLOWED COUNTRY_NOT_PERMITTED", "description, capture"),
    ("MasterCardAction.applied_limit", "CARD_LIMIT_POS_ICC", "capture"),
    (
        "WhitelistSdd,WhitelistSddOneOff,WhitelistSddRecurring.type",
        "CORE B2B",
        "description",
    ),
    ("BunqMeTab.status", "WAITING_FOR_PAYMENT CANCELLED EXPIRED", "description"),
    (
        "MasterCardIdentityCheckChallengeRequest.status",
        "PENDING ACCEPTED REJECTED EXPIRED ACCEPTED_PENDING_RESPONSE REJECTED_PENDING_RESPONSE",
        "description",
    ),
    ("PaymentAutoAllocateInstance.status", "SUCCEEDED FAILED", "description"),
    (
        (
            "NotificationFilter,NotificationFilterEntry,NotificationFilterUrlEntry,"
            "NotificationFilterUrl,NotificationFilterPush,NotificationFilterEmail,"
            "NotificationFilterFailure.category"
        ),
        (
            "BILLING BUNQME_TAB CARD_TRANSACTION_FAILED CARD_TRANSACTION_SUCCESSFUL CHAT "
            "DRAFT_PAYMENT IDEAL SOFORT MONETARY_ACCOUNT_PROFILE MUTATION OAUTH "
            "PARTNER_USER_PROVISION PAYMENT PROMOTION REQUEST SCHEDULE_RESULT SCHEDULE_STATUS "
            "SHARE SUPPORT TAB_RESULT USER_APPROVAL USER_INFORMATION_INQUIRY "
            "USER_ONBOARDING_UPDATED"
        ),
        "description, docs",
    ),
)
"""Fields, their values, the source."""
