//! What came out: rates with their spread, memory, and the machine they were measured on.
//!
//! Made by `main`, printed as text for people or as JSON for what compares figures later.

use serde::Serialize;
use std::fmt;
use std::path::Path;
use std::time::Duration;

/// All figures of one call.
#[derive(Debug, Serialize)]
pub struct Report {
    /// Where it was measured.
    pub machine: Machine,
    /// What was replayed.
    pub session: String,
    /// Frames of one pass.
    pub frames: u64,
    /// Digest of one pass, the same for all subjects.
    pub digest: String,
    /// Digest of all passes, the same for all subjects.
    pub digest_long: String,
    /// Runs of each kind.
    pub runs: u32,
    /// Passes of a long run.
    pub passes: u32,
    /// Frames a second.
    pub rates: Vec<Rate>,
    /// Peaks of resident memory; empty where the system does not tell.
    pub memory: Vec<Memory>,
}

/// The machine.
#[derive(Debug, Serialize)]
pub struct Machine {
    /// Processor, as it names itself; empty where the system does not tell.
    pub processor: String,
    /// Cores that this process may use.
    pub cores: usize,
    /// Load before the measurement: runnable threads, mean of a minute.
    pub load: Option<f64>,
    /// System and architecture.
    pub system: String,
}

/// Frames a second of one subject.
#[derive(Debug, Serialize)]
pub struct Rate {
    /// The binary.
    pub binary: String,
    /// Where its stages ran.
    pub topology: String,
    /// Median of the pairs, a pair being a short run and the long one after it.
    pub frames_per_s: f64,
    /// The slowest pair.
    pub frames_per_s_min: f64,
    /// The fastest pair.
    pub frames_per_s_max: f64,
    /// Median of the short runs, in milliseconds: start-up and one pass.
    pub short_ms: f64,
    /// Median of the long runs, in milliseconds.
    pub long_ms: f64,
}

/// Peaks of resident memory of one subject.
#[derive(Debug, Serialize)]
pub struct Memory {
    /// The binary.
    pub binary: String,
    /// Where its stages ran.
    pub topology: String,
    /// Passes of the long run.
    pub passes: u32,
    /// Peak of one pass.
    pub one_bytes: u64,
    /// Peak of all passes.
    pub many_bytes: u64,
}

impl Machine {
    /// Looks at the machine.
    pub fn read() -> Self {
        let info = std::fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let name = info
            .lines()
            .find_map(|line| line.strip_prefix("model name"));
        let name = name.and_then(|rest| rest.split_once(':'));
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            processor: name.map_or_else(String::new, |(_, name)| name.trim().to_owned()),
            cores: std::thread::available_parallelism().map_or(1, usize::from),
            load: load
                .split_whitespace()
                .next()
                .and_then(|load| load.parse().ok()),
            system: format!("{} {}", std::env::consts::OS, std::env::consts::ARCH),
        }
    }
}

impl Rate {
    /// Returns the rate of `frames`, by which a long run has more than a short one.
    pub fn of(binary: &Path, topology: &str, frames: u64, pairs: &[(Duration, Duration)]) -> Self {
        let (short, long): (Vec<_>, Vec<_>) = pairs.iter().copied().unzip();
        // Without a difference there is no rate: infinite, which JSON writes as null.
        let rates = pairs
            .iter()
            .map(|(short, long)| frames as f64 / long.saturating_sub(*short).as_secs_f64());
        let rates = sorted(rates.collect());
        let ms = |times: Vec<Duration>| {
            median(&sorted(
                times.iter().map(|time| time.as_secs_f64() * 1e3).collect(),
            ))
        };
        Self {
            binary: binary.display().to_string(),
            topology: topology.to_owned(),
            frames_per_s: median(&rates),
            frames_per_s_min: rates.first().copied().unwrap_or(0.0),
            frames_per_s_max: rates.last().copied().unwrap_or(0.0),
            short_ms: ms(short),
            long_ms: ms(long),
        }
    }
}

impl Memory {
    /// Returns by how much many passes need more than one, in bytes; below zero where they need less.
    pub fn growth_bytes(&self) -> i128 {
        i128::from(self.many_bytes) - i128::from(self.one_bytes)
    }
}

fn sorted(mut values: Vec<f64>) -> Vec<f64> {
    values.sort_by(f64::total_cmp);
    values
}

/// Returns the middle of sorted values, or the mean of the two middle ones; 0 of none.
fn median(values: &[f64]) -> f64 {
    let middle = values.len() / 2;
    match (values.get(middle), values.len() % 2) {
        (Some(value), 1) => *value,
        (Some(value), _) => (value + values.get(middle - 1).unwrap_or(value)) / 2.0,
        (None, _) => 0.0,
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine {
            processor,
            cores,
            load,
            system,
        } = &self.machine;
        let load = load.map_or_else(|| "unknown".to_owned(), |load| load.to_string());
        writeln!(
            f,
            "machine   {processor}, {cores} cores, {system}, load {load}"
        )?;
        writeln!(f, "session   {}, {} frames", self.session, self.frames)?;
        writeln!(
            f,
            "method    wall clock around the process; frames of {} passes / (time of {} - time of 1); \
             median of {} pairs in turns",
            self.passes - 1,
            self.passes,
            self.runs
        )?;
        writeln!(
            f,
            "digest    {} (1 pass), {} ({} passes)",
            self.digest, self.digest_long, self.passes
        )?;
        for rate in &self.rates {
            let note = match rate.frames_per_s_max.is_finite() {
                true => "",
                false => "  TOO FEW PASSES: a long run took no longer than a short one",
            };
            writeln!(
                f,
                "replay    {:<6} {:>6.2} M frames/s  ({:.2} to {:.2}; 1 pass {:.0} ms, {} passes {:.0} ms)  {}{note}",
                rate.topology,
                rate.frames_per_s / 1e6,
                rate.frames_per_s_min / 1e6,
                rate.frames_per_s_max / 1e6,
                rate.short_ms,
                self.passes,
                rate.long_ms,
                rate.binary
            )?;
        }
        if self.memory.is_empty() {
            writeln!(f, "memory    not measured: this system does not tell")?;
        }
        for memory in &self.memory {
            writeln!(
                f,
                "memory    {:<6} peak {:.1} MB after 1 pass, {:.1} MB after {} ({:+.2} MB)  {}",
                memory.topology,
                memory.one_bytes as f64 / 1e6,
                memory.many_bytes as f64 / 1e6,
                memory.passes,
                memory.growth_bytes() as f64 / 1e6,
                memory.binary
            )?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_the_median_of_pairs_without_start_up() {
        let ms = Duration::from_millis;
        let pairs = [(ms(10), ms(110)), (ms(20), ms(220)), (ms(10), ms(60))];
        let rate = Rate::of(Path::new("claire"), "fused", 1_000, &pairs);
        let figures = [
            rate.frames_per_s,
            rate.frames_per_s_min,
            rate.frames_per_s_max,
            rate.short_ms,
            rate.long_ms,
        ];
        assert_eq!(
            figures.map(f64::round),
            [10_000.0, 5_000.0, 20_000.0, 10.0, 110.0]
        );
    }

    #[test]
    fn a_median_of_an_even_number_is_the_mean_of_the_middle() {
        let cases: [(&[f64], f64); 4] = [
            (&[], 0.0),
            (&[3.0], 3.0),
            (&[1.0, 2.0], 1.5),
            (&[1.0, 2.0, 9.0], 2.0),
        ];
        for (values, want) in cases {
            assert_eq!(median(values), want, "{values:?}");
        }
    }
}
