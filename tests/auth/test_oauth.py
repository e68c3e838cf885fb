"""OAuth from the app's side: ask, come back, buy the token, connect with it."""

from __future__ import annotations

import threading
from urllib.parse import parse_qs, urlsplit

import pytest
from visitors import Frozen

import bunqkit
from bunqkit.errors import ApiError, FieldError, NoAnswerError
from bunqkit.sandbox import Admin, Bank, Clock, doors
from bunqkit.settings import load_settings

BACK = "http://127.0.0.1:9/back"


@pytest.fixture(scope="module")
def bank() -> Bank:
    """Return one bank for all: each test has people of its own."""
    return Bank(clock=Clock(tick=Frozen()))


@pytest.fixture
def owner(bank: Bank) -> bunqkit.Context:
    """Return the app's owner."""
    return bunqkit.connect(bank=bank)


def demo_accounts(bank: Bank) -> list[int]:
    """Return the accounts of the demo person, oldest first."""
    demo = bunqkit.connect(bank=bank, api_key=bank.demo_key)
    return sorted(demo.accounts()["id"].tolist())


def test_a_token_connects_to_the_granted_accounts(bank: Bank, owner: bunqkit.Context) -> None:
    """From asking to a table: the payments of one account, the others stay unseen."""
    app = bunqkit.OAuthApp(owner, BACK)
    chosen = demo_accounts(bank)[:1]
    token = app.receive(bank.consent(app.ask(), bank.demo_key, chosen))
    theirs = bunqkit.connect(bank=bank, api_key=token)
    assert theirs.accounts()["id"].tolist() == chosen
    assert set(theirs.payments(max_rows=300)["account_id"]) == set(chosen)
    assert "UserApiKey" in repr(theirs)
    assert "no name" not in repr(theirs)
    with pytest.raises(ApiError, match="own accounts only"):
        theirs.pay("1.00", "bravo@bunq.com", "tea")


def test_a_served_bank_is_the_same(bank: Bank, monkeypatch: pytest.MonkeyPatch) -> None:
    """With BUNQ_BASE_URL the page is beside the API, and the token connects over the network."""
    pytest.importorskip("waitress", reason="serving the bank needs waitress")
    server = doors.Server(Admin(bank), host="127.0.0.1", port=0)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        monkeypatch.setenv("BUNQ_BASE_URL", server.url)
        key = bunqkit.connect(bank=bank).settings.api_key
        owner = bunqkit.connect(api_key=key)
        app = bunqkit.OAuthApp(owner, BACK)
        address = app.ask()
        assert address.startswith(server.url.replace("/v1", "/auth?"))
        chosen = demo_accounts(bank)[1:3]
        token = app.receive(bank.consent(address, bank.demo_key, chosen))
        theirs = bunqkit.connect(api_key=token)
        assert sorted(theirs.accounts()["id"]) == chosen
        bank.revoke(theirs.user_id)
        with pytest.raises(ApiError, match="User credentials are incorrect"):
            theirs.accounts()
    finally:
        server.close()
        thread.join(10)


def test_the_client_and_its_address_are_made_once(owner: bunqkit.Context) -> None:
    """A second app object of the same user is the same client; a new address is added."""
    apps = [bunqkit.OAuthApp(owner, url) for url in (BACK, BACK, "https://example.org/back")]
    assert len({app.client_id for app in apps}) == 1
    (item,) = owner.call("oauth-client.list").items
    assert [callback["url"] for callback in item["callback_url"]] == [
        BACK,
        "https://example.org/back",
    ]


@pytest.fixture
def app(owner: bunqkit.Context) -> bunqkit.OAuthApp:
    """Return an app whose owner is a person without a past."""
    return bunqkit.OAuthApp(owner, BACK)


def test_a_state_is_good_once_and_of_this_app(bank: Bank, app: bunqkit.OAuthApp) -> None:
    """An address that nobody asked for, or that came before, buys nothing."""
    back = bank.consent(app.ask(), bank.demo_key)
    app.receive(back)
    forged = back.replace("state=", "state=x")
    for address in (back, forged, BACK):
        with pytest.raises(FieldError, match="does not come from a page that ask"):
            app.receive(address)


def test_a_refusal_is_told(app: bunqkit.OAuthApp) -> None:
    """What the bank says is in the error, and the state is spent."""
    state = parse_qs(urlsplit(app.ask()).query)["state"][0]
    with pytest.raises(FieldError, match="'access_denied'"):
        app.receive(f"{BACK}?error=access_denied&state={state}")
    with pytest.raises(FieldError, match="began"):
        app.receive(f"{BACK}?code=1&state={state}")
    state = parse_qs(urlsplit(app.ask()).query)["state"][0]
    with pytest.raises(FieldError, match="holds no code"):
        app.receive(f"{BACK}?state={state}")


def test_no_secret_shows(bank: Bank, app: bunqkit.OAuthApp, owner: bunqkit.Context) -> None:
    """Code, client secret and token are masked in reprs, errors and kept calls."""
    secret = owner.call("oauth-client.list").item["secret"]
    token = app.receive(bank.consent(app.ask(), bank.demo_key))
    seen = owner.exchanges[-1]
    shown = f"{app!r} {token!r} {seen!r} {seen.url} {seen.path} {seen.describe()} {seen.as_curl()}"
    assert seen.path.startswith("/v1/token?grant_type=authorization_code&code=")
    texts = f"{shown} {seen.xray()}"
    assert secret not in texts
    assert token.reveal() not in texts
    assert "all in the query, open this call" in texts
    state = parse_qs(urlsplit(app.ask()).query)["state"][0]
    code = "c0de" * 16
    with pytest.raises(ApiError) as caught:
        app.receive(f"{BACK}?code={code}&state={state}")
    assert caught.value.messages == ("The authorization code is invalid or expired.",)
    assert secret not in str(caught.value)
    assert code not in str(caught.value)


def test_no_secret_shows_without_an_answer() -> None:
    """Where nothing listens, neither the error nor its cause quotes the query."""
    secret = "5ec7e7" * 10
    client = bunqkit.Client("http://127.0.0.1:9/v1")
    with pytest.raises(NoAnswerError) as caught:
        client.request("POST", "/token", params={"client_secret": secret, "x": "1"})
    assert caught.value.__cause__ is None
    assert secret not in str(caught.value)
    assert "x=1" in str(caught.value)


@pytest.mark.parametrize(
    ("environment", "page", "token"),
    [
        ("SANDBOX", "https://oauth.sandbox.bunq.com/auth", "https://api-oauth.sandbox.bunq.com/v1"),
        ("PRODUCTION", "https://oauth.bunq.com/auth", "https://api.oauth.bunq.com/v1"),
    ],
)
def test_bunq_has_hosts_of_its_own(
    app: bunqkit.OAuthApp, owner: bunqkit.Context, environment: str, page: str, token: str
) -> None:
    """Page and token are not beside the API there."""
    key = "0" * 64
    owner.settings = load_settings(environment=environment, api_key=key)
    assert app.ask().startswith(f"{page}?response_type=code&client_id={app.client_id}&")
    assert app._hosts() == (page, token)
