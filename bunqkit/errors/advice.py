"""What the bank's refusals usually mean, and what to do: a table of facts.

bunq's words come first, this stands beside them. Rows are tried from the top; a text that no row
knows gets what its status says. In a row's words ``{0}`` is the first thing that its pattern
caught.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Advice:
    """What a refusal usually means, and what to do."""

    why: str
    what_to_do: str


@dataclass(frozen=True)
class _Row:
    """A pattern of the bank's words, and what it usually means."""

    pattern: str
    why: str
    what_to_do: str


_CREDENTIALS = Advice(
    "One text stands for several causes: the key is mistyped, or was replaced by a newer one; it "
    "belongs to the other environment; nobody used it in its first hours, so it expired; or this "
    "machine's address is not one that the key's device permits.",
    "Check in this order: BUNQ_API_KEY is the whole key; BUNQ_ENVIRONMENT is the one where it was "
    "made (a sandbox key starts with sandbox_); this machine's address is permitted. Then make a "
    "new key. `bunqkit doctor` goes through these for you.",
)
_TOKEN = Advice(
    "The token opens nothing here, or nothing any more: the session ended or was closed, the call "
    "came from an address that is not permitted, the sandbox was wiped, or the installation token "
    "was sent where the session token is wanted.",
    "Open a new session; connect() does so by itself, once. If it goes on, look which token was "
    "sent (bunq.exchanges[-1].xray()), and from which address. After a wiped sandbox, take a new "
    "key.",
)
_OTHER_ID = Advice(
    "No {0} of yours has id {1}: it was never there, was deleted, belongs to somebody else, or to "
    "another account than the one in the path.",
    "List what there is first, and take an id from there. Check account= if the thing belongs to "
    "an account.",
)

