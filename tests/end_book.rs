//! What `claire replay --json` says of the market is right: every field against a second, independent computation.
//!
//! Runs the binary. On every recorded session where there is data, and always on recordings that the
//! test makes: one whole, one with a gap, one with a gap and a later snapshot.

mod oracle;
mod program;

use oracle::lines::{Frame, frames_of};
use oracle::{Oracle, Product};
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Compares field by field; all differences at once.
fn check(name: &str, product: Product, folder: &Path, files: &[PathBuf], more: &[&str]) -> Value {
    let paths: Vec<_> = files.iter().map(PathBuf::as_path).collect();
    let expected = Oracle::of(product, &frames_of(&paths)).expected();
    let said = program::replay(folder, files, more);
    let fields = expected.as_object().expect("an object");
    let wrong: Vec<_> = fields
        .iter()
        .filter(|(field, value)| said[field.as_str()] != **value)
        .map(|(field, value)| format!("{field}: {} is not {value}", said[field.as_str()]))
        .collect();
    assert!(wrong.is_empty(), "{name}:\n{}", wrong.join("\n"));
    println!(
        "{name}: {} frames, {} events, {} errors, {} gaps, {} trades, {} books equal",
        said["frames"],
        said["events"],
        said["errors"],
        said["gaps"],
        said["trades"],
        fields["books"].as_object().map_or(0, |books| books.len()),
    );
    said
}

fn product_of(venue: &str) -> Product {
    match venue {
        "binance-spot" => Product::Spot,
        "binance-usdm" => Product::Usdm,
        "binance-coinm" => Product::Coinm,
        other => panic!("no product {other}"),
    }
}

#[test]
fn the_end_of_every_recorded_session_is_as_computed_independently() {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, venue, files) in program::SESSIONS {
        let Some(files) = program::recorded(files) else {
            continue;
        };
        let said = check(name, product_of(venue), folder.path(), &files, &[]);
        assert_eq!(
            said["gaps"], 0,
            "{name}: the recording is known to be whole"
        );
        for (key, book) in said["books"].as_object().expect("books") {
            assert_eq!(book["synced"], true, "{name} {key}");
        }
    }
}

#[test]
fn the_frames_recorded_one_by_one_are_read_as_computed_independently() {
    let Some(files) = program::recorded(&["binance_single_frames_2021_2022.jsonl"]) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(&files[0]).expect("text");
    let rows: Vec<Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    for (product, host) in [
        (Product::Spot, "https://api.binance.com/api/v3"),
        (Product::Usdm, "https://fapi.binance.com/fapi/v1"),
    ] {
        let of_product = |row: &&Value| (row["market"] == "spot") == (product == Product::Spot);
        let mut lines = String::new();
        for (number, row) in rows.iter().filter(of_product).enumerate() {
            let frame = row["raw"].as_str().expect("a frame");
            lines += &match (row["kind"].as_str(), row["market"].as_str()) {
                // The request named the symbol; the answer does not.
                (Some("l2_snapshot"), Some("linear_future")) => {
                    format!("{host}/depth?symbol=BTCUSDT_220624&limit=3 -> {number}.5: {frame}\n")
                }
                (Some("l2_snapshot"), _) => {
                    format!("{host}/depth?symbol=BTCUSDT&limit=3 -> {number}.5: {frame}\n")
                }
                _ => format!("{number}.25: {frame}\n"),
            };
        }
        let file = folder.path().join(format!("{}.txt", product.name()));
        std::fs::write(&file, lines).expect("writable");
        let venue = ["--venue", product.name()];
        let said = check(product.name(), product, folder.path(), &[file], &venue);
        // Tickers of a day and open interest are no market data of ours.
        let unknown = rows
            .iter()
            .filter(of_product)
            .filter(|row| matches!(row["kind"].as_str(), Some("ticker" | "open_interest")));
        assert_eq!(said["errors"], unknown.count());
    }
}

