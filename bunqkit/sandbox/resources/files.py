"""Files: attachments and avatars, kept byte for byte, and the notes that point at them.

Source: bunq docs, "Attachment", "Avatar" and "Note attachment"; the SDK's tests for the headers.
"""

from __future__ import annotations

import sqlite3
import uuid
from typing import Any

from bunqkit.sandbox.clock import wire_time
from bunqkit.sandbox.ledger import BankLedger
from bunqkit.sandbox.refusal import not_found, refuse
from bunqkit.sandbox.resources.call import Call, File, Item, Table, Verbs, created
from bunqkit.sandbox.resources.generic_resources import StoredResource, content_of, scope_of
from bunqkit.sandbox.resources.labels import label_user, show_images
from bunqkit.sandbox.resources.rows import find_row, pick, read_id
from bunqkit.sandbox.resources.shape import shape

# Source: bunq docs for the pictures; PDF is taken in practice.
_PDF = "application/pdf"
_TYPES = ("image/png", "image/jpeg", "image/gif", _PDF)
_PUBLIC = "attachment-public"


def create_attachment(call: Call) -> list[Item]:
    """Keep a file of an account; payments and notes can point at it."""
    return created(_keep(call, scope_of(call))["id"])


def create_public_attachment(call: Call) -> list[Item]:
    """Keep a file that everybody can read."""
    return [("Uuid", {"uuid": _keep(call, _PUBLIC)["uuid"]})]


def _keep(call: Call, scope: str) -> dict[str, Any]:
    """Write the uploaded file; return its id and uuid."""
    upload, ledger = call.upload, call.ledger
    is_refused = call.quirks.pdfs_are_refused and upload.content_type == _PDF
    if is_refused or upload.content_type not in _TYPES:
        raise refuse(400, f'Content type "{upload.content_type}" is not supported.')
    if not upload.content:
        raise refuse(400, "The attachment is empty.")
    number = ledger.next_id("file")
    # Not drawn from the seed: everybody who knows the uuid of a public file can read it.
    secret = str(uuid.uuid4()) if scope == _PUBLIC else ledger.new_uuid("file", number)
    ids = {"id": number, "uuid": secret}
    ledger.insert(
        "file",
        **ids,
        scope=scope,
        created=wire_time(ledger.clock.now()),
        content_type=upload.content_type,
        description=upload.description,
        bytes=upload.content,
    )
    return ids


def _show(type_name: str, row: sqlite3.Row) -> Item:
    file = {**pick(row, "description", "content_type"), "urls": []}
    more = {"updated": row["created"], "attachment": file}
    return type_name, shape(type_name, pick(row, "id", "uuid", "created") | more)


_OWN_FILES = Table(
    "file",
    "scope IN (SELECT ?1 UNION SELECT 'monetary-account/' || id || '/attachment' FROM account "
    "WHERE person_id = ?2)",
    lambda call: (f"user/{call.person_id}/attachment", call.person_id),
    "Attachment",
    lambda _ledger, row: _show("AttachmentUser", row),
)
"""The files of the user and of all of their accounts."""


def get_public_attachment(call: Call) -> list[Item]:
    """Return what is known of a public file."""
    return [_show("AttachmentPublic", _public(call, "itemId"))]


def read_public_attachment(call: Call) -> File:
    """Return the bytes of a public file."""
    return _file(_public(call, "attachment-publicUUID"))


def read_attachment(call: Call) -> File:
    """Return the bytes of a file of the account, or of a chat."""
    scope, number = content_of(call)
    query = "SELECT * FROM file WHERE id = ? AND scope = ?"
    return _file(
        find_row(call.ledger, "Attachment", call.ids["attachmentID"], query, number, scope)
    )


def read_user_attachment(call: Call) -> File:
    """Return the bytes of a file of the user or of one of their accounts."""
    return _file(_OWN_FILES.find(call, "attachmentID"))


def _public(call: Call, name: str) -> sqlite3.Row:
    query, uuid_ = "SELECT * FROM file WHERE uuid = ? AND scope = ?", call.ids[name]
    return find_row(call.ledger, "Attachment", uuid_, query, uuid_, _PUBLIC)


def _file(row: sqlite3.Row) -> File:
    return File(row["bytes"], row["content_type"], row["description"])


def create_avatar(call: Call) -> list[Item]:
    """Make an avatar of a public picture; users and accounts then choose it by its uuid."""
    picture, number = call.body["attachment_public_uuid"], str(uuid.uuid4())
    query = "SELECT 1 FROM file WHERE uuid = ? AND scope = ? AND content_type LIKE 'image/%'"
    find_row(call.ledger, "Attachment", picture, query, picture, _PUBLIC)
    call.ledger.insert("avatar", uuid=number, file_uuid=picture)
    return [("Uuid", {"uuid": number})]


def get_avatar(call: Call) -> list[Item]:
    """Return an avatar with its pictures, and whose it is."""
    number, ledger = call.ids["itemId"], call.ledger
    images = show_images(ledger, number)
    if not images:
        raise not_found("Avatar", number)
    chosen = "json_extract(details, '$.avatar_uuid') = ?1"
    query = (
        f"SELECT uuid FROM account WHERE {chosen} UNION ALL SELECT uuid FROM person WHERE {chosen}"
    )
    anchor = ledger.row(query, number)
    uuids = {"uuid": number, "anchor_uuid": anchor and anchor["uuid"]}
    return [("Avatar", shape("Avatar", uuids | {"image": images, "style": "NONE"}))]


def create_note(call: Call) -> list[Item]:
    """Add a note with a file to something; the file was uploaded to the same account."""
    values = {
        "description": call.body.get("description"),
        "attachment": check_attachments(
            call.ledger, call.account_id, [{"id": call.body["attachment_id"]}]
        ),
        "label_user_creator": label_user(call.ledger, call.person_id),
    }
    return created(StoredResource.post(call, "NoteAttachment", values).id)


def update_note(call: Call) -> list[Item]:
    """Change the words of a note, or its file."""
    note, values = StoredResource.find(call), call.sent
    if "attachment_id" in values:
        ids = [{"id": values.pop("attachment_id")}]
        values["attachment"] = check_attachments(call.ledger, call.account_id, ids)
    note.save(**values)
    return created(note.id)


def check_attachments(
    ledger: BankLedger, account_id: int | None, attachments: list[dict[str, Any]] | None
) -> list[dict[str, Any]]:
    """Check that attachments were uploaded to this account; return them as they are read."""
    query, scope = "SELECT 1 FROM file WHERE id = ? AND scope = ?", "monetary-account/{}/attachment"
    ids = [attachment["id"] for attachment in attachments or []]
    for number in ids:
        find_row(ledger, "Attachment", number, query, read_id(number), scope.format(account_id))
    return [{"id": number, "monetary_account_id": account_id} for number in ids]


RULES: dict[str, Verbs] = {
    "attachment": {
        "create": create_attachment,
        "get": _OWN_FILES.rules()["get"],
        "content": read_attachment,
    },
    "attachment-public": {
        "create": create_public_attachment,
        "get": get_public_attachment,
        "content": read_public_attachment,
    },
    "user.attachment": {"content": read_user_attachment},
    "chat-conversation.attachment": {"content": read_attachment},
    "avatar": {"create": create_avatar, "get": get_avatar},
}
