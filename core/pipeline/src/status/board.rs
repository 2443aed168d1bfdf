//! Builds the status from the run's messages, as the journal has them.
//!
//! Sidecar thread. Sees inputs and records in engine order and keeps what a screen needs: tops of books,
//! positions, sums, the last fills. Writes the shared status after the journal's commit, ten times a
//! second of engine time. It computes for display; what counts is in the records.

use super::{
    FILLS_MAX, FillStatus, InstrumentStatus, LatencyStatus, MoneyStatus, NOTES_MAX, Status,
    StatusCell, StrategyStatus,
};
use crate::config::section::StrategyConfig;
use crate::latency::LatencySet;
use crate::state::State;
use crate::watch::Behind;
use claire_engine::config::AccountConfig;
use claire_engine::portfolio::value_at;
use claire_types::number::{AMOUNT_DIGITS, Decimal, pow10};
use claire_types::record::{
    Fill, FillRule, PositionRecord, RecordHeader, ReloadOutcome, RiskRecord, Verdict,
};
use claire_types::time::{NS_PER_MS, NS_PER_S};
use claire_types::{
    Amount, BookReason, Cells, Contract, Depth, Header, Input, Instrument, Liquidity, MonoNs,
    Price, Record, StrategyId, Ticker, WallNs,
};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

/// The builder of a run's status.
pub struct Board {
    shown: Arc<StatusCell>,
    status: Status,
    markets: Vec<Seen>,
    latency: LatencySet,
    equity_start: Amount,
    started: Option<WallNs>,
    /// When the status is written next.
    due: WallNs,
    /// Where the last second began, and the frames by then.
    second: (WallNs, u64),
    behind: Option<Behind>,
}

/// What a board starts from.
pub struct BoardStart<'a> {
    /// What the account holds.
    pub account: &'a AccountConfig,
    /// The strategies, in the order of their ids.
    pub strategies: &'a [StrategyConfig],
    /// The trading state.
    pub state: &'a State,
}

/// An instrument as it was seen.
struct Seen {
    facts: Instrument,
    touch: Option<Ticker>,
    last: Option<Price>,
    is_stale: bool,
    /// By strategy.
    positions: Vec<(StrategyId, PositionRecord)>,
}

/// Sums over positions; `None` where a price is missing or a number too large.
#[derive(Clone, Copy)]
struct Sums {
    realized: Option<Amount>,
    unrealized: Option<Amount>,
    fees: Option<Amount>,
}

/// Engine time between two writes.
const PUBLISH_NS: i64 = 100 * NS_PER_MS;
/// Digits of money on the screen.
const MONEY_DIGITS: u8 = 4;

impl Board {
    /// Returns the board before the first input.
    pub fn new(start: &BoardStart<'_>, shown: Arc<StatusCell>) -> Self {
        let mut status = shown.read();
        status.state = start.state.trading_state;
        let cause = start.state.cause.as_ref();
        status.state_cause = cause.map(|cause| cause.code.clone());
        status.money.currency = start.account.currency.to_string();
        let strategies = start.strategies.iter().map(|entry| StrategyStatus {
            name: entry.name.to_string(),
            market: entry.market,
            state: claire_types::TradingState::Active,
            signals: 0,
            orders: 0,
            fills: 0,
            denials: 0,
            net: "0".to_owned(),
        });
        status.strategies = strategies.collect();
        Self {
            shown,
            status,
            markets: Vec::new(),
            latency: LatencySet::new(MonoNs(0)),
            equity_start: start.account.equity,
            started: None,
            due: WallNs(0),
            second: (WallNs(0), 0),
            behind: None,
        }
    }

