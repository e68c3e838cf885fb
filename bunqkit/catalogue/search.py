"""Searches names by the words that a person types, with everyday synonyms.

This module knows words, not operations: a document is a name with weighted words, and a query is
what somebody types. ``synonyms.toml`` holds the words that people use for bunq's.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

__all__ = ["Index", "nearest_names", "suggest", "words"]

_SYNONYMS_FILE = Path(__file__).with_name("synonyms.toml")
_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|[0-9]+")
# The ends of plurals; short words such as "ties" and "yes" don't have the first, or none.
_PLURAL = re.compile(r"(?<=..)ies$|(?<=..[^su])s$")
_SYNONYM_SHARE = 0.85  # of the weight of the word itself
_PREFIX_SHARE = 0.8  # of the weight of a word that is not finished; the less is typed, the smaller
_LONGEST_PHRASE = 3


def words(text: str) -> list[str]:
    """Return the words of a name or a sentence, in lower case and singular.

    ``"ScheduledPayment"``, ``"scheduled-payments"`` and ``"SCHEDULED_PAYMENT"`` give the same.
    """
    return [_singular(word.lower()) for word in _WORD.findall(text)]


def nearest_names(name: str, known: Iterable[str]) -> tuple[str, ...]:
    """Return the three names with the most similar spelling, best first."""
    import difflib

    return tuple(difflib.get_close_matches(name, list(known), n=3, cutoff=0.0))


def suggest(nearest: Iterable[str]) -> str:
    """Return a sentence that asks if one of some names was meant."""
    names = ", ".join(nearest)
    return f"Did you mean {names}?" if names else "The catalogue is empty."


class Index:
    """Names with weighted words, searched by what a person types.

    Parameters
    ----------
    documents
        For each name the weight of each of its words (as :func:`words` returns them), and the
        number of words in the name itself. Of two matches the shorter name is the better one, and
        of two equal ones the earlier.
    """

    def __init__(self, documents: Mapping[str, tuple[Mapping[str, float], int]]) -> None:
        self._sizes = {name: size for name, (_, size) in documents.items()}
        self._places = {name: place for place, name in enumerate(documents)}
        self._weights: dict[str, dict[str, float]] = {}
        for name, (weights, _) in documents.items():
            for word, weight in weights.items():
                self._weights.setdefault(word, {})[name] = weight
        self._words = sorted(self._weights)
        import tomllib

        language = tomllib.loads(_SYNONYMS_FILE.read_text(encoding="utf-8"))
        self._noise = set(language["noise"])
        # What people type -> the alternatives of bunq's words, each a list of words.
        self._synonyms = {
            tuple(words(phrase)): [words(alternative) for alternative in alternatives.split("|")]
            for phrase, alternatives in language["synonyms"].items()
        }

    def rank(self, query: str) -> list[str]:
        """Return the names that match, best first; those that match more of the query lead."""
        units = list(self._split(query))
        totals: dict[str, tuple[int, float]] = {}
        for alternatives in units:
            best: dict[str, float] = {}
            for share, alternative in alternatives:
                for name, weight in self._match_all(alternative).items():
                    best[name] = max(best.get(name, 0.0), share * weight)
            for name, weight in best.items():
                count, total = totals.get(name, (0, 0.0))
                totals[name] = (count + 1, total + weight)
        scores = {
            name: total * (count / len(units)) ** 2 / (3 + self._sizes[name])
            for name, (count, total) in totals.items()
        }
        return sorted(scores, key=lambda name: (-scores[name], self._places[name]))

    def _split(self, query: str) -> Iterator[list[tuple[float, list[str]]]]:
        """Yield the alternatives for each word or phrase of a query, each with its share."""
        typed = words(query)
        left = [word for word in typed if word not in self._noise]
        for phrase, synonyms in self._synonyms.items():
            if len(phrase) > 1 and self._noise & set(phrase) and _contains(typed, phrase):
                yield [(_SYNONYM_SHARE, synonym) for synonym in synonyms]
                left = [word for word in left if word not in phrase]
        while left:
            length = next(
                length
                for length in range(min(_LONGEST_PHRASE, len(left)), 0, -1)
                if length == 1 or tuple(left[:length]) in self._synonyms
            )
            phrase, left = tuple(left[:length]), left[length:]
            synonyms = self._synonyms.get(phrase, [])
            yield [(1.0, list(phrase)), *((_SYNONYM_SHARE, synonym) for synonym in synonyms)]

    def _match_all(self, alternative: list[str]) -> dict[str, float]:
        """Return the names that have all these words, with the mean weight of the words."""
        matches = [self._match(word) for word in alternative]
        names = set(matches[0]).intersection(*matches[1:])
        return {name: sum(match[name] for match in matches) / len(matches) for name in names}

    def _match(self, word: str) -> dict[str, float]:
        """Return the names that have a word, or one that begins with it, with its weight."""
        weights = dict(self._weights.get(word, {}))
        if len(word) > 1:
            for longer in self._words[bisect_left(self._words, word) :]:
                if not longer.startswith(word):
                    break
                share = 1.0 if longer == word else _PREFIX_SHARE * len(word) / len(longer)
                for name, weight in self._weights[longer].items():
                    weights[name] = max(weights.get(name, 0.0), share * weight)
        return weights


def _singular(word: str) -> str:
    """Return a word without the end of its plural."""
    return _PLURAL.sub(lambda end: "y" if end[0] == "ies" else "", word)


def _contains(typed: list[str], phrase: tuple[str, ...]) -> bool:
    size = len(phrase)
    return any(tuple(typed[at : at + size]) == phrase for at in range(len(typed)))
