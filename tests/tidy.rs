//! Tidy: the rules of the house that a tool can check, over every file of the workspace.
//!
//! A rule is a line in a table. Findings are collected and shown together, each with file and line.
//! There is no general list of exceptions: where a rule does not hold, its own table says where and why.

use claire_tests::code::parts;
use claire_tests::{Code, File, Tree};
use std::fmt::Write as _;

/// A word that must not stand in code (comments and texts are free) outside of some folders or files.
struct Word {
    word: &'static str,
    only_in: &'static [&'static str],
    /// Whether modules of tests at the end of a file are free, too.
    tests_are_free: bool,
    why: &'static str,
}

/// A text that must not stand anywhere in a file.
struct Phrase {
    phrase: &'static str,
    /// Ends of the paths that it holds for; all files where empty.
    files: &'static [&'static str],
    why: &'static str,
}

/// Where whole-system tests and benches stand: they measure, and they look behind every border.
const OUTSIDE: [&str; 5] = [
    "tests/",
    "core/cli/tests/",
    "benches/",
    "perf/",
    "strategies/examples/",
];

const fn word(
    word: &'static str,
    only_in: &'static [&'static str],
    tests_are_free: bool,
    why: &'static str,
) -> Word {
    Word {
        word,
        only_in,
        tests_are_free,
        why,
    }
}

