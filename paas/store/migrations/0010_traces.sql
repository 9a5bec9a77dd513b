-- Where the time of a change went. Kept as long as its log.
CREATE TABLE traces (
    deployment_id INTEGER PRIMARY KEY REFERENCES deployments (id) ON DELETE CASCADE,
    spans         TEXT NOT NULL
);
