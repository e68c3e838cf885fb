"""Behaviours on which sources about the real bank disagree: a switch for each.

Each default is the side that is more likely.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Quirks:
    """The behaviour of a bank where two sources disagree.

    Events and callbacks show their objects as the bank does by default.

    The rate limits are the argument ``limits`` of ``Bank``. These disagreements have no switch:
    PINs need no encryption (changelog of 2020; the official description asks for it, and this bank
    does not decrypt), there are no CAMT statements (official description; people ask for them), a
    header ``Authorization`` is ignored (only old Ruby code sends it). The names of the SDK's
    classes are not part of the protocol, and the partner API is another product.

    Attributes
    ----------
    key_lifetime_h
        Hours until a key that is never bound expires: 1 (sandbox page) or 4 (quick start).
    extension_s
        A call this close to a session's end extends it: 1800 s (docs) or 30 s (a developer of
        bunq in bunqDesktop#279).
    expired_is_401
        True: an expired session is refused with 401 and ``Insufficient authorisation.`` (docs and
        fixtures of 2020). False: with 403 and ``Insufficient authentication.`` (captures since).
    sugar_limit_cents
        The sugar daddy rejects requests above this amount (page of 2026); ``None`` for no limit
        (older text).
    batches_nest
        True: a batch's payments stand under ``{"Payment": [...]}`` in answers and may in bodies
        (official description). False: they are a plain list (capture).
    filters_nest
        True: a notification filter comes inside ``notification_filters`` (official description).
        False: it comes flat (captures in sdk_php#177).
    request_ids_are_unique
        True: a device may use a request id only once (docs). False: it may repeat one, as the SDK
        does.
    idle_signatures_count
        True: a wrong signature is refused where none is needed (sdk_php#87). False: it is ignored
        there (a page of 2026).
    crlf_keys_are_refused
        True: a public key whose lines end in CR LF is refused (postman#27). False: it is accepted;
        the JavaScript client, which has worked with the real bank for years, sends no other.
    large_counts_are_refused
        True: a page of more than 200 is refused. False: it is cut to 200. No source says which.
    devices_need_signature
        True: registering a device must be signed (official description). False: it need not be
        (psd2_sandbox, which signs nothing there).
    wildcards_are_refused
        True: only the app can permit any address (a page of 2026). False: ``*`` works too (docs of
        2020, the clients of two projects).
    ipv6_is_refused
        True: only IPv4 addresses are accepted (a page of 2026). False: IPv6 too (official
        description).
    addresses_are_fixed
        True: no address can be added later (a page of 2026). False: it can (docs of 2020, official
        description, another page of 2026).
    filters_answer_by_id
        True: setting notification filters answers with an id (official description, the SDK).
        False: with the filters (sdk_php#177, sdk_python#130).
    required_headers
        The headers that each call must have: of ``Cache-Control`` (docs of 2020), ``User-Agent``
        (official description) and ``X-Bunq-Geolocation`` (older docs); or none (changelog,
        clients).
    providers_sign_bank_key
        True: what a payment service provider signs begins with the bank's public key (a page of
        2026). False: with the client's (the SDK, psd2_sandbox, docs of 2020).
    makers_are_users
        True: ``user_alias_created`` of a request is a user (official description). False: it is an
        account (captures of 2017 and 2023).
    cards_answer_by_id
        True: ordering and changing a card answers with an id (official description). False: with
        the card (the SDK).
    pdfs_are_refused
        True: only pictures can be uploaded (docs of 2020). False: PDF too (practice).
    pages_begin_with_oldest
        True: a page lists its oldest item first (docs, which call the first item's id the
        ``older_id``). False: its newest (captures, bunq/doc#69).
    users_answer_by_id
        True: creating a sandbox user answers with an id (official description), which leaves the
        user without a key. False: with the API key (the SDK).
    sandbox_user_stays
        True: ``/sandbox-user`` still creates a person (a page of 2026). False: it is gone
        (changelog of 2020).
    labels_are_taken
        True: a counterparty may also be sent as the label that answers have, with an IBAN
        (official description). False: only as a pointer (all clients).
    share_details_are_short
        True: the members of ``share_detail`` are ``payment``, ``read_only`` and ``draft_payment``
        (official description). False: they have the names of their types (captures, the SDK).
    version_is_optional
        True: paths work without ``/v1`` too, also that of the token (examples of the docs). False:
        they don't (docs, clients).
    installations_are_named
        True: an installation is read as ``Installation`` (older notes). False: as ``Id`` (official
        description, fixtures of the Ruby client).
    filters_are_fields
        True: a change of a user or an account may set or remove the filters for callbacks by
        ``notification_filters`` (docs of 2020). False: it may not (changelog of 2019).
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
