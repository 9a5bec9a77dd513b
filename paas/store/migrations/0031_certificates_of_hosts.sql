-- What an authority issued is found by its host, whichever app has the host now.
CREATE INDEX certificates_by_name ON certificates (name);
CREATE INDEX certificates_by_app ON certificates (app_id);
