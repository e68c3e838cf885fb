"""The builder: what it takes from a description, what it corrects, what it refuses.

The descriptions here are of our own making. The official file is compared by hand:
``python -m bunqkit.catalogue.build FILE --diff``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from descriptions import FIELD, ROWS, SCHEMA, Json, at, described, prop, small_bank

from bunqkit.catalogue.build import build, differences, main, render
from bunqkit.catalogue.corrections import Correction, load_corrections
from bunqkit.catalogue.operations import CATALOGUE_FILE
from bunqkit.errors import CatalogueError

SHIPPED: Json = json.loads(CATALOGUE_FILE.read_text(encoding="utf-8"))


@pytest.fixture
def document() -> Json:
    """Return a small description that may be spoilt."""
    return small_bank()


def test_operations(document: Json) -> None:
    """Each operation has its name, wrapper, body, effect and paging."""
    operations = build(document, ROWS)["operations"]
    assert list(operations) == [
        "payment.content",
        "payment.create",
        "payment.delete",
        "payment.get",
        "payment.list",
        "payment.update",
        "user.list",
    ]
    shown = {
        name: (facts.get("wrapper"), facts["answer"], facts.get("body"), facts["effect"])
        for name, facts in operations.items()
    }
    assert shown == {
        "payment.content": (None, None, None, "reads"),
        "payment.create": ("Id", "Id", "Payment", "changes"),
        "payment.delete": (None, None, None, "changes"),
        "payment.get": ("Payment", "Payment", None, "reads"),
        "payment.list": ("Payment", "Payment", None, "reads"),
        "payment.update": ("Id", "Id", "Payment", "changes"),
        "user.list": ("*", "User", None, "reads"),
    }
    assert operations["payment.content"]["bytes"]
    assert operations["payment.list"]["query"] == ["count", "older_id", "newer_id"]


def test_types(document: Json) -> None:
    """Request and answer of one class are one type; each field knows where it occurs."""
    types = build(document, ROWS)["types"]
    assert types["Payment"] == {
        "id": {"kind": "integer", "use": "r"},
        "created": {"kind": "time", "use": "r"},
        "amount": {"kind": "Amount", "use": "rw", "required": True},
        "to": {"kind": "Label", "use": "rw"},
        "type": {"kind": "text", "use": "rw", "values": ["BIG_ONE", "SMALL", "HUGE"]},
        "friends": {"kind": "text", "list": True, "use": "r"},
        "entries": {"kind": "Entry", "list": True, "use": "w"},
        "secret": {"kind": "text", "use": "w"},
    }
    # Reached by a body only, and so on: the flags of a nested type are those of its place.
    assert types["Entry"] == {"date_start": {"kind": "date", "use": "w"}}
    assert types["Amount"]["value"] == {"kind": "decimal", "use": "rw"}
    assert types["Id"] == {"id": {"kind": "integer", "use": "r"}}
    assert "File" not in types


def test_label_is_written_as_pointer(document: Json) -> None:
    """Whoever is shown as a label is written as a Pointer."""
    schemas = document["components"]["schemas"]
    schemas["LabelUser"] = schemas.pop("Label")
    schemas["Pointer"] = {"type": "object", "properties": {"value": prop("text")}}
    for name in ("Payment", "PaymentRead"):
        schemas[name]["properties"]["to"]["$ref"] = f"{SCHEMA}LabelUser"
    field = build(document, ROWS)["types"]["Payment"]["to"]
    assert field == {"kind": "LabelUser", "body": "Pointer", "use": "rw"}


def test_only_facts(document: Json) -> None:
    """No sentence of the description is kept."""
    text = render(build(document, ROWS))
    assert "sentence" not in text
    assert "can be" not in text


def test_same_bytes(document: Json) -> None:
    """The same facts are the same text, whatever order the description has; a fact is a line."""
    first = render(build(document, ROWS))
    document["paths"] = dict(reversed(document["paths"].items()))
    schemas = document["components"]["schemas"]
    document["components"]["schemas"] = dict(reversed(schemas.items()))
    assert render(build(document, ROWS)) == first
    assert json.loads(first) == build(document, ROWS)
    assert '"secret": {"kind": "text", "use": "w"}' in first.split("\n")


@pytest.mark.parametrize(
    ("rows", "name", "facts"),
    [
        ([("not paged", "payment.list", None)], "payment.list", {"paged": None, "query": None}),
        (
            [("query", "payment.list", ["status"])],
            "payment.list",
            {"query": ["count", "older_id", "newer_id", "status"]},
        ),
        ([("signed", "payment.create", None)], "payment.create", {"signed": True}),
        ([("moves money", "payment.create", None)], "payment.create", {"effect": "moves money"}),
        (
            [("sends bytes", "payment.create", None)],
            "payment.create",
            {"sends_bytes": True, "body": None},
        ),
        (
            [("answer", "PaymentUpdate", "Payment")],
            "payment.update",
            {"wrapper": "Payment", "answer": "Payment"},
        ),
        (
            [("wire name", "Payment", "Mutation")],
            "payment.list",
            {"wrapper": "Mutation", "answer": "Mutation"},
        ),
    ],
    ids=["not paged", "query", "signed", "moves money", "sends bytes", "answer", "wire name"],
)
def test_operations_are_corrected(
    document: Json, rows: list[tuple[str, str, Any]], name: str, facts: Json
) -> None:
    """A row about an operation changes the facts that it names."""
    corrections = [*ROWS, *(Correction(*row, source="test") for row in rows)]
    built = build(document, corrections)["operations"][name]
    assert {key: built.get(key) for key in facts} == facts


@pytest.mark.parametrize(
    ("row", "type_", "field", "facts"),
    [
        (
            ("field", "Amount.value", {"kind": "any"}),
            "Amount",
            "value",
            {"kind": "any", "use": "rw"},
        ),
        (
            ("field", "Payment.place", {"kind": "number", "use": "r"}),
            "Payment",
            "place",
            {"kind": "number", "use": "r"},
        ),
        (("ignore", "Payment.secret", None), "Payment", "secret", None),
        (
            ("values", "Payment.type", ["ONLY"]),
            "Payment",
            "type",
            {"kind": "text", "use": "rw", "values": ["ONLY"]},
        ),
        (("values", "Payment.type", []), "Payment", "type", {"kind": "text", "use": "rw"}),
        (("same answer", "Entry", "Label"), "Entry", "name", {"kind": "text", "use": "r"}),
    ],
    ids=["kind", "added", "ignored", "values", "no values", "same answer"],
)
def test_fields_are_corrected(
    document: Json, row: tuple[str, str, Any], type_: str, field: str, facts: Json | None
) -> None:
    """A row about a field changes, adds or removes it."""
    built = build(document, [*ROWS, Correction(*row, source="test")])
    assert built["types"][type_].get(field) == facts


def test_aliases(document: Json) -> None:
    """A class whose answer is another type is found under its own name too."""
    rows = [Correction("answer", "FileListing", "Payment", "test"), *ROWS]
    assert build(document, rows)["aliases"] == {"BunqId": "Id", "File": "Payment"}


def test_names_of_rows() -> None:
    """A row can name several fields of several types."""
    names = Correction("field", "A,B.x,y payment.list", None, "test").names()
    assert names == ["A.x", "A.y", "B.x", "B.y", "payment.list"]
    assert Correction("answer", "A,B C", None, "test").names() == ["A", "B", "C"]


@pytest.mark.parametrize(
    "row",
    [
        ("wire name", "Nobody", "Somebody"),
        ("answer", "NobodyRead", "Payment"),
        ("ignore", "Payment.nothing", None),
        ("ignore", "Nothing", None),
        ("field", "Payment.amount", {"required": True}),
        ("field", "Payment.nothing", {"required": True}),
        ("values", "Payment.nothing", ["A"]),
        ("signed", "payment.pay", None),
    ],
    ids=lambda row: f"{row[0]} {row[1]}",
)
def test_row_without_effect(document: Json, row: tuple[str, str, Any]) -> None:
    """A correction that has nothing to correct fails the build, so that it is deleted."""
    with pytest.raises(CatalogueError, match=row[1].split(".")[0]):
        build(document, [*ROWS, Correction(*row, source="test")])


def test_differences(document: Json) -> None:
    """What an update adds, removes and changes is a line each."""
    before = build(document, ROWS)
    assert differences(before, before) == []
    fields = at(document, *FIELD)
    fields["secret"] = prop("integer", "w")
    fields["purpose"] = prop("text", "w")
    del fields["entries"]
    del document["paths"]["/user"]
    user = json.dumps(before["operations"]["user.list"])
    assert differences(before, build(document, ROWS)) == [
        '- field Payment.entries: {"kind": "Entry", "list": true, "use": "w"}',
        '+ field Payment.purpose: {"kind": "text", "use": "w"}',
        '~ field Payment.secret: {"kind": "text", "use": "w"} -> {"kind": "integer", "use": "w"}',
        f"- operation user.list: {user}",
    ]


def test_shipped_catalogue_comes_back() -> None:
    """A description made of the shipped catalogue builds the same operations and types."""
    document, rows = described(SHIPPED)
    built = build(document, rows)
    expected = {key: SHIPPED[key] for key in ("operations", "types")}
    shown = [line for line in differences(expected | {"aliases": {}}, built) if "alias" not in line]
    assert shown == []


def test_shipped_catalogue_is_rendered() -> None:
    """The shipped file is what the builder writes, to the byte."""
    assert render(SHIPPED) == CATALOGUE_FILE.read_text(encoding="utf-8")


def test_every_row_has_a_source() -> None:
    """No correction without a source, and each does something that the builder knows."""
    kinds = {
        *("wire name", "answer", "same answer", "ignore", "field", "values", "not paged"),
        *("query", "signed", "moves money", "sends bytes"),
    }
    assert {row.what for row in load_corrections()} == kinds
    assert all(row.source and row.names() for row in load_corrections())


@pytest.fixture
def files(tmp_path: Path, document: Json, monkeypatch: pytest.MonkeyPatch) -> tuple[str, str]:
    """Return a description on disk, and where its catalogue goes."""
    monkeypatch.setattr("bunqkit.catalogue.build.build", lambda parsed: build(parsed, ROWS))
    (tmp_path / "swagger.json").write_text(json.dumps(document), encoding="utf-8")
    return str(tmp_path / "swagger.json"), str(tmp_path / "catalogue.json")


def test_command_writes(files: tuple[str, str], document: Json, capsys: Any) -> None:
    """The command writes the catalogue; compared with itself it has no difference."""
    source, target = files
    assert main([source, "--output", target]) == 0
    assert "7 operations" in capsys.readouterr().out
    assert Path(target).read_text(encoding="utf-8") == render(build(document, ROWS))
    assert main([source, "--output", target, "--diff"]) == 0
    assert capsys.readouterr().out == ""


def test_command_compares(files: tuple[str, str], document: Json, capsys: Any) -> None:
    """``--diff`` prints, tells by its status that something differs, and writes nothing."""
    source, target = files
    main([source, "--output", target])
    before = Path(target).read_bytes()
    at(document, *FIELD)["purpose"] = prop("text", "w")
    Path(source).write_text(json.dumps(document), encoding="utf-8")
    capsys.readouterr()
    assert main([source, "--output", target, "--diff"]) == 1
    assert capsys.readouterr().out == '+ field Payment.purpose: {"kind": "text", "use": "w"}\n'
    assert Path(target).read_bytes() == before


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"what": 1}', '{"paths": {}}'],
    ids=["empty", "cut off", "strange", "partial"],
)
def test_command_refuses(tmp_path: Path, text: str, capsys: Any) -> None:
    """A file that is no description is an error with a message, and nothing is written."""
    source = tmp_path / "swagger.json"
    source.write_text(text, encoding="utf-8")
    assert main([str(source), "--output", str(tmp_path / "catalogue.json")]) == 2
    assert str(source) in capsys.readouterr().err
    assert not (tmp_path / "catalogue.json").exists()
