"""What is unsettled is listed, looked up, and not sent once more by mistake."""

from __future__ import annotations

import json
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from lossy import PAY, PAY_WHOLE, Kernels, Lossy, interrupt, lose, sent, served
from visitors import Wire

import bunqkit
from bunqkit.client.client import Client
from bunqkit.context import writes
from bunqkit.errors import FieldError, OutcomeUnknownError, StateError, UnsettledError
from bunqkit.sandbox import Bank, doors
from bunqkit.security.private_files import StateWarning
from bunqkit.security.redaction import Secret

PASSPHRASE = Secret("a long passphrase")


@pytest.fixture(autouse=True)
def _no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writes, "_PAUSES_S", (0.0,))


def test_it_is_noted_before_it_leaves(kernels: Kernels, wire: Wire) -> None:
    """When the bank sees the payment, its entry is on the disk, for its owner alone."""
    seen: list[tuple[int, str]] = []

    def look(environ: dict[str, Any]) -> None:
        if environ["PATH_INFO"].endswith("/payment") and environ["REQUEST_METHOD"] == "POST":
            (path,) = kernels.files
            seen.append((stat.S_IMODE(path.stat().st_mode), path.read_text()))

    wire.bend_request = look
    bunq = kernels.start()
    bunq.call("payment.create", **PAY)
    ((mode, text),) = seen
    assert mode == 0o600
    told = json.loads(text)
    assert told["operation"] == "payment.create"
    assert told["payees"] == [["EMAIL", "bravo@bunq.com"]]
    assert told["amounts"] == [["amount", "10.00", "EUR"]]
    assert told["references"][0].startswith("bunqkit-")
    assert told["digest"]
    assert "tea" not in text
    assert kernels.files == []
    assert bunq.unsettled == ()


def test_a_write_that_cannot_be_noted_is_not_sent(kernels: Kernels, wire: Wire) -> None:
    """Where nothing can be written, nothing is paid."""
    bunq = kernels.start()
    bunq.accounts()
    folder = bunq._writes.journal.folder
    assert folder is not None
    folder.write_text("in the way")
    with pytest.raises(StateError, match="journal"):
        bunq.call("payment.create", **PAY)
    assert sent(wire) == 3


