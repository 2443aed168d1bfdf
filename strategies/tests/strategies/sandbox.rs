//! What scripts can reach, and that it means the same as in stock Rhai.

use claire_strategies::{Limits, sandbox};

#[test]
fn the_functions_scripts_can_reach_are_exactly_the_listed_ones() {
    let listed: Vec<&str> = include_str!("functions.txt").lines().collect();
    let found = sandbox::functions();
    let missing: Vec<_> = listed
        .iter()
        .filter(|name| !found.iter().any(|of| of == *name))
        .collect();
    let unlisted: Vec<_> = found
        .iter()
        .filter(|name| !listed.contains(&name.as_str()))
        .collect();
    assert!(
        missing.is_empty() && unlisted.is_empty(),
        "missing {missing:?}, unlisted {unlisted:?}"
    );
    for forbidden in [
        "timestamp",
        "sleep",
        "eval",
        "print",
        "debug",
        "exit",
        "import",
        "parse_json",
    ] {
        let prefix = format!("{forbidden}/");
        assert!(
            !listed.iter().any(|name| name.starts_with(&prefix)),
            "{forbidden}"
        );
    }
}

#[test]
fn numbers_behave_as_in_stock_rhai() {
    let cases = [
        ("0.1 + 0.2 == 0.3", "true"),
        ("1 == 1.0", "true"),
        ("1 + 0.5", "1.5"),
        ("7 / 2", "3"),
        ("7 / 2.0", "3.5"),
        ("-7 % 3", "-1"),
        ("round(2.5)", "3.0"),
        ("round(-2.5)", "-3.0"),
        ("floor(-1.5)", "-2.0"),
        ("ceil(1.2)", "2.0"),
        ("ceiling(1.2)", "2.0"),
        ("to_int(0.0 / 0.0)", "0"),
        ("to_int(-1.9)", "-1"),
        ("to_float(3)", "3.0"),
        ("1 << 64", "0"),
        ("1 << 63", "-9223372036854775808"),
        ("min(1, 2.5)", "1.0"),
        ("max(3, 2)", "3"),
        ("abs(-4)", "4"),
        ("sqrt(16)", "4.0"),
        ("pow(2, 10)", "1024.0"),
        ("log(1000.0)", "3.0"),
        ("log(8.0, 2)", "3.0"),
        ("2 ** 10", "1024"),
    ];
    let engine = sandbox::engine(&Limits::default());
    for (source, want) in cases {
        let value = engine.eval::<rhai::Dynamic>(source);
        let value = value.map(|value| value.to_string());
        assert_eq!(
            value.map_err(|fault| fault.to_string()),
            Ok(want.to_owned()),
            "{source}"
        );
    }
    for source in [
        "9223372036854775807 + 1",
        "1 / 0",
        "-9223372036854775808 / -1",
        "to_int(1e300)",
    ] {
        assert!(engine.eval::<rhai::Dynamic>(source).is_err(), "{source}");
    }
}

#[test]
fn transcendentals_are_libms_to_the_bit() {
    type Case = (&'static str, fn(f64) -> f64);
    let cases: [Case; 9] = [
        ("sqrt", libm::sqrt),
        ("exp", libm::exp),
        ("ln", libm::log),
        ("log", libm::log10),
        ("sin", libm::sin),
        ("cos", libm::cos),
        ("tan", libm::tan),
        ("tanh", libm::tanh),
        ("atan", libm::atan),
    ];
    let engine = sandbox::engine(&Limits::default());
    for (name, function) in cases {
        for step in 1..200_i32 {
            let x = f64::from(step) * 0.137;
            let found: f64 = engine.eval(&format!("{name}({x:?})")).expect("a number");
            assert_eq!(found.to_bits(), function(x).to_bits(), "{name}({x})");
        }
    }
}
