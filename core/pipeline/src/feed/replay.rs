//! A feed stage that reads recorded files: as fast as the pipeline takes them, or at a multiple of their own time.
//!
//! Feed thread. Files wait for the pipeline, so nothing is ever dropped.

use super::steps::ClockSteps;
use super::{Feed, FeedLine};
use crate::source::{Entry, Line, Recording};
use crate::stage::{Stage, StageName, Turn};
use claire_types::time::NS_PER_S;
use claire_types::{DurationNs, MonoNs, Venue, WallNs};
use claire_venue::detect_url;
use std::fmt;

/// Frames taken in one turn before others get theirs; at full speed they are one commit.
const FRAMES_PER_TURN: u32 = 32;
/// Cells after which a commit is not made longer: far less than the ring holds, so that both its ends are busy.
const COMMIT_CELLS: usize = 1_024;
/// Pause between two passes of a session that is repeated.
const PASS_GAP: DurationNs = DurationNs(NS_PER_S);

/// How fast a recording is replayed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// As fast as the pipeline takes it.
    Max,
    /// This many times its own time.
    Times(u32),
}

/// What a replay counted outside the engine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReplayCounts {
    /// Lines that were no frame, and files that ended early.
    pub faults: u64,
    /// The first of them, in words.
    pub fault_texts: Vec<String>,
    /// Where the very first of them, or the first bad frame, is.
    pub fault_first: Option<FaultPlace>,
    /// Steps of the clocks that stamped the frames.
    pub clock: ClockSteps,
    /// Receive time of the first frame, as recorded.
    pub first_recv: Option<WallNs>,
    /// Receive time of the last frame, as the engine saw it: later passes are later.
    pub last_recv: Option<WallNs>,
    /// Frames by file, in the order of the files.
    pub frames: Vec<u64>,
    /// When the first frame was taken.
    pub started: Option<MonoNs>,
    /// File and line of the snapshot that the feed holds, or held last.
    held: (u16, u64),
}

/// Where something could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FaultPlace {
    /// The file as it was named.
    pub file: String,
    /// The line in it, from 1; `None` for a file that ends early.
    pub line: Option<u64>,
}

/// Words kept of lines that were no frame.
const FAULT_TEXTS_MAX: usize = 20;

/// The feed stage of a replay.
pub struct ReplayFeed {
    line: FeedLine,
    recording: Recording,
    /// The files as they were named.
    names: Vec<String>,
    /// The venue of each file.
    venues: Vec<Venue>,
    speed: Speed,
    passes_left: u32,
    counts: ReplayCounts,
    held: Held,
    /// Told to stop before the end.
    is_stopped: bool,
}

/// A frame that waits for its time.
#[derive(Default)]
struct Held {
    is_full: bool,
    frame: Vec<u8>,
    symbol: String,
    recv: WallNs,
    file: u16,
    number: u64,
}

impl ReplayFeed {
    /// Returns a stage that replays the recording `passes` times; `venues` are those of its files.
    pub fn new(
        line: FeedLine,
        recording: Recording,
        venues: Vec<Venue>,
        speed: Speed,
        passes: u32,
    ) -> Self {
        let files = recording.files().iter();
        let names: Vec<_> = files
            .map(|file| file.path().display().to_string())
            .collect();
        let frames = vec![0; names.len()];
        let line = match speed {
            Speed::Max => line.measure_service(),
            Speed::Times(_) => line,
        };
        Self {
            line,
            recording,
            names,
            venues,
            speed,
            passes_left: passes.saturating_sub(1),
            counts: ReplayCounts {
                clock: ClockSteps::new(frames.len()),
                frames,
                ..ReplayCounts::default()
            },
            held: Held::default(),
            is_stopped: false,
        }
    }

    /// Returns what was counted.
    pub const fn counts(&self) -> &ReplayCounts {
        &self.counts
    }

    /// Returns the recording.
    pub const fn recording(&self) -> &Recording {
        &self.recording
    }

