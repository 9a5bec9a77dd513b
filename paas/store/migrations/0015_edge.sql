-- What apps have at the edge beyond single properties: headers, networks, users, routes, snippets, ports, maintenance.
-- The value is sealed, because password hashes and snippets are among them.
CREATE TABLE edge (
    app_id   INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    kind     TEXT NOT NULL,
    name     TEXT NOT NULL,
    position INTEGER NOT NULL,
    value    BLOB NOT NULL,
    PRIMARY KEY (app_id, kind, name)
) WITHOUT ROWID;
