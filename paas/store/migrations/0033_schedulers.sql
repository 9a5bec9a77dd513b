-- The scheduler that runs the app's processes now. The property `scheduler selected` names the one of the next deploy.
ALTER TABLE apps ADD COLUMN scheduler TEXT NOT NULL DEFAULT 'docker-local';

-- Where the edge reaches an app's processes, in order. A cluster may move them while they serve.
CREATE TABLE endpoints (
    app_id       INTEGER NOT NULL REFERENCES apps (id) ON DELETE CASCADE,
    position     INTEGER NOT NULL,
    process_type TEXT NOT NULL,
    host         TEXT NOT NULL,
    port         INTEGER NOT NULL,
    protocol     TEXT NOT NULL,
    PRIMARY KEY (app_id, position)
) WITHOUT ROWID;

INSERT INTO endpoints
SELECT app_id, row_number() OVER (PARTITION BY app_id ORDER BY process_type, idx), process_type, '127.0.0.1', port, protocol
FROM replicas WHERE port IS NOT NULL;
