//! `claire verify`: runs a journal again and compares every output with what it holds.
//!
//! Called by the command line on its thread. All that decides the outputs comes from the journal's
//! header: configuration, instruments, scripts with their text, states, and the inputs, in full or as
//! files by their SHA-256. Nothing is written. From a later segment on, the engine is that of the segment's
//! snapshot; files are then read from their start, so that the feed stands where it stood, and the inputs
//! that are in the snapshot are passed over.

use crate::config::{Config, Sources};
use crate::engine::{Journaling, SegmentPlan};
use crate::feed::Feed;
use crate::feed::replay::{ReplayFeed, Speed};
use crate::inputs::{self, FoundFiles, lacks, part};
use crate::reload::Reloading;
use crate::reload::document::{instance_for, successor_of};
use crate::reload::plan::{Noted, Plan, PlanReader};
use crate::run::{Assembly, Prepared, RecordPlan, RunError, SEMANTICS_VERSION};
use crate::sidecar::Sink;
use crate::strategy::{ScriptSource, instance_of, script_of};
use crate::topology::Topology;
use claire_engine::Engine;
use claire_engine::config::EngineConfig;
use claire_engine::risk::LatchedState;
use claire_engine::snapshot::{Instances, versions};
use claire_sidecar::journal::EndMark;
use claire_sidecar::{Digest, JournalError, JournalHeader, JournalReader, Place, Tail};
use claire_types::annotation::is_annotation;
use claire_types::record::Record;
use claire_types::snapshot::{SnapshotBytes, SnapshotHead, SnapshotMessage, begins_snapshot};
use claire_types::{Cell, CellBuffer, Cells, DurationNs, Input, Venue};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a verification came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The journal's run.
    pub run_id: String,
    /// Inputs applied, where the journal holds them; 0 for files by reference.
    pub inputs: u64,
    /// Frames read and the number of files they stood in, where the journal's inputs are files.
    pub frames_of_files: Option<(u64, usize)>,
    /// The segment that it began with; 1 is the run's start.
    pub segment: u32,
    /// Records compared and found equal.
    pub records: u64,
    /// Snapshots compared and found equal, that which it began with not counted.
    pub snapshots: u64,
    /// Digest of the records of this run.
    pub digest: String,
    /// How it ended.
    pub verdict: Verdict,
}

/// How a verification ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every record is equal, and the journal is finished.
    Equal,
    /// Every record that is there is equal, but the journal was never finished.
    EqualSoFar,
    /// The first difference: where, what the journal holds and what was made.
    Differs {
        /// File and byte offset, or the journal's end.
        place: String,
        /// The journal's record.
        recorded: String,
        /// This run's record.
        made: String,
    },
    /// The journal is of another version of the engine's meaning: not comparable.
    OtherSemantics {
        /// The journal's version.
        journal: u32,
        /// This program's version.
        ours: u32,
    },
}

/// Runs the journal in `dir` again, from the first segment that is there, or from a later one; its files are looked
/// for in `data`, too.
///
/// # Errors
/// A journal that is damaged, whose files are missing or changed, or whose header lacks what a run needs; a
/// segment that is not there or has no whole snapshot.
pub fn verify(dir: &Path, from: Option<u32>, data: Option<&Path>) -> Result<Verified, RunError> {
    let mut reader = match from {
        Some(segment) => JournalReader::open_segment(dir, segment)?,
        None => JournalReader::open(dir)?,
    };
    reader.show_all();
    let segment = reader.position().segment;
    let header = reader.header().clone();
    if header.semantics_version != SEMANTICS_VERSION {
        let verdict = Verdict::OtherSemantics {
            journal: header.semantics_version,
            ours: SEMANTICS_VERSION,
        };
        return Ok(Verified {
            run_id: header.run_id.to_string(),
            segment,
            inputs: 0,
            frames_of_files: None,
            records: 0,
            snapshots: 0,
            digest: String::new(),
            verdict,
        });
    }
    let snapshot = match segment {
        1 => None,
        _ => Some(read_snapshot(&mut reader, segment)?),
    };
    let prepared = prepared_of(&header, snapshot.as_ref())?;
    let sink = Comparison::new(reader);
    let (sink, inputs, frames_of_files) = match inputs::find(&header, dir, data)? {
        Some(files) => {
            let count = files.recording.files().len();
            let plan = Plan::read(dir, Some(segment))?;
            let (sink, frames) = verify_files(&header, files, prepared, plan, sink)?;
            (sink, 0, Some((frames, count)))
        }
        None => {
            let (sink, inputs) = verify_inputs(prepared.engine, sink)?;
            (sink, inputs, None)
        }
    };
    let (counts, digest, verdict) = sink.finish()?;
    Ok(Verified {
        run_id: header.run_id.to_string(),
        segment,
        inputs,
        frames_of_files,
        records: counts.records,
        snapshots: counts.snapshots,
        digest: digest.to_string(),
        verdict,
    })
}

