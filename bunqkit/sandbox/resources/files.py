"""Files: attachments and avatars, kept byte for byte, and the notes that point at them.

Source: bunq docs, "Attachment", "Avatar" and "Note attachment"; the SDK's tests for the headers.
"""

from __future__ import annotations

import sqlite3
import uuid
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import Ledger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, File, Item, created
from bunqkit.sandbox.resources.generic_resources import (
    add_thing,
    change_thing,
    content_of,
    find_thing,
    scope_of,
)
from bunqkit.sandbox.resources.labels import label_user, tell_images
from bunqkit.sandbox.resources.shape import shape

# Source: bunq docs for the pictures; PDF is taken in practice.
_PDF = "application/pdf"
_TYPES = ("image/png", "image/jpeg", "image/gif", _PDF)
_PUBLIC = "attachment-public"


def create_attachment(call: Call) -> list[Item]:
    """Keep a file of an account; it can be hung on its payments and notes."""
    return created(_keep(call, scope_of(call))["id"])


def create_public_attachment(call: Call) -> list[Item]:
    """Keep a file that everybody can read."""
    return [("Uuid", {"uuid": _keep(call, _PUBLIC)["uuid"]})]


def _keep(call: Call, scope: str) -> sqlite3.Row:
    upload, ledger = call.upload, call.ledger
    refused = call.habits.pdfs_are_refused and upload.content_type == _PDF
    if refused or upload.content_type not in _TYPES:
        raise refuse(400, f'Content type "{upload.content_type}" is not supported.')
    if not upload.content:
        raise refuse(400, "The attachment is empty.")
    number = add_file(ledger, scope, upload)
    row = ledger.row("SELECT * FROM file WHERE id = ?", number)
    assert row is not None
    return row


def add_file(ledger: Ledger, scope: str, file: File) -> int:
    """Write a file; give its id."""
    number = ledger.next_id("file")
    ledger.insert(
        "file",
        id=number,
        # Not drawn from the seed: whoever knows the uuid of a public file can read it.
        uuid=str(uuid.uuid4()) if scope == _PUBLIC else ledger.new_uuid("file", number),
        scope=scope,
        created=wire_time(ledger.clock.now()),
        content_type=file.content_type,
        description=file.description,
        bytes=file.content,
    )
    return number


def get_public_attachment(call: Call) -> list[Item]:
    """Give what is known of a public file."""
    row = _public(call, "itemId")
    return [("AttachmentPublic", shape("AttachmentPublic", _tell(row)))]


def get_user_attachment(call: Call) -> list[Item]:
    """Give what is known of a file of the user or of one of their accounts."""
    row = _own(call, "itemId")
    return [("AttachmentUser", shape("AttachmentUser", _tell(row)))]


def _tell(row: sqlite3.Row) -> dict[str, Any]:
    return {
        "id": row["id"],
        "uuid": row["uuid"],
        "created": row["created"],
        "updated": row["created"],
        "attachment": {
            "description": row["description"],
            "content_type": row["content_type"],
            "urls": [],
        },
    }


def read_public_attachment(call: Call) -> File:
    """Give the bytes of a public file."""
    return _file(_public(call, "attachment-publicUUID"))


def read_attachment(call: Call) -> File:
    """Give the bytes of a file of the account, or of a chat."""
    scope, number = content_of(call)
    row = call.ledger.row("SELECT * FROM file WHERE id = ? AND scope = ?", number, scope)
    if row is None:
        raise not_found("Attachment", call.ids["attachmentID"])
    return _file(row)


def read_user_attachment(call: Call) -> File:
    """Give the bytes of a file of the user or of one of their accounts."""
    return _file(_own(call, "attachmentID"))


def _public(call: Call, name: str) -> sqlite3.Row:
    row = call.ledger.row(
        "SELECT * FROM file WHERE uuid = ? AND scope = ?", call.ids[name], _PUBLIC
    )
    if row is None:
        raise not_found("Attachment", call.ids[name])
    return row


def _own(call: Call, name: str) -> sqlite3.Row:
    row = call.ledger.row(
        "SELECT * FROM file WHERE id = ? AND (scope = ? OR scope IN (SELECT 'monetary-account/' "
        "|| id || '/attachment' FROM account WHERE person_id = ?))",
        call.number(name),
        f"user/{call.person_id}/attachment",
        call.person_id,
    )
    if row is None:
        raise not_found("Attachment", call.ids[name])
    return row


def _file(row: sqlite3.Row) -> File:
    return File(row["bytes"], row["content_type"], row["description"])


def create_avatar(call: Call) -> list[Item]:
    """Make an avatar of a public picture; users and accounts then choose it by its uuid."""
    picture = call.body["attachment_public_uuid"]
    found = call.ledger.row(
        "SELECT 1 FROM file WHERE uuid = ? AND scope = ? AND content_type LIKE 'image/%'",
        picture,
        _PUBLIC,
    )
    if found is None:
        raise not_found("Attachment", picture)
    number = str(uuid.uuid4())
    call.ledger.insert("avatar", uuid=number, file_uuid=picture)
    return [("Uuid", {"uuid": number})]


def get_avatar(call: Call) -> list[Item]:
    """Give an avatar with its pictures, and what it stands for."""
    number, ledger = call.ids["itemId"], call.ledger
    images = tell_images(ledger, number)
    if not images:
        raise not_found("Avatar", number)
    chosen = "json_extract(details, '$.avatar_uuid') = ?"
    anchor = ledger.row(
        f"SELECT uuid FROM account WHERE {chosen} UNION ALL SELECT uuid FROM person WHERE {chosen}",
        number,
        number,
    )
    values = {
        "uuid": number,
        "image": images,
        "anchor_uuid": anchor and anchor["uuid"],
        "style": "NONE",
    }
    return [("Avatar", shape("Avatar", values))]


def create_note(call: Call) -> list[Item]:
    """Hang a file that was uploaded to the same account on something of it."""
    values = {
        "description": call.body.get("description"),
        "attachment": [_noted(call, call.body["attachment_id"])],
        "label_user_creator": label_user(call.ledger, call.person_id),
    }
    return created(add_thing(call.ledger, scope_of(call), "NoteAttachment", values))


def update_note(call: Call) -> list[Item]:
    """Change the words of a note, or its file."""
    row = find_thing(call, [scope_of(call)], call.ids["itemId"])
    values = {name: told for name, told in call.body.items() if told is not None}
    if "attachment_id" in values:
        values["attachment"] = [_noted(call, values.pop("attachment_id"))]
    change_thing(call.ledger, row, values)
    return created(row["id"])


def _noted(call: Call, number: int) -> dict[str, int]:
    account_id = call.number("monetary-accountID")
    if not call.ledger.row(
        "SELECT 1 FROM file WHERE id = ? AND scope = ?",
        number if 0 <= number < 2**63 else 0,
        f"monetary-account/{account_id}/attachment",
    ):
        raise not_found("Attachment", number)
    return {"id": number, "monetary_account_id": account_id}
