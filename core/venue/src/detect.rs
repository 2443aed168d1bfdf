//! Which venue a frame or an address is of, where a recording does not say.
//!
//! Called by whoever opens a recording, before the feed; reads the frame on its own tape and may allocate.

use crate::binance::product_of_frame;
use claire_types::Venue;

/// Returns the venue that alone sends frames like this one; `None` where several do, or nobody.
///
/// # Source
/// Field differences between Binance's products as recorded (2021 to 2024) and documented: `ps` and `st`
/// stand on futures only, `pu` and `T` on futures' depth, `M` on spot's trades (read 2026-11-21).
pub fn detect(frame: &[u8]) -> Option<Venue> {
    let mut bytes = frame.to_vec();
    product_of_frame(&mut bytes)
}

/// Returns the venue that an address belongs to, production or test.
pub fn detect_url(url: &str) -> Option<Venue> {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    let first = host.split('.').next().unwrap_or_default();
    let is_binance = host.contains("binance");
    let is_mexc = host.ends_with("mexc.com");
    match first {
        "fapi" | "fstream" | "demo-fapi" | "testnet" | "ws-fapi"
            if host.ends_with("binancefuture.com") =>
        {
            Some(Venue::BinanceUsdm)
        }
        "fstream" | "fapi" | "demo-fapi" | "ws-fapi" | "fstream-auth" if is_binance => {
            Some(Venue::BinanceUsdm)
        }
        "dapi" | "dstream" | "demo-dapi" | "ws-dapi" if is_binance => Some(Venue::BinanceCoinm),
        _ if is_binance => Some(Venue::BinanceSpot),
        "contract" | "futures" if is_mexc => Some(Venue::MexcFutures),
        _ if is_mexc => Some(Venue::MexcSpot),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_tells_its_venue_where_only_one_sends_such() {
        let spot = Some(Venue::BinanceSpot);
        let usdm = Some(Venue::BinanceUsdm);
        let coinm = Some(Venue::BinanceCoinm);
        let cases = [
            (
                r#"{"stream":"btcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"BTCUSDT","U":1,"u":2,"b":[],"a":[]}}"#,
                spot,
            ),
            (
                r#"{"stream":"btcusdt@depth@0ms","data":{"e":"depthUpdate","E":1,"T":1,"s":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}}"#,
                usdm,
            ),
            (
                r#"{"data":{"e":"depthUpdate","s":"BTCUSD_PERP","ps":"BTCUSD","U":1,"u":2,"pu":0,"b":[],"a":[]},"stream":"x@depth"}"#,
                coinm,
            ),
            (
                r#"{"e":"depthUpdate","s":"BTCUSDT_210625","ps":"BTCUSDT","U":1,"u":2,"pu":0,"b":[],"a":[]}"#,
                usdm,
            ),
            (
                r#"{"e":"bookTicker","u":1,"s":"ETHUSDT","st":2,"b":"1","B":"1","a":"2","A":"1"}"#,
                coinm,
            ),
            (
                r#"{"u":1,"s":"ETHUSDT","b":"1","B":"1","a":"2","A":"1"}"#,
                spot,
            ),
            (
                r#"{"e":"trade","s":"ETHUSDT","t":1,"p":"1","q":"1","m":true,"M":true}"#,
                spot,
            ),
            (
                r#"{"e":"trade","s":"ETHUSDT","t":1,"p":"1","q":"1","X":"MARKET","m":true}"#,
                usdm,
            ),
            (
                r#"{"e":"aggTrade","s":"ETHUSDT","a":1,"p":"1","q":"1","m":true}"#,
                usdm,
            ),
            (r#"{"lastUpdateId":1,"bids":[],"asks":[]}"#, spot),
            (
                r#"{"lastUpdateId":1,"E":1,"T":1,"bids":[],"asks":[]}"#,
                usdm,
            ),
            (
                r#"{"lastUpdateId":1,"E":1,"T":1,"symbol":"BTCUSD_PERP","pair":"BTCUSD","bids":[],"asks":[]}"#,
                coinm,
            ),
            (
                r#"{"stream":"!markPrice@arr","data":[{"e":"markPriceUpdate","s":"BTCUSDT"}]}"#,
                usdm,
            ),
            (r#"{"e":"forceOrder","o":{"s":"BTCUSD_PERP"}}"#, coinm),
            (r#"{"e":"kline","s":"BTCUSDT","k":{}}"#, None),
            (r#"{"result":null,"id":1}"#, None),
            ("{", None),
            ("", None),
        ];
        for (frame, venue) in cases {
            assert_eq!(detect(frame.as_bytes()), venue, "{frame}");
        }
    }

    #[test]
    fn an_address_tells_its_venue() {
        let cases = [
            (
                "wss://stream.binance.com:9443/stream?streams=a",
                Some(Venue::BinanceSpot),
            ),
            (
                "https://api.binance.com/api/v3/depth?symbol=A",
                Some(Venue::BinanceSpot),
            ),
            (
                "wss://stream.testnet.binance.vision/ws",
                Some(Venue::BinanceSpot),
            ),
            (
                "wss://fstream.binance.com/stream?streams=a",
                Some(Venue::BinanceUsdm),
            ),
            (
                "wss://fstream.binancefuture.com/ws",
                Some(Venue::BinanceUsdm),
            ),
            (
                "https://testnet.binancefuture.com/fapi/v1/depth",
                Some(Venue::BinanceUsdm),
            ),
            (
                "https://dapi.binance.com/dapi/v1/depth",
                Some(Venue::BinanceCoinm),
            ),
            ("wss://dstream.binance.com/ws", Some(Venue::BinanceCoinm)),
            ("wss://wbs-api.mexc.com/ws", Some(Venue::MexcSpot)),
            ("wss://contract.mexc.com/edge", Some(Venue::MexcFutures)),
            ("http://localhost/", None),
        ];
        for (url, venue) in cases {
            assert_eq!(detect_url(url), venue, "{url}");
        }
    }
}
