//! Profit, cost, fees and equity with numbers computed by hand.

use super::*;
use crate::config::BalanceConfig;
use claire_types::{Mode, Scale};

const MARKET: InstrumentId = InstrumentId(0);
const MINE: StrategyId = StrategyId(0);
const OTHER: StrategyId = StrategyId(1);

fn amount(text: &str) -> Amount {
    text.parse().expect("a decimal number")
}

fn instrument(contract: Contract) -> Instrument {
    let is_inverse = contract == Contract::Inverse;
    Instrument {
        id: MARKET,
        key: "sim:BTCUSDT".parse().expect("a valid key"),
        scale: Scale {
            price_digits: 1,
            qty_digits: if is_inverse { 0 } else { 3 },
        },
        contract,
        is_trading: true,
        tick: Price(1),
        step: Qty(1),
        qty_min: Qty(1),
        qty_max: Qty(0),
        notional_min: Amount::ZERO,
        multiplier: if is_inverse {
            amount("100")
        } else {
            Amount::ONE
        },
        base: Currency::cut("BTC"),
        quote: Currency::cut("USDT"),
        settle: Currency::cut(if is_inverse { "BTC" } else { "USDT" }),
    }
}

fn portfolio(contract: Contract) -> Portfolio {
    let mut config = EngineConfig::new(Mode::Backtest);
    config.account.balances.push(BalanceConfig {
        currency: Currency::cut("BTC"),
        amount: Amount::ONE,
    });
    let mut portfolio = Portfolio::new(&config).expect("fits");
    portfolio.describe(&instrument(contract)).expect("fits");
    portfolio
}

fn deal(side: Side, qty: i64, price: i64) -> Deal {
    Deal {
        strategy: MINE,
        side,
        liquidity: Liquidity::Taker,
        price: Price(price),
        qty: Qty(qty),
        fee_share: amount("0.001"),
    }
}

#[test]
fn a_linear_position_opens_grows_shrinks_and_turns() {
    let mut portfolio = portfolio(Contract::Linear);
    // 1.000 at 100.0, 2.000 at 103.0: cost 306. Sell 1.000 at 105.0: a third of the cost, 102, leaves.
    let steps = [
        (deal(Side::Buy, 1_000, 1_000), "0", "0.1", 0, 1_000, "100"),
        (deal(Side::Buy, 2_000, 1_030), "0", "0.206", 0, 3_000, "306"),
        (
            deal(Side::Sell, 1_000, 1_050),
            "3",
            "0.105",
            1_000,
            2_000,
            "204",
        ),
        // Sell 5.000 at 101.0: 2.000 close at a loss of 2, 3.000 open short.
        (
            deal(Side::Sell, 5_000, 1_010),
            "-2",
            "0.505",
            2_000,
            -3_000,
            "-303",
        ),
        (deal(Side::Buy, 3_000, 1_000), "3", "0.3", 3_000, 0, "0"),
    ];
    for (deal, realized, fee, closed, qty, cost) in steps {
        let booked = portfolio.book(MARKET, &deal).expect("fits");
        assert_eq!(booked.realized, amount(realized));
        assert_eq!(
            (booked.fee, booked.fee_currency.as_str()),
            (amount(fee), "USDT")
        );
        assert_eq!(
            (booked.closed_qty, booked.opened_qty.0),
            (Qty(closed), deal.qty.0 - closed)
        );
        assert_eq!(
            (booked.position.qty, booked.position.cost),
            (Qty(qty), amount(cost))
        );
        assert_eq!(portfolio.net(MARKET), portfolio.position(MINE, MARKET));
    }
    // 4 earned, 1.216 paid.
    assert_eq!(
        portfolio.balances().amount(Currency::cut("USDT")),
        amount("10002.784")
    );
    assert_eq!(
        portfolio
            .position(MINE, MARKET)
            .average_price(&instrument(Contract::Linear)),
        None
    );
}

