"""The catalogue: names, facts, paths, bodies, examples, searches."""

from __future__ import annotations

import json
from collections import Counter

import pytest
from hypothesis import given, strategies as st

from bunqkit.catalogue.operations import (
    CATALOGUE_FILE,
    Operation,
    operation,
    operations,
    type_named,
)
from bunqkit.errors import FieldError, UnknownNameError

ALL = operations()
# An id may be anything that stands in one part of a path.
IDS = st.one_of(
    st.integers(1, 2**63), st.text(min_size=1).filter(lambda text: text not in {".", ".."})
)


def of(name: str) -> dict[str, int]:
    """Ids for every place of an operation's path."""
    return {each: place for place, each in enumerate(operation(name).ids, start=1)}


def test_every_operation_is_there() -> None:
    """As many operations and paths as bunq describes, of each method and effect."""
    assert len(ALL) == 480
    assert len({each.path for each in ALL}) == 271
    assert Counter(each.method for each in ALL) == {
        "GET": 245,
        "POST": 107,
        "PUT": 73,
        "DELETE": 55,
    }
    assert Counter(each.verb for each in ALL) == {
        "list": 121,
        "get": 114,
        "": 10,
        "create": 107,
        "update": 73,
        "delete": 55,
    }


def test_reads_only_read() -> None:
    """What reads is a GET, and nothing else is."""
    assert {each.method for each in ALL if each.effect == "reads"} == {"GET"}
    assert {each.effect for each in ALL if each.method != "GET"} == {"changes", "moves money"}


def test_money_movers() -> None:
    """Whatever pays, or lets something be paid, is marked."""
    assert sorted(each.name for each in ALL if each.effect == "moves money") == [
        "challenge-request.update",
        "currency-conversion-quote.update",
        "draft-payment.update",
        "payment-auto-allocate.create",
        "payment-auto-allocate.update",
        "payment-batch.create",
        "payment-batch.update",
        "payment.create",
        "request-response.update",
        "schedule-payment-batch.create",
        "schedule-payment-batch.update",
        "schedule-payment.create",
        "schedule-payment.update",
        "schedule.schedule-instance.update",
        "transferwise-quote.transferwise-transfer.create",
    ]


def test_signed() -> None:
    """A signature is demanded where a session is opened or a payment is made."""
    signed = {each.name for each in ALL if each.needs_signature}
    paying = {each.name for each in ALL if each.effect == "moves money"}
    assert signed - paying == {"session-server.create"}
    assert {"payment.create", "payment-batch.create", "draft-payment.update"} <= signed


def test_bytes() -> None:
    """Ten answers and two bodies are files; a file has no wrapper and no type."""
    files = [each for each in ALL if each.is_bytes]
    assert len(files) == 10
    assert {(each.verb, each.answer, each.wrapper, each.is_paged) for each in files} == {
        ("", None, "", False)
    }
    sent = [each.name for each in ALL if each.sends_bytes]
    assert sent == ["attachment-public.create", "attachment.create"]


@pytest.mark.parametrize(
    ("name", "wrapper", "answer"),
    [
        ("payment.list", "Payment", "Payment"),
        ("payment.create", "Id", "Id"),
        ("avatar.create", "Uuid", "Uuid"),
        ("attachment-public.create", "Uuid", "Uuid"),
        ("user.list", "*", "User"),
        ("monetary-account.get", "*", "MonetaryAccount"),
        ("installation.create", "*", "Installation"),
        ("session-server.create", "*", "SessionServer"),
        ("installation.list", "Id", "Id"),
        ("card.update", "Card", "Card"),
        ("card-debit.create", "CardDebit", "CardDebit"),
        ("request-inquiry.update", "RequestInquiry", "RequestInquiry"),
        ("request-response.update", "RequestResponse", "RequestResponse"),
        ("token-qr-request-ideal.create", "RequestResponse", "RequestResponse"),
        ("schedule-payment.list", "ScheduledPayment", "ScheduledPayment"),
        ("customer-statement.get", "CustomerStatement", "CustomerStatement"),
        ("insights-search.list", "Event", "Event"),
        ("company.get", "UserCompany", "UserCompany"),
        ("sandbox-user-person.create", "ApiKey", "ApiKey"),
        ("payment.note-text.get", "NoteText", "NoteText"),
        ("mastercard-action.payment.list", "Payment", "Payment"),
        ("user.notification-filter-url.create", "NotificationFilterUrl", "NotificationFilterUrl"),
        ("card.generated-cvc2.create", "Id", "Id"),
        ("health-check.list", "HealthCheckResult", "HealthCheckResult"),
        ("payment-auto-allocate.delete", "", None),
    ],
)
def test_wrapper(name: str, wrapper: str, answer: str | None) -> None:
    """Items come under the name that the real bank uses, not the one that it describes."""
    assert (operation(name).wrapper, operation(name).answer) == (wrapper, answer)