    /// Takes the next entry; returns whether there was one.
    #[inline]
    fn step(&mut self) -> bool {
        let Self {
            line,
            recording,
            names,
            venues,
            counts,
            held,
            speed,
            ..
        } = self;
        match recording.next() {
            Some(Entry::Line(entry)) => {
                if counts.started.is_none() {
                    counts.started = Some(line.clock.mono());
                    counts.first_recv = Some(entry.recv);
                }
                counts.clock.see(&entry, names);
                let symbol = entry.url.and_then(symbol_of_url);
                if *speed != Speed::Max {
                    held.fill(&entry, symbol);
                    return true;
                }
                select_venue(line, venues, entry.file);
                counts.take(line, names, &entry, symbol);
                true
            }
            Some(Entry::Fault(fault)) => {
                let place = FaultPlace::of_line(names, fault.file, fault.line);
                counts.fault(place, |place| format!("{}:{fault}", place.file));
                true
            }
            Some(Entry::Damage(damage)) => {
                if !damage.is_cut {
                    line.lose_books();
                }
                let file = damage.file.display().to_string();
                counts.fault(FaultPlace { file, line: None }, |_| damage.to_string());
                true
            }
            None => self.next_pass(),
        }
    }

    /// Starts the session over where it is to be repeated.
    #[cold]
    fn next_pass(&mut self) -> bool {
        self.counts.clock.end_pass(&self.names);
        if self.passes_left == 0 {
            return false;
        }
        self.passes_left -= 1;
        let (Some(first), Some(DurationNs(span))) =
            (self.recording.first_recv(), pass_span(&self.recording))
        else {
            return false;
        };
        self.line.shift = DurationNs(self.line.shift.0.saturating_add(span));
        let Self {
            line,
            counts,
            names,
            ..
        } = self;
        counts.watch(line, names, None, |line| line.reset_session(first));
        self.recording.rewind();
        true
    }

    /// Ends the input; what still waited for something in it is told.
    #[cold]
    fn end(&mut self) {
        let Self {
            line,
            counts,
            names,
            ..
        } = self;
        counts.watch(line, names, None, FeedLine::end);
    }

    /// Takes a turn's frames as one commit.
    fn turn_at_once(&mut self) -> Turn {
        if !self.line.flush() {
            return Turn::Blocked;
        }
        if self.line.is_done() {
            return Turn::Done;
        }
        for _ in 0..FRAMES_PER_TURN {
            if !self.step() {
                self.end();
                break;
            }
            if self.line.unflushed() >= COMMIT_CELLS {
                break;
            }
        }
        self.line.flush();
        Turn::Worked
    }

    /// Takes the frames that are due, each a commit of its own.
    fn turn_in_time(&mut self) -> Turn {
        for taken in 0..FRAMES_PER_TURN {
            if !self.line.flush() {
                return if taken == 0 {
                    Turn::Blocked
                } else {
                    Turn::Worked
                };
            }
            if self.line.is_done() {
                return Turn::Done;
            }
            if self.held.is_full {
                if !self.release() {
                    return if taken == 0 { Turn::Idle } else { Turn::Worked };
                }
            } else if !self.step() {
                self.end();
            }
        }
        Turn::Worked
    }

    /// Takes the held frame when its time has come; returns whether it was taken.
    fn release(&mut self) -> bool {
        let Speed::Times(times) = self.speed else {
            return false;
        };
        let (Some(started), Some(first)) = (self.counts.started, self.counts.first_recv) else {
            return false;
        };
        let span = self.held.recv.after(self.line.shift).since(first).0;
        let passed = self
            .line
            .clock
            .mono()
            .since(started)
            .saturating_mul(u64::from(times.max(1)));
        if u64::try_from(span).unwrap_or(0) > passed {
            return false;
        }
        let Self {
            line,
            names,
            venues,
            counts,
            held,
            ..
        } = self;
        select_venue(line, venues, held.file);
        let symbol = (!held.symbol.is_empty()).then_some(held.symbol.as_str());
        let entry = Line {
            number: held.number,
            file: held.file,
            offset_bytes: 0,
            recv: held.recv,
            frame: &held.frame,
            url: None,
        };
        counts.take(line, names, &entry, symbol);
        held.is_full = false;
        true
    }
}