    /// Returns the strategies' names, in the order of their ids.
    pub fn strategies(&self) -> impl Iterator<Item = String> + '_ {
        let strategies = self.status.strategies.iter();
        strategies.map(|strategy| strategy.name.clone())
    }

    /// Counts what the store lacks with this.
    pub fn store(&mut self, behind: Behind) {
        self.behind = Some(behind);
    }

    /// Shows that the end of the run waits for the store, and why.
    pub fn waiting(&mut self, words: &str) {
        self.note(self.status.engine_time, words);
        self.publish_last();
    }

    /// Takes a message; what cannot be read is the journal's business.
    pub fn see(&mut self, message: &Cells<'_>) {
        let Ok(first) = message.at(0) else {
            return;
        };
        if Record::is_record(first.low) {
            if let Ok((header, record)) = Record::decode(message) {
                self.see_record(&header, &record);
            }
            return;
        }
        // Counted, not read.
        if Depth::begins(first.low) {
            self.status.flow.events += 1;
        } else if let Ok((header, input)) = Input::decode(message) {
            self.see_input(&header, &input);
        }
    }

    /// Takes the latencies of an interval.
    pub fn collect(&mut self, set: &LatencySet) {
        self.latency.merge(set);
        let spans = self
            .latency
            .summaries()
            .map(|(span, figures)| LatencyStatus {
                stage: span.as_str().to_owned(),
                count: figures.samples,
                p50_ns: figures.p50_ns,
                p99_ns: figures.p99_ns,
            });
        self.status.latencies = spans.collect();
    }

    /// Writes the status where it is time for it.
    pub fn committed(&mut self) {
        if self.status.engine_time >= self.due {
            self.due = WallNs(self.status.engine_time.0 + PUBLISH_NS);
            self.publish_last();
        }
    }

    /// Writes the status.
    pub fn publish_last(&mut self) {
        self.flow();
        self.money();
        let status = self.status.clone();
        self.shown.change(|shown| *shown = status);
    }

    fn see_input(&mut self, header: &Header, input: &Input<'_>) {
        self.status.engine_time = self.status.engine_time.max(header.recv);
        self.started.get_or_insert(header.recv);
        match input {
            Input::Instrument(facts) => self.markets.push(Seen {
                facts: *facts,
                touch: None,
                last: None,
                is_stale: true,
                positions: Vec::new(),
            }),
            Input::Ticker(ticker) => {
                self.status.flow.events += 1;
                if let Some(market) = self.markets.get_mut(header.instrument.index()) {
                    market.touch = Some(*ticker);
                }
            }
            Input::Trade(trade) => {
                self.status.flow.events += 1;
                if let Some(market) = self.markets.get_mut(header.instrument.index()) {
                    market.last = Some(trade.price);
                }
            }
            Input::FrameError(error) => {
                let text = format!("frame {}: {}", error.frame, error.fault);
                self.note(header.recv, &text);
            }
            _ => {}
        }
    }

    fn see_record(&mut self, header: &RecordHeader, record: &Record) {
        let at = header.strategy.index();
        if let Some(strategy) = self.status.strategies.get_mut(at) {
            match record {
                Record::Signal(_) => strategy.signals += 1,
                Record::Order(_) => strategy.orders += 1,
                Record::Fill(_) => strategy.fills += 1,
                Record::Decision(decision) if decision.verdict == Verdict::Denied => {
                    strategy.denials += 1;
                }
                Record::Risk(risk) => strategy.state = risk.to,
                _ => {}
            }
        }
        match record {
            Record::Fill(fill) => self.fill(header, fill),
            Record::Position(position) => self.position(header, *position),
            Record::Risk(risk) => self.risk(header, risk),
            Record::Book(book) => {
                if let Some(market) = self.markets.get_mut(header.instrument.index()) {
                    market.is_stale = book.reason != BookReason::Synced;
                }
            }
            Record::Reload(reload) => {
                let (who, version, reason) = (self.who(at), reload.version, reload.reason);
                let text = match reload.outcome {
                    ReloadOutcome::Live => format!("reload {who}: version {version} is live"),
                    ReloadOutcome::Refused => format!("reload {who}: refused: {reason}"),
                    // An alert says it.
                    ReloadOutcome::RolledBack => return,
                };
                self.note(header.time, &text);
            }
            Record::Note(note) => {
                let who = self.who(at);
                let text = format!("{} {who}: {}", note.kind.as_str(), note.text);
                self.note(header.time, &text);
            }
            _ => {}
        }
    }

    fn who(&self, strategy: usize) -> &str {
        let strategy = self.status.strategies.get(strategy);
        strategy.map_or("claire", |strategy| strategy.name.as_str())
    }

    fn fill(&mut self, header: &RecordHeader, fill: &Fill) {
        let Some(market) = self.markets.get(header.instrument.index()) else {
            return;
        };
        let scale = market.facts.scale;
        let shown = FillStatus {
            at: header.time,
            key: market.facts.key,
            side: fill.side.as_str(),
            qty: fill.qty.decimal(scale.qty_digits).to_string(),
            price: fill.price.decimal(scale.price_digits).to_string(),
            explanation: explanation(fill, scale.qty_digits),
        };
        self.status.fills.insert(0, shown);
        self.status.fills.truncate(FILLS_MAX);
    }

    fn position(&mut self, header: &RecordHeader, position: PositionRecord) {
        if let Some(market) = self.markets.get_mut(header.instrument.index()) {
            let mut known = market.positions.iter_mut();
            match known.find(|(strategy, _)| *strategy == header.strategy) {
                Some((_, last)) => *last = position,
                None => market.positions.push((header.strategy, position)),
            }
        }
    }

    fn risk(&mut self, header: &RecordHeader, risk: &RiskRecord) {
        let code = risk.code.as_str();
        let text = format!(
            "{code}: {} to {}, {} of {} {}",
            risk.from, risk.to, risk.measured, risk.limit, risk.note
        );
        self.note(header.time, &text);
        if header.strategy == StrategyId::NONE {
            self.status.state = risk.to;
            let is_active = risk.to == claire_types::TradingState::Active;
            self.status.state_cause = (!is_active).then(|| code.to_owned());
        }
    }

    fn note(&mut self, time: WallNs, text: &str) {
        let text = format!("{} {}", clock(time), text.trim_end());
        self.status.notes.insert(0, text);
        self.status.notes.truncate(NOTES_MAX);
    }

    fn flow(&mut self) {
        let gauge = self.shown.gauge();
        let now = self.status.engine_time;
        let flow = &mut self.status.flow;
        // Relaxed: see `FlowGauge::set`.
        flow.frames = gauge.frames.load(Ordering::Relaxed);
        flow.errors = gauge.errors.load(Ordering::Relaxed);
        flow.gaps = gauge.gaps.load(Ordering::Relaxed);
        flow.store_lag = self.behind.as_ref().map_or(0, |behind| behind());
        let started = self.started.unwrap_or(now);
        self.status.uptime = Duration::from_nanos(now.since(started).0.max(0).unsigned_abs());
        let (since, before) = self.second;
        let passed_ns = now.since(since).0;
        if passed_ns >= NS_PER_S {
            let new = flow.frames.saturating_sub(before);
            let per_s = new.saturating_mul(NS_PER_S.unsigned_abs()) / passed_ns.unsigned_abs();
            flow.frames_per_s = if since == WallNs(0) { 0 } else { per_s };
            self.second = (now, flow.frames);
        }
    }

    fn money(&mut self) {
        self.status.instruments = self.markets.iter().map(Seen::status).collect();
        for (strategy, id) in self.status.strategies.iter_mut().zip(0..) {
            strategy.net = text(sums(&self.markets, Some(StrategyId(id))).net());
        }
        let all = sums(&self.markets, None);
        let net = all.net();
        let equity = net.and_then(|net| self.equity_start.checked_add(net));
        self.status.money = MoneyStatus {
            currency: std::mem::take(&mut self.status.money.currency),
            equity: text(equity),
            realized: text(all.realized),
            unrealized: text(all.unrealized),
            fees: text(all.fees),
            net: text(net),
        };
    }
}

