//! Synthetic stages through both topologies.

use super::*;
use crate::ring::{MESSAGE_CELLS_MAX, MessageConsumer, MessageProducer, RING_CELLS, ring};
use claire_types::CellBuffer;
use claire_types::cell::Tag;

/// Writes numbered messages, more of them than the ring holds.
struct Source {
    out: MessageProducer,
    buffer: CellBuffer,
    next: u64,
    end: u64,
}

/// Passes messages on with a running sum, panicking where told.
struct Pass {
    input: MessageConsumer,
    out: MessageProducer,
    buffer: CellBuffer,
    sum: u64,
    panics_at: Option<u64>,
}

/// Collects sums.
struct Sink {
    input: MessageConsumer,
    sums: Vec<u64>,
}

impl Stage for Source {
    fn name(&self) -> StageName {
        const { StageName::new("source") }
    }

    fn turn(&mut self) -> Turn {
        if self.next == self.end {
            return Turn::Done;
        }
        if self.out.room() < MESSAGE_CELLS_MAX {
            return Turn::Blocked;
        }
        self.buffer.clear();
        self.buffer.begin(1, 0, 0, self.next);
        for _ in 0..self.next % 900 {
            self.buffer.push(0, 0);
        }
        self.buffer.end();
        self.out.try_write(self.buffer.as_slice()).expect("room");
        self.next += 1;
        Turn::Worked
    }

    fn stop(&mut self) -> Turn {
        if self.out.room() < 1 {
            return Turn::Blocked;
        }
        self.buffer.clear();
        self.buffer.begin(2, 0, 0, 1_000_000);
        self.buffer.end();
        self.out.try_write(self.buffer.as_slice()).expect("room");
        Turn::Done
    }

    fn close(&mut self) {
        self.out.close();
    }
}

impl Stage for Pass {
    fn name(&self) -> StageName {
        const { StageName::new("pass") }
    }

    fn turn(&mut self) -> Turn {
        if self.out.room() < 1 {
            return Turn::Blocked;
        }
        let Some(available) = self.input.peek() else {
            return if self.input.is_ended() {
                Turn::Done
            } else {
                Turn::Idle
            };
        };
        let (message, _) = available.cells().split_message().expect("whole");
        let number = message.at(0).expect("first").high;
        assert!(self.panics_at != Some(number), "told to panic at {number}");
        self.sum += number;
        let taken = message.len();
        available.advance(taken);
        self.buffer.clear();
        self.buffer.begin(3, 0, 0, self.sum);
        self.buffer.end();
        self.out.try_write(self.buffer.as_slice()).expect("room");
        Turn::Worked
    }

    fn close(&mut self) {
        self.out.close();
    }
}

impl Stage for Sink {
    fn name(&self) -> StageName {
        const { StageName::new("sink") }
    }

    fn turn(&mut self) -> Turn {
        let Some(available) = self.input.peek() else {
            return if self.input.is_ended() {
                Turn::Done
            } else {
                Turn::Idle
            };
        };
        let cells = available.cells();
        for cell in cells.iter() {
            assert_eq!(Tag::of(cell.low).cells, 1);
            self.sums.push(cell.high);
        }
        let taken = cells.len();
        available.advance(taken);
        Turn::Worked
    }
}

fn stages(end: u64, panics_at: Option<u64>) -> (Source, Pass, Sink) {
    let (first_out, first_in) = ring(RING_CELLS);
    let (second_out, second_in) = ring(RING_CELLS);
    let source = Source {
        out: first_out,
        buffer: CellBuffer::default(),
        next: 1,
        end,
    };
    let pass = Pass {
        input: first_in,
        out: second_out,
        buffer: CellBuffer::default(),
        sum: 0,
        panics_at,
    };
    let sink = Sink {
        input: second_in,
        sums: Vec::new(),
    };
    (source, pass, sink)
}

fn run_all(
    topology: Topology,
    (source, pass, sink): &mut (Source, Pass, Sink),
    settings: RunSettings<'_>,
) -> Result<(), PipelineDown> {
    let placed = vec![
        Placed::in_flow(source),
        Placed::in_flow(pass),
        Placed::in_flow(sink).on_own_thread(),
    ];
    run(topology, placed, settings)
}

fn no_death(down: &PipelineDown) {
    panic!("unexpected: {down}");
}

const BOTH: [Topology; 2] = [Topology::Fused, Topology::Split];

#[test]
fn both_topologies_give_the_same_and_all_of_it() {
    let want: Vec<u64> = (1..20_000_u64).map(|n| n * (n + 1) / 2).collect();
    for topology in BOTH {
        let mut all = stages(20_000, None);
        let stop = AtomicBool::new(false);
        run_all(topology, &mut all, RunSettings::new(&stop, &no_death)).expect("no death");
        assert!(all.2.sums == want, "{topology:?}");
        assert!(all.1.input.used_max() > 0);
    }
}

#[test]
fn the_stop_flag_ends_the_first_stage_and_the_rest_drains() {
    for topology in BOTH {
        let mut all = stages(u64::MAX, None);
        let stop = AtomicBool::new(false);
        scope(|scope| {
            scope.spawn(|| {
                run_all(topology, &mut all, RunSettings::new(&stop, &no_death)).expect("no death");
            });
            stop.store(true, Ordering::Relaxed);
        });
        let (source, pass, sink) = all;
        let written = (source.next - 1) * source.next / 2;
        assert_eq!(pass.sum, written + 1_000_000, "{topology:?}");
        assert_eq!(sink.sums.len() as u64, source.next, "{topology:?}");
    }
}

