//! The recorder: takes all that a run puts out, in engine order, and keeps digest, tallies and journal.
//!
//! Called by the sidecar stage on its thread, and by file runs on theirs. The store reads behind the
//! journal, on another thread: nothing here ever waits for a database.

use crate::digest::Digest;
use crate::journal::{JournalError, JournalWriter};
use claire_types::annotation::is_beside;
use claire_types::cell::Tag;
use claire_types::record::{Decision, NoteKind, Record, RecordHeader, Verdict};
use claire_types::snapshot::begins_snapshot;
use claire_types::{Cells, Liquidity, Note, OrderReason, OrderStatus};
use serde::Serialize;
use std::collections::BTreeMap;

/// Records one run.
pub struct Recorder {
    journal: Option<JournalWriter>,
    digest: Digest,
    summary: Summary,
    counts: [u64; 256],
}

/// What a run came to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// The digest of all records, 64 lower-case hexadecimal digits.
    pub digest: String,
    /// Number of inputs among the messages; 0 where they are journaled by reference.
    pub inputs: u64,
    /// Number of records.
    pub records: u64,
    /// Number of snapshots of the engine; they are neither inputs nor records.
    pub snapshots: u64,
    /// Number of messages by kind, kinds that did not occur left out.
    pub counts: BTreeMap<&'static str, u64>,
    /// Number of decisions that let an order through as asked.
    pub approved: u64,
    /// Number of decisions that let less through.
    pub trimmed: u64,
    /// Number of decisions that let nothing through, by code.
    pub denied: BTreeMap<&'static str, u64>,
    /// The first of them, by code.
    #[serde(skip)]
    pub denied_first: BTreeMap<&'static str, (RecordHeader, Decision)>,
    /// The first [`ALERTS_KEPT`] alerts.
    #[serde(skip)]
    pub alerts: Vec<(RecordHeader, Note)>,
    /// Number of all of them.
    pub alerts_count: u64,
    /// Number of orders that reached a final state, by state.
    pub orders_ended: BTreeMap<&'static str, u64>,
    /// Number of orders that the (paper) venue rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Number of order events that name a reason, by reason.
    pub order_reasons: BTreeMap<&'static str, u64>,
    /// Number of fills that made liquidity.
    pub fills_maker: u64,
    /// Number of fills that took liquidity.
    pub fills_taker: u64,
    /// Number of fills by the rule that filled.
    pub fill_rules: BTreeMap<&'static str, u64>,
    /// Number of changes of trading state, by what tripped.
    pub risk_events: BTreeMap<&'static str, u64>,
}

impl Recorder {
    /// Returns a recorder that writes into the journal, if there is one.
    pub fn new(journal: Option<JournalWriter>) -> Self {
        Self {
            journal,
            digest: Digest::START,
            summary: Summary::default(),
            counts: [0; 256],
        }
    }

    /// Takes the next message of the run.
    ///
    /// # Errors
    /// As [`JournalWriter::append`]; [`JournalError::Message`] also without a journal.
    pub fn accept(&mut self, message: Cells<'_>) -> Result<(), JournalError> {
        let fault = |fault| JournalError::Message { fault };
        let tag = Tag::of(message.at(0).map_err(fault)?.low);
        if Record::is_record(tag.word()) {
            self.summary.tally(tag.kind, &message).map_err(fault)?;
        }
        if let Some(journal) = &mut self.journal {
            if begins_snapshot(tag.word()) {
                journal.set_digest(self.digest);
            }
            journal.append(message)?;
        }
        if is_beside(tag.word()) {
            self.summary.snapshots += u64::from(begins_snapshot(tag.word()));
            return Ok(());
        }
        self.digest.add(&message);
        self.counts[usize::from(tag.kind)] += 1;
        Ok(())
    }

    /// Makes what was taken durable, as the journal's policy says. Without a journal there is nothing to do.
    ///
    /// # Errors
    /// As [`JournalWriter::commit`].
    pub fn commit(&mut self) -> Result<(), JournalError> {
        self.journal.as_mut().map_or(Ok(()), JournalWriter::commit)
    }

