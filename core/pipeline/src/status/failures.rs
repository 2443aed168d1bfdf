//! Tells people when a strategy's calls fail and when it is stopped: once, not for every call.
//!
//! Sidecar thread, behind the journal, beside the board. What an input made of a strategy is told when all of it is
//! there: a call that failed because its version is then taken back is told as that, by whoever watches the files.

use claire_types::annotation::is_beside;
use claire_types::record::{
    NoteKind, NoteRecord, RecordHeader, ReloadOutcome, ReloadRecord, RiskRecord,
};
use claire_types::{Cells, GateCode, Instrument, Note, Record, TradingState};

/// What went wrong with strategies, as far as it is not told.
pub struct Failures {
    strategies: Vec<Trouble>,
    /// The input that the last message is, or is of.
    seq: u64,
    /// That input brought an instrument: strategies that waited for it start.
    is_start: bool,
}

/// What went wrong with a strategy.
struct Trouble {
    name: String,
    /// It was told that its calls fail.
    is_told: bool,
    /// A call failed, in the input with this sequence; whether the strategy started in it.
    failed: Option<(u64, Note, bool)>,
    /// Its trading state got stricter.
    stopped: Option<(u64, RiskRecord)>,
}

/// What is told, and how loudly.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line {
    Warn(String),
    Error(String),
}

impl Failures {
    /// Returns the teller of these strategies, in the order of their ids.
    pub fn new(names: impl Iterator<Item = String>) -> Self {
        let strategies = names.map(|name| Trouble {
            name,
            is_told: false,
            failed: None,
            stopped: None,
        });
        Self {
            strategies: strategies.collect(),
            seq: 0,
            is_start: false,
        }
    }

    /// Takes a message; what cannot be read is the journal's business.
    pub fn see(&mut self, message: &Cells<'_>) {
        let Ok(first) = message.at(0) else {
            return;
        };
        if is_beside(first.low) {
            return;
        }
        if !Record::is_record(first.low) {
            self.seq += 1;
            self.is_start = Instrument::begins(first.low);
            return;
        }
        // Where inputs are journaled by reference, records alone say how far it is.
        if self.seq != first.high {
            self.seq = first.high;
            self.is_start = false;
        }
        if is_looked_into(first.low)
            && let Ok((header, record)) = Record::decode(message)
        {
            self.take(&header, &record);
        }
    }

    /// Tells what is known of inputs that are over.
    pub fn committed(&mut self) {
        self.tell(self.seq);
    }

    /// Tells the rest: nothing follows.
    pub fn finish(&mut self) {
        self.tell(u64::MAX);
    }

    fn take(&mut self, header: &RecordHeader, record: &Record) {
        let (seq, is_start) = (header.seq, self.is_start);
        let Some(trouble) = self.strategies.get_mut(header.strategy.index()) else {
            return;
        };
        match record {
            Record::Note(NoteRecord {
                kind: NoteKind::Error | NoteKind::Cut,
                text,
            }) if !trouble.is_told || trouble.failed.is_some() => {
                trouble.failed = Some((seq, *text, is_start));
            }
            Record::Risk(risk) if risk.to == TradingState::Active => trouble.begin_anew(),
            Record::Risk(risk) if risk.to > risk.from || risk.code == GateCode::Strategy => {
                trouble.stopped = Some((seq, *risk));
            }
            Record::Reload(reload) if reload.outcome != ReloadOutcome::Refused => {
                trouble.begin_anew();
            }
            _ => {}
        }
    }

    fn tell(&mut self, before: u64) {
        for line in self.lines(before) {
            match line {
                Line::Warn(text) => tracing::warn!("{text}"),
                Line::Error(text) => tracing::error!("{text}"),
            }
        }
    }

    /// Returns what is to be told of inputs before this one.
    fn lines(&mut self, before: u64) -> Vec<Line> {
        let lines = self.strategies.iter_mut();
        lines.filter_map(|trouble| trouble.line(before)).collect()
    }
}

impl Trouble {
    /// Another version, or a person, answered: what comes now is news again.
    fn begin_anew(&mut self) {
        self.is_told = false;
        self.failed = None;
        self.stopped = None;
    }

    fn line(&mut self, before: u64) -> Option<Line> {
        let name = &self.name;
        if let Some((_, risk)) = self.stopped.take_if(|(seq, _)| *seq < before) {
            self.is_told = true;
            self.failed = None;
            return Some(Line::Error(match risk.code {
                GateCode::Strategy => format!(
                    "{name} STOPPED: {}; it is not called again until its file is saved anew",
                    risk.note
                ),
                code => format!("{name} {} by {code}: {}", risk.to, risk.note),
            }));
        }
        let (_, text, is_start) = self.failed.take_if(|(seq, ..)| *seq < before)?;
        self.is_told = true;
        Some(Line::Warn(match is_start {
            true => format!(
                "{name} failed at its start: {text}; a script whose `init` fails is not called until its file is saved anew"
            ),
            false => format!(
                "{name}: a call failed and was undone: {text}; others that fail are counted, and many in a row stop it"
            ),
        }))
    }
}

