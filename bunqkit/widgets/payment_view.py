"""One payment, whole: the item, its notes, and what is attached to it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.display.html import empty_state, fold, join, json_tree, key_values, paragraph, section
from bunqkit.errors import ApiError
from bunqkit.security.redaction import redact
from bunqkit.widgets.result_tabs import file_html

if TYPE_CHECKING:
    from bunqkit.context.context import Context


class PaymentView:
    """Where a payment is shown with its notes and attachments.

    Parameters
    ----------
    bunq
        Whose payment it is.

    Attributes
    ----------
    box
        The widget that shows it.
    payment
        The item that is shown, as the bank gave it; ``None`` if there is none.
    """

    def __init__(self, bunq: Context) -> None:
        self._bunq = bunq
        self.payment: dict[str, Any] | None = None
        self.box = ipywidgets.HTML()
        self.clear()

    def clear(self) -> None:
        """Show none."""
        self.payment = None
        self.box.value = empty_state("No payment is open.", "Choose one in the list.")

    def show(self, account_id: int, payment_id: int) -> None:
        """Fetch a payment with what hangs on it, and show it."""
        of_it: dict[str, Any] = {"account": account_id, "payment_id": payment_id}
        payment = self._bunq.call("payment.get", payment_id, account=account_id).item
        notes = self._bunq.call("payment.note-text.list", **of_it).items
        files = self._bunq.call("payment.note-attachment.list", **of_it).items
        attached = [("attachment", each) for each in payment.get("attachment") or []]
        attached += [
            (str(note.get("description") or "attachment"), each)
            for note in files
            for each in note.get("attachment") or []
        ]
        hung = [
            *(section("Note", paragraph(str(each.get("content") or ""))) for each in notes),
            *self._files(account_id, attached),
        ]
        nothing = empty_state(
            "No notes, nothing attached.", "payment.note-text.create adds a note."
        )
        whole = fold("The whole item", json_tree(redact(payment)))
        self.payment = payment
        self.box.value = join(key_values(_tell(payment)), *(hung or [nothing]), whole)

    def _files(self, account_id: int, attached: list[tuple[str, dict[str, Any]]]) -> Iterator[str]:
        for name, each in attached:
            account = each.get("monetary_account_id") or account_id
            try:
                content = self._bunq.download(
                    "attachment.content", attachment_id=each.get("id"), account=account
                )
            except ApiError as error:
                yield section(name, paragraph(str(error)))
            else:
                yield section(name, file_html(content, content.media_type))


def _tell(payment: dict[str, Any]) -> dict[str, str]:
    amount = payment.get("amount") or {}
    other = payment.get("counterparty_alias") or {}
    told = {
        "amount": f"{amount.get('currency', '')} {amount.get('value', '')}",
        "other side": other.get("display_name"),
        "their IBAN": other.get("iban"),
        "description": payment.get("description"),
        "created": f"{payment.get('created')} UTC",
        "type": payment.get("type"),
    }
    return {name: str(text) for name, text in told.items() if text}
