"""A bank where a person and a company have something of everything, for all 480 operations."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from typing import Any

from visitors import Door, Visitor, Wire, certificate, payment, request

from bunqkit.auth import handshake
from bunqkit.catalogue import operations as catalogue
from bunqkit.catalogue.operations import Operation
from bunqkit.sandbox import Bank, CardUse, DirectDebit, doors
from bunqkit.security.signing import KeyPair

EVERY = catalogue.operations()
FIRM: Any = catalogue.example_body(catalogue.operation("company.create"))
EUR = {"value": "1.00", "currency": "EUR"}
MONTHLY = {
    "time_start": "2026-05-01 09:00:00.000000",
    "recurrence_unit": "MONTHLY",
    "recurrence_size": 1,
}
# Operations that mean to fail, or for which this bank has nothing to answer from.
REFUSED = {
    "server-error.create": 500,
    "token-qr-request-ideal.create": 400,
    "token-qr-request-sofort.create": 400,
    "payment-batch.update": 400,
}
# Asked of others than the visitor, or in another test.
ELSEWHERE = {
    "installation.create",
    "device-server.create",
    "session-server.create",
    "session.delete",
    "sandbox-user-person.create",
    "sandbox-user-company.create",
    "payment-service-provider-credential.create",
    "user-payment-service-provider.get",
}


PLAN_ABROAD = {
    "currency_source": "EUR",
    "currency_target": "GBP",
    "amount_target": {"value": "1.00", "currency": "GBP"},
}
RECIPIENT = {
    "type": "sort_code",
    "name_account_holder": "Somebody Abroad",
    "detail": [
        {"key": "sortCode", "value": "200000"},
        {"key": "accountNumber", "value": "55779911"},
    ],
}


@dataclass
class World:
    """A person and a company, each with something of everything that has a table of its own."""

    bank: Bank
    person: Visitor
    company: Visitor
    ids: dict[str, Any]
    png: str
    pem: str = field(default_factory=lambda: certificate("hook.example.org")[0])

    @property
    def iban(self) -> str:
        """The IBAN of the person's first account."""
        aliases = self.person.call("GET", self.person.account).item["alias"]
        told: str = aliases[0]["value"]
        return told

    def visitor(self, operation: Operation) -> Visitor:
        """Give whoever the operation is for."""
        return self.company if operation.path.startswith("/user-company") else self.person

    def path(self, operation: Operation, **more: Any) -> str:
        """Fill a path; what stands in its middle is put there if it is missing."""
        segments = operation.path.strip("/").split("/")
        filled: list[str] = []
        visitor = self.visitor(operation)
        for at, segment in enumerate(segments):
            name = segment.strip("{}")
            if not segment.startswith("{"):
                filled.append(segment)
            elif name in more:
                filled.append(str(more[name]))
            elif name in ("userID", "user-companyID"):
                filled.append(str(visitor.session.user_id))
            elif name == "monetary-accountID":
                filled.append(str(visitor.account_id))
            elif operation.resource == "card.replace":
                filled.append(str(self.ids["old card"]))
            elif name in self.ids:
                filled.append(str(self.ids[name]))
            else:
                filled.append(str(self._parent("/".join(filled), segments[at - 1])))
        return "/" + "/".join(filled)

    def _parent(self, path: str, collection: str) -> int:
        scope = path[path.find("monetary-account/") :] if "monetary-account/" in path else path
        if collection == "card":
            return int(self.ids["card"])
        return thing(self.bank, scope)

    def item(self, operation: Operation) -> Any:
        """Give the id of something that the operation is about, made for it."""
        collection = operation.path.removesuffix("/{itemId}")
        last = collection.rpartition("/")[2]
        if collection in ("/user", "/user-person", "/user-company"):
            return self.visitor(operation).session.user_id
        if last in self.ids:
            return self.ids[last]
        create = next((o for o in EVERY if o.method == "POST" and o.path == collection), None)
        if create is not None and create.name not in ELSEWHERE:
            path = self.path(create)
            self.ids["_"] = path
            return self.post(create, path)
        path = self.path(operation, itemId=0).rpartition("/")[0]
        self.ids["_"] = path
        if collection.endswith("}/whitelist-sdd"):
            create = catalogue.operation("whitelist-sdd-one-off.create")
            return self.post(create, self.path(create))
        return self.bank.place(path)

    def post(self, operation: Operation, path: str) -> Any:
        """Make something; give its id."""
        if operation.resource == "oauth-client":
            # There is one for a user, and each test wants its own.
            self.forget_clients()
        answer = self.call(operation, path, self.body(operation))
        item = answer.item
        return item.get("id") or item.get("uuid")

    def forget_clients(self) -> None:
        """Make room for an OAuth client: a user may have one."""
        self.bank.ledger.execute("DELETE FROM thing WHERE scope LIKE '%/oauth-client'")

    def call(self, operation: Operation, path: str, body: Any = None) -> Any:
        """Send the operation."""
        if operation.sends_bytes:
            return self.visitor(operation).client.request(
                "POST",
                path,
                b"\x89PNG",
                token=self.person.session.token,
                headers={
                    "Content-Type": "image/png",
                    "X-Bunq-Attachment-Description": "a picture",
                },
            )
        return self.visitor(operation).call(operation.method, path, body)

    def debit(self) -> dict[str, int]:
        """Give the body of a whitelist: for a direct debit that has come in."""
        debit = DirectDebit(1_00)
        number = self.bank.direct_debit(self.person.account_id, debit)
        return {"monetary_account_paying_id": self.person.account_id, "request_id": number}

    def body(self, operation: Operation) -> Any:  # noqa: PLR0911 (a table with exceptions)
        """Give a body that the operation's own rules take."""
        name = operation.resource
        own: dict[str, Any] = {
            "payment": payment("bravo@bunq.com", "0.10"),
            "payment-batch": {"payments": [payment("bravo@bunq.com", "0.10")]},
            "draft-payment": {
                "entries": [payment("bravo@bunq.com", "0.10")],
                "number_of_required_accepts": 1,
            },
            "schedule-payment": {
                "payment": payment("bravo@bunq.com", "0.10"),
                "schedule": MONTHLY,
            },
            "schedule-payment-batch": {
                "payments": [payment("bravo@bunq.com", "0.10")],
                "schedule": MONTHLY,
            },
            "payment-auto-allocate": {
                "payment_id": self.ids.get("incoming"),
                "type": "ONCE",
                "definition": [
                    {
                        "type": "FRACTION",
                        "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
                        "description": "a part",
                        "fraction": 0.001,
                    }
                ],
            },
            "currency-conversion-quote": {
                "amount": EUR,
                "currency_source": "EUR",
                "currency_target": "USD",
                "order_type": "SELL",
                "counterparty_alias": {"type": "EMAIL", "value": self.person.email},
            },
            "transferwise-quote": PLAN_ABROAD,
            "transferwise-quote-temporary": PLAN_ABROAD,
            "transferwise-quote.transferwise-recipient": RECIPIENT,
            "transferwise-quote.transferwise-recipient-requirement": RECIPIENT,
            "transferwise-quote.transferwise-transfer-requirement": {
                "recipient_id": str(self.ids.get("recipient"))
            },
            "transferwise-quote.transferwise-transfer": {
                "monetary_account_id": self.person.account_id,
                "recipient_id": self.ids.get("recipient"),
            },
            "share-invite-monetary-account-inquiry": {
                "counter_user_alias": {"type": "EMAIL", "value": "bravo@bunq.com"}
            },
            "ideal-merchant-transaction": {"amount_requested": EUR, "issuer": "INGBNL2A"},
            "request-inquiry": request("bravo@bunq.com", "0.10"),
            "request-inquiry-batch": {
                "request_inquiries": [request("bravo@bunq.com", "1.00")],
                "total_amount_inquired": EUR,
            },
            "monetary-account-joint": {
                "all_co_owner": [{"alias": {"type": "EMAIL", "value": self.person.email}}]
            },
            "monetary-account-savings": {"currency": "EUR", "savings_goal": EUR},
            "monetary-account-external": {"currency": "EUR"},
            "monetary-account-external-savings": {"currency": "EUR", "service": "OPEN_BANKING"},
            "avatar": {"attachment_public_uuid": self.png},
            "company": FIRM | {"subscription_type": "COMPANY_V2"},
            "certificate-pinned": {"certificate_chain": [{"certificate": self.pem}]},
            "card-batch": {"cards": [{"id": self.ids.get("card", 0)}]},
            "card-batch-replace": {"cards": [{"id": self.ids.get("spare card", 0)}]},
            "card.replace": {},
            "notification-filter-failure": {"notification_filter_failed_ids": "1"},
            "customer-statement": {
                "statement_format": "CSV",
                "date_start": "2026-01-01",
                "date_end": "2026-04-30",
                "regional_format": "EUROPEAN",
            },
            "export-annual-overview": {"year": 2025},
            "payment-service-provider-draft-payment": {
                "sender_iban": self.iban,
                "counterparty_iban": "NL91ABNA0417164300",
                "counterparty_name": "A. Example",
                "description": "tea",
                "amount": EUR,
            },
            "payment-service-provider-issuer-transaction": {
                "counterparty_alias": {"type": "EMAIL", "value": "bravo@bunq.com"},
                "amount": EUR,
                "description": "tea",
                "url_redirect": "https://example.org/back",
            },
            "oauth-client.callback-url": {"url": "https://example.org/back"},
            "credential-password-ip.ip": {"ip": "127.0.0.1"},
            "user-person": {"session_timeout": 3600},
            "user-company": {"session_timeout": 3600},
        }
        updates: dict[str, Any] = {
            "schedule.schedule-instance": {"state": "RETRY"},
            "bunqme-tab": {"status": "CANCELLED"},
            "currency-conversion-quote": {"status": "ACCEPTED"},
            "share-invite-monetary-account-inquiry": {"status": "REVOKED"},
            "share-invite-monetary-account-response": {"status": "ACCEPTED"},
            "request-inquiry": {"status": "REVOKED"},
            "request-inquiry-batch": {"status": "REVOKED"},
            "request-response": {"status": "REJECTED"},
            "card": {"status": "ACTIVE"},
            "challenge-request": {"status": "ACCEPTED"},
            "payment-service-provider-draft-payment": {"status": "CANCELLED"},
            "oauth-client": {"status": "ACTIVE"},
            "credential-password-ip.ip": {"status": "ACTIVE"},
        }
        if operation.method == "PUT" and name in updates:
            return updates[name]
        if operation.method == "PUT" and name.startswith("monetary-account-"):
            return {} if name.endswith("-card") else {"description": "renamed"}
        if name in own:
            return own[name]
        if name.startswith("whitelist-sdd-"):
            return self.debit()
        if name.endswith("note-attachment"):
            return {"attachment_id": self.ids["attachmentID"], "description": "a note"}
        if name.startswith("card-"):
            names = catalogue.operation("card-name.list")
            shown = self.call(names, self.path(names)).item["possible_card_name_array"]
            return {
                "type": "MASTERCARD",
                "product_type": "MASTERCARD_DEBIT",
                "second_line": "mine",
                "name_on_card": shown[0],
            }
        if "notification-filter" in name:
            target = {"notification_target": "http://127.0.0.1:9/"} if "url" in name else {}
            return {"notification_filters": [{"category": "MUTATION", **target}]}
        return catalogue.example_body(operation)


