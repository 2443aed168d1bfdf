//! The engine's part and the strategies: what a check finds, what is shown, and that it reads back as itself.

use super::*;

#[test]
fn the_shown_engine_is_in_effect_has_origins_and_reads_back_with_the_same_hash() {
    let text = "[risk]\nprofile = \"bench\"\nposition_share = 900\norder_size_share = 800\n\
        [account]\nequity = 5000.5\nbalances = [{ currency = \"BTC\", amount = 0.5 }]\n";
    let environment = [
        ("CLAIRE_MATCHING__DEBIT_MS", "7"),
        ("CLAIRE_RISK__EXPOSURE_SHARE", "1000.5"),
    ];
    let config = loaded(text, &environment, &[]).expect("right");
    let shown = config.show(Origins::Shown);
    for (line, origin) in [
        ("profile = \"bench\"", ".toml:2"),
        ("position_share = 900", ".toml:3"),
        ("exposure_share = \"1000.5\"", "CLAIRE_RISK__EXPOSURE_SHARE"),
        ("collar_crossing_share = 0.9999", "profile bench"),
        ("daily_loss_share = 1000", "profile bench"),
        ("currency = \"USDT\"", "default"),
        ("equity = 5000.5", ".toml:6"),
        ("debit_ms = 7", "CLAIRE_MATCHING__DEBIT_MS"),
        ("queue = \"risk_averse\"", "default"),
        ("orders_working_max = 1024", "default"),
    ] {
        let is_shown = shown.lines().any(|found| {
            found.starts_with(&format!("{line} ")) && found.ends_with(origin) && found.contains('#')
        });
        assert!(is_shown, "{line} # {origin} in\n{shown}");
    }
    for shown in [shown, config.show(Origins::Hidden)] {
        let again = loaded(&shown, &[], &[]).expect("its own output is right");
        assert_eq!(again.hash(), config.hash(), "{shown}");
        let engine = |config: &Config| config.engine_config(Mode::Replay).expect("right");
        assert_eq!(engine(&again).limits(), engine(&config).limits());
        assert_eq!(engine(&again).account, engine(&config).account);
        assert_eq!(engine(&again).matching, engine(&config).matching);
        assert_eq!(engine(&again).tables, engine(&config).tables);
    }
    let plain = loaded("", &[], &[]).expect("right");
    let again = loaded(&plain.show(Origins::Shown), &[], &[]).expect("right");
    assert_eq!(again.hash(), plain.hash());
    assert_ne!(config.hash(), plain.hash());
}

#[test]
fn what_the_environment_says_reads_back_from_a_file() {
    let environment = [
        ("CLAIRE_DATA_DIR", "5"),
        ("CLAIRE_JOURNAL__SEGMENT_MB", "0.5"),
        ("CLAIRE_PAPER__SYMBOLS", "sim:BTCUSDT,sim:ETHUSDT"),
        ("CLAIRE_PIPELINE__PINS__FEED", "1"),
        ("CLAIRE_TABLES__ORDERS_WORKING_MAX", "2_000"),
        (
            "CLAIRE_ACCOUNT__BALANCES",
            "[{ currency = \"BTC\", amount = 0.5 }]",
        ),
        ("CLAIRE_STRATEGY__EMA__PARAMS__SLOW", "2.5"),
    ];
    let config = loaded(TWO, &environment, &[]).expect("right");
    let shown = config.show(Origins::Shown);
    let again = loaded(&shown, &[], &[]).unwrap_or_else(|faults| panic!("{faults}\n{shown}"));
    assert_eq!(again.hash(), config.hash(), "{shown}");
    assert_eq!(again.show(Origins::Hidden), config.show(Origins::Hidden));
    assert_eq!(again.data_dir, PathBuf::from("5"));
    assert_eq!(again.journal, config.journal);
    assert_eq!(again.paper, config.paper);
    assert_eq!(again.pipeline, config.pipeline);
    let engine = |config: &Config| config.engine_config(Mode::Replay).expect("right");
    assert_eq!(engine(&again).account, engine(&config).account);
    assert_eq!(engine(&again).tables, engine(&config).tables);
    assert_eq!(engine(&again).limits(), engine(&config).limits());
}