/// Reads the snapshot that a segment begins with.
fn read_snapshot(reader: &mut JournalReader, segment: u32) -> Result<SnapshotBytes, RunError> {
    let mut snapshot = SnapshotBytes::default();
    let lacks = |what: &str| RunError::Usage(format!("segment {segment} of the journal {what}"));
    while let Some(message) = reader.next_message()? {
        match snapshot.take(&message.cells) {
            Ok(None) => {}
            Ok(Some(_)) => return Ok(snapshot),
            Err(_) => return Err(lacks("does not begin with a snapshot")),
        }
    }
    Err(lacks(
        "was cut off before its snapshot was whole; begin with an earlier one",
    ))
}

/// Replays the files that the header names; returns also how many frames were read.
fn verify_files(
    header: &JournalHeader,
    files: FoundFiles,
    prepared: Prepared,
    plan: Plan,
    sink: Comparison,
) -> Result<(Comparison, u64), RunError> {
    let FoundFiles {
        recording,
        venues,
        passes,
        instruments,
    } = files;
    let mut config = Config::load(&Sources::default())?;
    config.instruments = instruments;
    let mut assembly = Assembly {
        config: &config,
        topology: Topology::Fused,
        stop: Arc::new(AtomicBool::new(false)),
        plan: RecordPlan::default(),
        header: header.clone(),
        journaling: Journaling {
            inputs: false,
            segments: Some(segments_of(header)?),
        },
        venue: venues.first().copied().unwrap_or(Venue::BinanceSpot),
        disk: None,
        reloading: Reloading::repeating(plan),
    };
    let ran = assembly.run_with(
        prepared.engine,
        |line| ReplayFeed::new(line, recording, venues, Speed::Max, passes),
        sink,
    )?;
    let frames = ran.feed.line().feed.counters().frames;
    Ok((ran.sink, frames))
}

/// Applies the inputs that the journal holds.
fn verify_inputs(mut engine: Engine, mut sink: Comparison) -> Result<(Comparison, u64), RunError> {
    let (mut inputs, mut beside) = (0, PlanReader::default());
    let mut snapshot = CellBuffer::default();
    loop {
        while sink.is_at_snapshot()? {
            snapshot.clear();
            write_snapshot(&engine, &mut snapshot)?;
            sink.accept_all(snapshot.as_slice())?;
        }
        let Some(input) = sink.next_input()? else {
            break;
        };
        let cells = Cells::new(&input, &[]);
        match beside.take(&cells)? {
            Noted::Other | Noted::Refusal(_) => {}
            Noted::Part => continue,
            Noted::Cut(cut) => {
                engine.know_cut(cut);
                continue;
            }
            Noted::Reload(_, document) => engine.stage(Box::new(successor_of(document)?)),
        }
        let decoded = Input::decode(&cells);
        let (header, decoded) = decoded.map_err(|fault| JournalError::Message { fault })?;
        inputs += 1;
        engine.apply(&header, &decoded);
        while engine.take_retired().is_some() {}
        sink.accept_all(engine.records())?;
    }
    Ok((sink, inputs))
}

/// Writes the engine's snapshot as the engine stage does.
fn write_snapshot(engine: &Engine, out: &mut CellBuffer) -> Result<(), RunError> {
    let mut bytes = Vec::new();
    let saved = engine.save(&mut bytes);
    saved.map_err(|fault| RunError::Usage(fault.to_string()))?;
    let head = SnapshotHead {
        seq: engine.seq(),
        time: engine.floor().now(),
        bytes: bytes.len() as u64,
    };
    head.encode_all(&bytes, out);
    Ok(())
}

