//! Times: four types that do not mix.
//!
//! Called everywhere. Nothing here reads a clock: the pipeline does, and hands stamps on.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A span in nanoseconds, signed.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct DurationNs(pub i64);

/// Our wall clock: ns since 1970 UTC. Receive stamps and engine time.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct WallNs(pub i64);

/// A venue's clock: ns since 1970 UTC as the venue counts them. [`VenueNs::NONE`] where it said nothing.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[serde(transparent)]
pub struct VenueNs(pub i64);

/// The monotonic clock: ns since an arbitrary start of this process. Latency only; never recorded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MonoNs(pub u64);

/// Nanoseconds in a millisecond.
pub const NS_PER_MS: i64 = 1_000_000;
/// Nanoseconds in a second.
pub const NS_PER_S: i64 = 1_000_000_000;
/// Nanoseconds in a day of UTC (no leap seconds on this clock).
pub const NS_PER_DAY: i64 = 86_400 * NS_PER_S;

impl DurationNs {
    /// Returns the span of that many milliseconds, saturating.
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms.saturating_mul(NS_PER_MS))
    }
}

impl WallNs {
    /// Returns the time `span` later, saturating.
    pub const fn after(self, span: DurationNs) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Returns the span since `earlier`, negative where that is later, saturating.
    pub const fn since(self, earlier: Self) -> DurationNs {
        DurationNs(self.0.saturating_sub(earlier.0))
    }

    /// Returns the number of the UTC day, 0 on 1970-01-01.
    pub const fn utc_day(self) -> i64 {
        self.0.div_euclid(NS_PER_DAY)
    }
}

impl VenueNs {
    /// No venue time was given.
    pub const NONE: Self = Self(0);

    /// Returns whether the venue gave a time.
    pub const fn is_some(self) -> bool {
        self.0 != 0
    }

    /// Returns the time of that many milliseconds since 1970, or `None` on overflow.
    pub const fn from_ms(ms: i64) -> Option<Self> {
        match ms.checked_mul(NS_PER_MS) {
            Some(ns) => Some(Self(ns)),
            None => None,
        }
    }

    /// Returns the time `span` later, saturating.
    pub const fn after(self, span: DurationNs) -> Self {
        Self(self.0.saturating_add(span.0))
    }

    /// Returns the span since `earlier`, negative where that is later, saturating.
    pub const fn since(self, earlier: Self) -> DurationNs {
        DurationNs(self.0.saturating_sub(earlier.0))
    }
}

impl MonoNs {
    /// Returns the nanoseconds since `earlier`, 0 where that is later.
    pub const fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// Shows the ISO 8601 text in UTC with nanoseconds: `2024-08-08T23:54:13.937085768Z`.
impl fmt::Display for WallNs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = civil(self.utc_day());
        let ns = self.0.rem_euclid(NS_PER_DAY);
        let s = ns / NS_PER_S;
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}Z",
            s / 3600,
            s / 60 % 60,
            s % 60,
            ns % NS_PER_S
        )
    }
}

/// Returns (year, month, day) of a day number, 0 being 1970-01-01 in the proleptic Gregorian calendar.
///
/// # Source
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms", `civil_from_days` (read 2026-11-21).
fn civil(day_number: i64) -> (i64, i64, i64) {
    let z = day_number + 719_468;
    let era = z.div_euclid(146_097);
    let day_of_era = z.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 {
        shifted_month + 3
    } else {
        shifted_month - 9
    };
    (year_of_era + era * 400 + i64::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wall_time_shows_as_iso_text() {
        let cases = [
            (0, "1970-01-01T00:00:00.000000000Z"),
            (1_723_161_253_937_085_768, "2024-08-08T23:54:13.937085768Z"),
            (951_782_400 * NS_PER_S, "2000-02-29T00:00:00.000000000Z"),
            (-1, "1969-12-31T23:59:59.999999999Z"),
        ];
        for (ns, text) in cases {
            assert_eq!(WallNs(ns).to_string(), text);
        }
    }
}
