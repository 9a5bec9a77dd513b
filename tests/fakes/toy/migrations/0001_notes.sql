-- Without a reference to the app: what `destroyed` does is to be seen.
CREATE TABLE notes (
    app_id INTEGER NOT NULL,
    text   TEXT NOT NULL
);
