//! Layers, precedence and every kind of fault, end to end.

mod whole;

use super::*;
use crate::config::section::{Parameter, Speed, StoreUrl, TopologyChoice, WaitChoice};
use claire_types::Amount;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

/// A file of one test, removed with it.
struct Written(PathBuf);

impl Written {
    fn new(text: &str) -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        // Only a number that differs between tests of this process is needed.
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("claire-config-{}-{number}.toml", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::write(&path, text).expect("the temporary folder is writable");
        Self(path)
    }
}

impl Drop for Written {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let pairs = pairs.iter();
    pairs
        .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
        .collect()
}

fn loaded(
    text: &str,
    environment: &[(&str, &str)],
    options: &[(&str, &str, &str)],
) -> Result<Config, ConfigFaults> {
    let file = Written::new(text);
    let options = options.iter();
    Config::load(&Sources {
        file: Some(file.0.clone()),
        environment: variables(environment),
        options: options
            .map(|(option, key, value)| Override::of_option(option, key, *value))
            .collect(),
    })
}

/// Returns the faults with the file's name cut to `FILE`.
fn faults(text: &str, environment: &[(&str, &str)], options: &[(&str, &str, &str)]) -> Vec<String> {
    let faults = loaded(text, environment, options).expect_err("a faulty configuration");
    let shown = faults.0.iter().map(|fault| {
        let shown = fault.to_string();
        match fault.place() {
            Some(place) => shown.replace(&place.file.display().to_string(), "FILE"),
            None => shown,
        }
    });
    shown.collect()
}

#[test]
fn without_any_layer_the_defaults_hold() {
    let config = loaded("", &[], &[]).expect("defaults are right");
    assert_eq!(config.mode, None);
    assert_eq!(config.pipeline.topology, TopologyChoice::Auto);
    assert_eq!(config.pipeline.ring_cells.count(), 16_384);
    assert_eq!(config.journal.segment_mb.bytes(), 256_000_000);
    assert_eq!(config.journal.keep_days.span(), None);
    assert_eq!(config.journal.quota_mb.bytes(), None);
    assert_eq!(
        config.journal.reducing_below_mb.bytes(),
        Some(1_000_000_000)
    );
    assert_eq!(config.journal_dir(), PathBuf::from("data/claire/journal"));
    assert_eq!(config.store.url, StoreUrl::Auto);
    assert_eq!(config.paper.speed, Speed::Times(1.0));
    assert!(config.strategies.is_empty());
    assert!(config.instruments.len() > 20);
}

#[test]
fn annotated_file_is_the_defaults() {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../config");
    let text = std::fs::read_to_string(root.join("claire.toml")).expect("the file is in the tree");
    let list = root.join("instruments.toml");
    let list = list.to_str().expect("a text path");
    let annotated = loaded(&text, &[], &[("test", "instruments_file", list)]).expect("passes");
    let plain = loaded("", &[], &[("test", "instruments_file", list)]).expect("passes");
    assert_eq!(annotated.show(Origins::Hidden), plain.show(Origins::Hidden));
    assert_eq!(annotated.hash(), plain.hash());
}

#[test]
fn later_layers_win() {
    let file = "[pipeline]\ntopology = \"fused\"\nwait = \"spin\"\n[paper]\nseed = 5\n";
    let environment = [
        ("CLAIRE_PIPELINE__TOPOLOGY", "split"),
        ("CLAIRE_PAPER__SYMBOLS", "sim:BTCUSDT,sim:ETHUSDT"),
        ("CLAIRE_PIPELINE__PINS__FEED", "1"),
        ("CLAIRE_MODE", "paper"),
    ];
    let options = [("--topology", "pipeline.topology", "auto")];
    let config = loaded(file, &environment, &options).expect("all layers are right");
    assert_eq!(config.pipeline.topology, TopologyChoice::Auto);
    assert_eq!(config.pipeline.wait, WaitChoice::Spin);
    assert_eq!(config.pipeline.pins.feed, Some(1));
    assert_eq!(config.paper.seed, 5);
    assert_eq!(config.paper.symbols.keys().len(), 2);
    assert_eq!(config.mode, Some(Mode::Paper));
    let shown = config.show(Origins::Shown);
    for line in [
        "# --topology",
        "# CLAIRE_PAPER__SYMBOLS",
        ".toml:3",
        ".toml:5",
        "# default",
    ] {
        assert!(shown.contains(line), "{line} in\n{shown}");
    }
}

#[test]
fn environment_works_without_a_file() {
    let config = Config::load(&Sources {
        environment: variables(&[
            ("CLAIRE_STORE__URL", "sqlite:a.db"),
            ("CLAIRE_PAPER__SEED", "9"),
        ]),
        ..Sources::default()
    })
    .expect("right");
    assert_eq!(config.store.url, StoreUrl::Sqlite("a.db".into()));
    assert_eq!(config.paper.seed, 9);
}

