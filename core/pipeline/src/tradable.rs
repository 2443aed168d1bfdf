//! Whether anything can be traded at all: the smallest order of a market against the limits, before the start.
//!
//! Called by `replay` and `paper` on their thread, with a first look at the market. SPEC 1: a start whose limits leave
//! no tradable order refuses, with the arithmetic.

use crate::run::{Prepared, RunError};
use crate::words::unit_of;
use claire_engine::config::{AccountConfig, EngineConfig};
use claire_types::number::{mul_div, pow10};
use claire_types::{
    Amount, CellBuffer, Contract, Currency, Input, Instrument, InstrumentId, InstrumentKey, Price,
    Qty, Venue, WallNs,
};
use claire_venue::MarketFeed;
use std::collections::BTreeMap;

/// Frames that are looked at for a first price of every strategy's market.
pub const LOOK_FRAMES_MAX: usize = 5_000;

/// A first look at a session: facts and a price of each market that a strategy trades.
pub struct FirstLook {
    feed: MarketFeed,
    out: CellBuffer,
    wanted: Vec<InstrumentKey>,
    /// Markets that scripts name beside their own, by the strategy.
    named: Vec<(String, InstrumentKey)>,
    facts: BTreeMap<InstrumentId, Instrument>,
    found: BTreeMap<InstrumentKey, (Instrument, Price)>,
}

/// An order as small as the venue takes and the gate lets in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Smallest {
    qty: Qty,
    /// In quote currency.
    notional: Amount,
}

/// The largest notional that a limit lets through, in account currency.
struct Largest {
    notional: Amount,
    /// The limit that is reached first, and its share of equity.
    name: &'static str,
    share: Amount,
}

impl FirstLook {
    /// Returns a look for the strategies' markets.
    pub fn new(described: &[Instrument], prepared: &Prepared) -> Self {
        let config = &prepared.engine_config;
        let scripts = prepared.scripts.iter().zip(&prepared.compiled);
        let named = scripts.flat_map(|(source, script)| {
            let markets = script.markets().iter();
            markets.map(|market| (source.strategy.clone(), *market))
        });
        let mut wanted: Vec<_> = config.strategies.iter().map(|entry| entry.market).collect();
        wanted.sort();
        wanted.dedup();
        Self {
            feed: MarketFeed::new(Venue::BinanceSpot, described),
            out: CellBuffer::default(),
            wanted,
            named: named.collect(),
            facts: BTreeMap::new(),
            found: BTreeMap::new(),
        }
    }

    /// Returns whether every market was seen, the strategies' own with a price.
    pub fn is_done(&self) -> bool {
        self.found.len() >= self.wanted.len() && self.unseen().next().is_none()
    }

    /// Returns the named markets of which nothing came, by their strategies.
    fn unseen(&self) -> impl Iterator<Item = &(String, InstrumentKey)> {
        self.named
            .iter()
            .filter(|(_, market)| !self.facts.values().any(|facts| facts.key == *market))
    }

    /// Looks at a frame.
    pub fn see(&mut self, venue: Venue, frame: &[u8], recv: WallNs, symbol: Option<&str>) {
        self.out.clear();
        self.feed.select(venue);
        match symbol {
            None => self.feed.on_frame(frame, recv, &mut self.out),
            Some(symbol) => self
                .feed
                .on_snapshot_for(symbol, frame, recv, &mut self.out),
        }
        let mut rest = self.out.view();
        while let Ok((message, after)) = rest.split_message() {
            rest = after;
            let Ok((header, input)) = Input::decode(&message) else {
                continue;
            };
            let price = match input {
                Input::Instrument(facts) => {
                    self.facts.insert(facts.id, facts);
                    continue;
                }
                Input::Trade(trade) => trade.price,
                Input::Ticker(ticker) => ticker.bid.price,
                Input::Depth(depth) => match depth.bids.iter().find(|level| level.qty.0 > 0) {
                    Some(level) => level.price,
                    None => continue,
                },
                _ => continue,
            };
            if let Some(facts) = self.facts.get(&header.instrument)
                && self.wanted.contains(&facts.key)
                && price.0 > 0
            {
                self.found.entry(facts.key).or_insert((*facts, price));
            }
        }
    }

