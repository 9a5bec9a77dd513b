-- The branch that belongs to the release of a deployment, as "ref old new", written together with the release. It moves
-- right afterwards, or at the next start if the server dies in between.
ALTER TABLE deployments ADD COLUMN landing TEXT NOT NULL DEFAULT '';
