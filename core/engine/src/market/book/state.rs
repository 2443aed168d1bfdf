//! How a book stands in the engine's snapshot: its levels and ids, not its arrays.
//!
//! Called when the engine's state is written or read, off the hot path. A book that was written and read
//! has the same content and its windows at the same place, so it also behaves the same from there on.

use super::{Book, Frame, Touch, key_of};
use claire_types::{BookReason, Level, Price, Qty, Side};
use serde::ser::SerializeSeq;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

type LevelState = (Price, Qty);

/// `L` is the levels of a side: borrowed to be written, owned when read.
#[derive(Serialize, Deserialize)]
struct BookState<L> {
    tick_known: i64,
    tick: i64,
    last_id: u64,
    is_synced: bool,
    stale: Option<BookReason>,
    /// 0 between frames, 1 in a snapshot, 2 in a delta.
    frame: u8,
    before: [Option<LevelState>; 2],
    nearest: [Option<Price>; 2],
    recentre_count: u64,
    window_low: [Option<i64>; 2],
    bids: L,
    asks: L,
}

/// A side's levels, best first, written without a copy.
struct SideRef<'a>(&'a Book, Side);

impl Serialize for SideRef<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Self(book, side) = *self;
        let mut levels = serializer.serialize_seq(Some(book.count(side)))?;
        for level in book.levels(side) {
            levels.serialize_element(&state_of(level))?;
        }
        levels.end()
    }
}

impl Serialize for Book {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        BookState {
            tick_known: self.tick_known,
            tick: self.tick,
            last_id: self.last_id,
            is_synced: self.is_synced,
            stale: self.stale,
            frame: match self.frame {
                Frame::None => 0,
                Frame::Snapshot => 1,
                Frame::Delta => 2,
            },
            before: [self.before.bid.map(state_of), self.before.ask.map(state_of)],
            nearest: [self.nearest_bid, self.nearest_ask],
            recentre_count: self.recentre_count,
            window_low: [self.bids.window_low(), self.asks.window_low()],
            bids: SideRef(self, Side::Buy),
            asks: SideRef(self, Side::Sell),
        }
        .serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for Book {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let state = BookState::<Vec<LevelState>>::deserialize(deserializer)?;
        let mut book = Self::new(Price(state.tick_known));
        book.tick = state.tick;
        book.last_id = state.last_id;
        book.is_synced = state.is_synced;
        book.stale = state.stale;
        book.frame = match state.frame {
            1 => Frame::Snapshot,
            2 => Frame::Delta,
            _ => Frame::None,
        };
        let [bid, ask] = state.before.map(|level| level.map(level_of));
        book.before = Touch { bid, ask };
        [book.nearest_bid, book.nearest_ask] = state.nearest;
        book.recentre_count = state.recentre_count;
        for (half, low) in [&mut book.bids, &mut book.asks]
            .into_iter()
            .zip(state.window_low)
        {
            if let Some(low) = low {
                half.restore_window(low, state.tick);
            }
        }
        for (price, qty) in state.bids {
            book.bids.set(key_of(Side::Buy, price), qty.0.max(0));
        }
        for (price, qty) in state.asks {
            book.asks.set(key_of(Side::Sell, price), qty.0.max(0));
        }
        book.bids.find_best();
        book.asks.find_best();
        Ok(book)
    }
}

pub(in crate::market) const fn state_of(level: Level) -> LevelState {
    (level.price, level.qty)
}

pub(in crate::market) const fn level_of((price, qty): LevelState) -> Level {
    Level { price, qty }
}
