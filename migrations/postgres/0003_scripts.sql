-- Scripts and their reloads: who may do what with them, and the same rows with times that dashboards read.

CREATE VIEW scripts_at AS SELECT claire_time(time_ns) AS time, t.* FROM scripts t;
CREATE VIEW script_reloads_at AS SELECT claire_time(time_ns) AS time, t.* FROM script_reloads t;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'claire_reader') THEN
        GRANT SELECT ON scripts, script_reloads, scripts_at, script_reloads_at TO claire_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'claire_writer') THEN
        GRANT SELECT, INSERT ON scripts, script_reloads TO claire_writer;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'claire_admin') THEN
        GRANT ALL ON scripts, script_reloads TO claire_admin;
    END IF;
END
$$;
