-- What the app set for its containers when the release was made, as JSON. NULL for releases made before this column:
-- their containers are started with what holds at that time.
ALTER TABLE releases ADD COLUMN container TEXT;
