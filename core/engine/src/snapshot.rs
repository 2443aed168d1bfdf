//! Snapshots: the whole state of an engine as bytes, and an engine made from them.
//!
//! Called between two inputs: by the pipeline where a journal's segment begins, and by whoever continues
//! from there. Not on the way from event to order. An engine that was saved and restored gives the same
//! records as one that went on, and the same state has the same bytes: nothing here depends on room,
//! addresses or hash order.
//!
//! ```text
//! magic    8 bytes
//! version  u32
//! sections length u32 and content: the configuration, the engine, one for each strategy, and one more for each
//!          whose version is on probation: the version before it
//! check    u32  CRC-32C of all before
//! ```
//!
//! All numbers are little-endian; sections are postcard, a strategy's are its own.

use crate::config::EngineConfig;
use crate::engine::Engine;
use crate::floor::{FloorRef, FloorState, Seat, Version};
use crate::risk::LatchedState;
use crate::strategy::{Fault, Strategy};
use claire_types::{EngineSeq, WallNs};
use serde::{Deserialize, Serialize};

/// Version of the bytes; raised with every change of what is in them.
pub const SNAPSHOT_VERSION: u32 = 3;
/// Most bytes of a snapshot. Tables have fixed sizes; only the number of a venue's levels has no bound here.
pub const SNAPSHOT_BYTES_MAX: usize = 64 << 20;
/// Room that holds the snapshot of a usual run: 20 books of 10,000 levels.
pub const SNAPSHOT_ROOM_BYTES: usize = 4 << 20;

const MAGIC: [u8; 8] = *b"CLAIREsn";
const HEAD_BYTES: usize = MAGIC.len() + 4;
const CHECK_BYTES: usize = 4;
const _: () = assert!(SNAPSHOT_ROOM_BYTES <= SNAPSHOT_BYTES_MAX);
const _: () = assert!(SNAPSHOT_BYTES_MAX < u32::MAX as usize);

/// The state has no snapshot: it is larger than [`SNAPSHOT_BYTES_MAX`]. Go on without one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotTooLarge;

/// Why no engine was made of these bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RestoreFault {
    /// The bytes are no snapshot.
    Foreign,
    /// A snapshot of another version: use the program that wrote it.
    Version(u32),
    /// Cut off or changed.
    Damaged(&'static str),
    /// Of a run with another configuration.
    OtherConfig,
    /// The configuration itself is wrong, in words.
    Config(String),
    /// A strategy, by its place, does not take its part.
    Strategy(usize, Box<Fault>),
}

/// What belongs to the engine itself and not to a strategy.
#[derive(Serialize)]
struct EngineRef<'a> {
    seq: EngineSeq,
    portfolio_due: WallNs,
    ended: bool,
    floor: FloorRef<'a>,
}

#[derive(Deserialize)]
struct EngineState {
    seq: EngineSeq,
    portfolio_due: WallNs,
    ended: bool,
    floor: FloorState,
}

impl Engine {
    /// Writes the state into `out`, in place of what is there. Between inputs only.
    ///
    /// Allocates where `out` has no room, and where a strategy's own `save` does.
    ///
    /// # Errors
    /// [`SnapshotTooLarge`]; `out` is then of no use.
    pub fn save(&self, out: &mut Vec<u8>) -> Result<(), SnapshotTooLarge> {
        out.clear();
        out.extend(MAGIC);
        out.extend(SNAPSHOT_VERSION.to_le_bytes());
        section(out, |out| write(&self.floor().config, out))?;
        let engine = EngineRef {
            seq: self.seq,
            portfolio_due: self.portfolio_due,
            ended: self.ended,
            floor: self.floor().snapshot(),
        };
        section(out, |out| write(&engine, out))?;
        let previous = self.previous.iter().flatten();
        for strategy in self.strategies.iter().chain(previous) {
            section(out, |out| {
                strategy.save(out);
                Ok(())
            })?;
        }
        let check = crc32c::crc32c(out);
        out.extend(check.to_le_bytes());
        Ok(())
    }

