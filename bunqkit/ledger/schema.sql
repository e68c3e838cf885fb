-- The tables of a ledger's file.
CREATE TABLE IF NOT EXISTS fact (name TEXT PRIMARY KEY, text TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS followed (
    operation TEXT NOT NULL, given TEXT NOT NULL, PRIMARY KEY (operation, given)) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS listing (
    number INTEGER PRIMARY KEY, operation TEXT NOT NULL, account_id INTEGER NOT NULL,
    given TEXT NOT NULL, top INTEGER, walk_top INTEGER, walk_at INTEGER, walk_began TEXT,
    turn INTEGER, complete_until TEXT, refused TEXT, suspect INTEGER,
    changes INTEGER NOT NULL DEFAULT 0,
    UNIQUE (operation, account_id, given));
CREATE TABLE IF NOT EXISTS item (
    listing INTEGER NOT NULL REFERENCES listing, id INTEGER NOT NULL, type TEXT NOT NULL,
    created TEXT, updated TEXT, object TEXT, open_until TEXT, seen TEXT NOT NULL,
    raw TEXT NOT NULL, UNIQUE (listing, id));
CREATE INDEX IF NOT EXISTS item_by_time ON item (listing, created);
CREATE INDEX IF NOT EXISTS item_open ON item (listing, id, open_until) WHERE open_until IS NOT NULL;
CREATE INDEX IF NOT EXISTS item_by_object ON item (object) WHERE object IS NOT NULL;
CREATE TABLE IF NOT EXISTS earlier (
    listing INTEGER NOT NULL REFERENCES listing, id INTEGER NOT NULL, type TEXT NOT NULL,
    created TEXT, updated TEXT, seen TEXT NOT NULL, until TEXT NOT NULL, raw TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS earlier_by_id ON earlier (listing, id, seen);
CREATE TABLE IF NOT EXISTS pass (
    listing INTEGER NOT NULL REFERENCES listing, began TEXT NOT NULL, ended TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS pass_by_time ON pass (listing, ended);
CREATE TABLE IF NOT EXISTS segment (
    listing INTEGER NOT NULL REFERENCES listing, low INTEGER NOT NULL, high INTEGER NOT NULL,
    bytes BLOB NOT NULL, PRIMARY KEY (listing, low));
