//! A test file, `NAME.test.toml`: what a strategy runs on and what has to come of it.
//!
//! Read by `claire test` and `claire new` on their thread. Keys are checked here, once; everything wrong is told with
//! file, line and column.
//!
//! ```toml
//! [[test]]
//! name = "two minutes of the bundled market"
//! data = "bundled"                 # or a recording, or a list of them; relative to this file
//! seed = 7                         # of the bundled market
//! span = "2m"
//! market = "sim:BTCUSDT"
//! params = { fast = 5, slow = 20 }
//!
//! [test.expect]
//! orders = { min = 4, max = 40 }   # or a number, or a list of orders
//! denied = {}                      # none; { ORDER_SIZE = 2 } exactly these
//! net = { min = -20, max = 20 }
//! digest = ""                      # `claire test --update` writes it
//! ```

use super::Data;
use crate::config::section::Parameter;
use crate::duration;
use claire_strategies::Diagnostic;
use claire_types::{Amount, InstrumentKey, Venue};
use serde::Deserialize;
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::{Path, PathBuf};
use toml::Spanned;

/// The ending of a test file's name.
pub const TEST_FILE_END: &str = ".test.toml";
/// The market of a test that names none.
const MARKET_DEFAULT: &str = "sim:BTCUSDT";
/// What passes of the bundled market where a test does not say.
const SPAN_DEFAULT: &str = "2m";
/// Largest test file.
const FILE_BYTES_MAX: u64 = 1 << 20;
/// Most of the bundled market that a test may ask for.
const SPAN_HOURS_MAX: u64 = 24;

/// A test file.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The file.
    pub path: PathBuf,
    /// Its text.
    pub text: String,
    /// Its tests, in order; at least one.
    pub tests: Vec<Test>,
}

/// A test.
#[derive(Clone, Debug)]
pub struct Test {
    /// Its name.
    pub name: String,
    /// The script.
    pub script: PathBuf,
    /// What it runs on; recorded files as written.
    pub data: Data,
    /// The primary market; of recorded data the first instrument where none is named.
    pub market: Option<InstrumentKey>,
    /// Parameters.
    pub params: BTreeMap<String, Parameter>,
    /// Risk profile; the built-in one where none is named.
    pub profile: Option<String>,
    /// A configuration file instead of the built-in configuration.
    pub config: Option<PathBuf>,
    /// What has to come of it.
    pub expect: Expect,
}

/// What has to come of a test. What is absent is not looked at, but for failed calls.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Expect {
    /// Orders that passed the gate.
    pub orders: Option<Orders>,
    /// Fills.
    pub fills: Option<Count>,
    /// Denied orders by code: no others.
    pub denied: Option<BTreeMap<String, Count>>,
    /// Profit after fees, in account currency.
    pub net: Option<Bounds>,
    /// Calls that failed; none where absent.
    pub failures: Option<Count>,
    /// Handlers that have to be compiled.
    pub compiled: Option<Vec<String>>,
    /// The digest, and where it stands in the text, quotes included; empty where it is still to be written.
    pub digest: Option<Spanned<String>>,
}

/// How many, or which.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(
    untagged,
    expecting = "write a number, { min = 1, max = 9 }, or a list of { side, qty, price, flags, reason }"
)]
pub enum Orders {
    /// So many.
    Count(Count),
    /// These, in this order, and no others.
    List(Vec<ExpectedOrder>),
}

/// An order as a test expects it; what is absent is not looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExpectedOrder {
    /// `buy` or `sell`.
    pub side: Option<String>,
    /// In the venue's units.
    pub qty: Option<Amount>,
    /// The limit price; `market` of a market order.
    pub price: Option<ExpectedPrice>,
    /// Flags as they are shown, in this order: `POST_ONLY|IOC|FOK|REDUCE_ONLY`.
    pub flags: Option<String>,
    /// Why, in the script's words.
    pub reason: Option<String>,
}

/// A price as a test expects it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "write a price, or \"market\"")]
pub enum ExpectedPrice {
    /// Of a limit order.
    Limit(Amount),
    /// No price.
    Market(Word),
}

/// The word `market`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum Word {
    /// As written.
    #[serde(rename = "market")]
    Market,
}