    /// Compares the smallest order of each market with the limits, and with what the scripts say they order.
    ///
    /// Returns what a user should know at once: strategies whose every order will be denied.
    ///
    /// # Errors
    /// The limits let no order of a strategy's market through, or no strategy's market has a value or funds.
    pub fn judge(&self, prepared: &Prepared) -> Result<Vec<String>, RunError> {
        let config = &prepared.engine_config;
        let mut warnings = Vec::new();
        let mut blocked = Vec::new();
        for (entry, script) in config.strategies.iter().zip(&prepared.scripts) {
            let Some((facts, price)) = self.found.get(&entry.market) else {
                warnings.push(format!(
                    "strategy {}: its market {} has no price in the first frames ({LOOK_FRAMES_MAX} at most); \
                     it waits until the market appears",
                    script.strategy, entry.market
                ));
                continue;
            };
            let name = script.strategy.as_str();
            let Some(rate) = rate_of(&config.account, facts.quote) else {
                blocked.extend(unvalued(&config.account, facts, name));
                continue;
            };
            let Some(smallest) = smallest(facts, *price, config) else {
                continue;
            };
            if let Some(limits) = largest(facts, rate, config) {
                refuse(name, facts, *price, smallest, rate, &limits, config)?;
                let asked = script
                    .parameters
                    .iter()
                    .find_map(|text| text.strip_prefix("notional="));
                let asked: Option<Amount> = asked.and_then(|text| text.parse().ok());
                warnings.extend(asked.and_then(|asked| {
                    unfit(name, facts, *price, smallest, asked, rate, &limits, config)
                }));
            }
            blocked.extend(unfunded(&config.account, facts, name));
        }
        // As long as one strategy can trade, the others are only told of.
        if !blocked.is_empty() && blocked.len() == config.strategies.len() {
            return Err(RunError::Usage(blocked.join("\n")));
        }
        warnings.extend(blocked);
        warnings.extend(self.unseen().map(|(name, market)| {
            format!(
                "strategy {name}: the market {market}, which its `init` names, sent nothing in the first frames \
                 ({LOOK_FRAMES_MAX} at most); it waits until the market appears"
            )
        }));
        Ok(warnings)
    }
}

/// Returns the value of a unit of the currency where it is known before the start.
fn rate_of(account: &AccountConfig, currency: Currency) -> Option<Amount> {
    if account.currency == currency {
        return Some(Amount::ONE);
    }
    let mut conversions = account.conversions.iter();
    conversions.find(|entry| entry.currency == currency)?.rate
}

/// Returns the smallest entry: steps, smallest quantity, smallest notional with room to exit at a loss.
fn smallest(facts: &Instrument, price: Price, config: &EngineConfig) -> Option<Smallest> {
    let room = config.risk.limits().exit_room_share;
    let needed = facts.notional_min.times(Amount::ONE.checked_add(room)?)?;
    let step = facts.step.0.max(1);
    let of_steps = |steps: i64| Some(Qty(steps.checked_mul(step)?));
    let one = facts.notional_quote(price, of_steps(1)?)?;
    let for_notional = match one.0 {
        ..=0 => 1,
        one => needed.0.checked_add(one - 1)?.checked_div(one)?,
    };
    let for_qty = facts.qty_min.0.checked_add(step - 1)?.checked_div(step)?;
    let steps = i64::try_from(for_notional).ok()?.max(for_qty).max(1);
    let mut smallest = of_steps(steps)?;
    // One step's notional was rounded: at most one step is missing.
    if facts.notional_quote(price, smallest)? < needed {
        smallest = of_steps(steps.checked_add(1)?)?;
    }
    Some(Smallest {
        qty: smallest,
        notional: facts.notional_quote(price, smallest)?,
    })
}

/// Returns the tightest of checks 11 to 13 for a first order.
fn largest(facts: &Instrument, rate: Amount, config: &EngineConfig) -> Option<Largest> {
    let (limits, equity) = (config.risk.limits(), config.account.equity);
    let of = |name, share: Amount| {
        Some(Largest {
            notional: equity.times(share)?,
            name,
            share,
        })
    };
    let mut order = of("order_size_share", limits.order_size_share)?;
    let floor = facts.notional_min.times(limits.order_size_min_factor)?;
    order.notional = order.notional.max(floor.times(rate)?);
    let others = [
        of("position_share", limits.position_share)?,
        of("exposure_share", limits.exposure_share)?,
    ];
    [order]
        .into_iter()
        .chain(others)
        .min_by_key(|it| it.notional)
}

