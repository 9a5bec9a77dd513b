-- The cron entries of a release, as JSON.
ALTER TABLE releases ADD COLUMN cron TEXT NOT NULL DEFAULT '[]';

-- Entries that somebody suspended; they stay so over releases that have them.
CREATE TABLE suspended_cron (
    app_id INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    entry  TEXT NOT NULL,
    actor  TEXT NOT NULL,
    since  REAL NOT NULL,
    PRIMARY KEY (app_id, entry)
) WITHOUT ROWID;
