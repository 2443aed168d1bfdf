//! A script's state as bytes: what it may hold, exactly, and nothing else.
//!
//! Written into the engine's snapshot and read back after a restart. Floats go by their bits; maps in
//! the order of their names. A value that cannot be saved is refused as soon as it enters the state.

use crate::token::{Bar, Bars, Fill, Indicator, Market, Order, Trade, copied};
use claire_engine::strategy::{BarView, BarsId, FillView, IndicatorId, OrderHandle, TradeView};
use claire_types::{Currency, GateCode, InstrumentId, OrderId, Side, VenueNs};
use rhai::{Array, Dynamic, Map};
use serde::{Deserialize, Serialize};

/// Returns why a state cannot be saved; `None` where it can.
///
/// Runs after every call, so it looks and allocates nothing.
pub(crate) fn refusal(state: &Dynamic, depth_max: usize) -> Option<String> {
    if !state.is_map() {
        return Some(format!(
            "the state must be a map, not {}",
            state.type_name()
        ));
    }
    let map = state.as_map_ref().ok()?;
    map.iter().find_map(|(name, value)| {
        fault(value, depth_max).map(|fault| format!("`this.{name}` {fault}"))
    })
}

/// Appends the state's bytes; `None` is a strategy whose `init` has not run.
pub(crate) fn write(state: Option<&Dynamic>, out: &mut Vec<u8>) {
    out.push(VERSION);
    let saved: Option<Saved> = state.and_then(Saved::of);
    // Writing to memory fails only where memory ends.
    if let Ok(bytes) = postcard::to_allocvec(&saved) {
        out.extend_from_slice(&bytes);
    }
}

/// Returns the state of the bytes, or `None` where they are no state that [`write`] made.
pub(crate) fn read(bytes: &[u8], depth_max: usize) -> Option<Option<Dynamic>> {
    let (version, rest) = bytes.split_first()?;
    if *version != VERSION {
        return None;
    }
    let (saved, rest): (Option<Saved>, _) = postcard::take_from_bytes(rest).ok()?;
    if !rest.is_empty() {
        return None;
    }
    let state = match saved {
        None => return Some(None),
        Some(saved) => saved.value()?,
    };
    refusal(&state, depth_max).is_none().then_some(Some(state))
}

/// The first byte: the form below.
const VERSION: u8 = 2;

/// Why a value cannot be in the state.
fn fault(value: &Dynamic, depth: usize) -> Option<&'static str> {
    if depth == 0 {
        return Some("holds arrays and maps too deep within one another");
    }
    if value.is_shared() {
        return Some("is shared with a closure, which cannot be saved");
    }
    if let Ok(items) = value.as_array_ref() {
        return items.iter().find_map(|item| fault(item, depth - 1));
    }
    if let Ok(fields) = value.as_map_ref() {
        return fields.values().find_map(|field| fault(field, depth - 1));
    }
    let is_plain = value.is_float() || value.is_int() || value.is_bool() || value.is_unit();
    let is_text = value.is_string() || value.is_char();
    if is_plain || is_text || is_token(value) {
        return None;
    }
    Some(if value.is_fnptr() {
        "is a function, which cannot be saved"
    } else {
        "is of a type that cannot be saved"
    })
}

fn is_token(value: &Dynamic) -> bool {
    value.is::<Indicator>()
        || value.is::<Order>()
        || value.is::<Bars>()
        || value.is::<Market>()
        || value.is::<Bar>()
        || value.is::<Fill>()
        || value.is::<Trade>()
}

/// A value of the state as it is written.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum Saved {
    Unit,
    Bool(bool),
    Int(i64),
    /// By its bits: zero keeps its sign; all NaN are one, since neither sign nor payload of one is fixed by IEEE 754.
    Float(u64),
    Char(char),
    Text(String),
    Array(Vec<Saved>),
    Map(Vec<(String, Saved)>),
    Market(u16),
    Order(SavedOrder),
    Bars(u16),
    /// Its id and the name of its kind.
    Indicator(u16, String),
    Trade {
        price: u64,
        qty: u64,
        side: u8,
        time: i64,
    },
    Bar {
        bars: u16,
        interval_ms: i64,
        open_time: i64,
        prices: [u64; 4],
        volume: u64,
    },
    Fill {
        order: SavedOrder,
        side: u8,
        numbers: [u64; 5],
        currency: String,
        facts: [bool; 3],
    },
}

/// An order's handle as it is written: id and denial.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct SavedOrder(u64, u8);

impl SavedOrder {
    fn of(handle: OrderHandle) -> Self {
        Self(handle.order.0, handle.denied as u8)
    }

    fn handle(self) -> Option<OrderHandle> {
        Some(OrderHandle {
            order: OrderId(self.0),
            denied: GateCode::from_u8(self.1)?,
        })
    }
}