#[test]
fn forced_orders_are_read_as_computed_independently() {
    let Some(files) = program::recorded(&["usdm_forceOrder_20251002_a.jsonl"]) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    let text = std::fs::read_to_string(&files[0]).expect("text");
    let mut lines = String::new();
    for (number, line) in text.lines().enumerate() {
        let row: Value = serde_json::from_str(line).expect("JSON");
        lines += &format!(
            "{} {}\n",
            1_759_417_432_000_000_000 + number as i64,
            row["msg"]
        );
    }
    let file = folder.path().join("forced.txt");
    std::fs::write(&file, lines).expect("writable");
    let said = check("forceOrder", Product::Usdm, folder.path(), &[file], &[]);
    assert_eq!((&said["events"], &said["errors"]), (&28.into(), &0.into()));
}

#[test]
fn files_of_another_form_are_counted_line_by_line_and_none_is_a_frame() {
    for name in [
        "binance_single_frames_2021_2022.jsonl",
        "usdm_forceOrder_20251002_a.jsonl",
    ] {
        let Some(files) = program::recorded(&[name]) else {
            continue;
        };
        let folder = tempfile::tempdir().expect("a folder");
        let lines = std::fs::read_to_string(&files[0])
            .expect("text")
            .lines()
            .count();
        let said = program::replay(folder.path(), &files, &["--venue", "binance-usdm"]);
        assert_eq!(
            (&said["frames"], &said["errors"]),
            (&0.into(), &lines.into()),
            "{name}"
        );
    }
}

#[test]
fn the_end_of_a_made_session_is_as_computed_independently() {
    let folder = tempfile::tempdir().expect("a folder");
    for seed in [1, 2] {
        let file = program::made(folder.path(), seed, 60);
        let said = check("made", Product::Spot, folder.path(), &[file], &[]);
        assert_eq!(said["books"]["binance-spot:BTCUSDT"]["synced"], true);
        assert!(said["trades"].as_u64() > Some(10), "the market trades");
    }
}

/// Cuts one change of the book out of a made session: the book must end stale, and nothing later may reach it.
#[test]
fn a_missing_change_makes_the_book_stale_until_the_next_snapshot() {
    let folder = tempfile::tempdir().expect("a folder");
    let whole = program::made(folder.path(), 3, 40);
    let text = std::fs::read_to_string(&whole).expect("text");
    let mut lines: Vec<_> = text.lines().map(str::to_owned).collect();
    let is_change = |line: &&String| line.contains("depthUpdate");
    let changes = lines.iter().filter(is_change).count();
    let places = lines.iter().enumerate().filter(|(_, line)| is_change(line));
    let place = places.map(|(place, _)| place).nth(changes / 2);
    lines.remove(place.expect("there are changes"));
    let key = "binance-spot:BTCUSDT";
    let file = folder.path().join("gap.txt");
    std::fs::write(&file, lines.join("\n")).expect("writable");
    let said = check(
        "gap",
        Product::Spot,
        folder.path(),
        std::slice::from_ref(&file),
        &[],
    );
    assert_eq!(
        (&said["gaps"], &said["books"][key]["synced"]),
        (&1.into(), &false.into())
    );

    // The same, and the book as it stood ten changes before the end comes as a snapshot at the end.
    let frames = frames_of(&[&whole]);
    let changes: Vec<usize> = frames
        .iter()
        .enumerate()
        .filter(|(_, frame)| frame.text.contains("depthUpdate"))
        .map(|(place, _)| place)
        .collect();
    let before = &frames[..changes[changes.len() - 10]];
    let snapshot = Oracle::of(Product::Spot, before).rest_answer("BTCUSDT");
    let last = frames
        .last()
        .map(|frame: &Frame| frame.recv_ns)
        .expect("frames");
    lines.push(format!("{} {snapshot}", last + 1));
    std::fs::write(&file, lines.join("\n")).expect("writable");
    let said = check("resync", Product::Spot, folder.path(), &[file], &[]);
    assert_eq!(
        (&said["gaps"], &said["books"][key]["synced"]),
        (&1.into(), &true.into())
    );
    let uncut = program::replay(folder.path(), &[whole], &[]);
    assert_eq!(
        said["books"][key], uncut["books"][key],
        "the book is whole again"
    );
}
