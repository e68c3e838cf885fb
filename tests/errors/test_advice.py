"""Each refusal says what it usually means and what to do: in a terminal, in a notebook."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from nbclient import NotebookClient
from visitors import Visitor, payment

from bunqkit import sandbox
from bunqkit.errors import ApiError
from bunqkit.errors.advice import ADVICE_FILE, advise, look_up
from bunqkit.sandbox.faults import Fault

HOME = Path(sandbox.__file__).parent
# Source: bunq docs, "Errors".
STATUSES = (400, 401, 403, 404, 405, 409, 429, 466, 490, 491, 500, 502, 503, 504)


def refusals() -> Iterator[str]:
    """Yield every text with which the offline bank refuses, read from its source."""
    for path in sorted(HOME.rglob("*.py")):
        # The page and the desk are no part of the API: their answers are no ``ApiError``.
        if path.stem in ("admission", "admin"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            name = getattr(getattr(node, "func", None), "id", "")
            if isinstance(node, ast.Call) and name in ("refuse", "_both"):
                yield from filter(None, [text(each) for each in node.args[:2]][-1:])
            if isinstance(node, ast.Call) and name == "check_choice":
                yield f'{text(node.args[0])} "7" is not valid.'
            if isinstance(node, ast.Call) and name == "not_found":
                yield f'{text(node.args[0]) or "Thing"} for id "7" not found.'


def text(node: ast.expr) -> str:
    """Return the text of a literal, with a number in place of each value."""
    if isinstance(node, ast.JoinedStr):
        return "".join(text(each) or "7" for each in node.values)
    told = getattr(node, "value", "")
    return told if isinstance(told, str) else ""


REFUSALS = sorted(set(refusals()))


def test_the_refusals_were_found() -> None:
    """The list is not empty by accident: it has the texts that everybody meets."""
    assert len(REFUSALS) > 60
    assert "The request signature is invalid." in REFUSALS
    assert 'Superfluous field "7".' in REFUSALS


@pytest.mark.parametrize("words", REFUSALS)
def test_every_refusal_of_the_bank_has_advice(words: str) -> None:
    """A row of the table knows it, and no place in the row's words is left open."""
    advice = look_up(words)
    assert advice is not None
    for told in (advice.why, advice.what_to_do):
        assert len(told) > 10
        assert told.endswith(".")
        assert not re.search(r"\{\d*\}", told)


# Sentences that a bank might send, and that share words with the table.
STRANGERS = (
    "The date of birth is not that of the passport.",
    "Your IP address was seen in another country.",
    "JSON is the format of this answer.",
    "The currency market is closed on Sunday.",
    "A callback was sent to your phone.",
    "This account is closed on public holidays, please call us.",
    "The status of the payment is unknown.",
    "Type the code that you received.",
    "At most one of your devices is online.",
    "The amount must be more than zero and less than 50.",
    "No user credentials are incorrect.",
    "Insufficient authentication. Please confirm it in the app.",
    "Error: Insufficient authentication.",
    "Route not found. Did you mean /v2?",
    "Superfluous fields were ignored.",
    "The card is on the way to you.",
    "The API key was used 7 times.",
    "You can't pay more than 100.00 by this card.",
    "The request body is not valid JSON because of a comma.",
    "The balance of this account is not sufficient.",
)


@pytest.mark.parametrize("words", STRANGERS)
def test_a_text_that_only_shares_words_with_the_table_gets_no_advice(words: str) -> None:
    """A row fits the whole text of a refusal, never a part of it."""
    assert look_up(words) is None


def test_a_very_long_text_gets_no_advice() -> None:
    """The bank may send anything; comparing it takes no time."""
    assert look_up(f'Superfluous field "{"x" * 100_000}".') is None


def test_each_row_says_whose_words_it_holds() -> None:
    """Rows of bunq's words name a source; rows of the offline bank fit one of its refusals."""
    rows = tomllib.loads(ADVICE_FILE.read_text(encoding="utf-8"))["row"]
    assert {row["words_of"] for row in rows} == {"bunq", "offline bank", "bunqkit"}
    assert all(row.get("source") for row in rows if row["words_of"] != "offline bank")
    advised = {look_up(words) for words in REFUSALS}
    for row in rows:
        samples = [re.sub(r"\{\w+\}", "7", " ".join(text.split())) for text in row["texts"]]
        assert None not in map(look_up, samples)
        if row["words_of"] == "offline bank":
            assert any(look_up(sample) in advised for sample in samples)


