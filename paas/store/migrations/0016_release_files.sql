-- The folders of the image that the edge serves itself for a release, by path prefix, and its error pages: JSON.
ALTER TABLE releases ADD COLUMN static TEXT NOT NULL DEFAULT '{}';