impl Feed for ReplayFeed {
    fn line(&self) -> &FeedLine {
        &self.line
    }

    fn is_interrupted(&self) -> bool {
        self.is_stopped
    }
}

impl Stage for ReplayFeed {
    fn name(&self) -> StageName {
        const { StageName::new("feed") }
    }

    fn turn(&mut self) -> Turn {
        self.line.open_turn();
        match self.speed {
            Speed::Max => self.turn_at_once(),
            Speed::Times(_) => self.turn_in_time(),
        }
    }

    /// Leaves without an end: the files have more, and a repeated run reads all of it.
    fn stop(&mut self) -> Turn {
        self.is_stopped = !self.line.has_ended();
        match self.line.flush() {
            true => Turn::Done,
            false => Turn::Blocked,
        }
    }

    fn close(&mut self) {
        self.counts.last_recv = self.counts.first_recv.map(|_| self.line.last_recv);
        self.line.close();
    }
}

impl Held {
    fn fill(&mut self, line: &Line<'_>, symbol: Option<&str>) {
        self.is_full = true;
        self.frame.clear();
        self.frame.extend_from_slice(line.frame);
        self.symbol.clear();
        self.symbol.push_str(symbol.unwrap_or_default());
        self.recv = line.recv;
        self.file = line.file;
        self.number = line.number;
    }
}

impl ReplayCounts {
    /// Counts a frame that goes down the line.
    #[inline]
    fn frame(&mut self, file: u16) {
        if let Some(count) = self.frames.get_mut(usize::from(file)) {
            *count += 1;
        }
    }

    /// Takes a line's frame down the feed's line.
    #[inline]
    fn take(
        &mut self,
        line: &mut FeedLine,
        names: &[String],
        entry: &Line<'_>,
        symbol: Option<&str>,
    ) {
        self.frame(entry.file);
        let place = (entry.file, entry.number);
        self.watch(line, names, Some(place), |line| {
            line.take(entry.frame, entry.recv, symbol);
        });
    }

    /// Has the feed do something with the frame of this place, and keeps the words of what is wrong: with it, or with
    /// a snapshot that was held.
    #[inline]
    fn watch(
        &mut self,
        line: &mut FeedLine,
        names: &[String],
        place: Option<(u16, u64)>,
        work: impl FnOnce(&mut FeedLine),
    ) {
        let errors = line.feed.counters().errors;
        work(line);
        if line.feed.counters().errors > errors {
            let is_of_last = line.feed.faulty_frame() == line.feed.counters().frames;
            let (file, number) = place.filter(|_| is_of_last).unwrap_or(self.held);
            let place = FaultPlace::of_line(names, file, number);
            self.note(place, |place| format!("{place}: {}", line.error_text()));
        }
        if let Some(place) = place
            && line.feed.holds_last_frame()
        {
            self.held = place;
        }
    }

    #[cold]
    fn fault(&mut self, place: FaultPlace, text: impl Fn(&FaultPlace) -> String) {
        self.faults += 1;
        self.note(place, text);
    }

    /// Keeps the words of something that the feed counted.
    #[cold]
    fn note(&mut self, place: FaultPlace, text: impl Fn(&FaultPlace) -> String) {
        if self.fault_texts.len() < FAULT_TEXTS_MAX {
            self.fault_texts.push(text(&place));
        }
        self.fault_first.get_or_insert(place);
    }
}

impl FaultPlace {
    /// Returns the place of a line in one of the files, as they were named.
    #[cold]
    pub(super) fn of_line(names: &[String], file: u16, line: u64) -> Self {
        let name = names.get(usize::from(file));
        Self {
            file: name.cloned().unwrap_or_default(),
            line: Some(line),
        }
    }
}

