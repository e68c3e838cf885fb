"""Files come back as they were sent, to those who may read them."""

from __future__ import annotations

from typing import Any

import pytest
from visitors import Visitor, payment, refusal

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 4


def upload(visitor: Visitor, path: str, content: bytes = PNG, kind: str = "image/png") -> Any:
    """Upload a file; give the answer's item."""
    headers = {"Content-Type": kind, "X-Bunq-Attachment-Description": "a picture"}
    return visitor.call("POST", path, content, headers=headers).item


# Files


def test_files_come_back_byte_for_byte(visitor: Visitor) -> None:
    """What is uploaded to an account, or for everybody, is read back as it was, and signed."""
    number = upload(visitor, f"{visitor.account}/attachment")["id"]
    answer = visitor.call("GET", f"{visitor.account}/attachment/{number}/content")
    assert answer.exchange.answer_body == PNG
    assert answer.exchange.answer_headers["Content-Type"] == "image/png"
    assert answer.exchange.is_verified
    public = upload(visitor, "/attachment-public")["uuid"]
    content = visitor.call("GET", f"/attachment-public/{public}/content").exchange.answer_body
    assert content == PNG
    told = visitor.call("GET", f"/attachment-public/{public}").item["attachment"]
    assert (told["description"], told["content_type"]) == ("a picture", "image/png")


def test_private_files_are_private(visitor: Visitor, friend: Visitor) -> None:
    """An account's file is not found by anybody else, public ones are."""
    number = upload(visitor, f"{visitor.account}/attachment")["id"]
    path = f"/attachment/{number}/content"
    assert refusal(lambda: friend.call("GET", f"{friend.account}{path}"))[0] == 404
    assert refusal(lambda: friend.call("GET", f"/user/{friend.session.user_id}{path}"))[0] == 404
    assert visitor.call("GET", f"/user/{visitor.session.user_id}{path}").exchange.answer_body == PNG


@pytest.mark.parametrize(
    ("content", "kind"), [(b"", "image/png"), (PNG, "text/html"), (PNG, "")], ids=repr
)
def test_files_of_other_kinds_are_refused(visitor: Visitor, content: bytes, kind: str) -> None:
    """Pictures and PDFs are taken, and something must be in them."""
    path = f"{visitor.account}/attachment"
    assert refusal(lambda: upload(visitor, path, content, kind))[0] == 400


def test_avatar_is_chosen_and_shown(visitor: Visitor, friend: Visitor) -> None:
    """An avatar is made of a public picture, chosen for an account, and seen by others."""
    picture = upload(visitor, "/attachment-public")["uuid"]
    avatar = visitor.call("POST", "/avatar", {"attachment_public_uuid": picture}).item["uuid"]
    path = f"/user/{visitor.session.user_id}/monetary-account-bank/{visitor.account_id}"
    visitor.call("PUT", path, {"avatar_uuid": avatar})
    account = visitor.call("GET", path).item
    shown = visitor.call("GET", f"/avatar/{avatar}").item
    assert shown["anchor_uuid"] == account["public_uuid"]
    friend.create(f"{friend.account}/payment", payment(visitor.email))
    other = friend.call("GET", f"{friend.account}/payment").items[0]["counterparty_alias"]
    assert other["avatar"]["image"][0]["attachment_public_uuid"] == picture
    assert refusal(lambda: visitor.call("PUT", path, {"avatar_uuid": picture}))[0] == 404


def test_notes_hang_on_a_payment(visitor: Visitor, friend: Visitor) -> None:
    """Words and files can be hung on a payment, by its owner only."""
    visitor.top_up()
    number = visitor.create(f"{visitor.account}/payment", payment(friend.email))
    path = f"{visitor.account}/payment/{number}"
    note = visitor.create(f"{path}/note-text", {"content": "receipt is in the drawer"})
    told = visitor.call("GET", f"{path}/note-text/{note}").item
    assert told["content"] == "receipt is in the drawer"
    assert told["label_user_creator"]["type"] == "PERSON"
    file = upload(visitor, f"{visitor.account}/attachment")["id"]
    visitor.create(f"{path}/note-attachment", {"attachment_id": file})
    (hung,) = visitor.call("GET", f"{path}/note-attachment").items
    assert hung["attachment"] == [{"id": file, "monetary_account_id": visitor.account_id}]
    nobody = {"attachment_id": 1}
    assert refusal(lambda: visitor.call("POST", f"{path}/note-attachment", nobody))[0] == 404
    stolen = f"{friend.account}/payment/{number}/note-text"
    assert refusal(lambda: friend.call("POST", stolen, {"content": "x"}))[0] == 404