    /// Finishes the journal and returns what the run came to.
    ///
    /// # Errors
    /// As [`JournalWriter::finish`].
    pub fn finish(mut self) -> Result<Summary, JournalError> {
        if let Some(journal) = self.journal.take() {
            journal.finish(self.digest)?;
        }
        Ok(self.summary())
    }

    /// Leaves the journal open for a later start of the same run, and returns what the run came to so far.
    ///
    /// # Errors
    /// As [`JournalWriter::pause`].
    pub fn pause(mut self) -> Result<Summary, JournalError> {
        if let Some(journal) = self.journal.take() {
            journal.pause()?;
        }
        Ok(self.summary())
    }

    /// Returns the digest of all records so far.
    pub const fn digest(&self) -> Digest {
        self.digest
    }

    /// Returns what the run came to so far.
    pub fn summary(&self) -> Summary {
        let mut summary = self.summary.clone();
        summary.digest = self.digest.to_string();
        for (kind, count) in (0..=u8::MAX)
            .zip(self.counts)
            .filter(|(_, count)| *count > 0)
        {
            *summary.counts.entry(kind_name(kind)).or_default() += count;
            match kind >= RECORD_KINDS {
                true => summary.records += count,
                false => summary.inputs += count,
            }
        }
        summary
    }

    /// Returns the journal, if there is one.
    pub const fn journal(&self) -> Option<&JournalWriter> {
        self.journal.as_ref()
    }
}

impl Summary {
    /// Returns the number of fills.
    pub const fn fills(&self) -> u64 {
        self.fills_maker + self.fills_taker
    }