/// Returns whether the word begins a change of state, a note or a reload.
const fn is_looked_into(word: u64) -> bool {
    RiskRecord::begins(word) || NoteRecord::begins(word) || ReloadRecord::begins(word)
}

#[cfg(test)]
mod tests {
    use super::*;
    use claire_types::{
        Amount, CellBuffer, EngineSeq, Header, Input, InstrumentId, StrategyId, WallNs,
    };

    /// What happens in an input.
    enum Event {
        Fails(&'static str),
        Stops(&'static str),
        Pauses,
        Resumes,
        Reloads(ReloadOutcome),
    }

    fn record_of(event: &Event) -> Record {
        let risk = |code, from, to, note| {
            Record::Risk(RiskRecord {
                code,
                from,
                to,
                limit: Amount(0),
                measured: Amount(0),
                note: Note::cut(note),
            })
        };
        let (active, halted) = (TradingState::Active, TradingState::Halted);
        match event {
            Event::Fails(text) => Record::Note(NoteRecord {
                kind: NoteKind::Error,
                text: Note::cut(text),
            }),
            Event::Stops(text) => risk(GateCode::Strategy, active, halted, text),
            Event::Pauses => risk(GateCode::LossStreak, active, halted, "5 in a row"),
            Event::Resumes => risk(GateCode::Operator, halted, active, ""),
            Event::Reloads(outcome) => Record::Reload(ReloadRecord {
                outcome: *outcome,
                version: 1,
                sha256: [1; 32],
                from: 0,
                from_sha256: [0; 32],
                carried: 0,
                fresh: 0,
                dropped: 0,
                order_number: 0,
                reason: Note::EMPTY,
            }),
        }
    }

    /// Returns what is told of these inputs, each committed in halves.
    fn told(inputs: &[&[Event]]) -> Vec<Line> {
        let mut failures = Failures::new(["a", "b"].map(str::to_owned).into_iter());
        let mut told = Vec::new();
        for (events, seq) in inputs.iter().zip(1..) {
            let mut message = CellBuffer::default();
            Input::Timer.encode(&Header::of_time(seq, WallNs(0)), &mut message);
            failures.see(&message.view());
            for (event, index) in events.iter().zip(0..) {
                told.extend(failures.lines(failures.seq));
                let header = RecordHeader {
                    seq: EngineSeq(seq).0,
                    index,
                    time: WallNs(0),
                    strategy: StrategyId(1),
                    instrument: InstrumentId::NONE,
                };
                message.clear();
                record_of(event).encode(&header, &mut message);
                failures.see(&message.view());
            }
        }
        told.extend(failures.lines(u64::MAX));
        told
    }

    #[test]
    fn a_failure_is_told_once_and_again_where_somebody_answered() {
        use Event::{Fails, Pauses, Reloads, Resumes, Stops};
        let failed = |text: &str| {
            Line::Warn(format!(
                "b: a call failed and was undone: {text}; others that fail are counted, and many in a row stop it"
            ))
        };
        let stopped = |text: &str| {
            Line::Error(format!(
                "b STOPPED: {text}; it is not called again until its file is saved anew"
            ))
        };
        type Case = (&'static [&'static [Event]], Vec<Line>);
        let cases: [Case; 6] = [
            (
                &[&[Fails("x"), Fails("y")], &[Fails("z")], &[], &[Fails("z")]],
                vec![failed("y")],
            ),
            (
                &[&[Fails("x")], &[], &[Fails("y"), Stops("y")]],
                vec![failed("x"), stopped("y")],
            ),
            (&[&[Fails("x"), Stops("x")], &[]], vec![stopped("x")]),
            (
                &[
                    &[Fails("x"), Reloads(ReloadOutcome::RolledBack)],
                    &[Fails("y")],
                    &[Reloads(ReloadOutcome::Refused), Fails("z")],
                    &[Reloads(ReloadOutcome::Live)],
                    &[Fails("v")],
                ],
                vec![failed("y"), failed("v")],
            ),
            (
                &[&[Fails("x")], &[Stops("x")], &[Resumes], &[Fails("x")]],
                vec![failed("x"), stopped("x"), failed("x")],
            ),
            (
                &[&[Pauses], &[]],
                vec![Line::Error(
                    "b HALTED by LOSS_STREAK: 5 in a row".to_owned(),
                )],
            ),
        ];
        for (inputs, want) in cases {
            assert_eq!(told(inputs), want);
        }
    }
}
