-- Domains, certificates and redirects. app_id NULL: for all apps.

ALTER TABLE apps ADD COLUMN domains_enabled INTEGER NOT NULL DEFAULT 1;
-- Whether it came from the app's paas.yml, and goes when it is not there any more.
ALTER TABLE domains ADD COLUMN from_file INTEGER NOT NULL DEFAULT 0;

CREATE TABLE certificates (
    id       INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id   INTEGER REFERENCES apps (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    source   TEXT NOT NULL CHECK (source IN ('added', 'acme', 'generated', 'placeholder')),
    chain    TEXT NOT NULL,
    key      BLOB NOT NULL,
    request  TEXT NOT NULL DEFAULT '',
    server   TEXT NOT NULL DEFAULT '',
    added_at REAL NOT NULL
);
CREATE UNIQUE INDEX certificates_name ON certificates (coalesce(app_id, 0), source, name);

CREATE TABLE redirects (
    source TEXT PRIMARY KEY,
    app_id INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    target TEXT NOT NULL,
    code   INTEGER NOT NULL
) WITHOUT ROWID;

-- How getting a certificate for a host stands, where the last attempt failed.
CREATE TABLE acme_hosts (
    app_id   INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    host     TEXT NOT NULL,
    failures INTEGER NOT NULL,
    retry_at REAL NOT NULL,
    error    TEXT NOT NULL,
    PRIMARY KEY (app_id, host)
) WITHOUT ROWID;

-- What was asked of authorities, as long as their limits look back.
CREATE TABLE acme_orders (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    server  TEXT NOT NULL,
    host    TEXT NOT NULL,
    at      REAL NOT NULL,
    issued  INTEGER NOT NULL,
    renewal INTEGER NOT NULL
);

-- Secrets of the instance itself, such as the key of its ACME account.
CREATE TABLE secrets (
    name  TEXT PRIMARY KEY,
    value BLOB NOT NULL
) WITHOUT ROWID;
