"""Finds what a person means among names: word by word, with everyday synonyms.

Knows words, not banks' operations: documents are weighted words, a query is what somebody types.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Mapping

__all__ = ["Index", "nearest_names", "words"]

_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
_NOISE = set("a all an and are at by do does for from get how i in is it me my of on".split())  # noqa: SIM905 - words
_NOISE |= set("or see show the their this to view what where which with your".split())  # noqa: SIM905 - words

# What people say -> what bunq says; several ways to say it are separated by "|".
_SYNONYMS = {
    "activate": "update",
    "address": "address main | user person update",
    "api key": "credential password ip | session server | sandbox user",
    "app": "oauth client",
    "approve": "update",
    "ask money": "request inquiry create",
    "atm": "card limit atm",
    "attach": "note attachment create | attachment create",
    "automatic": "schedule | auto allocate",
    "balance": "monetary account list",
    "bank account": "monetary account",
    "bank detail": "export rib | monetary account",
    "bank statement": "customer statement",
    "bill": "invoice",
    "block": "update",
    "bulk": "batch",
    "bunq me": "bunqme",
    "callback": "notification filter url",
    "cancel": "update | delete",
    "card payment": "mastercard action",
    "card transaction": "mastercard action",
    "category": "category | insight",
    "change": "update",
    "chargeback": "mastercard action",
    "close": "update",
    "comment": "note text",
    "connect": "oauth client | share invite",
    "contact": "counterparty alias",
    "conversion": "currency conversion",
    "csv": "customer statement",
    "cvc": "cvc2",
    "cvv": "cvc2",
    "debit card": "card debit",
    "direct debit": "sdd | request response",
    "direct pay": "payment create",
    "disconnect": "session delete",
    "document": "attachment",
    "download": "content",
    "edit": "update",
    "email": "notification filter email | alias",
    "exchange rate": "currency conversion quote | transferwise quote",
    "export": "export | customer statement",
    "fee": "invoice",
    "file": "attachment",
    "foreign currency": "currency conversion | transferwise",
    "freeze": "update",
    "fx": "currency conversion quote | transferwise quote",
    "history": "list",
    "iban": "monetary account list",
    "image": "avatar | attachment",
    "international": "transferwise quote | transferwise transfer",
    "ip address": "credential password ip ip | permitted ip",
    "joint": "monetary account joint",
    "key": "server public key | credential",
    "log in": "session server create",
    "log off": "session delete",
    "log out": "session delete",
    "login": "session server create",
    "logoff": "session delete",
    "logout": "session delete",
    "make": "create",
    "mandate": "sdd",
    "memo": "note text",
    "merchant": "mastercard action",
    "money box": "monetary account savings",
    "money transfer": "payment create",
    "movement": "payment | event",
    "multiple payment": "payment batch",
    "mutation": "payment | event",
    "name": "legal name | card name | user",
    "new": "create",
    "note": "note text",
    "notification": "notification filter url | notification filter",
    "oauth": "oauth client",
    "open": "create",
    "order": "create",
    "pay": "payment create",
    "pay later": "schedule payment",
    "pay link": "bunqme tab",
    "payment link": "bunqme tab",
    "payment request": "request inquiry",
    "pdf": "pdf | customer statement | export",
    "photo": "avatar | attachment public",
    "picture": "avatar | attachment public",
    "pin": "pin code card update",
    "plan": "billing contract subscription | schedule",
    "pocket": "monetary account",
    "pot": "monetary account savings",
    "profile": "user",
    "push": "notification filter push",
    "receipt": "note attachment",
    "recurring": "schedule",
    "register": "create",
    "reject": "update",
    "remove": "delete",
    "repeat": "schedule",
    "request money": "request inquiry create",
    "rename": "update",
    "revoke": "update",
    "save": "monetary account savings",
    "saving": "monetary account savings",
    "search": "search | list",
    "sell": "ideal merchant transaction",
    "send": "create",
    "send money": "payment create",
    "sepa": "payment",
    "share": "share invite",
    "shared account": "monetary account joint | share invite",
    "sign in": "session server create",
    "sign out": "session delete",
    "spending": "insight | mastercard action",
    "split": "request inquiry batch | request inquiry",
    "split bill": "request inquiry batch | request inquiry",
    "standing order": "schedule payment",
    "statement": "customer statement | statement",
    "stop": "delete | update",
    "subscription": "billing contract subscription | schedule",
    "swift": "currency cloud",
    "tikkie": "bunqme tab | request inquiry",
    "top up": "request inquiry create",
    "transaction": "payment | mastercard action | event",
    "transfer": "payment create | transferwise transfer",
    "transfer money": "payment create",
    "upload": "attachment public create | attachment create",
    "wallet": "monetary account",
    "webhook": "notification filter url",
    "who am i": "user list | user get",
    "wire": "payment create",
    "wise": "transferwise",
    "withdraw": "payment create",
}
_SYNONYM = 0.85  # of a word's own weight
_PREFIX = 0.8  # of a word that is not finished yet, and less the more is missing


def words(text: str) -> list[str]:
    """Give the words of a name or a sentence, in lower case and singular.

    ``"ScheduledPayment"``, ``"scheduled-payments"`` and ``"SCHEDULED_PAYMENT"`` give the same.
    """
    return [_stem(word.lower()) for word in _WORD.findall(text)]


def nearest_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Give the three names that are spelt most like one, best first."""
    import difflib  # noqa: PLC0415 (only a wrong name needs it)

    return tuple(difflib.get_close_matches(name, list(known), n=3, cutoff=0.0))


