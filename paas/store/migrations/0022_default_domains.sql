-- Whether an app is served at its name below the global domains, beside the domains of its own.
ALTER TABLE apps ADD COLUMN default_domains INTEGER NOT NULL DEFAULT 1;
