-- The same rows with times that dashboards read: `<table>_at`, microseconds in UTC.

CREATE FUNCTION claire_time(ns BIGINT) RETURNS TIMESTAMPTZ
    LANGUAGE SQL IMMUTABLE STRICT PARALLEL SAFE
    AS $$ SELECT TIMESTAMPTZ 'epoch' + (ns / 1000) * INTERVAL '1 microsecond' $$;

CREATE VIEW runs_at AS SELECT claire_time(started_ns) AS started, t.* FROM runs t;
CREATE VIEW signals_at AS SELECT claire_time(time_ns) AS time, t.* FROM signals t;
CREATE VIEW decisions_at AS SELECT claire_time(time_ns) AS time, t.* FROM decisions t;
CREATE VIEW orders_at AS SELECT claire_time(time_ns) AS time, claire_time(updated_ns) AS updated, t.* FROM orders t;
CREATE VIEW order_events_at AS SELECT claire_time(time_ns) AS time, claire_time(venue_time_ns) AS venue_time, t.* FROM order_events t;
CREATE VIEW fills_at AS SELECT claire_time(time_ns) AS time, claire_time(venue_time_ns) AS venue_time, t.* FROM fills t;
CREATE VIEW positions_at AS SELECT claire_time(time_ns) AS time, t.* FROM positions t;
CREATE VIEW balances_at AS SELECT claire_time(time_ns) AS time, t.* FROM balances t;
CREATE VIEW portfolio_snapshots_at AS SELECT claire_time(time_ns) AS time, t.* FROM portfolio_snapshots t;
CREATE VIEW risk_events_at AS SELECT claire_time(time_ns) AS time, t.* FROM risk_events t;
CREATE VIEW alerts_at AS SELECT claire_time(time_ns) AS time, t.* FROM alerts t;
CREATE VIEW latency_histograms_at AS SELECT claire_time(start_ns) AS started, claire_time(end_ns) AS ended, t.* FROM latency_histograms t;

DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_roles WHERE rolname = 'claire_reader') THEN
        GRANT SELECT ON runs_at, signals_at, decisions_at, orders_at, order_events_at, fills_at, positions_at,
            balances_at, portfolio_snapshots_at, risk_events_at, alerts_at, latency_histograms_at
            TO claire_reader;
    END IF;
END
$$;
