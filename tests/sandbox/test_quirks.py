"""The bank behaves on either side of what sources disagree on."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from visitors import Door, Frozen, Visitor, Wire, payment, request

from bunqkit.auth import handshake
from bunqkit.errors import ApiError
from bunqkit.sandbox import Admin, Bank, Clock, Quirks, doors
from bunqkit.security.redaction import Secret
from bunqkit.security.signing import KeyPair

Make = Callable[..., tuple[Visitor, Frozen]]


@pytest.fixture
def with_quirks(key: KeyPair) -> Make:
    """Return a way to visit a bank with some quirks."""

    def make(**how: Any) -> tuple[Visitor, Frozen]:
        tick = Frozen()
        bank = Bank(clock=Clock(tick=tick), quirks=Quirks(**how))
        return Visitor(Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank)), key), tick

    return make


def status(call: Callable[[], Any]) -> int:
    """Return the status of a call."""
    try:
        call()
    except ApiError as error:
        return error.status
    return 200


@pytest.mark.parametrize(("hours", "minutes", "expected"), [(1, 61, 400), (4, 61, 200)])
def test_unbound_keys_live_as_long_as_said(
    with_quirks: Make, hours: int, minutes: int, expected: int
) -> None:
    """One hour or four: sources disagree."""
    visitor, tick = with_quirks(key_lifetime_h=hours)
    client = visitor.door.client()
    api_key = handshake.create_sandbox_user(client)
    tick.seconds += minutes * 60
    visited = partial(Visitor, visitor.door, KeyPair.generate(), api_key)
    assert status(visited) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(1800, 200), (30, 403)])
def test_sessions_are_extended_as_said(with_quirks: Make, seconds: int, expected: int) -> None:
    """A call ten minutes before the end extends by the docs, and not by the developer's words."""
    visitor, tick = with_quirks(extension_s=seconds)
    tick.seconds += 604_800 - 600
    visitor.call("GET", "/user")
    tick.seconds += 700
    assert status(lambda: visitor.call("GET", "/user")) == expected


@pytest.mark.parametrize(
    ("is_401", "told"),
    [(False, (403, "Insufficient authentication.")), (True, (401, "Insufficient authorisation."))],
)
def test_expired_sessions_are_told_as_said(with_quirks: Make, *, is_401: bool, told: Any) -> None:
    """The older and the newer status and text."""
    visitor, _ = with_quirks(expired_is_401=is_401)
    visitor.call("DELETE", "/session/0")
    with pytest.raises(ApiError) as caught:
        visitor.client.request("GET", "/user", token=Secret("0" * 64))
    assert (caught.value.status, caught.value.messages[0]) == told


@pytest.mark.parametrize(("limit", "balance"), [(500_00, "0.00"), (None, "500.01")])
def test_sugar_daddy_has_the_limit_that_is_said(
    with_quirks: Make, limit: int | None, balance: str
) -> None:
    """A cent above 500 is rejected, or comes."""
    visitor, _ = with_quirks(sugar_limit_cents=limit)
    visitor.top_up("500.01")
    assert visitor.balance() == balance


def test_batches_and_filters_come_nested_if_said(with_quirks: Make) -> None:
    """Both forms that sources show of a batch's payments and of a notification filter."""
    for nests in (False, True):
        visitor, _ = with_quirks(batches_nest=nests, filters_nest=nests)
        visitor.top_up()
        path = f"{visitor.account}/payment-batch"
        number = visitor.create(path, {"payments": [payment("bravo@bunq.com")]})
        for item in (
            visitor.call("GET", path).items[0],
            visitor.call("GET", f"{path}/{number}").item,
        ):
            payments = item["payments"]["Payment"] if nests else item["payments"]
            assert payments[0]["amount"]["value"] == "-10.00"
        wanted = {"category": "MUTATION", "notification_target": "http://127.0.0.1:9/"}
        hooks = f"/user/{visitor.session.user_id}/notification-filter-url"
        told = visitor.call("POST", hooks, {"notification_filters": [wanted]}).item
        told = told["notification_filters"][0] if nests else told
        assert told["category"] == "MUTATION"


def test_request_ids_may_be_used_once_if_said(with_quirks: Make) -> None:
    """A device that repeats a request id is refused only by a bank that minds."""
    same = {"X-Bunq-Client-Request-Id": "one"}
    for is_unique, expected in ((False, 200), (True, 400)):
        visitor, _ = with_quirks(request_ids_are_unique=is_unique)
        visitor.call("GET", "/user", headers=same)
        assert status(lambda v=visitor: v.call("GET", "/user", headers=same)) == expected