    /// Returns an engine that goes on where the saved one stood, with new instances of the same strategies.
    ///
    /// # Errors
    /// A [`RestoreFault`]
    pub fn restore(
        config: EngineConfig,
        strategies: Vec<Box<dyn Strategy>>,
        bytes: &[u8],
    ) -> Result<Self, RestoreFault> {
        let versions = strategies.into_iter().map(|current| Instances {
            current,
            before: None,
        });
        Self::restore_versions(config, versions.collect(), bytes)
    }

    /// Returns an engine that goes on where the saved one stood, with instances of the versions that
    /// [`versions`] names.
    ///
    /// # Errors
    /// A [`RestoreFault`]
    pub fn restore_versions(
        config: EngineConfig,
        instances: Vec<Instances>,
        bytes: &[u8],
    ) -> Result<Self, RestoreFault> {
        let mut rest = checked(bytes)?;
        let mut ours = Vec::new();
        write(&config, &mut ours)
            .map_err(|SnapshotTooLarge| RestoreFault::Config("it is too large".to_owned()))?;
        if take_section(&mut rest)? != ours {
            return Err(RestoreFault::OtherConfig);
        }
        let state = take_state(&mut rest)?;
        let (strategies, previous): (Vec<_>, Vec<_>) = instances
            .into_iter()
            .map(|of| (of.current, of.before))
            .unzip();
        let latched = LatchedState::new(strategies.len());
        let mut engine = Self::new(config, latched, strategies).map_err(RestoreFault::Config)?;
        let floor = engine.floor_mut();
        floor.adopt(state.floor).map_err(RestoreFault::Damaged)?;
        engine.seq = state.seq;
        engine.portfolio_due = state.portfolio_due;
        engine.ended = state.ended;
        engine.previous = previous;
        engine.restore_instances(&mut rest)?;
        match rest.is_empty() {
            true => Ok(engine),
            false => Err(RestoreFault::Damaged("more strategies than configured")),
        }
    }

    fn restore_instances(&mut self, rest: &mut &[u8]) -> Result<(), RestoreFault> {
        let floor = self.floor();
        let has_before = floor.seats().iter().map(Seat::is_on_probation);
        let given = self.previous.iter().map(Option::is_some);
        if !has_before.eq(given) {
            let what = "it holds a version on probation, and the one before it is not given";
            return Err(RestoreFault::Damaged(what));
        }
        let previous = self.previous.iter_mut().enumerate();
        let previous = previous.filter_map(|(index, before)| Some((index, before.as_mut()?)));
        for (index, strategy) in self.strategies.iter_mut().enumerate().chain(previous) {
            let saved = take_section(rest)?;
            let restored = strategy.restore(saved);
            restored.map_err(|fault| RestoreFault::Strategy(index, Box::new(fault)))?;
        }
        Ok(())
    }
}

/// A strategy's instances, to be restored.
pub struct Instances {
    /// Of the version at the seat.
    pub current: Box<dyn Strategy>,
    /// Of the version before the one on probation.
    pub before: Option<Box<dyn Strategy>>,
}

/// The versions that a snapshot holds of a strategy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Versions {
    /// At the seat.
    pub current: Version,
    /// Before the one on probation.
    pub before: Option<Version>,
}

/// Returns which versions a snapshot needs instances of, in the configuration's order.
///
/// # Errors
/// A [`RestoreFault`]
pub fn versions(bytes: &[u8]) -> Result<Vec<Versions>, RestoreFault> {
    let mut rest = checked(bytes)?;
    take_section(&mut rest)?;
    let state = take_state(&mut rest)?;
    let of = |seat: &Seat| Versions {
        current: seat.version.clone(),
        before: seat.probation.as_ref().map(|of| of.before.version.clone()),
    };
    Ok(state.floor.seats().iter().map(of).collect())
}

