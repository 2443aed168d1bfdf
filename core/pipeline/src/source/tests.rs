//! Recorded files: real ones with the counts of their README, and damaged ones.

use super::*;
use std::io::Write;
use std::path::PathBuf;
use tempfile::TempDir;

/// What a recording gave.
#[derive(Debug, Default, PartialEq, Eq)]
struct Tally {
    lines: u64,
    bodies: u64,
    faults: Vec<LineFault>,
    damages: u64,
    is_ordered: bool,
    frame_bytes: u64,
}

fn tally(recording: &mut Recording) -> Tally {
    let mut tally = Tally {
        is_ordered: true,
        ..Tally::default()
    };
    let mut last = WallNs(i64::MIN);
    while let Some(entry) = recording.next() {
        match entry {
            Entry::Line(line) => {
                tally.lines += 1;
                tally.is_ordered &= line.recv >= last;
                last = line.recv;
                tally.bodies += u64::from(line.url.is_some_and(|url| url.starts_with("http")));
                tally.frame_bytes += line.frame.len() as u64;
            }
            Entry::Fault(fault) => tally.faults.push(fault),
            Entry::Damage(_) => tally.damages += 1,
        }
    }
    tally
}

/// Returns the paths of recorded files, or `None`, said loudly, where this machine has none.
fn recorded(names: &[&str]) -> Option<Vec<PathBuf>> {
    let beside = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let data = std::env::var_os("CLAIRE_DATA").map_or_else(|| PathBuf::from(beside), PathBuf::from);
    let folder = data.join("binance_ws");
    if !folder.is_dir() {
        eprintln!("SKIPPED: no recorded data; set CLAIRE_DATA to run this test");
        return None;
    }
    Some(names.iter().map(|name| folder.join(name)).collect())
}

fn write(folder: &TempDir, name: &str, content: &[u8]) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).expect("a temporary folder");
    path
}

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).expect("memory");
    encoder.finish().expect("memory")
}

/// Frames that do not pack into nothing.
fn frames(count: u64) -> Vec<u8> {
    let mut content = Vec::new();
    let mut noise = 0x9e37_79b9_7f4a_7c15_u64;
    for number in 0..count {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        let stamp = 1_700_000_000_000_000_000 + number;
        writeln!(content, "{stamp} {{\"n\":{number},\"x\":{noise}}}").expect("memory");
    }
    content
}

#[test]
fn real_recordings_have_the_counts_of_their_readme() {
    let cases: &[(&[&str], u64, u64)] = &[
        (&["spot_btcusdt_20240808.txt.gz"], 41_249, 0),
        (&["usdm_btcusdt_20240808.txt.gz"], 93_954, 0),
        (&["cm_btcusd_perp_20240808.txt.gz"], 48_270, 0),
        (
            &[
                "spot_btcusdt_20240808.txt.gz",
                "spot_btcusdt_20240809.txt.gz",
            ],
            41_249 + 58_325,
            0,
        ),
        (
            &[
                "cryptofeed_BINANCE.ws.1.0.txt.gz",
                "cryptofeed_BINANCE.http.0.0.txt.gz",
            ],
            265 + 4,
            4,
        ),
        (
            &[
                "cryptofeed_BINANCE_FUTURES.http.0.0.txt.gz",
                "cryptofeed_BINANCE_FUTURES.ws.1.0.txt.gz",
            ],
            1_535 + 4,
            4,
        ),
        (&["cryptofeed_BINANCE.0.txt.gz"], 1, 1),
    ];
    for (names, lines, bodies) in cases {
        let Some(paths) = recorded(names) else { return };
        let mut recording = Recording::open(&paths).expect("the files are whole");
        let found = tally(&mut recording);
        assert_eq!((found.lines, found.bodies), (*lines, *bodies), "{names:?}");
        assert!(found.is_ordered && found.faults.is_empty(), "{names:?}");
        assert_eq!(found.damages, 0);
        recording.rewind();
        assert_eq!(tally(&mut recording), found, "a second pass, {names:?}");
    }
}

