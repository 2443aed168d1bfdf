//! Counts of what happened in the last second and minute, in engine time.
//!
//! Called by the desk for each order it sends. A ring of stamps of fixed size: no allocation.

use claire_types::WallNs;
use claire_types::time::NS_PER_S;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// Orders that were sent lately.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Rates {
    /// New orders and replaces in the last second.
    pub second: u32,
    /// New orders and replaces in the last minute.
    pub minute: u32,
    /// Exits in the last second.
    pub exits_second: u32,
}

/// The stamps of the last minute, as many as the window has room for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RateWindow {
    stamps: VecDeque<WallNs>,
    room: u32,
}

impl RateWindow {
    /// Returns an empty window that counts up to `room` events a minute; give it the limit.
    pub fn new(room: u32) -> Self {
        let room = room.clamp(1, ROOM_MAX);
        Self {
            stamps: VecDeque::with_capacity(room as usize + CALL_ROOM),
            room,
        }
    }

    /// Takes the room again that a window read from a snapshot does not have.
    pub fn reserve_room(&mut self) {
        let more = (self.room as usize + CALL_ROOM).saturating_sub(self.stamps.len());
        self.stamps.reserve(more);
    }

    /// Notes an event, which can be taken back until the window is settled.
    pub fn note(&mut self, now: WallNs) {
        self.stamps.push_back(now);
    }

    /// Takes the last event back: it never happened.
    pub fn take_back(&mut self) {
        self.stamps.pop_back();
    }

    /// Forgets what is older than a minute, and of a full window the oldest. Nothing can be taken back any more.
    pub fn settle(&mut self, now: WallNs) {
        while let Some(first) = self.stamps.front()
            && (self.stamps.len() > self.room as usize || now.since(*first).0 >= MINUTE_NS)
        {
            self.stamps.pop_front();
        }
    }

    /// Returns the events of the last second, from `now` back, the second's border left out.
    pub fn second(&self, now: WallNs) -> u32 {
        self.since(now, NS_PER_S)
    }

    /// Returns the events of the last minute likewise.
    pub fn minute(&self, now: WallNs) -> u32 {
        self.since(now, MINUTE_NS)
    }

    fn since(&self, now: WallNs, span_ns: i64) -> u32 {
        let first = self
            .stamps
            .partition_point(|stamp| now.since(*stamp).0 >= span_ns);
        let count = u32::try_from(self.stamps.len() - first).unwrap_or(u32::MAX);
        count.min(self.room)
    }
}

const MINUTE_NS: i64 = 60 * NS_PER_S;
/// Most stamps of a window: 512 KiB. Limits beyond it are never reached by counting.
const ROOM_MAX: u32 = 1 << 16;
/// Events of one call before the window's room must grow.
const CALL_ROOM: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_leaves_the_second_and_the_minute_at_their_borders() {
        let mut window = RateWindow::new(3);
        window.note(WallNs(0));
        window.note(WallNs(1));
        assert_eq!(window.second(WallNs(NS_PER_S - 1)), 2);
        assert_eq!(window.second(WallNs(NS_PER_S)), 1);
        assert_eq!(window.second(WallNs(NS_PER_S + 1)), 0);
        assert_eq!(window.minute(WallNs(MINUTE_NS)), 1);
        for at in 2..6 {
            window.note(WallNs(at));
        }
        assert_eq!(window.minute(WallNs(10)), 3);
    }

    #[test]
    fn what_is_taken_back_before_settling_leaves_the_window_as_it_was() {
        let mut window = RateWindow::new(3);
        for at in [0, 1, 2] {
            window.note(WallNs(at));
            window.settle(WallNs(at));
        }
        let before = window.clone();
        let late = WallNs(MINUTE_NS + 1);
        for _ in 0..5 {
            window.note(late);
        }
        assert_eq!(window.minute(late), 3);
        for _ in 0..5 {
            window.take_back();
        }
        assert_eq!(window, before);
        window.note(late);
        window.settle(late);
        assert_eq!((window.minute(late), window.stamps.len()), (2, 2));
    }
}
