"""``%bunq`` in a real shell: calls, switches, errors, what Tab offers, production."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

import bunqkit
from bunqkit import Context, FieldError, LockedError, UnknownNameError
from bunqkit.client.answer import Answer
from bunqkit.sandbox import Bank

pytest.importorskip("IPython", reason="the magic belongs to a shell (extra: lab)")
from IPython.core.completer import provisionalcompleter
from IPython.core.interactiveshell import InteractiveShell


@pytest.fixture
def shell(bank: Bank, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[InteractiveShell]:
    """Return a shell with the extension, and a context of the person with a history."""
    monkeypatch.setenv("IPYTHONDIR", str(tmp_path / "ipython"))
    InteractiveShell.clear_instance()
    shell = InteractiveShell.instance()
    shell.run_cell("%load_ext bunqkit").raise_error()
    shell.user_ns["bunq"] = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    yield shell
    assert shell.history_manager is not None
    shell.history_manager.end_session()
    InteractiveShell.clear_instance()


def run(shell: InteractiveShell, cell: str) -> Any:
    """Run a cell, and give what it ends with; what it raises is raised."""
    done = shell.run_cell(cell, store_history=True)
    done.raise_error()
    return done.result


@pytest.mark.parametrize("line", ["GET user", "get /user", "user.list", "GET /user?count=1"])
def test_a_call_is_a_line(shell: InteractiveShell, line: str) -> None:
    """By method and path, with or without the first slash, or by name."""
    answer = run(shell, f"%bunq {line}")
    assert isinstance(answer, Answer)
    assert answer.types == ["UserPerson"]
    assert shell.user_ns["_"] is answer


def test_arguments_are_those_of_call(shell: InteractiveShell) -> None:
    """The query, the item's own id, an account by its name, texts with spaces, a path's ids."""
    assert len(run(shell, "%bunq payment.list count=3").items) == 3
    newest = shell.user_ns["_"].items[0]
    assert run(shell, f"%bunq payment.get {newest['id']}").item == newest
    shell.user_ns["number"] = newest["id"]
    assert run(shell, "%bunq payment.get {number}").item == newest
    assert run(shell, "%bunq GET /user/{userID}/card").types
    run(shell, '%bunq payment.create amount=1.00 to=bravo@bunq.com description="tea for two"')
    assert run(shell, "%bunq payment.list count=1").item["description"] == "tea for two"
    run(shell, "%bunq payment.list account=Holiday count=1")
    body = {"description": "Trip"}
    run(shell, f"%%bunq monetary-account-bank.create\n{json.dumps({**body, 'currency': 'EUR'})}")
    assert "Trip" in shell.user_ns["bunq"].accounts()["description"].tolist()


def test_a_cell_is_a_body(shell: InteractiveShell) -> None:
    """JSON, sent as it is but for the reference by which a lost one is found again."""
    body = {
        "amount": {"value": "2.50", "currency": "EUR"},
        "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
        "description": "coffee",
    }
    answer = run(shell, f"%%bunq payment.create\n{json.dumps(body, indent=2)}")
    assert answer.types == ["Id"]
    sent = json.loads(answer.exchange.request_body)
    assert sent.pop("merchant_reference").startswith("bunqkit-")
    assert sent == body


def test_switches_choose_what_comes_back(shell: InteractiveShell) -> None:
    """A table of every page, the envelope, the X-ray; each also in ``_``."""
    frame = run(shell, "%bunq payment.list --frame")
    assert len(frame) == len(shell.user_ns["bunq"].frame("payment.list"))
    assert frame.attrs["bunqkit"]["complete"]
    envelope = run(shell, "%bunq payment.list count=2 --raw")
    assert set(envelope) == {"Response", "Pagination"}
    sheet = run(shell, "%bunq --xray payment.list count=2")
    assert "The signature" in str(sheet)
    assert shell.user_ns["_"] is sheet


def test_the_first_call_connects(shell: InteractiveShell) -> None:
    """Where there is no ``bunq`` yet, there is one after."""
    del shell.user_ns["bunq"]
    run(shell, "%bunq GET user")
    assert isinstance(shell.user_ns["bunq"], Context)


@pytest.mark.parametrize(
    ("cell", "kind", "said"),
    [
        ("%bunq", FieldError, "Say what to call"),
        ("%bunq GET", FieldError, "GET needs a path"),
        ("%bunq paymnt.list", UnknownNameError, "payment.list"),
        ("%bunq payment.list --table", FieldError, "--table is no switch"),
        ("%bunq payment.list --raw --xray", FieldError, "Use one of"),
        ("%bunq payment.list colour=blue", FieldError, "colour"),
        ('%bunq payment.create description="tea', FieldError, "no closing quotation"),
        ("%%bunq payment.create\n{amount: 1}", FieldError, "no JSON"),
        ("%%bunq payment.create\n[1]", FieldError, "no JSON object"),
        ("%bunq payment.create amount=ten to=x@y.nl description=t", FieldError, "ten"),
        ("%bunq payment.get 1", bunqkit.ApiError, "refused"),
    ],
)
def test_errors_say_what_to_do(
    shell: InteractiveShell, cell: str, kind: type[Exception], said: str
) -> None:
    """Each is the kit's, with the message that the call itself would have."""
    with pytest.raises(kind, match=said):
        run(shell, cell)