/// Compares records with a journal's, in lock-step.
struct Comparison {
    reader: JournalReader,
    /// The journal's next message, read and not yet compared.
    held: Option<(Vec<Cell>, Place)>,
    digest: Digest,
    counts: Counts,
    difference: Option<Verdict>,
}

/// What was found equal.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    records: u64,
    snapshots: u64,
}

impl Comparison {
    fn new(reader: JournalReader) -> Self {
        Self {
            held: None,
            digest: reader.segment_start().digest,
            counts: Counts {
                records: 0,
                snapshots: 0,
            },
            reader,
            difference: None,
        }
    }

    /// Takes a run of whole messages.
    fn accept_all(&mut self, messages: &[Cell]) -> Result<(), JournalError> {
        let mut rest = Cells::new(messages, &[]);
        while let Ok((message, after)) = rest.split_message() {
            self.accept(message)?;
            rest = after;
        }
        Ok(())
    }

    /// Returns whether the journal's next message begins a snapshot.
    fn is_at_snapshot(&mut self) -> Result<bool, JournalError> {
        if self.difference.is_some() || !self.hold()? {
            return Ok(false);
        }
        let first = self.held.as_ref().and_then(|(cells, _)| cells.first());
        Ok(first.is_some_and(|cell| begins_snapshot(cell.low)))
    }

    /// Reads the next message into `held`; false at the journal's end.
    fn hold(&mut self) -> Result<bool, JournalError> {
        if self.held.is_none()
            && let Some(message) = self.reader.next_message()?
        {
            self.held = Some((message.cells.iter().collect(), message.place));
        }
        Ok(self.held.is_some())
    }

    /// Returns the next input; where a record stands in its place, the engine made one too few.
    fn next_input(&mut self) -> Result<Option<Vec<Cell>>, JournalError> {
        if self.difference.is_some() || !self.hold()? {
            return Ok(None);
        }
        let is_record = |cells: &[Cell]| {
            cells
                .first()
                .is_some_and(|cell| Record::is_record(cell.low))
        };
        match self.held.take() {
            Some((cells, place)) if is_record(&cells) => {
                self.differ(place.to_string(), &Cells::new(&cells, &[]), None);
                Ok(None)
            }
            held => Ok(held.map(|(cells, _)| cells)),
        }
    }

    fn count(&mut self, message: &Cells<'_>) {
        self.digest.add(message);
        match SnapshotMessage::decode(message) {
            Ok(Some(SnapshotMessage::End(_))) => self.counts.snapshots += 1,
            Ok(Some(_)) => {}
            _ if message.at(0).is_ok_and(|cell| is_annotation(cell.low)) => {}
            _ => self.counts.records += 1,
        }
    }

    fn differ(&mut self, place: String, recorded: &Cells<'_>, made: Option<&Cells<'_>>) {
        let nothing = || "nothing".to_owned();
        self.difference.get_or_insert(Verdict::Differs {
            place,
            recorded: if recorded.is_empty() {
                nothing()
            } else {
                describe(recorded)
            },
            made: made.map_or_else(nothing, describe),
        });
    }

    /// Returns what was equal, the digest, and the verdict.
    fn finish(mut self) -> Result<(Counts, Digest, Verdict), RunError> {
        if self.difference.is_none()
            && self.hold()?
            && let Some((cells, place)) = self.held.take()
        {
            self.differ(place.to_string(), &Cells::new(&cells, &[]), None);
        }
        let verdict = match (self.difference.take(), self.reader.tail()) {
            (Some(difference), _) => difference,
            (None, Tail::Finished(end)) => verdict_of_end(end, self.digest),
            (None, _) => Verdict::EqualSoFar,
        };
        Ok((self.counts, self.digest, verdict))
    }
}

impl Sink for Comparison {
    const FAILURE: &'static str = "the journal cannot be read: the comparison stops";