def thing(bank: Bank, scope: str, type_: str = "NoteText") -> int:
    """Put something in a scope, whatever it is."""
    from bunqkit.sandbox.resources.generic_resources import StoredResource

    with bank.ledger.transaction():
        return StoredResource.add(bank.ledger, scope.strip("/"), type_, {}).id


def plan_things(world: World) -> None:
    """Have a payment that came in, and a schedule with a turn that fails each time."""
    paid = world.person.call("GET", f"{world.person.account}/payment").items
    world.ids["incoming"] = next(p["id"] for p in paid if p["amount"]["value"] == "500.00")
    once = MONTHLY | {"recurrence_unit": "ONCE", "time_start": "2026-04-01 09:00:00.000000"}
    order = {"payment": payment("bravo@bunq.com", "9999.00"), "schedule": once}
    number = world.person.create(f"{world.person.account}/schedule-payment", order)
    path = f"{world.person.account}/schedule/{number}/schedule-instance"
    turn = world.person.call("GET", path).item["id"]
    world.ids |= {"schedule": number, "scheduleID": number, "schedule-paymentID": number}
    world.ids |= {"schedule-instance": turn, "schedule-instanceID": turn}
    for name in ("draft-payment", "schedule-payment-batch", "payment-auto-allocate"):
        create = catalogue.operation(f"{name}.create")
        world.ids[f"{name}ID"] = world.post(create, world.path(create))


