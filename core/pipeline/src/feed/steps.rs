//! Steps of the clocks that stamped recorded frames: back by anything, or ahead by more than an hour.
//!
//! Called by the replay's feed stage for each frame, on the feed thread. Engine time never goes back (it is the
//! latest receive time so far), so a clock that does stops it: that is counted, and said with its place.

use super::replay::FaultPlace;
use crate::source::Line;
use claire_types::time::NS_PER_S;
use claire_types::{DurationNs, WallNs};

/// A clock may run ahead so far between two frames of a file: a venue may be silent, or closed, that long.
pub const CLOCK_AHEAD_MAX: DurationNs = DurationNs(3_600 * NS_PER_S);
/// Steps that are kept in words.
const TEXTS_MAX: usize = 5;

/// Steps of the recorded clocks.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ClockSteps {
    /// Number of steps, in all passes.
    pub count: u64,
    /// The first of them in words, and where engine time stood still to the end.
    pub texts: Vec<String>,
    /// The last time of each file; 0 before its first.
    last: Vec<WallNs>,
    /// The latest time of all: engine time.
    latest: WallNs,
    /// Since which line (file and number) engine time stands still.
    stands: Option<(u16, u64)>,
}

impl ClockSteps {
    /// Returns counts of nothing for so many files.
    pub fn new(files: usize) -> Self {
        Self {
            last: vec![WallNs(0); files],
            ..Self::default()
        }
    }

    /// Looks at a frame's time.
    #[inline]
    pub fn see(&mut self, line: &Line<'_>, names: &[String]) {
        let Some(last) = self.last.get_mut(usize::from(line.file)) else {
            return;
        };
        let before = std::mem::replace(last, line.recv);
        let ahead = line.recv.since(before);
        if !(DurationNs(0)..=CLOCK_AHEAD_MAX).contains(&ahead) && before != WallNs(0) {
            self.step(line, before, names);
        }
        if line.recv >= self.latest {
            self.latest = line.recv;
            self.stands = None;
        }
    }

    /// Ends a pass: says where engine time stood still to its end.
    #[cold]
    pub fn end_pass(&mut self, names: &[String]) {
        if let Some((file, number)) = self.stands.take()
            && self.texts.len() <= TEXTS_MAX
        {
            let (place, latest) = (FaultPlace::of_line(names, file, number), self.latest);
            self.texts.push(format!(
                "{place}: from here to the end engine time stands still at {latest}: no timer fires and no delay passes"
            ));
        }
        self.last.fill(WallNs(0));
        self.latest = WallNs(0);
    }

    #[cold]
    fn step(&mut self, line: &Line<'_>, before: WallNs, names: &[String]) {
        self.count += 1;
        let recv = line.recv;
        let is_back = recv < before;
        if is_back && recv < self.latest {
            self.stands.get_or_insert((line.file, line.number));
        }
        if self.texts.len() >= TEXTS_MAX {
            return;
        }
        let place = FaultPlace::of_line(names, line.file, line.number);
        let span_s = seconds(recv.since(before));
        self.texts.push(match is_back {
            true => format!(
                "{place}: the clock goes back by {span_s} s, from {before} to {recv}; engine time stands still at {} until it is passed",
                self.latest
            ),
            false => format!("{place}: the clock jumps ahead by {span_s} s, from {before} to {recv}"),
        });
    }
}

/// Returns the span without its sign, exact.
fn seconds(span: DurationNs) -> String {
    let ns = span.0.unsigned_abs();
    let ns_per_s = NS_PER_S.unsigned_abs();
    format!("{}.{:09}", ns / ns_per_s, ns % ns_per_s)
}
