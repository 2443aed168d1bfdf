#!/usr/bin/env python3
"""Values that Claire's indicators are compared with: by TA-Lib where it has them, else by a published formula.

    python3 reference.py make            write the made market and its values beside this file
    python3 reference.py compute FOLDER  read bars.csv, trades.csv and touches.csv there, write reference.jsonl

Needs `pip install TA-Lib`. The build and its tests do not: they read what `make` wrote. A test over recorded sessions
calls `compute` where Python and TA-Lib are there, and says so where they are not.

A line of reference.jsonl: an indicator with its arguments, what it is fed (bars, trades, mid, touches or book), by
whom the values are, and rows of the event's index and the outputs after it. A value is equal where it differs by at
most `tolerance` times the larger of itself and `floor`. Where definitions differ the line says which one it is; where
only the beginning differs, TA-Lib's values are compared once the difference has faded below 10^-12.
"""
import csv
import json
import math
import random
import sys
from pathlib import Path

import numpy as np
import talib

NAN = float("nan")
DAY_NS = 86_400_000_000_000
# An average with weight w forgets what it began with by (1 - w) a step.
FADED = 1e-13


class Market:
    """Columns of the events."""

    def __init__(self, folder):
        self.bars = table(folder / "bars.csv")
        self.trades = table(folder / "trades.csv")
        self.touches = table(folder / "touches.csv")
        self.open, self.high, self.low, self.close, self.volume = (
            self.bars[name] for name in ("open", "high", "low", "close", "volume")
        )
        self.typical = (self.high + self.low + self.close) / 3.0


def table(path):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {}
    for name in rows[0]:
        of = int if name in ("open_time_ns", "now_ns", "side") else float
        columns[name] = np.array([of(row[name]) for row in rows])
    return columns


# --- What TA-Lib does not have, or begins otherwise. Sources stand with each line in `lines`. ---


def seeded(values, length, weight):
    """An average that begins with the mean of the first `length` values; gaps at the front are kept."""
    out = np.full(len(values), NAN)
    first = first_index(values)
    if first + length > len(values):
        return out
    average = math.fsum(values[first : first + length]) / length
    out[first + length - 1] = average
    for i in range(first + length, len(values)):
        average = average * (1.0 - weight) + values[i] * weight
        out[i] = average
    return out


def first_index(values):
    there = np.flatnonzero(~np.isnan(values))
    return int(there[0]) if len(there) else len(values)


def ema(values, length):
    return seeded(values, length, 2.0 / (length + 1.0))


def wilder(values, length):
    return seeded(values, length, 1.0 / length)


def wma(values, length):
    """TA-Lib has no average of one value."""
    return values.copy() if length == 1 else talib.WMA(values, length)


def level_free(call, values, *arguments):
    """A deviation does not depend on the level, but what TA-Lib's loses to rounding does."""
    return call(values - values[0], *arguments)


