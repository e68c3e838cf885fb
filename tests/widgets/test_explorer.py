"""The explorer, every handler of it, in strict mode and without a browser."""

from __future__ import annotations

import gc
import json
import weakref
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import ipywidgets
import pytest
from adversary.hostile_names import HTML as HOSTILE
from ipywidgets.widgets.widget import _instances
from world import ELSEWHERE, EVERY, REFUSED, World, prepare

import bunqkit
from bunqkit.catalogue.operations import Operation, example_body
from bunqkit.client.retries import Retries
from bunqkit.context.context import Context
from bunqkit.errors import ApiError, CallError, FieldError, LockedError, NoAnswerError
from bunqkit.sandbox import Bank
from bunqkit.sandbox.faults import Fault
from bunqkit.security.redaction import Secret
from bunqkit.widgets import Explorer


@pytest.fixture
def bunq(bank: Bank) -> Context:
    """Give the person with a history, at a bank whose clock stands still."""
    return bunqkit.connect(bank=bank, api_key=bank.demo_key)


@pytest.fixture
def explorer(bunq: Context) -> Iterator[Explorer]:
    """Give an explorer that raises what its handlers raise."""
    explorer = Explorer(bunq, strict=True)
    yield explorer
    explorer.close()


def in_production(bunq: Context) -> Context:
    """Give the same person of the same bank, as if the money were real."""
    settings = replace(bunq.settings, environment="PRODUCTION")
    return Context(settings, bunq.client, bunq._sessions, bank=bunq.bank)


def fill_payment(
    explorer: Explorer, amount: str = "10.00", to: str = "bravo@bunq.com", text: str = "tea"
) -> None:
    """Choose a payment, and type what it needs."""
    explorer.choose("payment.create")
    assert explorer.form.body is not None
    built: dict[str, Any] = {leaf.path: leaf for leaf in explorer.form.body.leaves()}
    built["amount"].control.value = amount
    built["counterparty_alias"].control.value = to
    built["description"].control.value = text


def texts(widget: ipywidgets.Widget) -> str:
    """Give all HTML inside a widget that is displayed."""
    if widget.layout.display == "none":
        return ""
    inner = "".join(texts(child) for child in getattr(widget, "children", ()))
    return inner + (widget.value if isinstance(widget, ipywidgets.HTML) else "")


def tab(explorer: Explorer, title: str) -> str:
    """Open a tab and give its HTML."""
    tabs = explorer.results.tabs
    tabs.selected_index = tabs.titles.index(title)
    return texts(tabs.children[tabs.selected_index])


def names(explorer: Explorer) -> list[str]:
    """Give the operations that the search shows."""
    return [value for _, value in explorer.matches.options if value]


def test_the_search_shows_everything_and_narrows_as_one_types(explorer: Explorer) -> None:
    """All 480, then those that fit the words, under the names of their resources."""
    assert len(names(explorer)) == 480
    explorer.search.value = "webhook"
    assert 0 < len(names(explorer)) < 100
    assert names(explorer)[0].startswith("notification-filter-url")
    labels = [label for label, _ in explorer.matches.options]
    assert labels[0] == "notification-filter-url"
    assert labels[1].split() == ["GET", "notification-filter-url.list"]
    explorer.search.value = "payment get"
    assert names(explorer)[0] == "payment.get"
    explorer.search.value = "q"
    assert all("q" in name for name in names(explorer))


def test_enter_takes_the_first_match(explorer: Explorer) -> None:
    """As the front end says it; the form of it opens."""
    explorer.search.value = "pay"
    explorer.search._handle_msg(
        {
            "content": {"data": {"method": "custom", "content": {"event": "submit"}}},
            "buffers": [],
        }
    )
    assert explorer.form.operation.name == "payment.create"
    assert explorer.send_button.description == "Send payment.create"