#[test]
fn a_partial_close_divides_its_cost_half_even_and_the_last_one_leaves_nothing() {
    let mut portfolio = portfolio(Contract::Linear);
    portfolio
        .book(MARKET, &deal(Side::Buy, 1, 1_000))
        .expect("fits");
    portfolio
        .book(MARKET, &deal(Side::Buy, 2, 1_001))
        .expect("fits");
    // Cost 0.1 + 0.2002 = 0.3002; a third is 0.100066666667 at 10^-12.
    let first = portfolio
        .book(MARKET, &deal(Side::Sell, 1, 1_000))
        .expect("fits");
    assert_eq!(first.realized, amount("-0.000066666667"));
    let second = portfolio
        .book(MARKET, &deal(Side::Sell, 1, 1_000))
        .expect("fits");
    // Half of 0.200133333333 is 0.1000666666665: to even, ...666.
    assert_eq!(second.realized, amount("-0.000066666666"));
    let last = portfolio
        .book(MARKET, &deal(Side::Sell, 1, 1_000))
        .expect("fits");
    assert_eq!(last.realized, amount("-0.000066666667"));
    assert_eq!(last.position.cost, Amount::ZERO);
    assert_eq!(last.position.realized, amount("-0.0002"));
}

#[test]
fn an_inverse_position_earns_base_currency() {
    let mut portfolio = portfolio(Contract::Inverse);
    // 3 contracts of 100 USD at 60,000.0: 0.005 BTC. One leaves at 50,000.0 for 0.002 BTC: a long loses
    // 0.002 - 0.001666666667.
    let open = portfolio
        .book(MARKET, &deal(Side::Buy, 3, 600_000))
        .expect("fits");
    assert_eq!(open.position.cost, amount("0.005"));
    assert_eq!(
        (open.fee, open.fee_currency.as_str()),
        (amount("0.000005"), "BTC")
    );
    let close = portfolio
        .book(MARKET, &deal(Side::Sell, 1, 500_000))
        .expect("fits");
    assert_eq!(close.realized, amount("-0.000333333333"));
    // The other two at 75,000.0 for 0.002666666667, of a cost of 0.003333333333.
    let close = portfolio
        .book(MARKET, &deal(Side::Sell, 2, 750_000))
        .expect("fits");
    assert_eq!(close.realized, amount("0.000666666666"));
    assert_eq!(close.position.cost, Amount::ZERO);
    // A short earns when the price falls: 1 at 50,000.0 is 0.002, bought back at 40,000.0 for 0.0025.
    portfolio
        .book(MARKET, &deal(Side::Sell, 1, 500_000))
        .expect("fits");
    portfolio.mark(MARKET, Some(amount("40000")));
    assert_eq!(portfolio.unrealized(MINE, MARKET), Some(amount("0.0005")));
    let facts = instrument(Contract::Inverse);
    let average = portfolio.position(MINE, MARKET).average_price(&facts);
    assert_eq!(average, Some(amount("50000")));
    let close = portfolio
        .book(MARKET, &deal(Side::Buy, 1, 400_000))
        .expect("fits");
    assert_eq!(close.realized, amount("0.0005"));
}

#[test]
fn spot_moves_both_currencies_and_fees_round_at_eight_decimals() {
    let mut portfolio = portfolio(Contract::Spot);
    let mut buy = deal(Side::Buy, 1, 1_005);
    // 0.1005 at 0.00012345 is 0.000012406725: 0.00001241.
    buy.fee_share = amount("0.00012345");
    let booked = portfolio.book(MARKET, &buy).expect("fits");
    assert_eq!(booked.fee, amount("0.00001241"));
    assert_eq!(
        booked.balance,
        (Currency::cut("USDT"), amount("9999.89948759"))
    );
    assert_eq!(
        booked.base_balance,
        Some((Currency::cut("BTC"), amount("1.001")))
    );
    // Half of the last decimal goes to even, both ways; a rebate is negative.
    let facts = instrument(Contract::Spot);
    let cases = [
        ("0.00000005", "0"),
        ("0.00000015", "0.00000002"),
        ("-0.00000005", "0"),
        ("-0.00000015", "-0.00000002"),
    ];
    for (share, fee) in cases {
        assert_eq!(
            fee_of(&facts, Price(1_000), Qty(1), amount(share)),
            Some(amount(fee)),
            "{share}"
        );
    }
}

