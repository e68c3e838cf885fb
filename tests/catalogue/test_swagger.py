"""Reading a description: strictly, or not at all."""

from __future__ import annotations

import pytest
from descriptions import FIELD, PAYMENTS, POST, ROWS, SCHEMA, Json, at, call, prop, small_bank

from bunqkit.catalogue.build import build
from bunqkit.errors import CatalogueError


@pytest.fixture
def document() -> Json:
    """Return a small description that may be spoilt."""
    return small_bank()


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ((), "the description"),
        (("components",), "components"),
        (("paths", PAYMENTS), "payment"),
        (POST, "POST /user"),
        ((*POST, "parameters", 0), "POST /user"),
        ((*POST, "parameters", 0, "schema"), "POST /user"),
        ((*POST, "requestBody"), "body"),
        ((*POST, "requestBody", "content"), "body"),
        ((*POST, "responses"), "POST /user"),
        ((*POST, "responses", "200"), "answer"),
        ((*POST, "responses", "400"), "error"),
        ((*POST, "responses", "200", "content", "application/json"), "answer"),
        ((*POST, "responses", "200", "content", "application/json", "schema"), "answer"),
        (("components", "schemas", "Payment"), "schema Payment"),
        ((*FIELD, "amount"), "schema Payment, property amount"),
        ((*FIELD, "entries", "items"), "schema Payment, property entries"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_unknown_keyword(document: Json, place: tuple[str | int, ...], message: str) -> None:
    """A keyword that nobody has decided about may mean something: the build names its place."""
    at(document, *place)["discriminator"] = {}
    with pytest.raises(CatalogueError, match=message) as caught:
        build(document, ROWS)
    assert "discriminator" in str(caught.value)


def breaks(name: str, document: Json) -> None:
    """Make one thing wrong."""
    post = at(document, *POST)
    fields = at(document, *FIELD)
    schemas = document["components"]["schemas"]
    if name == "property exclusiveField":
        fields["exclusiveField"] = prop("text") | {"type": "null"}
    elif name == "nothing is at":
        fields["amount"]["$ref"] = f"{SCHEMA}Nowhere"
    elif name == "is no header":
        document["components"]["parameters"]["Cache-Control"]["in"] = "query"
    elif name == "is in query":
        post["parameters"].append({"in": "query", "name": "x"})
    elif name == "not the ids of its path":
        del post["parameters"][0]
    elif name == "which it does not have":
        schemas["Payment"]["required"] = ["nothing"]
    elif name == "integer in one answer, text in another":
        schemas["PaymentListing"]["properties"]["id"] = prop("text", "r")
    elif name == "which is not defined":
        schemas["Hollow"] = {"type": "object"}
        schemas["PaymentRead"]["properties"]["hollow"] = prop("HollowRead", "r")
        schemas["HollowRead"] = {"type": "object"}
    elif name == "are both payment.list":
        document["paths"]["/payment"] = {"get": call("/payment", "PaymentListing", listed=True)}


@pytest.mark.parametrize(
    "message",
    [
        "property exclusiveField",
        "nothing is at",
        "is no header",
        "is in query",
        "not the ids of its path",
        "which it does not have",
        "integer in one answer, text in another",
        "which is not defined",
        "are both payment.list",
    ],
)
def test_not_understood(document: Json, message: str) -> None:
    """What contradicts itself is refused with its place."""
    breaks(message, document)
    with pytest.raises(CatalogueError, match=message):
        build(document, ROWS)
