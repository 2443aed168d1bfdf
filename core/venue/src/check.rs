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

/// Both decoders with one instrument, `BTCUSDT`, of each venue.
#[derive(Debug)]
pub struct Checker {
    catalog: Catalog,
    layouts: Layouts,
    levels: Vec<Cell>,
    general: GeneralDecoder,
    content: FrameContent,
}

impl Default for Checker {
    fn default() -> Self {
        let mut catalog = Catalog::new(&[]);
        for venue in venues() {
            let symbol = Symbol::cut("BTCUSDT");
            let _ = catalog.register(InstrumentKey { venue, symbol });
        }
        Self {
            catalog,
            layouts: Layouts::default(),
            levels: Vec::new(),
            general: GeneralDecoder::default(),
            content: FrameContent::default(),
        }
    }
}

impl Checker {
    /// Reads the frame with both decoders; returns whether the typed one took it.
    ///
    /// # Panics
    /// Where the typed decoder took it and the general one refused it or read something else.
    pub fn check(&mut self, venue: Venue, frame: &[u8]) -> bool {
        let context = Context {
            venue,
            catalog: &self.catalog,
            bare: self.catalog.place(venue, b"BTCUSDT").ok(),
        };
        self.levels.clear();
        let typed = typed::decode(&context, frame, &mut self.layouts, &mut self.levels)
            .map(Decoded::from)
            .or_else(|| {
                self.levels.clear();
                typed::decode_rare(&context, frame, &mut self.layouts)
            });
        let general = self.general.decode(&context, frame, &mut self.content);
        let Some(typed) = typed else {
            return false;
        };
        let text = String::from_utf8_lossy(frame);
        assert_eq!(general, Ok(()), "typed took what general refused: {text}");
        assert_eq!(self.content.events, [typed], "{text}");
        assert_eq!(self.content.levels, self.levels, "{text}");
        true
    }
}

/// Returns the venues that these decoders are for.
pub const fn venues() -> [Venue; 3] {
    [Venue::BinanceSpot, Venue::BinanceUsdm, Venue::BinanceCoinm]
}

/// The fuzz target: the first byte chooses the venue, the rest is a frame; it is also split at line ends into a session.
///
/// # Panics
/// Where the decoders disagree, or the feed writes what is no run of inputs.
pub fn fuzz_frame(bytes: &[u8]) {
    let Some((choice, frame)) = bytes.split_first() else {
        return;
    };
    let [spot, usdm, coinm] = venues();
    let venue = match choice % 3 {
        0 => spot,
        1 => usdm,
        _ => coinm,
    };
    Checker::default().check(venue, frame);
    let mut feed = MarketFeed::new(venue, &[]);
    let mut out = CellBuffer::default();
    for line in frame.split(|byte| *byte == b'\n') {
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