#[test]
fn faults_name_file_line_key_and_what_is_allowed() {
    for (text, expected) in [
        (
            "mode = \"papr\"",
            "FILE:1:8: mode: \"papr\" is not one of: replay, backtest, paper, testnet, shadow, live",
        ),
        (
            "\n[pipeline]\ntopolgy = \"auto\"",
            "FILE:3:1: pipeline.topolgy: unknown key; did you mean `topology`?; allowed: topology, wait, ring_cells, pins",
        ),
        (
            "[pipeline]\ntopology = \"fusd\"",
            "FILE:2:12: pipeline.topology: \"fusd\" is not allowed; did you mean `fused`?; allowed: auto, fused, split",
        ),
        (
            "[pipeline]\ntopology = 3",
            "FILE:2:12: pipeline.topology: found a whole number, expected a word; allowed: auto, fused, split",
        ),
        (
            "[pipeline]\nring_cells = 7",
            "FILE:2:14: pipeline.ring_cells: `7` is not allowed, expected 8208 to 67108864",
        ),
        (
            "[journal]\nsegment_mb = -1",
            "FILE:2:14: journal.segment_mb: `-1` is not allowed, expected 0.01 to 65536",
        ),
        (
            "[journal]\nsegment_mb = \"x\"",
            "FILE:2:14: journal.segment_mb: found \"x\", expected f64",
        ),
        (
            "[journal]\nquota_mb = 767",
            "FILE:2:12: journal.quota_mb: `767` is not allowed: the segment that is written and the one before it stay, so it takes at least 3 segments of 256 MB, or 0 for no quota",
        ),
        (
            "[journal]\nkeep_days = -1",
            "FILE:2:13: journal.keep_days: `-1` is not allowed, expected 0 to 36500",
        ),
        (
            "[journal]\nhalted_below_mb = 2000",
            "FILE:2:19: journal.halted_below_mb: `2000` is not allowed: HALTED follows REDUCING, so at most reducing_below_mb, 1000",
        ),
        (
            "[store]\nurl = \"mysql://u:secret@h/d\"",
            "FILE:2:7: store.url: \"mysql://u:***@h/d\" is no store; allowed: auto, none, sqlite:PATH, postgres://…, a file's path",
        ),
        (
            "[paper]\nsymbols = [\"sim:A\", \"mexc-spot:B\"]",
            "FILE:2:11: paper.symbols: `mexc-spot:B` is not of the bundled market; write `sim:SYMBOL`",
        ),
        (
            "[paper]\nspeed = 0",
            "FILE:2:9: paper.speed: \"0\" is no speed; allowed: max, or a number above 0 up to 1000000",
        ),
        (
            "[pipline]\n",
            "FILE:1:2: pipline: unknown key; did you mean `pipeline`?; allowed: mode, data_dir, instruments_file, pipeline, journal, store, paper, script, account, risk, matching, tables, fees, strategy",
        ),
        ("risk = 3", "FILE:1:8: risk: found `3`, expected a table"),
        (
            "[[strategy]]\nname = \"a\"\nmarket = \"sim:B\"",
            "FILE:1:1: strategy[0]: the key `file` is missing",
        ),
        (
            "[[strategy]]\nname = \"A b\"\nfile = \"f\"\nmarket = \"sim:B\"",
            "FILE:2:8: strategy[0].name: \"A b\" is no strategy name; allowed: 1 to 32 of a-z 0-9 _ -",
        ),
        (
            "data_dir = \"\"",
            "FILE:1:12: data_dir: is empty; name a folder",
        ),
        ("[pipeline", "FILE:1:10: unclosed table, expected `]`"),
        ("a = 1979-05-27", "FILE:1:5: a: no setting takes a date"),
        (
            "[paper]\nseed = 99999999999999999999",
            "FILE:2:8: paper.seed: is too large for a whole number",
        ),
    ] {
        let found = faults(text, &[], &[]);
        assert_eq!(found, [expected], "{text:?}");
    }
}

#[test]
fn all_faults_show_at_once() {
    let text = "modes = 1\n[pipeline]\ntopology = \"x\"\nwait = 3\n[paper]\nseed = -1\n";
    let found = faults(text, &[], &[("--store", "store.url", "ftp://x")]);
    let places: Vec<_> = found
        .iter()
        .map(|fault| fault.split(": ").next().unwrap_or(""))
        .collect();
    assert_eq!(places.len(), 5, "{found:#?}");
    for place in ["FILE:1:1", "FILE:3:12", "FILE:4:8", "FILE:6:8", "--store"] {
        assert!(places.contains(&place), "{place} in {found:#?}");
    }
}

