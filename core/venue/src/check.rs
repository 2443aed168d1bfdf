//! The checks that fuzzing and tests share: whatever a frame is, both decoders say the same of it.
//!
//! Called by the fuzz target and by tests only; panics where the decoders disagree.
#![allow(clippy::panic, reason = "a disagreement is what the checks look for")]

use crate::MarketFeed;
use crate::binance::Context;
use crate::binance::general::{FrameContent, GeneralDecoder};
use crate::binance::typed::{self, Layouts};
use crate::catalog::Catalog;
use crate::event::Decoded;
use claire_types::{Cell, CellBuffer, Input, InstrumentKey, Symbol, Venue, WallNs};

/// Both decoders with two instruments of each venue, `BTCUSDT` and `BTCUSD_PERP`.
#[derive(Debug)]
pub struct Checker {
    catalog: Catalog,
    layouts: Layouts,
    /// The same without patterns, as where the processor has no AVX2.
    by_field: Layouts,
    levels: Vec<Cell>,
    levels_by_field: Vec<Cell>,
    general: GeneralDecoder,
    content: FrameContent,
}

impl Default for Checker {
    fn default() -> Self {
        let mut catalog = Catalog::new(&[]);
        for venue in venues() {
            for symbol in ["BTCUSDT", "BTCUSD_PERP"].map(Symbol::cut) {
                let _ = catalog.register(InstrumentKey { venue, symbol });
            }
        }
        Self {
            catalog,
            layouts: Layouts::default(),
            by_field: Layouts::by_field(),
            levels: Vec::new(),
            levels_by_field: Vec::new(),
            general: GeneralDecoder::default(),
            content: FrameContent::default(),
        }
    }
}

impl Checker {
    /// Reads the frame with both decoders, the typed one with and without patterns; returns whether it took it.
    ///
    /// What the typed decoder took is what the stream's next frame is compared with.
    ///
    /// # Panics
    /// Where the typed decoder took it and the general one refused it or read something else, or where
    /// patterns make a difference.
    pub fn check(&mut self, venue: Venue, frame: &[u8]) -> bool {
        let context = Context {
            venue,
            catalog: &self.catalog,
            bare: self.catalog.place(venue, b"BTCUSDT").ok(),
        };
        let text = String::from_utf8_lossy(frame);
        let typed = read(&context, frame, &mut self.layouts, &mut self.levels);
        let by_field = read(
            &context,
            frame,
            &mut self.by_field,
            &mut self.levels_by_field,
        );
        assert_eq!(typed, by_field, "with and without patterns: {text}");
        let general = self.general.decode(&context, frame, &mut self.content);
        let Some(typed) = typed else {
            return false;
        };
        assert_eq!(self.levels, self.levels_by_field, "{text}");
        assert_eq!(general, Ok(()), "typed took what general refused: {text}");
        assert_eq!(self.content.events, [typed], "{text}");
        assert_eq!(self.content.levels, self.levels, "{text}");
        true
    }
}

/// Reads the frame with the typed decoder.
fn read(
    context: &Context<'_>,
    frame: &[u8],
    layouts: &mut Layouts,
    levels: &mut Vec<Cell>,
) -> Option<Decoded> {
    levels.clear();
    let frequent = typed::decode(context, frame, layouts, levels).map(Decoded::from);
    frequent.or_else(|| {
        levels.clear();
        typed::decode_rare(context, frame, layouts)
    })
}

/// Returns the venues that these decoders are for.
pub const fn venues() -> [Venue; 3] {
    [Venue::BinanceSpot, Venue::BinanceUsdm, Venue::BinanceCoinm]
}

/// The fuzz target: the first byte chooses the venue, each line of the rest is a frame; together they are also a session.
///
/// What a stream's frame looks like is learned from the line before.
///
/// # Panics
/// Where the decoders disagree, or the feed writes what is no run of inputs.
pub fn fuzz_frame(bytes: &[u8]) {
    let Some((choice, frames)) = bytes.split_first() else {
        return;
    };
    let [spot, usdm, coinm] = venues();
    let venue = match choice % 3 {
        0 => spot,
        1 => usdm,
        _ => coinm,
    };
    let mut checker = Checker::default();
    let mut feed = MarketFeed::new(venue, &[]);
    let mut out = CellBuffer::default();
    for line in frames.split(|byte| *byte == b'\n') {
        checker.check(venue, line);
        feed.on_frame(line, WallNs(1), &mut out);
    }
    let mut rest = out.view();
    let mut seq = 0;
    while !rest.is_empty() {
        let Ok((message, after)) = rest.split_message() else {
            panic!("a message that is cut short");
        };
        let (header, _) =
            Input::decode(&message).unwrap_or_else(|fault| panic!("no input: {fault}"));
        seq += 1;
        assert_eq!(header.seq, seq, "numbers are consecutive");
        rest = after;
    }
}
