-- Buildpacks that came from elsewhere, for one app or (app_id NULL) for all. version is the commit, or the digest of a
-- folder; the files are in DIR/buildpacks/<version>.
CREATE TABLE buildpacks (
    app_id    INTEGER REFERENCES apps (id) ON DELETE CASCADE,
    name      TEXT NOT NULL,
    source    TEXT NOT NULL,
    reference TEXT NOT NULL,
    version   TEXT NOT NULL,
    added_by  TEXT NOT NULL,
    added_at  REAL NOT NULL
);
CREATE UNIQUE INDEX buildpacks_by_name ON buildpacks (coalesce(app_id, 0), name);