def test_letters_that_come_after_enter_count(explorer: Explorer) -> None:
    """A front end holds letters back while the kernel is busy, and sends Enter at once."""
    submit = {"event": "submit"}
    explorer._hear_key(explorer.search, submit, [])
    explorer.search.value = "card"
    explorer._hear_key(explorer.search, submit, [])
    explorer.search.value = "card get"
    assert explorer.form.operation.name == "card.get"
    explorer.search.value = "payment list"
    assert explorer.form.operation.name == "card.get"


def test_enter_leaves_a_form_that_is_open_already(explorer: Explorer) -> None:
    """The same operation once more, by whatever words: what was typed stays."""
    fill_payment(explorer)
    explorer.search.value = "payment create"
    explorer.enter()
    assert explorer.send_button.description == "Send payment of EUR 10.00"


def test_a_form_that_was_touched_stays(explorer: Explorer) -> None:
    """Who types on in the search after filling something keeps what was filled in."""
    explorer.search.value = "payment get"
    explorer._hear_key(explorer.search, {"event": "submit"}, [])
    explorer.form.ids["payment_id"].control.value = "5"
    explorer.search.value = "payment get note"
    assert explorer.form.call.given == {"payment_id": 5}


def test_enter_on_nothing_says_so(explorer: Explorer) -> None:
    """Words that fit nothing open no form."""
    explorer.search.value = "xyzzy plugh"
    assert names(explorer) == []
    with pytest.raises(FieldError, match="Nothing is called"):
        explorer.enter()


def test_a_match_is_chosen_from_the_list(explorer: Explorer) -> None:
    """A name opens its form; the head of a group opens nothing."""
    explorer.search.value = "card list"
    explorer.matches.index = 0
    with pytest.raises(FieldError, match="No operation is chosen"):
        _ = explorer.form
    explorer.matches.value = "card.list"
    assert explorer.form.operation.name == "card.list"


def test_the_list_shows_what_is_open(explorer: Explorer) -> None:
    """However a form was opened, its operation is the chosen one, where the list has it."""
    explorer.choose("payment.create")
    assert explorer.matches.value == "payment.create"
    explorer.search.value = "card list"
    explorer.enter()
    assert explorer.matches.value == "card.list"
    explorer.choose("payment.create")
    assert explorer.matches.index is None


def test_a_preview_is_what_is_sent(explorer: Explorer, bunq: Context) -> None:
    """URL, body and signature are the same bytes; the preview itself sends nothing."""
    fill_payment(explorer)
    before = len(bunq.exchanges)
    explorer.preview_button.click()
    assert len(bunq.exchanges) == before
    assert "Nothing was sent" in texts(explorer.results.box)
    for title in ("X-ray", "Headers", "As a cell", "Python", "curl"):
        assert tab(explorer, title)
    previewed = explorer._drafted().preview(bunq)
    explorer.send_button.click()
    sent = bunq.exchanges[-1]
    assert (previewed.url, previewed.request_body) == (sent.url, sent.request_body)
    assert previewed.signed == sent.signed == sent.request_body
    name = "X-Bunq-Client-Signature"
    assert previewed.request_headers[name] == sent.request_headers[name]


def test_a_payment_is_sent_and_seen(explorer: Explorer, bunq: Context) -> None:
    """The button says what it does; the answer is there for the next cell."""
    fill_payment(explorer)
    assert explorer.send_button.description == "Send payment of EUR 10.00"
    explorer.send_button.click()
    assert explorer.result is not None
    made = explorer.result.first("Id")["id"]
    assert bunq.api.payment.get(made).item["description"] == "tea"
    assert explorer.frame is not None
    assert explorer.frame["id"].tolist() == [made]
    assert "200, verified" in texts(explorer.results.box)
    assert explorer.errors == []


def test_the_path_names_the_main_account(explorer: Explorer, bunq: Context) -> None:
    """As it will be sent, before it is."""
    explorer.choose("payment.list")
    shown = explorer.form.path
    explorer.send_button.click()
    assert bunq.exchanges[-1].path == shown


