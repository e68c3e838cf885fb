"""Refusals of the bank, in English and, where bunq's text is known or simple, in Dutch."""

from __future__ import annotations

from bunqkit.errors import BunqkitError


class Refusal(BunqkitError):  # noqa: N818 (the bank's word for it)
    """An answer instead of a result; raised to those who call the ``Bank`` itself.

    Attributes
    ----------
    status
        The HTTP status. Source: bunq docs, "Errors"; 466 is bunq's own.
    texts
        A pair of English and Dutch for each problem.
    extra
        Further members of the error, as in the answer to a missing signature.
    """

    def __init__(
        self, status: int, *texts: tuple[str, str], extra: dict[str, object] | None = None
    ) -> None:
        super().__init__(" ".join(english for english, _ in texts))
        self.status = status
        self.texts = texts
        self.extra = extra or {}


def refuse(status: int, english: str, dutch: str | None = None) -> Refusal:
    """Return a refusal with one text; without Dutch, both languages get the English text."""
    return Refusal(status, (english, dutch or english))


def not_found(kind: str, number: object) -> Refusal:
    """Return the refusal for an id that does not exist or belongs to somebody else.

    Source: Ruby client's fixtures ('Monetary account for id "1" not found.').
    """
    dutch = {"Monetary account": "Rekening", "Payment": "Betaling", "User": "Gebruiker"}
    return refuse(
        404,
        f'{kind} for id "{number}" not found.',
        f'{dutch.get(kind, kind)} met id "{number}" is niet gevonden.',
    )


# Source: bunq2ynab PR#76 (2026); 401 in the older docs, 403 in captures since 2020.
INSUFFICIENT = refuse(403, "Insufficient authentication.", "Onvoldoende autorisatie.")
# Source: the table of the docs of 2020, a fixture of the Ruby client.
UNAUTHORISED = refuse(401, "Insufficient authorisation.", "Onvoldoende autorisatie.")
# Source: sdk_csharp#114, sdk_php#160, sdk_python#147.
WRONG_CREDENTIALS = refuse(400, "User credentials are incorrect. Incorrect API key or IP address.")
# Source: sdk_php#87, #129; postman#5.
WRONG_SIGNATURE = refuse(400, "The request signature is invalid.")
# Source: bunq/doc#125.
NO_SIGNATURE = refuse(
    466, "For this operation a request signature is required. Check the urls for more information."
)
NO_SIGNATURE.extra["error_additional_parameter"] = [
    {"url_together_post": "https://together.bunq.com/d/15399"}
]
# Source: bunqDesktop#536.
NO_ROUTE = refuse(404, "Route not found.")
# For a fault that refuses whatever the limits are. Source: bunq2ynab#62.
TOO_MANY = refuse(
    429, "Too many requests. You can do a maximum of 3 calls per 3 second to this endpoint."
)
# Source: the Ruby client, for the status; the text is our own.
MAINTENANCE = refuse(491, "bunq is under maintenance. Please try again later.")
# Source: postman#27.
BAD_PUBLIC_KEY = refuse(400, "Client Public Key Invalid")
