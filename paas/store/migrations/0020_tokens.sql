-- Tokens for the dashboard and the HTTP API: of each only its SHA-256 is kept.
CREATE TABLE tokens (
    name       TEXT PRIMARY KEY,
    digest     TEXT NOT NULL UNIQUE,
    role       TEXT NOT NULL CHECK (role IN ('view', 'deploy', 'admin')),
    created_at REAL NOT NULL,
    expires_at REAL,
    used_at    REAL
) WITHOUT ROWID;

-- The host of the dashboard belongs to no app.
CREATE TABLE acme_hosts_new (
    app_id   INTEGER REFERENCES apps (id) ON DELETE CASCADE,
    host     TEXT NOT NULL,
    failures INTEGER NOT NULL,
    retry_at REAL NOT NULL,
    error    TEXT NOT NULL
);
INSERT INTO acme_hosts_new SELECT app_id, host, failures, retry_at, error FROM acme_hosts;
DROP TABLE acme_hosts;
ALTER TABLE acme_hosts_new RENAME TO acme_hosts;
CREATE UNIQUE INDEX acme_hosts_host ON acme_hosts (coalesce(app_id, 0), host);
