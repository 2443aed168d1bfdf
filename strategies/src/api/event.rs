//! What handlers are given: trades, bars, fills. Copies, so they keep their values when stored.

use super::Definition;
use crate::token::{Bar, Bars, Fill, Order, Trade};
use claire_engine::strategy::{BarView, Desk, FillView};
use claire_types::Currency;

/// Returns the definitions of the events' properties.
pub(super) fn definitions() -> Vec<Definition> {
    [trade(), bar(), fill(), tokens()].concat()
}

fn trade() -> Vec<Definition> {
    places! { Events of Trade;
        /// Price of the trade, quote per base.
        price;
        /// Quantity of the trade, base units.
        qty;
        /// Side of the aggressor: `BUY` or `SELL`.
        side;
        /// The venue's time of the trade, ns since 1970 UTC.
        time;
    }
}

fn bar() -> Vec<Definition> {
    places! { Events of Bar;
        /// Length of the bar, ms.
        interval_ms;
        /// The venue's time of the bar's begin, ns since 1970 UTC.
        open_time;
        /// First price, quote per base.
        open;
        /// Highest price, quote per base.
        high;
        /// Lowest price, quote per base.
        low;
        /// Last price, quote per base.
        close;
        /// Quantity traded, base units.
        volume;
    }
}

fn fill() -> Vec<Definition> {
    places! { Events of Fill;
        /// Our side: `BUY` or `SELL`.
        side;
        /// Price of the fill, quote per base.
        price;
        /// Quantity of the fill, base units.
        qty;
        /// Fee in `fee_currency`; below zero where we were paid.
        fee;
        /// Our order rested rather than crossed.
        is_maker;
        /// The fill enlarges a position.
        opens;
        /// The fill reduces a position.
        closes;
        /// Profit that the fill realized, before fees, quote.
        realized;
        /// Quantity before us in the queue when the order arrived, base units.
        queue_ahead;
    }
}

fn tokens() -> Vec<Definition> {
    define! { Events;
        /// The bars that it is one of; compare with what `m.bars` returned.
        reads property bars(bar: Bar) -> Bars = bars;
        /// Currency of the fee, as the venue writes it.
        reads property fee_currency(fill: Fill) -> Currency = fee_currency;
        /// The order that was filled.
        reads property order(fill: Fill) -> Order = order;
    }
}

fn bars(_: &mut dyn Desk, bar: &BarView) -> Bars {
    Bars(bar.bars)
}

fn fee_currency(_: &mut dyn Desk, fill: &FillView) -> Currency {
    fill.fee_currency
}

fn order(_: &mut dyn Desk, fill: &FillView) -> Order {
    Order(fill.order)
}
