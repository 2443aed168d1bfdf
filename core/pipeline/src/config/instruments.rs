//! The list of instruments, `config/instruments.toml`, as the engine's own type.
//!
//! Called at start. Ids are assigned later, when an instrument first occurs: here all are
//! [`InstrumentId::NONE`].

use super::fault::{ConfigFault, ConfigFaults};
use super::node::{Node, Value};
use super::{read, text};
use claire_types::number::{AMOUNT_DIGITS, DIGITS_MAX, pow10};
use claire_types::{
    Amount, Contract, Currency, Instrument, InstrumentId, InstrumentKey, Price, Qty, Scale,
};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// The list that is built into the program, for a start without files.
pub const BUILT_IN: &str = include_str!("../../../../config/instruments.toml");

/// Returns the instruments of a file, in its order, ids not assigned.
///
/// # Errors
/// Every entry that is wrong, with file, line and key; entries that occur twice.
pub fn instruments_of_file(path: &Path) -> Result<Vec<Instrument>, ConfigFaults> {
    let text =
        std::fs::read_to_string(path).map_err(|cause| ConfigFault::unreadable(path, &cause))?;
    instruments(&text, Some(path.to_owned()))
}

/// Returns the instruments of a text, in its order, ids not assigned; `file` names it in errors.
///
/// # Errors
/// As [`instruments_of_file`].
pub fn instruments(text: &str, file: Option<PathBuf>) -> Result<Vec<Instrument>, ConfigFaults> {
    let root = text::parse(text, file)?;
    let listed: Listed = read::read(&root, "")?;
    let mut faults = Vec::new();
    let mut found: Vec<Instrument> = Vec::new();
    for (index, entry) in listed.instrument.iter().enumerate() {
        let place = root.at(&["instrument".to_owned(), index.to_string()]);
        match entry.instrument() {
            Ok(instrument) if found.iter().any(|other| other.key == instrument.key) => {
                faults.push(fault(place, &root, index, "key", "occurs twice"));
            }
            Ok(instrument) => found.push(instrument),
            Err((key, what)) => faults.push(fault(place, &root, index, key, what)),
        }
    }
    if faults.is_empty() {
        Ok(found)
    } else {
        Err(ConfigFaults(faults))
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Listed {
    #[serde(default)]
    instrument: Vec<ListedInstrument>,
}

/// An entry as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ListedInstrument {
    key: InstrumentKey,
    contract: Contract,
    tick: Amount,
    step: Amount,
    price_digits: u8,
    qty_digits: u8,
    #[serde(default)]
    qty_min: Amount,
    #[serde(default)]
    qty_max: Amount,
    #[serde(default)]
    notional_min: Amount,
    #[serde(default = "one")]
    multiplier: Amount,
    base: Currency,
    quote: Currency,
    settle: Option<Currency>,
    #[serde(default = "yes")]
    is_trading: bool,
}

fn one() -> Amount {
    Amount::ONE
}

fn yes() -> bool {
    true
}

impl ListedInstrument {
    /// Returns the instrument, or the key that is wrong and why.
    fn instrument(&self) -> Result<Instrument, (&'static str, &'static str)> {
        for (key, digits) in [
            ("price_digits", self.price_digits),
            ("qty_digits", self.qty_digits),
        ] {
            if digits > DIGITS_MAX {
                return Err((key, "is more than 18"));
            }
        }
        if self.multiplier <= Amount::ZERO {
            return Err(("multiplier", "must be above 0"));
        }
        if self.notional_min < Amount::ZERO {
            return Err(("notional_min", "is below 0"));
        }
        if self.base.is_empty() || self.quote.is_empty() {
            return Err(("base", "and quote need a currency each"));
        }
        if self.contract == Contract::Spot && self.multiplier != Amount::ONE {
            return Err(("multiplier", "is 1 for spot"));
        }
        let by_contract = match self.contract {
            Contract::Spot | Contract::Linear => self.quote,
            Contract::Inverse => self.base,
        };
        let units = |key, amount, digits| fixed(amount, digits).map_err(|what| (key, what));
        Ok(Instrument {
            id: InstrumentId::NONE,
            key: self.key,
            scale: Scale {
                price_digits: self.price_digits,
                qty_digits: self.qty_digits,
            },
            contract: self.contract,
            is_trading: self.is_trading,
            tick: Price(units("tick", self.tick, self.price_digits)?),
            step: Qty(units("step", self.step, self.qty_digits)?),
            qty_min: Qty(units("qty_min", self.qty_min, self.qty_digits)?),
            qty_max: Qty(units("qty_max", self.qty_max, self.qty_digits)?),
            notional_min: self.notional_min,
            multiplier: self.multiplier,
            base: self.base,
            quote: self.quote,
            settle: self.settle.unwrap_or(by_contract),
        })
    }
}

/// Returns the amount in units of 10^-`digits`, exactly.
fn fixed(amount: Amount, digits: u8) -> Result<i64, &'static str> {
    if amount < Amount::ZERO {
        return Err("is below 0");
    }
    let units = if digits > AMOUNT_DIGITS {
        amount.0.checked_mul(pow10(digits - AMOUNT_DIGITS))
    } else {
        let unit = pow10(AMOUNT_DIGITS - digits);
        if amount.0 % unit != 0 {
            return Err("has more decimals than its digits");
        }
        Some(amount.0 / unit)
    };
    units
        .and_then(|units| i64::try_from(units).ok())
        .ok_or("is too large for its digits")
}

