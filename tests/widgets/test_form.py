"""The form of an operation: every field, checks as one types, the JSON in step, no secret kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import ipywidgets
import pytest
from adversary.hostile_names import HTML as HOSTILE
from hypothesis import given, strategies as st
from ipywidgets.widgets.widget import _instances
from sampling import one_in

from bunqkit.catalogue import operations as catalogue
from bunqkit.catalogue.operations import Operation
from bunqkit.security.redaction import MASK, Secret
from bunqkit.widgets.body_inputs import ListInput
from bunqkit.widgets.form import Form
from bunqkit.widgets.panel import Panel, close_tree
from bunqkit.widgets.pickers import Pickers
from bunqkit.widgets.value_inputs import (
    AmountInput,
    FormContext,
    PointerInput,
    SecretInput,
    TextInput,
)

EVERY = catalogue.operations()
DEFAULTS = {"user_id": 7, "account": 42}
Make = Callable[..., Form]


def make_form(panel: Panel, name: str, **how: Any) -> Form:
    """Make the form of an operation, with a context of its own."""
    context = FormContext(panel, how.pop("pickers", None) or Pickers())
    told: dict[str, Any] = {
        "defaults": DEFAULTS,
        "changed": lambda: None,
        "look_up": lambda _: None,
        **how,
    }
    return Form(catalogue.operation(name), context, **told)


@pytest.fixture
def make() -> Iterator[Make]:
    """Return a way to make forms, all of which are closed in the end."""
    panel = Panel("Test", "OFFLINE", strict=True)
    forms = []

    def make_one(name: str, **how: Any) -> Form:
        forms.append(make_form(panel, name, **how))
        return forms[-1]

    yield make_one
    for form in forms:
        close_tree(form.box)
    panel.close()


@pytest.fixture(scope="module")
def panel() -> Iterator[Panel]:
    """Return one panel for the forms of all operations."""
    panel = Panel("Test", "OFFLINE", strict=True)
    yield panel
    panel.close()


def fields(form: Form) -> dict[str, Any]:
    """Return the inputs that are built, by their place in the body."""
    assert form.body is not None
    return {field.path: field for field in form.body.value_inputs()}


def texts(widget: ipywidgets.Widget) -> str:
    """Return all HTML inside a widget that is displayed."""
    if widget.layout.display == "none":
        return ""
    inner = "".join(texts(child) for child in getattr(widget, "children", ()))
    return inner + (str(widget.value) if isinstance(widget, ipywidgets.HTML) else "")


@pytest.mark.parametrize("operation", one_in(5, EVERY), ids=lambda each: each.name)
def test_every_operation_has_a_form_that_takes_its_example(
    panel: Panel, operation: Operation
) -> None:
    """The example goes in, stands in the widgets, comes out the same, and passes the check."""
    before = len(_instances)
    form = make_form(panel, operation.name)
    example = catalogue.example_body(operation)
    form.fill({}, example)
    form.open_all()
    assert (form.call.body or {}) == (example or {})
    if form.body is not None:
        assert (form.body.typed() or {}) == (example or {})
    if form.json is not None:
        assert json.loads(form.json.value) == (example or {})
    assert form.problems == []
    operation.check(form.call.body) if form.call.body is not None else None
    close_tree(form.box)
    assert len(_instances) == before


def test_required_fields_are_shown_and_the_others_folded(make: Make) -> None:
    """A payment asks for amount, payee and description; the rest is one press away."""
    form = make("payment.create")
    assert {path.split("[")[0] for path in fields(form)} == {
        "amount", "counterparty_alias", "description",
    }  # fmt: skip
    assert form.needs == ["amount", "counterparty_alias", "description"]
    assert "Still needed: amount, counterparty_alias, description." in texts(form.box)
    form.open_all()
    assert "merchant_reference" in fields(form)


def test_short_forms_are_written_out(make: Make) -> None:
    """An amount and a payee are typed as people write them."""
    form = make("payment.create")
    built = fields(form)
    built["amount"].control.value = "10"
    built["counterparty_alias"].control.value = "nl91 abna 0417 1643 00"
    assert "only with the holder" in texts(built["counterparty_alias"].box)
    built["counterparty_alias"].holder.value = "A. Example"
    built["description"].control.value = "tea"
    assert form.call.body == {
        "amount": {"value": "10.00", "currency": "EUR"},
        "counterparty_alias": {
            "type": "IBAN",
            "value": "NL91ABNA0417164300",
            "name": "A. Example",
        },
        "description": "tea",
    }
    assert form.needs == form.problems == []


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        ("10,00", "Write the amount with a dot"),
        ("ten", "Write the amount with a dot"),
        ("-5", "must be above zero"),
        ("0.001", "no whole number of cents"),
    ],
)
def test_a_wrong_amount_is_told_as_it_is_typed(make: Make, amount: str, said: str) -> None:
    """Beside the amount, in words; and it goes away when the amount is right."""
    form = make("payment.create")
    field = fields(form)["amount"]
    field.control.value = amount
    assert said in texts(field.box)
    assert form.problems
    field.control.value = "10.00"
    assert texts(field.box) == ""
    assert form.problems == []


@pytest.mark.parametrize(
    ("name", "path", "text", "said"),
    [
        ("customer-statement.create", "date_start", "01-02-2026", "a date as YYYY-MM-DD"),
        ("schedule-payment.create", "schedule.time_start", "tomorrow", "a time in UTC"),
        ("schedule-payment.create", "schedule.recurrence_size", "two", "a whole number"),
        ("request-inquiry.create", "allow_bunqme", "perhaps", "true or false"),
    ],
)
def test_each_kind_is_checked_as_it_is_typed(
    make: Make, name: str, path: str, text: str, said: str
) -> None:
    """Dates, times, numbers, and what is true or false: the same check as of any call."""
    form = make(name)
    field = fields(form)[path]
    field.control.value = text
    assert said in texts(field.box)
    assert form.problems
    field.control.value = ""
    assert form.problems == []


def test_known_values_are_offered_and_others_allowed(make: Make) -> None:
    """Sets of values are open: an unknown one is remarked on and can be sent."""
    form = make("customer-statement.create")
    field = fields(form)["statement_format"]
    assert set(field.control.options) == {"CSV", "MT940", "PDF"}
    field.control.value = "XLSX"
    assert form.problems == []
    assert "It can be sent all the same" in texts(form.box)
    assert form.call.body is not None
    assert form.call.body["statement_format"] == "XLSX"


def test_the_json_follows_the_form_and_the_form_the_json(make: Make) -> None:
    """In both directions, with the same checks; what the form has no field for is kept."""
    form = make("payment.create")
    assert form.json is not None
    fields(form)["description"].control.value = "tea"
    assert json.loads(form.json.value) == {"description": "tea"}
    written = {
        "amount": {"value": "3.50", "currency": "GBP"},
        "description": "two teas",
        "of_tomorrow": 1,
    }
    form.json.value = json.dumps(written)
    assert fields(form)["amount"].control.value == "3.50"
    assert fields(form)["amount"].currency.value == "GBP"
    assert form.problems == ["of_tomorrow is no field of a Payment"]
    fields(form)["description"].control.value = "three teas"
    assert json.loads(form.json.value) == {**written, "description": "three teas"}


def test_json_that_is_none_yet_leaves_the_form_alone(make: Make) -> None:
    """While one types it is no JSON: the form keeps what it had, and says so."""
    form = make("payment.create")
    assert form.json is not None
    fields(form)["description"].control.value = "tea"
    for text in ('{"description": "te', "[1]"):
        form.json.value = text
        assert form.json.value == text
        assert form.problems
        assert fields(form)["description"].control.value == "tea"
    form.json.value = '{"description": "coffee"}'
    assert form.problems == []
    assert fields(form)["description"].control.value == "coffee"


def test_lists_grow_and_shrink(make: Make) -> None:
    """A batch of payments: add, fill, remove the first, keep the second."""
    form = make("payment-batch.create")
    payments = fields(form)["payments"]
    assert isinstance(payments, ListInput)
    payments.add_button.click()
    payments.add_button.click()
    for at, text in enumerate(("first", "second")):
        fields(form)[f"payments[{at}].description"].control.value = text
    assert form.call.body == {"payments": [{"description": "first"}, {"description": "second"}]}
    payments.box.children[0].children[0].children[1].click()
    assert form.call.body == {"payments": [{"description": "second"}]}
    assert "payments[0].amount" in form.needs


def test_the_path_is_shown_as_it_will_be_sent(make: Make) -> None:
    """With user and main account filled in, what is missing in braces, and the query."""
    form = make("payment.get")
    assert form.path == "/v1/user/7/monetary-account/42/payment/{payment_id}"
    assert form.needs == ["payment_id"]
    form.ids["payment_id"].control.value = "5"
    form.ids["account"].control.value = "43"
    assert form.path == "/v1/user/7/monetary-account/43/payment/5"
    assert form.needs == []
    listing = make("payment.list")
    listing.ids["count"].control.value = "20"
    assert listing.path == "/v1/user/7/monetary-account/42/payment?count=20"
    listing.ids["count"].control.value = "many"
    assert listing.problems == ["count is a whole number: pick one from the menu, or type it."]


def test_a_picked_value_is_sent_without_what_explains_it(make: Make) -> None:
    """An id out of a menu; a text of one's own is taken whole."""
    form = make("payment.get")
    form.ids["payment_id"].control.value = "5 · tea · EUR -2.00"
    assert form.call.arguments == {"payment_id": 5}
    form = make("payment.create")
    fields(form)["counterparty_alias"].control.value = "NL91ABNA0417164300 · A. Example"
    fields(form)["description"].control.value = "this · that"
    assert form.call.body is not None
    assert form.call.body["counterparty_alias"]["name"] == "A. Example"
    assert form.call.body["description"] == "this · that"


