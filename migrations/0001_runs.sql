-- What happened, one row a record. A row's key is the run, the engine sequence of the input that caused
-- it, and its place among that input's records. Money, prices and quantities are exact decimals; times
-- are ns since 1970 UTC. Append-only: a change is a new file with the next number.
--
-- Tokens: {money} NUMERIC | TEXT, {ns} BIGINT | INTEGER, {json} JSON | TEXT, {bool} BOOLEAN | INTEGER,
-- {blob} BYTEA | BLOB, {strict} nothing | STRICT (PostgreSQL | SQLite).

CREATE TABLE runs (
    run_id TEXT PRIMARY KEY,
    mode TEXT NOT NULL,
    epoch {ns} NOT NULL,
    semantics_version {ns} NOT NULL,
    started_ns {ns} NOT NULL,
    header {json} NOT NULL,
    state TEXT NOT NULL,
    digest TEXT,
    messages {ns},
    records {ns}
) {strict};

-- How far a run's journal is projected. Moves in the transaction that brings the rows.
CREATE TABLE store_state (
    run_id TEXT PRIMARY KEY REFERENCES runs,
    last_seq {ns} NOT NULL,
    messages {ns} NOT NULL,
    segment {ns} NOT NULL,
    offset_bytes {ns} NOT NULL,
    block_check {ns} NOT NULL
) {strict};

CREATE TABLE instruments (
    run_id TEXT NOT NULL REFERENCES runs,
    instrument_id {ns} NOT NULL,
    seq {ns} NOT NULL,
    name TEXT NOT NULL,
    contract TEXT NOT NULL,
    is_trading {bool} NOT NULL,
    price_digits {ns} NOT NULL,
    qty_digits {ns} NOT NULL,
    tick {money} NOT NULL,
    step {money} NOT NULL,
    qty_min {money} NOT NULL,
    qty_max {money} NOT NULL,
    notional_min {money} NOT NULL,
    multiplier {money} NOT NULL,
    base TEXT NOT NULL,
    quote TEXT NOT NULL,
    settle TEXT NOT NULL,
    PRIMARY KEY (run_id, instrument_id)
) {strict};

CREATE TABLE signals (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    side TEXT NOT NULL,
    strength {money} NOT NULL,
    reason TEXT NOT NULL,
    PRIMARY KEY (run_id, seq, idx)
) {strict};

CREATE TABLE decisions (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    order_id TEXT NOT NULL,
    verdict TEXT NOT NULL,
    code TEXT NOT NULL,
    limit_value {money} NOT NULL,
    measured {money} NOT NULL,
    side TEXT NOT NULL,
    qty {money} NOT NULL,
    price {money} NOT NULL,
    qty_asked {money} NOT NULL,
    price_asked {money} NOT NULL,
    PRIMARY KEY (run_id, seq, idx)
) {strict};

CREATE INDEX decisions_code ON decisions (run_id, code);

-- An order as it was sent, and where it stands by the last of its events.
CREATE TABLE orders (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    order_id TEXT NOT NULL,
    side TEXT NOT NULL,
    kind TEXT NOT NULL,
    flags TEXT NOT NULL,
    qty {money} NOT NULL,
    price {money} NOT NULL,
    arrival_mid {money} NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    status_reason TEXT NOT NULL,
    filled_qty {money} NOT NULL,
    updated_seq {ns} NOT NULL,
    updated_idx {ns} NOT NULL,
    updated_ns {ns} NOT NULL,
    PRIMARY KEY (run_id, seq, idx),
    UNIQUE (run_id, order_id)
) {strict};

CREATE TABLE order_events (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    order_id TEXT NOT NULL,
    status_from TEXT NOT NULL,
    status_to TEXT NOT NULL,
    reason TEXT NOT NULL,
    filled_qty {money} NOT NULL,
    venue_time_ns {ns},
    PRIMARY KEY (run_id, seq, idx)
) {strict};

CREATE INDEX order_events_order ON order_events (run_id, order_id);

CREATE TABLE fills (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    order_id TEXT NOT NULL,
    fill_id TEXT NOT NULL,
    side TEXT NOT NULL,
    liquidity TEXT NOT NULL,
    rule TEXT NOT NULL,
    price {money} NOT NULL,
    qty {money} NOT NULL,
    fee {money} NOT NULL,
    fee_currency TEXT NOT NULL,
    realized {money} NOT NULL,
    closed_qty {money} NOT NULL,
    venue_time_ns {ns},
    decided_by_seq {ns} NOT NULL,
    arrived_ns {ns},
    queue_ahead {money} NOT NULL,
    queue_traded {money} NOT NULL,
    queue_cancelled {money} NOT NULL,
    PRIMARY KEY (run_id, seq, idx)
) {strict};

CREATE INDEX fills_order ON fills (run_id, order_id);

CREATE TABLE positions (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    qty {money} NOT NULL,
    cost {money} NOT NULL,
    realized {money} NOT NULL,
    fees {money} NOT NULL,
    PRIMARY KEY (run_id, seq, idx)
) {strict};

CREATE TABLE balances (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    currency TEXT NOT NULL,
    total {money} NOT NULL,
    PRIMARY KEY (run_id, seq, idx)
) {strict};

CREATE TABLE portfolio_snapshots (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    equity {money} NOT NULL,
    realized {money} NOT NULL,
    unrealized {money} NOT NULL,
    fees {money} NOT NULL,
    exposure {money} NOT NULL,
    peak {money} NOT NULL,
    PRIMARY KEY (run_id, seq, idx)
) {strict};

CREATE TABLE risk_events (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    code TEXT NOT NULL,
    state_from TEXT NOT NULL,
    state_to TEXT NOT NULL,
    limit_value {money} NOT NULL,
    measured {money} NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (run_id, seq, idx)
) {strict};

-- Strategies' notes, alerts, errors and cuts.
CREATE TABLE alerts (
    run_id TEXT NOT NULL REFERENCES runs,
    seq {ns} NOT NULL,
    idx {ns} NOT NULL,
    time_ns {ns} NOT NULL,
    strategy_id {ns},
    instrument_id {ns},
    kind TEXT NOT NULL,
    note TEXT NOT NULL,
    PRIMARY KEY (run_id, seq, idx)
) {strict};

-- One stage's latencies in one interval, whole: HdrHistogram V2, uncompressed.
CREATE TABLE latency_histograms (
    run_id TEXT NOT NULL REFERENCES runs,
    stage TEXT NOT NULL,
    start_ns {ns} NOT NULL,
    end_ns {ns} NOT NULL,
    samples {ns} NOT NULL,
    histogram {blob} NOT NULL,
    PRIMARY KEY (run_id, stage, start_ns)
) {strict};
