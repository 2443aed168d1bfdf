//! One run of the binary: started, waited for, and what it said of its work.
//!
//! Called by `main`, one run at a time. A run that fails ends the measurement with its own words.

use crate::session::Session;
use anyhow::{Context, Result, ensure};
use serde_json::Value;
use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// What a run took and came to.
#[derive(Clone, Debug)]
pub struct Run {
    /// From before the process was started to after it was gone.
    pub elapsed: Duration,
    /// Frames it read.
    pub frames: u64,
    /// Digest of its records.
    pub digest: String,
}

/// Runs a replay at full speed.
///
/// # Errors
/// Where it does not start, fails, or says nothing of its work.
pub fn run(binary: &Path, session: &Session, topology: &str, passes: u32) -> Result<Run> {
    let start = Instant::now();
    let child = start_child(binary, session, topology, passes)?;
    let answer = answer_of(child)?;
    let elapsed = start.elapsed();
    let frames = answer["frames"].as_u64().context("the answer has frames")?;
    let digest = answer["digest"]
        .as_str()
        .context("the answer has a digest")?;
    Ok(Run {
        elapsed,
        frames,
        digest: digest.to_owned(),
    })
}

/// Runs a replay untimed and returns the peak of its resident memory in bytes; `None` where the system does not tell.
///
/// # Errors
/// As [`run`].
pub fn run_watched(
    binary: &Path,
    session: &Session,
    topology: &str,
    passes: u32,
) -> Result<Option<u64>> {
    let mut child = start_child(binary, session, topology, passes)?;
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    // What grows in its last millisecond is missed. The answer is short: it fits the pipe.
    while child.try_wait()?.is_none() {
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        peak = peak.max(peak_bytes(&text));
        std::thread::sleep(LOOK_INTERVAL);
    }
    answer_of(child)?;
    Ok(peak)
}

fn start_child(binary: &Path, session: &Session, topology: &str, passes: u32) -> Result<Child> {
    Command::new(binary)
        .arg("replay")
        .arg(session.path())
        .current_dir(session.folder())
        .args(["--speed", "max", "--json", "--topology", topology])
        .args(["--loop", &passes.to_string()])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("start {}", binary.display()))
}

fn answer_of(mut child: Child) -> Result<Value> {
    let (mut answer, mut words) = (String::new(), String::new());
    if let Some(out) = &mut child.stdout {
        out.read_to_string(&mut answer)?;
    }
    if let Some(out) = &mut child.stderr {
        out.read_to_string(&mut words)?;
    }
    let status = child.wait()?;
    ensure!(
        status.success(),
        "the replay failed ({status}): {answer}{words}"
    );
    serde_json::from_str(&answer).context("the replay answers with JSON")
}

/// Returns the peak of resident memory from the text of `/proc/<id>/status`.
fn peak_bytes(status: &str) -> Option<u64> {
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kilobytes = line.trim().strip_suffix("kB")?.trim();
    kilobytes.parse::<u64>().ok()?.checked_mul(1_024)
}

const LOOK_INTERVAL: Duration = Duration::from_millis(1);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_read_from_the_status() {
        let status = "Name:\tclaire\nVmHWM:\t   34512 kB\nVmRSS:\t   30000 kB\n";
        assert_eq!(peak_bytes(status), Some(34_512 * 1_024));
        assert_eq!(peak_bytes("Name:\tclaire\n"), None);
    }
}
