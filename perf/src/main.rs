//! Measures `claire replay` from outside: frames a second by the wall clock, start-up subtracted, and memory.
//!
//! Run by people and by `tests/run`, through `perf/run`. It starts the binary again and again, one run
//! after the other; what is compared takes turns, so that a busy moment of the machine meets all alike. Runs
//! whose digests differ are not compared: they did not do the same work.

mod child;
mod figures;
mod session;

use anyhow::{Context, Result, ensure};
use child::{Run, run, run_watched};
use clap::Parser;
use figures::{Machine, Memory, Rate, Report};
use session::Session;
use std::path::PathBuf;

/// What is measured, and how often.
#[derive(Debug, Parser)]
#[command(name = "claire-perf", version, about, long_about = None)]
struct Arguments {
    /// A `claire` binary; several are compared. Default: the one beside this program.
    #[arg(long = "binary", value_name = "PATH")]
    binaries: Vec<PathBuf>,
    /// Where the stages run.
    #[arg(
        long = "topology",
        value_name = "T",
        value_delimiter = ',',
        default_value = "auto,fused,split"
    )]
    topologies: Vec<String>,
    /// Runs of each kind.
    #[arg(long, value_name = "N", default_value_t = 9, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    runs: u32,
    /// Passes of a long run; a short one has one.
    #[arg(long, value_name = "N", default_value_t = 20, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    passes: u32,
    /// Passes of the run whose memory is compared with that of one pass.
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    memory_passes: u32,
    /// A recorded session; default: the spot session in the folder CLAIRE_DATA, else one made here.
    #[arg(long, value_name = "FILE")]
    session: Option<PathBuf>,
    /// Seconds of the made session.
    #[arg(long, value_name = "S", default_value_t = 346)]
    made_seconds: u32,
    /// Print one JSON object instead of text.
    #[arg(long)]
    json: bool,
}

/// A binary with a topology: one line of the report.
#[derive(Clone, Debug)]
struct Subject {
    binary: PathBuf,
    topology: String,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let session = Session::open(arguments.session.as_deref(), arguments.made_seconds)?;
    let subjects = subjects(&arguments)?;
    // Memory first: its runs are also the warm-up of the timed ones.
    let memory = memory(&subjects, &session, arguments.memory_passes)?;
    let rates = rates(&subjects, &session, &arguments)?;
    let report = Report {
        machine: Machine::read(),
        session: session.description().to_owned(),
        frames: rates.frames,
        digest: rates.digest,
        digest_long: rates.digest_long,
        runs: arguments.runs,
        passes: arguments.passes,
        rates: rates.lines,
        memory,
    };
    match arguments.json {
        true => println!("{}", serde_json::to_string(&report)?),
        false => print!("{report}"),
    }
    Ok(())
}

fn subjects(arguments: &Arguments) -> Result<Vec<Subject>> {
    let mut binaries = arguments.binaries.clone();
    if binaries.is_empty() {
        let own = std::env::current_exe().context("where this program stands")?;
        binaries.push(own.with_file_name(format!("claire{}", std::env::consts::EXE_SUFFIX)));
    }
    for binary in &mut binaries {
        // The runs have a folder of their own: a path must mean the same there.
        let found = binary.canonicalize();
        *binary = found.with_context(|| {
            let hint = "build it: cargo build --release";
            format!("no binary {}; {hint}", binary.display())
        })?;
    }
    let pairs = binaries.iter().flat_map(|binary| {
        let topologies = arguments.topologies.iter();
        topologies.map(|topology| Subject {
            binary: binary.clone(),
            topology: topology.clone(),
        })
    });
    Ok(pairs.collect())
}

/// Timed runs of all subjects.
struct Rates {
    frames: u64,
    digest: String,
    digest_long: String,
    lines: Vec<Rate>,
}

/// Runs every subject once short and once long, in turns, as often as asked.
fn rates(subjects: &[Subject], session: &Session, arguments: &Arguments) -> Result<Rates> {
    let mut pairs = vec![Vec::new(); subjects.len()];
    let (mut short, mut long): (Option<Run>, Option<Run>) = (None, None);
    for _ in 0..arguments.runs {
        for (subject, pairs) in subjects.iter().zip(&mut pairs) {
            let one = run(&subject.binary, session, &subject.topology, 1)?;
            let many = run(
                &subject.binary,
                session,
                &subject.topology,
                arguments.passes,
            )?;
            same_work(short.get_or_insert_with(|| one.clone()), &one)?;
            same_work(long.get_or_insert_with(|| many.clone()), &many)?;
            pairs.push((one.elapsed, many.elapsed));
        }
    }
    let (short, long) = short.zip(long).context("at least one run of one subject")?;
    ensure!(
        long.frames == short.frames * u64::from(arguments.passes),
        "{} passes had {} frames, one has {}",
        arguments.passes,
        long.frames,
        short.frames
    );
    let frames = short.frames * u64::from(arguments.passes - 1);
    let lines = subjects.iter().zip(&pairs);
    let lines =
        lines.map(|(subject, pairs)| Rate::of(&subject.binary, &subject.topology, frames, pairs));
    Ok(Rates {
        frames: short.frames,
        digest: short.digest,
        digest_long: long.digest,
        lines: lines.collect(),
    })
}

/// Compares the peak of resident memory of one pass with that of many.
fn memory(subjects: &[Subject], session: &Session, passes: u32) -> Result<Vec<Memory>> {
    let mut lines = Vec::new();
    for subject in subjects {
        let peak = |passes| run_watched(&subject.binary, session, &subject.topology, passes);
        let (one, many) = (peak(1)?, peak(passes)?);
        if let Some((one_bytes, many_bytes)) = one.zip(many) {
            lines.push(Memory {
                binary: subject.binary.display().to_string(),
                topology: subject.topology.clone(),
                passes,
                one_bytes,
                many_bytes,
            });
        }
    }
    Ok(lines)
}

/// Refuses runs that did not come to the same end.
fn same_work(first: &Run, other: &Run) -> Result<()> {
    ensure!(
        (first.frames, &first.digest) == (other.frames, &other.digest),
        "these runs did not do the same work and are not compared: {} frames, digest {}; {} frames, digest {}",
        first.frames,
        first.digest,
        other.frames,
        other.digest
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn runs_with_different_digests_are_not_compared() {
        let run = |frames, digest: &str| Run {
            elapsed: Duration::from_secs(1),
            frames,
            digest: digest.to_owned(),
        };
        assert!(same_work(&run(5, "aa"), &run(5, "aa")).is_ok());
        for other in [run(6, "aa"), run(5, "ab")] {
            let refused = same_work(&run(5, "aa"), &other).expect_err("not the same work");
            assert!(refused.to_string().contains("not compared"), "{refused}");
        }
    }
}
