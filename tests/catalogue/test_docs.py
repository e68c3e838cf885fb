"""The documentation that the catalogue makes: complete, in three forms, escaped."""

from __future__ import annotations

import pytest

from bunqkit.catalogue.docs import DocPage, DocTable, JsonExample, Paragraph, describe_api
from bunqkit.catalogue.operations import operation, operations, type_named
from bunqkit.context.api import make_api


def test_the_whole_api_is_counted() -> None:
    """Operations by what they do add up to all."""
    text = describe_api(operations()).text()
    assert "480 operations" in text
    assert "15 move money" in text


def test_an_operation_tells_what_it_takes_and_gives() -> None:
    """Path, effect, fields with their kinds, an example body and answer, bunq's page."""
    text = operation("payment.create")._repr_markdown_()
    for part in (
        "POST /v1/user/{userID}/monetary-account/{monetary-accountID}/payment",
        "Moves money.",
        "bunq refuses it unsigned.",
        "| amount | Amount | required |",
        '"counterparty_alias": {',
        "https://doc.bunq.com/?q=payment",
    ):
        assert part in text


def test_a_type_tells_its_fields() -> None:
    """Kinds and known values stand beside each."""
    text = type_named("Payment")._repr_markdown_()
    assert "| type | text |  | BUNQ " in text
    assert "<td>balance_after_mutation</td>" in type_named("Payment")._repr_html_()


def test_a_resource_lists_what_it_can_do() -> None:
    """Its repr is its documentation, and so are those of all and of one."""
    api = make_api(lambda *_own_id, **_given: None)  # type: ignore[arg-type,return-value]
    assert "payment.create" in repr(api.payment)
    assert "480 operations" in repr(api)
    assert "payment.create" in api.payment.create._repr_html_()
    assert api.payment.create.__doc__.startswith("POST /v1/user/")


@pytest.mark.parametrize("form", ["html", "markdown", "text"])
def test_every_form_holds_every_block(form: str) -> None:
    """Title, words, link, table and example are in each."""
    page = DocPage(
        "Title",
        [
            Paragraph("Words.", "https://example.org/"),
            DocTable(("method", "name"), [("GET", "a|b")]),
            JsonExample("An example", {"a": 1}),
        ],
    )
    made = getattr(page, form)()
    for part in ("Title", "Words.", "https://example.org/", "method", "GET", "An example"):
        assert part in made


def test_html_is_escaped() -> None:
    """Names are data, wherever they stand."""
    evil = '<script>"&'
    page = DocPage(
        evil,
        [Paragraph(evil, evil), DocTable((evil, "x"), [(evil, evil)]), JsonExample(evil, evil)],
    )
    assert "<script>" not in page.html()