/// A number, or bounds of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(untagged, expecting = "write a number, or { min = 1, max = 9 }")]
pub enum Count {
    /// Exactly.
    Exact(u64),
    /// Between, both included.
    Range(CountRange),
}

/// Bounds of a number; an absent one does not bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountRange {
    /// Smallest.
    pub min: Option<u64>,
    /// Largest.
    pub max: Option<u64>,
}

/// Bounds of money; an absent one does not bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bounds {
    /// Smallest.
    pub min: Option<Amount>,
    /// Largest.
    pub max: Option<Amount>,
}

/// A file as written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    script: Option<PathBuf>,
    test: Vec<Spanned<WrittenTest>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenTest {
    name: Option<String>,
    script: Option<PathBuf>,
    data: Option<WrittenData>,
    seed: Option<Spanned<u64>>,
    span: Option<Spanned<String>>,
    symbols: Option<Vec<InstrumentKey>>,
    venue: Option<Spanned<String>>,
    market: Option<InstrumentKey>,
    #[serde(default)]
    params: BTreeMap<String, Parameter>,
    profile: Option<String>,
    config: Option<PathBuf>,
    #[serde(default)]
    expect: Expect,
}

#[derive(Deserialize)]
#[serde(
    untagged,
    expecting = "write \"bundled\", a recording, or a list of them"
)]
enum WrittenData {
    One(String),
    Several(Vec<String>),
}

impl Plan {
    /// Reads a test file.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub fn read(path: &Path) -> Result<Self, Box<Diagnostic>> {
        let of_file = |message: String| Box::new(diagnostic(path, "", None, message));
        let unreadable = |cause: std::io::Error| of_file(format!("cannot read the file: {cause}"));
        let bytes = std::fs::metadata(path).map_err(unreadable)?.len();
        if bytes > FILE_BYTES_MAX {
            let message =
                format!("the file has {bytes} bytes; a test file may have {FILE_BYTES_MAX}");
            return Err(of_file(message));
        }
        let text = std::fs::read_to_string(path).map_err(unreadable)?;
        Self::parse(path, &text)
    }

    /// Reads the text of a test file; `path` says where it stands.
    ///
    /// # Errors
    /// What is wrong with it, with its place.
    pub fn parse(path: &Path, text: &str) -> Result<Self, Box<Diagnostic>> {
        let written: Written = toml::from_str(text).map_err(|fault| {
            let message = fault.message().trim().replace('\n', " ");
            Box::new(diagnostic(path, text, fault.span(), message))
        })?;
        if written.test.is_empty() {
            let message = "the file has no [[test]]".to_owned();
            return Err(Box::new(diagnostic(path, text, None, message)));
        }
        let shared = Shared {
            path,
            text,
            script: written.script.as_deref(),
        };
        let several = written.test.len() > 1;
        let tests = written.test.into_iter().enumerate();
        let tests = tests.map(|(index, test)| {
            let name = match several {
                true => format!("test {}", index + 1),
                false => "test".to_owned(),
            };
            shared.test(test.into_inner(), name)
        });
        Ok(Self {
            path: path.to_path_buf(),
            text: text.to_owned(),
            tests: tests.collect::<Result<_, _>>()?,
        })
    }

    /// Returns the text with these digests instead of those of the tests; `None` leaves a test's as it is.
    pub fn with_digests(&self, digests: &[Option<String>]) -> String {
        let mut text = self.text.clone();
        let tests = self.tests.iter().zip(digests).rev();
        for (test, digest) in tests {
            if let (Some(written), Some(digest)) = (&test.expect.digest, digest) {
                text.replace_range(written.span(), &format!("\"{digest}\""));
            }
        }
        text
    }
}

/// What the tests of a file share.
struct Shared<'a> {
    path: &'a Path,
    text: &'a str,
    script: Option<&'a Path>,
}