def test_anchor_wrapper() -> None:
    """The name of an item is its real type's where, and only where, the answer is an anchor."""
    for each in ALL:
        is_anchor = each.answer is not None and type_named(each.answer).is_anchor
        assert (each.wrapper == "*") == is_anchor, each.name


def test_paging() -> None:
    """Every paged list takes the three cursors; single answers and fixed sets take none."""
    assert operation("payment.list").query == ("count", "older_id", "newer_id")
    assert "display_user_event" in operation("event.list").query
    assert operation("monetary-account-bank.list").is_paged
    for name in ("user.list", "card-name.list", "limit.list", "payment.get", "payment.create"):
        assert not operation(name).is_paged
        assert operation(name).query == ()


def test_facts_only() -> None:
    """The file is small, and holds names and values: no sentence."""
    assert CATALOGUE_FILE.stat().st_size < 450 * 1024
    texts: set[str] = set()

    def collect(value: object) -> None:
        if isinstance(value, dict):
            texts.update(value)
            collect(list(value.values()))
        elif isinstance(value, list):
            for each in value:
                collect(each)
        elif isinstance(value, str):
            texts.add(value)

    collect(json.loads(CATALOGUE_FILE.read_text(encoding="utf-8")))
    assert {text for text in texts if " " in text} == {"moves money"}


def test_lookups() -> None:
    """A type is asked for its fields by name."""
    assert "amount" in type_named("Payment")
    assert "amonut" not in type_named("Payment")
    with pytest.raises(KeyError):
        type_named("Payment")["amonut"]


@pytest.mark.parametrize(
    ("call", "name"),
    [
        ("GET /user", "user.list"),
        ("GET /user/{itemId}", "user.get"),
        ("GET /user/{userID}/monetary-account", "monetary-account.list"),
        ("POST /user/{userID}/monetary-account/{monetary-accountID}/payment", "payment.create"),
        (
            "GET /user/{userID}/card/{cardID}/export-statement-card",
            "card.export-statement-card.list",
        ),
        ("GET /user/{userID}/invoice", "user.invoice.list"),
        ("GET /user/{userID}/monetary-account/{monetary-accountID}/invoice", "invoice.list"),
        ("GET /user/{userID}/attachment/{attachmentID}/content", "user.attachment.content"),
        ("GET /user/{userID}/invoice/{invoiceID}/pdf-content", "invoice.pdf-content"),
        ("DELETE /session/{itemId}", "session.delete"),
    ],
)
def test_names(call: str, name: str) -> None:
    """A name is the words of the path and the verb."""
    assert operation(call).name == name


def test_users_names() -> None:
    """Nine operations of a user keep the word, since an account has one of the same name."""
    kept = [each.name for each in ALL if each.name.startswith("user.")]
    assert len([name for name in kept if name not in {"user.get", "user.list"}]) == 9


def test_each_has_its_names() -> None:
    """Every operation is found by its name, Python name, bunq's id, and its path; all unique."""
    for each in ALL:
        assert operation(each.name) is each
        assert operation(each.python_name) is each
        assert operation(each.id) is each
        assert operation(f"{each.method} {each.path}") is each
        assert operation(f"{each.method.lower()} /v1{each.path}?count=1") is each
        assert each.name == ".".join(filter(None, (each.resource, each.verb)))


@pytest.mark.parametrize(
    ("wrong", "nearest"),
    [
        ("payment.creat", "payment.create"),
        ("monetary_account.lst", "monetary-account.list"),
        ("GET /user/{userID}/cards", "card.list"),
    ],
)
def test_unknown_operation(wrong: str, nearest: str) -> None:
    """A wrong name is answered with three like it."""
    with pytest.raises(UnknownNameError, match="Did you mean") as caught:
        operation(wrong)
    assert nearest in caught.value.nearest
    assert len(caught.value.nearest) == 3