def test_every_tab_shows_the_answer(explorer: Explorer) -> None:
    """A table, a tree, the X-ray, headers, a cell, Python, curl."""
    explorer.choose("payment.list")
    explorer.send_button.click()
    assert "<table" in tab(explorer, "Table")
    assert "<details" in tab(explorer, "JSON")
    assert "The signature" in tab(explorer, "X-ray")
    assert "X-Bunq-Client-Request-Id" in tab(explorer, "Headers")
    assert "answer = bunq.call(&quot;payment.list&quot;)" in tab(explorer, "As a cell")
    assert "import requests" in tab(explorer, "Python")
    assert "curl" in tab(explorer, "curl")


def test_pages_can_be_turned(explorer: Explorer) -> None:
    """Older and newer items, as the bank leads to them; the table says whether it is all."""
    explorer.choose("payment.list")
    explorer.send_button.click()
    assert explorer.frame is not None
    first = explorer.frame["id"].tolist()
    assert explorer.frame.attrs["bunqkit"]["complete"] is False
    assert "the bank has older ones" in tab(explorer, "Table")
    explorer.results.older_button.click()
    assert explorer.frame["id"].max() < min(first)
    explorer.results.newer_button.click()
    assert explorer.frame["id"].tolist() == first


def test_every_page_becomes_one_table(explorer: Explorer, bunq: Context) -> None:
    """In a thread, so that the kernel stays free; complete, and said so."""
    explorer.choose("payment.list")
    explorer.pages_button.click()
    explorer.wait()
    assert explorer.frame is not None
    assert len(explorer.frame) == len(bunq.frame("payment.list"))
    assert explorer.frame.attrs["bunqkit"]["complete"] is True
    assert "rows of 4 pages, complete" in texts(explorer.results.box)


def test_a_long_fetch_can_be_cancelled(explorer: Explorer, bunq: Context) -> None:
    """What has come is shown, and that it is not all; nothing counts as an error."""
    assert bunq.bank is not None
    bunq.bank.faults.add(Fault("delay", operation="payment.list", times=None, seconds=0.2))
    explorer.choose("payment.list")
    explorer.form.ids["count"].control.value = "10"
    explorer.pages_button.click()
    assert explorer.progress.layout.display == ""
    explorer.progress.cancel_button.click()
    explorer.wait()
    assert "cut by interrupt" in texts(explorer.results.box)
    assert explorer.errors == []


def test_closing_stops_a_fetch_and_frees_all(bunq: Context) -> None:
    """Whatever comes after is not shown any more, and leaves nothing."""
    assert bunq.bank is not None
    before = len(_instances)
    explorer = Explorer(bunq, strict=True)
    bunq.bank.faults.add(Fault("delay", operation="payment.list", times=None, seconds=0.2))
    explorer.choose("payment.list")
    explorer.pages_button.click()
    explorer.close()
    explorer.wait()
    assert len(_instances) == before


def test_a_refusal_is_a_card_and_can_be_looked_at(explorer: Explorer) -> None:
    """The bank's words, the response id, and the X-ray of the refused call."""
    fill_payment(explorer, amount="900000.00")
    with pytest.raises(ApiError) as caught:
        explorer.send_button.click()
    shown = texts(explorer)
    assert caught.value.messages[0] in shown.replace("&#x27;", "'")
    assert caught.value.response_id is not None
    assert caught.value.response_id in shown
    assert "Refused, 400" in shown
    assert "The signature" in tab(explorer, "X-ray")
    assert explorer.history.frame["status"].tolist() == [400]
    assert explorer.result is None


def test_a_cut_connection_is_a_card(explorer: Explorer, bunq: Context) -> None:
    """What is known about it, and what to do."""
    assert bunq.bank is not None
    bunq.bank.faults.add(Fault("cut before", operation="payment.list", times=None))
    bunq.client.retries = Retries(sleep=lambda _seconds: None)
    explorer.choose("payment.list")
    with pytest.raises(NoAnswerError, match="connection was cut"):
        explorer.send_button.click()
    assert "Nothing was carried out" in texts(explorer)
    bunq.bank.faults.clear()
    explorer.send_button.click()
    assert "Nothing was carried out" not in texts(explorer)


