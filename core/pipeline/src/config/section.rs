//! The sections that the pipeline owns, as types that cannot hold a wrong value.
//!
//! Built by `read` at start and handed to the stages; nothing after it checks them again. The
//! sections `account`, `risk`, `matching`, `fees` and `tables` belong to the engine's own type, which
//! is read with [`super::Config::engine_config`].

use super::script::within;
use claire_sidecar::store::unknown_scheme;
use claire_types::time::NS_PER_S;
use claire_types::{Amount, InstrumentKey};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};
use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

/// `[pipeline]`: threads and rings.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PipelineConfig {
    /// Where the stages run.
    pub topology: TopologyChoice,
    /// What a stage without work does.
    pub wait: WaitChoice,
    /// Cells of each ring.
    pub ring_cells: RingCells,
    /// The core of each stage's thread; stages not named run where the system puts them.
    pub pins: Pins,
}

/// Where the stages run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TopologyChoice {
    /// `fused` below [`SPLIT_CORES_MIN`] cores, else `split`.
    Auto,
    /// Feed, engine and gateway take turns on one thread.
    Fused,
    /// A thread each.
    Split,
}

/// Fewest cores on which `auto` gives each stage its own: three stages and the sidecar.
pub const SPLIT_CORES_MIN: usize = 4;
/// The same where nothing is traded or written down: feed and engine are busy, everybody else sleeps.
pub const SPLIT_CORES_MIN_READING: usize = 2;

/// What a stage without work does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum WaitChoice {
    /// Asks again at once; only sensible on a core of its own.
    Spin,
    /// Gives the core away and asks again.
    Yield,
    /// Spins briefly, then sleeps until there is work.
    Park,
}

/// Cells of a ring: at least four of the longest message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RingCells(u32);

/// The core of each stage's thread, by the system's numbers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pins {
    /// The feed's core; in `fused` the core of the one thread.
    pub feed: Option<u16>,
    /// The engine's core.
    pub engine: Option<u16>,
    /// The gateway's core.
    pub gateway: Option<u16>,
    /// The sidecar's core.
    pub sidecar: Option<u16>,
}

/// `[journal]`: where and how inputs and records are written down.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct JournalConfig {
    /// The folder of journals; empty means `journal` in the data directory.
    pub dir: PathBuf,
    /// A segment is closed at this many megabytes.
    pub segment_mb: SegmentMb,
    /// A segment is closed after this many hours of engine time.
    pub segment_hours: SegmentHours,
    /// When the disk must have it.
    pub fsync: Fsync,
    /// Closed segments older than this many days are removed; 0 keeps all.
    pub keep_days: KeepDays,
    /// The oldest closed segments are removed where all journals take more megabytes; 0 keeps all.
    pub quota_mb: DiskMb,
    /// REDUCING where the journal's disk has fewer megabytes left; 0 never.
    pub reducing_below_mb: DiskMb,
    /// HALTED where it has fewer; 0 never.
    pub halted_below_mb: DiskMb,
}

/// When the disk must have what was appended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fsync {
    /// After each group commit.
    Commit,
    /// Once a second.
    Interval,
    /// When the system pleases.
    Never,
}

/// Megabytes of a journal segment, kept in bytes: fractions are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentMb(u64);

/// Days that something is kept; 0 without end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeepDays(u32);

/// Megabytes of a disk; 0 for no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskMb(u32);

/// Hours of engine time of a journal segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentHours(u32);

/// `[store]`: the database.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreConfig {
    /// Where it is; none keeps records in the journal only.
    pub url: StoreUrl,
    /// How long the end of a run waits for it; what is missing then stays in the journal.
    pub wait_s: WaitS,
    /// Span of a stored latency histogram.
    pub latency_interval_s: LatencyIntervalS,
}

/// Seconds that the end of a run waits for the store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WaitS(u32);

/// Seconds of a latency histogram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LatencyIntervalS(u32);

/// The database's address. Its `Debug` and `Display` never show a password.
#[derive(Clone, PartialEq, Eq)]
pub enum StoreUrl {
    /// `claire.db` in the data directory, for runs that always have a database.
    Auto,
    /// No database.
    None,
    /// An SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL server, as `postgres://user:password@host/database`.
    Postgres(String),
}

/// `[paper]`: the bundled market of the `paper` mode.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PaperConfig {
    /// Seed of the bundled market.
    pub seed: u64,
    /// What it lists, all at the venue `sim`.
    pub symbols: SimSymbols,
    /// How fast its time passes.
    pub speed: Speed,
}

/// Instruments of the bundled market: at least one, each once, all at `sim`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SimSymbols(Vec<InstrumentKey>);

/// How fast recorded or simulated time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    /// As fast as the machine can.
    Max,
    /// This many times the real speed, as written: above 0, at most 1,000,000.
    Times(f64),
}