#[test]
fn a_panic_calls_the_hook_drains_the_rest_and_is_reported() {
    for topology in BOTH {
        let mut all = stages(u64::MAX, Some(500));
        let stop = AtomicBool::new(false);
        let seen = Mutex::new(None);
        let on_death = |down: &PipelineDown| {
            *seen.lock().expect("unpoisoned") = Some(down.clone());
        };
        let down = run_all(topology, &mut all, RunSettings::new(&stop, &on_death));
        let down = down.expect_err("the stage panicked");
        assert_eq!(down.stage.as_str(), "pass");
        assert_eq!(down.cause, DeathCause::Panic("told to panic at 500".into()));
        assert_eq!(seen.into_inner().expect("unpoisoned"), Some(down));
        assert_eq!(
            all.2.sums.len(),
            499,
            "{topology:?}: what was written before is drained"
        );
    }
}

#[test]
fn a_hook_that_panics_does_not_hide_the_death() {
    let mut all = stages(u64::MAX, Some(3));
    let stop = AtomicBool::new(false);
    let down = run_all(
        Topology::Fused,
        &mut all,
        RunSettings::new(&stop, &no_death),
    );
    assert_eq!(down.expect_err("the stage panicked").stage.as_str(), "pass");
}

/// Leaves at once without reading.
struct Deserter(
    #[expect(dead_code, reason = "held so that the ring is not abandoned")] MessageConsumer,
);

impl Stage for Deserter {
    fn name(&self) -> StageName {
        const { StageName::new("deserter") }
    }

    fn turn(&mut self) -> Turn {
        Turn::Done
    }
}

#[test]
fn a_stage_that_nobody_reads_any_more_is_a_death_not_a_deadlock() {
    for topology in BOTH {
        let (mut source, pass, _sink) = stages(u64::MAX, None);
        let mut deserter = Deserter(pass.input);
        let placed = vec![Placed::in_flow(&mut source), Placed::in_flow(&mut deserter)];
        let stop = AtomicBool::new(false);
        let down = run(topology, placed, RunSettings::new(&stop, &|_| {}));
        let down = down.expect_err("nobody makes room");
        assert_eq!(
            (down.stage.as_str(), down.cause),
            ("source", DeathCause::Stuck)
        );
    }
}

/// Never ends and never panics.
struct Idler;

impl Stage for Idler {
    fn name(&self) -> StageName {
        const { StageName::new("idler") }
    }

    fn turn(&mut self) -> Turn {
        Turn::Idle
    }
}

#[test]
fn a_stage_that_does_not_drain_in_time_is_left_behind() {
    for topology in BOTH {
        let (mut source, mut pass, _sink) = stages(u64::MAX, Some(1));
        let mut idler = Idler;
        let placed = vec![
            Placed::in_flow(&mut source),
            Placed::in_flow(&mut pass),
            Placed::in_flow(&mut idler),
        ];
        let stop = AtomicBool::new(false);
        let settings = RunSettings {
            drain_ns_max: 1_000_000,
            ..RunSettings::new(&stop, &|_| {})
        };
        let down = run(topology, placed, settings).expect_err("the stage panicked");
        assert_eq!(down.stage.as_str(), "pass");
    }
}

/// Never comes back from its turn.
struct Hanger;

impl Stage for Hanger {
    fn name(&self) -> StageName {
        const { StageName::new("hanger") }
    }

    fn turn(&mut self) -> Turn {
        loop {
            std::thread::park();
        }
    }
}

/// Runs itself again as a process of its own, which the pipeline then aborts.
#[cfg(unix)]
#[test]
fn a_death_aborts_the_process_though_a_stage_hangs() {
    use std::os::unix::process::ExitStatusExt;
    const CHILD: &str = "CLAIRE_TEST_ABORTS";
    const ABORTED: i32 = 6;
    if std::env::var_os(CHILD).is_some() {
        let (mut source, mut pass, _sink) = stages(u64::MAX, Some(1));
        let mut hanger = Hanger;
        let placed = vec![
            Placed::in_flow(&mut source),
            Placed::in_flow(&mut pass),
            Placed::in_flow(&mut hanger).on_own_thread(),
        ];
        let stop = AtomicBool::new(false);
        let settings = RunSettings {
            drain_ns_max: 1_000_000,
            hang_ns_max: 2_000_000,
            ..RunSettings::new(&stop, &|_| eprintln!("the hook was called"))
        };
        let _ = run(Topology::Fused, placed, settings);
        unreachable!("the process was aborted");
    }
    let test = "topology::tests::a_death_aborts_the_process_though_a_stage_hangs";
    let child = || {
        let mut child = std::process::Command::new(std::env::current_exe().expect("this test"));
        child.args(["--exact", test, "--nocapture"]).env(CHILD, "1");
        child
    };
    // Nobody can be told: it dies all the same.
    let (reader, closed) = std::io::pipe().expect("a pipe");
    drop(reader);
    let untold = child().stderr(closed).output().expect("the test runs");
    assert_eq!(untold.status.signal(), Some(ABORTED));
    let child = child().output().expect("the test runs");
    let said = String::from_utf8_lossy(&child.stderr);
    assert_eq!(child.status.signal(), Some(ABORTED), "{said}");
    let hook = said.find("the hook was called").expect("called");
    let reason = said.find("claire: stage pass died: panic: told to panic at 1");
    assert!(hook < reason.expect("printed"), "{said}");
}
