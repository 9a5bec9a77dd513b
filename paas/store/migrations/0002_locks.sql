-- Apps that somebody locked against changes. until NULL: until it is unlocked.
CREATE TABLE locks (
    app_id INTEGER PRIMARY KEY REFERENCES apps (id) ON DELETE CASCADE,
    actor  TEXT NOT NULL,
    reason TEXT NOT NULL,
    since  REAL NOT NULL,
    until  REAL
);