@pytest.mark.parametrize("status", STATUSES)
def test_a_text_that_nobody_knows_gets_advice_by_its_status(status: int) -> None:
    """The bank may say anything: its status still means something."""
    advice = advise(status, ["Quux."])
    assert advice.why
    assert advice.what_to_do
    assert advice == advise(status, [])


def test_several_problems_get_the_advice_of_each() -> None:
    """Once each, in their order."""
    advice = advise(
        400, ['Superfluous field "a".', 'Superfluous field "b".', 'Superfluous field "a".']
    )
    assert advice.what_to_do.count("Leave a out") == 1
    assert advice.what_to_do.index("Leave a out") < advice.what_to_do.index("Leave b out")


def test_an_odd_text_of_the_bank_is_only_data() -> None:
    """Braces in it are no places of ours."""
    assert "{0} {why}" in advise(400, ['Superfluous field "{0} {why}".']).why


FAULTS = {"429": "Wait", "491": "Try again later", "500": "look at the list", "html 502": "browser"}


@pytest.mark.parametrize("fault", FAULTS)
def test_trouble_on_the_way_is_explained(visitor: Visitor, fault: str) -> None:
    """What comes unsigned, or from a gateway, has advice too."""
    visitor.door.bank.faults.add(Fault(fault))
    with pytest.raises(ApiError) as caught:
        visitor.call("GET", "/user")
    assert FAULTS[fault] in caught.value.what_to_do


def refused(visitor: Visitor) -> ApiError:
    """Return a refusal: the account holds too little money."""
    with pytest.raises(ApiError) as caught:
        visitor.call("POST", f"{visitor.account}/payment", payment("bravo@bunq.com"))
    return caught.value


def test_a_terminal_shows_four_parts(visitor: Visitor) -> None:
    """What happened with bunq's words, why, what to do, the response id; 80 columns from there."""
    error = refused(visitor)
    first, *others = str(error).splitlines()
    assert first.startswith("The bank refused POST /v1/user/")
    assert error.messages[0] in first
    assert others[0].startswith("Why, most likely: ")
    assert any(line.startswith("What to do: ") for line in others)
    assert others[-1] == f"Response id: {error.response_id}"
    assert max(map(len, others)) <= 80


def test_a_notebook_shows_a_card(visitor: Visitor) -> None:
    """The same parts, in the same order; the id can be copied by one click."""
    error = refused(visitor)
    card = error._repr_html_()
    parts = ["The bank refused POST", "Why, most likely", "What to do", "words", "Response id"]
    assert [card.index(part) for part in parts] == sorted(card.index(part) for part in parts)
    assert f"<code>{error.response_id}</code>" in card


def test_a_card_escapes_what_the_bank_says(visitor: Visitor) -> None:
    """A refusal's words are data."""
    body = b'{"Error":[{"error_description":"Superfluous field \\"<script>\\"."}]}'
    visitor.door.wire.force(body, status=400)
    with pytest.raises(ApiError) as caught:
        visitor.call("GET", "/user")
    assert "<script" not in caught.value._repr_html_()
    assert "&lt;script&gt;" in caught.value._repr_html_()


RAISING = "import bunqkit\nbunqkit.connect().call('GET /nothing')"


@pytest.fixture(autouse=True)
def _own_profile(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep IPython away from the profile of whoever runs this."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))


def test_an_error_that_nobody_catches_brings_its_card() -> None:
    """In a notebook: the card, once, and below it the traceback as ever."""
    cases = [
        ("call('GET /nothing')", "ApiError", "Why, most likely", "Route not found."),
        ("pay(12.5, 'bravo@bunq.com', 'tea')", "FieldError", "The amount is 12.5.", "a Decimal"),
    ]
    cells = [f"import bunqkit\nbunqkit.connect().{call}" for call, *_ in cases]
    nbformat = pytest.importorskip("nbformat", reason="nbformat reads the notebooks")
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(each) for each in cells])
    NotebookClient(notebook, allow_errors=True, timeout=60).execute()
    for cell, (_, name, on_the_card, below) in zip(notebook.cells, cases, strict=True):
        card, error = cell.outputs
        assert on_the_card in card["data"]["text/html"]
        assert error["output_type"] == "error"
        assert error["ename"] == name
        assert below in "\n".join(error["traceback"])


def test_a_terminal_brings_no_html() -> None:
    """IPython without a notebook shows the traceback, and the advice in its last lines."""
    done = subprocess.run(
        [sys.executable, "-m", "IPython", "--colors=NoColor", "-c", RAISING],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "What to do: Find the operation by a word" in done.stdout
    assert "IPython.core.display" not in done.stdout
    assert "Traceback" in done.stdout