def test_what_can_be_looked_up_has_a_button(make: Make) -> None:
    """It names the operation that lists the ids."""
    asked: list[str] = []
    form = make("payment.get", look_up=asked.append)
    for row in form.box.children:
        for child in getattr(row, "children", ()):
            if isinstance(child, ipywidgets.Button):
                child.click()
    assert asked == ["payment.list", "monetary-account.list"]


def test_a_secret_is_in_the_call_and_in_no_widget(make: Make) -> None:
    """A PIN is taken out of its input at once; the JSON shows a mask, which stands for it."""
    form = make("card.update")
    form.open_all()
    secret = fields(form)["pin_code"]
    assert isinstance(secret, SecretInput)
    secret.control.value = "pin of a card"
    assert form.call.body == {"pin_code": Secret("pin of a card")}
    assert form.json is not None
    assert json.loads(form.json.value) == {"pin_code": MASK}
    form.json.value = json.dumps({"pin_code": MASK, "status": "ACTIVE"})
    assert form.call.body == {"pin_code": Secret("pin of a card"), "status": "ACTIVE"}
    form.json.value = json.dumps({"pin_code": "another pin"})
    assert form.call.body == {"pin_code": Secret("another pin")}
    for widget in _instances.values():
        state = repr(widget.get_state())
        assert "pin of a card" not in state
        assert "another pin" not in state
    assert form.problems == []


