"""Types: their names, the kinds of their fields, when their facts are read."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bunqkit.catalogue.operations import operations
from bunqkit.catalogue.types import type_named, types
from bunqkit.errors import UnknownNameError


def test_loaded_late() -> None:
    """Importing reads nothing."""
    code = "import bunqkit.catalogue.types as t; print(t.load_facts.cache_info().currsize)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0"


def test_types_are_closed() -> None:
    """Every kind is a plain one or a type; every body and answer is a type."""
    plain = {"integer", "number", "decimal", "text", "boolean", "time", "date", "any"}
    for each in types():
        for field in each.fields:
            for kind in {field.kind, field.body_kind} - plain:
                assert type_named(kind).name == kind
            assert field.readable or field.writable
            assert field.writable or not field.required
    for name in {name for each in operations() for name in (each.body, each.answer) if name}:
        assert type_named(name).name == name


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("Payment", "Payment"),
        ("ScheduledPayment", "ScheduledPayment"),
        ("SchedulePayment", "ScheduledPayment"),
        ("CustomerStatement", "CustomerStatement"),
        ("ExportStatement", "CustomerStatement"),
        ("ShareInviteBankInquiry", "ShareInviteMonetaryAccountInquiry"),
        ("NoteTextPayment", "NoteText"),
        ("BillingInvoice", "Invoice"),
        ("TransferwiseTransfer", "TransferwisePayment"),
        ("BunqId", "Id"),
        ("HealthCheck", "HealthCheckResult"),
    ],
)
def test_type_names(said: str, name: str) -> None:
    """A type is found by its name on the wire, of before 2020 too, and by bunq's class."""
    assert type_named(said).name == name


def test_unknown_type() -> None:
    """A wrong name is answered with three like it."""
    with pytest.raises(UnknownNameError, match="Did you mean") as caught:
        type_named("Paymnt")
    assert caught.value.nearest[0] == "Payment"
    assert len(caught.value.nearest) == 3


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        ("Payment.created", "time"),
        ("RequestInquiry.time_expiry", "time"),
        ("ShareInviteMonetaryAccountInquiry.start_date", "time"),
        ("DraftPayment.previous_updated_timestamp", "time"),
        ("CustomerStatement.date_start", "date"),
        ("UserPerson.date_of_birth", "date"),
        ("Card.expiry_date", "date"),
        ("UserPerson.session_timeout", "integer"),
        ("TransferwiseQuote.time_delivery_estimate", "text"),
        ("Amount.value", "decimal"),
        ("TransferwiseQuote.rate", "decimal"),
        ("Pointer.value", "text"),
        ("Geolocation.latitude", "number"),
        ("Event.monetary_account_id", "any"),
        ("Card.monetary_account", "MonetaryAccount"),
    ],
)
def test_kinds(place: str, kind: str) -> None:
    """Times, dates and decimals are known as such, though bunq types them as text."""
    type_, _, field = place.partition(".")
    assert type_named(type_)[field].kind == kind


def test_counterparty() -> None:
    """A counterparty is written as a Pointer and read as a label."""
    field = type_named("Payment")["counterparty_alias"]
    assert (field.kind, field.body_kind) == ("LabelMonetaryAccount", "Pointer")


def test_nested_request_types_are_whole() -> None:
    """A card inside an event has its id, which bunq's schema of the request lacks."""
    assert {"id", "created", "status"} <= {f.name for f in type_named("Card").readable}
    assert type_named("EventObject")["Card"].kind == "Card"


def test_values() -> None:
    """Known values stand in bunq's order."""
    assert type_named("Pointer")["type"].values == ("EMAIL", "PHONE_NUMBER", "IBAN")
    assert type_named("Payment")["description"].values == ()