impl Saved {
    fn of(value: &Dynamic) -> Option<Self> {
        if let Ok(items) = value.as_array_ref() {
            return items
                .iter()
                .map(Self::of)
                .collect::<Option<_>>()
                .map(Self::Array);
        }
        if let Ok(fields) = value.as_map_ref() {
            let named = fields
                .iter()
                .map(|(name, of)| Some((name.to_string(), Self::of(of)?)));
            return named.collect::<Option<_>>().map(Self::Map);
        }
        if let Ok(text) = value.as_immutable_string_ref() {
            return Some(Self::Text(text.to_string()));
        }
        Self::plain(value).or_else(|| Self::token(value))
    }

    fn plain(value: &Dynamic) -> Option<Self> {
        if let Ok(value) = value.as_float() {
            let value = if value.is_nan() { f64::NAN } else { value };
            Some(Self::Float(value.to_bits()))
        } else if let Ok(value) = value.as_int() {
            Some(Self::Int(value))
        } else if let Ok(value) = value.as_bool() {
            Some(Self::Bool(value))
        } else if let Ok(value) = value.as_char() {
            Some(Self::Char(value))
        } else {
            value.is_unit().then_some(Self::Unit)
        }
    }

    fn token(value: &Dynamic) -> Option<Self> {
        if let Some(of) = copied::<Indicator>(value) {
            return Some(Self::Indicator(of.id.0, of.name().to_owned()));
        }
        if let Some(of) = copied::<Order>(value) {
            return Some(Self::Order(SavedOrder::of(of.0)));
        }
        if let Some(of) = copied::<Bars>(value) {
            return Some(Self::Bars(of.0.0));
        }
        if let Some(of) = copied::<Market>(value) {
            return Some(Self::Market(of.0.0));
        }
        Self::event(value)
    }

    fn event(value: &Dynamic) -> Option<Self> {
        if let Some(Trade(of)) = copied(value) {
            let (price, qty) = (of.price.to_bits(), of.qty.to_bits());
            return Some(Self::Trade {
                price,
                qty,
                side: of.side as u8,
                time: of.time.0,
            });
        }
        if let Some(Bar(of)) = copied(value) {
            return Some(Self::Bar {
                bars: of.bars.0,
                interval_ms: of.interval_ms,
                open_time: of.open_time.0,
                prices: [of.open, of.high, of.low, of.close].map(f64::to_bits),
                volume: of.volume.to_bits(),
            });
        }
        let Fill(of) = copied(value)?;
        Some(Self::Fill {
            order: SavedOrder::of(of.order),
            side: of.side as u8,
            numbers: [of.price, of.qty, of.fee, of.realized, of.queue_ahead].map(f64::to_bits),
            currency: of.fee_currency.as_str().to_owned(),
            facts: [of.is_maker, of.opens, of.closes],
        })
    }

    fn value(self) -> Option<Dynamic> {
        Some(match self {
            Self::Unit => Dynamic::UNIT,
            Self::Bool(value) => value.into(),
            Self::Int(value) => value.into(),
            Self::Float(bits) => f64::from_bits(bits).into(),
            Self::Char(value) => value.into(),
            Self::Text(value) => value.into(),
            Self::Array(items) => Dynamic::from_array(
                items
                    .into_iter()
                    .map(Self::value)
                    .collect::<Option<Array>>()?,
            ),
            Self::Map(fields) => {
                let named = fields
                    .into_iter()
                    .map(|(name, of)| Some((name.into(), of.value()?)));
                Dynamic::from_map(named.collect::<Option<Map>>()?)
            }
            Self::Market(id) => Dynamic::from(Market(InstrumentId(id))),
            Self::Order(of) => Dynamic::from(Order(of.handle()?)),
            Self::Bars(id) => Dynamic::from(Bars(BarsId(id))),
            Self::Indicator(id, kind) => Dynamic::from(Indicator::of_name(IndicatorId(id), &kind)?),
            event => return event.event_value(),
        })
    }

