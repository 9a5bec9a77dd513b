-- Ways to the few rows that are asked for in tables that only grow.
CREATE INDEX deployments_actor ON deployments (app_id, actor, id);
CREATE INDEX deployments_status ON deployments (status);
CREATE INDEX releases_current ON releases (app_id) WHERE state = 'current';
CREATE INDEX releases_pending ON releases (app_id) WHERE state = 'pending';
CREATE INDEX runs_entry ON runs (app_id, kind, entry, id);
CREATE INDEX kept_logs_unpacked ON kept_logs (container) WHERE segments IS NULL;
