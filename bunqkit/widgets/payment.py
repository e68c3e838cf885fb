"""One payment, whole: the item, its notes, and what is attached to it."""

from __future__ import annotations

import base64
from html import escape
from typing import TYPE_CHECKING, Any

import ipywidgets

from bunqkit.errors import ApiError
from bunqkit.look import json_tree, key_values
from bunqkit.redaction import redact
from bunqkit.widgets.parts import empty_html

if TYPE_CHECKING:
    from bunqkit.context import Context

_IMAGES = ("image/png", "image/jpeg", "image/gif")


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
        self.box.value = empty_html("No payment is open.", "Choose one in the list.")

    def show(self, account_id: int, payment_id: int) -> None:
        """Fetch a payment with what hangs on it, and show it."""
        self.payment = payment = self._bunq.call("payment.get", payment_id, account=account_id).item
        amount = payment.get("amount") or {}
        whom = (payment.get("counterparty_alias") or {}).get("display_name") or ""
        notes = [
            f"<p>{escape(str(note.get('content') or ''))}</p>"
            for note in self._notes("text", account_id, payment_id)
        ]
        files = [
            self._attachment(account_id, note)
            for note in self._notes("attachment", account_id, payment_id)
        ]
        told = {
            "amount": f"{amount.get('currency', '')} {amount.get('value', '')}",
            "other side": str(whom),
            "description": str(payment.get("description") or ""),
            "created": f"{payment.get('created')} UTC",
        }
        hung = "".join([*notes, *files]) or empty_html("No notes.", "note-text.create adds one.")
        self.box.value = (
            f"{key_values(told)}{hung}<details><summary>The whole item</summary>"
            f"{json_tree(redact(payment))}</details>"
        )

    def _notes(self, kind: str, account_id: int, payment_id: int) -> list[dict[str, Any]]:
        name = f"payment.note-{kind}.list"
        return self._bunq.call(name, account=account_id, payment_id=payment_id).items

    def _attachment(self, account_id: int, note: dict[str, Any]) -> str:
        name = escape(str(note.get("description") or "attachment"))
        shown = ""
        for attachment in note.get("attachment") or []:
            try:
                content = self._bunq.download(
                    "attachment.content", attachment_id=attachment["id"], account=account_id
                )
            except ApiError as error:
                shown += f"<p>{escape(str(error))}</p>"
                continue
            if content.media_type in _IMAGES:
                data = base64.b64encode(content).decode()
                shown += (
                    f'<img alt="{name}" style="max-width:320px" '
                    f'src="data:{content.media_type};base64,{data}">'
                )
            else:
                shown += f"<p>{len(content):,} bytes of {escape(content.media_type)}</p>"
        return f"<p>{name}</p>{shown}"