    fn event_value(self) -> Option<Dynamic> {
        match self {
            Self::Trade {
                price,
                qty,
                side,
                time,
            } => Some(Dynamic::from(Trade(TradeView {
                price: f64::from_bits(price),
                qty: f64::from_bits(qty),
                side: Side::from_u8(side)?,
                time: VenueNs(time),
            }))),
            Self::Bar {
                bars,
                interval_ms,
                open_time,
                prices,
                volume,
            } => {
                let [open, high, low, close] = prices.map(f64::from_bits);
                Some(Dynamic::from(Bar(BarView {
                    bars: BarsId(bars),
                    interval_ms,
                    open_time: VenueNs(open_time),
                    open,
                    high,
                    low,
                    close,
                    volume: f64::from_bits(volume),
                })))
            }
            Self::Fill {
                order,
                side,
                numbers,
                currency,
                facts,
            } => {
                let [price, qty, fee, realized, queue_ahead] = numbers.map(f64::from_bits);
                let [is_maker, opens, closes] = facts;
                Some(Dynamic::from(Fill(FillView {
                    order: order.handle()?,
                    side: Side::from_u8(side)?,
                    price,
                    qty,
                    fee,
                    fee_currency: Currency::new(&currency)?,
                    is_maker,
                    opens,
                    closes,
                    realized,
                    queue_ahead,
                })))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn bytes(state: &Dynamic) -> Vec<u8> {
        let mut out = Vec::new();
        write(Some(state), &mut out);
        out
    }

    fn leaf() -> impl Strategy<Value = Saved> {
        prop_oneof![
            Just(Saved::Unit),
            any::<bool>().prop_map(Saved::Bool),
            any::<i64>().prop_map(Saved::Int),
            any::<u64>().prop_map(Saved::Float),
            any::<char>().prop_map(Saved::Char),
            ".{0,20}".prop_map(Saved::Text),
            any::<u16>().prop_map(Saved::Market),
            any::<u16>().prop_map(Saved::Bars),
            any::<u64>().prop_map(|id| Saved::Order(SavedOrder(id, GateCode::Rate as u8))),
            (
                any::<u16>(),
                prop::sample::select(vec!["ema", "macd", "mid_vol"])
            )
                .prop_map(|(id, kind)| Saved::Indicator(id, kind.to_owned())),
            any::<(u64, u64, i64)>().prop_map(|(price, qty, time)| Saved::Trade {
                price,
                qty,
                side: 2,
                time
            }),
            any::<(u16, i64, i64, [u64; 4], u64)>().prop_map(
                |(bars, interval_ms, open_time, prices, volume)| Saved::Bar {
                    bars,
                    interval_ms,
                    open_time,
                    prices,
                    volume
                }
            ),
            any::<(u64, [u64; 5], [bool; 3])>().prop_map(|(id, numbers, facts)| Saved::Fill {
                order: SavedOrder(id, 0),
                side: 1,
                numbers,
                currency: "USDT".to_owned(),
                facts
            }),
        ]
    }

    fn state() -> impl Strategy<Value = Saved> {
        let nested = leaf().prop_recursive(4, 64, 8, |inner| {
            let named = prop::collection::btree_map("[a-z]{1,6}", inner.clone(), 0..4);
            prop_oneof![
                prop::collection::vec(inner, 0..8).prop_map(Saved::Array),
                named.prop_map(|map| Saved::Map(map.into_iter().collect())),
            ]
        });
        prop::collection::btree_map("[a-z]{1,6}", nested, 0..6)
            .prop_map(|map| Saved::Map(map.into_iter().collect()))
    }

    proptest! {
        #[test]
        fn prop_a_state_comes_back_bit_for_bit(saved in state()) {
            let first = bytes(&saved.value().expect("every part is a value"));
            let read = read(&first, 16).expect("these bytes were written").expect("a state");
            prop_assert_eq!(bytes(&read), first);
        }

        #[test]
        fn prop_foreign_bytes_are_refused_or_read_but_never_panic(junk in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut versioned = vec![VERSION];
            versioned.extend(&junk);
            for bytes in [&junk, &versioned] {
                if let Some(Some(state)) = read(bytes, 16) {
                    prop_assert!(refusal(&state, 16).is_none());
                }
            }
        }
    }

    #[test]
    fn all_nan_are_saved_as_one_and_zeros_by_their_signs() {
        let saved = |value: f64| {
            let mut map = Map::new();
            map.insert("x".into(), value.into());
            map.insert("all".into(), vec![Dynamic::from(value)].into());
            bytes(&map.into())
        };
        for bits in [
            0xFFF8_0000_0000_0000,
            0x7FF8_0000_0000_0BAD,
            0xFFF8_0000_0000_0BAD,
            0x7FF0_0000_0000_0001,
            u64::MAX,
        ] {
            let made = f64::from_bits(bits);
            assert!(made.is_nan());
            assert_eq!(saved(made), saved(f64::NAN), "{bits:#x}");
        }
        assert_ne!(saved(0.0), saved(-0.0));
    }

    #[test]
    fn a_state_before_init_and_another_version_are_told_apart() {
        let mut out = Vec::new();
        write(None, &mut out);
        assert!(matches!(read(&out, 16), Some(None)));
        out[0] = VERSION + 1;
        assert!(read(&out, 16).is_none());
        assert!(read(&[], 16).is_none());
    }

    #[test]
    fn what_cannot_be_saved_is_named() {
        let mut map = Map::new();
        map.insert(
            "f".into(),
            Dynamic::from(rhai::FnPtr::new("g").expect("a name")),
        );
        let refused = refusal(&Dynamic::from_map(map), 16).expect("refused");
        assert_eq!(refused, "`this.f` is a function, which cannot be saved");
        let mut deep = Dynamic::UNIT;
        for _ in 0..20 {
            deep = Dynamic::from_array(vec![deep]);
        }
        let mut map = Map::new();
        map.insert("deep".into(), deep);
        assert!(refusal(&Dynamic::from_map(map), 16).is_some_and(|text| text.contains("too deep")));
        assert!(
            refusal(&Dynamic::from(5_i64), 16).is_some_and(|text| text.contains("must be a map"))
        );
    }
}