impl Seen {
    fn status(&self) -> InstrumentStatus {
        let digits = self.facts.scale.price_digits;
        let price = |price: Option<Price>| {
            price.map_or_else(String::new, |price| fixed(i128::from(price.0), digits))
        };
        let (bid, ask) = self
            .touch
            .map(|ticker| (ticker.bid.price, ticker.ask.price))
            .unzip();
        let spread = ask
            .zip(bid)
            .map(|(ask, bid)| Price(ask.0.saturating_sub(bid.0)));
        let held: i64 = self
            .positions
            .iter()
            .map(|(_, position)| position.qty.0)
            .sum();
        let unrealized = sums(std::slice::from_ref(self), None).unrealized;
        InstrumentStatus {
            key: self.facts.key,
            bid: price(bid),
            ask: price(ask),
            spread: price(spread),
            last: price(self.last),
            position: claire_types::Qty(held)
                .decimal(self.facts.scale.qty_digits)
                .to_string(),
            average: self.average(held).unwrap_or_default(),
            unrealized: if held == 0 {
                String::new()
            } else {
                text(unrealized)
            },
            is_stale: self.is_stale,
        }
    }

    /// Returns the mid at 10^-12.
    fn mid(&self) -> Option<Amount> {
        let touch = self.touch?;
        let twice = i128::from(touch.bid.price.0) + i128::from(touch.ask.price.0);
        Amount::from_fixed(twice, self.facts.scale.price_digits)?.mul_div(1, 2)
    }

