//! Compresses closed segments and removes old ones off the append path, on a thread of its own.
//!
//! Started by the writer; a failure costs disk, not data: the segment stays as it is, with a warning.

use super::committed::Committed;
use super::retention::Retention;
use super::segment;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::SystemTime;

/// The thread and the way to it.
pub(super) struct Compressor {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread is asked for.
enum Job {
    /// Compress this closed segment.
    Compress(u32),
    /// Keep the journals within these rules from now on.
    Keep(Box<Retention>),
}

impl Compressor {
    /// Starts the thread; without a level closed segments stay plain.
    pub fn start(dir: &Path, level: Option<i32>, committed: Arc<Committed>) -> Self {
        let dir = dir.to_owned();
        let (sender, receiver) = channel::<Job>();
        let thread = thread::Builder::new()
            .name("journal-compressor".to_owned())
            .spawn(move || {
                let mut retention: Option<Box<Retention>> = None;
                for job in receiver {
                    match (job, level) {
                        (Job::Compress(number), Some(level)) => {
                            if let Err(error) = segment::compress(&dir, number, level) {
                                tracing::warn!("segment {number} stays uncompressed: {error}");
                            }
                        }
                        (Job::Compress(_), None) => {}
                        (Job::Keep(rules), _) => retention = Some(rules),
                    }
                    if let Some(retention) = &mut retention {
                        retention.apply(&dir, &committed, SystemTime::now());
                    }
                }
            });
        match thread {
            Ok(thread) => Self {
                jobs: Some(sender),
                thread: Some(thread),
            },
            Err(error) => {
                tracing::warn!("segments stay uncompressed, no thread for it: {error}");
                Self {
                    jobs: None,
                    thread: None,
                }
            }
        }
    }

    /// Asks for the closed segment to be compressed.
    pub fn add(&self, segment: u32) {
        self.send(Job::Compress(segment));
    }

    /// Asks for the journals to be kept within the rules, now and whenever a segment was closed.
    pub fn keep(&self, retention: Retention) {
        self.send(Job::Keep(Box::new(retention)));
    }

    fn send(&self, job: Job) {
        if let Some(jobs) = &self.jobs {
            // The thread ends only after this sender is gone, unless it panicked: then all files stay.
            let _ = jobs.send(job);
        }
    }
}

/// Waits until all that was asked for is done.
impl Drop for Compressor {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::warn!("the compressor failed; some segments stay uncompressed");
        }
    }
}
