//! Binance spot, USD-M and COIN-M market data: frames to events.
//!
//! Called by [`crate::feed`] on the feed thread. [`typed`] reads the frames that come a thousand times
//! a second, byte by byte as the venue writes them; [`general`] reads everything else and anything that
//! looks different, on `simd-json`'s tape. What both read, they read alike.

pub mod general;
pub mod typed;

mod exchange_info;
mod kind;
mod tape;

pub(crate) use kind::product_of_frame;

use crate::catalog::Catalog;
use crate::event::Place;
use claire_types::Venue;

/// What a decoder knows besides the frame.
#[derive(Clone, Copy, Debug)]
pub struct Context<'a> {
    /// Where the frame comes from.
    pub venue: Venue,
    /// Known instruments.
    pub catalog: &'a Catalog,
    /// What a payload without a symbol belongs to, if that is known.
    pub bare: Option<Place>,
}

/// Returns whether a combined stream's name is one of the best levels: `<symbol>@depth5`, `10` or `20`.
pub(crate) fn is_partial_depth(stream: &[u8]) -> bool {
    channel_of(stream).is_some_and(|channel| matches!(channel, b"depth5" | b"depth10" | b"depth20"))
}

/// Returns the part of a stream's name that says what it carries.
pub(crate) fn channel_of(stream: &[u8]) -> Option<&[u8]> {
    let rest = stream.get(memchr::memchr(b'@', stream)? + 1..)?;
    rest.get(..memchr::memchr(b'@', rest).unwrap_or(rest.len()))
}

/// Returns the number that says on frames which product they are of, where a venue has one.
pub(crate) const fn product_of(venue: Venue) -> Option<u64> {
    match venue {
        Venue::BinanceUsdm => Some(1),
        Venue::BinanceCoinm => Some(2),
        _ => None,
    }
}

/// Returns whether a venue's depth changes name the change before: futures do, spot and who speaks like it do not.
pub(crate) const fn is_chained(venue: Venue) -> bool {
    matches!(venue, Venue::BinanceUsdm | Venue::BinanceCoinm)
}