def test_what_is_lost_is_listed_and_settled(
    kernels: Kernels, lossy: Lossy, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this kernel and in the next; one was made and one was not, and then nothing is left."""
    bunq = kernels.start()
    lose(bunq, lossy, "after", **PAY)
    lose(bunq, lossy, "before", **PAY | {"amount": "11.00"})
    for kernel in (bunq, kernels.start()):
        assert [entry.amounts[0][1] for entry in kernel.unsettled] == ["10.00", "11.00"]
        assert "EUR 10.00 to bravo@bunq.com" in repr(kernel.unsettled)
        assert "2 writes are unsettled" in repr(kernel)
    told = kernels.start().settle()
    assert [each.outcome for each in told] == ["made", "not made"]
    assert told[0].item is not None
    assert bunq.call("payment.get", told[0].item["id"]).item["amount"]["value"] == "-10.00"
    assert "not made: payment.create of EUR 11.00" in repr(told)
    assert bunq.unsettled == ()
    assert repr(bunq.settle()) == "Nothing was unsettled."


def test_not_made_is_said_only_after_a_while(kernels: Kernels, lossy: Lossy) -> None:
    """It might still be under way at the bank, so half a minute is waited for, and looked again."""
    bunq = kernels.start()
    lose(bunq, lossy, "before")
    elsewhere = kernels.start()

    def meanwhile(seconds: float) -> None:
        kernels.slept.append(seconds)
        # What was slow arrives after all.
        body = PAY_WHOLE | {"merchant_reference": bunq.unsettled[0].references[0]}
        elsewhere.call("payment.create", body=body, even_if_unsettled=True)

    bunq._writes.sleep = meanwhile
    (told,) = bunq.settle()
    assert told.outcome == "made"
    assert 25 < kernels.slept[-1] <= 30


def test_in_this_process_nothing_is_waited_for(bank: Bank) -> None:
    """A bank in this process has done its work, or not, when the call ends; nothing is on disk."""
    bunq = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    keys, lossy = bunq.client, Lossy(Wire(bank))
    bunq._channel.client = Client(
        doors.BASE_URL, key=keys.key, bank_key=keys.bank_key, transport=lossy
    )
    lose(bunq, lossy, "before")
    bunq._writes.sleep = interrupt
    assert len(bunq.unsettled) == 1
    (told,) = bunq.settle()
    assert told.outcome == "not made"
    assert bunq._writes.journal.folder is None


LIKE = [
    ("the same", PAY, True),
    ("as a body", {"body": PAY_WHOLE}, True),
    ("amount written otherwise", {"body": PAY_WHOLE | {
        "amount": {"value": "10", "currency": "EUR"}}}, True),
    ("another reference", PAY | {"merchant_reference": "mine"}, True),
    ("another amount", PAY | {"amount": "10.01"}, False),
    ("another payee", PAY | {"to": "sugardaddy@bunq.com"}, False),
    ("another description", PAY | {"description": "coffee"}, False),
]  # fmt: skip


@pytest.mark.parametrize("case", LIKE, ids=[name for name, *_ in LIKE])
def test_a_call_like_it_is_refused(
    kernels: Kernels, lossy: Lossy, wire: Wire, case: tuple[str, dict[str, Any], bool]
) -> None:
    """Operation, account, payee, amount and description decide; in the other kernel too."""
    _, call, is_like = case
    lose(kernels.start(), lossy, "before")
    bunq = kernels.start()
    bunq.accounts()
    before = sent(wire)
    if not is_like:
        bunq.call("payment.create", **call)
        return
    with pytest.raises(UnsettledError, match="even_if_unsettled") as caught:
        bunq.call("payment.create", **call)
    assert caught.value.entries == bunq.unsettled
    assert sent(wire) == before
    bunq.call("payment.create", **call, even_if_unsettled=True)
    assert sent(wire) == before + 1
    assert len(bunq.unsettled) == 1


def test_a_letter_that_nobody_sees_makes_no_other_payee(kernels: Kernels, lossy: Lossy) -> None:
    """Payees are compared as the guard compares them."""
    bunq = kernels.start()
    lose(bunq, lossy, "before", **PAY)
    with pytest.raises(UnsettledError):
        bunq.call("payment.create", **PAY | {"to": PAY["to"].replace("@", "\u200b@")}, check=False)


def test_pay_and_request_refuse_too(kernels: Kernels, lossy: Lossy) -> None:
    """The short ways are no way around it; and they have a way through."""
    bunq = kernels.start()
    lose(bunq, lossy, "before", **PAY)
    with pytest.raises(UnsettledError):
        bunq.pay("10.00", "bravo@bunq.com", "tea")
    with pytest.raises(UnsettledError):
        bunq.api.payment.create(amount="10.00", to="bravo@bunq.com", description="tea")
    assert bunq.pay("10.00", "bravo@bunq.com", "tea", even_if_unsettled=True)["id"]


def test_equal_payments_of_two_kernels_are_told_apart(kernels: Kernels, lossy: Lossy) -> None:
    """Both lost, one of them made: each is told truly, by its reference."""
    one, other = kernels.start(), kernels.start()
    lose(one, lossy, "after")
    lose(other, lossy, "before", **PAY, even_if_unsettled=True)
    assert [each.outcome for each in kernels.start().settle()] == ["made", "not made"]


def test_what_another_kernel_is_at_is_not_unsettled(kernels: Kernels) -> None:
    """While its process lives, its answer may come; when that is gone, it is unsettled."""
    one, other = kernels.start(), kernels.start()
    entry = one._writes.journal.describe(
        "payment.create", "POST", "/user/1/monetary-account/2/payment", PAY_WHOLE,
        newest_before=None,
    )  # fmt: skip
    one._writes.journal.begin(entry)
    assert [one.unsettled, other.unsettled] == [(), ()]
    assert one._writes.journal._held is not None
    one._writes.journal._held.release()
    assert other.unsettled == (entry,)


def test_what_bears_no_reference_needs_a_person(kernels: Kernels, lossy: Lossy) -> None:
    """The text says what to compare; once somebody has looked, it can be forgotten by its id."""
    bunq = kernels.start()
    number = bunq.request_money("5.00", "bravo@bunq.com", "half")["id"]
    lossy.lose = "before"
    with pytest.raises(OutcomeUnknownError):
        bunq.call("request-inquiry.update", number, status="REVOKED")
    (told,) = bunq.settle()
    assert told.outcome == "unknown"
    assert "In the app, look at account" in str(told)
    (entry,) = bunq.unsettled
    with pytest.raises(FieldError, match="No unsettled write"):
        bunq.settle(forget="nonsense")
    (told,) = bunq.settle(forget=entry.id)
    assert told.outcome == "forgotten"
    assert bunq.unsettled == ()


def test_a_change_that_was_made_is_settled(kernels: Kernels, lossy: Lossy) -> None:
    """It is looked at where it was to change something, by another kernel too."""
    bunq = kernels.start()
    number = bunq.request_money("5.00", "bravo@bunq.com", "half")["id"]
    lossy.lose = "after"
    bunq._writes.sleep = interrupt
    with pytest.raises(OutcomeUnknownError):
        bunq.call("request-inquiry.update", number, status="REVOKED")
    (told,) = kernels.start().settle()
    assert (told.outcome, told.item and told.item["id"]) == ("made", number)


@pytest.mark.slow
def test_a_passphrase_seals_the_journal(kernels: Kernels, lossy: Lossy) -> None:
    """Nobody reads who was paid; the passphrase opens it, another one is refused in words."""
    bunq = kernels.start(PASSPHRASE)
    lose(bunq, lossy, "before")
    (path,) = kernels.files
    assert "bravo" not in path.read_text()
    assert "10.00" not in path.read_text()
    kernel = kernels.start(PASSPHRASE)
    assert kernel.unsettled[0].payees == (("EMAIL", "bravo@bunq.com"),)
    for wrong in (None, Secret("another")):
        with pytest.raises(StateError, match="BUNQ_STATE_PASSPHRASE"):
            _ = kernels.start(wrong).unsettled


def test_no_secret_and_no_pin_is_noted(kernels: Kernels) -> None:
    """Neither as text nor as a hash that a few guesses would open."""
    bunq = kernels.start()
    journal = bunq._writes.journal
    body = {"pin_code": 1234, "status": "ACTIVE", "secret": Secret("s" * 64), "cvc2": "123"}
    entry = journal.describe("card.update", "PUT", "/user/1/card/2", body, newest_before=None)
    assert set(entry.digests) == {"status"}
    assert entry.digest == journal.digest({"status": "ACTIVE"})
    journal.begin(entry)
    (path,) = kernels.files
    for secret in ("1234", "123", "s" * 64):
        assert f'"{secret}"' not in path.read_text()


def test_a_damaged_entry_is_set_aside(kernels: Kernels, lossy: Lossy) -> None:
    """It is not taken for nothing: a warning says what it stood for."""
    bunq = kernels.start()
    lose(bunq, lossy, "before")
    kernels.files[0].write_text("{")
    with pytest.warns(StateWarning, match="damaged"):
        assert bunq.unsettled == ()
    assert len(list(kernels.folder.rglob("*.damaged"))) == 1


def test_connect_says_that_there_are_some(
    bank: Bank, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A kernel that was killed between sending and answer leaves one; the next is told."""
    with served(bank) as url:
        env_file = tmp_path / ".env"
        env_file.write_text(
            f"BUNQ_ENVIRONMENT=OFFLINE\nBUNQ_BASE_URL={url}\n"
            f"BUNQ_API_KEY={bank.demo_key.reveal()}\nBUNQ_STATE_DIR={tmp_path / 'kept'}\n"
        )
        program = (
            "import bunqkit, os, signal\n"
            f"bunq = bunqkit.connect(env_file={str(env_file)!r})\n"
            "bunq.find_account()\n"
            "kill = lambda *_, **__: os.kill(os.getpid(), signal.SIGKILL)\n"
            "bunq.client.request = kill\n"
            "bunq.pay('10.00', 'bravo@bunq.com', 'tea')\n"
        )
        done = subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
        assert done.returncode < 0
        bunq = bunqkit.connect(env_file=env_file)
        assert "1 write is unsettled: bunq.settle()" in capsys.readouterr().out
        bunq._writes.sleep = lambda _seconds: None
        assert [each.outcome for each in bunq.settle()] == ["not made"]
        assert list((tmp_path / "kept").rglob("*.sent")) == []
