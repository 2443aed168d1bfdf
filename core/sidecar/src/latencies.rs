//! Latencies beside the journal: `latencies.jsonl`, a line per stage and interval, written as the run goes.
//!
//! They are measurements of one process, no outputs of the engine: they stand in no digest and in no
//! segment, but in the journal's folder, so that a store can be made again from the folder alone. Written by
//! the sidecar stage when an interval is over, read behind it by the projector; neither keeps more than one
//! interval in memory, whatever the store does. Not synced: a killed process loses the interval that was not over, a power
//! cut perhaps some more. A line without its end is what a crash left, and is cut when the file is opened again.

use crate::digest::{of_hex, to_hex};
use claire_types::WallNs;
use serde::{Deserialize, Serialize};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// A stage's latencies in an interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StageLatency {
    /// The stage.
    pub stage: String,
    /// Start of the interval; with run and stage, what tells it from others.
    pub start: WallNs,
    /// End of the interval.
    pub end: WallNs,
    /// Samples in the histogram.
    pub samples: u64,
    /// The latencies in ns: a histogram in HdrHistogram's V2 form.
    pub histogram: Vec<u8>,
}

/// Appends to the file of latencies.
#[derive(Debug)]
pub struct LatencyWriter {
    file: File,
    path: PathBuf,
}

/// Reads the file of latencies, from the first line on.
#[derive(Debug)]
pub(crate) struct LatencyReader {
    path: PathBuf,
    offset_bytes: u64,
}

/// Lines that were read, and where the next begins.
pub(crate) struct Chunk {
    /// The latencies.
    pub latencies: Vec<StageLatency>,
    /// Offset of the next line.
    pub end_bytes: u64,
}

#[derive(Serialize, Deserialize)]
struct Line {
    stage: String,
    start_ns: i64,
    end_ns: i64,
    samples: u64,
    histogram: String,
}

/// The file's name in the journal's folder.
pub(crate) const NAME: &str = "latencies.jsonl";
/// Bytes that are read at a time; several times the longest line, a histogram without one empty bucket.
const CHUNK_BYTES: u64 = 8 << 20;

impl LatencyWriter {
    /// Opens the file in the journal's folder, which has to be there.
    ///
    /// # Errors
    /// What the system says.
    pub fn open(dir: &Path) -> io::Result<Self> {
        let path = dir.join(NAME);
        let mut file = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(&path)?;
        cut_tail(&mut file)?;
        Ok(Self { file, path })
    }

    /// Appends what was measured in an interval: all of it or nothing.
    ///
    /// # Errors
    /// What the system says; what was appended before stays.
    pub fn append(&mut self, latencies: &[StageLatency]) -> io::Result<()> {
        let mut text = String::new();
        for latency in latencies {
            let line = Line {
                stage: latency.stage.clone(),
                start_ns: latency.start.0,
                end_ns: latency.end.0,
                samples: latency.samples,
                histogram: to_hex(&latency.histogram),
            };
            text.push_str(&serde_json::to_string(&line)?);
            text.push('\n');
        }
        let before = self.file.seek(SeekFrom::End(0))?;
        self.file.write_all(text.as_bytes()).inspect_err(|_| {
            // Where this fails too, the line that was begun is cut at the next start.
            let _ = self.file.set_len(before);
        })
    }

    /// Returns the file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// Cuts a line that has no end.
fn cut_tail(file: &mut File) -> io::Result<()> {
    let bytes = file.metadata()?.len();
    let start = bytes.saturating_sub(CHUNK_BYTES);
    let mut tail = Vec::new();
    file.seek(SeekFrom::Start(start))?;
    file.read_to_end(&mut tail)?;
    let whole = tail.iter().rposition(|byte| *byte == b'\n');
    let end = start + whole.map_or(0, |newline| newline as u64 + 1);
    if end < bytes {
        file.set_len(end)
    } else {
        Ok(())
    }
}

impl LatencyReader {
    /// Returns a reader of the file in the journal's folder; one that is not there yet has no lines.
    pub fn new(dir: &Path) -> Self {
        Self {
            path: dir.join(NAME),
            offset_bytes: 0,
        }
    }

    /// Returns the next whole lines without passing them; none where there are no more yet.
    pub fn peek(&self) -> io::Result<Chunk> {
        let mut chunk = Chunk {
            latencies: Vec::new(),
            end_bytes: self.offset_bytes,
        };
        match fs::metadata(&self.path) {
            Ok(metadata) if metadata.len() > self.offset_bytes => {}
            Ok(_) => return Ok(chunk),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(chunk),
            Err(error) => return Err(error),
        }
        let mut file = File::open(&self.path)?;
        file.seek(SeekFrom::Start(self.offset_bytes))?;
        let mut bytes = Vec::new();
        file.take(CHUNK_BYTES).read_to_end(&mut bytes)?;
        for line in bytes.split_inclusive(|byte| *byte == b'\n') {
            if line.last() != Some(&b'\n') {
                break;
            }
            match latency_of(line) {
                Some(latency) => chunk.latencies.push(latency),
                None => tracing::warn!(
                    "{}: the line at byte {} is no latency and is left out",
                    self.path.display(),
                    chunk.end_bytes
                ),
            }
            chunk.end_bytes += line.len() as u64;
        }
        Ok(chunk)
    }

