//! The strategies that come with Claire, by name.
//!
//! Read at start where a configuration names no file.

/// Name and text of each.
pub const BUNDLED: [(&str, &str); 6] = [
    ("breakout", include_str!("../scripts/breakout.rhai")),
    ("churn", include_str!("../scripts/churn.rhai")),
    ("ema_cross", include_str!("../scripts/ema_cross.rhai")),
    ("empty", include_str!("../scripts/empty.rhai")),
    ("imbalance", include_str!("../scripts/imbalance.rhai")),
    (
        "mean_reversion",
        include_str!("../scripts/mean_reversion.rhai"),
    ),
];

/// Returns the text of a bundled strategy.
pub fn bundled(name: &str) -> Option<&'static str> {
    BUNDLED
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, source)| *source)
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
        }
    }
}