const fn phrase(phrase: &'static str, files: &'static [&'static str], why: &'static str) -> Phrase {
    Phrase { phrase, files, why }
}

/// Clocks are read in one file of the pipeline; the sidecar is off the hot path and times its group commits.
const CLOCKS: &[&str] = &["core/pipeline/src/clock.rs", "core/sidecar/"];
/// Files that may hold `unsafe`, each with a SAFETY comment that clippy asks for.
const UNSAFE: &[&str] = &[
    "benches/opponents/src/",
    "core/pipeline/src/affinity.rs",
    "core/pipeline/src/clock.rs",
    "core/pipeline/src/source/map.rs",
    "core/pipeline/tests/no_alloc.rs",
    "core/venue/src/binance/typed/pattern.rs",
    "core/venue/src/wide.rs",
    "ffi/",
    "strategies/src/compile/array.rs",
    "strategies/src/compile/machine.rs",
    "strategies/src/compile/support.rs",
    "strategies/src/compile/tagged.rs",
    "strategies/src/compile/text.rs",
    "tests/no_alloc.rs",
];

/// Words that tests and benches must not have either.
const STRICT: &[&str] = &["todo", "unimplemented", "dbg", "unsafe"];

const WORDS: &[Word] = &[
    word("todo", &[], false, "finish it"),
    word("unimplemented", &[], false, "implement it"),
    word("dbg", &[], false, "remove it"),
    word("Instant", CLOCKS, true, "only the pipeline's clock is read"),
    word(
        "SystemTime",
        CLOCKS,
        true,
        "only the pipeline's clock is read",
    ),
    word(
        "tokio",
        &["core/sidecar/"],
        false,
        "only the sidecar is asynchronous",
    ),
    word(
        "tokio_postgres",
        &["core/sidecar/"],
        false,
        "only the sidecar knows SQL",
    ),
    word(
        "rusqlite",
        &["core/sidecar/"],
        false,
        "only the sidecar knows SQL",
    ),
    word("rhai", &["strategies/"], false, "only strategies know Rhai"),
    word(
        "unsafe",
        UNSAFE,
        false,
        "list the file in tidy.rs and say why in its commit",
    ),
    word("static_mut_refs", &[], false, "no mutable statics"),
];

const PHRASES: &[Phrase] = &[
    phrase(
        concat!("#[", "ignore"),
        &[".rs"],
        "a test runs or is deleted",
    ),
    phrase(concat!("/ho", "me/"), &[], "a path of somebody's machine"),
    phrase(concat!("/Us", "ers/"), &[], "a path of somebody's machine"),
    phrase(concat!("/ro", "ot/"), &[], "a path of somebody's machine"),
    phrase(concat!("/wo", "rk/"), &[], "a path of somebody's machine"),
    phrase(concat!("/tmp/", "wt"), &[], "a path of somebody's machine"),
    phrase(
        concat!("/tmp/", "target"),
        &[],
        "a path of somebody's machine",
    ),
    phrase(
        "\r\n",
        &[".rs", ".toml", ".sql", ".md", ".rhai"],
        "lines end in LF",
    ),
    phrase("\t", &[".rs", ".toml", ".sql", ".rhai"], "spaces, not tabs"),
];

/// Parts of names that say nothing.
const NAME_PARTS: &[&str] = &["manager", "util", "utils", "helper", "helpers"];
/// First parts of functions' names that say nothing.
const FUNCTION_PREFIXES: &[&str] = &["get", "test"];

const FILE_LINES_MAX: usize = 600;
const TEST_FILE_LINES_MAX: usize = 900;
const FUNCTION_LINES_MAX: usize = 70;
/// A test's cases are data and stand in the test.
const TEST_FUNCTION_LINES_MAX: usize = 100;
/// What was longer when the rule came: it may shrink, and its line here goes when it has.
const LONG: &[(&str, usize)] = &[];
const FILE_BYTES_MAX: u64 = 512 << 10;

/// Levels of the crates: a crate knows only those of lower levels. Tests and benches know all.
const LEVELS: &[(&str, u8)] = &[
    ("claire-types", 0),
    ("claire-venue", 1),
    ("claire-engine", 1),
    ("claire-strategies", 2),
    ("claire-sidecar", 2),
    ("claire-sim", 2),
    ("claire-pipeline", 3),
    ("claire", 4),
    ("claire-ffi", 4),
    ("claire-tests", u8::MAX),
    ("claire-benches", u8::MAX),
    ("claire-opponents", u8::MAX),
    ("claire-venue-fuzz", u8::MAX),
    ("claire-perf", u8::MAX),
];

/// Dependencies that one crate keeps to itself; tests and benches are free.
const KEPT: &[(&str, &[&str])] = &[
    (
        "claire-sidecar",
        &[
            "tokio",
            "tokio-postgres",
            "rusqlite",
            "postgres",
            "axum",
            "redis",
        ],
    ),
    ("claire-strategies", &["rhai", "cranelift-jit"]),
    (
        "claire-pipeline",
        &["mio", "rustls", "core_affinity", "rtrb"],
    ),
];

/// Findings of one rule.
#[derive(Default)]
struct Findings(String);

impl Findings {
    fn add(&mut self, path: &str, line: usize, what: &str) {
        writeln!(self.0, "{path}:{line}: {what}").expect("writing to memory cannot fail");
    }
}

fn is_in(path: &str, places: &[&str]) -> bool {
    places.iter().any(|place| path.starts_with(place))
}

fn is_test_file(path: &str) -> bool {
    is_in(path, &OUTSIDE) || path.contains("/tests/") || path.ends_with("/tests.rs")
}

/// What a rule finds in the workspace's files.
type Rule = fn(&Tree) -> Findings;

/// Every rule, and a file that breaks it.
const RULES: &[(Rule, &str, &str)] = &[
    (
        words,
        "core/venue/src/a.rs",
        "//! A.\nuse std::time::Instant;",
    ),
    (words, "core/engine/src/a.rs", "//! A.\nuse tokio::net;"),
    (
        words,
        "core/sim/src/a.rs",
        concat!("//! A.\nfn a() { un", "safe {} }"),
    ),
    (phrases, "core/a.md", concat!("see /ho", "me/somebody")),
    (phrases, "core/a.rs", concat!("//! A.\n#[", "ignore]")),
    (names, "core/a.rs", "//! A.\nfn get_price() {}"),
    (names, "core/a.rs", "//! A.\nstruct OrderManager;"),
    (lengths, "core/a.rs", "use a;"),
    (bytes, "core/a.rs", "//! A."),
    (
        levels,
        "core/engine/Cargo.toml",
        "package.name = 'claire-engine'\n[dependencies]\nclaire-venue = '1'",
    ),
    (
        levels,
        "core/cli/Cargo.toml",
        "package.name = 'claire'\n[dependencies]\nrhai = '1'",
    ),
    (levels, "core/new/Cargo.toml", "package.name = 'claire-new'"),
    (
        introductions,
        "core/new/Cargo.toml",
        "package.name = 'claire-new'",
    ),
    (sources, "Cargo.lock", "source = 'git+https://example.org'"),
    (migrations, "migrations/0002_a.sql", "CREATE"),
];

#[test]
fn the_workspace_keeps_every_rule() {
    let tree = Tree::read().expect("the workspace can be read");
    assert!(tree.file("Cargo.toml").is_some(), "this is the workspace");
    let mut rules: Vec<Rule> = RULES.iter().map(|(rule, ..)| *rule).collect();
    rules.dedup_by_key(|rule| *rule as usize);
    let findings: String = rules.iter().map(|rule| rule(&tree).0).collect();
    assert!(findings.is_empty(), "findings:\n{findings}");
}

#[test]
fn every_rule_finds_what_breaks_it() {
    for (index, (rule, path, text)) in RULES.iter().enumerate() {
        let file = |path: &str, text: &str| File {
            path: path.to_owned(),
            len: if path.ends_with("a.rs") {
                FILE_BYTES_MAX + 1
            } else {
                0
            },
            text: Some(text.to_owned()),
        };
        let tree = Tree {
            files: vec![file(path, text), file("README.md", "core/engine core/cli")],
        };
        let found = rule(&tree).0;
        assert_eq!(
            found.lines().count(),
            1,
            "rule {index} on {path}: {found:?}"
        );
    }
}

fn words(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in tree.texts(".rs") {
        let code = Code::of(text);
        for (line, found) in code.words() {
            let Some(rule) = WORDS.iter().find(|rule| rule.word == found) else {
                continue;
            };
            let is_free = is_in(path, rule.only_in)
                || is_in(path, &OUTSIDE) && !STRICT.contains(&rule.word)
                || rule.tests_are_free && (is_test_file(path) || code.is_test(line));
            if !is_free {
                findings.add(path, line, &format!("`{found}`: {}", rule.why));
            }
        }
    }
    findings
}

fn phrases(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in tree.texts("") {
        for rule in PHRASES {
            let holds = rule.files.is_empty() || rule.files.iter().any(|end| path.ends_with(end));
            let mut found = text.match_indices(rule.phrase).filter(|_| holds);
            if let Some((at, _)) = found.next() {
                let line = text[..at].lines().count().max(1);
                findings.add(path, line, &format!("{:?}: {}", rule.phrase, rule.why));
            }
        }
    }
    findings
}

fn names(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in tree.texts(".rs") {
        for definition in Code::of(text).definitions() {
            let parts = parts(definition.name);
            let is_empty_word = |part: &String| NAME_PARTS.contains(&part.as_str());
            let has_prefix = parts.len() > 1
                && definition.kind == "fn"
                && FUNCTION_PREFIXES.contains(&parts[0].as_str());
            if has_prefix || parts.iter().any(is_empty_word) {
                let what = format!("`{}` says nothing", definition.name);
                findings.add(path, definition.line, &what);
            }
        }
    }
    findings
}

fn lengths(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for (path, text) in tree.texts(".rs") {
        if !text.starts_with("//!") {
            findings.add(path, 1, "opens with `//!`: what it is, who calls it");
        }
        let lines = text.lines().count();
        let lines_max = if is_test_file(path) {
            TEST_FILE_LINES_MAX
        } else {
            FILE_LINES_MAX
        };
        if lines > lines_max.max(long(path)) {
            findings.add(path, lines, &format!("more than {lines_max} lines"));
        }
        let code = Code::of(text);
        for definition in code.definitions() {
            let function_max = if is_test_file(path) || code.is_test(definition.line) {
                TEST_FUNCTION_LINES_MAX
            } else {
                FUNCTION_LINES_MAX
            };
            let place = format!("{path}: {}", definition.name);
            let is_long = definition.lines > function_max.max(long(&place));
            if definition.kind == "fn" && is_long {
                let what = format!("`{}` has {} lines", definition.name, definition.lines);
                findings.add(path, definition.line, &what);
            }
        }
    }
    findings
}

fn bytes(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for file in &tree.files {
        if file.len > FILE_BYTES_MAX {
            findings.add(
                &file.path,
                1,
                &format!("{} bytes: data is kept outside", file.len),
            );
        }
    }
    findings
}

fn levels(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for (path, manifest) in manifests(tree) {
        let Some(name) = package_of(&manifest) else {
            continue;
        };
        let Some(level) = level_of(name) else {
            findings.add(path, 1, &format!("`{name}` has no level in tidy.rs"));
            continue;
        };
        for (table, is_dev) in [
            ("dependencies", false),
            ("build-dependencies", false),
            ("dev-dependencies", true),
        ] {
            let empty = toml::Table::new();
            let table = manifest.get(table).and_then(toml::Value::as_table);
            for dependency in table.unwrap_or(&empty).keys() {
                let below = level_of(dependency);
                // A crate's own tests may stand beside another of its level.
                let reach = level.saturating_add(u8::from(is_dev));
                if below.is_some_and(|below| below >= reach) {
                    findings.add(path, 1, &format!("`{name}` must not know `{dependency}`"));
                }
                let keeper = KEPT
                    .iter()
                    .find(|(_, kept)| kept.contains(&dependency.as_str()));
                if level < u8::MAX && !is_dev && keeper.is_some_and(|(keeper, _)| *keeper != name) {
                    findings.add(path, 1, &format!("`{dependency}` is another crate's"));
                }
            }
        }
    }
    findings
}

fn introductions(tree: &Tree) -> Findings {
    let pages: Vec<_> = ["README.md", "ARCHITECTURE.md"]
        .iter()
        .filter_map(|page| tree.file(page)?.text.as_deref())
        .collect();
    if pages.is_empty() {
        eprintln!("SKIPPED introductions: neither README.md nor ARCHITECTURE.md yet");
        return Findings::default();
    }
    let mut findings = Findings::default();
    for (path, manifest) in manifests(tree) {
        let folder = path.trim_end_matches("/Cargo.toml");
        if package_of(&manifest).is_some() && !pages.iter().any(|page| page.contains(folder)) {
            findings.add(path, 1, "named in neither README.md nor ARCHITECTURE.md");
        }
    }
    findings
}

fn sources(tree: &Tree) -> Findings {
    const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
    let mut findings = Findings::default();
    let lock = tree
        .file("Cargo.lock")
        .and_then(|file| file.text.as_deref());
    for (index, line) in lock.expect("Cargo.lock is kept").lines().enumerate() {
        let source = line.strip_prefix("source = ");
        if source.is_some_and(|source| source.trim_matches('"') != REGISTRY) {
            findings.add("Cargo.lock", index + 1, line);
        }
    }
    findings
}

fn migrations(tree: &Tree) -> Findings {
    let mut findings = Findings::default();
    for folder in ["migrations/", "migrations/postgres/"] {
        let mut numbers = Vec::new();
        for (path, _) in tree.texts(".sql") {
            let Some(name) = path.strip_prefix(folder).filter(|name| !name.contains('/')) else {
                continue;
            };
            let digits = name.trim_start_matches('V');
            let digits =
                &digits[..digits.len() - digits.trim_start_matches(char::is_numeric).len()];
            match digits.parse::<u32>() {
                Ok(number) => numbers.push(number),
                Err(_) => findings.add(path, 1, "begins with its number"),
            }
        }
        numbers.sort_unstable();
        let want = (1..).take(numbers.len());
        if !numbers.iter().copied().eq(want) {
            findings.add(folder, 1, &format!("numbers {numbers:?}, not 1, 2, 3, ..."));
        }
    }
    findings
}

/// Returns what the place was allowed when the rule came, else 0.
fn long(place: &str) -> usize {
    LONG.iter()
        .find(|(name, _)| *name == place)
        .map_or(0, |(_, lines)| *lines)
}

fn manifests(tree: &Tree) -> Vec<(&str, toml::Table)> {
    tree.texts("Cargo.toml")
        .map(|(path, text)| (path, text.parse().expect("a manifest is TOML")))
        .collect()
}

fn package_of(manifest: &toml::Table) -> Option<&str> {
    manifest.get("package")?.get("name")?.as_str()
}

fn level_of(package: &str) -> Option<u8> {
    LEVELS
        .iter()
        .find(|(name, _)| *name == package)
        .map(|(_, level)| *level)
}