#[test]
fn the_first_and_last_stamps_are_those_of_the_files() {
    let names = [
        "spot_btcusdt_20240809.txt.gz",
        "spot_btcusdt_20240808.txt.gz",
    ];
    let Some(paths) = recorded(&names) else {
        return;
    };
    let mut recording = Recording::open(&paths).expect("the files are whole");
    let first = WallNs(1_723_161_253_937_085_768);
    assert_eq!(recording.first_recv(), Some(first));
    let found = tally(&mut recording);
    assert!(
        found.is_ordered,
        "named in the wrong order, read in the right one"
    );
    assert_eq!(found.lines, 41_249 + 58_325);
    assert_eq!(recording.files()[1].size_bytes(), 1_274_097);
    assert_eq!(recording.files()[1].content_bytes(), 11_104_853);
}

#[test]
fn files_that_overlap_are_merged_and_equal_times_keep_the_order_of_the_names() {
    let folder = folder();
    let first = write(
        &folder,
        "a",
        b"1500000000000000010 {\"a\":1}\n1500000000000000020 {\"a\":2}\nno line\n1500000000000000030 {\"a\":3}\n",
    );
    let second = write(
        &folder,
        "b",
        b"1500000000000000020 {\"b\":1}\n1500000000000000025 {\"b\":2}\n",
    );
    let last = write(
        &folder,
        "c",
        b"1500000000000000030 {\"c\":1}\n1500000000000000005 {\"c\":2}\n",
    );
    let mut recording = Recording::open(&[first, second, last]).expect("plain files");
    let mut seen = Vec::new();
    while let Some(entry) = recording.next() {
        seen.push(match entry {
            Entry::Line(line) => format!(
                "{}: {} {}",
                line.number,
                line.recv.0,
                String::from_utf8_lossy(line.frame)
            ),
            Entry::Fault(fault) => format!("fault {} {}", fault.file, fault.line),
            Entry::Damage(_) => "damage".to_owned(),
        });
    }
    let want = [
        "1: 1500000000000000010 {\"a\":1}",
        "2: 1500000000000000020 {\"a\":2}",
        "fault 0 3",
        "1: 1500000000000000020 {\"b\":1}",
        "2: 1500000000000000025 {\"b\":2}",
        "4: 1500000000000000030 {\"a\":3}",
        "1: 1500000000000000030 {\"c\":1}",
        "2: 1500000000000000005 {\"c\":2}",
    ];
    assert_eq!(seen, want);
}

#[test]
fn a_connection_names_the_frames_after_it() {
    let folder = folder();
    let content =
        b"wss://one <-> 1500000001.0\n1500000001.5: {\"a\":1}\nhttps://two?x=1 -> 1500000001.6: {\"b\":1}\n1500000001.7: {}\n";
    let mut recording = Recording::open(&[write(&folder, "a", content)]).expect("plain");
    let mut urls = Vec::new();
    while let Some(Entry::Line(line)) = recording.next() {
        let frame = &content[line.offset_bytes as usize..];
        assert!(
            frame
                .windows(line.frame.len())
                .any(|part| part == line.frame)
        );
        urls.push((line.recv.0, line.url.map(str::to_owned)));
    }
    let want = [
        (1_500_000_001_500_000_000, "wss://one"),
        (1_500_000_001_600_000_000, "https://two?x=1"),
        (1_500_000_001_700_000_000, "wss://one"),
    ];
    assert_eq!(urls, want.map(|(recv, url)| (recv, Some(url.to_owned()))));
}

