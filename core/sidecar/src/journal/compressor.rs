//! Compresses closed segments off the append path, on a thread of its own.
//!
//! Started by the writer; a failure costs disk, not data: the plain segment stays, with a warning.

use super::segment;
use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};

/// The thread and the way to it.
pub(super) struct Compressor {
    segments: Option<Sender<u32>>,
    thread: Option<JoinHandle<()>>,
}

impl Compressor {
    /// Starts the thread.
    pub fn start(dir: &Path, level: i32) -> Self {
        let dir = dir.to_owned();
        let (sender, receiver) = channel::<u32>();
        let thread = thread::Builder::new()
            .name("journal-compressor".to_owned())
            .spawn(move || {
                for number in receiver {
                    if let Err(error) = segment::compress(&dir, number, level) {
                        tracing::warn!("segment {number} stays uncompressed: {error}");
                    }
                }
            });
        match thread {
            Ok(thread) => Self {
                segments: Some(sender),
                thread: Some(thread),
            },
            Err(error) => {
                tracing::warn!("segments stay uncompressed, no thread for it: {error}");
                Self {
                    segments: None,
                    thread: None,
                }
            }
        }
    }

    /// Asks for the closed segment to be compressed.
    pub fn add(&self, segment: u32) {
        if let Some(segments) = &self.segments {
            // The thread ends only after this sender is gone, unless it panicked: then the plain file stays.
            let _ = segments.send(segment);
        }
    }
}

/// Waits until all that was asked for is done.
impl Drop for Compressor {
    fn drop(&mut self) {
        self.segments = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the compressor failed; some segments stay uncompressed");
        }
    }
}
