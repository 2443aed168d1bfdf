//! The strategies that come with Claire, by name.
//!
//! Read at start where a configuration names no file.

/// Name and text of each.
pub const BUNDLED: [(&str, &str); 10] = [
    (
        "avellaneda_stoikov",
        include_str!("../scripts/avellaneda_stoikov.rhai"),
    ),
    ("breakout", include_str!("../scripts/breakout.rhai")),
    ("churn", include_str!("../scripts/churn.rhai")),
    ("ema_cross", include_str!("../scripts/ema_cross.rhai")),
    ("empty", include_str!("../scripts/empty.rhai")),
    ("grid", include_str!("../scripts/grid.rhai")),
    ("imbalance", include_str!("../scripts/imbalance.rhai")),
    ("market_maker", include_str!("../scripts/market_maker.rhai")),
    (
        "mean_reversion",
        include_str!("../scripts/mean_reversion.rhai"),
    ),
    ("momentum", include_str!("../scripts/momentum.rhai")),
];

/// Name and test file of each.
const TESTS: [(&str, &str); 10] = [
    (
        "avellaneda_stoikov",
        include_str!("../scripts/avellaneda_stoikov.test.toml"),
    ),
    ("breakout", include_str!("../scripts/breakout.test.toml")),
    ("churn", include_str!("../scripts/churn.test.toml")),
    ("ema_cross", include_str!("../scripts/ema_cross.test.toml")),
    ("empty", include_str!("../scripts/empty.test.toml")),
    ("grid", include_str!("../scripts/grid.test.toml")),
    ("imbalance", include_str!("../scripts/imbalance.test.toml")),
    (
        "market_maker",
        include_str!("../scripts/market_maker.test.toml"),
    ),
    (
        "mean_reversion",
        include_str!("../scripts/mean_reversion.test.toml"),
    ),
    ("momentum", include_str!("../scripts/momentum.test.toml")),
];

/// Returns the text of a bundled strategy.
pub fn bundled(name: &str) -> Option<&'static str> {
    text_of(&BUNDLED, name)
}

/// Returns the test file of a bundled strategy.
pub fn bundled_test(name: &str) -> Option<&'static str> {
    text_of(&TESTS, name)
}

fn text_of(texts: &[(&str, &'static str)], name: &str) -> Option<&'static str> {
    let mut texts = texts.iter();
    texts
        .find(|(known, _)| *known == name)
        .map(|(_, text)| *text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Script;

    #[test]
    fn every_bundled_strategy_compiles() {
        for (name, source) in BUNDLED {
            let script = Script::compile(name, source, &[]);
            assert!(script.is_ok(), "{name}: {:?}", script.err());
            let test = bundled_test(name).expect("a test");
            assert!(test.contains("[[test]]"), "{name}: {test}");
        }
    }
}