#[test]
fn what_is_no_line_is_a_fault_that_says_where() {
    let folder = folder();
    let fault = |line, offset_bytes, what| LineFault {
        file: 0,
        line,
        offset_bytes,
        what,
    };
    let cases: &[(&[u8], u64, &[LineFault])] = &[
        (b"", 0, &[]),
        (b"\n\n", 0, &[]),
        (
            b"1500000000000000001 {}\r\n\r\n1500000000000000002 {}\r\n",
            2,
            &[],
        ),
        (b"1500000000000000001 {}\n1500000000000000002 {}", 2, &[]),
        (
            b"1500000000000000001 {}\n1500000000000000002 {\"a\":",
            1,
            &[fault(2, 23, LineFaultKind::Cut)],
        ),
        (
            b"1500000000000000001 {}\n12",
            1,
            &[fault(2, 23, LineFaultKind::Cut)],
        ),
        (
            b"{\"a\":1}\n1500000000000000002 {}\n",
            1,
            &[fault(1, 0, LineFaultKind::NoTime)],
        ),
        (
            b"1500000000000000001 {}\n\n\xff\xfe\n1500000000000000003 {}\n",
            2,
            &[fault(3, 24, LineFaultKind::Unknown)],
        ),
        (b"1500000000000000001 \xff\xfe\n", 1, &[]),
        (
            b"7258118400000000000 {}\n",
            0,
            &[fault(1, 0, LineFaultKind::TimeRange(RECV_MAX))],
        ),
        (b"1\n", 0, &[fault(1, 0, LineFaultKind::NoFrame)]),
    ];
    for (content, lines, faults) in cases {
        let path = write(&folder, "case", content);
        let found = tally(&mut Recording::open(&[path]).expect("plain"));
        let name = String::from_utf8_lossy(content);
        assert_eq!(
            (found.lines, found.faults.as_slice()),
            (*lines, *faults),
            "{name:?}"
        );
    }
}

#[test]
fn a_huge_line_is_read_within_the_setting_and_a_fault_beyond_it() {
    let folder = folder();
    let mut content = b"1500000000000000001 {\"a\":\"".to_vec();
    content.resize(9 << 20, b'x');
    content.extend(b"\"}\n1500000000000000002 {}\n");
    let path = write(&folder, "huge", &content);
    let found = tally(&mut Recording::open(&[&path]).expect("plain"));
    assert_eq!((found.lines, found.faults.len()), (2, 0));
    let settings = SourceSettings {
        line_bytes_max: 8 << 20,
        ..SourceSettings::default()
    };
    let found = tally(&mut Recording::open_within(&[&path], settings).expect("plain"));
    assert_eq!((found.lines, found.faults.len()), (1, 1));
    assert_eq!(found.faults[0].what, LineFaultKind::TooLong);
}

#[test]
fn a_cut_archive_gives_its_lines_and_then_its_damage() {
    let folder = folder();
    let content = frames(20_000);
    let packings = [
        gzip(&content),
        zstd::encode_all(&content[..], 1).expect("memory"),
    ];
    for packed in packings {
        for part in [4, 2] {
            let cut = &packed[..packed.len() - packed.len() / part];
            let path = write(&folder, "cut", cut);
            let mut recording = Recording::open(&[&path]).expect("a part can be unpacked");
            let damage = recording.damages().next().expect("damaged").clone();
            assert_eq!(
                (&damage.file, damage.offset_bytes),
                (&path, cut.len() as u64)
            );
            let found = tally(&mut recording);
            assert!(
                found.lines > 5_000 && found.lines < 20_000,
                "{}",
                found.lines
            );
            assert_eq!(found.damages, 1);
            assert!(found.faults.len() <= 1, "at most the line that was cut");
            recording.rewind();
            assert_eq!(tally(&mut recording), found, "told again on a second pass");
        }
    }
}