/// Returns the fault at the entry's key, or at the entry where the key was not written.
fn fault(entry: Option<&Node>, root: &Node, index: usize, key: &str, what: &str) -> ConfigFault {
    let node = entry.and_then(|entry| match &entry.value {
        Value::Table(table) => table.node(key).or(Some(entry)),
        _ => Some(entry),
    });
    let origin = node.unwrap_or(root).origin.clone();
    ConfigFault::new(origin, format!("instrument[{index}].{key}"), what)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{BufRead as _, BufReader};

    const ENTRY: &str = "[[instrument]]\nkey = \"binance-spot:AUSDT\"\ncontract = \"spot\"\n\
        tick = 0.01\nstep = \"0.001\"\nprice_digits = 2\nqty_digits = 3\n\
        base = \"A\"\nquote = \"USDT\"\n";

    #[test]
    fn built_in_list_holds_what_recordings_need() {
        let list = instruments(BUILT_IN, None).expect("the built-in list is right");
        let find = |key: &str| {
            let key: InstrumentKey = key.parse().expect("a key");
            let found = list.iter().find(|instrument| instrument.key == key);
            found.copied().unwrap_or_else(|| panic!("{key} is listed"))
        };
        let spot = find("binance-spot:BTCUSDT");
        assert_eq!((spot.scale.price_digits, spot.scale.qty_digits), (2, 8));
        assert_eq!((spot.tick, spot.step), (Price(1), Qty(1_000)));
        let linear = find("binance-usdm:BTCUSDT");
        assert_eq!((linear.tick, linear.step), (Price(10), Qty(1)));
        assert_eq!(linear.settle.as_str(), "USDT");
        let inverse = find("binance-coinm:BTCUSD_PERP");
        assert_eq!(inverse.contract, Contract::Inverse);
        assert_eq!(inverse.multiplier.to_string(), "100");
        assert_eq!(inverse.settle.as_str(), "BTC");
        assert_eq!((inverse.tick, inverse.step), (Price(1), Qty(1)));
        find("binance-spot:TRXUSDT");
        assert!(
            list.iter()
                .all(|instrument| instrument.id == InstrumentId::NONE)
        );
    }

    #[test]
    fn wrong_entries_name_line_and_key() {
        for (change, expected) in [
            (
                ("0.01", "0.001"),
                "i.toml:4:8: instrument[0].tick: has more decimals than its digits",
            ),
            (
                ("0.01", "-0.01"),
                "i.toml:4:8: instrument[0].tick: is below 0",
            ),
            (
                ("0.01", "\"a\""),
                "i.toml:4:8: instrument[0].tick: \"a\": not a decimal number",
            ),
            (
                ("step", "stp"),
                "i.toml:5:1: instrument[0].stp: unknown key; did you mean `step`?",
            ),
            (
                ("= 3", "= 19"),
                "i.toml:7:14: instrument[0].qty_digits: is more than 18",
            ),
            (
                ("spot\"", "spt\""),
                "i.toml:3:12: instrument[0].contract: \"spt\" is not allowed; did you mean `spot`?",
            ),
            (
                ("binance-spot:", "binance:"),
                "i.toml:2:7: instrument[0].key: unknown venue \"binance\"",
            ),
        ] {
            let text = ENTRY.replacen(change.0, change.1, 1);
            let file = Some(PathBuf::from("i.toml"));
            let faults = instruments(&text, file).expect_err("a wrong entry");
            let shown = faults.to_string();
            assert!(shown.starts_with(expected), "{change:?}: {shown}");
        }
    }

    #[test]
    fn an_instrument_listed_twice_is_a_fault() {
        let text = format!("{ENTRY}{ENTRY}");
        let faults = instruments(&text, Some("i.toml".into())).expect_err("twice");
        let expected = "i.toml:11:7: instrument[1].key: occurs twice";
        assert_eq!(faults.to_string(), expected);
    }

    const RECORDINGS: [(&str, &str, &str); 7] = [
        ("spot_btcusdt_20240808.txt.gz", "binance-spot", "BTCUSDT"),
        ("spot_btcusdt_20240809.txt.gz", "binance-spot", "BTCUSDT"),
        ("usdm_btcusdt_20240808.txt.gz", "binance-usdm", "BTCUSDT"),
        (
            "cm_btcusd_perp_20240808.txt.gz",
            "binance-coinm",
            "BTCUSD_PERP",
        ),
        (
            "cm_btcusd_perp_20240809.txt.gz",
            "binance-coinm",
            "BTCUSD_PERP",
        ),
        ("cryptofeed_BINANCE.ws.1.0.txt.gz", "binance-spot", ""),
        (
            "cryptofeed_BINANCE_FUTURES.ws.1.0.txt.gz",
            "binance-usdm",
            "",
        ),
    ];

    #[test]
    fn recorded_prices_and_quantities_fit_the_listed_digits() {
        let folder = std::env::var_os("CLAIRE_DATA").map_or_else(
            || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data"),
            PathBuf::from,
        );
        let list = instruments(BUILT_IN, None).expect("the built-in list is right");
        for (file, venue, symbol) in RECORDINGS {
            let Ok(archive) = std::fs::File::open(folder.join("binance_ws").join(file)) else {
                eprintln!("SKIPPED: {file} is not in {}", folder.display());
                continue;
            };
            let lines = BufReader::new(flate2::read::GzDecoder::new(archive)).lines();
            let mut checked = 0_u32;
            for line in lines {
                let line = line.expect("the archive is whole");
                // The first line of some recordings is the stream's address.
                let Some(start) = line.find('{') else {
                    continue;
                };
                let frame: serde_json::Value = serde_json::from_str(&line[start..]).expect("JSON");
                let data = frame.get("data").unwrap_or(&frame);
                let symbol = data["s"].as_str().unwrap_or(symbol);
                let key = format!("{venue}:{symbol}").parse().expect("a key");
                let found = list.iter().find(|instrument| instrument.key == key);
                let scale = found.unwrap_or_else(|| panic!("{key} is listed")).scale;
                checked += check_numbers(data, scale, &line);
            }
            assert!(checked > 100, "{file}: {checked} numbers");
        }
    }

    /// Checks every price and quantity of a depth, ticker or trade frame; returns how many.
    fn check_numbers(data: &serde_json::Value, scale: Scale, line: &str) -> u32 {
        let fits = |value: &serde_json::Value, digits: u8| {
            let text = value.as_str().expect("a decimal text");
            let parsed = claire_types::number::parse_fixed(text.as_bytes(), digits);
            assert!(parsed.is_ok(), "{text}: {parsed:?} in {line:.200}");
            1
        };
        let mut checked = 0;
        for side in ["b", "a", "bids", "asks"] {
            for level in data[side].as_array().into_iter().flatten() {
                checked += fits(&level[0], scale.price_digits) + fits(&level[1], scale.qty_digits);
            }
        }
        for (key, digits) in [
            ("b", scale.price_digits),
            ("a", scale.price_digits),
            ("p", scale.price_digits),
            ("B", scale.qty_digits),
            ("A", scale.qty_digits),
            ("q", scale.qty_digits),
        ] {
            if data[key].is_string() {
                checked += fits(&data[key], digits);
            }
        }
        checked
    }
}