/// `[[strategy]]`: one running strategy.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StrategyConfig {
    /// Its name: unique, it stands on every record.
    pub name: StrategyName,
    /// The script, or the name of a bundled one.
    pub file: PathBuf,
    /// Its primary market.
    pub market: InstrumentKey,
    /// Parameters that override the script's defaults.
    #[serde(default)]
    pub params: BTreeMap<String, Parameter>,
    /// How its handlers run.
    #[serde(default)]
    pub backend: Backend,
    /// Its share of the account's equity; the engine judges it.
    pub budget_share: Option<Amount>,
    /// Its fixed part of the account's equity; the engine judges it.
    pub budget_amount: Option<Amount>,
}

/// A strategy's name: 1-32 of `a-z 0-9 _ -`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct StrategyName(String);

/// A parameter's value.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(untagged)]
pub enum Parameter {
    /// `true` or `false`.
    Boolean(bool),
    /// A whole number.
    Integer(i64),
    /// A number.
    Float(f64),
    /// A text.
    Text(String),
}

/// How a strategy's handlers run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// Compiled where the script allows it, else interpreted.
    #[default]
    Auto,
    /// Compiled; a script with a handler that must be interpreted is refused.
    Compiled,
    /// By the stock interpreter.
    Interpreted,
}

impl TopologyChoice {
    /// Returns what [`TopologyChoice::is_split`] returns, for a file that is read at full speed without strategy,
    /// journal and store.
    pub fn is_split_reading(self, cores: usize) -> bool {
        match self {
            Self::Auto => cores >= SPLIT_CORES_MIN_READING,
            named => named.is_split(cores),
        }
    }

    /// Returns whether the stages get a thread each on a machine with `cores` cores.
    pub fn is_split(self, cores: usize) -> bool {
        match self {
            Self::Auto => cores >= SPLIT_CORES_MIN,
            Self::Fused => false,
            Self::Split => true,
        }
    }
}

impl RingCells {
    /// Fewest cells: four messages of 2,048 levels and four cells of header.
    pub const MIN: u32 = 4 * 2_052;
    /// Most cells: 1 GiB a ring.
    pub const MAX: u32 = 1 << 26;

    /// Returns the number.
    pub const fn count(self) -> usize {
        self.0 as usize
    }
}

impl SegmentMb {
    /// Returns the number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }
}

impl JournalConfig {
    /// Returns the key and what is wrong with its value beside the others'; `None` where they fit.
    pub fn contradiction(&self) -> Option<(&'static str, String)> {
        let (quota, segment_bytes) = (self.quota_mb.0, self.segment_mb.bytes());
        let quota_bytes = u64::from(quota) * 1_000_000;
        if quota > 0 && quota_bytes < u64::from(QUOTA_SEGMENTS_MIN) * segment_bytes {
            let segment = segment_bytes as f64 / 1e6;
            let what = format!(
                "`{quota}` is not allowed: the segment that is written and the one before it stay, so it takes \
                 at least {QUOTA_SEGMENTS_MIN} segments of {segment} MB, or 0 for no quota"
            );
            return Some(("journal.quota_mb", what));
        }
        let (reducing, halted) = (self.reducing_below_mb.0, self.halted_below_mb.0);
        if reducing > 0 && halted > reducing {
            let what = format!(
                "`{halted}` is not allowed: HALTED follows REDUCING, so at most reducing_below_mb, {reducing}"
            );
            return Some(("journal.halted_below_mb", what));
        }
        None
    }
}

impl KeepDays {
    /// Returns the span; `None` keeps all.
    pub fn span(self) -> Option<Duration> {
        let seconds = u64::from(self.0) * 86_400;
        (seconds > 0).then(|| Duration::from_secs(seconds))
    }
}

impl DiskMb {
    /// Returns the number of bytes; `None` for no limit.
    pub fn bytes(self) -> Option<u64> {
        (self.0 > 0).then(|| u64::from(self.0) * 1_000_000)
    }
}

/// Fewest segments that a quota has room for.
const QUOTA_SEGMENTS_MIN: u32 = 3;

impl SegmentHours {
    /// Returns the span.
    pub const fn span(self) -> claire_types::DurationNs {
        claire_types::DurationNs(self.0 as i64 * 3_600 * NS_PER_S)
    }
}

impl WaitS {
    /// Returns the span.
    pub const fn span(self) -> Duration {
        Duration::from_secs(self.0 as u64)
    }
}

impl LatencyIntervalS {
    /// Returns the span in ns.
    pub const fn ns(self) -> u64 {
        self.0 as u64 * NS_PER_S as u64
    }
}

impl SimSymbols {
    /// Returns the list.
    ///
    /// # Errors
    /// An empty list, an instrument of another venue, one that occurs twice.
    pub fn new(keys: Vec<InstrumentKey>) -> Result<Self, String> {
        if keys.is_empty() {
            return Err("the list is empty; name at least one".to_owned());
        }
        for (index, key) in keys.iter().enumerate() {
            if key.venue != claire_types::Venue::Sim {
                return Err(format!(
                    "`{key}` is not of the bundled market; write `sim:SYMBOL`"
                ));
            }
            if keys[..index].contains(key) {
                return Err(format!("`{key}` occurs twice"));
            }
        }
        Ok(Self(keys))
    }