#[test]
fn a_corrupt_archive_gives_what_came_before() {
    let folder = folder();
    let content = frames(50_000);
    let packings = [
        gzip(&content),
        zstd::encode_all(&content[..], 1).expect("memory"),
    ];
    for mut packed in packings {
        let middle = packed.len() / 2;
        packed[middle..middle + 64].fill(0xff);
        let path = write(&folder, "corrupt", &packed);
        let mut recording = Recording::open(&[path]).expect("a part can be unpacked");
        let found = tally(&mut recording);
        assert_eq!(found.damages, 1);
        assert!(found.lines > 5_000, "{}", found.lines);
        let damage = recording.damages().next().expect("damaged");
        // zstd checks a block, of at most 128 KB, before it gives any of it.
        assert!(
            damage.offset_bytes + (128 << 10) >= middle as u64,
            "{damage}"
        );
    }
}

#[test]
fn an_archive_with_a_wrong_checksum_is_not_read() {
    let folder = folder();
    let mut gzip = gzip(&frames(100));
    let checksum = gzip.len() - 8;
    gzip[checksum] ^= 1;
    let mut encoder = zstd::Encoder::new(Vec::new(), 1).expect("memory");
    encoder.include_checksum(true).expect("a setting");
    Write::write_all(&mut encoder, &frames(100)).expect("memory");
    let mut zstd = encoder.finish().expect("memory");
    let checksum = zstd.len() - 2;
    zstd[checksum] ^= 1;
    for packed in [gzip, zstd] {
        let fault = Recording::open(&[write(&folder, "sum", &packed)]).expect_err("untrusted");
        assert!(matches!(fault, SourceError::Untrusted(_)), "{fault}");
        assert!(fault.to_string().contains("checksum"), "{fault}");
    }
}

#[test]
fn what_cannot_be_opened_says_which_file_and_why() {
    let folder = folder();
    let none: [&Path; 0] = [];
    assert!(matches!(Recording::open(&none), Err(SourceError::NoFile)));
    let missing = folder.path().join("missing");
    let fault = Recording::open(&[&missing]).expect_err("not there");
    assert!(fault.to_string().contains("missing"), "{fault}");
    let fault = Recording::open(&[folder.path()]).expect_err("a directory");
    assert!(matches!(fault, SourceError::Read { .. }), "{fault}");
    let path = write(&folder, "broken", b"\x1f\x8b\x08 no archive at all");
    let fault = Recording::open(&[path]).expect_err("nothing to unpack");
    assert!(matches!(fault, SourceError::Damaged(_)), "{fault}");
    let path = write(&folder, "large", &gzip(&frames(1_000)));
    let settings = SourceSettings {
        unpack_bytes_max: 1_000,
        ..SourceSettings::default()
    };
    let fault = Recording::open_within(&[path], settings).expect_err("too large");
    assert!(
        fault.to_string().contains("unpack_bytes_max = 1000"),
        "{fault}"
    );
}

#[test]
fn the_hash_is_that_of_the_file_on_disk() {
    let folder = folder();
    let recording = Recording::open(&[write(&folder, "a", b"1 {}\n")]).expect("plain");
    let hash = recording.files()[0].sha256();
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(hex, WANT);
    const WANT: &str = "06149efcae41e86e9d59d26a744887470bd664cad16facdc592b82fb18c658a3";
}

#[test]
fn prop_any_bytes_are_lines_or_faults_and_never_a_panic() {
    let folder = folder();
    let alphabet = b"019. :{}[]\n\r<->whtps/\xff";
    let mut noise = 0x1234_5678_9abc_def1_u64;
    for _ in 0..300 {
        let mut content = Vec::new();
        for _ in 0..200 {
            noise ^= noise << 13;
            noise ^= noise >> 7;
            noise ^= noise << 17;
            content.push(alphabet[(noise % alphabet.len() as u64) as usize]);
        }
        let path = write(&folder, "any", &content);
        let found = tally(&mut Recording::open(&[path]).expect("plain"));
        let lines = content.split(|byte| *byte == b'\n').count() as u64;
        assert!(found.lines + found.faults.len() as u64 <= lines);
    }
}