def test_idle_signatures_count_if_said(with_quirks: Make, other_key: KeyPair) -> None:
    """Where none is needed, a wrong signature is refused or not looked at; a payment's always."""
    for counts, expected in ((True, 400), (False, 200)):
        visitor, _ = with_quirks(idle_signatures_count=counts)
        visitor.top_up()
        visitor.client.key = other_key
        path = f"{visitor.account}/request-inquiry"
        body = request("bravo@bunq.com")
        assert status(lambda v=visitor, p=path, b=body: v.call("POST", p, b)) == expected
        path = f"{visitor.account}/payment"
        assert status(lambda v=visitor, p=path: v.call("POST", p, payment("bravo@bunq.com"))) == 400


def test_large_counts_are_cut_or_refused(with_quirks: Make) -> None:
    """No source says what bunq does with more than 200."""
    for refuses, expected in ((False, 200), (True, 400)):
        visitor, _ = with_quirks(large_counts_are_refused=refuses)
        path = f"{visitor.account}/payment?count=201"
        assert status(lambda v=visitor, p=path: v.call("GET", p)) == expected


def register(visitor: Visitor, *ips: str, is_signed: bool = True) -> int:
    """Register a device for a new person on a new installation; give the status."""
    client = visitor.door.client()
    api_key = handshake.create_sandbox_user(client)
    installation = handshake.create_installation(client, visitor.client.key or KeyPair.generate())
    if not is_signed:
        client.key = None
    return status(
        lambda: handshake.register_device(
            client, installation, api_key, description="test", permitted_ips=ips or None
        )
    )


@pytest.mark.parametrize("said", [False, True])
def test_devices_are_signed_for_if_said(with_quirks: Make, *, said: bool) -> None:
    """Registering a device without a signature works, or is refused with bunq's own status."""
    visitor, _ = with_quirks(devices_need_signature=said)
    assert register(visitor) == 200
    assert register(visitor, is_signed=False) == (466 if said else 200)


@pytest.mark.parametrize(
    ("habit", "address"), [("wildcards_are_refused", "*"), ("ipv6_is_refused", "2001:db8::1")]
)
def test_addresses_are_of_the_kinds_that_are_said(
    with_quirks: Make, habit: str, address: str
) -> None:
    """A wildcard and the newer kind of address are taken, or not."""
    for said, expected in ((False, 200), (True, 400)):
        visitor, _ = with_quirks(**{habit: said})
        assert register(visitor, "127.0.0.1", address) == expected
        assert register(visitor, "127.0.0.1") == 200


def test_addresses_can_be_added_unless_said(with_quirks: Make) -> None:
    """Another address after the device was registered, or never."""
    for said, expected in ((False, 200), (True, 400)):
        visitor, _ = with_quirks(addresses_are_fixed=said)
        path = f"/user/{visitor.session.user_id}/credential-password-ip"
        path += f"/{visitor.call('GET', path).item['id']}/ip"
        assert status(lambda v=visitor, p=path: v.call("POST", p, {"ip": "10.0.0.9"})) == expected
        assert len(visitor.call("GET", path).items) == (1 if said else 2)


def test_filters_answer_as_said(with_quirks: Make) -> None:
    """By the filters, or by an id; they are listed either way."""
    for said, types in ((False, ["NotificationFilterUrl"]), (True, ["Id"])):
        visitor, _ = with_quirks(filters_answer_by_id=said)
        wanted = {"category": "MUTATION", "notification_target": "http://127.0.0.1:9/"}
        path = f"/user/{visitor.session.user_id}/notification-filter-url"
        assert visitor.call("POST", path, {"notification_filters": [wanted]}).types == types
        assert len(visitor.call("GET", path).items) == 1


@pytest.mark.parametrize("name", ["Cache-Control", "User-Agent", "X-Bunq-Geolocation"])
def test_headers_are_required_if_said(with_quirks: Make, name: str) -> None:
    """A call without the header is taken, or refused; with it, it is taken always."""
    for said, expected in (((), 200), ((name,), 400)):
        visitor, _ = with_quirks()
        visitor.door.bank.quirks = Quirks(required_headers=said)
        ask = partial(visitor.call, "GET", "/user")
        assert status(partial(ask, headers={name: ""})) == expected
        assert status(partial(ask, headers={name: "0 0 0 0 000"})) == 200


