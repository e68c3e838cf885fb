"""All 480 operations of the catalogue answer at the bank, in the shape that the catalogue says."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from sampling import one_in
from world import ELSEWHERE, EVERY, REFUSED, World, prepare

from bunqkit.catalogue import operations as catalogue
from bunqkit.catalogue.operations import Operation, type_named
from bunqkit.errors import ApiError
from bunqkit.sandbox import Bank
from bunqkit.security.redaction import Secret

# bunq's SDK can't read one that is null, so it is left out where there is none.
LABEL = "LabelMonetaryAccount"
# Where the official description is wrong: decimals as integers, lists as objects or texts, fields
# that only bodies need.
KNOWN_WRONG = re.compile(
    r"geolocation\.\w+: 0\.5 is not of type 'integer'|(vat|fraction): 0\.\d+ is not"
    r"|is a required property"
    r"|payments: \[.* is not of type 'object'|error_message\.0: .* is not of type '(string|array)'",
    re.DOTALL,
)


def insist_on_shape(type_name: str, item: Any) -> None:
    """Insist that an item, and what is inside it, has every field of its type."""
    if not isinstance(item, dict):
        return
    type_ = type_named(type_name)
    if type_name == LABEL:
        assert item.keys() >= {"iban", "display_name", "label_user", "country"}
        return
    if type_.is_anchor:
        for name, inner in item.items():
            if name in type_:
                insist_on_shape(type_[name].kind, inner)
        return
    needed = {field.name for field in type_.readable if field.kind != LABEL}
    missing = needed - item.keys()
    assert not missing, f"{type_name} lacks {sorted(missing)}"
    for field in type_.readable:
        value = item.get(field.name)
        if field.is_list:
            assert isinstance(value, list), f"{type_name}.{field.name} is no list"
        for each in value if isinstance(value, list) else [value]:
            if field.kind[0].isupper():
                insist_on_shape(field.kind, each)


def insist_on_answer(operation: Operation, answer: Any) -> None:
    """Insist on the wrapper and the fields that the catalogue names."""
    for name, item in zip(answer.types, answer.items, strict=True):
        if operation.wrapper == "*":
            insist_on_shape(name, item)
        else:
            assert name == operation.wrapper
            insist_on_shape(operation.answer or name, item)


@pytest.mark.parametrize(
    "operation", [o for o in EVERY if o.name not in ELSEWHERE], ids=lambda o: o.name
)
def test_operation_answers_in_its_shape(world: World, operation: Operation) -> None:
    """Every operation answers with its wrapper and all fields, and what is asked is there."""
    path, body = prepare(world, operation)
    if operation.name in REFUSED:
        with pytest.raises(ApiError) as caught:
            world.call(operation, path, body)
        assert caught.value.status == REFUSED[operation.name]
        return
    answer = world.call(operation, path, body)
    if operation.is_bytes:
        assert answer.exchange.answer_body
        assert not answer.exchange.answer_headers["Content-Type"].startswith("application/json")
        return
    if operation.verb not in ("list", "delete"):
        assert len(answer.items) == 1
    insist_on_answer(operation, answer)
    if operation.verb == "delete":
        with pytest.raises(ApiError) as caught:
            world.call(operation, path)
        assert caught.value.status == 404


@pytest.mark.skipif("BUNQKIT_DESCRIPTION" not in os.environ, reason="no path to bunq's description")
def test_answers_fit_the_official_description(world: World) -> None:
    """With BUNQKIT_DESCRIPTION=swagger.json: answers, unwrapped and without nulls, validate.

    What is left out is where the description is known to be wrong (``corrections.toml``).
    """
    description = json.loads(Path(os.environ["BUNQKIT_DESCRIPTION"]).read_text())
    schemas = {
        each["operationId"]: each["responses"]["200"]
        for methods in description["paths"].values()
        for each in methods.values()
        if isinstance(each, dict) and "operationId" in each
    }
    checked, problems = 0, []
    for operation in EVERY:
        if operation.name in ELSEWHERE | REFUSED.keys() or operation.is_bytes:
            continue
        path, body = prepare(world, operation)
        told = schemas[operation.id]
        if "$ref" in told:
            told = description["components"]["responses"][told["$ref"].rpartition("/")[2]]
        schema = told.get("content", {}).get("application/json", {}).get("schema", {})
        schema = {"components": description["components"], **schema.get("items", schema)}
        validator = jsonschema.Draft7Validator(schema)
        for item in world.call(operation, path, body).items:
            checked += 1
            for problem in validator.iter_errors(without_nulls(item)):
                text = f"{operation.name}: {'.'.join(map(str, problem.path))}: {problem.message}"
                if not KNOWN_WRONG.search(text):
                    problems.append(text)
    assert checked > 400
    assert not problems


def without_nulls(value: Any) -> Any:
    """Give a value without the nulls inside it, which the description does not know."""
    if isinstance(value, dict):
        return {name: without_nulls(inner) for name, inner in value.items() if inner is not None}
    return [without_nulls(each) for each in value] if isinstance(value, list) else value


CREATED = [
    (create, read)
    for create in EVERY
    for read in EVERY
    if create.method == "POST"
    and create.name not in ELSEWHERE
    and read.method == "GET"
    and read.verb == "get"
    and read.path == f"{create.path}/{{itemId}}"
]


@pytest.mark.parametrize(
    ("create", "read"), CREATED, ids=[create.resource for create, _ in CREATED]
)
def test_what_is_posted_can_be_read_and_listed(
    world: World, create: Operation, read: Operation
) -> None:
    """A posted thing is there under its id, holds what was posted, and is on the first page."""
    path = world.path(create)
    number = world.post(create, path)
    item = world.call(read, f"{path}/{number}").item
    assert number in (item.get("id"), item.get("uuid"))
    posted = {} if create.sends_bytes else world.body(create) or {}
    for name, value in posted.items():
        field = type_named(read.answer or "")
        if name in field and name in item and isinstance(value, (str, int)):
            assert item[name] == value or name == "status"
    listing = next((o for o in EVERY if o.verb == "list" and o.path == create.path), None)
    if listing is not None:
        listed = [each.get("id") for each in world.call(listing, path).items]
        assert number in listed
        if listing.is_paged:
            first = world.call(listing, f"{path}?count=1")
            assert [each["id"] for each in first.items] == [number]


@pytest.mark.parametrize(
    "operation",
    [o for o in EVERY if o.path.endswith("/{itemId}") and o.name != "session.delete"],
    ids=lambda o: o.name,
)
def test_what_is_not_there_is_404(world: World, operation: Operation) -> None:
    """An id that nothing has is not found, whatever is asked of it."""
    body = world.body(operation) if operation.method == "PUT" else None
    for number in (999_999_999, "nonsense"):
        with pytest.raises(ApiError) as caught:
            world.call(operation, world.path(operation, itemId=number), body)
        assert caught.value.status == 404
        assert "not found" in caught.value.messages[0]


BELOW = [o for o in EVERY if re.search(r"\{(?!user|monetary|itemId|installation)\S+?\}/", o.path)]


@pytest.mark.parametrize("operation", one_in(4, BELOW), ids=lambda o: o.name)
def test_nothing_hangs_under_what_is_not_there(world: World, operation: Operation) -> None:
    """Whatever is asked below a thing that does not exist is not found."""
    middle = re.findall(r"\{(\w[\w-]*)\}/", operation.path)[-1]
    path = world.path(operation, itemId=1, **{middle: 999_999_999})
    body = world.body(operation) if operation.method in ("POST", "PUT") else None
    with pytest.raises(ApiError) as caught:
        world.call(operation, path, body)
    assert (caught.value.status, "not found" in caught.value.messages[0]) == (404, True)


def test_things_of_others_are_not_found(world: World) -> None:
    """What one person posted, another can't read, change or delete, by any path."""
    path = f"{world.person.account}/draft-payment"
    create = catalogue.operation("draft-payment.create")
    number = world.post(create, path)
    other = world.company
    for stolen in (f"{path}/{number}", f"{other.account}/draft-payment/{number}"):
        with pytest.raises(ApiError) as caught:
            other.call("GET", stolen)
        assert caught.value.status == 404


def test_the_secret_of_a_card_is_not_kept(world: World) -> None:
    """A PIN that is sent stands neither in an answer nor in the books."""
    pins = [{"type": "PRIMARY", "pin_code": "8317", "monetary_account_id": world.person.account_id}]
    path = f"/user/{world.person.session.user_id}/card/{world.ids['card']}"
    answer = world.person.call("PUT", path, {"pin_code_assignment": pins})
    assert b"8317" not in answer.exchange.answer_body
    rows = world.bank.ledger.rows("SELECT item || secret AS text FROM thing")
    assert not [row for row in rows if '"8317"' in row["text"]]


def test_secrets_are_secrets() -> None:
    """The demo key does not show in a repr."""
    bank = Bank()
    assert isinstance(bank.demo_key, Secret)
    assert bank.demo_key.reveal() not in repr(bank.demo_key)