#[test]
fn equity_counts_balances_and_derivatives_and_needs_every_rate() {
    let mut portfolio = portfolio(Contract::Linear);
    assert_eq!(portfolio.equity(), None, "nobody told what a BTC is worth");
    portfolio
        .convert(Currency::cut("BTC"), Some(amount("100")))
        .expect("fits");
    assert_eq!(portfolio.equity(), Some(amount("10100")));
    portfolio
        .book(MARKET, &deal(Side::Buy, 2_000, 1_000))
        .expect("fits");
    assert_eq!(portfolio.equity(), None, "nobody told the mark");
    portfolio.mark(MARKET, Some(amount("101.25")));
    assert_eq!(portfolio.equity(), Some(amount("10102.3")));
    assert_eq!(portfolio.profit(), Some(amount("2.3")));
    assert_eq!(
        portfolio.notional(MARKET, Qty(-2_000)),
        Some(amount("202.5"))
    );
    let usdt = Currency::cut("USDT");
    // 9999.8 less 20.25 of margin at 10 %, less 1 reserved; a gain that is not realized is not free.
    assert_eq!(
        portfolio.free(usdt, Amount::ONE, amount("0.1")),
        Some(amount("9978.55"))
    );
    portfolio.mark(MARKET, Some(amount("99")));
    assert_eq!(
        portfolio.free(usdt, Amount::ONE, amount("0.1")),
        Some(amount("9977"))
    );
    let record = portfolio.record().expect("valued");
    assert_eq!(
        (record.unrealized, record.fees),
        (amount("-2"), amount("0.2"))
    );
    assert_eq!(
        (record.equity, record.peak),
        (amount("10097.8"), amount("10097.8"))
    );
    portfolio.mark(MARKET, Some(amount("102")));
    assert_eq!(
        portfolio.record().map(|record| record.peak),
        Some(amount("10103.8"))
    );
    portfolio.mark(MARKET, Some(amount("99")));
    assert_eq!(
        portfolio.record().map(|record| record.peak),
        Some(amount("10103.8"))
    );
    portfolio.convert(Currency::cut("BTC"), None).expect("fits");
    assert_eq!(portfolio.equity(), None);
}

#[test]
fn two_strategies_against_each_other_are_flat_together_and_keep_their_profits() {
    let mut portfolio = portfolio(Contract::Linear);
    portfolio
        .convert(Currency::cut("BTC"), Some(amount("100")))
        .expect("fits");
    let other = Deal {
        strategy: OTHER,
        ..deal(Side::Sell, 1_000, 1_010)
    };
    portfolio
        .book(MARKET, &deal(Side::Buy, 1_000, 1_000))
        .expect("fits");
    portfolio.book(MARKET, &other).expect("fits");
    assert_eq!(portfolio.net(MARKET).qty, Qty::ZERO);
    portfolio.mark(MARKET, Some(amount("500")));
    assert_eq!(portfolio.unrealized(MINE, MARKET), Some(amount("400")));
    assert_eq!(portfolio.unrealized(OTHER, MARKET), Some(amount("-399")));
    // 1 between them whatever the mark, 0.1 + 0.101 paid.
    assert_eq!(portfolio.profit(), Some(amount("0.799")));
    assert_eq!(portfolio.equity(), Some(amount("10100.799")));
}

#[test]
fn a_deal_that_does_not_fit_changes_nothing() {
    let mut portfolio = portfolio(Contract::Linear);
    portfolio
        .book(MARKET, &deal(Side::Buy, 1_000, 1_000))
        .expect("fits");
    let before = portfolio.clone();
    let cases = [
        (
            MARKET,
            deal(Side::Buy, i64::MAX, 1_000),
            BookingFault::Overflow,
        ),
        (
            MARKET,
            deal(Side::Buy, i64::MAX, i64::MAX),
            BookingFault::Overflow,
        ),
        (MARKET, deal(Side::Buy, 0, 1_000), BookingFault::Overflow),
        (MARKET, deal(Side::Buy, 1, 0), BookingFault::Overflow),
        (
            InstrumentId(1),
            deal(Side::Buy, 1, 1),
            BookingFault::OutsideTables,
        ),
        (
            InstrumentId(64),
            deal(Side::Buy, 1, 1),
            BookingFault::OutsideTables,
        ),
        (
            MARKET,
            Deal {
                strategy: StrategyId(64),
                ..deal(Side::Buy, 1, 1)
            },
            BookingFault::OutsideTables,
        ),
    ];
    for (instrument, deal, fault) in cases {
        assert_eq!(portfolio.book(instrument, &deal), Err(fault), "{deal:?}");
        assert_eq!(portfolio, before);
    }
    let none = Deal {
        strategy: StrategyId::NONE,
        ..deal(Side::Buy, 1, 1_000)
    };
    assert!(
        portfolio.book(MARKET, &none).is_ok(),
        "what belongs to nobody is booked too"
    );
}