def test_production_is_locked(shell: InteractiveShell) -> None:
    """Reads pass; a write does inside an unlock only."""
    bunq = shell.user_ns["bunq"]
    settings = replace(bunq.settings, environment="PRODUCTION")
    real = Context(settings, bunq.client, bunq._sessions, bank=bunq.bank)
    shell.user_ns["bunq"] = real
    assert run(shell, "%bunq GET user").items
    pay = "%bunq payment.create amount=1.00 to=bravo@bunq.com description=tea"
    with pytest.raises(LockedError, match=r"EUR 1\.00 to bravo@bunq\.com"):
        run(shell, pay)
    run(shell, f"with bunq.unlock('payment.create', up_to='1.00'):\n    {pay}")


def offered(shell: InteractiveShell, line: str) -> list[str]:
    """Return what Tab offers at the end of a line, as the whole line would read."""
    assert shell.Completer is not None
    with provisionalcompleter():
        found = list(shell.Completer.completions(line, len(line)))
    return [line[: each.start] + each.text + line[each.end :] for each in found]


@pytest.mark.parametrize(
    ("line", "wanted"),
    [
        ("%bunq paym", "%bunq payment.list"),
        ("%bunq payment.cr", "%bunq payment.create"),
        ("%%bunq request-inq", "%%bunq request-inquiry.create"),
        ("    %bunq monetary-account-b", "    %bunq monetary-account-bank.list"),
        ("%bunq G", "%bunq GET"),
        ("%bunq GET /user/{userID}/ca", "%bunq GET /user/{userID}/card"),
        ("%bunq payment.list co", "%bunq payment.list count="),
        ("%bunq payment.list ", "%bunq payment.list older_id="),
        ("%bunq payment.create amount=1.00 desc", "%bunq payment.create amount=1.00 description="),
        ("%bunq GET /user/{userID}/card co", "%bunq GET /user/{userID}/card count="),
        ("%bunq payment.list count=20 --f", "%bunq payment.list count=20 --frame"),
    ],
)
def test_tab_completes(shell: InteractiveShell, line: str, wanted: str) -> None:
    """Names of operations, methods, paths, arguments, switches."""
    assert wanted in offered(shell, line)


def test_all_operations_are_offered(shell: InteractiveShell) -> None:
    """480 of them, and the methods."""
    found = {each.removeprefix("%bunq ") for each in offered(shell, "%bunq ")}
    assert {each.name for each in bunqkit.connect().find("")} <= found