    /// Passes what was read.
    pub const fn pass(&mut self, chunk: &Chunk) {
        self.offset_bytes = chunk.end_bytes;
    }

    /// Returns where the next line begins.
    pub const fn offset_bytes(&self) -> u64 {
        self.offset_bytes
    }

    /// Goes on where another reader of the same file was.
    pub const fn skip_to(&mut self, offset_bytes: u64) {
        self.offset_bytes = offset_bytes;
    }
}

fn latency_of(line: &[u8]) -> Option<StageLatency> {
    let line: Line = serde_json::from_slice(line).ok()?;
    let pairs = line.histogram.as_bytes().chunks(2);
    let byte = |pair| of_hex::<1>(std::str::from_utf8(pair).ok()?).map(|[byte]| byte);
    Some(StageLatency {
        stage: line.stage,
        start: WallNs(line.start_ns),
        end: WallNs(line.end_ns),
        samples: line.samples,
        histogram: pairs.map(byte).collect::<Option<_>>()?,
    })
}

/// Returns stage and start of each line: the keys of the rows that a store makes of them.
pub(crate) fn keys(dir: &Path) -> io::Result<Vec<(String, i64)>> {
    let mut reader = LatencyReader::new(dir);
    let mut keys = Vec::new();
    loop {
        let chunk = reader.peek()?;
        if chunk.end_bytes == reader.offset_bytes() {
            return Ok(keys);
        }
        let latencies = chunk.latencies.iter();
        keys.extend(latencies.map(|latency| (latency.stage.clone(), latency.start.0)));
        reader.pass(&chunk);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample;

    fn latency(start: i64) -> StageLatency {
        StageLatency {
            stage: "risk".to_owned(),
            start: WallNs(start),
            end: WallNs(start + 1),
            samples: 3,
            histogram: vec![0, 1, 254, 255],
        }
    }

    #[test]
    fn lines_are_read_back_once_as_they_come() {
        let dir = sample::scratch();
        let mut reader = LatencyReader::new(dir.path());
        assert!(reader.peek().expect("no file yet").latencies.is_empty());
        let mut writer = LatencyWriter::open(dir.path()).expect("opened");
        for start in 1..4 {
            let written = [latency(start), latency(start + 100)];
            writer.append(&written).expect("appended");
            let chunk = reader.peek().expect("readable");
            assert_eq!(chunk.latencies, written);
            reader.pass(&chunk);
            assert!(reader.peek().expect("readable").latencies.is_empty());
        }
        assert_eq!(keys(dir.path()).expect("readable").len(), 6);
    }

    #[test]
    fn a_line_without_end_is_not_read_and_cut_by_the_next_start() {
        let dir = sample::scratch();
        let mut writer = LatencyWriter::open(dir.path()).expect("opened");
        writer.append(&[latency(1)]).expect("appended");
        let whole = fs::read(writer.path()).expect("readable");
        for cut in 1..whole.len() {
            let torn = [&whole[..], &whole[..cut]].concat();
            fs::write(writer.path(), &torn).expect("written");
            let chunk = LatencyReader::new(dir.path()).peek().expect("readable");
            assert_eq!(chunk.latencies.len(), 1, "cut at {cut}");
            let mut writer = LatencyWriter::open(dir.path()).expect("opened");
            writer.append(&[latency(2)]).expect("appended");
            let found = keys(dir.path()).expect("readable");
            assert_eq!(found, [("risk".to_owned(), 1), ("risk".to_owned(), 2)]);
        }
    }

    #[test]
    fn a_damaged_line_is_left_out_and_the_others_are_not() {
        let dir = sample::scratch();
        let mut writer = LatencyWriter::open(dir.path()).expect("opened");
        writer
            .append(&[latency(1), latency(2), latency(3)])
            .expect("appended");
        let text = fs::read_to_string(writer.path()).expect("readable");
        let spoilt = text.replacen("0001feff\"}\n{", "0001fef\"}\n{", 1);
        assert_ne!(spoilt, text);
        fs::write(writer.path(), spoilt).expect("written");
        let found = keys(dir.path()).expect("readable");
        assert_eq!(found, [("risk".to_owned(), 2), ("risk".to_owned(), 3)]);
    }
}
