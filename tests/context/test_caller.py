"""Any operation can be called by name, path or ``api``; what is wrong is told before sending."""

from __future__ import annotations

import base64
import inspect
import re
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from recording import Recorder, own_ids
from sampling import one_in

import bunqkit
from bunqkit.catalogue.operations import (
    CatalogueWarning,
    Operation,
    example_answer,
    example_body,
    operations,
    type_named,
)
from bunqkit.context.api import make_api
from bunqkit.context.context import Context
from bunqkit.errors import FieldError, UnknownNameError
from bunqkit.security.signing import KeyPair


@pytest.fixture
def recorder(key: KeyPair, other_key: KeyPair) -> Recorder:
    """Return the recorder."""
    return Recorder(key, other_key)


@pytest.fixture
def caller(recorder: Recorder, key: KeyPair, other_key: KeyPair) -> Context:
    """Return a caller with an open session at the recorder."""
    return recorder.caller(key, other_key)


@pytest.mark.parametrize("known", one_in(3, operations()), ids=lambda known: known.name)
def test_all_operations_can_be_called(
    caller: Context, recorder: Recorder, known: Operation
) -> None:
    """Each of the 480: right method, path, headers, signature and body, and its answer comes."""
    ids = own_ids(known)
    if known.sends_bytes:
        item = caller.upload(known.name, b"bytes", media_type="image/png", **ids)
        assert item
        _, _, _, body, headers = recorder.seen[-1]
        assert body == b"bytes"
        assert headers["CONTENT_TYPE"] == "image/png"
    elif known.is_bytes:
        content = caller.download(known.name, **ids)
        assert (content, content.media_type) == (b"\x89PNG", "image/png")
    else:
        wanted = example_body(known)
        answer = caller.call(known.name, body=wanted, **ids)
        assert answer.wrapped == example_answer(known) or known.name == "monetary-account.list"
        assert without_own(recorder.last[3]) == wanted
    method, path = recorder.seen[-1][:2]
    filled = path.removeprefix("/v1")
    assert method == known.method
    assert re.fullmatch(re.sub(r"\\\{.*?\\\}", "[^/]+", re.escape(known.path)), filled)
    assert known.read_ids(filled) == {
        name: str({"user_id": 42, "account": 7, **ids}[name]) for name in known.ids
    }


@pytest.mark.parametrize("known", one_in(5, operations()), ids=lambda known: known.name)
def test_a_preview_is_what_is_sent_and_sends_nothing(
    caller: Context, recorder: Recorder, known: Operation
) -> None:
    """Each of the 480: URL, body and signature are, byte for byte, those of the call."""
    ids = own_ids(known)
    content, headers = b"bytes", {"Content-Type": "image/png"}
    body: Any = content if known.sends_bytes else example_body(known)
    caller.find_account()
    before = len(recorder.seen)
    preview = caller.preview(
        known.name, body=body, headers=headers if known.sends_bytes else None, **ids
    )
    assert len(recorder.seen) == before
    assert preview.outcome == "not sent"
    if known.sends_bytes:
        caller.send_bytes(known.name, content, headers, **ids)
    else:
        caller.call(known.name, body=body, **ids)
    sent = caller.exchanges[-1]
    same = "X-Bunq-Client-Signature"
    assert (preview.method, preview.url) == (sent.method, sent.url)
    assert preview.request_body == sent.request_body
    assert preview.signed == sent.signed
    assert preview.request_headers.get(same) == sent.request_headers.get(same)
    assert preview.request_headers.keys() == sent.request_headers.keys()


def test_a_preview_is_checked_and_shows_no_secret(caller: Context) -> None:
    """What call() would refuse is refused; the token is masked, and says that nothing was sent."""
    with pytest.raises(FieldError, match="amount is missing"):
        caller.preview("payment.create", description="tea")
    preview = caller.preview("payment.list", count=3)
    assert preview.path.endswith("/payment?count=3")
    shown = preview.xray()._repr_html_()
    assert "What would be sent" in shown
    assert caller.session.token.reveal() not in shown