#[test]
fn a_check_finds_what_a_run_would_refuse() {
    let check = |text: &str, environment: &[(&str, &str)]| {
        let file = Written::new(text);
        let checked = Config::checked(&Sources {
            file: Some(file.0.clone()),
            environment: variables(environment),
            options: Vec::new(),
        });
        let faults = checked.map(|_| ()).err().map(|faults| faults.0);
        let faults = faults.unwrap_or_default().into_iter().map(|fault| {
            let shown = fault.to_string();
            shown.replace(&file.0.display().to_string(), "FILE")
        });
        faults.collect::<Vec<_>>()
    };
    let script = "[[strategy]]\nname = \"a\"\nmarket = \"sim:BTCUSDT\"\nfile = \"";
    for (text, environment, expected) in [
        (
            "[risk]\nprofile=\"wild\"\norder_size_share=2\nnope=1",
            vec![],
            vec![
                "FILE:2:9: risk.profile: \"wild\" is not allowed; allowed: conservative",
                "FILE:4:1: risk.nope: unknown key",
                "FILE:3:18: risk.order_size_share: 2 can never be reached: risk.position_share = 0.1",
            ],
        ),
        (
            "[risk]\nposition_share = 0.01",
            vec![],
            vec!["FILE:2:18: risk.position_share: risk.order_size_share = 0.05 can never"],
        ),
        (
            "[account]\nequity=-5\n[tables]\norders_working_max=1e8\n[matching]\nentry_latency_ms=99999999999999",
            vec![],
            vec![
                "FILE:4:20: tables.orders_working_max: ",
                "FILE:6:18: matching.entry_latency_ms: ",
                "FILE:2:8: account.equity: is -5; it must be at least 0",
            ],
        ),
        (
            "[[fees]]\nvenue=\"sim\"\nmaker_share=0",
            vec![],
            vec!["FILE:1:1: fees[0]: the key `taker_share` is missing"],
        ),
        (
            "[[fees]]\nvenue=\"sim\"\nmaker_share=0\ntaker_share=1",
            vec![],
            vec!["FILE:4:13: fees[0].taker_share: is 1; it must be between -1 and 1"],
        ),
        (
            "",
            vec![("CLAIRE_RISK__NOPE", "7"), ("CLAIRE_RISK__PROFILE", "wild")],
            vec![
                "CLAIRE_RISK__NOPE: risk.nope: unknown key",
                "CLAIRE_RISK__PROFILE: risk.profile: \"wild\" is not allowed",
            ],
        ),
        (
            "mode = \"live\"",
            vec![],
            vec![
                "FILE:1:8: mode: this version cannot run in mode `live` yet; allowed: replay, paper",
            ],
        ),
        (
            &format!("{script}nofile.rhai\""),
            vec![],
            vec!["FILE:4:8: strategy[0].file: nofile.rhai: cannot read the file: "],
        ),
        (
            &format!("{script}imbalance\"\nparams = {{ enter = 7.0, nope = 1 }}"),
            vec![],
            vec![
                "FILE:5:32: strategy[0].params.nope: imbalance: there is no parameter `nope`",
                "FILE:5:20: strategy[0].params.enter: imbalance:",
            ],
        ),
        ("", vec![], vec![]),
        (&format!("{script}imbalance\""), vec![], vec![]),
    ] {
        let mut found = check(text, &environment);
        let mut expected = expected;
        found.sort();
        expected.sort_unstable();
        let is_found = |(found, expected): (&String, &&str)| found.starts_with(expected);
        let are_found = found.len() == expected.len() && found.iter().zip(&expected).all(is_found);
        assert!(
            are_found,
            "{text}\nfound {found:#?}\nexpected {expected:#?}"
        );
    }
}