/// Takes the engine's section.
fn take_state(rest: &mut &[u8]) -> Result<EngineState, RestoreFault> {
    let (state, left): (EngineState, _) = postcard::take_from_bytes(take_section(rest)?)
        .map_err(|_| RestoreFault::Damaged("the engine's section cannot be read"))?;
    match left.is_empty() {
        true => Ok(state),
        false => Err(RestoreFault::Damaged("the engine's section is too long")),
    }
}

/// Returns the sections of whole bytes of this version.
fn checked(bytes: &[u8]) -> Result<&[u8], RestoreFault> {
    let (head, _) = bytes
        .split_at_checked(HEAD_BYTES)
        .ok_or(RestoreFault::Foreign)?;
    let (magic, version) = head
        .split_first_chunk::<{ MAGIC.len() }>()
        .ok_or(RestoreFault::Foreign)?;
    if *magic != MAGIC {
        return Err(RestoreFault::Foreign);
    }
    let version = number(version).ok_or(RestoreFault::Foreign)?;
    if version != SNAPSHOT_VERSION {
        return Err(RestoreFault::Version(version));
    }
    let cut = RestoreFault::Damaged("it is cut off");
    let (content, check) = bytes.split_last_chunk::<CHECK_BYTES>().ok_or(cut.clone())?;
    if crc32c::crc32c(content) != u32::from_le_bytes(*check) {
        return Err(RestoreFault::Damaged("its check is wrong"));
    }
    content.get(HEAD_BYTES..).ok_or(cut)
}

/// Writes a length and what `content` appends.
fn section(
    out: &mut Vec<u8>,
    content: impl FnOnce(&mut Vec<u8>) -> Result<(), SnapshotTooLarge>,
) -> Result<(), SnapshotTooLarge> {
    let start = out.len();
    out.extend([0; 4]);
    content(out)?;
    if out.len() > SNAPSHOT_BYTES_MAX - CHECK_BYTES {
        return Err(SnapshotTooLarge);
    }
    let bytes = u32::try_from(out.len() - start - 4).map_err(|_| SnapshotTooLarge)?;
    if let Some(length) = out.get_mut(start..start + 4) {
        length.copy_from_slice(&bytes.to_le_bytes());
    }
    Ok(())
}

/// Takes the next section's content.
fn take_section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], RestoreFault> {
    let cut = || RestoreFault::Damaged("a section is cut off");
    let (length, after) = rest.split_at_checked(4).ok_or_else(cut)?;
    let length = number(length).ok_or_else(cut)? as usize;
    let (content, after) = after.split_at_checked(length).ok_or_else(cut)?;
    *rest = after;
    Ok(content)
}

fn number(bytes: &[u8]) -> Option<u32> {
    bytes.try_into().ok().map(u32::from_le_bytes)
}

/// Appends the value's bytes.
fn write(value: &impl Serialize, out: &mut Vec<u8>) -> Result<(), SnapshotTooLarge> {
    let bytes = std::mem::take(out);
    *out = postcard::to_extend(value, bytes).map_err(|_| SnapshotTooLarge)?;
    Ok(())
}

impl std::fmt::Display for SnapshotTooLarge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "the state is larger than {SNAPSHOT_BYTES_MAX} bytes")
    }
}

impl std::fmt::Display for RestoreFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Foreign => f.write_str("the bytes are no snapshot of an engine"),
            Self::Version(version) => write!(
                f,
                "the snapshot has version {version}, this program knows {SNAPSHOT_VERSION}"
            ),
            Self::Damaged(what) => write!(f, "the snapshot is damaged: {what}"),
            Self::OtherConfig => f.write_str("the snapshot is of another configuration"),
            Self::Config(what) => write!(f, "the snapshot's configuration: {what}"),
            Self::Strategy(index, fault) => {
                write!(f, "strategy {index} of the snapshot: {}", fault.text)
            }
        }
    }
}

impl std::error::Error for SnapshotTooLarge {}
impl std::error::Error for RestoreFault {}