@pytest.mark.parametrize("known", operations(), ids=lambda known: known.name)
def test_all_operations_are_in_the_api(known: Operation) -> None:
    """Each has a method with a signature, a docstring and a page; no connection is needed."""
    seen: list[Any] = []

    def record(*own_id: Any, **given: Any) -> Any:
        seen.append((own_id, given))

    node: Any = make_api(record)
    for part in known.python_name.split("."):
        assert part in dir(node)
        node = getattr(node, part)
    signature = inspect.signature(node)
    ids = [name for name in known.ids if name not in ("user_id", "account")]
    assert list(signature.parameters)[:1] == ids[-1:] or not ids
    keywords = [p for p in signature.parameters.values() if p.kind is p.KEYWORD_ONLY]
    needed = [p.default is p.empty for p in keywords]
    assert needed == sorted(needed, reverse=True)
    if known.body and known.method == "POST":
        for field in type_named(known.body).writable:
            name = "to" if field.name == "counterparty_alias" else field.name
            parameter = signature.parameters[name]
            assert (parameter.default is parameter.empty) == field.required
    assert known.path in (inspect.getdoc(node) or "")
    assert known.path in node._repr_markdown_()
    node()
    assert seen == [((known,), {})]


def test_positional_id_and_account(caller: Context, recorder: Recorder) -> None:
    """The item's own id needs no name; the account is an id, an IBAN or a description."""
    for account in (8, "8", "Holiday"):
        caller.api.payment.get(5, account=account)
        assert recorder.last[1] == "/v1/user/42/monetary-account/8/payment/5"
    caller.api.payment.get(5, account="NL91 ABNA 0417 1643 00")
    assert recorder.last[1] == "/v1/user/42/monetary-account/7/payment/5"
    caller.call("monetary-account-bank.get", "Holiday")
    assert recorder.last[1] == "/v1/user/42/monetary-account-bank/8"


def test_accounts_are_looked_up_once(caller: Context, recorder: Recorder) -> None:
    """Ids and the main account cost one call; a name each time, since names may move."""
    for _ in range(3):
        caller.call("payment.list")
        caller.call("payment.list", account="Holiday")
        caller.call("payment.list", account=8)
    lists = [path for _, path, *_ in recorder.seen if path.endswith("/monetary-account")]
    assert len(lists) == 1 + 3


def without_own(value: Any) -> Any:
    """Return a body without the references of the kit, at any depth."""
    if isinstance(value, list):
        return [without_own(each) for each in value]
    if not isinstance(value, dict):
        return value
    return {
        name: without_own(inner)
        for name, inner in value.items()
        if name != "merchant_reference" or not str(inner).startswith("bunqkit-")
    }


