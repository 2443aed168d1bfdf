//! Numbers that machine code reads where they lie: a market's facts, and what handlers are given.

use super::Type;
use crate::compile::ir::{Member, Width};
use claire_engine::strategy::{BarView, FillView, MarketFacts, TradeView};
use std::mem::offset_of;

/// A number in memory by its script name.
type Named = (&'static str, usize, Width);

/// Returns the market's fact of this name.
pub(super) fn fact(name: &str) -> Option<(Member, Type)> {
    find(&FACTS, name)
}

/// Returns the number of this name in what a handler is given.
pub(super) fn member(of: Type, name: &str) -> Option<(Member, Type)> {
    match of {
        Type::Trade => find(&TRADE, name),
        Type::Bar => find(&BAR, name),
        Type::Fill => find(&FILL, name),
        _ => None,
    }
}

fn find(all: &[Named], name: &str) -> Option<(Member, Type)> {
    let (_, offset, width) = all.iter().find(|(known, ..)| *known == name)?;
    let of = match width {
        Width::Float => Type::Float,
        Width::Bool => Type::Bool,
        Width::Int | Width::Byte | Width::Sign => Type::Int,
    };
    let offset = u32::try_from(*offset).ok()?;
    let width = *width;
    Some((Member { offset, width }, of))
}

/// Lists fields of a struct under their own names.
macro_rules! fields {
    ($of:ty: $($field:ident $width:ident,)+) => {
        [$((stringify!($field), offset_of!($of, $field), Width::$width),)+]
    };
}

const FACTS: [Named; 24] = fields!(MarketFacts:
    bid Float,
    ask Float,
    bid_qty Float,
    ask_qty Float,
    mid Float,
    microprice Float,
    spread Float,
    spread_ticks Int,
    tick Float,
    step Float,
    min_notional Float,
    now_ns Int,
    position Float,
    avg_price Float,
    exposure Float,
    working_buy Float,
    working_sell Float,
    budget Float,
    equity Float,
    unrealized Float,
    stale Bool,
    is_flat Bool,
    can_short Bool,
    regime Byte,
);

const TRADE: [Named; 4] = fields!(TradeView:
    price Float,
    qty Float,
    side Sign,
    time Int,
);

const BAR: [Named; 7] = fields!(BarView:
    interval_ms Int,
    open_time Int,
    open Float,
    high Float,
    low Float,
    close Float,
    volume Float,
);

const FILL: [Named; 9] = fields!(FillView:
    side Sign,
    price Float,
    qty Float,
    fee Float,
    is_maker Bool,
    opens Bool,
    closes Bool,
    realized Float,
    queue_ahead Float,
);

// A venue's time is one integer, and a side's byte is its number.
const _: () = assert!(size_of::<claire_types::VenueNs>() == 8);
const _: () = assert!(size_of::<claire_types::Side>() == 1);
const _: () = assert!(claire_types::Side::Buy as u8 == 1 && claire_types::Side::Sell as u8 == 2);