impl Shared<'_> {
    fn test(&self, written: WrittenTest, name: String) -> Result<Test, Box<Diagnostic>> {
        let folder = self.path.parent().unwrap_or(Path::new(""));
        let script = written.script.as_deref().or(self.script);
        let script = match script {
            Some(script) => folder.join(script),
            None => self.script_beside(),
        };
        let data = self.data(&written)?;
        let market = match (&data, written.market) {
            (Data::Bundled { symbols, .. }, None) => symbols.first().copied(),
            (_, market) => market,
        };
        Ok(Test {
            name: written.name.unwrap_or(name),
            script,
            data,
            market,
            params: written.params,
            profile: written.profile,
            config: written.config.map(|config| folder.join(config)),
            expect: written.expect,
        })
    }

    /// Returns `NAME.rhai` beside `NAME.test.toml`.
    fn script_beside(&self) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.strip_suffix(TEST_FILE_END).unwrap_or(&name);
        self.path.with_file_name(format!("{name}.rhai"))
    }

    fn data(&self, written: &WrittenTest) -> Result<Data, Box<Diagnostic>> {
        let files = match &written.data {
            None => return self.bundled(written),
            Some(WrittenData::One(one)) if one == "bundled" => return self.bundled(written),
            Some(WrittenData::One(one)) => vec![PathBuf::from(one)],
            Some(WrittenData::Several(several)) => several.iter().map(PathBuf::from).collect(),
        };
        let of_market = "is of the bundled market; recorded data has its own";
        if let Some(seed) = &written.seed {
            return Err(self.fault(Some(seed.span()), format!("`seed` {of_market}")));
        }
        if let Some(span) = &written.span {
            return Err(self.fault(Some(span.span()), format!("`span` {of_market}")));
        }
        let venue = match &written.venue {
            None => None,
            Some(venue) => Some(self.venue(venue)?),
        };
        Ok(Data::Files { files, venue })
    }

    fn bundled(&self, written: &WrittenTest) -> Result<Data, Box<Diagnostic>> {
        if let Some(venue) = &written.venue {
            let message = "`venue` is of recorded data; the bundled market is `sim`";
            return Err(self.fault(Some(venue.span()), message.to_owned()));
        }
        let span = match &written.span {
            None => duration::parse(SPAN_DEFAULT),
            Some(span) => duration::parse(span.get_ref()),
        };
        let place = written.span.as_ref().map(Spanned::span);
        let span = span.map_err(|what| self.fault(place.clone(), what))?;
        if span.as_secs() > SPAN_HOURS_MAX * 3_600 {
            let message = format!("a test takes at most {SPAN_HOURS_MAX}h of the bundled market");
            return Err(self.fault(place, message));
        }
        let market = written.market;
        let symbols = match &written.symbols {
            Some(symbols) => symbols.clone(),
            None => market
                .or_else(|| MARKET_DEFAULT.parse().ok())
                .into_iter()
                .collect(),
        };
        Ok(Data::Bundled {
            seed: written
                .seed
                .as_ref()
                .map_or(1, |seed| *Spanned::get_ref(seed)),
            span,
            symbols,
        })
    }

    fn venue(&self, venue: &Spanned<String>) -> Result<Venue, Box<Diagnostic>> {
        let name = venue.get_ref();
        name.parse().map_err(|_| {
            let message = format!("`{name}` is no venue, as `binance-spot` is");
            self.fault(Some(venue.span()), message)
        })
    }

    fn fault(&self, place: Option<Range<usize>>, message: String) -> Box<Diagnostic> {
        Box::new(diagnostic(self.path, self.text, place, message))
    }
}

impl Count {
    /// Returns whether the number fits.
    pub fn allows(self, number: u64) -> bool {
        match self {
            Self::Exact(exact) => number == exact,
            Self::Range(range) => {
                range.min.is_none_or(|min| number >= min)
                    && range.max.is_none_or(|max| number <= max)
            }
        }
    }
}

/// Returns the diagnostic of a place in a text; without a place it concerns the file.
fn diagnostic(path: &Path, text: &str, place: Option<Range<usize>>, message: String) -> Diagnostic {
    let (mut line, mut column, mut excerpt) = (0, 0, String::new());
    if let Some(before) = place.and_then(|place| text.get(..place.start)) {
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let number = before.matches('\n').count() + 1;
        line = u32::try_from(number).unwrap_or(u32::MAX);
        let characters = before.get(start..).unwrap_or_default().chars().count() + 1;
        column = u32::try_from(characters).unwrap_or(u32::MAX);
        let rest = text.get(start..).unwrap_or_default();
        excerpt = rest.lines().next().unwrap_or_default().to_owned();
    }
    Diagnostic {
        file: path.display().to_string(),
        line,
        column,
        message,
        hint: None,
        excerpt,
    }
}
