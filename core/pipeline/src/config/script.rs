//! `[script]`: what a handler's call may use up, and how files are reloaded.
//!
//! Read at start with the other sections; handed to whoever loads scripts and to the stages.

use claire_strategies::Limits;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer};

/// `[script]`: budgets of calls, and reload.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ScriptConfig {
    /// Operations of the interpreter per call.
    pub operations_max: Operations,
    /// Time of a call; the operating system's own pauses do not count.
    pub call_us_max: CallUs,
    /// Whether a saved file is reloaded.
    pub reload: bool,
    /// Longest shadow run before a version goes live.
    pub shadow_ms_max: ShadowMs,
}

/// Operations of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operations(u32);

/// Microseconds of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CallUs(u32);

/// Milliseconds of a shadow run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShadowMs(u32);

impl ScriptConfig {
    /// Returns the limits that scripts are compiled under.
    pub fn limits(&self) -> Limits {
        Limits {
            operations_max: self.operations_max.0.into(),
            ..Limits::default()
        }
    }

    /// Returns the time of a call in nanoseconds.
    pub fn call_ns_max(&self) -> u64 {
        u64::from(self.call_us_max.0) * 1_000
    }

    /// Returns the time of a shadow run in nanoseconds.
    pub fn shadow_ns_max(&self) -> u64 {
        u64::from(self.shadow_ms_max.0) * 1_000_000
    }
}

impl<'de> Deserialize<'de> for Operations {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(deserializer, 1_000, 1_000_000_000).map(Self)
    }
}

impl<'de> Deserialize<'de> for CallUs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(deserializer, 50, 10_000_000).map(Self)
    }
}

impl<'de> Deserialize<'de> for ShadowMs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        within(deserializer, 0, 60_000).map(Self)
    }
}

/// Returns the number if it lies between `min` and `max`.
pub(super) fn within<'de, D: Deserializer<'de>>(
    deserializer: D,
    min: u32,
    max: u32,
) -> Result<u32, D::Error> {
    let value = i64::deserialize(deserializer)?;
    u32::try_from(value)
        .ok()
        .filter(|value| (min..=max).contains(value))
        .ok_or_else(|| {
            D::Error::custom(format!("`{value}` is not allowed, expected {min} to {max}"))
        })
}

#[cfg(test)]
mod tests {
    use crate::config::{Config, Sources};

    #[test]
    fn the_reference_for_scripts_has_the_default_time_of_a_call() {
        let config = Config::load(&Sources::of_process(None, Vec::new())).expect("the defaults");
        let ns = claire_strategies::CALL_US_MAX * 1_000;
        assert_eq!(config.script.call_ns_max(), ns);
    }
}