def make_world(key: KeyPair) -> World:
    """Return a bank with a person and a company that have something of everything."""
    bank = Bank()
    door = Door(Wire(bank), doors.BASE_URL, doors.InProcess(bank))
    person = Visitor(door, key)
    company = Visitor(door, key, handshake.create_sandbox_user(door.client(), kind="company"))
    person.top_up()
    home = World(bank, person, company, {}, "")
    user = f"/user/{person.session.user_id}"
    upload = catalogue.operation("attachment-public.create")
    home.png = home.call(upload, upload.path).item["uuid"]
    attach = catalogue.operation("attachment.create")
    number = home.call(attach, home.path(attach)).item["id"]
    home.ids = {"attachmentID": number, "attachment": number, "attachment-publicUUID": home.png}
    order = catalogue.operation("card-debit.create")
    home.ids |= {"card": home.post(order, home.path(order))}
    home.ids["cardID"] = home.ids["card"]
    paid = person.create(f"{person.account}/payment", payment("bravo@bunq.com"))
    home.ids |= {"payment": paid, "paymentID": paid}
    asked = person.create(f"{person.account}/request-inquiry", request("bravo@bunq.com"))
    home.ids["request-inquiryID"] = asked
    owed = company.create(f"{company.account}/request-inquiry", request(person.email))
    assert owed > 0
    owing = person.call("GET", f"{person.account}/request-response").item["id"]
    home.ids |= {"request-response": owing, "request-responseID": owing}
    event = person.call("GET", f"{user}/event").items[0]["id"]
    home.ids |= {"event": event, "eventID": event}
    credential = person.call("GET", f"{user}/credential-password-ip").items[0]["id"]
    home.ids |= {"credential-password-ip": credential, "credential-password-ipID": credential}
    device = person.call("GET", "/device-server").item["id"]
    home.ids |= {"device": device, "device-server": device}
    installation = person.call("GET", "/installation").item["id"]
    home.ids |= {"installation": installation, "installationID": installation}
    home.ids["payment-service-provider-credential"] = credential
    plan_things(home)
    person.create(f"{user}/monetary-account-bank", {"currency": "USD"})
    quote = catalogue.operation("transferwise-quote.create")
    home.ids["transferwise-quoteID"] = home.post(quote, home.path(quote))
    recipient = catalogue.operation("transferwise-quote.transferwise-recipient.create")
    home.ids["recipient"] = home.post(recipient, home.path(recipient))
    with bank.ledger.transaction():
        for kind in ("MonetaryAccountCard",):
            number = bank.ledger.add_account(
                person.session.user_id, holder="x", description="", kind=kind
            )
            home.ids["monetary-account-card"] = number
        home.ids["monetary-account"] = person.account_id
        chat = {"id": 88, "uuid": str(uuid.uuid4()), "content_type": "image/png", "bytes": b"x"}
        scope = f"user/{person.session.user_id}/chat-conversation/{{}}/attachment"
        home.ids["chat"] = (chat, scope)
        bank.ledger.insert(
            "callback",
            id=bank.ledger.next_id("callback"),
            person_id=person.session.user_id,
            category="MUTATION",
            event_type="x",
            object_id=1,
            target="http://127.0.0.1:9/",
            body="{}",
            problem="x",
        )
    return home


