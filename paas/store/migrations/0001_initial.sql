-- What is wanted, and what happened. Times are seconds since 1970, UTC.

CREATE TABLE instance (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE apps (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    name       TEXT NOT NULL UNIQUE,
    created_at REAL NOT NULL,
    created_by TEXT NOT NULL,
    stopped    INTEGER NOT NULL DEFAULT 0,
    version    INTEGER,
    subnet     TEXT UNIQUE
);

-- app_id NULL: global.
CREATE TABLE config (
    app_id INTEGER REFERENCES apps (id) ON DELETE CASCADE,
    key    TEXT NOT NULL,
    value  BLOB NOT NULL
);
CREATE UNIQUE INDEX config_key ON config (coalesce(app_id, 0), key);

CREATE TABLE properties (
    app_id    INTEGER REFERENCES apps (id) ON DELETE CASCADE,
    namespace TEXT NOT NULL,
    key       TEXT NOT NULL,
    value     TEXT NOT NULL
);
CREATE UNIQUE INDEX properties_key ON properties (coalesce(app_id, 0), namespace, key);

CREATE TABLE domains (
    app_id   INTEGER REFERENCES apps (id) ON DELETE CASCADE,
    name     TEXT NOT NULL,
    position INTEGER NOT NULL
);
CREATE UNIQUE INDEX domains_name ON domains (coalesce(app_id, 0), name);
CREATE UNIQUE INDEX domains_owner ON domains (name) WHERE app_id IS NOT NULL;

CREATE TABLE formation (
    app_id       INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    process_type TEXT NOT NULL,
    quantity     INTEGER NOT NULL CHECK (quantity >= 0),
    PRIMARY KEY (app_id, process_type)
) WITHOUT ROWID;

CREATE TABLE releases (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id     INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    version    INTEGER NOT NULL,
    created_at REAL NOT NULL,
    actor      TEXT NOT NULL,
    cause      TEXT NOT NULL,
    commit_id  TEXT NOT NULL,
    image      TEXT NOT NULL,
    processes  TEXT NOT NULL,
    config     BLOB NOT NULL,
    state      TEXT NOT NULL CHECK (state IN ('pending', 'current', 'superseded', 'failed')),
    UNIQUE (app_id, version)
);

-- The containers that are wanted now.
CREATE TABLE replicas (
    app_id       INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    process_type TEXT NOT NULL,
    idx          INTEGER NOT NULL,
    slot         INTEGER NOT NULL,
    version      INTEGER NOT NULL,
    port         INTEGER,
    PRIMARY KEY (app_id, process_type, idx)
) WITHOUT ROWID;

-- A port once given to a slot stays its own, so that nothing moves over restarts.
CREATE TABLE ports (
    port         INTEGER PRIMARY KEY,
    app_id       INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    process_type TEXT NOT NULL,
    idx          INTEGER NOT NULL,
    slot         INTEGER NOT NULL,
    UNIQUE (app_id, process_type, idx, slot)
);

CREATE TABLE deployments (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id      INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    kind        TEXT NOT NULL,
    actor       TEXT NOT NULL,
    cause       TEXT NOT NULL,
    status      TEXT NOT NULL
                CHECK (status IN ('queued', 'running', 'succeeded', 'failed', 'cancelled', 'abandoned')),
    step        TEXT NOT NULL DEFAULT '',
    started_at  REAL NOT NULL,
    finished_at REAL,
    commit_id   TEXT NOT NULL DEFAULT '',
    version     INTEGER,
    error       TEXT NOT NULL DEFAULT ''
);
CREATE INDEX deployments_app ON deployments (app_id, id);

CREATE TABLE steps (
    deployment_id INTEGER NOT NULL REFERENCES deployments (id) ON DELETE CASCADE,
    position      INTEGER NOT NULL,
    name          TEXT NOT NULL,
    seconds       REAL,
    PRIMARY KEY (deployment_id, position)
) WITHOUT ROWID;

CREATE TABLE keys (
    name        TEXT PRIMARY KEY,
    fingerprint TEXT NOT NULL UNIQUE,
    kind        TEXT NOT NULL,
    blob        TEXT NOT NULL,
    comment     TEXT NOT NULL,
    role        TEXT NOT NULL CHECK (role IN ('view', 'deploy', 'admin')),
    created_at  REAL NOT NULL
) WITHOUT ROWID;