def test_makers_of_requests_are_told_as_said(with_quirks: Make) -> None:
    """As an account, or as a user; listed and read alike."""
    for said, has_iban in ((False, True), (True, False)):
        visitor, _ = with_quirks(makers_are_users=said)
        path = f"{visitor.account}/request-inquiry"
        number = visitor.create(path, request("bravo@bunq.com"))
        for item in (
            visitor.call("GET", path).items[0],
            visitor.call("GET", f"{path}/{number}").item,
        ):
            assert ("iban" in item["user_alias_created"]) == has_iban


def test_cards_answer_as_said(with_quirks: Make) -> None:
    """Ordered and changed: by the card, or by its id."""
    for said, types in ((False, ["CardDebit", "Card"]), (True, ["Id", "Id"])):
        visitor, _ = with_quirks(cards_answer_by_id=said)
        user = f"/user/{visitor.session.user_id}"
        names = visitor.call("GET", f"{user}/card-name").item["possible_card_name_array"]
        body = {
            "type": "MASTERCARD",
            "product_type": "MASTERCARD_DEBIT",
            "second_line": "x",
            "name_on_card": names[0],
        }
        ordered = visitor.call("POST", f"{user}/card-debit", body)
        path = f"{user}/card/{ordered.item['id']}"
        changed = visitor.call("PUT", path, {"status": "ACTIVE"})
        assert [*ordered.types, *changed.types] == types
        assert visitor.call("GET", path).item["status"] == "ACTIVE"


def test_pdfs_are_taken_unless_said(with_quirks: Make) -> None:
    """A PDF is kept, or refused; a picture is kept always."""
    for said, expected in ((False, 200), (True, 400)):
        visitor, _ = with_quirks(pdfs_are_refused=said)
        path = f"{visitor.account}/attachment"
        for kind, told in (("application/pdf", expected), ("image/png", 200)):
            headers = {"Content-Type": kind, "X-Bunq-Attachment-Description": "a file"}
            assert status(partial(visitor.call, "POST", path, b"%PDF-", headers=headers)) == told


def test_pages_begin_with_the_end_that_is_said(with_quirks: Make) -> None:
    """Oldest first or newest first; who follows the addresses sees everything once, either way."""
    for said in (False, True):
        visitor, _ = with_quirks(pages_begin_with_oldest=said)
        for _ in range(3):
            visitor.top_up("1.00")
        page = visitor.call("GET", f"{visitor.account}/payment?count=2")
        ids = [each["id"] for each in page.items]
        assert ids == sorted(ids, reverse=not said)
        older = page.older().items
        assert len({*ids, *(each["id"] for each in older)}) == 3
        assert older[0]["id"] < min(ids)


def test_sandbox_users_answer_as_said(with_quirks: Make) -> None:
    """By the key, or by an id that opens nothing."""
    for said, types in ((False, ["ApiKey"]), (True, ["Id"])):
        visitor, _ = with_quirks()
        visitor.door.bank.quirks = Quirks(users_answer_by_id=said)
        assert visitor.door.client().request("POST", "/sandbox-user-person").types == types


def test_the_first_path_to_a_user_is_there_if_said(with_quirks: Make) -> None:
    """The path without a kind makes a person, or is none."""
    for said, expected in ((False, 404), (True, 200)):
        visitor, _ = with_quirks(sandbox_user_stays=said)
        client = visitor.door.client()
        assert status(lambda c=client: c.request("POST", "/sandbox-user")) == expected


def test_counterparties_may_be_labels_if_said(with_quirks: Make) -> None:
    """A counterparty as it was read can be paid, or is refused; a pointer works always."""
    for said, expected in ((False, 400), (True, 200)):
        visitor, _ = with_quirks(labels_are_taken=said)
        visitor.top_up()
        came = visitor.call("GET", f"{visitor.account}/payment").items[0]
        back = payment("bravo@bunq.com", "3.00") | {
            "counterparty_alias": came["counterparty_alias"]
        }
        path = f"{visitor.account}/payment"
        assert status(lambda v=visitor, p=path, b=back: v.call("POST", p, b)) == expected
        visitor.create(path, payment("sugardaddy@bunq.com", "1.00"))
        assert visitor.balance() == ("496.00" if said else "499.00")


