-- Where commits came from that nobody pushed, how to reach other servers, and options for containers and builds.

CREATE TABLE sources (
    app_id    INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    commit_id TEXT NOT NULL,
    kind      TEXT NOT NULL,
    detail    TEXT NOT NULL,
    PRIMARY KEY (app_id, commit_id)
) WITHOUT ROWID;

-- app_id NULL: for all apps. secret is sealed.
CREATE TABLE logins (
    app_id   INTEGER REFERENCES apps (id) ON DELETE CASCADE,
    kind     TEXT NOT NULL CHECK (kind IN ('git', 'registry', 'deploy-key')),
    host     TEXT NOT NULL,
    username TEXT NOT NULL,
    secret   BLOB NOT NULL
);
CREATE UNIQUE INDEX logins_host ON logins (coalesce(app_id, 0), kind, host);

CREATE TABLE known_hosts (
    host TEXT NOT NULL,
    line TEXT NOT NULL,
    PRIMARY KEY (host, line)
) WITHOUT ROWID;

CREATE TABLE docker_options (
    app_id   INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    phase    TEXT NOT NULL,
    option   TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (app_id, phase, option)
) WITHOUT ROWID;
