-- How often a log was rotated away before a drain had read it.
ALTER TABLE drains ADD COLUMN gaps INTEGER NOT NULL DEFAULT 0;
