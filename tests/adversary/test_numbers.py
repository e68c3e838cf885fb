"""PINs and codes that are numbers are secrets as those that are texts."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

import bunqkit
from bunqkit.catalogue.operations import operation
from bunqkit.context.context import Context
from bunqkit.errors import ApiError, FieldError
from bunqkit.sandbox import Bank
from bunqkit.security.known_secrets import find_known, secret_spans
from bunqkit.security.redaction import MASK, Secret, conceal, redact
from bunqkit.widgets.draft_call import DraftCall

NUMBERS: dict[str, Any] = {
    "pin_code": 73_194,
    "oauth_code": 8_675_309,
    "cvc2": 571,
    "secret": 1.625,
}


@pytest.fixture(scope="module")
def bunq() -> Iterator[Context]:
    """Return somebody at a bank."""
    bank = Bank()
    bunq = bunqkit.connect(bank=bank)
    yield bunq
    bunq.close()
    bank.close()


@pytest.mark.parametrize("name", NUMBERS)
def test_a_number_is_sent_and_not_shown(bunq: Context, name: str) -> None:
    """The bank gets a number; X-ray, snippets, errors and reprs show none."""
    number = NUMBERS[name]
    body = {name: number, "deep": [{name: [number, str(number)]}]}
    with pytest.raises(ApiError) as caught:
        bunq.call("PUT /user/{userID}/card/1", body=body, check=False)
    exchange = caught.value.exchange
    assert json.loads(exchange.request_body) == body
    for shown in (
        str(caught.value),
        caught.value._repr_html_(),
        str(exchange.xray()),
        repr(exchange),
        exchange.xray()._repr_html_(),
        exchange.describe(),
        exchange.as_curl(),
        exchange.as_python(),
        exchange.as_openssl(),
        exchange._repr_html_(),
    ):
        assert not find_known(shown, [str(number)])
    assert f"BUNQ_{name.upper()}" in exchange.as_curl() or name == "secret"


def test_the_snippet_gives_the_same_body(bunq: Context) -> None:
    """A number stays one where it is read from the environment."""
    with pytest.raises(ApiError) as caught:
        bunq.call("PUT /user/{userID}/card/1", body={"pin_code": 73_194, "a": 1}, check=False)
    code = caught.value.exchange.as_python()
    line = next(line for line in code.splitlines() if line.startswith("body = (") and "PIN" in line)
    told: dict[str, Any] = {
        "json": json,
        "os": type("os", (), {"environ": {"BUNQ_PIN_CODE": "73194"}}),
    }
    exec(line, told)
    assert told["body"] == bytes(caught.value.exchange.request_body)


def test_what_is_wrong_with_one_is_said_without_it(bunq: Context) -> None:
    """A PIN that should have been a text."""
    with pytest.raises(FieldError) as caught:
        bunq.call("card.update", 1, pin_code=73_194)
    assert "pin_code" in str(caught.value)
    assert "73194" not in str(caught.value)


@pytest.mark.parametrize("name", NUMBERS)
def test_they_are_masked_in_json(name: str) -> None:
    """In what is shown, in what frames hold, and in bytes."""
    number = NUMBERS[name]
    assert redact({"a": [{name: number}]}) == {"a": [{name: MASK}]}
    assert conceal({name: number}) == {name: Secret(repr(number), is_number=True)}
    assert repr(conceal({name: number})) == f"{{'{name}': Secret('…')}}"
    assert conceal({name: number})[name].reveal_value() == number
    body = json.dumps({name: number, "id": 1}).encode()
    assert [body[a:b] for a, b in secret_spans(body)] == [str(number).encode()]
    assert conceal({name: True, "id": number}) == {name: True, "id": number}


def test_widgets_write_code_that_reads_a_number() -> None:
    """The cell that the explorer writes has the number from the environment, as one."""
    call = DraftCall(
        operation("card.update"), {}, body=conceal({"pin_code": 73_194, "oauth_code": "8675309"})
    )
    code = call.as_code()
    assert '"pin_code": int(os.environ["PIN_CODE"])' in code
    assert '"oauth_code": os.environ["OAUTH_CODE"]' in code
