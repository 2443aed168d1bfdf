//! What instruments are worth: the price that the traders try to know, with its weather.
//!
//! Called by the market every [`STEP_NS`] of its time. Returns are heavy-tailed and cluster: a common
//! volatility wanders, each instrument has regimes (calm, trend, storm) with drift, and now and then a
//! jump. The price is drawn back to where it began, within hours, so that it stays in range forever.

use crate::listing::Listing;
use crate::random::Random;
use claire_types::time::NS_PER_S;

/// What all instruments share: one volatility and one source of shocks.
#[derive(Clone, Debug)]
pub(crate) struct Weather {
    random: Random,
    log_volatility: f64,
}

/// The weather over one step.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gust {
    /// Factor on every deviation.
    volatility: f64,
    /// The common part of the shock, of deviation 1.
    shock: f64,
}

/// One instrument's fair price.
#[derive(Clone, Debug)]
pub(crate) struct Fair {
    random: Random,
    price_ticks: f64,
    anchor_ticks: f64,
    volatility_bps: f64,
    coupling: f64,
    regime: Regime,
    /// When the regime ends, in ns of the market's time.
    regime_end_ns: i64,
}

/// What the traders know at one moment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View {
    /// The fair price in ticks.
    pub fair_ticks: f64,
    /// Where the drift goes: -1 to 1.
    pub lean: f64,
    /// How busy the market is: 1 in quiet times.
    pub activity: f64,
}

#[derive(Clone, Copy, Debug)]
struct Regime {
    /// Factor on the deviation.
    volatility: f64,
    /// Drift per second, in deviations of a second.
    drift: f64,
    activity: f64,
}

/// Time between two steps of the fair price.
pub(crate) const STEP_NS: i64 = 50_000_000;

const STEP_S: f64 = STEP_NS as f64 / NS_PER_S as f64;
/// Time in which the common volatility forgets, and its deviation.
const VOLATILITY_MEMORY_S: f64 = 30.0;
const VOLATILITY_SPREAD: f64 = 0.45;
/// Time in which the price returns to its anchor.
const ANCHOR_MEMORY_S: f64 = 7_200.0;
/// Mean time between jumps, and their size in deviations of a second.
const JUMP_EVERY_S: f64 = 75.0;
const JUMP_SIZE: (f64, f64) = (3.0, 6.0);

impl Weather {
    pub(crate) fn new(random: Random) -> Self {
        Self {
            random,
            log_volatility: 0.0,
        }
    }

    /// Moves on by one step.
    pub(crate) fn step(&mut self) -> Gust {
        let share = STEP_S / VOLATILITY_MEMORY_S;
        let noise = VOLATILITY_SPREAD * (2.0 * share).sqrt() * self.random.normal();
        self.log_volatility += noise - share * self.log_volatility;
        Gust {
            volatility: libm::exp(self.log_volatility),
            shock: self.random.normal(),
        }
    }
}

impl Fair {
    pub(crate) fn new(listing: &Listing, random: Random) -> Self {
        let price_ticks = listing.price_start.0 as f64;
        Self {
            random,
            price_ticks,
            anchor_ticks: price_ticks,
            volatility_bps: listing.volatility_bps,
            coupling: listing.coupling,
            regime: Regime::CALM,
            regime_end_ns: i64::MIN,
        }
    }

    /// Moves on by one step to the time `now_ns`.
    pub(crate) fn step(&mut self, now_ns: i64, gust: Gust) {
        if now_ns >= self.regime_end_ns {
            self.turn(now_ns);
        }
        let own = (1.0 - self.coupling * self.coupling).sqrt() * self.random.normal();
        let shock = self.coupling * gust.shock + own;
        let deviation = self.regime.volatility * gust.volatility * STEP_S.sqrt();
        let mut moved = self.volatility_bps * (deviation * shock + self.regime.drift * STEP_S);
        if self.random.chance(STEP_S / JUMP_EVERY_S) {
            let size = self.random.between(JUMP_SIZE.0, JUMP_SIZE.1);
            moved += self.volatility_bps * self.sign() * size;
        }
        let pull = (self.anchor_ticks / self.price_ticks - 1.0) * STEP_S / ANCHOR_MEMORY_S;
        self.price_ticks *= 1.0 + (moved / 10_000.0 + pull).clamp(-0.01, 0.01);
    }

    /// Begins the next regime.
    fn turn(&mut self, now_ns: i64) {
        let choice = self.random.unit();
        let (regime, mean_s) = if choice < 0.35 {
            (Regime::CALM, 25.0)
        } else if choice < 0.8 {
            let drift = self.sign() * self.random.between(0.3, 0.8);
            (
                Regime {
                    volatility: 1.1,
                    drift,
                    activity: 1.4,
                },
                18.0,
            )
        } else {
            (Regime::STORM, 9.0)
        };
        let length_s = 4.0 + self.random.exponential(mean_s);
        self.regime = regime;
        self.regime_end_ns = now_ns + (length_s * NS_PER_S as f64) as i64;
    }

    fn sign(&mut self) -> f64 {
        if self.random.chance(0.5) { 1.0 } else { -1.0 }
    }

    pub(crate) fn view(&self) -> View {
        View {
            fair_ticks: self.price_ticks,
            lean: (self.regime.drift * 1.25).clamp(-1.0, 1.0),
            activity: self.regime.activity,
        }
    }
}

impl Regime {
    const CALM: Self = Self {
        volatility: 0.6,
        drift: 0.0,
        activity: 0.8,
    };
    const STORM: Self = Self {
        volatility: 2.4,
        drift: 0.0,
        activity: 2.4,
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_price_stays_in_range_for_days() {
        let listing = &Listing::standard()[2];
        let mut weather = Weather::new(Random::new(5, 0));
        let mut fair = Fair::new(listing, Random::new(5, 1));
        let start = listing.price_start.0 as f64;
        for step in 0..2 * 24 * 3_600 * 20 {
            let gust = weather.step();
            fair.step(step * STEP_NS, gust);
            let ratio = fair.view().fair_ticks / start;
            assert!((0.7..1.4).contains(&ratio), "step {step}: {ratio}");
        }
    }
}
