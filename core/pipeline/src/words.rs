//! Codes and denials in words, for whoever reads a summary or an explanation.
//!
//! Called when a run is over, by the summary and by `explain`.

use claire_engine::risk::funds::funds_currency;
use claire_types::record::Decision;
use claire_types::{Amount, Contract, FrameFault, GateCode, Instrument, Qty, TradingState};

/// Returns a count with its noun, as in `1 frame` and `2 frames`.
pub fn counted(count: u64, noun: &str) -> String {
    match count {
        1 => format!("1 {noun}"),
        _ => format!("{count} {noun}s"),
    }
}

/// Returns what is wrong with a frame, in a few words.
pub const fn frame_fault(fault: FrameFault) -> &'static str {
    use FrameFault as F;
    match fault {
        F::Json => "this is no JSON, or it is cut off",
        F::UnknownStream => "nobody here decodes this stream",
        F::MissingField => "a field is missing",
        F::WrongType => "a field is of another type",
        F::NumberSyntax => "a text that is no decimal number",
        F::NumberExponent => "a number with an exponent",
        F::NumberNegative => "a negative number",
        F::NumberTooFine => "a number with more digits than the instrument has",
        F::NumberTooLarge => "a number that is too large",
        F::Symbol => {
            "no symbol: none in the frame, and not one depth stream alone that it could belong to"
        }
        F::TooManyLevels => "more levels than a frame may have",
        F::Utf8 => "this is no UTF-8",
        F::Line => "no receive time, or no frame",
        F::VenueError => "the venue answered with an error",
        F::TooManyInstruments => "more instruments than the engine holds",
        F::DuplicateField => "a name stands twice in one object",
    }
}

/// Returns what a denial with this code says, in a few words.
pub const fn meaning(code: GateCode) -> &'static str {
    use GateCode as C;
    match code {
        C::Ok => "every check passed",
        C::KillSwitch => "the kill switch is active, or its state is unreadable",
        C::Mode => "this mode sends no orders",
        C::TradingState => "the trading state lets only exits through, or nothing",
        C::Strategy => {
            "the strategy may not order now: in `init`, before its indicators are warm, an entry in `on_stop`, \
             after it was stopped, or without a budget"
        }
        C::Instrument => "the instrument is unknown, or the venue does not trade it",
        C::DataStale => "the book is not proven, or its data is too old",
        C::DataSilence => "nothing came from the venue for too long",
        C::AbnormalMarket => "the market is abnormal",
        C::Precision => "less than the smallest order, or off the instrument's steps",
        C::PriceCollar => "the price is too far from the reference",
        C::OrderSize => "the order's notional is above the limit",
        C::Position => "the position with all that works would be above the limit",
        C::Exposure => "the total exposure would be above the limit",
        C::OpenCount => "too many working orders or open positions",
        C::Rate => "too many orders lately",
        C::Funds => "the balance does not reach, fees included",
        C::SelfTrade => "it would cross a resting order of our own",
        C::DailyLoss => "the day's loss reached its limit",
        C::Drawdown => "the fall from the highest equity reached its limit",
        C::LossStreak => "too many losing round trips in a row",
        C::RejectStreak => "too many rejects in a row",
        C::ErrorRate => "too many errors among the last orders",
        C::Slippage => "fills were too far from the mid",
        C::SizeZero => "the quantity is less than one step",
        C::BadOrder => "what was asked for is no order",
        C::NothingToReduce => "there is nothing to reduce",
        C::Warming => {
            "a number that the check needs is missing: a price, a value of the currency, a fee"
        }
        C::Capacity => {
            "a table of the engine is full: raise its limit under tables, which an alert names"
        }
        C::Operator => "an operator's command",
        C::NewDay => "a new day in UTC",
        C::LowDisk => "there is little room on the journal's disk",
    }
}