/// # Errors
/// The smallest order is above the tightest limit.
fn refuse(
    name: &str,
    facts: &Instrument,
    price: Price,
    smallest: Smallest,
    rate: Amount,
    limits: &Largest,
    config: &EngineConfig,
) -> Result<(), RunError> {
    let Some(notional) = smallest.notional.times(rate) else {
        return Ok(());
    };
    if notional <= limits.notional {
        return Ok(());
    }
    let equity = config.account.equity;
    let needed = up_to_whole(notional.ratio_to(limits.share).unwrap_or(notional));
    Err(RunError::Usage(format!(
        "strategy {name}: the limits leave no tradable order on {}: the smallest is {}, \
         but risk.{} {} of account.equity {equity} lets {} {} through; \
         raise account.equity to {needed} or the share, or trade another market",
        facts.key,
        arithmetic(facts, price, smallest, config),
        limits.name,
        limits.share,
        limits.notional,
        config.account.currency,
    )))
}

/// Returns what is wrong with the notional that a script says it orders, if something is.
#[expect(clippy::too_many_arguments, reason = "numbers of one sentence")]
fn unfit(
    name: &str,
    facts: &Instrument,
    price: Price,
    smallest: Smallest,
    asked: Amount,
    rate: Amount,
    limits: &Largest,
    config: &EngineConfig,
) -> Option<String> {
    if asked < smallest.notional {
        return Some(format!(
            "strategy {name}: its notional of {asked} is less than the smallest order of {}: {}; \
             set --set {name}.notional={}",
            facts.key,
            arithmetic(facts, price, smallest, config),
            up_to_whole(smallest.notional)
        ));
    }
    let value = asked.times(rate)?;
    // A script rounds down to steps: one step less may still pass.
    let step = facts
        .notional_quote(price, Qty(facts.step.0.max(1)))?
        .times(rate)?;
    (value.checked_sub(step)? > limits.notional).then(|| {
        format!(
            "strategy {name}: its notional of {asked} {} is above what risk.{} {} of account.equity {} \
             lets through: {} {}; set --set {name}.notional={} or less",
            facts.quote,
            limits.name,
            limits.share,
            config.account.equity,
            limits.notional,
            config.account.currency,
            limits.notional
        )
    })
}

/// Returns that nothing tells what the quote currency is worth.
fn unvalued(account: &AccountConfig, facts: &Instrument, name: &str) -> Option<String> {
    let is_named = |entry: &&claire_engine::config::ConversionConfig| entry.currency == facts.quote;
    if account.conversions.iter().any(|entry| is_named(&entry)) {
        return None;
    }
    let own = account.currency;
    Some(format!(
        "strategy {name}: every order on {} will be denied: nothing tells what {} is worth in {own}; \
         add account.conversions = [{{ currency = \"{}\", rate = ... }}] to the configuration{}",
        facts.key,
        facts.quote,
        facts.quote,
        unfunded(account, facts, name).map_or_else(String::new, |words| format!("; and {words}"))
    ))
}

/// Returns that the currency which margins a contract is not held.
fn unfunded(account: &AccountConfig, facts: &Instrument, name: &str) -> Option<String> {
    let settle = facts.settle;
    let is_held = settle == account.currency
        || account
            .balances
            .iter()
            .any(|held| held.currency == settle && held.amount.0 > 0);
    (facts.contract == Contract::Inverse && !is_held).then(|| {
        format!(
            "strategy {name}: {} is margined in {settle}, of which the account holds none: \
             set account.balances = [{{ currency = \"{settle}\", amount = ... }}]",
            facts.key
        )
    })
}

/// Returns the smallest order and where it comes from.
fn arithmetic(
    facts: &Instrument,
    price: Price,
    smallest: Smallest,
    config: &EngineConfig,
) -> String {
    let scale = facts.scale;
    let qty = |qty: Qty| qty.decimal(scale.qty_digits).to_string();
    let mut causes = vec![format!("step {}", qty(Qty(facts.step.0.max(1))))];
    if facts.qty_min.0 > 0 {
        causes.push(format!("smallest quantity {}", qty(facts.qty_min)));
    }
    if facts.notional_min > Amount::ZERO {
        causes.push(format!(
            "smallest notional {} and risk.exit_room_share {} more",
            facts.notional_min,
            config.risk.limits().exit_room_share
        ));
    }
    format!(
        "{} {} = {} {} at {} ({})",
        qty(smallest.qty),
        unit_of(facts),
        smallest.notional,
        facts.quote,
        price.decimal(scale.price_digits),
        causes.join(", ")
    )
}

/// Returns the next whole number.
fn up_to_whole(amount: Amount) -> Amount {
    let one = pow10(claire_types::number::AMOUNT_DIGITS);
    let above = amount.0.saturating_add(one - 1);
    let whole = mul_div(above - above.rem_euclid(one), 1, 1);
    Amount(whole.unwrap_or(amount.0))
}

#[cfg(test)]
mod tests;