    /// Returns the average price of what is held; none for inverse contracts.
    fn average(&self, held: i64) -> Option<String> {
        if held == 0 || self.facts.contract == Contract::Inverse {
            return None;
        }
        let costs = self.positions.iter().map(|(_, position)| position.cost);
        let cost = costs.reduce(|a, b| Amount(a.0.saturating_add(b.0)))?;
        let units = i128::from(held).checked_mul(self.facts.multiplier.0)?;
        let unit = pow10(self.facts.scale.qty_digits).checked_mul(Amount::ONE.0)?;
        let price = cost.mul_div(unit, units)?;
        Some(rounded(price, self.facts.scale.price_digits))
    }

    fn unrealized(&self, position: &PositionRecord) -> Option<Amount> {
        if position.qty.0 == 0 {
            return Some(Amount::ZERO);
        }
        let value = value_at(&self.facts, self.mid()?, position.qty)?;
        match self.facts.contract {
            Contract::Spot | Contract::Linear => value.checked_sub(position.cost),
            Contract::Inverse => position.cost.checked_sub(value),
        }
    }
}

impl Sums {
    fn net(&self) -> Option<Amount> {
        let profit = self.realized?.checked_add(self.unrealized?)?;
        profit.checked_sub(self.fees?)
    }
}

/// Sums up the positions of one strategy, or of all.
fn sums(markets: &[Seen], strategy: Option<StrategyId>) -> Sums {
    let zero = Some(Amount::ZERO);
    let mut sums = Sums {
        realized: zero,
        unrealized: zero,
        fees: zero,
    };
    let add = |sum: Option<Amount>, more: Option<Amount>| sum?.checked_add(more?);
    for market in markets {
        for (owner, position) in &market.positions {
            if strategy.is_some_and(|strategy| strategy != *owner) {
                continue;
            }
            sums.realized = add(sums.realized, Some(position.realized));
            sums.fees = add(sums.fees, Some(position.fees));
            sums.unrealized = add(sums.unrealized, market.unrealized(position));
        }
    }
    sums
}

/// Returns in words why an order filled.
fn explanation(fill: &Fill, qty_digits: u8) -> String {
    let qty = |qty: claire_types::Qty| qty.decimal(qty_digits);
    let how = match fill.rule {
        FillRule::Crossed => "crossed the book on arrival".to_owned(),
        FillRule::QueueReached => format!(
            "queue reached: {} ahead at entry, {} traded, {} cancelled",
            qty(fill.queue_ahead),
            qty(fill.queue_traded),
            qty(fill.queue_cancelled)
        ),
        FillRule::TradedThrough => "a trade went through the price".to_owned(),
        FillRule::BookThrough => "the book moved through the price".to_owned(),
    };
    let role = match fill.liquidity {
        Liquidity::Maker => "maker",
        Liquidity::Taker => "taker",
    };
    let fee = rounded(fill.fee, MONEY_DIGITS);
    format!("{how}; {role}, fee {fee} {}", fill.fee_currency)
}

/// Returns money for the screen, `-` where a price is missing.
fn text(amount: Option<Amount>) -> String {
    amount.map_or_else(|| "-".to_owned(), |amount| rounded(amount, MONEY_DIGITS))
}

/// Returns the amount with all of its last digits, rounded half away from zero.
fn rounded(amount: Amount, digits: u8) -> String {
    let unit = pow10(AMOUNT_DIGITS.saturating_sub(digits));
    let half = (unit / 2) * amount.0.signum();
    fixed(amount.0.saturating_add(half) / unit, digits)
}

/// Returns the number with exactly so many decimals: columns of it stand under one another.
fn fixed(value: i128, digits: u8) -> String {
    let shown = Decimal { value, digits }.to_string();
    let decimals = shown
        .split_once('.')
        .map_or(0, |(_, decimals)| decimals.len());
    let missing = usize::from(digits).saturating_sub(decimals);
    let point = if decimals == 0 && digits > 0 { "." } else { "" };
    format!("{shown}{point}{}", "0".repeat(missing))
}

/// Returns the time of day, to the millisecond.
pub fn clock(time: WallNs) -> String {
    let text = time.to_string();
    text.get(11..23).unwrap_or(&text).to_owned()
}
