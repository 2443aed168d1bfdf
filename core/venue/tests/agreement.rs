//! The typed and the general decoder read the same from every recorded frame.

mod common;

use claire_types::{InstrumentKey, Symbol};
use claire_venue::Catalog;
use claire_venue::binance::general::{FrameContent, GeneralDecoder};
use claire_venue::binance::{Context, typed};
use claire_venue::event::{Channel, Decoded, Event, FrequentEvent, Place, Target};
use common::Recording;

/// Frames of one channel, and how many of them the typed decoder read.
#[derive(Clone, Copy, Debug, Default)]
struct Share {
    frames: u64,
    typed: u64,
}

#[derive(Default)]
struct Agreement {
    general: GeneralDecoder,
    content: FrameContent,
    layouts: typed::Layouts,
    levels: Vec<claire_types::Cell>,
    shares: [Share; Channel::ALL.len()],
    unknown: u64,
}

impl Agreement {
    fn check(&mut self, recording: &Recording) {
        let mut catalog = Catalog::new(&[]);
        let mut depth = None;
        self.layouts = typed::Layouts::default();
        for frame in &recording.frames {
            let symbol = frame
                .symbol
                .as_deref()
                .or(depth.as_ref().map(Symbol::as_str));
            let bare = symbol.map(|symbol| {
                catalog
                    .place(recording.venue, symbol.as_bytes())
                    .expect("a symbol")
            });
            self.check_frame(recording, &mut catalog, bare, &frame.bytes);
            for instrument in &self.content.instruments {
                catalog.describe(*instrument);
            }
            if let Some(event) = self.content.events.first()
                && let (Event::Frequent(FrequentEvent::Depth(_)), Target::Known(id)) =
                    (event.event, event.target)
            {
                depth = catalog.instrument(id).map(|facts| facts.key.symbol);
            }
        }
    }

    /// Reads the frame twice if its instruments are new: typed decoding begins when they are known.
    fn check_frame(
        &mut self,
        recording: &Recording,
        catalog: &mut Catalog,
        bare: Option<Place>,
        frame: &[u8],
    ) {
        let venue = recording.venue;
        let text = || format!("{}: {}", recording.name, String::from_utf8_lossy(frame));
        let context = Context {
            venue,
            catalog,
            bare,
        };
        let mut result = self.general.decode(&context, frame, &mut self.content);
        let mut is_new = false;
        for event in &self.content.events {
            if let Target::New(symbol) = event.target {
                catalog
                    .register(InstrumentKey { venue, symbol })
                    .expect("room");
                is_new = true;
            }
        }
        let bare = match bare.map(|place| place.target) {
            Some(Target::New(symbol)) => catalog.place(venue, symbol.as_bytes()).ok(),
            _ => bare,
        };
        let context = Context {
            venue,
            catalog,
            bare,
        };
        if is_new {
            result = self.general.decode(&context, frame, &mut self.content);
        }
        self.levels.clear();
        let typed = typed::decode(&context, frame, &mut self.layouts, &mut self.levels)
            .map(Decoded::from)
            .or_else(|| typed::decode_rare(&context, frame, &mut self.layouts));
        if let Some(typed) = typed {
            assert_eq!(result, Ok(()), "{}", text());
            assert_eq!(self.content.events, [typed], "{}", text());
            assert_eq!(self.content.levels, self.levels, "{}", text());
        }
        match self.content.events.first().filter(|_| result.is_ok()) {
            Some(event) => {
                let share = &mut self.shares[event.event.channel() as usize];
                share.frames += 1;
                share.typed += u64::from(typed.is_some());
            }
            None => self.unknown += 1,
        }
    }
}

#[test]
fn typed_and_general_decoding_agree_on_every_recorded_frame() {
    let Some(recordings) = common::all() else {
        return;
    };
    let mut agreement = Agreement::default();
    for recording in &recordings {
        agreement.check(recording);
    }
    let share = |channel: Channel| agreement.shares[channel as usize];
    for channel in Channel::ALL {
        println!("{:<16} {:?}", channel.as_str(), share(channel));
    }
    println!("no market event  {}", agreement.unknown);
    for channel in [
        Channel::Depth,
        Channel::Ticker,
        Channel::Trade,
        Channel::AggregateTrade,
    ] {
        let share = share(channel);
        assert_eq!(share.frames, share.typed, "{}: all typed", channel.as_str());
    }
    assert_eq!(
        share(Channel::Depth).frames,
        6_551 + 3_451 + 3_044 + 26_847 + 17_948 + 177 + 764 + 3
    );
    assert_eq!(
        share(Channel::Trade).frames,
        21_313 + 9_757 + 10_147 + 2_286 + 2_949
    );
    let tickers = 66_089 + 28_040 + 45_134 + 19_136 + 29_219 + 84 + 613 + 3;
    assert_eq!(share(Channel::Ticker).frames, tickers);
    assert_eq!(share(Channel::Liquidation).frames, 28);
    // Two exchange infos; six tickers of 24 hours and two open interests.
    assert_eq!(agreement.unknown, 2 + 8);
}
