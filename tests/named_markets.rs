//! A script whose `init` names another market runs from when that has come, on both backends, live or recorded, and its
//! journal verifies.

mod program;

use serde_json::Value;
use std::path::Path;
use std::process::Output;

fn object(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).unwrap_or_else(|fault| panic!("{fault}: {said}"))
}

/// Writes a script that looks at another market from `init` on and trades its own.
fn write_script(folder: &Path, other: &str) {
    let text = format!(
        "const OTHER = \"{other}\";\n\
         fn init(m) {{ #{{ other: beside(), looks: 0, seen: 0 }} }}\n\
         fn beside() {{ market(OTHER) }}\n\
         fn on_trade(m, trade) {{\n    \
             this.looks += 1;\n    \
             if this.other.bid > 0.0 {{ this.seen += 1; }}\n    \
             if m.is_flat && !m.stale {{ m.buy(m.qty_for(100.0)); }} else {{ m.flatten(\"again\"); }}\n\
         }}\n\
         fn on_stop(m) {{ note(\"saw {{}} of {{}}\", this.seen, this.looks); }}\n"
    );
    std::fs::write(folder.join("two.rhai"), text).expect("writable");
}

/// Returns the run's only strategy, which has traded.
fn traded(said: &Value) -> &Value {
    let strategy = &said["strategies"][0];
    assert_eq!(strategy["state"], "active", "{strategy}");
    assert!(strategy["waits_for"].is_null(), "{strategy}");
    assert_eq!(strategy["failures"], 0, "{strategy}");
    assert!(strategy["fills"].as_u64() > Some(0), "{strategy}");
    strategy
}

#[test]
fn on_the_bundled_market_whichever_of_the_two_comes_first() {
    for (own, other) in [
        ("sim:BTCUSDT", "sim:ETHUSDT"),
        ("sim:SOLUSDT", "sim:BTCUSDT"),
    ] {
        let digests = ["compiled", "interpreted"].map(|backend| {
            // A run's numbers of orders depend on how often there was a start before it.
            let folder = tempfile::tempdir().expect("a folder");
            write_script(folder.path(), other);
            let run = [
                "paper",
                "--strategy",
                "two.rhai",
                "--market",
                own,
                "--for",
                "5s",
            ];
            let how = ["--speed", "max", "--seed", "3", "--store", "none"];
            let more = ["--backend", backend, "--journal", "x", "--json"];
            let output = program::run(folder.path(), &[&run[..], &how, &more].concat());
            let said = object(&output);
            traded(&said);
            let verified = program::run(folder.path(), &["verify", "x", "--json"]);
            assert_eq!(
                object(&verified)["digest"],
                said["digest"],
                "{own}, {other}"
            );
            said["digest"].clone()
        });
        assert_eq!(digests[0], digests[1], "{own}, {other}");
    }
}

#[test]
fn on_a_recording_in_which_the_other_market_comes_later() {
    let files = [
        "cryptofeed_BINANCE_FUTURES.http.0.0.txt.gz",
        "cryptofeed_BINANCE_FUTURES.ws.1.0.txt.gz",
    ];
    let Some(files) = program::recorded(&files) else {
        return;
    };
    let folder = tempfile::tempdir().expect("a folder");
    write_script(folder.path(), "binance-usdm:AKROUSDT");
    let mut digests = Vec::new();
    for backend in ["compiled", "interpreted"] {
        let market = [
            "--venue",
            "binance-usdm",
            "--market",
            "binance-usdm:SUSHIUSDT",
        ];
        let more = [
            "--strategy",
            "two.rhai",
            "--backend",
            backend,
            "--journal",
            backend,
        ];
        let said = program::replay(folder.path(), &files, &[&market[..], &more].concat());
        traded(&said);
        digests.push(said["digest"].clone());
        let verified = program::run(folder.path(), &["verify", backend, "--json"]);
        assert_eq!(object(&verified)["digest"], said["digest"]);
    }
    assert_eq!(digests[0], digests[1]);
}
