//! The last closed bars of an instrument and interval, as scripts see them.
//!
//! Kept from the bars' declaration on, by the engine, also while nobody looks: from these an indicator that is
//! declared later, or by a new version of a script, is made as if it had always been there. Bounded; allocates
//! when it is made, not when a bar comes.

use crate::indicator::BarF64;
use claire_types::VenueNs;
use serde::{Deserialize, Serialize};

/// The last [`KEPT_BARS_MAX`] closed bars.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptBars {
    slots: Vec<BarF64>,
    /// Place of the oldest, once all are taken.
    oldest: usize,
}

/// Bars that are kept of each declared interval.
pub const KEPT_BARS_MAX: usize = 1_000;

impl KeptBars {
    /// Returns no bars, with room for all.
    pub fn new() -> Self {
        Self {
            slots: Vec::with_capacity(KEPT_BARS_MAX),
            oldest: 0,
        }
    }

    /// Takes the room again that bars read from a snapshot do not have.
    pub(crate) fn reserve_room(&mut self) {
        let more = KEPT_BARS_MAX.saturating_sub(self.slots.len());
        self.slots.reserve_exact(more);
    }

    /// Keeps a bar; the oldest goes where there is no room.
    pub(crate) fn push(&mut self, bar: BarF64) {
        if self.slots.len() < KEPT_BARS_MAX {
            return self.slots.push(bar);
        }
        if let Some(slot) = self.slots.get_mut(self.oldest) {
            *slot = bar;
            self.oldest = (self.oldest + 1) % KEPT_BARS_MAX;
        }
    }

    /// Returns the bars, oldest first.
    pub fn iter(&self) -> impl Iterator<Item = &BarF64> {
        let (newer, older) = self.slots.split_at(self.oldest.min(self.slots.len()));
        older.iter().chain(newer)
    }

    /// Returns how many are kept.
    pub const fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns whether none is kept.
    pub const fn is_empty(&self) -> bool {
        self.slots.is_empty()
    }

    /// Returns when the newest bar began.
    pub fn newest(&self) -> Option<VenueNs> {
        let newest = match self.oldest {
            0 => self.slots.last(),
            oldest => self.slots.get(oldest - 1),
        };
        newest.map(|bar| bar.open_time)
    }
}

impl Default for KeptBars {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(number: i64) -> BarF64 {
        BarF64 {
            open_time: VenueNs(number),
            ..BarF64::default()
        }
    }

    #[test]
    fn the_last_bars_are_kept_in_order_and_without_new_room() {
        let mut kept = KeptBars::new();
        assert_eq!((kept.newest(), kept.is_empty()), (None, true));
        let room = kept.slots.capacity();
        for number in 1..=2_345 {
            kept.push(bar(number));
            assert_eq!(kept.newest(), Some(VenueNs(number)));
            let first = (number - 999).max(1);
            let want = (first..=number).map(bar);
            assert!(kept.iter().copied().eq(want), "{number}");
        }
        assert_eq!((kept.len(), kept.slots.capacity()), (KEPT_BARS_MAX, room));
    }
}