/// Shows `file:line`.
impl fmt::Display for FaultPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        self.line.map_or(Ok(()), |line| write!(f, ":{line}"))
    }
}

/// Returns how much later each pass is than the one before it; `None` for a recording without times.
pub(crate) fn pass_span(recording: &Recording) -> Option<DurationNs> {
    let (first, latest) = recording.first_recv().zip(recording.latest_recv())?;
    Some(DurationNs(latest.since(first).0.saturating_add(PASS_GAP.0)))
}

#[inline]
fn select_venue(line: &mut FeedLine, venues: &[Venue], file: u16) {
    if let Some(venue) = venues.get(usize::from(file)) {
        line.feed.select(*venue);
    }
}

/// Returns the symbol that a REST request named; stream addresses name none.
pub(crate) fn symbol_of_url(url: &str) -> Option<&str> {
    if !url.starts_with("http") {
        return None;
    }
    let (_, query) = url.split_once('?')?;
    query
        .split('&')
        .find_map(|pair| pair.strip_prefix("symbol="))
}

/// Returns the venue of an entry, from its URL or its frame.
pub fn venue_of(url: Option<&str>, frame: &[u8]) -> Option<Venue> {
    url.and_then(detect_url)
        .or_else(|| claire_venue::detect(frame))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::{Clock, ManualClock};
    use crate::latency::latency;
    use crate::ring::{RING_CELLS, Since, Stamp, ring};
    use std::io::Write;

    #[test]
    fn only_requests_name_a_symbol() {
        let depth = "https://api.binance.com/api/v3/depth?symbol=NKNUSDT&limit=1000";
        assert_eq!(symbol_of_url(depth), Some("NKNUSDT"));
        assert_eq!(
            symbol_of_url("https://api.binance.com/api/v3/exchangeInfo"),
            None
        );
        assert_eq!(
            symbol_of_url("wss://stream.binance.com/stream?symbol=X"),
            None
        );
    }

    /// Replays two frames and returns their stamps, the clock standing still at `now_ns`.
    fn stamps(speed: Speed, now_ns: u64) -> Vec<Since> {
        let hands = ManualClock::default();
        hands.advance_ns(now_ns);
        let clock = Clock::manual(&hands, WallNs(0));
        let (out, mut events) = ring(RING_CELLS);
        let (recorder, _collector) = latency(MonoNs(0), u64::MAX);
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        let frame = r#"{"stream":"btcusdt@trade","data":{}}"#;
        for stamp in [1_723_161_253_937_085_768_u64, 1_723_161_253_937_085_769] {
            writeln!(file, "{stamp} {frame}").expect("just made");
        }
        let recording = Recording::open(&[file.path()]).expect("two lines");
        let venue = Venue::BinanceSpot;
        let line = FeedLine::new(venue, &[], out, clock, recorder);
        let mut feed = ReplayFeed::new(line, recording, vec![venue], speed, 1);
        while feed.turn() != Turn::Done {
            hands.advance_ns(1);
        }
        let available = events.peek().expect("what two frames made");
        let (mut rest, mut stamps) = (available.cells(), Vec::new());
        while let Ok((message, after)) = rest.split_message() {
            stamps.extend(Stamp::decode(&message).map(|stamp| stamp.since));
            rest = after;
        }
        stamps
    }

    #[test]
    fn a_frame_of_a_batch_is_stamped_with_its_service_and_a_timed_one_with_its_arrival() {
        assert_eq!(stamps(Speed::Max, 5_000), [Since::Served(0); 2]);
        let timed = stamps(Speed::Times(1), 5_000);
        let [Since::Available(first), Since::Available(second)] = timed.as_slice() else {
            panic!("two frames in time: {timed:?}");
        };
        assert!(MonoNs(5_000) <= *first && first <= second, "{timed:?}");
    }
}