#[test]
fn faults_of_the_environment_and_options_name_them() {
    let found = faults("", &[("CLAIRE_PIPELINE__WAITS", "spin")], &[]);
    assert_eq!(
        found,
        [
            "CLAIRE_PIPELINE__WAITS: pipeline.waits: unknown key; did you mean `wait`?; allowed: topology, wait, ring_cells, pins"
        ]
    );
    let found = faults("", &[], &[("--seed", "paper.seed", "many")]);
    assert_eq!(found, ["--seed: paper.seed: found \"many\", expected u64"]);
    let found = faults("", &[("CLAIRE_PAPER__SEED__X", "1")], &[]);
    assert_eq!(
        found,
        ["CLAIRE_PAPER__SEED__X: paper.seed.x: `paper.seed` is no section"]
    );
}

#[test]
fn a_named_file_that_is_missing_is_a_fault() {
    let sources = Sources {
        file: Some("no/such/claire.toml".into()),
        ..Sources::default()
    };
    let faults = Config::load(&sources).expect_err("missing");
    let shown = faults.to_string();
    assert!(
        shown.starts_with("no/such/claire.toml: cannot be read: "),
        "{shown}"
    );
}

#[test]
fn a_contradicting_mode_refuses_and_a_missing_one_has_no_default() {
    let config = loaded("mode = \"testnet\"", &[], &[]).expect("right");
    let fault = config
        .mode_of_command(Mode::Paper)
        .expect_err("another mode");
    assert_eq!(
        fault.place().map(|place| (place.line, place.column)),
        Some((1, 8))
    );
    assert_eq!(config.mode_of_command(Mode::Testnet), Ok(Mode::Testnet));
    assert_eq!(config.mode_required(), Ok(Mode::Testnet));
    let config = loaded("", &[], &[]).expect("right");
    assert_eq!(config.mode_of_command(Mode::Paper), Ok(Mode::Paper));
    let fault = config.mode_required().expect_err("no default");
    assert!(
        fault.to_string().contains("is not set and has no default"),
        "{fault}"
    );
}

#[test]
fn sections_of_others_keep_their_places() {
    #[derive(Debug, Deserialize, PartialEq)]
    #[serde(deny_unknown_fields)]
    struct Fee {
        venue: claire_types::Venue,
        maker_share: Amount,
        taker_share: Amount,
    }
    let config = loaded("", &[], &[]).expect("right");
    let fees: Vec<Fee> = config.section("fees").expect("the defaults are right");
    assert_eq!(fees[0].maker_share.to_string(), "0.001");
    let text = "[[fees]]\nvenue = \"sim\"\nmaker_share = 0.1\ntaker_share = \"x\"";
    let config = loaded(text, &[], &[]).expect("another type judges fees");
    let faults = config.section::<Vec<Fee>>("fees").expect_err("no number");
    let fault = faults.first().expect("one");
    assert_eq!(fault.key, "fees[0].taker_share");
    assert_eq!(fault.place().map(|place| place.line), Some(4));
    let absent: BTreeMap<String, i64> = config.section("nothing").expect("an empty table");
    assert!(absent.is_empty());
}

const TWO: &str = "[[strategy]]\nname = \"ema\"\nfile = \"ema.rhai\"\nmarket = \"sim:BTCUSDT\"\n\
    params = { fast = 12, slow = 2.5 }\n\
    [[strategy]]\nname = \"mm\"\nfile = \"mm.rhai\"\nmarket = \"sim:ETHUSDT\"\nbudget_share = 0.25\n";

#[test]
fn strategies_are_read_with_parameters() {
    let environment = [
        ("CLAIRE_STRATEGY__EMA__PARAMS__FAST", "20"),
        ("CLAIRE_STRATEGY__1__BUDGET_SHARE", "0.5"),
    ];
    let config = loaded(TWO, &environment, &[]).expect("right");
    let ema = &config.strategies[0];
    assert_eq!(ema.params.get("fast"), Some(&Parameter::Integer(20)));
    assert_eq!(ema.params.get("slow"), Some(&Parameter::Float(2.5)));
    assert_eq!(
        config.strategies[1]
            .budget_share
            .expect("given")
            .to_string(),
        "0.5"
    );
    let found = faults(TWO, &[("CLAIRE_STRATEGY__EMMA__BUDGET", "1")], &[]);
    assert_eq!(
        found,
        [
            "CLAIRE_STRATEGY__EMMA__BUDGET: strategy.emma.budget: `strategy` has no such entry; did you mean `ema`?; allowed: ema, mm"
        ]
    );
    let twice = TWO.replace("\"mm\"", "\"ema\"");
    assert_eq!(
        faults(&twice, &[], &[]),
        ["FILE:7:8: strategy[1].name: `ema` is taken by an earlier entry"]
    );
}

