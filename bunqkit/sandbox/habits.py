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