def prepare(world: World, operation: Operation) -> tuple[str, Any]:
    """Give a path to something that is there, and a body."""
    if "replace" in operation.name:
        # A card is replaced once.
        order = catalogue.operation("card-debit.create")
        for name in ("spare card", "old card"):
            world.ids[name] = world.post(order, world.path(order))
    if operation.name == "request-response.update":
        # A request is answered once.
        path = f"{world.company.account}/request-inquiry"
        world.company.create(path, request(world.person.email))
        asked = world.person.call("GET", f"{world.person.account}/request-response").items
        world.ids["request-response"] = asked[0]["id"]
    if operation.name == "challenge-request.update":
        # A shop asks once.
        number = world.bank.challenge(world.ids["card"], CardUse(1, "Webwinkel", kind="online"))
        world.ids["challenge-request"] = number
    if operation.name == "share-invite-monetary-account-response.update":
        # An invitation is answered once.
        alias = {"type": "EMAIL", "value": world.person.email}
        path = f"{world.company.account}/share-invite-monetary-account-inquiry"
        world.company.create(path, {"counter_user_alias": alias})
        path = f"/user/{world.person.session.user_id}/share-invite-monetary-account-response"
        asked = world.person.call("GET", path).items
        world.ids["share-invite-monetary-account-response"] = asked[0]["id"]
    if operation.name.startswith("transferwise-quote.transferwise-transfer."):
        # A quote is paid once.
        quote = catalogue.operation("transferwise-quote.create")
        world.ids["transferwise-quoteID"] = world.post(quote, world.path(quote))
    if operation.name == "notification-filter-failure.create":
        world.bank.ledger.execute("UPDATE callback SET due = NULL, problem = 'x' WHERE id = 1")
    item_id = world.item(operation) if operation.path.endswith("/{itemId}") else None
    if item_id is not None:
        own = f"{world.ids['_']}/{item_id}" if "_" in world.ids else None
        path = own or world.path(operation, itemId=item_id)
    else:
        path = content_path(world, operation) if operation.is_bytes else world.path(operation)
    world.ids.pop("_", None)
    if operation.name == "oauth-client.create":
        world.forget_clients()
    return path, world.body(operation) if operation.method in ("POST", "PUT") else None


def content_path(world: World, operation: Operation) -> str:
    """Give the path of a file that is there."""
    if operation.name == "chat-conversation.attachment.content":
        path = world.path(operation)
        conversation = path.split("/")[4]
        row, scope = world.ids["chat"]
        with world.bank.ledger.transaction():
            world.bank.ledger.insert(
                "file", **row, scope=scope.format(conversation), created="2026-04-01"
            )
        return re.sub(r"attachment/\d+", "attachment/88", path)
    if "attachment" in operation.name:
        return world.path(operation)
    collection = operation.path.rpartition("/")[0].rpartition("/")[0]
    create = next((o for o in EVERY if o.method == "POST" and o.path == collection), None)
    if create is None:
        posted = catalogue.operation("card.export-statement-card-csv.create")
        if "card" not in operation.path:
            return world.path(operation)
        path = world.path(posted)
        number = world.post(posted, path)
        return f"{path.removesuffix('-csv')}/{number}/content"
    path = world.path(create)
    return f"{path}/{world.post(create, path)}/{operation.path.rpartition('/')[2]}"
