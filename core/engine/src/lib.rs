//! Claire: the deterministic state machine. Books, strategies, risk, orders, paper matching, portfolio.

pub mod indicator;
pub mod market;
