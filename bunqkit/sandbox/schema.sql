-- The tables of the bank's books, and the constraints that hold whatever the code above them does.
-- Money moves by one row of "movement": triggers write its two entries and both balances, so that no
-- movement without its two sides can exist. Nothing that was booked is changed or deleted.

CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, text TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS sequence (kind TEXT PRIMARY KEY, last INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS person (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, kind TEXT NOT NULL, created TEXT NOT NULL,
    name TEXT NOT NULL, label TEXT NOT NULL, email TEXT UNIQUE, phone TEXT UNIQUE,
    session_timeout INTEGER NOT NULL DEFAULT 604800, details TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS account (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, person_id INTEGER REFERENCES person,
    kind TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL, iban TEXT NOT NULL UNIQUE,
    holder TEXT NOT NULL, description TEXT NOT NULL, currency TEXT NOT NULL,
    balance INTEGER NOT NULL DEFAULT 0, status TEXT NOT NULL, sub_status TEXT NOT NULL,
    details TEXT NOT NULL, CHECK (person_id IS NULL OR balance >= 0));
CREATE INDEX IF NOT EXISTS account_of_person ON account (person_id, id);
CREATE INDEX IF NOT EXISTS account_of_holder ON account (holder);
CREATE TABLE IF NOT EXISTS co_owner (
    account_id INTEGER NOT NULL REFERENCES account, person_id INTEGER NOT NULL REFERENCES person,
    status TEXT NOT NULL, PRIMARY KEY (person_id, account_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS movement (
    id INTEGER PRIMARY KEY, payer_id INTEGER NOT NULL REFERENCES account,
    payee_id INTEGER NOT NULL REFERENCES account, created TEXT NOT NULL,
    cents INTEGER NOT NULL CHECK (cents > 0), currency TEXT NOT NULL, description TEXT NOT NULL,
    type TEXT NOT NULL, sub_type TEXT NOT NULL, details TEXT NOT NULL,
    CHECK (payer_id <> payee_id));
CREATE TABLE IF NOT EXISTS entry (
    id INTEGER PRIMARY KEY, movement_id INTEGER NOT NULL REFERENCES movement,
    account_id INTEGER NOT NULL REFERENCES account, cents INTEGER NOT NULL,
    balance_after INTEGER NOT NULL);
CREATE VIEW IF NOT EXISTS payment AS SELECT
    entry.id AS id, account_id, entry.cents AS cents, balance_after, movement_id, created, currency,
    CASE account_id WHEN payer_id THEN payee_id ELSE payer_id END AS counter_id,
    description, type, sub_type, details
    FROM entry JOIN movement ON movement.id = movement_id;
CREATE TRIGGER IF NOT EXISTS movement_needs_one_currency BEFORE INSERT ON movement
WHEN (SELECT currency FROM account WHERE id = NEW.payer_id) <> NEW.currency
  OR (SELECT currency FROM account WHERE id = NEW.payee_id) <> NEW.currency
BEGIN SELECT RAISE(ABORT, 'the currencies differ'); END;
CREATE TRIGGER IF NOT EXISTS movement_is_booked AFTER INSERT ON movement BEGIN
    UPDATE account SET balance = balance - NEW.cents WHERE id = NEW.payer_id;
    UPDATE account SET balance = balance + NEW.cents WHERE id = NEW.payee_id;
    INSERT INTO entry VALUES (2 * NEW.id, NEW.id, NEW.payer_id, -NEW.cents,
        (SELECT balance FROM account WHERE id = NEW.payer_id));
    INSERT INTO entry VALUES (2 * NEW.id + 1, NEW.id, NEW.payee_id, NEW.cents,
        (SELECT balance FROM account WHERE id = NEW.payee_id));
END;
CREATE TRIGGER IF NOT EXISTS movement_is_kept BEFORE UPDATE ON movement
BEGIN SELECT RAISE(ABORT, 'what is booked is not changed'); END;
CREATE TRIGGER IF NOT EXISTS entry_is_kept BEFORE UPDATE ON entry
BEGIN SELECT RAISE(ABORT, 'what is booked is not changed'); END;
CREATE TABLE IF NOT EXISTS agenda (
    id INTEGER PRIMARY KEY, due TEXT NOT NULL, kind TEXT NOT NULL, object_id INTEGER NOT NULL,
    UNIQUE (kind, object_id));
CREATE INDEX IF NOT EXISTS agenda_due ON agenda (due, id);
CREATE TABLE IF NOT EXISTS share (
    id INTEGER PRIMARY KEY, response_id INTEGER NOT NULL,
    account_id INTEGER NOT NULL REFERENCES account, person_id INTEGER NOT NULL REFERENCES person,
    access TEXT NOT NULL, is_open INTEGER NOT NULL DEFAULT 0);
CREATE INDEX IF NOT EXISTS share_of_person ON share (person_id, account_id);
CREATE TABLE IF NOT EXISTS request (
    id INTEGER PRIMARY KEY, response_id INTEGER NOT NULL UNIQUE,
    account_id INTEGER NOT NULL REFERENCES account,
    created TEXT NOT NULL, updated TEXT NOT NULL, responded TEXT, payer_id INTEGER
    REFERENCES account, alias TEXT NOT NULL, cents INTEGER NOT NULL CHECK (cents > 0),
    responded_cents INTEGER, currency TEXT NOT NULL, description TEXT NOT NULL,
    status TEXT NOT NULL, details TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS request_of_account ON request (account_id, id);
CREATE INDEX IF NOT EXISTS request_of_payer ON request (payer_id, response_id);
CREATE TABLE IF NOT EXISTS thing (
    id INTEGER PRIMARY KEY, scope TEXT NOT NULL, type TEXT NOT NULL, created TEXT NOT NULL,
    updated TEXT NOT NULL, item TEXT NOT NULL, secret TEXT NOT NULL DEFAULT '{}');
CREATE INDEX IF NOT EXISTS thing_of_scope ON thing (scope, id);
CREATE TABLE IF NOT EXISTS file (
    id INTEGER PRIMARY KEY, uuid TEXT NOT NULL UNIQUE, scope TEXT NOT NULL, created TEXT NOT NULL,
    content_type TEXT NOT NULL, description TEXT, bytes BLOB NOT NULL);
CREATE TABLE IF NOT EXISTS avatar (
    uuid TEXT PRIMARY KEY, file_uuid TEXT NOT NULL REFERENCES file (uuid));
CREATE TABLE IF NOT EXISTS event (
    id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL REFERENCES person, account_id INTEGER,
    created TEXT NOT NULL, updated TEXT NOT NULL, action TEXT NOT NULL, status TEXT NOT NULL,
    kind TEXT NOT NULL, object_id INTEGER NOT NULL, UNIQUE (object_id, kind, person_id));
CREATE TABLE IF NOT EXISTS callback (
    id INTEGER PRIMARY KEY, person_id INTEGER NOT NULL, category TEXT NOT NULL,
    event_type TEXT NOT NULL, object_id INTEGER NOT NULL, target TEXT NOT NULL, body TEXT NOT NULL,
    due TEXT, tries INTEGER NOT NULL DEFAULT 0, response_code INTEGER, problem TEXT);
CREATE INDEX IF NOT EXISTS callback_due ON callback (due) WHERE due IS NOT NULL;
CREATE TABLE IF NOT EXISTS attempt (
    id INTEGER PRIMARY KEY, callback_id INTEGER NOT NULL REFERENCES callback, at TEXT NOT NULL,
    response_code INTEGER, problem TEXT);
CREATE INDEX IF NOT EXISTS attempt_of_callback ON attempt (callback_id, id);
CREATE TABLE IF NOT EXISTS api_key (
    text TEXT PRIMARY KEY, id INTEGER NOT NULL UNIQUE, person_id INTEGER NOT NULL
    REFERENCES person, created TEXT NOT NULL, expires TEXT);
CREATE TABLE IF NOT EXISTS installation (
    id INTEGER PRIMARY KEY, token_id INTEGER NOT NULL, token TEXT NOT NULL UNIQUE,
    created TEXT NOT NULL, public_key TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS device (
    id INTEGER PRIMARY KEY, installation_id INTEGER NOT NULL UNIQUE REFERENCES installation,
    api_key TEXT NOT NULL REFERENCES api_key, created TEXT NOT NULL, description TEXT NOT NULL,
    ip TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS device_of_key ON device (api_key);
CREATE TABLE IF NOT EXISTS permitted_ip (
    id INTEGER PRIMARY KEY, device_id INTEGER NOT NULL REFERENCES device, ip TEXT NOT NULL,
    status TEXT NOT NULL, created TEXT NOT NULL, updated TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS permitted_ip_of_device ON permitted_ip (device_id);
CREATE TABLE IF NOT EXISTS consent (
    id INTEGER PRIMARY KEY, client_id INTEGER NOT NULL, requester_id INTEGER NOT NULL
    REFERENCES person, granter_id INTEGER NOT NULL REFERENCES person, created TEXT NOT NULL,
    code TEXT NOT NULL UNIQUE, code_expires TEXT NOT NULL, redirect_uri TEXT NOT NULL, state TEXT,
    api_key TEXT UNIQUE REFERENCES api_key, revoked TEXT);
CREATE TABLE IF NOT EXISTS consent_account (
    consent_id INTEGER NOT NULL REFERENCES consent, account_id INTEGER NOT NULL REFERENCES account,
    PRIMARY KEY (consent_id, account_id)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS session (
    id INTEGER PRIMARY KEY, token TEXT NOT NULL UNIQUE, installation_id INTEGER NOT NULL
    REFERENCES installation, person_id INTEGER NOT NULL REFERENCES person,
    created TEXT NOT NULL, expires TEXT NOT NULL);

-- The code drops these while it deletes all users, and creates them again.
CREATE TRIGGER IF NOT EXISTS movement_stays BEFORE DELETE ON movement
BEGIN SELECT RAISE(ABORT, 'what is booked is not taken back'); END;
CREATE TRIGGER IF NOT EXISTS entry_stays BEFORE DELETE ON entry
BEGIN SELECT RAISE(ABORT, 'what is booked is not taken back'); END;

-- The code drops these while it writes very many rows, and creates them again.
CREATE UNIQUE INDEX IF NOT EXISTS entry_of_account ON entry (account_id, id);
CREATE INDEX IF NOT EXISTS event_of_person ON event (person_id, id);
