"""Habits on which sources about the real bank disagree: a switch for each, on the likelier side."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Habits:
    """How this bank behaves where two sources say two things.

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
        Whether a batch's payments stand under ``{"Payment": [...]}`` (official description) or are
        a plain list (capture).
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
