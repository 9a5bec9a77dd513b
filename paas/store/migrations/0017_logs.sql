-- What the platform tells in the logs of an app: changes, crashes, lost logs. app_id NULL: of the server.
CREATE TABLE events (
    id      INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id  INTEGER REFERENCES apps (id) ON DELETE CASCADE,
    at      TEXT NOT NULL,
    process TEXT NOT NULL,
    release INTEGER NOT NULL DEFAULT 0,
    code    TEXT NOT NULL DEFAULT '',
    text    TEXT NOT NULL
);
CREATE INDEX events_app ON events (app_id, id);

-- The logs of containers that are gone. segments: JSON, NULL as long as the files are as the engine wrote them.
CREATE TABLE kept_logs (
    container TEXT PRIMARY KEY,
    app_id    INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    process   TEXT NOT NULL,
    release   INTEGER NOT NULL,
    started   TEXT NOT NULL,
    first     TEXT NOT NULL,
    last      TEXT NOT NULL,
    bytes     INTEGER NOT NULL,
    segments  TEXT
) WITHOUT ROWID;
CREATE INDEX kept_logs_app ON kept_logs (app_id, last);

-- Where lines are sent. app_id NULL: those of every app. url is sealed. position: JSON, up to where it was read.
CREATE TABLE drains (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id     INTEGER REFERENCES apps (id) ON DELETE CASCADE,
    url        BLOB NOT NULL,
    format     TEXT NOT NULL,
    ca         TEXT NOT NULL,
    created_at REAL NOT NULL,
    created_by TEXT NOT NULL,
    position   TEXT NOT NULL,
    sent       INTEGER NOT NULL DEFAULT 0,
    dropped    INTEGER NOT NULL DEFAULT 0,
    error      TEXT NOT NULL DEFAULT '',
    error_at   REAL
);