def test_hostile_texts_are_shown_as_texts(make: Make) -> None:
    """In every input, in the JSON, and in what is said about them."""
    form = make("payment.create")
    form.open_all()
    for field in fields(form).values():
        if isinstance(field, TextInput | AmountInput | PointerInput):
            field.control.value = HOSTILE
    assert form.json is not None
    form.json.value = json.dumps({HOSTILE: HOSTILE})
    assert "<img" not in texts(form.box)
    assert "&lt;img" in texts(form.box)


def test_a_body_of_unknown_fields_is_written_as_json(make: Make) -> None:
    """Where the catalogue knows no field, the JSON alone is the form."""
    name = next(o.name for o in EVERY if o.method == "PUT" and o.body is None)
    form = make(name)
    assert form.body is None
    assert form.json is not None
    form.json.value = '{"a": 1}'
    assert form.call.body == {"a": 1}


@given(
    body=st.dictionaries(
        st.sampled_from(["amount", "counterparty_alias", "description", "allow_bunqto", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=5),
            lambda inner: (
                st.lists(inner, max_size=2)
                | st.dictionaries(st.sampled_from(["value", "currency", "type", "y"]), inner)
            ),
            max_leaves=5,
        ),
    )
)
def test_any_json_goes_through_the_form_unchanged(panel: Panel, body: dict[str, Any]) -> None:
    """Whatever somebody writes as JSON is what the call has, however odd."""
    form = make_form(panel, "payment.create")
    assert form.json is not None
    form.json.value = json.dumps(body)
    assert form.call.body == body
    form.open_all()
    assert form.call.body == body
    close_tree(form.box)
