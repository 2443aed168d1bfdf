//! What parses and what does not, command by command; nothing typed panics.

use super::{check, db, explain, new, paper, replay, test, verify};
use crate::cli::Cli;
use claire_pipeline::config::section::Speed;
use clap::{CommandFactory as _, Parser, Subcommand};
use std::time::Duration;

/// Commands whose bodies are connected elsewhere, for the parse tables.
#[derive(Debug, Parser)]
struct Probe {
    #[command(subcommand)]
    command: Probed,
}

#[derive(Debug, Subcommand)]
enum Probed {
    Replay(replay::Arguments),
    Paper(paper::Arguments),
    Verify(verify::Arguments),
    Explain(explain::Arguments),
    New(new::Arguments),
    Check(check::Arguments),
    Test(test::Arguments),
    #[command(subcommand)]
    Db(db::Action),
}

fn words(line: &str) -> Vec<&str> {
    std::iter::once("claire")
        .chain(line.split_whitespace())
        .collect()
}

#[test]
fn the_command_tables_are_sound() {
    Cli::command().debug_assert();
    Probe::command().debug_assert();
}

#[test]
fn lines_parse_or_are_refused() {
    for (line, is_right) in [
        ("init", true),
        ("init --json --data-dir d", true),
        ("init --lift", false),
        ("config check", true),
        ("config show --json", true),
        ("config", false),
        ("config chek", false),
        ("--config x.toml config check", true),
        ("config check --config x.toml", true),
        ("bench", true),
        ("bench --only script --json", true),
        ("bench --only script --passes 1 --opponents p", true),
        ("bench --only decode", false),
        ("bench --passes 0", false),
        ("completions zsh", true),
        ("completions ksh", false),
        ("", false),
        ("frobnicate", false),
    ] {
        assert_eq!(
            Cli::try_parse_from(words(line)).is_ok(),
            is_right,
            "{line:?}"
        );
    }
    for (line, is_right) in [
        ("replay a.gz", true),
        (
            "replay a.gz b.gz --venue binance-spot --strategy x --strategy y --set x.a=1",
            true,
        ),
        (
            "replay a --profile bench --backend interpreted --speed 10 --loop 3 --store sqlite:a --journal j",
            true,
        ),
        (
            "replay a --topology fused --strict --market binance-spot:BTCUSDT --json",
            true,
        ),
        ("replay", false),
        ("replay a --loop 0", false),
        ("replay a --loop -1", false),
        ("replay a --speed 0", false),
        ("replay a --speed fast", false),
        ("replay a --venue binance", false),
        ("replay a --market BTCUSDT", false),
        ("replay a --topology both", false),
        ("replay a --backend native", false),
        ("paper", true),
        ("paper --seed 7 --for 10m --strategy x --json", true),
        ("paper --for 10", false),
        ("paper --seed -1", false),
        ("verify j --json", true),
        ("verify", false),
        ("explain c1-2 --journal j", true),
        ("explain 7 --journal j", true),
        ("explain 1-2 --journal j", false),
        ("explain c1-2", false),
        ("db migrate --store sqlite:x", true),
        ("db drop", false),
        ("new my_idea --dir d --from ema_cross --json", true),
        ("new", false),
        ("new Idea", false),
        ("new churn", false),
        ("new idea --from nothing", false),
        (
            "check a.rhai b.rhai --data s.gz --market sim:BTCUSDT --for 10s --seed 7 --json",
            true,
        ),
        (
            "check a.rhai --set a.x=1 --backend interpreted --no-run",
            true,
        ),
        ("check", false),
        ("check a.rhai --for 10", false),
        ("test", true),
        (
            "test d e.test.toml --only x --data d --update --backend auto --json",
            true,
        ),
        ("test --backend native", false),
    ] {
        assert_eq!(
            Probe::try_parse_from(words(line)).is_ok(),
            is_right,
            "{line:?}"
        );
    }
}

#[test]
fn options_become_the_highest_layer() {
    let line = "replay a --topology split --profile bench --store none --journal j --speed max";
    let probe = Probe::try_parse_from(words(line)).expect("right");
    let Probed::Replay(arguments) = probe.command else {
        panic!("replay");
    };
    assert_eq!(arguments.speed, Speed::Max);
    let paths = arguments.overrides();
    let paths: Vec<_> = paths.iter().map(|layer| layer.path.join(".")).collect();
    assert_eq!(
        paths,
        [
            "pipeline.topology",
            "risk.profile",
            "store.url",
            "journal.dir"
        ]
    );
    let probe = Probe::try_parse_from(words("paper --seed 7 --for 90s")).expect("right");
    let Probed::Paper(arguments) = probe.command else {
        panic!("paper");
    };
    assert_eq!(arguments.span, Some(Duration::from_secs(90)));
    assert_eq!(arguments.overrides()[0].text, "7");
}
