//! Bad input through the binary: each a clear message that says what and where, counted, and no panic.
//!
//! One `check` runs a case; cases are data. The session that they spoil is written by hand: a snapshot, four
//! diffs around it and two trades, of which every number is known. Receive times are in `clock`.

use crate::environment::running::Running;
use crate::place::{Place, complaint};
use serde_json::Value;
use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::{Output, Stdio};

/// What is replayed, and what has to come of it.
pub struct Case {
    name: String,
    file: &'static str,
    bytes: Vec<u8>,
    arguments: Vec<&'static str>,
    exit: i32,
    words: Vec<&'static str>,
    counts: Vec<(&'static str, u64)>,
}

impl Case {
    /// Returns a case of these lines, that is read to its end without a complaint.
    pub fn of(name: &str, bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            name: name.to_owned(),
            file: "session.txt",
            bytes: bytes.into(),
            arguments: vec!["--venue", "binance-spot"],
            exit: 0,
            words: Vec::new(),
            counts: Vec::new(),
        }
    }

    fn file(mut self, file: &'static str) -> Self {
        self.file = file;
        self
    }

    pub fn with(mut self, arguments: &[&'static str]) -> Self {
        self.arguments.extend(arguments);
        self
    }

    pub fn exit(mut self, exit: i32) -> Self {
        self.exit = exit;
        self
    }

    pub fn says(mut self, words: &[&'static str]) -> Self {
        self.words.extend(words);
        self
    }

    pub fn counts(mut self, counts: &[(&'static str, u64)]) -> Self {
        self.counts.extend(counts);
        self
    }

    /// Counts this many errors and still has the whole book.
    pub fn errors(self, errors: u64) -> Self {
        self.counts(&[("errors", errors), ("gaps", 0), ("last_id", 1_008)])
    }
}

/// Runs a case and returns its answer.
pub fn check(case: &Case) -> Value {
    let place = Place::new();
    fs::write(place.path(case.file), &case.bytes).expect("written");
    let mut arguments = vec!["replay", case.file, "--json"];
    arguments.extend(&case.arguments);
    let output = place.claire(&arguments).output().expect("started");
    check_output(&case.name, &output, case.exit, &case.words, &case.counts)
}

pub fn check_output(
    name: &str,
    output: &Output,
    exit: i32,
    words: &[&str],
    counts: &[(&str, u64)],
) -> Value {
    let errors = complaint(output);
    let shown = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(exit), "{name}: {errors}{shown}");
    for word in ["panicked", "bug in claire"] {
        assert!(!errors.contains(word), "{name}: {errors}");
    }
    let value: Value = serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|_| panic!("{name}: {shown}{errors}"));
    assert_eq!(value["ok"], exit == 0, "{name}");
    let said = format!(
        "{errors}{} {}",
        value["error"]["message"].as_str().unwrap_or_default(),
        value["error"]["hint"].as_str().unwrap_or_default()
    ) + &value["clock_steps_first"].to_string();
    for word in words {
        assert!(said.contains(word), "{name}: {word:?} in {said}");
    }
    for (field, count) in counts {
        let book = &value["books"]["binance-spot:BTCUSDT"];
        let found = match *field {
            "last_id" => &book["last_update_id"],
            "levels" => &book["bid_levels"],
            "synced" => &Value::from(u64::from(book["synced"] == true)),
            field => &value[field],
        };
        assert_eq!(
            found.as_u64(),
            Some(*count),
            "{name}: {field} of {shown}{errors}"
        );
    }
    value
}

const STAMP: u64 = 1_723_161_255_000_000_000;

/// Returns the line of a frame that was received so many milliseconds after the start.
pub fn line(ms: u64, frame: &str) -> String {
    format!("{} {frame}\n", STAMP + ms * 1_000_000)
}

fn snapshot(id: u64, bids: &str) -> String {
    format!(
        r#"{{"lastUpdateId":{id},"bids":[{bids}],"asks":[["61000.10000000","2.00000000"],["61000.20000000","1.00000000"]]}}"#
    )
}

fn diff(first: u64, last: u64, bid: &str) -> String {
    format!(
        r#"{{"stream":"btcusdt@depth@100ms","data":{{"e":"depthUpdate","E":1723161255100,"s":"BTCUSDT","U":{first},"u":{last},"b":[{bid}],"a":[]}}}}"#
    )
}

pub fn trade(id: u64, price: &str, qty: &str) -> String {
    format!(
        r#"{{"stream":"btcusdt@trade","data":{{"e":"trade","E":1723161255200,"s":"BTCUSDT","t":{id},"p":{price},"q":{qty},"T":1723161255200,"m":true,"M":true}}}}"#
    )
}

const BIDS: &str = r#"["61000.00000000","1.50000000"],["60999.90000000","3.00000000"]"#;
const BID: &str = r#"["60999.80000000","0.70000000"]"#;

/// Returns the lines of a session without a fault.
pub fn lines() -> Vec<String> {
    let frames = [
        diff(1_001, 1_002, BID),
        snapshot(1_001, BIDS),
        diff(1_003, 1_004, BID),
        trade(1, r#""61000.00000000""#, r#""0.10000000""#),
        diff(1_005, 1_006, BID),
        trade(2, r#""61000.10000000""#, r#""0.20000000""#),
        diff(1_007, 1_008, BID),
    ];
    let numbered = (1..).zip(&frames);
    numbered.map(|(ms, frame)| line(ms, frame)).collect()
}

pub const FRAMES: u64 = 7;

/// Returns the session with a line put in before its fifth.
pub fn spoilt(spoil: impl AsRef<[u8]>) -> Vec<u8> {
    let lines = lines();
    let (before, after) = lines.split_at(4);
    [
        before.concat().as_bytes(),
        spoil.as_ref(),
        after.concat().as_bytes(),
    ]
    .concat()
}

fn spoilt_frame(frame: &str) -> Vec<u8> {
    spoilt(line(4, frame))
}

#[test]
fn a_session_without_a_fault_has_none() {
    let case = Case::of("whole", lines().concat()).errors(0).counts(&[
        ("frames", FRAMES),
        ("trades", 2),
        ("levels", 3),
        ("synced", 1),
    ]);
    check(&case);
}

#[test]
fn lines_that_are_no_frame_are_counted_and_named() {
    let whole = lines().concat();
    let half = whole.len() - 40;
    let at_5 = ["session.txt:5: "];
    let cases = [
        Case::of("half a line at the end", &whole.as_bytes()[..half])
            .counts(&[("errors", 1), ("last_id", 1_006), ("frames", FRAMES - 1)])
            .says(&["session.txt:7: ", "the file ends within this line"]),
        Case::of(
            "half a line in the middle",
            spoilt(r#"1723161255004000000 {"stream":"btc"#.to_owned() + "\n"),
        )
        .errors(1)
        .says(&["session.txt:5: "]),
        Case::of("no time", spoilt("{\"e\":1}\n"))
            .errors(1)
            .says(&["session.txt:5: ", "without receive time"]),
        Case::of("a time of letters", spoilt("17231612550O {}\n"))
            .errors(1)
            .says(&["session.txt:5: ", "receive time"]),
        Case::of(
            "a time of 40 digits",
            spoilt(format!("{} {{}}\n", "9".repeat(40))),
        )
        .errors(1)
        .says(&["session.txt:5: ", "receive time"]),
        Case::of("a time and nothing", spoilt("1723161255004000000\n"))
            .errors(1)
            .says(&at_5),
        Case::of("words", spoilt("not a recording\n"))
            .errors(1)
            .says(&["session.txt:5: ", "no known form"]),
        Case::of("bytes that are no UTF-8", spoilt(b"\xff\xfe\xff\n"))
            .errors(1)
            .says(&at_5),
        Case::of(
            "a frame that is no UTF-8",
            spoilt(b"1723161255004000000 {\"stream\":\"\xff\xfe\"}\n"),
        )
        .errors(1)
        .says(&["session.txt:5: "]),
        Case::of(
            "a bad line before a bad frame",
            [&b"rubbish\n"[..], &spoilt_frame("{}")].concat(),
        )
        .counts(&[("errors", 2)])
        .says(&["session.txt:1: no known form", "session.txt:6: "]),
        Case::of("NUL bytes", spoilt([0; 64])).counts(&[("errors", 1)]),
        Case::of(
            "a line of NUL bytes",
            spoilt([&[0; 64][..], b"\n"].concat()),
        )
        .errors(1)
        .says(&at_5),
        Case::of("CRLF", whole.replace('\n', "\r\n"))
            .errors(0)
            .counts(&[("frames", FRAMES)]),
        Case::of("a byte order mark", format!("\u{feff}{whole}"))
            .errors(0)
            .counts(&[("frames", FRAMES)]),
        Case::of("empty lines", whole.replace('\n', "\n\n \n")).errors(0),
        Case::of("no newline at the end", whole.trim_end())
            .errors(0)
            .counts(&[("frames", FRAMES)]),
        Case::of(
            "a line of 100 MB",
            spoilt(line(
                4,
                &format!("{{\"stream\":\"{}\"}}", "x".repeat(100_000_000)),
            )),
        )
        .errors(1)
        .says(&["session.txt:5: ", "line_bytes_max"]),
        Case::of(
            "a frame of 10 MB",
            spoilt_frame(&format!("{{\"stream\":\"{}\"}}", "x".repeat(10_000_000))),
        )
        .errors(1)
        .says(&["session.txt:5: "]),
    ];
    cases.iter().for_each(|case| drop(check(case)));
}

#[test]
fn an_empty_file_is_a_session_of_nothing() {
    for bytes in [&b""[..], b"\n\n", b"\xef\xbb\xbf"] {
        check(&Case::of("empty", bytes).counts(&[("frames", 0), ("errors", 0), ("orders", 0)]));
    }
    let undecided = Case::of("no venue", lines().concat()[..0].to_owned());
    let undecided = Case {
        arguments: Vec::new(),
        ..undecided
    };
    check(
        &undecided
            .exit(2)
            .says(&["session.txt holds no frame: it is empty"]),
    );
}

fn packed(content: &[u8]) -> Vec<u8> {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content).expect("memory");
    gzip.finish().expect("memory")
}

#[test]
fn a_file_without_a_frame_is_no_recording() {
    let gzip = packed(b"");
    let jsonl = "{\"e\":1}\n".repeat(28);
    let noise = |n: u64| (n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8;
    let random: Vec<u8> = (1..4_096).map(noise).collect();
    let tabs = lines().concat().replace(" {", "\t{");
    let units = lines().concat();
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(units.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let twice = packed(&packed(units.as_bytes()));
    let cases: [(&str, &[u8], &[&str]); 7] = [
        ("an empty archive", &gzip, &["holds no frame: it is empty"]),
        (
            "an archive in an archive",
            &twice,
            &[
                "holds no frame: none of its ",
                "archive in an archive (gzip)",
            ],
        ),
        (
            "UTF-16",
            &wide,
            &["session.txt:1: no known form", "UTF-16 text"],
        ),
        (
            "tabs after the times",
            tabs.as_bytes(),
            &["session.txt:1: an unreadable receive time: wanted are ns and a space"],
        ),
        (
            "random bytes",
            &random,
            &[
                "holds no frame: none of its ",
                "session.txt:1: no known form",
            ],
        ),
        (
            "frames without a time",
            jsonl.as_bytes(),
            &[
                "none of its 28 lines is one",
                "session.txt:1: a frame without receive time",
            ],
        ),
        (
            "one line of words",
            b"words\n",
            &["session.txt:1: no known form"],
        ),
    ];
    for (name, bytes, words) in cases {
        let unnamed = Case {
            arguments: Vec::new(),
            ..Case::of(name, bytes)
        };
        check(
            &unnamed
                .exit(2)
                .says(words)
                .says(&["session.txt holds no frame"]),
        );
        // With a venue its lines are bad frames like any others: counted, named, no failure.
        let lines = words.iter().copied();
        let lines: Vec<_> = lines.filter(|word| word.starts_with("session")).collect();
        check(&Case::of(name, bytes).says(&lines).counts(&[("frames", 0)]));
    }
}

#[test]
fn frames_with_wrong_contents_are_counted_and_named() {
    let qty = r#""0.10000000""#;
    let number_of = |number: &str| trade(9, &format!("\"{number}\""), qty);
    let trades = [
        ("a price of 40 digits", number_of(&"1".repeat(40))),
        (
            "a price with 40 decimals",
            number_of(&format!("1.{}", "1".repeat(40))),
        ),
        ("a negative price", number_of("-61000.1")),
        ("a negative quantity", trade(9, r#""61000.1""#, r#""-0.1""#)),
        ("a price that is no number", number_of("abc")),
        ("an empty price", number_of("")),
        ("a price of two points", number_of("1.2.3")),
        ("a number that is not there", number_of("NaN")),
        ("a huge exponent", number_of("1e400")),
        (
            "a missing price",
            trade(9, r#""61000.1""#, qty).replace(r#""p":"61000.1","#, ""),
        ),
        ("a null price", trade(9, "null", qty)),
        ("a list for a price", trade(9, "[1]", qty)),
        (
            "a missing symbol",
            trade(9, r#""61000.1""#, qty).replace(r#""s":"BTCUSDT","#, ""),
        ),
        (
            "a truncated object",
            trade(9, r#""61000.1""#, qty)
                .trim_end_matches('}')
                .to_owned(),
        ),
        (
            "something behind the object",
            trade(9, r#""61000.1""#, qty) + "}",
        ),
        ("two objects", trade(9, r#""61000.1""#, qty) + "{}"),
        ("nothing", "{}".to_owned()),
        ("a list", "[]".to_owned()),
        ("a number", "17".to_owned()),
        (
            "deep nesting",
            format!("{}{}", "[".repeat(100_000), "]".repeat(100_000)),
        ),
        (
            "an unknown stream",
            r#"{"stream":"btcusdt@weather","data":{"e":"weather","s":"BTCUSDT"}}"#.to_owned(),
        ),
        (
            "an unknown event",
            r#"{"e":"weather","E":1,"s":"BTCUSDT"}"#.to_owned(),
        ),
    ];
    for (name, frame) in trades {
        let case = Case::of(name, spoilt_frame(&frame));
        // Nobody knows what the frame was about: what came after it is a book no more.
        let counts = [
            ("errors", 1),
            ("gaps", 0),
            ("trades", 2),
            ("frames", FRAMES + 1),
        ];
        check(&case.counts(&counts).says(&["session.txt:5: "]));
        let strict = Case::of(name, spoilt_frame(&frame)).with(&["--strict"]);
        let value = check(&strict.exit(1).counts(&counts).says(&[
            "session.txt:5: ",
            "1 frame or line could",
            "--strict",
        ]));
        let place = (&value["error"]["file"], &value["error"]["line"]);
        assert_eq!(place, (&"session.txt".into(), &5.into()), "{name}");
    }
    // No venue writes exponents: one is refused by its name, not read by a rule that nobody tests.
    let exponent = Case::of("an exponent", spoilt_frame(&number_of("6.1e4")));
    check(
        &exponent
            .counts(&[("errors", 1), ("trades", 2)])
            .says(&["session.txt:5: ", "EXPONENT"]),
    );
}

#[test]
fn books_that_do_not_follow_are_stale_until_the_next_snapshot() {
    let resync = line(9, &snapshot(2_000, BIDS)) + &line(10, &diff(2_001, 2_002, BID));
    let gap = line(4, &diff(1_100, 1_101, BID));
    let healed = [lines().concat(), resync].concat();
    let cases = [
        Case::of("a duplicate", spoilt_frame(&diff(1_003, 1_004, BID)))
            .errors(0)
            .counts(&[("synced", 1)]),
        Case::of("an older one", spoilt_frame(&diff(900, 950, BID)))
            .errors(0)
            .counts(&[("synced", 1)]),
        Case::of("a gap", spoilt(&gap)).counts(&[("gaps", 1), ("errors", 0), ("synced", 0)]),
        Case::of(
            "a gap and a snapshot",
            [
                &spoilt(&gap)[..],
                line(9, &snapshot(2_000, BIDS)).as_bytes(),
            ]
            .concat(),
        )
        .counts(&[("gaps", 1), ("last_id", 2_000)]),
        Case::of("a new snapshot without a gap", healed)
            .counts(&[("last_id", 2_002), ("synced", 1)]),
        Case::of("out of order", {
            let mut lines = lines();
            lines.swap(2, 4);
            lines.concat()
        })
        .counts(&[("gaps", 1), ("errors", 0)]),
        Case::of("a snapshot older than the buffer", {
            let mut lines = lines();
            lines[1] = line(2, &snapshot(10, BIDS));
            lines.concat()
        })
        .counts(&[("errors", 0), ("gaps", 0), ("synced", 0)]),
        Case::of("no snapshot", {
            let mut lines = lines();
            lines.remove(1);
            lines.concat()
        })
        .counts(&[
            ("errors", 0),
            ("gaps", 0),
            ("synced", 0),
            ("frames", FRAMES - 1),
        ]),
        Case::of("an empty book", {
            let mut lines = lines();
            lines[1] = line(2, r#"{"lastUpdateId":1001,"bids":[],"asks":[]}"#);
            lines.concat()
        })
        .errors(0)
        .counts(&[("levels", 1)]),
        Case::of("a book of zero sizes", {
            let mut lines = lines();
            lines[1] = line(2, &snapshot(1_001, r#"["61000.0","0.0"]"#));
            lines.concat()
        })
        .errors(0)
        .counts(&[("levels", 1)]),
        Case::of(
            "a level that is no pair",
            spoilt_frame(&diff(1_005, 1_006, r#"["1"]"#)),
        )
        .counts(&[("errors", 1)])
        .says(&["session.txt:5: "]),
        Case::of(
            "a negative size in a diff",
            spoilt_frame(&diff(1_005, 1_006, r#"["61000.0","-1"]"#)),
        )
        .counts(&[("errors", 1)])
        .says(&["session.txt:5: "]),
    ];
    cases.iter().for_each(|case| drop(check(case)));
}

#[test]
fn a_snapshot_before_the_first_change_is_held_for_it_or_told() {
    let cases = [
        Case::of("a snapshot before the first change", {
            let mut lines = lines();
            lines[1] = line(1, &snapshot(1_001, BIDS));
            lines.swap(0, 1);
            lines.concat()
        })
        .errors(0)
        .counts(&[("synced", 1), ("frames", FRAMES), ("levels", 3)]),
        Case::of("a snapshot before all changes, and older", {
            let mut lines = lines();
            lines[1] = line(1, &snapshot(10, BIDS));
            lines.swap(0, 1);
            lines.concat()
        })
        .counts(&[("errors", 0), ("gaps", 0), ("synced", 0)]),
        Case::of(
            "a snapshot and never a change",
            line(1, &snapshot(10, BIDS)),
        )
        .counts(&[("frames", 1), ("errors", 1)])
        .says(&["session.txt:1: ", "no symbol"]),
        Case::of("a snapshot before the changes of two", {
            let mut lines = lines();
            lines[1] = line(1, &snapshot(1_003, BIDS));
            lines.swap(0, 1);
            lines.insert(2, line(1, &diff(7, 8, BID).replace("BTCUSDT", "ETHUSDT")));
            lines.concat()
        })
        .counts(&[("errors", 1), ("synced", 0)])
        .says(&["session.txt:1: ", "no symbol"]),
    ];
    cases.iter().for_each(|case| drop(check(case)));
}

#[test]
fn a_snapshot_that_comes_first_gives_the_book_that_it_gives_in_its_place() {
    let whole = check(&Case::of("in its place", lines().concat()));
    let mut lines = lines();
    lines[1] = line(1, &snapshot(1_001, BIDS));
    lines.swap(0, 1);
    for speed in ["max", "1"] {
        let case = Case::of("first", lines.concat()).with(&["--speed", speed, "--strict"]);
        let first = check(&case);
        assert_eq!(first["books"], whole["books"], "{first}");
        assert_eq!(first["frames"], whole["frames"]);
    }
}

#[test]
fn archives_that_are_damaged_give_what_came_before_the_damage() {
    let mut session = lines().concat().into_bytes();
    for number in 1_009..4_000 {
        session.extend(line(number, &diff(number, number, BID)).bytes());
    }
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&session).expect("memory");
    let gzip = gzip.finish().expect("memory");
    let zstd = zstd::encode_all(&session[..], 1).expect("memory");
    let garbled = |packed: &[u8]| {
        let mut packed = packed.to_owned();
        let middle = packed.len() / 2;
        let garbage = b"this is no archive any more, and it is not a part of one either!";
        packed[middle..middle + garbage.len()].copy_from_slice(garbage);
        packed
    };
    let whole = [("errors", 0), ("last_id", 3_999)];
    for (file, packed) in [("session.txt.gz", &gzip), ("session.txt.zst", &zstd)] {
        check(&Case::of("whole", &packed[..]).file(file).counts(&whole));
        check(&Case::of("whole under another name", &packed[..]).counts(&whole));
        let mut damages = vec![
            ("truncated", packed[..packed.len() - 9].to_owned()),
            ("half", packed[..packed.len() / 2].to_owned()),
            (
                "with a tail",
                [&packed[..], b"tail of something else"].concat(),
            ),
        ];
        // zstd notices within a block; what gzip unpacks of garbage is told apart by its checksum alone.
        match file.ends_with("zst") {
            true => damages.push(("garbled", garbled(packed))),
            false => {
                let wrong = Case::of("garbled", garbled(packed)).file(file).exit(1);
                check(&wrong.says(&[file, "checksum", "nothing of it is read"]));
            }
        }
        for (name, bytes) in damages {
            let value = check(
                &Case::of(name, bytes)
                    .file(file)
                    .says(&[file, "is damaged at byte"]),
            );
            assert!(value["errors"].as_u64() > Some(0), "{file} {name}: {value}");
            // What only ends early is right up to its end; else any byte before the damage may be wrong.
            let is_cut = matches!(name, "truncated" | "half");
            let is_synced = value["books"]["binance-spot:BTCUSDT"]["synced"].as_bool();
            assert_eq!(is_synced, Some(is_cut), "{file} {name}: {value}");
        }
        let cut = Case::of("only its head", &packed[..6]).file(file).exit(1);
        check(&cut.says(&[file, "damaged"]));
    }
    // A name says nothing: what is no archive is read as text.
    check(
        &Case::of("text", lines().concat())
            .file("session.txt.gz")
            .errors(0),
    );
}

#[test]
fn files_that_are_none_are_refused_by_name() {
    let place = Place::new();
    fs::write(place.path("session.txt"), lines().concat()).expect("written");
    fs::create_dir(place.path("folder")).expect("made");
    let cases: [(&str, i32, &[&str]); 19] = [
        ("replay nothing.txt", 1, &["nothing.txt", "No such file"]),
        ("replay folder", 1, &["folder", "directory"]),
        ("replay /dev/zero", 1, &["/dev/zero", "device"]),
        ("replay /dev/null", 1, &["/dev/null", "device"]),
        (
            "replay session.txt session.txt",
            2,
            &["session.txt", "twice", "--loop"],
        ),
        (
            "replay session.txt ./session.txt",
            2,
            &["./session.txt", "twice"],
        ),
        ("replay session.txt --loop 0", 2, &["--loop"]),
        ("replay session.txt --loop 4294967296", 2, &["--loop"]),
        ("replay session.txt --speed 0.5", 2, &["--speed"]),
        ("replay session.txt --speed -1", 2, &["no speed", "max"]),
        ("paper --speed -1", 2, &["no speed", "max"]),
        ("paper --for -1s", 2, &["--for", "-1s"]),
        (
            "replay session.txt --venue nasdaq",
            2,
            &["--venue", "nasdaq"],
        ),
        ("replay", 2, &["FILE"]),
        ("verify nowhere", 1, &["nowhere", "No such file"]),
        ("verify folder", 1, &["folder", "holds no journal"]),
        (
            "explain c1-1 --journal folder",
            1,
            &["folder", "holds no journal"],
        ),
        ("explain one --journal folder", 2, &["one"]),
        (
            "db rebuild --journal folder",
            1,
            &["folder", "holds no journal"],
        ),
    ];
    for (line, exit, words) in cases {
        let mut arguments: Vec<_> = line.split(' ').collect();
        arguments.push("--json");
        let output = place.claire(&arguments).output().expect("started");
        check_output(line, &output, exit, words, &[]);
    }
}

#[test]
fn a_pipe_is_read_once_and_refused_where_a_journal_would_refer_to_it() {
    let place = Place::new();
    let run = |arguments: &[&str]| {
        let mut command = place.claire(&["replay", "/dev/stdin", "--json"]);
        let command = command.args(arguments).stdin(Stdio::piped());
        let mut running = Running::start(command);
        let mut stdin = running.stdin();
        // A run that refuses has closed it.
        let _ = stdin.write_all(lines().concat().as_bytes());
        drop(stdin);
        running.end()
    };
    let counts = [("frames", FRAMES), ("errors", 0), ("last_id", 1_008)];
    check_output("a pipe", &run(&[]), 0, &[], &counts);
    let words = ["/dev/stdin", "read again"];
    check_output("with a journal", &run(&["--journal", "j"]), 2, &words, &[]);
    assert!(!place.path("j").exists());
}

#[test]
fn a_huge_number_of_passes_ends_when_it_is_told_to() {
    let place = Place::new();
    fs::write(place.path("session.txt"), lines().concat()).expect("written");
    let mut arguments = vec!["replay", "session.txt", "--json", "--loop", "4294967295"];
    arguments.extend(["--strategy", "churn", "--journal", "journal"]);
    let mut command = place.claire(&arguments);
    let mut running = Running::start(&mut command);
    // It is under way when its journal grows.
    let segment = place.path("journal/journal-000001.claire");
    let is_growing = || fs::metadata(&segment).is_ok_and(|file| file.len() > 20_000);
    running.wait_until("the journal grows", is_growing);
    running.tell("-TERM");
    let output = running.end();
    let counts = [("errors", 0), ("gaps", 0)];
    let value = check_output(
        "loop",
        &output,
        1,
        &["interrupted after", "journal"],
        &counts,
    );
    assert!(value["frames"].as_u64() > Some(FRAMES));
}

#[test]
fn places_that_cannot_be_written_are_named() {
    let place = Place::new();
    fs::write(place.path("session.txt"), lines().concat()).expect("written");
    fs::write(place.path("file"), "text").expect("written");
    let cases: [(&str, i32, &[&str]); 9] = [
        ("--journal file", 1, &["file"]),
        ("--journal file/below", 1, &["file/below"]),
        ("--journal /proc/none/journal", 1, &["/proc/none/journal"]),
        ("--store sqlite:file/run.db", 1, &["file/run.db", "open"]),
        (
            "--store sqlite:nowhere/run.db",
            1,
            &["nowhere/run.db", "open"],
        ),
        ("--store sqlite:.", 1, &["sqlite:.", "open"]),
        (
            "--store sqlite:session.txt",
            1,
            &["session.txt", "not a database"],
        ),
        (
            "--store mysql://me:secret@host/db",
            2,
            &["mysql://me:***@host/db"],
        ),
        (
            "--store postgres://me:secret@127.0.0.1:9/none",
            1,
            &["me:***@127.0.0.1:9", "refused"],
        ),
    ];
    for (options, exit, words) in cases {
        let line = format!("replay session.txt --venue binance-spot --json {options}");
        let arguments: Vec<_> = line.split(' ').collect();
        let output = place.claire(&arguments).output().expect("started");
        let value = check_output(options, &output, exit, words, &[]);
        assert!(!value.to_string().contains("secret"), "{value}");
    }
    let kept = fs::read_to_string(place.path("session.txt")).expect("there");
    assert_eq!(
        kept,
        lines().concat(),
        "a store was written over the recording"
    );
}

#[test]
fn foreign_json_is_refused_where_it_is_none_and_taken_where_it_is_an_extra_field() {
    let data = std::env::var_os("CLAIRE_DATA").map(std::path::PathBuf::from);
    let suite = data.map(|data| data.join("json_suite/test_parsing"));
    let Some(suite) = suite.filter(|suite| suite.is_dir()) else {
        eprintln!("SKIPPED: no recorded data (CLAIRE_DATA), so no json_suite");
        return;
    };
    let files = suite_of(&suite);
    // A line holds no newline: those files cannot be frames of a recording.
    let frames = files.iter().filter(|(_, bytes)| !bytes.contains(&b'\n'));
    let (mut whole, mut count) = (Vec::new(), 0);
    for (name, bytes) in frames {
        whole.extend(
            format!("{} ", STAMP + 4_000_000)
                .bytes()
                .chain(bytes.iter().copied()),
        );
        whole.push(b'\n');
        count += 1;
        let spliced = [
            &br#"{"stream":"btcusdt@trade","data":{"e":"trade","E":1723161255200,"s":"BTCUSDT","t":9,"p":"61000.1","q":"0.1","T":1723161255200,"m":true,"M":true,"x":"#[..],
            bytes,
            b"}}",
        ];
        let spliced = [
            line(4, "").trim_end().as_bytes(),
            b" ",
            &spliced.concat(),
            b"\n",
        ]
        .concat();
        let case = Case::of(name, spoilt(spliced));
        match name.chars().next() {
            Some('y') => drop(check(&case.errors(0).counts(&[("trades", 3)]))),
            Some('n') => drop(check(
                &case
                    .counts(&[("errors", 1), ("trades", 2)])
                    .says(&["session.txt:5: "]),
            )),
            // What the suite leaves open: one or the other, and no panic.
            _ => drop(check(&case.counts(&[("gaps", 0)]))),
        }
    }
    assert!(count > 200, "{count} files");
    let value = check(
        &Case::of("the suite whole", spoilt(whole)).counts(&[("gaps", 0), ("last_id", 1_008)]),
    );
    assert_eq!(value["errors"].as_u64(), Some(count), "{value}");
}

fn suite_of(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let entries = fs::read_dir(folder).expect("readable").flatten();
    let mut files: Vec<_> = entries
        .map(|entry| {
            let bytes = fs::read(entry.path()).expect("readable");
            (entry.file_name().to_string_lossy().into_owned(), bytes)
        })
        .collect();
    files.sort();
    files
}
