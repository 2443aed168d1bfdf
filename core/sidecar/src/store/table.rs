//! The tables that records become rows of, and a row's values.

/// A table whose rows come from the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// Instruments, one row each.
    Instruments,
    /// Strategies' statements.
    Signals,
    /// The gate's answers.
    Decisions,
    /// Orders with their last state.
    Orders,
    /// Changes of orders.
    OrderEvents,
    /// Our deals.
    Fills,
    /// Positions after fills.
    Positions,
    /// Balances after fills.
    Balances,
    /// The account now and then.
    PortfolioSnapshots,
    /// Changes of trading state.
    RiskEvents,
    /// Strategies' notes, alerts and errors.
    Alerts,
    /// Texts of scripts that ran, one row each.
    Scripts,
    /// What became of the versions that were saved.
    ScriptReloads,
}

/// A value of a row. Decimals are text: exact, without exponent or trailing zeros.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Null,
    /// A number, a time, a sequence.
    Int(i64),
    /// Yes or no.
    Bool(bool),
    /// Text, or a decimal's text.
    Text(String),
}

/// A row: its values stand in the order of [`Table::columns`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The table.
    pub table: Table,
    /// The values.
    pub values: Vec<Value>,
}

impl Table {
    /// All tables, in the order in which a batch writes them.
    pub const ALL: [Self; 13] = [
        Self::Instruments,
        Self::Signals,
        Self::Decisions,
        Self::Orders,
        Self::OrderEvents,
        Self::Fills,
        Self::Positions,
        Self::Balances,
        Self::PortfolioSnapshots,
        Self::RiskEvents,
        Self::Alerts,
        Self::Scripts,
        Self::ScriptReloads,
    ];

    /// Returns the table's name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instruments => "instruments",
            Self::Signals => "signals",
            Self::Decisions => "decisions",
            Self::Orders => "orders",
            Self::OrderEvents => "order_events",
            Self::Fills => "fills",
            Self::Positions => "positions",
            Self::Balances => "balances",
            Self::PortfolioSnapshots => "portfolio_snapshots",
            Self::RiskEvents => "risk_events",
            Self::Alerts => "alerts",
            Self::Scripts => "scripts",
            Self::ScriptReloads => "script_reloads",
        }
    }

    /// Returns the table's columns.
    pub const fn columns(self) -> &'static [&'static str] {
        match self {
            Self::Instruments => INSTRUMENTS,
            Self::Signals => SIGNALS,
            Self::Decisions => DECISIONS,
            Self::Orders => ORDERS,
            Self::OrderEvents => ORDER_EVENTS,
            Self::Fills => FILLS,
            Self::Positions => POSITIONS,
            Self::Balances => BALANCES,
            Self::PortfolioSnapshots => PORTFOLIO_SNAPSHOTS,
            Self::RiskEvents => RISK_EVENTS,
            Self::Alerts => ALERTS,
            Self::Scripts => SCRIPTS,
            Self::ScriptReloads => SCRIPT_RELOADS,
        }
    }
}

impl Row {
    /// Returns the value of the column, [`Value::Null`] where the table has none of that name.
    pub(crate) fn value(&self, column: &str) -> &Value {
        let columns = self.table.columns().iter();
        let mut pairs = columns.zip(&self.values);
        pairs
            .find_map(|(name, value)| (*name == column).then_some(value))
            .unwrap_or(&Value::Null)
    }

    /// Takes an event's state over into its order, as the databases do: unless the order has a later one.
    pub(crate) fn take_event(&mut self, event: &Self) {
        let at = |row: &Self, columns: [&str; 2]| columns.map(|column| row.value(column).number());
        if at(self, ["updated_seq", "updated_idx"]) >= at(event, ["seq", "idx"]) {
            return;
        }
        let columns = self.table.columns().iter();
        for (column, value) in columns.zip(&mut self.values) {
            let source = match *column {
                "status" => "status_to",
                "status_reason" => "reason",
                "filled_qty" => "filled_qty",
                "updated_seq" => "seq",
                "updated_idx" => "idx",
                "updated_ns" => "time_ns",
                _ => continue,
            };
            *value = event.value(source).clone();
        }
    }
}

impl Value {
    const fn number(&self) -> Option<i64> {
        match self {
            Self::Int(number) => Some(*number),
            _ => None,
        }
    }
}
/// Columns of a table of records: the record's header, then its own.
macro_rules! record {
    ($($column:literal),* $(,)?) => {
        &["run_id", "seq", "idx", "time_ns", "strategy_id", "instrument_id", $($column),*]
    };
}

const INSTRUMENTS: &[&str] = &[
    "run_id",
    "instrument_id",
    "seq",
    "name",
    "contract",
    "is_trading",
    "price_digits",
    "qty_digits",
    "tick",
    "step",
    "qty_min",
    "qty_max",
    "notional_min",
    "multiplier",
    "base",
    "quote",
    "settle",
];
const SIGNALS: &[&str] = record!["side", "strength", "reason"];
const DECISIONS: &[&str] = record![
    "order_id",
    "verdict",
    "code",
    "limit_value",
    "measured",
    "side",
    "qty",
    "price",
    "qty_asked",
    "price_asked"
];
const ORDERS: &[&str] = record![
    "order_id",
    "side",
    "kind",
    "flags",
    "qty",
    "price",
    "arrival_mid",
    "reason",
    "status",
    "status_reason",
    "filled_qty",
    "updated_seq",
    "updated_idx",
    "updated_ns"
];
const ORDER_EVENTS: &[&str] = record![
    "order_id",
    "status_from",
    "status_to",
    "reason",
    "filled_qty",
    "venue_time_ns"
];
const FILLS: &[&str] = record![
    "order_id",
    "fill_id",
    "side",
    "liquidity",
    "rule",
    "price",
    "qty",
    "fee",
    "fee_currency",
    "realized",
    "closed_qty",
    "venue_time_ns",
    "decided_by_seq",
    "arrived_ns",
    "queue_ahead",
    "queue_traded",
    "queue_cancelled"
];
const POSITIONS: &[&str] = record!["qty", "cost", "realized", "fees"];
const BALANCES: &[&str] = record!["currency", "total"];
const PORTFOLIO_SNAPSHOTS: &[&str] = record![
    "equity",
    "realized",
    "unrealized",
    "fees",
    "exposure",
    "peak"
];
const RISK_EVENTS: &[&str] = record![
    "code",
    "state_from",
    "state_to",
    "limit_value",
    "measured",
    "note"
];
const ALERTS: &[&str] = record!["kind", "note"];
const SCRIPTS: &[&str] = &[
    "run_id",
    "strategy_id",
    "sha256",
    "seq",
    "time_ns",
    "name",
    "file",
    "parameters",
    "text",
];
const SCRIPT_RELOADS: &[&str] = record![
    "outcome",
    "version",
    "sha256",
    "version_from",
    "sha256_from",
    "carried",
    "fresh",
    "dropped",
    "reason"
];