    fn accept(&mut self, message: Cells<'_>) -> Result<(), JournalError> {
        if self.difference.is_some() {
            return Ok(());
        }
        if !self.hold()? {
            // An unfinished journal ends before its run does.
            if matches!(self.reader.tail(), Tail::Finished(_)) {
                self.differ(
                    "the journal's end".to_owned(),
                    &Cells::new(&[], &[]),
                    Some(&message),
                );
            }
            return Ok(());
        }
        if let Some((cells, place)) = self.held.take() {
            if cells.iter().copied().eq(message.iter()) {
                self.count(&message);
            } else {
                self.differ(place.to_string(), &Cells::new(&cells, &[]), Some(&message));
            }
        }
        Ok(())
    }

    fn commit(&mut self) -> Result<(), JournalError> {
        Ok(())
    }
}

fn verdict_of_end(end: EndMark, digest: Digest) -> Verdict {
    if end.digest == digest {
        return Verdict::Equal;
    }
    Verdict::Differs {
        place: "the end mark".to_owned(),
        recorded: end.digest.to_string(),
        made: digest.to_string(),
    }
}

/// Returns a message in words.
fn describe(message: &Cells<'_>) -> String {
    match Record::decode(message) {
        Ok((header, record)) => format!(
            "sequence {} record {}: {record:?}",
            header.seq, header.index
        ),
        Err(_) => match Input::decode(message) {
            Ok((_, input)) => format!("input {input:?}"),
            Err(fault) => describe_snapshot(message)
                .unwrap_or_else(|| format!("{} cells that are no message: {fault}", message.len())),
        },
    }
}

fn describe_snapshot(message: &Cells<'_>) -> Option<String> {
    Some(match SnapshotMessage::decode(message).ok()?? {
        SnapshotMessage::Begin(head) => format!(
            "a snapshot of {} bytes after sequence {}",
            head.bytes, head.seq.0
        ),
        SnapshotMessage::Part { number, .. } => format!("part {number} of a snapshot"),
        SnapshotMessage::End(head) => format!("the end of the snapshot after {}", head.seq.0),
    })
}

/// Builds the engine of a journal's run from its header, and its state from a snapshot where there is one.
fn prepared_of(
    header: &JournalHeader,
    snapshot: Option<&SnapshotBytes>,
) -> Result<Prepared, RunError> {
    let engine_config: EngineConfig = part(header, "engine")?;
    let state: LatchedState = part(header, "state")?;
    let scripts: Vec<ScriptSource> = part(header, "scripts")?;
    let compiled = scripts.iter().map(script_of);
    let compiled: Vec<_> = compiled.collect::<Result<_, _>>()?;
    let engine = match snapshot {
        None => {
            let strategies = compiled.iter().map(instance_of).collect();
            Engine::new(engine_config.clone(), state.clone(), strategies)
        }
        Some(snapshot) => {
            let instances = instances_of(snapshot.bytes(), &scripts)?;
            Engine::restore_versions(engine_config.clone(), instances, snapshot.bytes())
                .map_err(|fault| fault.to_string())
        }
    };
    Ok(Prepared {
        engine: engine.map_err(RunError::Usage)?,
        scripts,
        compiled,
        // Which backend runs does not matter to the digest.
        handlers: Vec::new(),
        engine_config,
        state,
    })
}

/// Returns where the run's segments begin.
fn segments_of(header: &JournalHeader) -> Result<SegmentPlan, RunError> {
    let segments = &header.body["segments"];
    let plan = segments["bytes_max"]
        .as_u64()
        .zip(segments["age_ns_max"].as_i64());
    let (bytes_max, age_ns_max) = plan.ok_or_else(|| lacks("segments"))?;
    Ok(SegmentPlan {
        bytes_max,
        age_max: DurationNs(age_ns_max),
    })
}

/// Returns an instance of each version that a snapshot holds.
fn instances_of(bytes: &[u8], scripts: &[ScriptSource]) -> Result<Vec<Instances>, RunError> {
    let versions = versions(bytes).map_err(|fault| RunError::Usage(fault.to_string()))?;
    let of = versions.iter().zip(scripts).map(|(of, first)| {
        Ok(Instances {
            current: instance_for(&of.current, first)?,
            before: match &of.before {
                Some(before) => Some(instance_for(before, first)?),
                None => None,
            },
        })
    });
    of.collect()
}
