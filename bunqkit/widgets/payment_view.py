"""One payment with its notes and attachments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.display.html import empty_state, fold, join, json_tree, key_values, paragraph, section
from bunqkit.errors import ApiError
from bunqkit.security.redaction import redact
from bunqkit.widgets.result_tabs import file_html

if TYPE_CHECKING:
    from bunqkit.context.context import Context


class PaymentView:
    """The place where a payment is shown with its notes and attachments.

    Parameters
    ----------
    bunq
        The context that fetches them.

    Attributes
    ----------
    box
        The widget that shows the payment.
    payment
        The item as the bank sent it; ``None`` if no payment is open.
    """

    def __init__(self, bunq: Context) -> None:
        self._bunq = bunq
        self.payment: dict[str, Any] | None = None
        self.box = ipywidgets.HTML()
        self.clear()

    def clear(self) -> None:
        """Show no payment."""
        self.payment = None
        self.box.value = empty_state("No payment is open.", "Choose one in the list.")

    def show(self, account_id: int, payment_id: int) -> None:
        """Fetch a payment with its notes and attachments, and show them."""
        ids: dict[str, Any] = {"account": account_id, "payment_id": payment_id}
        payment = self._bunq.call("payment.get", payment_id, account=account_id).item
        notes = self._bunq.call("payment.note-text.list", **ids).items
        file_notes = self._bunq.call("payment.note-attachment.list", **ids).items
        sections = [section("Note", paragraph(str(note.get("content") or ""))) for note in notes]
        for note in ({"attachment": payment.get("attachment")}, *file_notes):
            name = str(note.get("description") or "attachment")
            sections += [
                section(name, self._file_html(account_id, attachment))
                for attachment in note.get("attachment") or []
            ]
        if not sections:
            hint = "payment.note-text.create adds a note."
            sections = [empty_state("No notes, nothing attached.", hint)]
        self.payment = payment
        self.box.value = join(
            key_values(_summary(payment)),
            *sections,
            fold("The whole item", json_tree(redact(payment))),
        )

    def _file_html(self, account_id: int, attachment: dict[str, Any]) -> str:
        try:
            content = self._bunq.download(
                "attachment.content",
                attachment_id=attachment.get("id"),
                account=attachment.get("monetary_account_id") or account_id,
            )
        except ApiError as error:
            return paragraph(str(error))
        return file_html(content, content.media_type)


def _summary(payment: dict[str, Any]) -> dict[str, str]:
    amount = payment.get("amount") or {}
    counterparty = payment.get("counterparty_alias") or {}
    facts = {
        "amount": f"{amount.get('currency', '')} {amount.get('value', '')}",
        "other side": counterparty.get("display_name"),
        "their IBAN": counterparty.get("iban"),
        "description": payment.get("description"),
        "created": f"{payment.get('created')} UTC",
        "type": payment.get("type"),
    }
    return {name: str(value) for name, value in facts.items() if value}
