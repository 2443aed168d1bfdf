//! Numbers that lie in a struct of the engine: read there by compiled code, and through a token by the interpreter.

use super::Fallible;
use super::definition::{Argument, Holder, Place};
use crate::compile::ir::{Member, Type, Width};
use crate::lending::with_desk;
use crate::token::{Bar, Fill, Market, Order, Trade};
use claire_engine::strategy::{BarView, FillView, MarketFacts, OrderView, TradeView};
use claire_types::{Side, VenueNs};
use rhai::{Dynamic, INT};

/// A token whose numbers lie in a struct.
pub(crate) trait Holds: Sized {
    /// The struct.
    type View;
    /// Which it is, for the compiler.
    const HOLDER: Holder;
    /// The token's type.
    const OF: Type;
    /// The token's name in the reference.
    const NAME: &'static str;

    /// Reads the struct.
    fn read<R>(self, read: impl FnOnce(&Self::View) -> R) -> Fallible<R>;
}

/// A type of field.
pub(crate) trait Lies {
    /// How it lies there.
    const WIDTH: Width;
    /// What it is in a script.
    const OF: Type;

    /// Returns the script's value.
    fn script(self) -> Dynamic;
}

/// Returns the receiver of a property.
pub(crate) const fn receiver<T: Holds>() -> Argument {
    Argument {
        name: T::NAME,
        words: T::NAME,
        of: T::OF,
        default: None,
        least: None,
    }
}

/// Returns where the field at `offset` lies and what it is; `_read` tells its type.
pub(crate) fn at<T: Holds, F: Lies>(offset: usize, _read: fn(&T::View) -> F) -> (Place, Type) {
    let member = Member {
        offset: offset as u32,
        width: F::WIDTH,
    };
    let place = Place {
        of: T::HOLDER,
        member,
    };
    (place, F::OF)
}

impl Holds for Market {
    type View = MarketFacts;
    const HOLDER: Holder = Holder::Facts;
    const OF: Type = Type::Market;
    const NAME: &'static str = "m";

    fn read<R>(self, read: impl FnOnce(&MarketFacts) -> R) -> Fallible<R> {
        with_desk(|desk| read(desk.facts(self.0)))
    }
}

/// What is known of an order is asked for each time: a call may change it.
impl Holds for Order {
    type View = OrderView;
    const HOLDER: Holder = Holder::Order;
    const OF: Type = Type::Order;
    const NAME: &'static str = "order";

    fn read<R>(self, read: impl FnOnce(&OrderView) -> R) -> Fallible<R> {
        with_desk(|desk| read(&desk.order(self.0)))
    }
}

/// Tokens that are copies of what the handler was given.
macro_rules! holds {
    ($($token:ident $view:ident $name:literal;)+) => {$(
        impl Holds for $token {
            type View = $view;
            const HOLDER: Holder = Holder::$token;
            const OF: Type = Type::$token;
            const NAME: &'static str = $name;

            fn read<R>(self, read: impl FnOnce(&$view) -> R) -> Fallible<R> {
                Ok(read(&self.0))
            }
        }
    )+};
}

holds! {
    Trade TradeView "trade";
    Bar BarView "bar";
    Fill FillView "fill";
}

macro_rules! lies {
    ($($field:ty: $width:ident $of:ident |$value:ident| $script:expr;)+) => {$(
        impl Lies for $field {
            const WIDTH: Width = Width::$width;
            const OF: Type = Type::$of;

            fn script(self) -> Dynamic {
                let $value = self;
                $script.into()
            }
        }
    )+};
}

lies! {
    f64: Float Float |value| value;
    i64: Int Int |value| value;
    bool: Bool Bool |value| value;
    u8: Byte Int |value| INT::from(value);
    Side: Sign Int |value| value.sign();
    VenueNs: Int Int |value| value.0;
}

const _: () = assert!(size_of::<VenueNs>() == 8 && size_of::<Side>() == 1);
const _: () = assert!(Side::Buy as u8 == 1 && Side::Sell as u8 == 2);