def hma(values, length):
    ahead = 2.0 * wma(values, length // 2) - wma(values, length)
    out = np.full(len(values), NAN)
    first = first_index(ahead)
    out[first:] = wma(ahead[first:], math.isqrt(length))
    return out


def atr(market, length):
    """TA-Lib leaves the first bar out: it is given one before, whose close lies within the first bar."""
    high, low, close = (
        np.concatenate(([market.open[0]], column))
        for column in (market.high, market.low, market.close)
    )
    return talib.ATR(high, low, close, length)[1:]


def true_range(market):
    before = np.concatenate(([market.open[0]], market.close[:-1]))
    return np.maximum(market.high, before) - np.minimum(market.low, before)


def adx(market, length):
    up = np.concatenate(([NAN], np.diff(market.high)))
    down = np.concatenate(([NAN], -np.diff(market.low)))
    plus = np.where((up > down) & (up > 0), up, 0.0)
    minus = np.where((down > up) & (down > 0), down, 0.0)
    plus[0] = minus[0] = NAN
    ranges = true_range(market)
    ranges[0] = NAN
    smoothed = wilder(ranges, length)
    plus, minus = (100.0 * wilder(move, length) / smoothed for move in (plus, minus))
    return wilder(100.0 * np.abs(plus - minus) / (plus + minus), length), plus, minus


def supertrend(market, length, multiplier):
    reach = multiplier * atr(market, length)
    middle = (market.high + market.low) / 2.0
    value, direction = np.full(len(middle), NAN), np.full(len(middle), NAN)
    lower = upper = None
    is_up = False
    for i in range(first_index(reach), len(middle)):
        new_lower, new_upper = middle[i] - reach[i], middle[i] + reach[i]
        if lower is not None:
            close = market.close[i - 1]
            lower = new_lower if new_lower > lower or close < lower else lower
            upper = new_upper if new_upper < upper or close > upper else upper
            is_up = not market.close[i] < lower if is_up else market.close[i] > upper
        else:
            lower, upper = new_lower, new_upper
        value[i], direction[i] = (lower, 1.0) if is_up else (upper, -1.0)
    return value, direction


def parabolic(market, step, most):
    value = talib.SAR(market.high, market.low, step, most)
    return value, np.where(np.isnan(value), NAN, np.where(value <= market.low, 1.0, -1.0))


def ichimoku(market, conversion, base, span, displacement):
    conversion, base, span = (
        talib.MIDPRICE(market.high, market.low, length) for length in (conversion, base, span)
    )
    begun = np.isnan(conversion) | np.isnan(base) | np.isnan(span)
    lead = np.where(begun, NAN, (conversion + base) / 2.0)
    span = np.where(begun, NAN, span)
    shift = displacement - 1

    def delayed(line):
        return np.concatenate((np.full(shift, NAN), line[: len(line) - shift]))

    return conversion, base, delayed(lead), delayed(span)


def day_vwap(market):
    out, day, volume, turnover = [], None, [], []
    for i, time in enumerate(market.bars["open_time_ns"]):
        if time // DAY_NS != day:
            day, volume, turnover = time // DAY_NS, [], []
        volume.append(market.volume[i])
        turnover.append(market.typical[i] * market.volume[i])
        total = math.fsum(volume)
        out.append(math.fsum(turnover) / total if total > 0 else market.typical[i])
    return np.array(out)


def realized(values, length):
    squares = [math.log(b / a) ** 2 for a, b in zip(values, values[1:])]
    out = np.full(len(values), NAN)
    for i in range(length, len(values)):
        out[i] = math.sqrt(math.fsum(squares[i - length : i]))
    return out


def mid_vol(market, window_ms):
    """The mid at the end of each second; a row where a second has ended with an event."""
    mids = (market.touches["bid"] + market.touches["ask"]) / 2.0
    seconds = market.touches["now_ns"] // 1_000_000_000
    count = window_ms // 1_000
    samples, out = [], np.full(len(mids), NAN)
    for i in range(1, len(mids)):
        ended = int(seconds[i] - seconds[i - 1])
        samples.extend([mids[i - 1]] * min(ended, count + 1))
        samples = samples[-(count + 1) :]
        if ended == 0:
            out[i] = out[i - 1]
        elif len(samples) == count + 1:
            returns = [b / a - 1.0 for a, b in zip(samples, samples[1:])]
            mean = math.fsum(returns) / count
            out[i] = math.sqrt(math.fsum((r - mean) ** 2 for r in returns) / count)
    return out


def windowed(nows, contributions, window_ms):
    """Sums of the last hundred slices of the window, the one in progress among them; exact, in units of 10^-8."""
    slices = nows // (window_ms * 10_000)
    first = np.searchsorted(slices, slices - 100, side="right")
    out = []
    for values in contributions:
        sums = np.concatenate(([0], np.cumsum(np.rint(values * 1e8).astype(np.int64))))
        in_window = (sums[1:] - sums[first]) / 1e8
        out.append(np.where(slices - slices[0] >= 100, in_window, NAN))
    return out


def order_flow(market, window_ms):
    t = market.touches
    bid, ask, bid_qty, ask_qty = (t[name] for name in ("bid", "ask", "bid_qty", "ask_qty"))
    flow = np.zeros(len(bid))
    for i in range(1, len(bid)):
        flow[i] = (
            (bid_qty[i] if bid[i] >= bid[i - 1] else 0.0)
            - (bid_qty[i - 1] if bid[i] <= bid[i - 1] else 0.0)
            - (ask_qty[i] if ask[i] <= ask[i - 1] else 0.0)
            + (ask_qty[i - 1] if ask[i] >= ask[i - 1] else 0.0)
        )
    return windowed(t["now_ns"], [flow], window_ms)[0]


def trade_flow(market, window_ms):
    side, qty = market.trades["side"], market.trades["qty"]
    buy, sell = np.where(side > 0, qty, 0.0), np.where(side < 0, qty, 0.0)
    buy, sell = windowed(market.trades["now_ns"], [buy, sell], window_ms)
    total = buy + sell
    return np.where(total > 0, (buy - sell) / np.where(total > 0, total, 1.0), total * 0.0), buy, sell


def vpin(market, bucket, count):
    """In whole units of 10^-8, so that no bucket ends by rounding."""
    unit = 100_000_000
    size, net, filled = round(bucket * unit), 0, 0
    imbalances, out = [], np.full(len(market.trades["qty"]), NAN)
    for i, (qty, side) in enumerate(zip(market.trades["qty"], market.trades["side"])):
        left = round(float(qty) * unit)
        while left > 0:
            part = min(left, size - filled)
            net, filled, left = net + int(side) * part, filled + part, left - part
            if filled == size:
                imbalances.append(abs(net))
                net = filled = 0
        if len(imbalances) >= count:
            out[i] = sum(imbalances[-count:]) / (size * count)
    return out


def lines(m):
    """Every indicator: name, arguments, what it is fed, by whom, tolerance, floor, first index, outputs."""
    price = float(np.max(m.close))
    imbalance = (m.touches["bid_qty"] - m.touches["ask_qty"]) / (
        m.touches["bid_qty"] + m.touches["ask_qty"]
    )
    c = m.close

    def line(name, arguments, by, outputs, fed="bars", tolerance=1e-11, floor=0.0, first=0):
        columns = outputs if isinstance(outputs, dict) else {"value": outputs}
        return name, arguments, fed, by, tolerance, floor, first, columns

    def faded(length, powers=1.0):
        steps = math.log(FADED) / math.log(1.0 - 1.0 / length) if length > 1 else 2
        return int(powers * steps + 3 * length)

    for n in (2, 10, 21, 50):
        yield line("sma", [n], "TA-Lib SMA", talib.SMA(c, n))
        yield line("ema", [n], "TA-Lib EMA", talib.EMA(c, n))
        yield line("wma", [n], "TA-Lib WMA", talib.WMA(c, n))
        yield line("dema", [n], "TA-Lib DEMA", talib.DEMA(c, n))
        yield line("tema", [n], "TA-Lib TEMA", talib.TEMA(c, n))
        yield line("hma", [n], "Hull, alanhull.com: WMA(2 WMA(n / 2) - WMA(n), sqrt n), by TA-Lib WMA", hma(c, n))
        yield line("kama", [n], "TA-Lib KAMA", talib.KAMA(c, n))
        yield line("roc", [n], "TA-Lib ROC", talib.ROC(c, n), floor=1.0)
        yield line("highest", [n], "TA-Lib MAX of highs", talib.MAX(m.high, n), tolerance=0.0)
        yield line("lowest", [n], "TA-Lib MIN of lows", talib.MIN(m.low, n), tolerance=0.0)
        yield line("volume_sma", [n], "TA-Lib SMA of volumes", talib.SMA(m.volume, n))
        yield line(
            "donchian", [n], "TA-Lib MAX, MIN and MIDPRICE",
            {"value": talib.MIDPRICE(m.high, m.low, n), "upper": talib.MAX(m.high, n), "lower": talib.MIN(m.low, n)},
        )
        yield line(
            "linreg", [n], "TA-Lib LINEARREG, _SLOPE and _INTERCEPT",
            {
                "value": talib.LINEARREG(c, n),
                "slope": level_free(talib.LINEARREG_SLOPE, c, n),
                "intercept": talib.LINEARREG_INTERCEPT(c, n),
            },
            floor=1e-3 * price,
        )
        deviation = level_free(talib.STDDEV, c, n)
        yield line("stddev", [n], "TA-Lib STDDEV", deviation, tolerance=1e-9, floor=1e-6 * price)
        middle = talib.SMA(c, n)
        yield line(
            "bollinger", [n, 2.5], "TA-Lib SMA and STDDEV (its BBANDS)",
            {"value": middle, "upper": middle + 2.5 * deviation, "lower": middle - 2.5 * deviation},
        )
        if n > 2:
            yield line(
                "zscore", [n], "TA-Lib SMA and STDDEV",
                level_free(lambda v: (v - talib.SMA(v, n)) / talib.STDDEV(v, n), c),
                tolerance=1e-9, floor=1.0,
            )
        turnover, volume = talib.SUM(m.typical * m.volume, n), talib.SUM(m.volume, n)
        yield line("vwap", [n], "TA-Lib SUM of price times volume by SUM of volume", turnover / volume)
        yield line(
            "realized_vol", [n], "Andersen and Bollerslev (1998): root of the sum of squared log returns",
            realized(c, n),
        )
    yield line("vwap", [], "sum of price times volume by sum of volume, since the UTC day began", day_vwap(m))
    for n in (5, 14, 30):
        yield line("rsi", [n], "TA-Lib RSI", talib.RSI(c, n))
        yield line(
            "cci", [n], "TA-Lib CCI, of prices less the first",
            talib.CCI(m.high - c[0], m.low - c[0], c - c[0], n), tolerance=1e-9, floor=1.0,
        )
        yield line("williams_r", [n], "TA-Lib WILLR", talib.WILLR(m.high, m.low, c, n), floor=1.0)
        # In whole units of 10^-8, so that equal sums of three prices are equal to TA-Lib, too.
        high, low, close = (np.rint(column * 1e8) for column in (m.high, m.low, c))
        mfi = talib.MFI(high, low, close, m.volume, n)
        yield line("mfi", [n], "TA-Lib MFI, of prices as whole numbers", mfi, tolerance=1e-9, floor=1.0)
        yield line("atr", [n], "TA-Lib ATR, given a bar before the first", atr(m, n))
        if faded(n, 1.3) < len(c):
            yield line("atr", [n], "TA-Lib ATR, faded", talib.ATR(m.high, m.low, c, n), first=faded(n))
        value, plus, minus = adx(m, n)
        outputs = {"value": value, "plus_di": plus, "minus_di": minus}
        yield line("adx", [n], "Wilder, New Concepts in Technical Trading Systems (1978), section IV", outputs)
        outputs = {
            "value": talib.ADX(m.high, m.low, c, n),
            "plus_di": talib.PLUS_DI(m.high, m.low, c, n),
            "minus_di": talib.MINUS_DI(m.high, m.low, c, n),
        }
        if faded(n, 1.3) < len(c):
            yield line("adx", [n], "TA-Lib ADX, PLUS_DI and MINUS_DI, faded", outputs, first=faded(n, 1.3))
        middle, reach = talib.EMA(c, n), 1.5 * atr(m, 10)
        yield line(
            "keltner", [n, 1.5, 10], "StockCharts, Keltner Channels: TA-Lib EMA and ATR",
            {"value": middle, "upper": middle + reach, "lower": middle - reach},
        )
    for fast, slow, signal in ((12, 26, 9), (5, 34, 5)):
        line_ = talib.EMA(c, fast) - talib.EMA(c, slow)
        first = first_index(line_)
        signal_ = np.concatenate((np.full(first, NAN), talib.EMA(line_[first:], signal)))
        yield line(
            "macd", [fast, slow, signal], "Appel: TA-Lib EMA of closes and of their difference",
            {"value": np.where(np.isnan(signal_), NAN, line_), "signal": signal_, "histogram": line_ - signal_},
            floor=1e-3 * price,
        )
        value, signal_, histogram = talib.MACD(c, fast, slow, signal)
        if faded((slow + 1) / 2) >= len(c):
            continue
        yield line(
            "macd", [fast, slow, signal], "TA-Lib MACD, faded",
            {"value": value, "signal": signal_, "histogram": histogram},
            floor=1e-3 * price, first=faded((slow + 1) / 2),
        )
    for length, smooth, signal in ((14, 3, 3), (5, 1, 3), (21, 5, 9)):
        k, d = talib.STOCH(m.high, m.low, c, length, smooth, 0, signal, 0)
        yield line("stochastic", [length, smooth, signal], "TA-Lib STOCH", {"k": k, "d": d}, floor=1.0)
    yield line("obv", [], "TA-Lib OBV", talib.OBV(c, m.volume), floor=1.0)
    for step, most in ((0.02, 0.2), (0.05, 0.3)):
        value, direction = parabolic(m, step, most)
        yield line("sar", [step, most], "TA-Lib SAR", {"value": value, "direction": direction})
    for length, multiplier in ((10, 3.0), (7, 1.0)):
        value, direction = supertrend(m, length, multiplier)
        yield line(
            "supertrend", [length, multiplier], "TradingView, ta.supertrend, with TA-Lib ATR",
            {"value": value, "direction": direction},
        )
    for lengths in ((9, 26, 52, 26), (3, 9, 5, 2)):
        conversion, base, span_a, span_b = ichimoku(m, *lengths)
        yield line(
            "ichimoku", list(lengths), "Hosoda, by TA-Lib MIDPRICE",
            {
                "value": np.where(np.isnan(span_b), NAN, conversion),
                "base": np.where(np.isnan(span_b), NAN, base),
                "span_a": span_a,
                "span_b": span_b,
            },
        )
    nows = m.trades["price"]
    yield line("ema", [20], "TA-Lib EMA of trades' prices", talib.EMA(nows, 20), fed="trades")
    yield line("trade_flow", [5_000], "sums over the last hundred slices of 50 ms", dict(zip(
        ("value", "buy_qty", "sell_qty"), trade_flow(m, 5_000))), fed="trades", floor=1e-3)
    bucket = round(float(np.sum(m.trades["qty"])) / 200.0, 3)
    yield line(
        "vpin", [bucket, 20], "Easley, Lopez de Prado, O'Hara (2012), with the venue's aggressors",
        vpin(m, bucket, 20), fed="trades", tolerance=1e-9,
    )
    yield line(
        "ofi", [5_000], "Cont, Kukanov, Stoikov (2014), summed over the last hundred slices of 50 ms",
        order_flow(m, 5_000), fed="touches", floor=float(np.max(m.touches["bid_qty"])),
    )
    yield line(
        "book_imbalance", [1, 20], "TA-Lib EMA of (bid - ask) / (bid + ask)",
        talib.EMA(imbalance, 20), fed="book", floor=0.1,
    )
    yield line(
        "mid_vol", [10_000], "population deviation of the mid's returns from second to second",
        mid_vol(m, 10_000), fed="mid", tolerance=1e-9, floor=1e-9,
    )


def write(folder, stride):
    with open(folder / "reference.jsonl", "w") as file:
        for name, arguments, fed, by, tolerance, floor, first, columns in lines(Market(folder)):
            values = np.array(list(columns.values()))
            there = [i for i in range(values.shape[1]) if not np.isnan(values[:, i]).any()]
            begins = there[0] if there and first == 0 else None
            there = [i for i in there if i >= first]
            taken = sorted(set(there[:3] + there[::stride] + there[-1:]))
            rows = [[i] + [float(value) for value in values[:, i]] for i in taken]
            record = {
                "name": name, "arguments": arguments, "fed": fed, "by": by, "tolerance": tolerance,
                "floor": floor, "begins": begins, "outputs": list(columns), "rows": rows,
            }
            file.write(json.dumps(record) + "\n")


def make(folder):
    """A market from a seed: bars of a minute over a midnight, and trades and touches over a minute and a half."""
    rng = random.Random(20261128)
    with open(folder / "bars.csv", "w") as file:
        file.write("open_time_ns,open,high,low,close,volume\n")
        close, pace = 100.0, 1.0
        for i in range(700):
            pace = 0.9 * pace + 0.1 * abs(rng.gauss(1.0, 1.0))
            start = close
            close = round(start * (1.0 + 0.002 * pace * rng.gauss(0.0, 1.0)), 2)
            high = round(max(start, close) + 0.05 + 0.1 * rng.random(), 2)
            low = round(min(start, close) - 0.05 - 0.1 * rng.random(), 2)
            volume = round(1.0 + 20.0 * pace * rng.random(), 3)
            file.write(f"{1_723_140_000_000_000_000 + i * 60_000_000_000},{start},{high},{low},{close},{volume}\n")
    now, bid, spread = 1_723_161_253_017_000_000, 10_000, 1
    with open(folder / "trades.csv", "w") as trades, open(folder / "touches.csv", "w") as touches:
        trades.write("now_ns,price,qty,side\n")
        touches.write("now_ns,bid,bid_qty,ask,ask_qty\n")
        for _ in range(900):
            now += rng.choice((0, 7, 30, 90, 250, 800)) * 1_000_000
            bid += rng.choice((-2, -1, 0, 0, 0, 1, 2))
            spread = rng.choice((1, 1, 1, 2, 3))
            quantities = [round(0.001 * rng.randint(1, 5_000), 3) for _ in range(3)]
            touches.write(f"{now},{bid / 100},{quantities[0]},{(bid + spread) / 100},{quantities[1]}\n")
            if rng.random() < 0.7:
                side = rng.choice((1, 1, -1))
                price = (bid + spread if side > 0 else bid) / 100
                trades.write(f"{now},{price},{quantities[2]},{side}\n")


if __name__ == "__main__":
    if sys.argv[1:] == ["make"]:
        here = Path(__file__).parent
        make(here)
        write(here, 23)
    elif len(sys.argv) == 3 and sys.argv[1] == "compute":
        write(Path(sys.argv[2]), 7)
    else:
        sys.exit(__doc__)