class Index:
    """Documents of weighted words, searched by what a person types.

    Parameters
    ----------
    documents
        For each name the weight of each of its words (as :func:`words` writes them), and how many
        words the name itself has: of two hits the shorter name is the better one, and of two that
        are equal the earlier.
    """

    def __init__(self, documents: Mapping[str, tuple[Mapping[str, float], int]]) -> None:
        self._sizes = {name: size for name, (_, size) in documents.items()}
        self._places = {name: place for place, name in enumerate(documents)}
        self._found: dict[str, dict[str, float]] = {}
        for name, (weights, _) in documents.items():
            for word, weight in weights.items():
                self._found.setdefault(word, {})[name] = weight
        self._words = sorted(self._found)
        self._phrases = {
            tuple(words(said)): [words(way) for way in meant.split("|")]
            for said, meant in _SYNONYMS.items()
        }

    def rank(self, query: str) -> list[str]:
        """Give the names that fit, best first; those that fit more of the query come first."""
        units = list(self._units(query))
        totals: dict[str, tuple[int, float]] = {}
        for ways in units:
            best: dict[str, float] = {}
            for share, way in ways:
                for name, score in self._way(way).items():
                    best[name] = max(best.get(name, 0.0), share * score)
            for name, score in best.items():
                count, total = totals.get(name, (0, 0.0))
                totals[name] = (count + 1, total + score)
        scores = {name: self._score(name, total, len(units)) for name, total in totals.items()}
        return sorted(scores, key=lambda name: (-scores[name], self._places[name]))

    def _score(self, name: str, total: tuple[int, float], units: int) -> float:
        count, score = total
        return score * (count / units) ** 2 / (3 + self._sizes[name])

    def _units(self, query: str) -> Iterable[list[tuple[float, list[str]]]]:
        """Give the ways to understand each part of the query, each with its share."""
        said = words(query)
        meant = [word for word in said if word not in _NOISE]
        for phrase in self._phrases:
            if len(phrase) > 1 and set(phrase) & _NOISE and _holds(said, phrase):
                yield [(_SYNONYM, way) for way in self._phrases[phrase]]
                meant = [word for word in meant if word not in phrase]
        position = 0
        while position < len(meant):
            for length in (3, 2, 1):
                phrase = tuple(meant[position : position + length])
                if len(phrase) == length and (phrase in self._phrases or length == 1):
                    ways = [(1.0, list(phrase))]
                    ways += [(_SYNONYM, way) for way in self._phrases.get(phrase, ())]
                    yield ways
                    position += length
                    break

    def _way(self, way: list[str]) -> dict[str, float]:
        """Give the names that have all words of one way, with their mean weight."""
        hits = [self._word(word) for word in way]
        names = set(hits[0]).intersection(*hits[1:])
        return {name: sum(hit[name] for hit in hits) / len(hits) for name in names}

    def _word(self, word: str) -> dict[str, float]:
        """Give the names that have a word, or one that begins with it."""
        scores = dict(self._found.get(word, {}))
        if len(word) > 1:
            position = bisect_left(self._words, word)
            for longer in self._words[position:]:
                if not longer.startswith(word):
                    break
                share = 1.0 if longer == word else _PREFIX * len(word) / len(longer)
                for name, weight in self._found[longer].items():
                    scores[name] = max(scores.get(name, 0.0), share * weight)
        return scores


def _stem(word: str) -> str:
    """Give a word without the end of its plural."""
    if len(word) > 4 and word.endswith("ies"):  # noqa: PLR2004 - "ties" stays
        return word[:-3] + "y"
    if len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us")):  # noqa: PLR2004
        return word[:-1]
    return word


def _holds(said: list[str], phrase: tuple[str, ...]) -> bool:
    return any(tuple(said[at : at + len(phrase)]) == phrase for at in range(len(said)))
