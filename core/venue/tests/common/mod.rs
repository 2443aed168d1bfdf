//! Recorded frames for the tests: found by `CLAIRE_DATA`, else beside the workspace.
#![allow(dead_code)]

use claire_types::{CellBuffer, Header, Input, Venue, WallNs};
use simd_json::prelude::*;
use std::io::Read;
use std::path::PathBuf;

/// A recorded frame.
pub struct Frame {
    /// When it came.
    pub recv: WallNs,
    /// The symbol that the request named, for answers.
    pub symbol: Option<String>,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// A recorded file.
pub struct Recording {
    /// Its name.
    pub name: &'static str,
    /// Its venue.
    pub venue: Venue,
    /// Its frames, in order.
    pub frames: Vec<Frame>,
}

/// Files of one session each, and their venues; parts of a session joined by `+`.
pub const SESSIONS: [(&str, Venue); 3] = [
    (
        "spot_btcusdt_20240808.txt.gz+spot_btcusdt_20240809.txt.gz",
        Venue::BinanceSpot,
    ),
    ("usdm_btcusdt_20240808.txt.gz", Venue::BinanceUsdm),
    (
        "cm_btcusd_perp_20240808.txt.gz+cm_btcusd_perp_20240809.txt.gz",
        Venue::BinanceCoinm,
    ),
];

/// Recordings of several symbols, with their snapshots and exchange info in files of their own.
pub const MANY_SYMBOLS: [(&str, Venue); 2] = [
    ("cryptofeed_BINANCE", Venue::BinanceSpot),
    ("cryptofeed_BINANCE_FUTURES", Venue::BinanceUsdm),
];

/// Returns the folder of recorded data, or says loudly that there is none.
pub fn data() -> Option<PathBuf> {
    let fallback = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../shared/data");
    let folder = std::env::var_os("CLAIRE_DATA").map_or_else(|| fallback.into(), PathBuf::from);
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!(
        "SKIPPED: no recorded data at {}; set CLAIRE_DATA",
        folder.display()
    );
    None
}

/// Returns a file's text, decompressed where it is compressed; `None`, loudly, where it is absent.
pub fn bytes_of(name: &str) -> Option<Vec<u8>> {
    let path = data()?.join(name);
    let raw = match std::fs::read(&path) {
        Ok(raw) => raw,
        Err(error) => {
            eprintln!("SKIPPED: {}: {error}", path.display());
            return None;
        }
    };
    if !name.ends_with(".gz") {
        return Some(raw);
    }
    let mut bytes = Vec::new();
    flate2::read::MultiGzDecoder::new(raw.as_slice())
        .read_to_end(&mut bytes)
        .expect("a recording that decompresses");
    Some(bytes)
}

/// Returns the frames of a session's files, in order.
pub fn session(names: &'static str, venue: Venue) -> Option<Recording> {
    let mut frames = Vec::new();
    for name in names.split('+') {
        let bytes = bytes_of(&format!("binance_ws/{name}"))?;
        for line in bytes
            .split(|byte| *byte == b'\n')
            .filter(|line| !line.is_empty())
        {
            let space = line
                .iter()
                .position(|byte| *byte == b' ')
                .expect("a time and a frame");
            let ns = std::str::from_utf8(&line[..space])
                .expect("a time")
                .parse()
                .expect("ns");
            frames.push(Frame {
                recv: WallNs(ns),
                symbol: None,
                bytes: line[space + 1..].to_vec(),
            });
        }
    }
    Some(Recording {
        name: names,
        venue,
        frames,
    })
}

/// Returns exchange info, then the stream with each snapshot at its time.
pub fn many_symbols(name: &'static str, venue: Venue) -> Option<Recording> {
    let mut frames = Vec::new();
    for file in [".0", ".ws.1.0", ".http.0.0"] {
        let bytes = bytes_of(&format!("binance_ws/{name}{file}.txt.gz"))?;
        for line in String::from_utf8(bytes).expect("UTF-8").lines() {
            frames.extend(cryptofeed_line(line));
        }
    }
    frames.sort_by_key(|frame| frame.recv);
    Some(Recording {
        name,
        venue,
        frames,
    })
}

fn cryptofeed_line(line: &str) -> Option<Frame> {
    let (time, body) = match line.split_once(" -> ") {
        Some((_, rest)) => rest.split_once(": ")?,
        None => line.split_once(": ")?,
    };
    let seconds: f64 = time.parse().ok()?;
    let symbol = line
        .split_once("symbol=")
        .and_then(|(_, rest)| rest.split_once('&'));
    Some(Frame {
        recv: WallNs((seconds * 1e9) as i64),
        symbol: symbol
            .filter(|_| line.starts_with("http"))
            .map(|(symbol, _)| symbol.to_owned()),
        bytes: body.as_bytes().to_vec(),
    })
}

/// Returns the single frames of 2021 and 2022, and the forced orders of 2025.
pub fn single_frames() -> Option<Vec<Recording>> {
    let bytes = bytes_of("binance_ws/binance_single_frames_2021_2022.jsonl")?;
    let mut spot = Recording {
        name: "single spot",
        venue: Venue::BinanceSpot,
        frames: Vec::new(),
    };
    let mut usdm = Recording {
        name: "single usdm",
        venue: Venue::BinanceUsdm,
        frames: Vec::new(),
    };
    for line in bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let line = simd_json::to_owned_value(&mut line.to_vec()).expect("JSON");
        let of = if line["market"] == "spot" {
            &mut spot
        } else {
            &mut usdm
        };
        of.frames.push(Frame {
            recv: WallNs(1),
            symbol: Some("BTCUSDT".to_owned()).filter(|_| line["kind"] == "l2_snapshot"),
            bytes: line["raw"].as_str().expect("a frame").as_bytes().to_vec(),
        });
    }
    let bytes = bytes_of("binance_ws/usdm_forceOrder_20251002_a.jsonl")?;
    for line in String::from_utf8(bytes).expect("UTF-8").lines() {
        let (_, frame) = line.split_once("\"msg\": ").expect("a frame");
        usdm.frames.push(Frame {
            recv: WallNs(1),
            symbol: None,
            bytes: frame.strip_suffix('}').expect("an end").as_bytes().to_vec(),
        });
    }
    Some(vec![spot, usdm])
}

/// Returns all recordings.
pub fn all() -> Option<Vec<Recording>> {
    let mut recordings = single_frames()?;
    for (name, venue) in SESSIONS {
        recordings.push(session(name, venue)?);
    }
    for (name, venue) in MANY_SYMBOLS {
        recordings.push(many_symbols(name, venue)?);
    }
    Some(recordings)
}

/// Calls `each` with every input in the buffer, in order.
pub fn inputs(out: &CellBuffer, mut each: impl FnMut(&Header, &Input<'_>)) {
    let mut rest = out.view();
    while !rest.is_empty() {
        let (message, after) = rest.split_message().expect("a whole message");
        let (header, input) = Input::decode(&message).expect("an input");
        each(&header, &input);
        rest = after;
    }
}
