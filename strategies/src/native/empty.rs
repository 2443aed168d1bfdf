//! The shipped `empty` in Rust: what a call costs.

use super::{foreign, lent};
use claire_engine::strategy::{Fault, Handlers, LentDesk, Strategy, StrategyEvent};

/// Does nothing on every book change.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Empty;

impl Strategy for Empty {
    fn handlers(&self) -> Handlers {
        Handlers {
            book: true,
            ..Handlers::default()
        }
    }

    fn call(&mut self, _: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        desk.as_mut().map(drop).ok_or_else(lent)
    }

    fn save(&self, _: &mut Vec<u8>) {}

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match bytes {
            [] => Ok(()),
            _ => Err(foreign()),
        }
    }
}
