//! Stderr behind a thread of its own: who complains, logs or shows a status never waits for who reads it.
//!
//! Any thread tells, one writes. What a reader does not take waits up to [`WAITING_BYTES_MAX`]; past it lines are
//! dropped, counted, and the count is told where the reader goes on. The end of a command waits [`FLUSH_MAX`] at most.

use std::io::Write;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::Builder;
use std::time::Duration;

/// Most bytes that wait for a reader.
pub const WAITING_BYTES_MAX: usize = 1 << 20;
/// How long the end of a command waits until all is written.
pub const FLUSH_MAX: Duration = Duration::from_secs(1);

static SHARED: Shared = Shared {
    queue: Mutex::new(Queue::EMPTY),
    changed: Condvar::new(),
};

struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// What waits, and who writes it.
struct Queue {
    waiting: Vec<u8>,
    /// Texts dropped since the last word about it.
    dropped: u64,
    has_writer: bool,
    is_writing: bool,
}

/// Has the text written as is; returns at once, whether or not somebody reads.
pub fn tell(text: &[u8]) {
    SHARED.tell(text, WAITING_BYTES_MAX);
}

/// Waits until all that was told is written, at most this long.
pub fn flush(longest: Duration) {
    let queue = SHARED.lock();
    let is_open = |queue: &mut Queue| queue.is_writing || !queue.waiting.is_empty();
    let waited = SHARED.changed.wait_timeout_while(queue, longest, is_open);
    drop(waited);
}

impl Queue {
    const EMPTY: Self = Self {
        waiting: Vec::new(),
        dropped: 0,
        has_writer: false,
        is_writing: false,
    };

    /// Takes a text, or counts it where there is no room.
    fn add(&mut self, text: &[u8], bytes_max: usize) {
        if self.waiting.len() + text.len() > bytes_max {
            self.dropped += 1;
            return;
        }
        if self.dropped > 0 {
            let dropped = std::mem::take(&mut self.dropped);
            let words = format!("({dropped} messages were dropped: nobody read them)\n");
            self.waiting.extend_from_slice(words.as_bytes());
        }
        self.waiting.extend_from_slice(text);
    }
}

impl Shared {
    /// A panic elsewhere leaves these plain values whole.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tell(&'static self, text: &[u8], bytes_max: usize) {
        let mut queue = self.lock();
        queue.add(text, bytes_max);
        if !queue.has_writer {
            let thread = Builder::new().name("stderr".to_owned());
            // Without a thread nothing is told; the command goes on, and its exit status says how it ended.
            queue.has_writer = thread.spawn(|| self.write()).is_ok();
        }
        drop(queue);
        self.changed.notify_all();
    }

    /// Writes what waits, for as long as the process lives.
    fn write(&self) {
        let mut text = Vec::new();
        let mut queue = self.lock();
        loop {
            queue.is_writing = false;
            self.changed.notify_all();
            let woken = self
                .changed
                .wait_while(queue, |queue| queue.waiting.is_empty());
            queue = woken.unwrap_or_else(PoisonError::into_inner);
            queue.is_writing = true;
            text.clear();
            std::mem::swap(&mut text, &mut queue.waiting);
            drop(queue);
            // Nobody is left to tell where stderr is closed.
            let _ = std::io::stderr().lock().write_all(&text);
            queue = self.lock();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_no_room_is_dropped_and_counted_where_there_is_room_again() {
        let mut queue = Queue::EMPTY;
        for text in ["first\n", "second\n", "third\n"] {
            queue.add(text.as_bytes(), 8);
        }
        assert_eq!(
            (queue.waiting.as_slice(), queue.dropped),
            (&b"first\n"[..], 2)
        );
        queue.waiting.clear();
        queue.add(b"last\n", 8);
        let words = "(2 messages were dropped: nobody read them)\nlast\n";
        assert_eq!(String::from_utf8_lossy(&queue.waiting), words);
    }
}
