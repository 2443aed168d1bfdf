//! What a journal says beside its inputs: reloads, refusals and cuts, to be applied again at the same places.
//!
//! Read before a run of files is repeated, by `verify` and by a resumed replay: FEED makes the other inputs again,
//! these it does not know.

use super::document::{Document, successor_of};
use crate::run::RunError;
use claire_engine::{Engine, Successor};
use claire_sidecar::{JournalError, JournalReader};
use claire_types::annotation::{Annotation, Cut, DocumentBytes, encode_document};
use claire_types::cell::CellFault;
use claire_types::input::{Refusal, Reload};
use claire_types::{CellBuffer, Cells, EngineSeq, Input};
use std::collections::VecDeque;
use std::path::Path;

/// Saved versions that come again, in order.
#[derive(Default)]
pub(crate) struct Plan {
    saved: VecDeque<Planned>,
    cuts: Vec<Cut>,
}

/// A saved version that comes again.
pub(crate) enum Planned {
    /// One that came as far as the engine.
    Reload(PlannedReload),
    /// One that was refused before.
    Refusal(Refusal),
}

/// A reload that comes again.
pub(crate) struct PlannedReload {
    /// The input.
    pub reload: Reload,
    document: Vec<u8>,
}

/// Collects documents, cuts and reloads from a journal's messages.
#[derive(Default)]
pub(crate) struct PlanReader {
    document: DocumentBytes,
}

/// What a message was to a plan.
pub(crate) enum Noted {
    /// Nothing: it is another message.
    Other,
    /// Part of a document, kept until its reload.
    Part,
    /// A cut of a later input.
    Cut(Cut),
    /// A reload with its document.
    Reload(Reload, Vec<u8>),
    /// A refusal, which has none.
    Refusal(Refusal),
}

impl PlanReader {
    /// Takes the next message.
    ///
    /// # Errors
    /// A [`JournalError::Message`] where an annotation is none, or a reload has no document.
    pub fn take(&mut self, message: &Cells<'_>) -> Result<Noted, JournalError> {
        let fault = |fault| JournalError::Message { fault };
        match Annotation::decode(message).map_err(fault)? {
            Some(Annotation::Part(part)) => {
                self.document.take(&part).map_err(fault)?;
                return Ok(Noted::Part);
            }
            Some(Annotation::Cut(cut)) => return Ok(Noted::Cut(cut)),
            None => {}
        }
        let first = message.at(0).map_err(fault)?.low;
        if !Reload::begins(first) && !Refusal::begins(first) {
            return Ok(Noted::Other);
        }
        let (_, input) = Input::decode(message).map_err(fault)?;
        let reload = match input {
            Input::Reload(reload) => reload,
            Input::Refusal(refusal) => return Ok(Noted::Refusal(refusal)),
            _ => return Ok(Noted::Other),
        };
        let document = self.document.finish();
        let document = document.ok_or(fault(CellFault::Short))?;
        Ok(Noted::Reload(reload, document))
    }
}

impl Plan {
    /// Reads the plan of a journal, from a segment on, as far as it can be read.
    ///
    /// # Errors
    /// As the reader's.
    pub fn read(dir: &Path, segment: Option<u32>) -> Result<Self, RunError> {
        let mut reader = match segment {
            Some(segment) => JournalReader::open_segment(dir, segment)?,
            None => JournalReader::open(dir)?,
        };
        reader.show_all();
        let (mut plan, mut messages) = (Self::default(), PlanReader::default());
        // Damage is met again by whoever compares, and told with its place.
        while let Ok(Some(message)) = reader.next_message() {
            match messages.take(&message.cells)? {
                Noted::Other | Noted::Part => {}
                Noted::Cut(cut) => plan.cuts.push(cut),
                Noted::Reload(reload, document) => {
                    let reload = PlannedReload { reload, document };
                    plan.saved.push_back(Planned::Reload(reload));
                }
                Noted::Refusal(refusal) => plan.saved.push_back(Planned::Refusal(refusal)),
            }
        }
        Ok(plan)
    }

    /// Returns the scripts that took a strategy's seat, oldest first.
    pub fn sources(&self) -> impl Iterator<Item = crate::strategy::ScriptSource> + '_ {
        self.saved.iter().filter_map(|planned| match planned {
            Planned::Reload(of) => Document::read(&of.document).ok().map(|read| read.source),
            Planned::Refusal(_) => None,
        })
    }

    /// Returns whether there is nothing to repeat.
    pub fn is_empty(&self) -> bool {
        self.saved.is_empty() && self.cuts.is_empty()
    }

    /// Tells the engine which calls were cut.
    pub fn tell_cuts(&mut self, engine: &mut Engine) {
        for cut in self.cuts.drain(..) {
            engine.know_cut(cut);
        }
    }

    /// Returns whether the next input is one of these.
    #[inline]
    pub fn is_due(&self, seq: EngineSeq) -> bool {
        self.saved
            .front()
            .is_some_and(|next| next.at().0 == seq.0 + 1)
    }

    /// Takes the next one.
    pub fn take_next(&mut self) -> Option<Planned> {
        self.saved.pop_front()
    }
}

impl Planned {
    const fn at(&self) -> EngineSeq {
        match self {
            Self::Reload(planned) => planned.reload.at,
            Self::Refusal(refusal) => refusal.at,
        }
    }
}

impl PlannedReload {
    /// Returns the parts of its document as messages, and its successor.
    ///
    /// # Errors
    /// What does not fit this program.
    pub fn make(self) -> Result<(CellBuffer, Reload, Successor), RunError> {
        let mut parts = CellBuffer::default();
        encode_document(&self.document, &mut parts);
        Ok((parts, self.reload, successor_of(self.document)?))
    }
}