@pytest.mark.parametrize(
    ("name", "ids"),
    [
        ("user.get", ("user_id",)),
        ("payment.list", ("user_id", "account")),
        ("payment.get", ("user_id", "account", "payment_id")),
        ("payment.note-text.get", ("user_id", "account", "payment_id", "note_text_id")),
        ("monetary-account.get", ("user_id", "monetary_account_id")),
        ("monetary-account-bank.update", ("user_id", "monetary_account_bank_id")),
        ("avatar.get", ("avatar_uuid",)),
        ("attachment-public.get", ("attachment_public_uuid",)),
        ("attachment-public.content", ("attachment_public_uuid",)),
        ("attachment.content", ("user_id", "account", "attachment_id")),
        ("user-company.name.list", ("user_company_id",)),
        ("health-check.list", ()),
    ],
)
def test_ids(name: str, ids: tuple[str, ...]) -> None:
    """Ids are snake_case; the last is named after the resource, an account to change too."""
    assert operation(name).ids == ids


def test_fill() -> None:
    """Given ids come before defaults; defaults may hold more than the path needs."""
    path = operation("payment.get").fill(
        {"payment_id": 5, "account": "7"}, {"user_id": 1, "account": 2, "card_id": 3}
    )
    assert path == "/user/1/monetary-account/7/payment/5"


@given(operation=st.sampled_from(ALL), data=st.data())
def test_filled_paths_are_read_back(operation: Operation, data: st.DataObject) -> None:
    """Whatever the ids are, they are one part of the path each, and found again."""
    ids = {name: data.draw(IDS) for name in operation.ids}
    path = operation.fill(ids)
    assert path.count("/") == operation.path.count("/")
    assert operation.read_ids(f"/v1{path}") == {name: str(value) for name, value in ids.items()}


@given(operation=st.sampled_from(ALL), number=st.integers(1, 10**12))
def test_filled_paths_find_their_operation(operation: Operation, number: int) -> None:
    """A path with ids belongs to the operation that it was made of."""
    path = operation.fill(dict.fromkeys(operation.ids, number))
    assert find_by_path(operation.method, path) is operation


def find_by_path(method: str, path: str) -> Operation:
    """Look up as ``bunq.call`` does."""
    return operation(f"{method} {path}")


def test_missing_id() -> None:
    """The message says which id is missing and what lists it."""
    with pytest.raises(FieldError, match=r"payment_id is missing; payment\.list lists them"):
        operation("payment.get").fill({}, {"user_id": 1, "account": 2})
    with pytest.raises(FieldError, match=r"attachment-public\.create gives one"):
        operation("attachment-public.get").fill({})
    with pytest.raises(FieldError) as caught:
        operation("payment.note-text.get").fill({"account": None})
    assert len(caught.value.problems) == 4


@pytest.mark.parametrize("value", ["", ".", "..", True, 5.0, [5]], ids=repr)
def test_no_id(value: object) -> None:
    """What would lead to another path is refused."""
    with pytest.raises(FieldError, match="which is no id"):
        operation("user.get").fill({"user_id": value})


def test_ids_of_a_frame() -> None:
    """A whole number of any library is an id."""

    class Int64:
        def __index__(self) -> int:
            return 5

    assert operation("user.get").fill({"user_id": Int64()}) == "/user/5"


@pytest.mark.parametrize(
    ("name", "id_name", "lister"),
    [
        ("payment.get", "payment_id", "payment.list"),
        ("payment.note-text.get", "payment_id", "payment.list"),
        ("payment.note-text.get", "note_text_id", "payment.note-text.list"),
        ("avatar.get", "avatar_uuid", None),
        ("payment.get", "card_id", None),
    ],
)
def test_what_lists_an_id(name: str, id_name: str, lister: str | None) -> None:
    """The operation that lists what an id of the path may be, if there is one."""
    assert operation(name).lister(id_name) == lister


def test_judging_says_both_at_once() -> None:
    """What check() refuses and what it warns of, and nothing is raised."""
    body = {"statement_format": "XLSX", "date_start": "soon"}
    wrong, unusual = operation("customer-statement.create").judge(body)
    assert any(text.startswith("date_start is") for text in wrong)
    assert any(text.endswith("is missing") for text in wrong)
    assert unusual[0].startswith("statement_format is 'XLSX'")


def test_superfluous_id() -> None:
    """An id that the path does not have is a mistake."""
    with pytest.raises(FieldError, match=r"card_id is no id of payment\.get"):
        operation("payment.get").fill(of("payment.get") | {"card_id": 1})


def test_path_of_another() -> None:
    """Ids are read from the operation's own paths only."""
    with pytest.raises(FieldError, match="no path of payment"):
        operation("payment.get").read_ids("/user/1/card/2")
    own = "/user/1/monetary-account/{account}/payment/5"
    assert operation("payment.get").read_ids(own) == {"user_id": "1", "payment_id": "5"}