# Sources: issues of bunq's SDKs and of community clients, by name; "docs" are bunq's own.
_ROWS: tuple[_Row, ...] = (
    # sdk_csharp#114, sdk_php#160, sdk_python#147; docs on the life of a key.
    _Row(r"User credentials are incorrect", _CREDENTIALS.why, _CREDENTIALS.what_to_do),
    # bunq2ynab#3, PR#76; the Ruby client's PR#34; Tinker for the wiped sandbox.
    _Row(r"Insufficient auth", _TOKEN.why, _TOKEN.what_to_do),
    # sdk_php#87, #129; postman#5.
    _Row(
        r"request signature is invalid",
        "The bytes that the bank checked are not the bytes that were signed, or another key "
        "signed them than the one of this installation. Usual causes: the JSON was written "
        "once more after the signing, or path and headers were signed too, as before 2020.",
        "Serialise the body once, sign those bytes, send those bytes. "
        "bunq.exchanges[-1].xray() shows what was signed and where it differs.",
    ),
    # bunq/doc#125.
    _Row(
        r"request signature is required",
        "This call opens a session or moves money, and came without the header "
        "X-Bunq-Client-Signature.",
        "Sign the body with the installation's private key. A Client signs by itself once it "
        "has a key: perform create_installation first.",
    ),
    # A client that treats it specially.
    _Row(
        r"device already exists",
        "One installation has one device, and this one has its own already.",
        "Go on with open_session. To register another device, make a new installation first.",
    ),
    # bunqJSClient.
    _Row(
        r"already has a user session",
        "An older rule of the bank's: one session for each installation.",
        "Close the session that is open (DELETE /session/0 with its token), or make a new "
        "installation.",
    ),
    # postman#27.
    _Row(
        r"Client Public Key Invalid",
        "The public key is not in the form that the bank reads: it is PKCS#1 (BEGIN RSA PUBLIC "
        "KEY), has Windows line ends, or is not RSA.",
        "Send SubjectPublicKeyInfo PEM (BEGIN PUBLIC KEY) of an RSA key of 2048 bits; "
        "KeyPair.generate().public.pem is one.",
    ),
    # sdk_php#101, bunq2ifttt#2.
    _Row(
        r'Superfluous field "(.*?)"',
        "The bank takes no field {0} here: it was removed from the API, is mistyped, or was "
        "copied from an item that was read. What can be read can't always be written.",
        "Leave {0} out. The repr of an operation (bunq.api....) names the fields that it takes.",
    ),
    # No source shows bunq's words; the rule is that of the docs.
    _Row(
        r'Missing required field "(.*?)"',
        "The call needs the field {0}, and the body has none, or has it at another depth.",
        "Give {0}. The repr of an operation (bunq.api....) names the fields that it needs.",
    ),
    # sdk_python#15.
    _Row(
        r'Invalid type for field "(.*?)" \(expected (.*)\)',
        "The field {0} has another shape than the bank expects: {1}. A single object often "
        "stands where a list of objects is wanted.",
        "Give {0} as {1}. Amounts, ids in texts and times are JSON texts.",
    ),
    # The Ruby client's fixtures.
    _Row(r'^(.+) for id "(.*?)" not found', _OTHER_ID.why, _OTHER_ID.what_to_do),
    # Old issues.
    _Row(
        r"item you requested could not be found",
        "Nothing of yours has this id at this path.",
        "List what there is first, and take an id from there.",
    ),
    # bunqDesktop#536; sdk_php#149 for the old host.
    _Row(
        r"Route not found",
        "The bank knows no such path: it is mistyped, was removed from the API, or lacks the "
        "user or the account before it.",
        'Find the operation by a word: bunq.find("..."). A call by name has its path filled in.',
    ),
    # docs, "Errors".
    _Row(
        r"Method (\w+) is not allowed",
        "The path is known, but nothing is done there by {0}.",
        "Look which verbs the resource has: press Tab after bunq.api.<resource>.",
    ),
    # bunq2ynab#62; sdk_python#7, #65; the pages on limits of the docs.
    _Row(
        r"Too many requests",
        "The bank counts calls for each address and endpoint, and this was one too many. "
        "Usual causes: pages fetched in a loop, several programs at once, a new session for "
        "every run.",
        "Wait as long as the text says. Let one context make the calls: it keeps to the limit "
        "and waits by itself. Ask for 200 items a page, and keep the session.",
    ),
    # The Ruby client, for the status.
    _Row(
        r"under maintenance",
        "The bank is being worked on; the call was not carried out.",
        "Try again later.",
    ),
    # sdk_python#12, #29, #96.
    _Row(
        r"name is required for a counterparty",
        "A payment to an IBAN names the payee, since the bank compares the two.",
        'Give the name too: bunq.pay(..., name="...").',
    ),
    # From here to the gateways: no source shows bunq's words. The patterns fit the offline bank's,
    # the rules behind them are those of the docs ("Payment", "Monetary account", "Card", "OAuth").
    _Row(
        r"balance of this account is not sufficient",
        "The account holds less than the payment, fees and reservations counted.",
        "Look at bunq.accounts(). With play money, bunq.top_up() brings up to 500.00 at a time.",
    ),
    _Row(
        r"No bunq user was found for|No account of this bank has",
        "Nobody at this bank has this address or number. Each environment has its own people.",
        "Check it. Somebody without an account at bunq is paid by IBAN and name.",
    ),
    _Row(
        r'"(.*?)" is not a valid IBAN',
        "The check digits of this IBAN don't fit, or its length doesn't.",
        "Type it anew from its source; spaces don't matter.",
    ),
    _Row(
        r"not a valid type of alias",
        "A counterparty is a type and a value; the types are EMAIL, PHONE_NUMBER and IBAN.",
        "Give to= as a text; the kit tells the type by its form.",
    ),
    _Row(
        r"not a valid amount|must be more than zero|more than zero from|whole cents are added",
        'An amount is a text with two decimals and a currency: {{"value": "10.00", "currency": '
        '"EUR"}}, above zero.',
        'Give amount="10.00", not a number.',
    ),
    _Row(
        r"[Cc]urrenc(y|ies)|Only euro can be added",
        "Every account has one currency for good, and the bank pays only within a currency.",
        "Use an account of the currency: bunq.accounts() shows it.",
    ),
    _Row(
        r"amount is too small to be|for no amount and can't be paid|not both|either an \"amount\"",
        "The call takes one amount, on one of two sides, worth at least a cent on the other.",
        "Give one amount, and a larger one if it was too small.",
    ),
    _Row(
        r"is not the BIC of an issuer",
        "iDEAL is paid at the payer's own bank, which issuer names by its BIC.",
        "Take one of those that the bank lists.",
    ),
    _Row(
        r"This (?:quote|transaction) is (\w+)",
        "It holds for minutes, and can be used once: this one is {0}.",
        "Make a new one, and use it at once.",
    ),
    _Row(
        r"No account in (\w+) was found",
        "What is exchanged goes to an account in the other currency, and they have none.",
        "Open an account in {0} first, or name another counterparty.",
    ),
    _Row(
        r"Missing required detail|type of this recipient must be",
        "What a recipient abroad must tell differs by currency.",
        "Read transferwise-recipient-requirement of the quote: it names the type and the details.",
    ),
    _Row(
        r'Missing required header "(.*?)"',
        "The bank wants the header {0} with every call.",
        "Send it: headers={{...}} of a Client's request.",
    ),
    _Row(
        r"address can't be added once",
        "This bank fixes the addresses of a key as its device is registered.",
        "Name every address in BUNQ_PERMITTED_IPS before the first call, with a new key.",
    ),
    _Row(
        r"from an account at another bank",
        "The account is kept elsewhere: it is shown here, and can be paid to.",
        "Pay from an account of this bank: account= names it.",
    ),
    _Row(
        r"more than (\d+) monetary accounts",
        "A plan has room for {0} open accounts.",
        "Close one that is empty, or use one that is there; bunq.api.limit.list() counts them.",
    ),
    _Row(
        r"can be allocated|fractions of an allocation",
        "A rule sorts a payment that came in, into parts that are together no more than all of it.",
        "Name the id of an incoming payment, and fractions whose sum is at most 1.",
    ),
    _Row(
        r"There is no category|is one of the bank's",
        "A payment is put into a category of the bank's, or an active one of the user's own; the "
        "bank's own names are taken.",
        "List additional-transaction-information-category, and choose one of those or a new name.",
    ),
    _Row(
        r"to the account that you pay from|from the account that you request it for",
        "Payer and payee are the same account.",
        "Choose another account: account= names the one of yours that is used.",
    ),
    _Row(
        r"(account|accounts) is (closed|blocked)|account is closed",
        "A closed or blocked account neither pays nor is paid.",
        "Choose an account whose status is ACTIVE: bunq.accounts().",
    ),
    _Row(
        r"balance of a(n account| monetary account)",
        "An account is closed with a balance of zero, and can't hold more than the bank can count.",
        "Move money first, then call again.",
    ),
    _Row(
        r"older_id|newer_id",
        "A page is asked for by one place in the list, and two were given.",
        "Follow the pages by answer.older() and answer.newer(), or bunq.pages(...).",
    ),
    _Row(
        r'Invalid value for "(.*?)"',
        "The query has {0} outside of what the bank takes; a page has 1 to 200 items.",
        "Give {0} as a whole number in that range.",
    ),
    _Row(
        r"JSON",
        "The body can't be read as one JSON object: it is cut off, no JSON, or a list.",
        "Give a dictionary as the body and let the kit write it.",
    ),
    _Row(
        r"body is too large|too many accounts|[Aa]t most (\w+)",
        "There is more of it than the bank takes.",
        "Give less, or in several calls.",
    ),
    _Row(
        r"request id was used before",
        "X-Bunq-Client-Request-Id names one call; this name was another's.",
        "Send a new one each time; the kit does.",
    ),
    _Row(
        r"can't be longer than (\d+)",
        "The text is longer than {0} characters.",
        "Shorten it to {0} characters.",
    ),
    _Row(
        r"IP address",
        "Permitted addresses are IP addresses, or * for any; one that is there is deactivated, "
        "not changed.",
        "Write it as four numbers, such as 192.0.2.7, or add another and deactivate this one.",
    ),
    _Row(
        r"(?:needs|with|Use) https|callback|redirect_uri|of your own|Nobody asks|names the target",
        "The bank sends callbacks of a category that somebody asked for, to https addresses "
        "that it was told before, letter for letter.",
        "Register exactly the https address that you use, and a filter for the category.",
    ),
    _Row(
        r'content type "(.*?)"|[Aa]ttachment is empty|Content type "(.*?)"',
        "The bank keeps images (PNG, JPEG, GIF) and PDF, and no empty file.",
        "Check the file, and give media_type= if its name does not tell what it is.",
    ),
    _Row(
        r"\bdate\b|\"date_|\byear\b|valid time",
        "A date is a text like 2026-01-31; a period ends after it starts, and lies in the past.",
        "Check both dates.",
    ),
    _Row(
        r"[Ss]tatement (format|as CSV)|[Rr]egional format",
        "Statements come as PDF, CSV or MT940, and a CSV has a regional format: EUROPEAN or UK_US.",
        "Choose one of these.",
    ),
    _Row(
        r"draft payment|number_of_required_accepts",
        "A draft payment waits for somebody to accept it: it starts as PENDING, is answered "
        "once, and an answer names the version that it was read in.",
        "Read the draft anew, and answer by its present status and updated time.",
    ),
    _Row(
        r"recurrence|[Ss]chedule|can't end before it starts",
        "A schedule has a start, an end after it, and a step: ONCE, HOURLY, DAILY, WEEKLY, "
        "MONTHLY or YEARLY, with a size. What it has done already can't be done again.",
        "Compare the schedule with these, and read what its instances have become.",
    ),
    _Row(
        r"access type|share an account|bunq\.me tab|direct debit",
        "Shares, payment links and direct debits have an end, a partner other than yourself, "
        "and an amount or a level of access; one of these does not fit.",
        "Read the thing first: its status and its dates tell what it may still be used for.",
    ),
    _Row(
        r"not valid|not a valid|does not go with|only be changed to|be answered by|the status of",
        "The value is none that this thing may have now; from each status only some lead on.",
        "Read the thing first: its status says where it is. The repr of the operation names "
        "values that are known.",
    ),
    _Row(
        r"can't be (changed|answered|closed)|was replaced already|nothing more",
        "It has come to its end: what was carried out, answered or replaced stays as it is.",
        "Read it to see its status; make a new one if you need one.",
    ),
    _Row(
        r"at least one|not the sum|needs at least",
        "A batch is the list of its members, and its total their sum.",
        "Give one member at least, and let the total be their sum.",
    ),
    _Row(
        r"does not include|shared with you|OAuth access includes|owner's API key",
        "The key or token is somebody's with a part of the rights: an app, a service provider, "
        "a guest on a shared account. This call is not in that part.",
        "Ask the owner for more, or call with the owner's own API key.",
    ),
    _Row(
        r"OAuth client|client_id|[Tt]his page|API key|No device is bound|certificate",
        "The credentials of an app, a provider or a device are not in the state that this call "
        "needs: each is made once, bound once, and named as it was registered.",
        "Go through the steps in order: credential, device, session, and compare the names.",
    ),
    _Row(
        r"^This card|on the card|card transaction",
        "The card's state or settings don't allow it.",
        "Read the card first: its status, limits and the account that it pays from.",
    ),
    _Row(
        r"give back|failed notification|none of the names|no annual",
        "There is no such thing to act on.",
        "List what there is first.",
    ),
    _Row(
        r"asked for: POST server-error|went wrong inside the bank",
        "Something failed inside the bank. A read can be repeated; a write may have been "
        "carried out.",
        "After a write look at the list first. If it goes on, give bunq's support the response id.",
    ),
    # Gateways: what is not the bank's has no words of the bank's.
    _Row(
        r"^\(none: ",
        "This answer is not in the bank's form: something on the way gave it, such as a proxy, "
        "a gateway, or the login page of a network.",
        "Open the address in a browser and see who answers. Try again later, or from another "
        "network.",
    ),
)

