//! Trials and test files, without the command line.

use super::plan::{Count, Orders, Plan};
use super::{Data, TrialRequest, name_of_script, trial};
use crate::config::Config;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

fn request(seed: u64) -> TrialRequest {
    TrialRequest {
        script: "churn".to_owned(),
        data: Data::Bundled {
            seed,
            span: Duration::from_secs(4),
            symbols: vec!["sim:ETHUSDT".parse().expect("a key")],
        },
        market: None,
        settings: vec!["churn.every_ms=500".to_owned()],
        backend: None,
    }
}

#[test]
fn equal_seeds_give_equal_trials_and_orders_are_named() {
    let run = |seed| {
        let config = Config::built_in(&[]).expect("sound");
        let stop = Arc::new(AtomicBool::new(false));
        trial(config, &request(seed), stop).expect("runs")
    };
    let (first, second, other) = (run(1), run(1), run(2));
    let digest = |trial: &super::Trial| trial.replayed.summary.digest.clone();
    assert_eq!(digest(&first), digest(&second));
    assert_ne!(digest(&first), digest(&other));
    assert_eq!(first.orders, second.orders);
    assert_eq!(first.orders.len() as u64, first.replayed.summary.orders);
    let order = first.orders.first().expect("an order");
    assert_eq!(order.instrument, "sim:ETHUSDT");
    assert_eq!(
        (order.flags.as_str(), order.reason.as_str()),
        ("POST_ONLY", "renew")
    );
    assert!(order.price.is_some(), "{order}");
    let timer = first.costs.iter().find(|cost| cost.handler == "on_timer");
    // Every half second of four, less what came before the market's first event.
    assert_eq!(timer.map(|cost| cost.n), Some(7), "{:?}", first.costs);
    assert_eq!(
        timer.and_then(|cost| cost.p99_ns),
        None,
        "7 calls carry no 99th percentile"
    );
}

#[test]
fn a_test_file_reads_with_its_defaults_and_takes_digests_in_place() {
    let text = "\
# a comment
[[test]]
params = { fast = 3 }
[test.expect]
orders = { min = 2 }
digest = \"\" # first

[[test]]
data = [\"a.gz\", \"b.gz\"]
venue = \"binance-spot\"
[test.expect]
digest = \"0123\"
";
    let plan = Plan::parse(Path::new("dir/x.test.toml"), text).expect("right");
    let [first, second] = plan.tests.as_slice() else {
        panic!("two tests");
    };
    assert_eq!(first.script, PathBuf::from("dir/x.rhai"));
    assert_eq!(first.name, "test 1");
    let symbols = vec!["sim:BTCUSDT".parse().expect("a key")];
    let bundled = Data::Bundled {
        seed: 1,
        span: Duration::from_secs(120),
        symbols,
    };
    assert_eq!(first.data, bundled);
    assert_eq!(
        first.market.map(|key| key.to_string()).as_deref(),
        Some("sim:BTCUSDT")
    );
    let Some(Orders::Count(Count::Range(range))) = &first.expect.orders else {
        panic!("{:?}", first.expect.orders);
    };
    assert_eq!((range.min, range.max), (Some(2), None));
    assert!(matches!(&second.data, Data::Files { files, venue: Some(_) } if files.len() == 2));
    assert_eq!(second.market, None);
    let written = plan.with_digests(&[Some("abc".to_owned()), Some("def".to_owned())]);
    let wanted = text.replace("\"\" #", "\"abc\" #").replace("0123", "def");
    assert_eq!(written, wanted);
    assert_eq!(plan.with_digests(&[None, None]), text);
}

#[test]
fn the_name_of_a_script_fits_its_entry() {
    for (script, name) in [
        ("a/My-Script.rhai", "my_script"),
        ("churn", "churn"),
        (
            "a_name_of_more_than_28_letters.rhai",
            "a_name_of_more_than_28_lette",
        ),
    ] {
        assert_eq!(name_of_script(script), name);
    }
}
