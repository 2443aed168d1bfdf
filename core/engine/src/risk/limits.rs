//! The numbers of SPEC 6: a profile, and what the configuration overrides of it.
//!
//! Read once at start. Every limit of a check or monitor is here and nowhere else.

use crate::config::ConfigFault;
use claire_types::{Amount, Instrument};
use serde::{Deserialize, Serialize};

/// Defines the limits, and the same fields as optional overrides.
macro_rules! limits {
    ($($(#[$doc:meta])* $name:ident: $type:ty;)+) => {
        /// Every limit of the gate and its monitors.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
        pub struct RiskLimits { $($(#[$doc])* pub $name: $type,)+ }

        /// A profile and what differs from it.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(deny_unknown_fields, default)]
        pub struct RiskConfig {
            /// Where the numbers come from that are not given.
            pub profile: Profile,
            $($(#[$doc])* pub $name: Option<$type>,)+
        }

        impl RiskConfig {
            /// Returns the profile's limits with the given ones in their place.
            pub fn limits(&self) -> RiskLimits {
                let profile = RiskLimits::profile(self.profile);
                RiskLimits { $($name: self.$name.unwrap_or(profile.$name),)+ }
            }
        }
    };
}

limits! {
    /// Checks 11, 12, 13 and 16 may shrink an order instead of denying it.
    trim: bool;
    /// Check 6: longest silence of the connection.
    data_stale_ms: u32;
    /// Check 6: longest time without a change of a healthy book.
    quiet_max_ms: u32;
    /// Check 7: longest silence of the venue.
    data_silence_ms: u32;
    /// Check 9: by how much an entry must exceed the smallest notional, so that it can be left at a loss.
    exit_room_share: Amount;
    /// Check 10: farthest beyond the reference on the crossing side.
    collar_crossing_share: Amount;
    /// Check 10: farthest from the reference on the passive side.
    collar_passive_share: Amount;
    /// Check 11: largest notional of an order, of equity.
    order_size_share: Amount;
    /// Check 11: an order of this many smallest notionals is allowed on any equity.
    order_size_min_factor: Amount;
    /// Check 12: largest position, of equity.
    position_share: Amount;
    /// Check 13: largest sum of positions, of equity.
    exposure_share: Amount;
    /// Check 14: working orders.
    orders_open_max: u32;
    /// Check 14: open positions.
    positions_open_max: u32;
    /// Check 15: new orders and replaces in 1 s, per strategy.
    orders_per_second_max: u32;
    /// Check 15: new orders and replaces in 1 min, per strategy.
    orders_per_minute_max: u32;
    /// Exits in 1 s.
    exits_per_second_max: u32;
    /// Check 16: margin of a derivative's position, of its notional.
    margin_share: Amount;
    /// Monitor 18: loss since 00:00 UTC, of the equity then.
    daily_loss_share: Amount;
}

/// A named set of limits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Profile {
    /// Half of what SPEC 6 allows.
    Conservative,
    /// What SPEC 6 says.
    #[default]
    Moderate,
    /// Twice what SPEC 6 allows.
    Aggressive,
    /// Every check runs, limits so wide that reports can assert 0 denials.
    Bench,
}

impl RiskLimits {
    /// Returns the limits of a profile.
    pub const fn profile(profile: Profile) -> Self {
        match profile {
            Profile::Conservative => Self::CONSERVATIVE,
            Profile::Moderate => Self::MODERATE,
            Profile::Aggressive => Self::AGGRESSIVE,
            Profile::Bench => Self::BENCH,
        }
    }

    /// The numbers of SPEC 6.
    const MODERATE: Self = Self {
        trim: false,
        data_stale_ms: 5_000,
        quiet_max_ms: 60_000,
        data_silence_ms: 30_000,
        exit_room_share: bps(1_000),
        collar_crossing_share: bps(200),
        collar_passive_share: bps(2_000),
        order_size_share: bps(500),
        order_size_min_factor: bps(15_000),
        position_share: bps(1_000),
        exposure_share: bps(3_000),
        orders_open_max: 50,
        positions_open_max: 5,
        orders_per_second_max: 20,
        orders_per_minute_max: 1_200,
        exits_per_second_max: 20,
        margin_share: bps(10_000),
        daily_loss_share: bps(500),
    };

    const CONSERVATIVE: Self = Self {
        collar_crossing_share: bps(100),
        collar_passive_share: bps(1_000),
        order_size_share: bps(250),
        position_share: bps(500),
        exposure_share: bps(1_500),
        orders_open_max: 25,
        positions_open_max: 3,
        orders_per_second_max: 10,
        orders_per_minute_max: 600,
        daily_loss_share: bps(250),
        ..Self::MODERATE
    };

    const AGGRESSIVE: Self = Self {
        collar_crossing_share: bps(400),
        collar_passive_share: bps(4_000),
        order_size_share: bps(1_000),
        position_share: bps(2_000),
        exposure_share: bps(6_000),
        orders_open_max: 100,
        positions_open_max: 10,
        orders_per_second_max: 40,
        orders_per_minute_max: 2_400,
        daily_loss_share: bps(1_000),
        ..Self::MODERATE
    };

    const BENCH: Self = Self {
        data_stale_ms: u32::MAX,
        quiet_max_ms: u32::MAX,
        data_silence_ms: u32::MAX,
        exit_room_share: bps(0),
        collar_crossing_share: bps(9_999),
        collar_passive_share: bps(9_999),
        order_size_share: bps(10_000_000),
        position_share: bps(100_000_000),
        exposure_share: bps(1_000_000_000),
        orders_open_max: u32::MAX,
        positions_open_max: u32::MAX,
        orders_per_second_max: u32::MAX,
        orders_per_minute_max: u32::MAX,
        exits_per_second_max: u32::MAX,
        margin_share: bps(0),
        daily_loss_share: bps(10_000_000),
        ..Self::MODERATE
    };

    /// Checks ranges, and that no limit makes another unreachable.
    pub(crate) fn check(&self, faults: &mut Vec<ConfigFault>) {
        let shares = [
            ("risk.exit_room_share", self.exit_room_share, 0),
            ("risk.collar_crossing_share", self.collar_crossing_share, 1),
            ("risk.collar_passive_share", self.collar_passive_share, 1),
            ("risk.order_size_share", self.order_size_share, 1),
            ("risk.order_size_min_factor", self.order_size_min_factor, 0),
            ("risk.position_share", self.position_share, 1),
            ("risk.exposure_share", self.exposure_share, 1),
            ("risk.margin_share", self.margin_share, 0),
            ("risk.daily_loss_share", self.daily_loss_share, 1),
        ];
        for (key, value, min) in shares {
            if value.0 < min || value > SHARE_MAX {
                faults.push(ConfigFault::Range {
                    key: key.to_owned(),
                    value,
                    must: if min == 0 {
                        "at least 0, at most 1000000"
                    } else {
                        "above 0, at most 1000000"
                    },
                });
            }
        }
        self.check_counts(faults);
        faults.extend(beyond(
            "risk.order_size_share",
            self.order_size_share,
            "risk.position_share",
            self.position_share,
        ));
        faults.extend(beyond(
            "risk.position_share",
            self.position_share,
            "risk.exposure_share",
            self.exposure_share,
        ));
    }

    fn check_counts(&self, faults: &mut Vec<ConfigFault>) {
        let counts = [
            ("risk.data_stale_ms", self.data_stale_ms),
            ("risk.quiet_max_ms", self.quiet_max_ms),
            ("risk.data_silence_ms", self.data_silence_ms),
            ("risk.orders_open_max", self.orders_open_max),
            ("risk.positions_open_max", self.positions_open_max),
            ("risk.orders_per_second_max", self.orders_per_second_max),
            ("risk.orders_per_minute_max", self.orders_per_minute_max),
            ("risk.exits_per_second_max", self.exits_per_second_max),
        ];
        for (key, count) in counts {
            if count == 0 {
                faults.push(ConfigFault::Range {
                    key: key.to_owned(),
                    value: Amount::ZERO,
                    must: "above 0",
                });
            }
        }
    }

    /// Checks that the smallest order of an instrument that can be left again fits the limits.
    ///
    /// `equity` and the instrument's quote are in one currency. Called when the facts are known.
    ///
    /// # Errors
    /// [`ConfigFault::NoTradableOrder`] with the numbers.
    pub fn check_tradable(
        &self,
        equity: Amount,
        instrument: &Instrument,
    ) -> Result<(), ConfigFault> {
        let room = Amount::ONE.checked_add(self.exit_room_share);
        let needed = room.and_then(|room| instrument.notional_min.times(room));
        let limits = [
            ("risk.position_share", self.position_share),
            ("risk.exposure_share", self.exposure_share),
        ];
        let factor = self.order_size_min_factor;
        let fits = |share: Amount| {
            let allowed = equity.times(share);
            matches!((allowed, needed), (Some(allowed), Some(needed)) if allowed >= needed)
        };
        let refused = |key, share| ConfigFault::NoTradableOrder {
            key,
            equity,
            share,
            needed: needed.unwrap_or(instrument.notional_min),
            instrument: instrument.key,
        };
        for (key, share) in limits {
            if !fits(share) {
                return Err(refused(key, share));
            }
        }
        let by_factor = instrument.notional_min.times(factor);
        if by_factor < needed && !fits(self.order_size_share) {
            return Err(refused("risk.order_size_share", self.order_size_share));
        }
        Ok(())
    }
}

/// Returns the contradiction of a limit that its bound makes unreachable.
fn beyond(
    larger: &'static str,
    larger_value: Amount,
    bound: &'static str,
    bound_value: Amount,
) -> Option<ConfigFault> {
    (larger_value > bound_value).then_some(ConfigFault::Contradiction {
        larger,
        larger_value,
        bound,
        bound_value,
    })
}

/// Returns a share of so many hundredths of a percent.
const fn bps(count: i128) -> Amount {
    Amount(count * (Amount::ONE.0 / 10_000))
}

/// Largest share: beyond it a limit says nothing and products no longer fit.
const SHARE_MAX: Amount = Amount(1_000_000 * Amount::ONE.0);
