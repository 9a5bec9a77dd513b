-- How the process is spoken to: nginx passes requests on to gRPC in another way.
ALTER TABLE replicas ADD COLUMN protocol TEXT NOT NULL DEFAULT 'tcp';