def test_batches_are_sent_nested_if_said(with_quirks: Make) -> None:
    """A batch under the name of its payments is paid, or refused; a plain list is paid always."""
    for said, expected in ((False, 400), (True, 200)):
        visitor, _ = with_quirks(batches_nest=said)
        visitor.top_up()
        path, payments = f"{visitor.account}/payment-batch", [payment("bravo@bunq.com")]
        for told, wanted in (({"Payment": payments}, expected), (payments, 200)):
            send = partial(visitor.call, "POST", path, {"payments": told})
            assert status(send) == wanted


def test_shares_are_detailed_under_the_names_that_are_said(with_quirks: Make) -> None:
    """Sent and read under the description's names, or under those of the types."""
    for said, name in ((False, "ShareDetailDraftPayment"), (True, "draft_payment")):
        visitor, _ = with_quirks(share_details_are_short=said)
        friend = Visitor(visitor.door, KeyPair.generate())
        alias = {"type": "EMAIL", "value": friend.email}
        body = {
            "counter_user_alias": alias,
            "share_detail": {name: {"make_draft_payments": True, "view_balance": True}},
        }
        visitor.create(f"{visitor.account}/share-invite-monetary-account-inquiry", body)
        path = f"/user/{friend.session.user_id}/share-invite-monetary-account-response"
        listed = friend.call("GET", path).items[0]
        for told in (listed, friend.call("GET", f"{path}/{listed['id']}").item):
            assert (told["access_type"], list(told["share_detail"])) == ("DRAFT_PAYMENT", [name])


def test_the_version_may_be_left_out_if_said(with_quirks: Make) -> None:
    """A path without it leads to the API and to the token of an app, or nowhere."""
    for said, expected in ((False, (404, 404)), (True, (200, 400))):
        visitor, _ = with_quirks(version_is_optional=said)
        origin = visitor.door.base_url.removesuffix("/v1")
        for front in (visitor.door.bank, Admin(visitor.door.bank)):
            with requests.Session() as http:
                http.mount("https://", doors.InProcess(front))
                token = visitor.session.token.reveal()
                headers = {"X-Bunq-Client-Authentication": token}
                user = http.get(f"{origin}/user", headers=headers, timeout=5)
                # There is no code to exchange; but the address knows what it is asked.
                sold = http.post(f"{origin}/token?grant_type=authorization_code", timeout=5)
                assert (user.status_code, sold.status_code) == expected
                page = http.get(f"{origin}/auth?client_id=nobody", timeout=5)
                assert page.headers["Content-Type"].startswith("text/html")


def test_installations_are_read_as_said(with_quirks: Make) -> None:
    """Under their name, or as an id; listed and read alike."""
    for said, types in ((False, ["Id"]), (True, ["Installation"])):
        visitor, _ = with_quirks(installations_are_named=said)
        listed = visitor.call("GET", "/installation")
        read = visitor.call("GET", f"/installation/{listed.item['id']}")
        assert (listed.types, read.types, read.item) == (types, types, listed.item)


def test_filters_are_set_with_their_owner_if_said(with_quirks: Make) -> None:
    """A change of a user or an account sets and removes filters, or does not know the field."""
    for said, expected in ((False, 400), (True, 200)):
        visitor, _ = with_quirks(filters_are_fields=said)
        user = f"/user/{visitor.session.user_id}"
        wanted = {"category": "MUTATION", "notification_target": "http://127.0.0.1:9/"}
        old = {"notification_delivery_method": "URL"} | wanted
        account = f"{user}/monetary-account-bank/{visitor.account_id}"
        for owner, path in (
            (user.replace("user", "user-person"), user),
            (account, visitor.account),
        ):
            hooks, body = f"{path}/notification-filter-url", {"notification_filters": [wanted]}
            visitor.call("POST", hooks, body)
            for filters in ([], [old]):
                told = {"notification_filters": filters}
                assert status(lambda v=visitor, o=owner, t=told: v.call("PUT", o, t)) == expected
                left = len(visitor.call("GET", hooks).items)
                assert left == (len(filters) if said else 1)
        other = f"{user}/monetary-account-bank/1"
        send = partial(visitor.call, "PUT", other, {"notification_filters": []})
        assert status(send) == (404 if said else 400)


def test_every_quirk_is_documented_and_tested() -> None:
    """Each switch stands in the documentation with both of its sides, and in a test here."""
    told = inspect.getdoc(Quirks) or ""
    tests = "".join(path.read_text() for path in Path(__file__).parent.rglob("test_*.py"))
    for name in Quirks.__dataclass_fields__:
        assert f"\n{name}\n" in told
        assert name in tests