def test_what_is_missing_or_wrong_is_not_sent(explorer: Explorer, bunq: Context) -> None:
    """The button waits; without the check the bank itself may say what it thinks of it."""
    fill_payment(explorer, amount="10,00")
    before = len(bunq.exchanges)
    assert explorer.send_button.disabled
    explorer.send_button.click()
    assert len(bunq.exchanges) == before
    explorer.check.value = False
    with pytest.raises(ApiError):
        explorer.send_button.click()
    assert len(bunq.exchanges) == before + 1


def test_ids_are_picked_from_earlier_answers(explorer: Explorer, bunq: Context) -> None:
    """Whoever asked: a cell, the form, or the button that looks them up."""
    newest = bunq.api.payment.list(count=3).items[0]
    explorer.choose("payment.get")
    options = explorer.form.ids["payment_id"].control.options
    assert len(options) == 3
    assert options[0].startswith(f"{newest['id']} · {newest['description']}")
    explorer.form.ids["payment_id"].control.value = options[0]
    explorer.send_button.click()
    assert explorer.result is not None
    assert explorer.result.item["id"] == newest["id"]
    accounts = explorer.form.ids["account"].control.options
    assert any(str(newest["monetary_account_id"]) in choice for choice in accounts)


def test_looking_up_fills_the_menu(explorer: Explorer) -> None:
    """One press asks the bank for what the id may be."""
    explorer.choose("card.get")
    assert explorer.form.ids["card_id"].control.options == ()
    explorer._look_up("card.list")
    assert explorer.form.ids["card_id"].control.options


def test_a_file_is_shown_as_what_it_is(explorer: Explorer, bunq: Context) -> None:
    """An image as one; a statement as the table that it is."""
    made = bunq.upload("attachment-public.create", b"\x89PNG..", media_type="image/png",
                       description="a picture")  # fmt: skip
    explorer.choose("attachment-public.content")
    explorer.form.ids["attachment_public_uuid"].control.value = made["uuid"]
    explorer.send_button.click()
    assert "<img alt=" in tab(explorer, "File")
    assert "data:image/png;base64" in tab(explorer, "File")
    body = {"statement_format": "CSV", "date_start": "2026-03-01", "date_end": "2026-03-31",
            "regional_format": "EUROPEAN"}  # fmt: skip
    number = bunq.call("customer-statement.create", body=body).first("Id")["id"]
    explorer.choose("customer-statement.content")
    explorer.form.ids["customer_statement_id"].control.value = str(number)
    explorer.send_button.click()
    assert "<table" in tab(explorer, "File")
    assert explorer.frame is not None
    assert len(explorer.frame) > 5


def test_a_file_is_uploaded(explorer: Explorer, bunq: Context) -> None:
    """Its bytes are what is signed; it can be sent again from the history."""
    explorer.choose("attachment-public.create")
    assert explorer.send_button.disabled
    assert explorer.form.upload is not None
    explorer.form.upload.control.value = (
        {"name": "cookie.png", "type": "image/png", "size": 4, "content": memoryview(b"\x89PNG"),
         "last_modified": datetime.now(UTC)},
    )  # fmt: skip
    explorer.send_button.click()
    assert bunq.exchanges[-1].signed == b"\x89PNG"
    assert explorer.result is not None
    assert explorer.result.item["uuid"]
    assert '    "cookie.png",\n' in explorer.history.script()
    explorer.history.choice.value = 1
    explorer.history.resend_button.click()
    explorer.question.do_button.click()
    assert bunq.exchanges[-1].signed == b"\x89PNG"
    assert len(explorer.history.frame) == 2