#[test]
fn the_command_line_selects_strategies_and_sets_parameters() {
    let mut config = loaded(TWO, &[], &[]).expect("right");
    let selection = Selection {
        strategies: vec!["mm".into(), "scripts/Mean-Revert.rhai".into()],
        market: Some("binance-spot:BTCUSDT".parse().expect("a key")),
        settings: vec!["mm.ticks=3".into(), "mean_revert.on=true".into()],
        backend: Some("interpreted".into()),
    };
    config.select(&selection).expect("right");
    let names: Vec<_> = config.strategies.iter().map(|s| s.name.as_str()).collect();
    assert_eq!(names, ["mm", "mean_revert"]);
    let [mm, other] = config.strategies.as_slice() else {
        panic!("two")
    };
    assert_eq!(mm.params.get("ticks"), Some(&Parameter::Integer(3)));
    assert_eq!(other.params.get("on"), Some(&Parameter::Boolean(true)));
    assert_eq!(other.market.to_string(), "binance-spot:BTCUSDT");
    assert!(
        config
            .strategies
            .iter()
            .all(|s| s.backend == section::Backend::Interpreted)
    );
}

#[test]
fn wrong_selections_are_refused() {
    for (strategies, settings, expected) in [
        (
            vec!["x.rhai"],
            vec![],
            "--strategy x.rhai: is not configured; name its market with --market venue:SYMBOL",
        ),
        (
            vec![],
            vec!["ema"],
            "--set ema: is no NAME.parameter=value, as in ema.fast=20",
        ),
        (
            vec![],
            vec!["ema.=1"],
            "--set ema.=1: lacks the name, the parameter or the value",
        ),
        (
            vec![],
            vec!["emb.fast=1"],
            "--set emb.fast=1: strategy.emb.params.fast: `strategy` has no such entry; did you mean `ema`?; allowed: ema, mm",
        ),
    ] {
        let mut config = loaded(TWO, &[], &[]).expect("right");
        let selection = Selection {
            strategies: strategies.iter().map(|text| (*text).to_owned()).collect(),
            settings: settings.iter().map(|text| (*text).to_owned()).collect(),
            ..Selection::default()
        };
        let faults = config.select(&selection).expect_err("wrong");
        assert_eq!(faults.to_string(), expected);
        assert_eq!(
            config.strategies.len(),
            2,
            "a refused selection changes nothing"
        );
    }
}

#[test]
fn shown_configuration_reads_back_as_itself() {
    let config = loaded(TWO, &[("CLAIRE_JOURNAL__SEGMENT_HOURS", "2")], &[]).expect("right");
    let shown = config.show(Origins::Shown);
    let again = loaded(&shown, &[], &[]).expect("its own output is right");
    assert_eq!(config.show(Origins::Hidden), again.show(Origins::Hidden));
    assert_eq!(config.strategies, again.strategies);
}

#[test]
fn the_hash_follows_what_the_engine_sees() {
    let hash = |text: &str| loaded(text, &[], &[]).expect("right").hash();
    let plain = hash("");
    assert_eq!(plain.len(), 64);
    assert_eq!(
        plain,
        hash("data_dir = \"elsewhere\"\n[pipeline]\ntopology = \"split\"")
    );
    assert_ne!(plain, hash(TWO));
    assert_ne!(plain, hash("[risk]\nprofile = \"bench\""));
}

#[test]
fn no_output_shows_the_password_of_the_store() {
    let environment = [("CLAIRE_STORE__URL", "postgres://claire:s3cret@db/claire")];
    let config = loaded("", &environment, &[]).expect("right");
    for shown in [
        config.show(Origins::Shown),
        config.show(Origins::Hidden),
        format!("{:?}", config.store),
    ] {
        assert!(!shown.contains("s3cret"), "{shown}");
    }
}

#[test]
fn the_engine_gets_its_part_and_nothing_else() {
    let config = loaded(TWO, &[("CLAIRE_RISK__POSITION_SHARE", "0.2")], &[]).expect("right");
    let engine = config.engine_config(Mode::Replay).expect("right");
    assert_eq!(engine.mode, Mode::Replay);
    assert_eq!(engine.limits().position_share.to_string(), "0.2");
    assert_eq!(engine.fees.len(), 6);
    let [ema, mm] = engine.strategies.as_slice() else {
        panic!("two")
    };
    assert_eq!((ema.name.as_str(), ema.budget_share), ("ema", None));
    assert_eq!(mm.market.to_string(), "sim:ETHUSDT");
    let text = format!("[matching]\ndebit_ms = \"x\"\n{TWO}");
    let config = loaded(&text, &[], &[]).expect("the engine judges this");
    let faults = config.engine_config(Mode::Replay).expect_err("no number");
    let fault = faults.first().expect("one");
    assert_eq!(fault.key, "matching.debit_ms");
    assert_eq!(fault.place().map(|place| place.line), Some(2));
}
