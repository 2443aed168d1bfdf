//! Which of Binance's products a frame is of, by its fields.

use super::tape::Value;
use crate::event::DecodeError;
use claire_types::Venue;
use simd_json::{Buffers, Tape};

/// Returns the product whose frame this is; `bytes` are used up.
pub(crate) fn product_of_frame(bytes: &mut [u8]) -> Option<Venue> {
    let base = bytes.as_ptr() as usize;
    let mut tape = Tape(Vec::new());
    let mut buffers = Buffers::new(bytes.len());
    simd_json::fill_tape(bytes, &mut buffers, &mut tape).ok()?;
    product(Value::root(&tape.0, base)).ok().flatten()
}

fn product(root: Value<'_, '_>) -> Result<Option<Venue>, DecodeError> {
    let mut payload = root;
    if root.is_object() {
        let [stream, data] = root.fields(["stream", "data"])?;
        if let (true, Some(data)) = (stream.is_there(), data.value()) {
            payload = data;
        }
    }
    if payload.is_array() {
        payload = match payload.elements()?.next() {
            Some(first) => first,
            None => return Ok(None),
        };
    }
    let [product, pair, symbol, kind] = payload.fields(["st", "ps", "s", "e"])?;
    if let Some(product) = product.value() {
        return Ok(match product.integer()? {
            1 => Some(Venue::BinanceUsdm),
            2 => Some(Venue::BinanceCoinm),
            _ => None,
        });
    }
    if let Some(pair) = pair.value() {
        return Ok(Some(futures_of(pair.text()?)));
    }
    let symbol = symbol.value().map(|symbol| symbol.text()).transpose()?;
    let symbol = symbol.unwrap_or_default();
    match kind.value().map(|kind| kind.text()).transpose()? {
        Some(kind) => by_type(payload, kind, symbol),
        None => unnamed(payload),
    }
}

fn by_type(payload: Value<'_, '_>, kind: &str, symbol: &str) -> Result<Option<Venue>, DecodeError> {
    let [previous, origin, best_match, order] = payload.fields(["pu", "X", "M", "o"])?;
    let futures = Some(futures_of(symbol));
    Ok(match kind {
        "depthUpdate" if previous.is_there() => futures,
        "trade" if origin.is_there() => futures,
        "depthUpdate" => Some(Venue::BinanceSpot),
        "trade" | "aggTrade" if best_match.is_there() => Some(Venue::BinanceSpot),
        "aggTrade" | "bookTicker" | "markPriceUpdate" => futures,
        "forceOrder" => {
            let [symbol] = order.need()?.fields(["s"])?;
            Some(futures_of(symbol.need()?.text()?))
        }
        "kline" if symbol.contains('_') => futures,
        _ => None,
    })
}

fn unnamed(payload: Value<'_, '_>) -> Result<Option<Venue>, DecodeError> {
    let [image, time, pair, update, bid_qty, futures_type, symbols] = payload.fields([
        "lastUpdateId",
        "T",
        "pair",
        "u",
        "B",
        "futuresType",
        "symbols",
    ])?;
    if image.is_there() {
        return Ok(Some(match (pair.value(), time.is_there()) {
            (Some(pair), _) => futures_of(pair.text()?),
            (None, true) => Venue::BinanceUsdm,
            (None, false) => Venue::BinanceSpot,
        }));
    }
    if update.is_there() && bid_qty.is_there() {
        return Ok(Some(Venue::BinanceSpot));
    }
    if futures_type.is_there() {
        return Ok(Some(Venue::BinanceUsdm));
    }
    match symbols.value() {
        Some(symbols) => of_exchange_info(symbols),
        None => Ok(None),
    }
}

fn of_exchange_info(symbols: Value<'_, '_>) -> Result<Option<Venue>, DecodeError> {
    let Some(first) = symbols.elements()?.next() else {
        return Ok(None);
    };
    let [contract_size, contract_type, is_spot] =
        first.fields(["contractSize", "contractType", "isSpotTradingAllowed"])?;
    Ok(if contract_size.is_there() {
        Some(Venue::BinanceCoinm)
    } else if contract_type.is_there() {
        Some(Venue::BinanceUsdm)
    } else if is_spot.is_there() {
        Some(Venue::BinanceSpot)
    } else {
        None
    })
}

/// Returns the futures product of a pair or symbol: coin-margined ones are quoted in USD itself.
fn futures_of(symbol: &str) -> Venue {
    let pair = symbol.split('_').next().unwrap_or_default();
    if pair.ends_with("USD") && !pair.ends_with("BUSD") && !pair.ends_with("FDUSD") {
        Venue::BinanceCoinm
    } else {
        Venue::BinanceUsdm
    }
}