    fn tally(
        &mut self,
        kind: u8,
        message: &Cells<'_>,
    ) -> Result<(), claire_types::cell::CellFault> {
        if !TALLIED_KINDS.contains(&kind) {
            return Ok(());
        }
        let (header, record) = Record::decode(message)?;
        match record {
            Record::Decision(decision) => self.tally_decision(&header, &decision),
            Record::OrderEvent(event) => self.tally_event(event.to, event.reason),
            Record::Risk(risk) => count(&mut self.risk_events, risk.code.as_str()),
            Record::Note(note) if note.kind == NoteKind::Alert => {
                self.alerts_count += 1;
                if self.alerts.len() < ALERTS_KEPT {
                    self.alerts.push((header, note.text));
                }
            }
            Record::Fill(fill) => {
                count(&mut self.fill_rules, fill.rule.as_str());
                match fill.liquidity {
                    Liquidity::Maker => self.fills_maker += 1,
                    Liquidity::Taker => self.fills_taker += 1,
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn tally_decision(&mut self, header: &RecordHeader, decision: &Decision) {
        match decision.verdict {
            Verdict::Approved => self.approved += 1,
            Verdict::Trimmed => self.trimmed += 1,
            Verdict::Denied => {
                let code = decision.code.as_str();
                count(&mut self.denied, code);
                self.denied_first
                    .entry(code)
                    .or_insert((*header, *decision));
            }
        }
    }

    fn tally_event(&mut self, to: OrderStatus, reason: OrderReason) {
        if to.is_final() {
            count(&mut self.orders_ended, to.as_str());
        }
        if to == OrderStatus::Rejected {
            count(&mut self.rejected, reason.as_str());
        }
        if reason != OrderReason::None {
            count(&mut self.order_reasons, reason.as_str());
        }
    }
}

fn count(counts: &mut BTreeMap<&'static str, u64>, name: &'static str) {
    *counts.entry(name).or_default() += 1;
}

/// Returns the name of a message's kind as `claire_types` numbers it.
fn kind_name(kind: u8) -> &'static str {
    let names = match kind {
        RECORD_KINDS.. => RECORD_NAMES.get(usize::from(kind - RECORD_KINDS)),
        _ => INPUT_NAMES.get(usize::from(kind)),
    };
    names.copied().unwrap_or("unknown")
}

/// The first kind of a record.
const RECORD_KINDS: u8 = 128;
/// Decision, order event, fill, risk, note: the kinds that a summary looks into.
const TALLIED_KINDS: [u8; 5] = [129, 131, 132, 136, 138];
/// Most alerts whose texts are kept; all are counted, and all stand in the journal.
pub const ALERTS_KEPT: usize = 64;

const INPUT_NAMES: [&str; 18] = [
    "unknown",
    "input_instrument",
    "input_depth",
    "input_ticker",
    "input_trade",
    "input_mark",
    "input_kline",
    "input_liquidation",
    "input_book_stale",
    "input_frame_error",
    "input_timer",
    "input_clock_offset",
    "input_command",
    "input_session_reset",
    "input_end",
    "input_low_disk",
    "input_reload",
    "input_refusal",
];

const RECORD_NAMES: [&str; 14] = [
    "signal",
    "decision",
    "order",
    "order_event",
    "fill",
    "position",
    "balance",
    "portfolio",
    "risk",
    "book",
    "note",
    "book_end",
    "plot",
    "reload",
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::Sample;
    use claire_types::record::Signal;
    use claire_types::{Amount, CellBuffer, InstrumentId, Side, StrategyId, Text, WallNs};

    #[test]
    fn a_summary_counts_every_message_and_names_its_kind_as_types_do() {
        let sample = Sample::new(1, 50);
        let mut recorder = Recorder::new(None);
        let mut fills = 0;
        for message in sample.iter() {
            recorder.accept(message).expect("valid");
            if let Ok((_, record)) = Record::decode(&message) {
                fills += u64::from(matches!(record, Record::Fill(_)));
            }
        }
        recorder.commit().expect("nothing to do");
        let summary = recorder.finish().expect("no journal");
        assert_eq!(summary.inputs, 50);
        assert_eq!(summary.inputs + summary.records, sample.len() as u64);
        assert_eq!(summary.counts.values().sum::<u64>(), sample.len() as u64);
        assert_eq!(summary.counts["input_instrument"], 2);
        assert_eq!((summary.counts["fill"], summary.fills()), (fills, fills));
        assert_eq!(summary.orders_ended["filled"], fills);
        assert_eq!(summary.counts["decision"], 48);
        let denied: u64 = summary.denied.values().sum();
        assert_eq!(denied, summary.denied["EXPOSURE"]);
        assert_eq!(summary.approved + summary.trimmed + denied, 48);
        assert_eq!(summary.risk_events["DAILY_LOSS"], 9);
        assert_eq!(summary.counts.get("unknown"), None);
        assert_eq!(summary.digest.len(), 64);
    }

    #[test]
    fn the_tallied_kinds_are_those_of_types() {
        let mut kinds = Vec::new();
        for message in Sample::new(1, 30).iter() {
            let kind = Tag::of(message.at(0).expect("first").low).kind;
            let Ok((_, record)) = Record::decode(&message) else {
                continue;
            };
            let name = format!("{record:?}").to_lowercase();
            assert!(
                name.replace('_', "")
                    .starts_with(&kind_name(kind).replace('_', "")),
                "{name}"
            );
            if let Record::Decision(_)
            | Record::OrderEvent(_)
            | Record::Fill(_)
            | Record::Risk(_)
            | Record::Note(_) = record
            {
                kinds.push(kind);
            }
        }
        kinds.sort_unstable();
        kinds.dedup();
        assert_eq!(kinds, TALLIED_KINDS);
    }

    #[test]
    fn a_record_that_cannot_be_read_is_refused() {
        let mut buffer = CellBuffer::default();
        let header = RecordHeader {
            seq: 1,
            index: 0,
            time: WallNs(0),
            strategy: StrategyId(0),
            instrument: InstrumentId(0),
        };
        let signal = Signal {
            side: Side::Buy,
            strength: Amount::ONE,
            reason: Text::EMPTY,
        };
        Record::Signal(signal).encode(&header, &mut buffer);
        let mut cells = buffer.as_slice().to_vec();
        // The same cells under the tag of a fill.
        cells[0].low = (cells[0].low & !0xff) | 132;
        let error = Recorder::new(None).accept(Cells::new(&cells, &[]));
        assert!(
            matches!(error, Err(JournalError::Message { .. })),
            "{error:?}"
        );
    }
}
