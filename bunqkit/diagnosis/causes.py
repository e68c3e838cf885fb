"""Why a connection fails: each cause in one line, and what to do about it, in order.

The bank has one text for several causes; ``probe`` finds out which one it is.

Source: threads of bunq's SDKs (sdk_csharp#114, sdk_php#160, sdk_python#147 for credentials;
sdk_php#87, #129 for signatures; bunq/doc#125 for 466), bunq docs, "Sandbox" and "API keys".
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """Why a connection fails.

    Attributes
    ----------
    name
        A short name that stays, for scripts.
    summary
        What is wrong, in one line.
    steps
        What to do, in the order in which to try it.
    """

    name: str
    summary: str
    steps: tuple[str, ...]


_NEW_KEY = {
    "PRODUCTION": "Make a new key in the bunq app (Profile, Security & Settings, Developers, API "
    "keys), and put it into {place}.",
    "SANDBOX": "Take BUNQ_API_KEY out of {place}: the next connect() makes a new sandbox user and "
    "writes its key there.",
    "OFFLINE": "Put the key that the bank shows when it starts into {place}, or take BUNQ_API_KEY "
    "out: the next connect() makes a new user.",
}
_FRESH_STATE = "Move {state} away, so that the three steps are made anew."
_COPY = "Copy the key again, whole, from where it was made into {place}."
_SAFE_NETWORK = "Try another network, such as a phone's, to find out whether it is this one."

# name: what is wrong, and the steps; the facts of the case are filled in.
_CAUSES: dict[str, tuple[str, tuple[str, ...]]] = {
    # Settings.
    "settings": ("{name} can't be used.", ("{message}",)),
    "env file": ("The file that should hold the settings can't be used.", ("{message}",)),
    "file of another name": (
        "Settings are in {file}, which is not read: only .env is.",
        ("Rename {file} to .env.", "A file .env.NAME is read with BUNQ_PROFILE=NAME alone."),
    ),
    "place": (
        "{name} stands in a place that does not count for the key.",
        ("{message}",),
    ),
    "stranger's file": (
        "The settings were not read: somebody else may have written them.",
        ("{message}",),
    ),
    "misspelt name": (
        "{wrong} is no setting: {right} is, and it is not set.",
        ("Write {right} in place of {wrong} in {place}.",),
    ),
    "letters of key": (
        "BUNQ_API_KEY holds letters that no key has, such as blanks or quotes.",
        (_COPY, "Write it without quotes and blanks: BUNQ_API_KEY=sandbox_..."),
    ),
    "no key": (
        "BUNQ_API_KEY is not set, and PRODUCTION needs one.",
        (_NEW_KEY["PRODUCTION"], "Or set BUNQ_ENVIRONMENT to SANDBOX or OFFLINE to play."),
    ),
    "sandbox key in production": (
        "The key is of the other environment: a sandbox key, and PRODUCTION is set.",
        ("Set BUNQ_ENVIRONMENT to SANDBOX, or use a key that was made in the bunq app.",),
    ),
    "own address": (
        "This machine's address is not among BUNQ_PERMITTED_IPS: it would be locked out.",
        (
            (
                "Add {address} to BUNQ_PERMITTED_IPS in {place}, or take the line out: the bank "
                "then takes the address that you call from."
            ),
        ),
    ),
    # The way to the bank.
    "name look-up": (
        "The name {host} can't be looked up.",
        (
            "Check that this machine is on a network, and BUNQ_BASE_URL if you have set it.",
            "Behind a company's proxy, set HTTPS_PROXY to its address.",
            "Without a network, BUNQ_ENVIRONMENT=OFFLINE opens a bank on this machine.",
        ),
    ),
    "proxy": (
        "The proxy does not let calls through.",
        (
            "The proxy is {proxy}, set by {variable}. Check its address, and whether it runs.",
            "If this machine needs none, take the variable out.",
        ),
    ),
    "nothing there": (
        "Nothing answers at {origin}.",
        (
            (
                "If it is a bank that somebody serves, start it: bunqkit sandbox. Its first line "
                "is its address."
            ),
            "Check BUNQ_BASE_URL, and that no firewall is in the way.",
        ),
    ),
    "no answer in time": (
        "{host} does not answer in time.",
        (
            "Try again in a minute.",
            "A bank that is served without TLS is silent to https: check BUNQ_BASE_URL.",
            _SAFE_NETWORK,
            "Behind a company's proxy, set HTTPS_PROXY to its address.",
        ),
    ),
    "cut": (
        "The connection to {host} is cut before an answer comes.",
        (
            "Check that BUNQ_BASE_URL says https where the server speaks it, and http where not.",
            "Try again in a minute.",
            _SAFE_NETWORK,
        ),
    ),
    "no TLS": (
        "What listens at {host} does not speak TLS, which https needs.",
        ("Check the scheme and the port of BUNQ_BASE_URL.", _SAFE_NETWORK),
    ),
    "certificate expired": (
        "The certificate of {host} is out of date, or this machine's clock is wrong.",
        (
            "This machine says that it is {now}. If it is not, set its clock.",
            "If it is, the server's owner has to renew the certificate. Don't switch checks off.",
        ),
    ),
    "certificate of another name": (
        "The certificate at {host} is for another name.",
        ("Check the host in BUNQ_BASE_URL.", _SAFE_NETWORK),
    ),
    "certificate unknown": (
        "Nobody that this machine trusts vouches for the certificate of {host}.",
        (
            (
                "A company's proxy or a virus scanner may read along: ask for its certificate, and "
                "name the file in REQUESTS_CA_BUNDLE."
            ),
            _SAFE_NETWORK,
            "Never switch checks off: whoever reads along gets your key.",
        ),
    ),
    "not nearby": (
        "{host} is neither on this machine nor on its network, and OFFLINE goes nowhere else.",
        (
            "Nothing was sent. Write the address of the bank's machine into BUNQ_BASE_URL.",
            "For bunq's own banks, set BUNQ_ENVIRONMENT and take BUNQ_BASE_URL out.",
        ),
    ),
    # What answers.
    "no bank": (
        "What answers at {origin} is not bunq's API.",
        (
            "It answered with status {status} and {kind}. Check BUNQ_BASE_URL.",
            "In a hotel's or a train's network, open a page in a browser first and log in.",
        ),
    ),
    "gateway": (
        "The bank can't be reached through its own gateway (status {status}).",
        ("Nothing is wrong here. Try again in some minutes.",),
    ),
    "maintenance": (
        "The bank is under maintenance.",
        ("Nothing is wrong here. Try again later.",),
    ),
    "trouble": (
        "The bank has trouble of its own (status {status}).",
        ("Nothing is wrong here. Try again; if it goes on, tell bunq the response id {trace}.",),
    ),
    "too many calls": (
        "The bank refuses because it was called too often.",
        (
            "Wait 30 seconds, then try again; after many failed tries wait some minutes.",
            "Let notebooks share one state folder, so that they share one session.",
        ),
    ),
    "clock": (
        "This machine's clock is {skew} {direction} the bank's.",
        (
            (
                "Set the clock by the network: sessions and certificates seem to end too {early} "
                "otherwise."
            ),
        ),
    ),
    "header lost": (
        "Something on the way takes the signature out of what is sent.",
        ("A proxy or a scanner between you and the bank does it.", _SAFE_NETWORK),
    ),
    "forged answer": (
        "The answers are not signed by the bank that the kept installation knows.",
        (
            "Don't act on them: something between you and the bank may change them.",
            _SAFE_NETWORK,
            "If it goes on on another network: " + _FRESH_STATE,
        ),
    ),
    "answer not verified": (
        "The bank's answers come without the right signature.",
        ("Don't act on them: something between you and the bank changes them.", _SAFE_NETWORK),
    ),
    # What is kept.
    "state damaged": (
        "The kept installation and session can't be read: the file is damaged.",
        (
            (
                "connect() puts {state} aside and makes the three steps anew. If it keeps "
                "happening, check the disk."
            ),
        ),
    ),
    "state of another": (
        "The kept state was written for another key or bank, or by another bunqkit.",
        ("connect() puts {state} aside and makes the three steps anew.",),
    ),
    "state locked": (
        "What is kept is encrypted, and BUNQ_STATE_PASSPHRASE does not open it.",
        ("Correct BUNQ_STATE_PASSPHRASE.", "Or start anew with a new device: move {state} away."),
    ),
    "state unreadable": ("The state folder can't be used.", ("{message}",)),
    "state's key": (
        "The kept private key is not the one that the bank knows this installation by.",
        (_FRESH_STATE,),
    ),
    # The key, where the bank has one text for all.
    "key cut": (
        "The key is not whole: it has {length} letters, and {usual} are usual.",
        (_COPY,),
    ),
    "production key in sandbox": (
        "The key is of the other environment: it has the form of a production key.",
        (
            "Set BUNQ_ENVIRONMENT to PRODUCTION if it is a key from the bunq app.",
            "Or use a sandbox key, which starts with sandbox_. " + _NEW_KEY["SANDBOX"],
        ),
    ),
    "key of another bank": (
        "The key is of another bank: it has not the form of the keys of this one.",
        (_NEW_KEY["OFFLINE"],),
    ),
    "wrong key": (
        "The key is wrong: the bank does not know it, and it never worked from here.",
        (
            _COPY,
            "If it was made more than an hour ago and never used, it has expired. {new_key}",
            "If it is in use elsewhere, permit this machine's address to it, or make another.",
        ),
    ),
    "key expired unbound": (
        "The key has expired unused: it was kept for {age} and never worked from here.",
        (
            "A key that is not used within an hour of its making is lost. {new_key}",
            "If it is younger, or in use elsewhere, it may be mistyped: copy it again.",
        ),
    ),
    "key re-created": (
        "The key worked from here before, and is gone: deleted, or another was made.",
        (
            "Look among your API keys: if there is a newer one, put it into {place}.",
            "{new_key}",
        ),
    ),
    "address or key": (
        "This machine's address is no longer permitted to the key, or the key is gone.",
        (
            (
                "If you are on another network than before, permit its address to the key in the "
                "bunq app, or go back."
            ),
            "Look whether the key is still among your API keys. {new_key}",
        ),
    ),
    "wiped sandbox": (
        "The sandbox was wiped: it knows neither this installation nor the key any more.",
        ("{new_key}", "What was kept for the old key can go: {state}."),
    ),
    "installation gone": (
        "The kept installation was unknown to the bank; the key is not.",
        ("It was made anew just now. connect() works again.",),
    ),
    "address not permitted": (
        "This machine's address is not permitted to the key.",
        (
            (
                "Add it to BUNQ_PERMITTED_IPS in {place}, or take the line out, and move {state} "
                "away so that the device is registered anew."
            ),
            "Or permit it in the bunq app, among the key's addresses.",
        ),
    ),
    "address not permitted any more": (
        "This machine's address was not permitted to the key any more.",
        ("A device was registered from here just now. connect() works again.",),
    ),
    "refused": (
        "The bank refuses {call} with status {status}, for a reason of its own.",
        ('It said: "{words}"', "If that does not help, ask bunq with the response id {trace}."),
    ),
    # What works, and should be mended all the same.
    "open file": (
        "Others on this machine can read or change {file}, which opens your account.",
        ("{command}",),
    ),
    "open folder": (
        "Others on this machine may write the folder {file}, where your session is kept.",
        ("{command}",),
    ),
    "old library": (
        "{library} {version} is too old for bunqkit.",
        ("pip install --upgrade '{library}>={least}'",),
    ),
}
NAMES = tuple(_CAUSES)


def make_cause(name: str, /, **facts: object) -> Cause:
    """Return a cause whose texts are filled in with the facts.

    Parameters
    ----------
    name
        One of ``NAMES``.
    facts
        ``environment`` and ``place`` decide how to make a new key; the others stand in the texts.
    """
    new_key = _NEW_KEY[str(facts.get("environment") or "OFFLINE")]
    facts = {"new_key": new_key.format(**facts) if "place" in facts else "", **facts}
    summary, steps = _CAUSES[name]
    return Cause(name, summary.format(**facts), tuple(step.format(**facts) for step in steps))