    /// Returns the instruments, in the order configured.
    pub fn keys(&self) -> &[InstrumentKey] {
        &self.0
    }
}

impl StrategyName {
    /// Returns the name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl StoreUrl {
    /// Returns the address with its password, as the store needs it; `None` without a database, and where
    /// its place depends on the data directory, see [`super::Config::store_url`].
    pub fn reveal(&self) -> Option<String> {
        match self {
            Self::Auto | Self::None => None,
            Self::Sqlite(path) => Some(format!("sqlite:{}", path.display())),
            Self::Postgres(url) => Some(url.clone()),
        }
    }
}

impl std::str::FromStr for StoreUrl {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "auto" => return Ok(Self::Auto),
            "" | "none" => return Ok(Self::None),
            _ => {}
        }
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let path = text.strip_prefix("sqlite:").unwrap_or(text);
        if path.contains("://") || path.is_empty() || unknown_scheme(text).is_some() {
            return Err(format!(
                "{:?} is no store; allowed: auto, none, sqlite:PATH, postgres://…, a file's path",
                redacted(text)
            ));
        }
        Ok(Self::Sqlite(PathBuf::from(path)))
    }
}

impl std::str::FromStr for Speed {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "max" {
            return Ok(Self::Max);
        }
        match text.parse::<f64>() {
            Ok(times) if times > 0.0 && times <= 1_000_000.0 => Ok(Self::Times(times)),
            _ => Err(format!(
                "{text:?} is no speed; allowed: max, or a number above 0 up to 1000000"
            )),
        }
    }
}

impl fmt::Display for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Sqlite(path) => write!(f, "sqlite:{}", path.display()),
            Self::Postgres(url) => f.write_str(&redacted(url)),
        }
    }
}

impl fmt::Debug for StoreUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::Display for Speed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Max => f.write_str("max"),
            Self::Times(times) => write!(f, "{times}"),
        }
    }
}

impl fmt::Display for StrategyName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Returns a URL with its password replaced, for output.
pub fn redacted(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    // The last `@` before the options ends the user part: a password may contain `@` and `/`.
    let end = rest.find('?').unwrap_or(rest.len());
    let plain = match rest[..end].rfind('@') {
        Some(at) => match rest[..at].split_once(':') {
            Some((user, _)) => format!("{scheme}://{user}:***{}", &rest[at..]),
            None => url.to_owned(),
        },
        None => url.to_owned(),
    };
    match plain.split_once("password=") {
        Some((before, after)) => {
            let end = after.find('&').unwrap_or(after.len());
            format!("{before}password=***{}", &after[end..])
        }
        None => plain,
    }
}

impl<'de> Deserialize<'de> for RingCells {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(deserializer, Self::MIN, Self::MAX).map(Self)
    }
}

impl<'de> Deserialize<'de> for SegmentMb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let megabytes = f64::deserialize(deserializer)?;
        match (0.01..=65_536.0).contains(&megabytes) {
            true => Ok(Self((megabytes * 1e6) as u64)),
            false => {
                let what = format!("`{megabytes}` is not allowed, expected 0.01 to 65536");
                Err(D::Error::custom(what))
            }
        }
    }
}

impl<'de> Deserialize<'de> for KeepDays {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(deserializer, 0, 36_500).map(Self)
    }
}

impl<'de> Deserialize<'de> for DiskMb {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(deserializer, 0, 1_000_000_000).map(Self)
    }
}

impl<'de> Deserialize<'de> for SegmentHours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(deserializer, 1, 168).map(Self)
    }
}

impl<'de> Deserialize<'de> for WaitS {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(deserializer, 0, 86_400).map(Self)
    }
}

impl<'de> Deserialize<'de> for LatencyIntervalS {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(deserializer, 1, 3_600).map(Self)
    }
}

impl<'de> Deserialize<'de> for StoreUrl {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for SimSymbols {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let keys = Vec::<InstrumentKey>::deserialize(deserializer)?;
        Self::new(keys).map_err(D::Error::custom)
    }
}

impl<'de> Deserialize<'de> for Speed {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Written {
            Number(f64),
            Text(String),
        }
        match Written::deserialize(deserializer)? {
            Written::Number(number) => number.to_string().parse(),
            Written::Text(text) => text.parse(),
        }
        .map_err(D::Error::custom)
    }
}

impl std::str::FromStr for StrategyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_plain = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
        let fits = (1..=32).contains(&text.len())
            && text
                .bytes()
                .all(|byte| is_plain(byte) || b"_-".contains(&byte));
        if fits {
            Ok(Self(text.to_owned()))
        } else {
            Err(format!(
                "{text:?} is no strategy name; allowed: 1 to 32 of a-z 0-9 _ -"
            ))
        }
    }
}

impl<'de> Deserialize<'de> for StrategyName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests;