# Source: bunq docs, "Errors", and what was captured under each status.
_BY_STATUS = {
    400: Advice(
        "The bank understood the call, and can't do what it says: a value or a rule is against it.",
        "Read the bank's words, compare the body with the operation's repr, and try again.",
    ),
    401: _TOKEN,
    403: Advice(
        "This user may not do this: another's item, a right that the key lacks, or a token that "
        "opens nothing any more.",
        "Check whose id it is, and what the key may do.",
    ),
    404: Advice(
        "Nothing of yours is at this path.",
        "Check the ids, or find the operation: bunq.find(...).",
    ),
    405: Advice(
        "The path is known, but not with this method.", "Press Tab after bunq.api.<resource>."
    ),
    409: Advice("An older way of saying: too many calls.", "Wait some seconds, then try again."),
    429: Advice("The bank counts calls, and this was one too many.", "Wait, then try again."),
    466: Advice("The call has to be signed.", "Sign the body with the installation's key."),
    490: Advice(
        "A parameter is missing or not valid.", "Compare the body with the operation's repr."
    ),
    491: Advice("The bank is being worked on.", "Try again later."),
}
_SERVER_ERROR = 500
_TROUBLE = Advice(
    "The trouble is at the bank or on the way to it, not in the call. A write may have been "
    "carried out.",
    "Try a read again later; after a write look at the list first.",
)
_UNKNOWN = Advice(
    "The bank refuses for a reason of its own; no usual one is known for this text.",
    "Read the bank's words, and look at bunq.exchanges[-1].xray().",
)


def advise(status: int, words: Sequence[str]) -> Advice:
    """Give what a refusal usually means, and what to do.

    Parameters
    ----------
    status
        HTTP status.
    words
        The bank's own, in English, one for each problem.
    """
    found = list(dict.fromkeys(filter(None, map(look_up, words))))
    if not found:
        other = _TROUBLE if status >= _SERVER_ERROR else _UNKNOWN
        return _BY_STATUS.get(status, other)
    return Advice(" ".join(each.why for each in found), " ".join(each.what_to_do for each in found))


def look_up(words: str) -> Advice | None:
    """Give what the table knows of one text; ``None`` if no row fits it."""
    for row in _ROWS:
        if caught := re.search(row.pattern, words):
            groups = [group or "" for group in caught.groups()]
            return Advice(row.why.format(*groups), row.what_to_do.format(*groups))
    return None