def test_history_finds_names_reopens_and_sends_again(explorer: Explorer, bunq: Context) -> None:
    """A named payment is found by its name, opened, changed, and sent again as it was."""
    fill_payment(explorer, text="tea")
    explorer.send_button.click()
    explorer.choose("card.list")
    explorer.send_button.click()
    history = explorer.history
    assert [number for _, number in history.choice.options] == [2, 1]
    history.choice.value = 1
    history.name.value = "the tea payment"
    history.filter.value = "tea"
    assert [number for _, number in history.choice.options] == [1]
    history.reopen_button.click()
    assert explorer.form.call.body is not None
    assert explorer.form.call.body["description"] == "tea"
    references = [json.loads(bunq.exchanges[-2].request_body)["merchant_reference"]] if (
        bunq.exchanges[-2].request_body) else []  # fmt: skip
    history.resend_button.click()
    # What was sent before goes out again only if somebody says so.
    explorer.question.do_button.click()
    sent = json.loads(bunq.exchanges[-1].request_body)
    assert sent["description"] == "tea"
    assert sent["merchant_reference"] not in references
    frame = history.frame
    assert frame["operation"].tolist() == ["payment.create", "card.list", "payment.create"]
    assert frame["name"].tolist() == ["the tea payment", "", ""]
    assert frame["status"].tolist() == [200, 200, 200]


def test_the_script_does_it_all_again(explorer: Explorer) -> None:
    """As one program, which runs as it is."""
    fill_payment(explorer, text='with "quotes"')
    explorer.send_button.click()
    explorer.choose("payment.list")
    explorer.pages_button.click()
    explorer.wait()
    explorer.history.script_button.click()
    assert "bunqkit.connect()" in texts(explorer.history.box)
    names: dict[str, Any] = {}
    exec(explorer.history.script(), names)
    assert names["answer"].first("Id")["id"]
    assert len(names["frame"]) > 500


def test_a_secret_shows_nowhere(bunq: Context) -> None:
    """Not in the state of a widget, not in code, not in the history; tokens and keys neither."""
    explorer = Explorer(bunq)
    explorer.choose("session-server.create")
    explorer.form.open_all()
    assert explorer.form.body is not None
    (leaf,) = [each for each in explorer.form.body.leaves() if each.path == "secret"]
    key = bunq.settings.api_key
    assert isinstance(key, Secret)
    leaf.control.value = key.reveal()  # type: ignore[attr-defined]
    explorer.preview_button.click()
    explorer.send_button.click()
    explorer.history.script_button.click()
    for title in explorer.results.tabs.titles:
        tab(explorer, title)
    secrets = [key.reveal(), bunq.session.token.reveal()]
    secrets += [
        item["token"] for exchange in bunq.exchanges for item in _tokens(exchange.answer_body)
    ]
    state = "".join(repr(widget.get_state()) for widget in _instances.values())
    for secret in [*secrets, "PRIVATE KEY"]:
        assert secret not in state
        assert secret not in explorer.history.script()
    assert 'os.environ["SECRET"]' in explorer.history.script()
    explorer.close()


def _tokens(body: bytes) -> list[dict[str, Any]]:
    try:
        return [item for entry in json.loads(body)["Response"] for item in entry.values()
                if "token" in item]  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return []


def test_hostile_texts_are_escaped_everywhere(explorer: Explorer, bunq: Context) -> None:
    """A payment whose description is a script is a text in every tab and menu."""
    fill_payment(explorer, text=HOSTILE)
    explorer.preview_button.click()
    for title in explorer.results.tabs.titles:
        assert "<img src=x" not in tab(explorer, title)
    explorer.send_button.click()
    bunq.call("monetary-account-bank.create", currency="EUR", description=HOSTILE)
    for name in ("payment.list", "monetary-account.list"):
        explorer.choose(name)
        explorer.send_button.click()
        for title in explorer.results.tabs.titles:
            shown = tab(explorer, title)
            assert "<img src=x" not in shown
            assert "<script" not in shown
    explorer.history.choice.value = 1
    explorer.history.name.value = HOSTILE
    explorer.history.script_button.click()
    assert "<img src=x" not in texts(explorer.history.box)


