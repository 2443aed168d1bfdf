//! Debits: what we took of displayed levels, so that it is not taken twice.
//!
//! Called by the paper venue only. A debit is reduced when the venue reduces the level, and ends when
//! the level is gone or after `matching.debit_ms`.

use crate::market::BookView;
use claire_types::{DurationNs, InstrumentId, Level, Price, Qty, Side, VenueNs};
use serde::{Deserialize, Serialize};

/// All debits, sorted by instrument, side and price.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Debits {
    debits: Vec<Debit>,
    debits_max: usize,
    span: DurationNs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Debit {
    key: Key,
    /// What we took and the level still shows.
    taken: Qty,
    /// What the level showed when it was looked at last.
    displayed: Qty,
    /// When we took last.
    at: VenueNs,
}

/// Where a level is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Key {
    pub instrument: InstrumentId,
    pub side: Side,
    pub price: Price,
}

impl Debits {
    pub(super) fn new(debits_max: usize, span: DurationNs) -> Self {
        Self {
            debits: Vec::with_capacity(debits_max),
            debits_max,
            span,
        }
    }

    pub(super) fn reserve_room(&mut self) {
        let more = self.debits_max.saturating_sub(self.debits.len());
        self.debits.reserve(more);
    }

    /// Returns what of a displayed level we have not taken.
    pub(super) fn left(&self, instrument: InstrumentId, side: Side, level: Level) -> Qty {
        let key = Key {
            instrument,
            side,
            price: level.price,
        };
        let taken = self.find(&key).map_or(0, |debit| debit.taken.0);
        Qty(level.qty.0.saturating_sub(taken).max(0))
    }

    /// Returns whether another level can be taken from.
    pub(super) fn has_room(&self, levels: usize) -> bool {
        self.debits.len().saturating_add(levels) <= self.debits_max
    }

    /// Notes what we took of a level that displays `displayed`.
    pub(super) fn take(&mut self, key: Key, taken: Qty, displayed: Qty, at: VenueNs) {
        match self.debits.binary_search_by_key(&key, |debit| debit.key) {
            Ok(index) => {
                if let Some(debit) = self.debits.get_mut(index) {
                    debit.taken.0 = debit.taken.0.saturating_add(taken.0);
                    debit.displayed = displayed;
                    debit.at = debit.at.max(at);
                }
            }
            Err(index) if self.debits.len() < self.debits_max => {
                self.debits.insert(
                    index,
                    Debit {
                        key,
                        taken,
                        displayed,
                        at,
                    },
                );
            }
            // The caller asked for room before it walked.
            Err(_) => {}
        }
    }

    /// Follows the levels of an instrument.
    pub(super) fn follow(&mut self, instrument: InstrumentId, view: &dyn BookView, now: VenueNs) {
        let span = self.span;
        self.debits.retain_mut(|debit| {
            if debit.key.instrument != instrument {
                return true;
            }
            let displayed = view.qty_at(debit.key.side, debit.key.price);
            let reduced = debit.displayed.0.saturating_sub(displayed.0).max(0);
            debit.taken.0 = debit.taken.0.saturating_sub(reduced);
            debit.displayed = displayed;
            displayed.0 > 0 && debit.taken.0 > 0 && now.since(debit.at) < span
        });
    }

    /// Drops the debits of instruments.
    pub(super) fn forget(&mut self, concerns: impl Fn(InstrumentId) -> bool) {
        self.debits.retain(|debit| !concerns(debit.key.instrument));
    }

    fn find(&self, key: &Key) -> Option<&Debit> {
        let index = self
            .debits
            .binary_search_by_key(key, |debit| debit.key)
            .ok()?;
        self.debits.get(index)
    }
}
