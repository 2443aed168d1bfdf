-- Who may do what. `claire_reader` reads; `claire_writer` does exactly what the sidecar does: it inserts,
-- moves `store_state`, and updates orders and runs, and deletes nothing; `claire_admin` owns. Where the
-- roles can be neither found nor made (a managed database), their grants are left out.

DO $$
DECLARE
    role TEXT;
BEGIN
    FOREACH role IN ARRAY ARRAY['claire_reader', 'claire_writer', 'claire_admin'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            BEGIN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role);
            EXCEPTION
                WHEN insufficient_privilege THEN
                    RAISE WARNING 'role % is missing and may not be created', role;
                WHEN duplicate_object OR unique_violation THEN
                    NULL;
            END;
        END IF;
    END LOOP;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'claire_reader') THEN
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO claire_reader;
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'claire_writer') THEN
        GRANT SELECT ON ALL TABLES IN SCHEMA public TO claire_writer;
        GRANT INSERT ON runs, store_state, instruments, signals, decisions, orders, order_events, fills,
            positions, balances, portfolio_snapshots, risk_events, alerts, latency_histograms
            TO claire_writer;
        GRANT UPDATE ON runs, store_state, orders TO claire_writer;
        EXECUTE format('GRANT TEMPORARY ON DATABASE %I TO claire_writer', current_database());
    END IF;
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'claire_admin') THEN
        GRANT ALL ON ALL TABLES IN SCHEMA public TO claire_admin;
    END IF;
END
$$;
