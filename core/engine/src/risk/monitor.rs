//! Monitor 18, DAILY_LOSS: realized and unrealized profit after fees since 00:00 UTC of engine time.
//!
//! Called by the engine after marks and fills, and on timers. It measures; the states are set by the
//! engine with what it returns.

use claire_types::{Amount, GateCode, WallNs};
use serde::{Deserialize, Serialize};

/// The profit at which a day began, and the equity then.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DayMark {
    /// The UTC day's number.
    pub day: i64,
    /// Equity at its first valuation.
    pub equity: Amount,
    /// Profit since the run's start at its first valuation.
    pub profit: Amount,
}

/// The monitor. Before the first valuation it knows nothing and trips nothing: without equity the gate denies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DailyLoss {
    mark: Option<DayMark>,
}

/// A monitor that tripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trip {
    /// Which.
    pub code: GateCode,
    /// The limit, in account currency.
    pub limit: Amount,
    /// What was measured: the loss, positive.
    pub measured: Amount,
}

impl DailyLoss {
    /// Takes a valuation; returns the trip where the day's loss reaches the share of its first equity.
    ///
    /// `profit` is realized + unrealized − fees since the run's start, in account currency. The state
    /// that a trip sets is latched: the same trip again changes nothing there.
    pub fn observe(
        &mut self,
        now: WallNs,
        equity: Amount,
        profit: Amount,
        share: Amount,
    ) -> Option<Trip> {
        let day = now.utc_day();
        let mark = match self.mark {
            Some(mark) if mark.day >= day => mark,
            _ => *self.mark.insert(DayMark {
                day,
                equity,
                profit,
            }),
        };
        let (limit, measured) = match (mark.equity.times(share), mark.profit.checked_sub(profit)) {
            (Some(limit), Some(loss)) => (limit, loss),
            // What cannot be measured is not within its limit.
            _ => (Amount::ZERO, Amount::ZERO),
        };
        (measured >= limit).then_some(Trip {
            code: GateCode::DailyLoss,
            limit,
            measured,
        })
    }

    /// Begins to count anew: an operator took note of the loss and resumed.
    pub fn restart(&mut self) {
        self.mark = None;
    }

    /// Returns the day's beginning, if there was a valuation.
    pub const fn mark(&self) -> Option<DayMark> {
        self.mark
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use claire_types::time::NS_PER_DAY;

    fn money(whole: i128) -> Amount {
        Amount(whole * Amount::ONE.0)
    }

    #[test]
    fn the_daily_loss_trips_at_its_limit_and_not_a_unit_before() {
        let share = Amount(Amount::ONE.0 / 20);
        let mut monitor = DailyLoss::default();
        let noon = WallNs(NS_PER_DAY / 2);
        assert_eq!(
            monitor.observe(noon, money(10_000), money(100), share),
            None
        );
        let almost = Amount(money(-400).0 + 1);
        assert_eq!(monitor.observe(noon, money(9_500), almost, share), None);
        let trip = monitor.observe(noon, money(9_500), money(-400), share);
        assert_eq!(
            trip,
            Some(Trip {
                code: GateCode::DailyLoss,
                limit: money(500),
                measured: money(500)
            })
        );
    }

    #[test]
    fn a_new_utc_day_counts_from_its_own_first_valuation() {
        let share = Amount(Amount::ONE.0 / 20);
        let mut monitor = DailyLoss::default();
        monitor.observe(WallNs(NS_PER_DAY - 2), money(10_000), money(0), share);
        assert!(
            monitor
                .observe(WallNs(NS_PER_DAY - 1), money(9_500), money(-500), share)
                .is_some()
        );
        assert_eq!(
            monitor.observe(WallNs(NS_PER_DAY), money(9_500), money(-500), share),
            None
        );
        let trip = monitor.observe(WallNs(NS_PER_DAY + 1), money(9_025), money(-975), share);
        assert_eq!(trip.map(|trip| trip.measured), Some(money(475)));
        // Engine time never goes back; if it did, the day would not begin again.
        assert!(
            monitor
                .observe(WallNs(1), money(9_000), money(-1_000), share)
                .is_some()
        );
    }
}
