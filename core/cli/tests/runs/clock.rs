//! Recorded clocks that step, stand or cannot be: told with their place and counted, and no book breaks.

use crate::input::{Case, FRAMES, check, lines, spoilt, trade};
use crate::place::{Place, complaint};

#[test]
fn a_clock_that_is_wrong_breaks_no_book() {
    let stamped = |stamp: &str| -> String {
        let lines = lines().into_iter();
        lines
            .map(|line| format!("{stamp}{}", &line[19..]))
            .collect()
    };
    let fifth = |stamp: &str| {
        let mut lines = lines();
        lines[4] = format!("{stamp}{}", &lines[4][19..]);
        lines.concat()
    };
    let back = [
        "session.txt:5: the clock goes back by 55.004000000 s",
        "engine time stands still",
    ];
    let day = [
        "session.txt:5: the clock jumps ahead by 86400.000000000 s",
        "session.txt:6: the clock goes back by",
        "session.txt:6: from here to the end engine time stands still at 2024-08-09T23:54:15.004",
    ];
    let century = [
        "session.txt:5: the clock jumps ahead",
        "session.txt:6: the clock goes back",
    ];
    let cases: [(&str, String, &[&str], u64); 5] = [
        ("goes backwards", fifth("1723161200000000000"), &back, 1),
        ("is a day ahead", fifth("1723247655004000000"), &day, 2),
        ("jumps a century", fifth("4923161255000000000"), &century, 2),
        (
            "jumps to the last moment",
            fifth("7258118399999999999"),
            &century,
            2,
        ),
        ("stands", stamped("1723161255000000000"), &[], 0),
    ];
    for (name, bytes, words, steps) in cases {
        let case = || Case::of(name, bytes.clone());
        let whole = [("frames", FRAMES), ("clock_steps", steps)];
        check(&case().errors(0).counts(&whole).says(words));
        let strict = case().with(&["--strict"]);
        check(&match steps {
            0 => strict,
            _ => strict
                .exit(1)
                .counts(&whole)
                .says(words)
                .says(&["the recorded clock makes", "--strict"]),
        });
    }
}

#[test]
fn each_pass_is_later_than_all_of_the_one_before() {
    // The last line is stamped before the first.
    let mut lines = lines();
    let last = lines.len() - 1;
    lines[last] = format!("1723161200000000000{}", &lines[last][19..]);
    let one = check(&Case::of("one pass", lines.concat()));
    let three = Case::of("three passes", lines.concat()).with(&["--loop", "3"]);
    let three = check(&three.counts(&[("frames", 3 * FRAMES)]));
    let [once, thrice] = [&one, &three].map(|value| value["last_recv_ns"].as_i64().expect("ns"));
    let first = one["first_recv_ns"].as_i64().expect("ns");
    assert!(once >= first, "{one}");
    let pass = once - first + 1_000_000_000;
    assert_eq!(thrice, once + 2 * pass, "{three}");
}

#[test]
fn receive_times_of_another_unit_are_told_once() {
    for (digits, unit) in [(13, "ms"), (16, "us"), (10, "s")] {
        let cut = |line: String| format!("{}{}", &line[..digits], &line[19..]);
        let lines: String = lines().into_iter().map(cut).collect();
        let place = Place::new();
        std::fs::write(place.path("session.txt"), lines).expect("written");
        let arguments = ["replay", "session.txt", "--venue", "binance-spot"];
        let output = place.claire(&arguments).output().expect("started");
        assert!(output.status.success(), "{unit}");
        let said = complaint(&output);
        let words = format!("and these look like {unit};");
        assert_eq!(said.matches(&words).count(), 1, "{said}");
        assert!(
            said.contains("session.txt: its first receive time is 1970-01-"),
            "{said}"
        );
    }
}

#[test]
fn receive_times_that_cannot_be_are_lines_that_cannot_be_read() {
    let cases = [
        (
            "7258118400000000000",
            "7258118400000000000 ns is not between 1970-01-01",
        ),
        ("9223372036854775806", "9223372036854775806 ns"),
        ("9223372036854775807", "9223372036854775807 ns"),
        ("9223372036.5:", "9223372036500000000 ns"),
        ("9223372036854775808", "unreadable receive time"),
    ];
    for (stamp, words) in cases {
        let spoil = format!("{stamp} {}\n", trade(9, r#""61000.0""#, r#""0.1""#));
        let case = Case::of(stamp, spoilt(spoil)).errors(1);
        let counts = [("trades", 2), ("frames", FRAMES)];
        check(&case.counts(&counts).says(&["session.txt:5: ", words]));
    }
    // Passes that would leave the range are refused; those within it are read.
    let mut far = lines();
    far[6] = format!("7258118390000000000{}", &far[6][19..]);
    let pass = |loops| Case::of(loops, far.concat()).with(&["--loop", loops]);
    check(&pass("1").errors(0));
    check(&pass("200").exit(2).says(&["--loop 200", "2200-01-01"]));
}
