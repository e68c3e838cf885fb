"""Quirks on which sources about the real bank disagree: a switch for each, on the likelier side."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quirks:
    """How this bank behaves where two sources say two things.

    Events and callbacks show their objects as the bank does by default.

    How many calls it takes is settled by ``limits`` of the ``Bank``. Not for a switch: PINs need
    no encryption (changelog of 2020; the official description asks for it, and this bank does not
    decrypt), there are no CAMT statements (official description; people ask for them), a header
    ``Authorization`` is not looked at (only old Ruby code sends it). The names of the SDK's classes
    do not travel, and the partner API is another product.

    Attributes
    ----------
    key_lifetime_h
        Hours until a key that is never bound is lost: 1 (sandbox page) or 4 (quick start).
    extension_s
        A call this near to a session's end extends it: 1800 s (docs) or 30 s (a developer of
        bunq in bunqDesktop#279).
    expired_is_401
        Whether an expired session is refused with 401 and ``Insufficient authorisation.`` (docs
        and fixtures of 2020) or with 403 and ``Insufficient authentication.`` (captures since).
    sugar_limit_cents
        Requests above it are rejected by the sugar daddy (page of 2026); ``None`` for no limit
        (older text).
    batches_nest
        Whether a batch's payments stand under ``{"Payment": [...]}`` in answers and may in bodies
        (official description), or are a plain list (capture).
    filters_nest
        Whether a notification filter comes inside ``notification_filters`` (official description)
        or flat (captures in sdk_php#177).
    request_ids_are_unique
        Whether a device may use a request id only once (docs); the SDK repeats one.
    idle_signatures_count
        Whether a wrong signature is refused where none is needed (sdk_php#87), or not looked at
        (a page of 2026).
    crlf_keys_are_refused
        Whether a public key whose lines end in CR LF is refused (postman#27), or taken: the
        JavaScript client, which has worked with the real bank for years, sends no other.
    large_counts_are_refused
        Whether a page of more than 200 is refused, or cut to 200. No source says.
    devices_need_signature
        Whether registering a device must be signed (official description), or need not be
        (psd2_sandbox, which signs nothing there).
    wildcards_are_refused
        Whether only the app permits any address (a page of 2026), or ``*`` works too (docs of
        2020, the clients of two projects).
    ipv6_is_refused
        Whether only addresses of the older kind are taken (a page of 2026), or both (official
        description).
    addresses_are_fixed
        Whether no address can be added later (a page of 2026), or it can (docs of 2020, official
        description, another page of 2026).
    filters_answer_by_id
        Whether setting notification filters answers by an id (official description, the SDK), or
        by the filters (sdk_php#177, sdk_python#130).
    required_headers
        Which headers must come: of ``Cache-Control`` (docs of 2020), ``User-Agent`` (official
        description) and ``X-Bunq-Geolocation`` (older docs); none of them (changelog, clients).
    providers_sign_bank_key
        Whether what a payment service provider signs begins with the bank's public key (a page of
        2026), or with the client's (the SDK, psd2_sandbox, docs of 2020).
    makers_are_users
        Whether ``user_alias_created`` of a request is a user (official description), or an account
        (captures of 2017 and 2023).
    cards_answer_by_id
        Whether ordering and changing a card answers by an id (official description), or by the
        card (the SDK).
    pdfs_are_refused
        Whether only pictures can be uploaded (docs of 2020), or PDF too (practice).
    pages_begin_with_oldest
        Whether a page lists its oldest item first (docs, which call the first item's id the
        ``older_id``), or its newest (captures, bunq/doc#69).
    users_answer_by_id
        Whether making a sandbox user answers by an id (official description), which leaves the user
        without a key, or by the API key (the SDK).
    sandbox_user_stays
        Whether ``/sandbox-user`` still makes a person (a page of 2026), or is gone (changelog of
        2020).
    labels_are_taken
        Whether a counterparty may also be sent as the label that answers have, with an IBAN
        (official description), or as a pointer only (all clients).
    share_details_are_short
        Whether the members of ``share_detail`` are ``payment``, ``read_only`` and ``draft_payment``
        (official description), or bear the names of their types (captures, the SDK).
    version_is_optional
        Whether paths work without ``/v1`` too, that of the token among them (examples of the docs),
        or not (docs, clients).
    installations_are_named
        Whether an installation is read as ``Installation`` (older notes), or as ``Id`` (official
        description, fixtures of the Ruby client).
    filters_are_fields
        Whether a change of a user or an account may set or remove the filters for callbacks by
        ``notification_filters`` (docs of 2020), or no longer (changelog of 2019).
    """

    key_lifetime_h: int = 1
    extension_s: int = 1800
    expired_is_401: bool = False
    sugar_limit_cents: int | None = 500_00
    batches_nest: bool = False
    filters_nest: bool = False
    request_ids_are_unique: bool = False
    idle_signatures_count: bool = True
    crlf_keys_are_refused: bool = False
    large_counts_are_refused: bool = False
    devices_need_signature: bool = False
    wildcards_are_refused: bool = False
    ipv6_is_refused: bool = False
    addresses_are_fixed: bool = False
    filters_answer_by_id: bool = False
    required_headers: tuple[str, ...] = ()
    providers_sign_bank_key: bool = False
    makers_are_users: bool = False
    cards_answer_by_id: bool = False
    pdfs_are_refused: bool = False
    pages_begin_with_oldest: bool = False
    users_answer_by_id: bool = False
    sandbox_user_stays: bool = False
    labels_are_taken: bool = False
    share_details_are_short: bool = False
    version_is_optional: bool = False
    installations_are_named: bool = False
    filters_are_fields: bool = False