def test_production_reads_back_and_waits_for_the_unlock(bunq: Context) -> None:
    """The first press sends nothing; the second sends what was read back, and locks again."""
    real = in_production(bunq)
    explorer = Explorer(real, strict=True)
    assert '<span class="badge PRODUCTION">' in texts(explorer)
    fill_payment(explorer)
    before = len(real.exchanges)
    explorer.send_button.click()
    assert len(real.exchanges) == before
    shown = texts(explorer)
    assert "payment of EUR 10.00 to bravo@bunq.com" in shown
    explorer.question.leave_button.click()
    assert "payment of EUR 10.00 to" not in texts(explorer)
    explorer.question.do_button.click()
    assert len(real.exchanges) == before
    explorer.send_button.click()
    assert explorer.question.do_button.description == "Unlock and send payment of EUR 10.00"
    explorer.question.do_button.click()
    assert explorer.result is not None
    with pytest.raises(LockedError):
        real.pay("10.00", "bravo@bunq.com", "tea")
    assert 'with bunq.unlock("payment.create", up_to="10.00"' in explorer.history.script()
    explorer.close()


def test_a_change_withdraws_the_question(bunq: Context) -> None:
    """What was read back is what is sent, or nothing."""
    explorer = Explorer(in_production(bunq), strict=True)
    fill_payment(explorer)
    explorer.send_button.click()
    assert explorer.form.body is not None
    built: dict[str, Any] = {leaf.path: leaf for leaf in explorer.form.body.leaves()}
    built["amount"].control.value = "99.00"
    assert explorer.question.box.layout.display == "none"
    explorer.close()


def test_reading_in_production_needs_no_unlock(bunq: Context) -> None:
    """Only what changes something is locked."""
    explorer = Explorer(in_production(bunq), strict=True)
    explorer.choose("payment.list")
    explorer.send_button.click()
    assert explorer.result is not None
    explorer.close()


@pytest.mark.parametrize("count", [10, pytest.param(100, marks=pytest.mark.slow)])
def test_many_explorers_leave_nothing(bunq: Context, count: int) -> None:
    """Widgets, threads, memory: closing frees all, the connection goes on."""
    gc.collect()
    before = len(_instances)
    alive = []
    for _ in range(count):
        explorer = Explorer(bunq, strict=True)
        explorer.choose("payment.create")
        explorer.form.open_all()
        explorer.choose("payment.list")
        explorer.send_button.click()
        alive.append(weakref.ref(explorer))
        explorer.close()
    del explorer
    gc.collect()
    assert len(_instances) == before
    assert not any(each() for each in alive)
    assert len(bunq.payments(max_rows=5)) == 5


@pytest.fixture(scope="module")
def visitors(world: World) -> Iterator[dict[str, Explorer]]:
    """Give an explorer each for the person and the company of a world that has everything."""
    explorers = {
        who: Explorer(
            bunqkit.connect(bank=world.bank, api_key=getattr(world, who).api_key), strict=True
        )
        for who in ("person", "company")
    }
    yield explorers
    for explorer in explorers.values():
        explorer.close()


@pytest.mark.slow
@pytest.mark.parametrize(
    "operation", [o for o in EVERY if o.name not in ELSEWHERE], ids=lambda o: o.name
)
def test_the_bank_accepts_what_the_form_sends(
    world: World,
    visitors: dict[str, Explorer],
    operation: Operation,
) -> None:
    """Every operation, filled with an example, sent by the button: the bank does it."""
    path, body = prepare(world, operation)
    explorer = visitors["company" if world.visitor(operation) is world.company else "person"]
    explorer.choose(operation.name)
    if operation.sends_bytes:
        return
    explorer.form.fill(operation.read_ids(path), example_body(operation))
    assert explorer.form.problems == []
    ids = operation.read_ids(path)
    if "installation_id" in ids:
        # Everybody sees their own installation only.
        ids["installation_id"] = explorer._bunq.call("installation.list").item["id"]
    explorer.form.fill(ids, body)
    assert explorer.form.problems == explorer.form.needs == []
    assert not explorer.send_button.disabled
    if operation.name in REFUSED:
        with pytest.raises(CallError):
            explorer.send_button.click()
        return
    explorer.send_button.click()
    assert explorer.result is not None
