//! What a decoder makes of a frame: events in the instrument's units, not yet proven in sequence.
//!
//! Plain values between the decoders and [`crate::feed`]; levels stand beside them in a reused buffer.

use claire_types::{
    FrameFault, InstrumentId, Kline, Liquidation, Mark, NumberFault, Scale, Symbol, Ticker, Trade,
    VenueNs,
};

/// What a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An instrument of the run.
    Known(InstrumentId),
    /// A symbol that was not seen before.
    New(Symbol),
}

/// A target and the units that its numbers have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// What it is.
    pub target: Target,
    /// Units of its numbers.
    pub scale: Scale,
}

/// One decoded event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Decoded {
    /// What it belongs to.
    pub target: Target,
    /// The venue's time: transaction time, else event time, else none.
    pub venue_time: VenueNs,
    /// What happened.
    pub event: Event,
}

/// One event of a frequent kind, of a known instrument: small, so that it is handed on without copying.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frequent {
    /// Whose it is.
    pub instrument: InstrumentId,
    /// The venue's time: transaction time, else event time, else none.
    pub venue_time: VenueNs,
    /// What happened.
    pub event: FrequentEvent,
}

/// What happens a thousand times a second. Levels stand in the decoder's buffer, bids first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrequentEvent {
    /// A change of the book.
    Depth(DepthDiff),
    /// The best levels, each frame whole.
    PartialDepth(DepthImage),
    /// The whole book, asked for.
    Snapshot(DepthImage),
    /// Best bid and ask.
    Ticker(Ticker),
    /// A deal, or an aggregate of deals.
    Trade(Trade),
}

/// What happened. Levels stand in the decoder's buffer, bids first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// What happens often.
    Frequent(FrequentEvent),
    /// A candle.
    Kline(Kline),
    /// Mark price and funding.
    Mark(Mark),
    /// A forced order.
    Liquidation(Liquidation),
}

/// Ids and counts of a change of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthDiff {
    /// First update id.
    pub first_id: u64,
    /// Last update id.
    pub last_id: u64,
    /// Last update id of the change before it; 0 where the venue gives none (spot).
    pub previous_id: u64,
    /// How many of the levels are bids.
    pub bids: u32,
}

/// Id and counts of a whole book, or of its best levels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthImage {
    /// The update id that the levels show.
    pub last_id: u64,
    /// How many of the levels are bids.
    pub bids: u32,
}

/// Kinds of frames, for counting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Channel {
    /// Book changes.
    Depth = 0,
    /// Best levels.
    PartialDepth = 1,
    /// Snapshots.
    Snapshot = 2,
    /// Best bid and ask.
    Ticker = 3,
    /// Trades.
    Trade = 4,
    /// Aggregate trades.
    AggregateTrade = 5,
    /// Candles.
    Kline = 6,
    /// Mark prices.
    Mark = 7,
    /// Forced orders.
    Liquidation = 8,
}

/// Why a frame was not understood, and where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DecodeError {
    /// Why.
    pub fault: FrameFault,
    /// Where in the frame: the value, or the name of the field; the object's begin where it is missing.
    pub offset_bytes: u32,
}

const _: () = assert!(size_of::<Frequent>() <= 64);

/// Most levels of one frame: twice the largest snapshot of any venue.
pub const FRAME_LEVELS_MAX: usize = 20_000;

impl Channel {
    /// All channels, in the order of their numbers.
    pub const ALL: [Self; 9] = [
        Self::Depth,
        Self::PartialDepth,
        Self::Snapshot,
        Self::Ticker,
        Self::Trade,
        Self::AggregateTrade,
        Self::Kline,
        Self::Mark,
        Self::Liquidation,
    ];

    /// Returns the name used in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Depth => "depth",
            Self::PartialDepth => "partial_depth",
            Self::Snapshot => "snapshot",
            Self::Ticker => "ticker",
            Self::Trade => "trade",
            Self::AggregateTrade => "aggregate_trade",
            Self::Kline => "kline",
            Self::Mark => "mark",
            Self::Liquidation => "liquidation",
        }
    }
}

impl FrequentEvent {
    /// Returns the kind of the frame that it came in.
    #[inline]
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Depth(_) => Channel::Depth,
            Self::PartialDepth(_) => Channel::PartialDepth,
            Self::Snapshot(_) => Channel::Snapshot,
            Self::Ticker(_) => Channel::Ticker,
            Self::Trade(trade) if trade.is_aggregate => Channel::AggregateTrade,
            Self::Trade(_) => Channel::Trade,
        }
    }
}

impl Event {
    /// Returns the kind of the frame that it came in.
    pub const fn channel(&self) -> Channel {
        match self {
            Self::Frequent(event) => event.channel(),
            Self::Kline(_) => Channel::Kline,
            Self::Mark(_) => Channel::Mark,
            Self::Liquidation(_) => Channel::Liquidation,
        }
    }
}

impl From<Frequent> for Decoded {
    fn from(frequent: Frequent) -> Self {
        Self {
            target: Target::Known(frequent.instrument),
            venue_time: frequent.venue_time,
            event: Event::Frequent(frequent.event),
        }
    }
}

impl DecodeError {
    /// Returns the error at this byte of the frame.
    pub const fn new(fault: FrameFault, offset_bytes: u32) -> Self {
        Self {
            fault,
            offset_bytes,
        }
    }
}

/// Returns the fault of a frame that a number's fault makes.
pub const fn fault_of(fault: NumberFault) -> FrameFault {
    match fault {
        NumberFault::Syntax => FrameFault::NumberSyntax,
        NumberFault::Exponent => FrameFault::NumberExponent,
        NumberFault::Negative => FrameFault::NumberNegative,
        NumberFault::TooFine => FrameFault::NumberTooFine,
        NumberFault::TooLarge => FrameFault::NumberTooLarge,
    }
}

/// Returns a venue's time given in milliseconds or, from 10^14 on, in microseconds; `None` past the year 2262.
///
/// # Source
/// Binance spot, web-socket-streams.md, "timeUnit" (read 2026-11-21): one URL switch sets the unit of a
/// socket. 10^14 ms is the year 5138 and 10^14 us is 1973, so the magnitude tells.
#[inline]
pub const fn venue_time_of(value: u64) -> Option<VenueNs> {
    let unit = if value < 100_000_000_000_000 {
        1_000_000
    } else {
        1_000
    };
    match value.checked_mul(unit) {
        Some(ns) if ns <= i64::MAX as u64 => Some(VenueNs(ns as i64)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_unit_of_a_time_follows_from_its_magnitude() {
        let ns = 1_723_161_255_208_000_000;
        assert_eq!(venue_time_of(1_723_161_255_208), Some(VenueNs(ns)));
        assert_eq!(
            venue_time_of(1_723_161_255_208_123),
            Some(VenueNs(ns + 123_000))
        );
        assert_eq!(venue_time_of(0), Some(VenueNs::NONE));
        assert_eq!(venue_time_of(u64::MAX), None);
    }
}