/// Returns a denied or trimmed decision in words: what was measured, and the limit.
///
/// `facts` name units and steps; without them the numbers stand alone.
pub fn measured(decision: &Decision, facts: Option<&Instrument>, currency: &str) -> String {
    use GateCode as C;
    let Decision {
        limit, measured, ..
    } = decision;
    // Scripts ask in base units; the instrument's own may be contracts.
    let base = facts.map_or(String::new(), |facts| format!(" {}", facts.base));
    let unit = facts.map_or(String::new(), |facts| format!(" {}", unit_of(facts)));
    let has_numbers = *limit != Amount::ZERO || *measured != Amount::ZERO;
    match decision.code {
        C::SizeZero => match facts {
            Some(facts) => format!(
                "asked for {}{base}, one step is {}{unit}",
                decision.qty_asked,
                step_of(facts)
            ),
            None => format!("asked for {}", decision.qty_asked),
        },
        C::BadOrder => no_order(decision),
        // Its number is that of a switch, or a share of the budget that says nothing to anybody.
        C::KillSwitch | C::Strategy => meaning(decision.code).to_owned(),
        _ if !has_numbers => meaning(decision.code).to_owned(),
        C::TradingState => format!("{}, needs {}", state_of(*measured), state_of(*limit)),
        C::DataStale | C::DataSilence => format!("{measured} s old, limit {limit} s"),
        C::PriceCollar => format!("{measured} of the reference away, limit {limit}"),
        C::OrderSize | C::Position | C::Exposure => {
            format!("{measured} {currency}, limit {limit} {currency}")
        }
        C::Funds => {
            let currency = facts.map_or_else(String::new, |facts| {
                format!(" {}", funds_currency(facts, decision.side))
            });
            format!("needs {measured}{currency}, free {limit}{currency}")
        }
        C::SelfTrade => format!("at {measured}, own order at {limit}"),
        C::OpenCount | C::Rate => format!("{measured}, limit {limit}"),
        C::Precision => precision(decision, facts),
        C::NothingToReduce => format!("asked for {measured}{unit}, to reduce {limit}{unit}"),
        _ => format!("measured {measured}, limit {limit}"),
    }
}

/// Returns why what was asked for is no order, as far as quantity and price tell: a record holds 0 for what is no
/// number, for what is too large, and for the price of an order at the market.
fn no_order(decision: &Decision) -> String {
    let (qty, price) = (decision.qty_asked, decision.price_asked);
    if qty < Amount::ZERO {
        return format!("the quantity {qty} is below zero");
    }
    if price < Amount::ZERO {
        return format!("the price {price} is below zero");
    }
    let why = match (qty == Amount::ZERO, price == Amount::ZERO) {
        (true, true) => {
            "the price is 0 or no number (the book was not known yet, say), or the quantity of an order at the \
             market is none or too large"
        }
        (false, true) => {
            "the price is 0 or no number (the book was not known yet, say), or a stop is on the wrong side of the market"
        }
        (true, false) => {
            "the quantity is no number or too large, the flags contradict, or nothing is left to replace"
        }
        (false, false) => {
            "the price is less than a tick, price or quantity is too large, the flags contradict, a stop is on the \
             wrong side, or nothing is left to replace"
        }
    };
    format!("asked for {qty} at {price}: {why}")
}

/// Check 9 measures a quantity against the smallest or largest one, else a notional against the smallest.
fn precision(decision: &Decision, facts: Option<&Instrument>) -> String {
    let Decision {
        limit, measured, ..
    } = decision;
    let Some(facts) = facts else {
        return format!("{measured}, limit {limit}");
    };
    let amount = |qty: Qty| Amount::from_fixed(i128::from(qty.0), facts.scale.qty_digits);
    let unit = unit_of(facts);
    if facts.qty_min.0 > 0 && amount(facts.qty_min) == Some(*limit) {
        return format!("{measured} {unit}, smallest {limit} {unit}");
    }
    if facts.qty_max.0 > 0 && amount(facts.qty_max) == Some(*limit) {
        return format!("{measured} {unit}, largest {limit} {unit}");
    }
    let quote = facts.quote;
    match *limit == facts.notional_min {
        true => format!("worth {measured} {quote}, smallest {limit} {quote}"),
        // An entry is measured by what it leaves behind, which must be large enough to be ordered back.
        false => format!(
            "the position that it leaves would be worth {measured} {quote}, \
             smallest {limit} {quote}, room to exit at a loss included"
        ),
    }
}

/// Returns the trading state whose number a record holds.
fn state_of(number: Amount) -> String {
    let whole = u8::try_from(number.0 / Amount::ONE.0).ok();
    let state = whole.and_then(TradingState::from_u8);
    state.map_or_else(|| number.to_string(), |state| state.as_str().to_owned())
}

/// Returns the unit of an instrument's quantities: its base currency, or contracts.
pub fn unit_of(facts: &Instrument) -> &str {
    match facts.contract {
        Contract::Inverse => "contracts",
        _ => facts.base.as_str(),
    }
}

fn step_of(facts: &Instrument) -> String {
    let step = Qty(facts.step.0.max(1));
    step.decimal(facts.scale.qty_digits).to_string()
}