def without_reference(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body without the reference that the kit puts there to find a lost payment by."""
    assert re.fullmatch(r"bunqkit-[0-9a-f]{16}", body.pop("merchant_reference"))
    return body


def test_short_forms_are_written_out(caller: Context, recorder: Recorder) -> None:
    """Amounts, counterparties, dates and times become what bunq wants."""
    caller.call("payment.create", amount="10.00", to="x@example.com", description="tea")
    assert without_reference(recorder.last[3]) == {
        "amount": {"value": "10.00", "currency": "EUR"},
        "counterparty_alias": {"type": "EMAIL", "value": "x@example.com"},
        "description": "tea",
    }
    caller.api.payment.create(
        amount=Decimal(5), to="NL91 abna 0417 1643 00", name="A. Bank", description="", account=8
    )
    assert without_reference(recorder.last[3]) == {
        "amount": {"value": "5.00", "currency": "USD"},
        "counterparty_alias": {"type": "IBAN", "value": "NL91ABNA0417164300", "name": "A. Bank"},
        "description": "",
    }
    caller.call(
        "payment-batch.create",
        payments=[{"amount": "1.50", "to": "+31 6 12345678", "description": "a"}],
    )
    assert recorder.last[3]["payments"][0]["counterparty_alias"] == {
        "type": "PHONE_NUMBER",
        "value": "+31612345678",
    }
    caller.call(
        "schedule-payment.create",
        payment={"amount": "1.00", "to": "x@example.com", "description": "rent"},
        schedule={
            "time_start": datetime(2026, 7, 1, 9, tzinfo=UTC),
            "recurrence_unit": "MONTHLY",
            "recurrence_size": 1,
        },
    )
    assert recorder.last[3]["schedule"]["time_start"] == "2026-07-01 09:00:00.000000"
    caller.call(
        "customer-statement.create",
        statement_format="CSV",
        date_start=date(2026, 1, 1),
        date_end=datetime(2026, 1, 31, tzinfo=UTC),
        regional_format="EUROPEAN",
    )
    assert recorder.last[3]["date_start"] == "2026-01-01"
    assert recorder.last[3]["date_end"] == "2026-01-31"


def test_dictionaries_are_sent_as_they_are(caller: Context, recorder: Recorder) -> None:
    """Who writes bunq's own forms is not improved upon."""
    given: dict[str, Any] = {
        "amount": {"value": "10", "currency": "EUR"},
        "counterparty_alias": {"type": "EMAIL", "value": "x@example.com", "name": "X"},
        "description": "tea",
    }
    caller.call("payment.create", **given)
    assert without_reference(recorder.last[3]) == given
    caller.call("payment.create", **given, merchant_reference="mine")
    assert recorder.last[3] == given | {"merchant_reference": "mine"}
    caller.call("payment.create", body=given)
    assert without_reference(recorder.last[3]) == given


def test_the_query_is_written(caller: Context, recorder: Recorder) -> None:
    """Paging and filters go into the query, truth values and lists in bunq's form."""
    caller.call("event.list", count=5, monetary_account_id=[7, 8], display_user_event=False)
    assert recorder.last[2] == "count=5&monetary_account_id=7%2C8&display_user_event=false"
    caller.call("payment.list", count=3, older_id=9, params={"extra": 1})
    assert recorder.last[2] == "count=3&older_id=9&extra=1"


def test_raw_paths(caller: Context, recorder: Recorder) -> None:
    """Method and path, with or without /v1, with braces or ids, known or not."""
    caller.call("GET /user/{userID}/card")
    assert recorder.last[1] == "/v1/user/42/card"
    caller.call("get /v1/user/{userID}/monetary-account/{monetary-accountID}/payment?count=7")
    assert recorder.last[1:3] == ("/v1/user/42/monetary-account/7/payment", "count=7")
    caller.call("GET /user/42/monetary-account/8/payment/5")
    assert recorder.last[1] == "/v1/user/42/monetary-account/8/payment/5"
    caller.call(
        "POST /user/{userID}/monetary-account/{monetary-accountID}/payment",
        amount="1.00", to="x@example.com", description="tea",
    )  # fmt: skip
    assert recorder.last[3]["amount"] == {"value": "1.00", "currency": "EUR"}


REFUSED: dict[str, tuple[str, tuple[Any, ...], dict[str, Any], str]] = {
    "missing id": ("payment.get", (), {}, "payment.list lists them"),
    "missing field": ("payment.create", (), {"amount": "1"}, "description is missing"),
    "superfluous field": (
        "payment.create",
        (),
        {"amount": "1", "to": "a@b.nl", "description": "x", "colour": 1},
        "colour",
    ),
    "nested field": (
        "payment.create",
        (),
        {"amount": {"value": "1", "coin": "EUR"}, "to": "a@b.nl", "description": "x"},
        r"amount\.coin",
    ),
    "ill-typed": (
        "payment.create",
        (),
        {"amount": "1", "to": "a@b.nl", "description": 5},
        "description is 5",
    ),
    "float": ("payment.create", (), {"amount": 1.5}, "a float is not exact"),
    "IBAN without name": ("payment.create", (), {"to": "NL91ABNA0417164300"}, "holder's name"),
    "IBAN with a typo": (
        "payment.create",
        (),
        {"to": "NL91ABNA0417164301", "name": "x"},
        "check digits",
    ),
    "no counterparty": ("payment.create", (), {"to": "bravo"}, "neither an e-mail"),
    "unknown query": ("payment.list", (), {"colour": 1}, "does not take colour"),
    "two ids": ("payment.get", (5, 6), {}, "name the others"),
    "id for a list": ("payment.list", (5,), {}, "name the others"),
    "id with a slash": ("payment.get", ("..",), {}, "no id"),
    "body and fields": ("payment.create", (), {"body": {}, "amount": "1"}, "body and amount"),
    "file in a call": ("attachment-public.create", (), {}, "bunq.upload"),
    "no call": ("FETCH /user", (), {}, "no call"),
    "unknown path with a hole": ("GET /user/{userID}/thing/{thingID}", (), {}, "thingID"),
    "unknown path with fields": ("POST /user/{userID}/thing", (), {"a": 1}, "can't be placed"),
}


@pytest.mark.parametrize("case", REFUSED.values(), ids=list(REFUSED))
def test_what_is_wrong_is_told_before_sending(
    caller: Context, recorder: Recorder, case: tuple[str, tuple[Any, ...], dict[str, Any], str]
) -> None:
    """Nothing but the look-up of accounts goes out, and the message names the field."""
    name, own_id, given, told = case
    with pytest.raises(FieldError, match=told):
        caller.call(name, *own_id, **given)
    assert {path for _, path, *_ in recorder.seen} <= {"/v1/user/42/monetary-account"}


def test_the_check_can_be_switched_off(caller: Context, recorder: Recorder) -> None:
    """The API may know fields that the catalogue does not."""
    body = {"amount": {"value": "1.00", "currency": "EUR"}, "new_field": 1}
    with pytest.raises(FieldError):
        caller.call("payment.create", body=body)
    caller.call("payment.create", body=body, check=False)
    assert without_reference(recorder.last[3]) == body


def test_an_unknown_value_is_a_warning(caller: Context) -> None:
    """Every set of values is open: it is sent, and said."""
    with pytest.warns(CatalogueWarning, match="status"):
        caller.call("request-inquiry.update", 5, status="TOMORROW")


def test_wrong_names_lead_to_right_ones(caller: Context) -> None:
    """The nearest names stand in the message and on the error."""
    with pytest.raises(UnknownNameError, match=r"payment\.create") as caught:
        caller.call("payment.creat")
    assert caught.value.nearest[0] == "payment.create"
    with pytest.raises(UnknownNameError, match="payment"):
        _ = caller.api.paymnt
    assert not hasattr(caller.api, "paymnt")
    with pytest.raises(UnknownNameError, match="7 'Main'"):
        caller.call("payment.list", account="Mine")


def test_searching_shows_a_table(caller: Context) -> None:
    """The result is a list of operations that shows itself, and is all 480 for nothing."""
    found = caller.find("statement")
    assert isinstance(found[0], Operation)
    assert found[0].name in repr(found)
    assert f"<td>{found[0].name}</td>" in found._repr_html_()
    assert len(caller.find("")) == 480


def test_pages_say_how_many_at_a_time(caller: Context, recorder: Recorder) -> None:
    """200 a page for lists that come in pages, no count for those that don't."""
    next(iter(caller.pages("payment.list")))
    assert recorder.last[2] == "count=200"
    next(iter(caller.pages("payment.list", count=5)))
    assert recorder.last[2] == "count=5"
    next(iter(caller.pages("user.list")))
    assert recorder.last[2] == ""


def test_lists_that_the_catalogue_does_not_know(caller: Context, recorder: Recorder) -> None:
    """A path that is new to it has pages, and a table, too."""
    recorder.answers["GET /v1/user/42/novelty"] = [{"Novelty": {"id": 1, "colour": "blue"}}]
    assert next(iter(caller.pages("GET /user/{userID}/novelty?count=3"))).types == ["Novelty"]
    assert recorder.last[2] == "count=3"
    assert caller.frame("GET /user/{userID}/novelty")["colour"].tolist() == ["blue"]
    with pytest.raises(UnknownNameError):
        caller.frame("novelty.list")


def test_frames_of_any_list(caller: Context) -> None:
    """Every page in one table, items of several types side by side."""
    assert caller.frame("monetary-account.list")["id"].tolist() == [8, 7]
    assert caller.frame("card.list")["item_type"].tolist() == ["Card"]


def test_uploads(caller: Context, recorder: Recorder, tmp_path: Path) -> None:
    """The file's bytes are signed and sent; its name tells the type."""
    path = tmp_path / "cookie.png"
    path.write_bytes(b"\x89PNG\x00\xff")
    item = caller.upload("attachment-public.create", path, description="a cookie")
    assert list(item) == ["uuid"]
    _, _, _, body, headers = recorder.seen[-1]
    assert body == b"\x89PNG\x00\xff"
    assert headers["CONTENT_TYPE"] == "image/png"
    assert headers["HTTP_X_BUNQ_ATTACHMENT_DESCRIPTION"] == "a cookie"


@pytest.mark.parametrize(
    ("operation_name", "file", "given", "told"),
    [
        ("attachment-public.create", "missing.png", {}, "can't be read"),
        ("attachment-public.create", b"x", {}, "media_type"),
        ("attachment-public.create", b"", {"media_type": "image/png"}, "empty"),
        (
            "attachment-public.create",
            b"x",
            {"media_type": "image/png", "description": "a\nb"},
            "plain letters",
        ),
        ("payment.create", b"x", {}, "takes no file"),
    ],
)
def test_uploads_that_cannot_be(
    caller: Context, operation_name: str, file: Any, given: dict[str, Any], told: str
) -> None:
    """A missing file, an unknown type, a header that can't be: told before anything is sent."""
    with pytest.raises(FieldError, match=told):
        caller.upload(operation_name, file, **given)


def test_downloads_show_and_save_themselves(caller: Context, tmp_path: Path) -> None:
    """An image is an image in a notebook; ``save`` never writes over a file."""
    content = caller.download("attachment.content", 7)
    bundle = content._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]) == content
    assert repr(content) == "<4 bytes of image/png>"
    assert content.save(tmp_path / "x.png").read_bytes() == content
    with pytest.raises(FileExistsError):
        content.save(tmp_path / "x.png")
    with pytest.raises(FieldError, match="answers no file"):
        caller.download("payment.list")


def test_text_and_unknown_files_show_safely() -> None:
    """Text is shown as text; HTML and SVG, which could run something, are only told of."""
    from bunqkit.client.answer import Content

    assert Content(b"a;b", "text/csv")._repr_mimebundle_()["text/plain"] == "a;b"
    for media_type in ("image/svg+xml", "application/x-thing"):
        assert list(Content(b"<script>", media_type)._repr_mimebundle_()) == ["text/plain"]


def test_drift_is_collected_when_it_is_switched_on(caller: Context) -> None:
    """Off at first; on, every answer is compared; off again, what was found stays."""
    caller.call("card.list")
    assert len(caller.drift.frame()) == 0
    caller.drift.switch_on()
    caller.call("monetary-account.list")
    found = caller.drift.frame()
    assert "absent" in set(found["difference"])
    caller.drift.switch_off()
    caller.call("monetary-account.list")
    assert caller.drift.frame().equals(found)
    assert "off" in repr(caller.drift)


def test_the_package_names_are_there() -> None:
    """``bunqkit.drift`` is the function, not the module."""
    assert callable(bunqkit.drift)
