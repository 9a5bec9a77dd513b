-- Runs of a command in a container of their own, by hand or by cron. Numbers count within the app.
CREATE TABLE runs (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    app_id      INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    number      INTEGER NOT NULL,
    kind        TEXT NOT NULL CHECK (kind IN ('run', 'cron')),
    entry       TEXT NOT NULL,
    command     TEXT NOT NULL,
    actor       TEXT NOT NULL,
    version     INTEGER NOT NULL,
    attached    INTEGER NOT NULL,
    status      TEXT NOT NULL CHECK (status IN
                ('running', 'succeeded', 'failed', 'stopped', 'expired', 'lost', 'skipped', 'missed')),
    started_at  REAL NOT NULL,
    until       REAL NOT NULL,
    finished_at REAL,
    exit_code   INTEGER,
    note        TEXT NOT NULL DEFAULT '',
    count       INTEGER NOT NULL DEFAULT 1,
    UNIQUE (app_id, number)
);
CREATE INDEX runs_active ON runs (until) WHERE status = 'running';

-- Disposable machines. until: when they are removed.
CREATE TABLE sandboxes (
    name       TEXT PRIMARY KEY,
    image      TEXT NOT NULL,
    actor      TEXT NOT NULL,
    created_at REAL NOT NULL,
    until      REAL NOT NULL
) WITHOUT ROWID;
