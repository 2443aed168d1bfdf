//! Known vulnerabilities: the lock file against the recorded advisory database, without a network.
//!
//! Vulnerable, unsound and malicious packages fail; unmaintained ones are shown. What is accepted, and
//! why, stands in one place for this test and for cargo-deny: `ignore` in `deny.toml`.

use claire_tests::recorded_data;
use claire_tests::tree::root;
use flate2::read::GzDecoder;
use semver::{Version, VersionReq};
use std::collections::BTreeMap;
use std::io::Read;
use std::{fs, path::Path};
use toml::{Table, Value};

/// An advisory about one package.
struct Advisory {
    id: String,
    package: String,
    /// Only worth knowing: unmaintained, or a notice.
    is_informational: bool,
    /// Versions that it does not concern.
    safe: Vec<VersionReq>,
}

#[test]
fn no_package_of_the_lock_file_has_a_known_vulnerability() {
    let Some(data) = recorded_data("no_package_of_the_lock_file_has_a_known_vulnerability") else {
        return;
    };
    let advisories = advisories(&data.join("rustsec"));
    let count: usize = advisories.values().map(Vec::len).sum();
    assert!(count > 900, "only {count} advisories were understood");
    let text = fs::read_to_string(root().join("Cargo.lock")).expect("Cargo.lock is kept");
    let accepted = accepted();
    let mut findings = Vec::new();
    for (package, version) in packages(&text) {
        for advisory in concerning(&advisories, &package, &version) {
            let finding = format!("{package} {version}: {}", advisory.id);
            if advisory.is_informational || accepted.contains(&advisory.id) {
                eprintln!("known: {finding}");
            } else {
                findings.push(finding);
            }
        }
    }
    assert!(findings.is_empty(), "vulnerable: {findings:#?}");
}

#[test]
fn an_old_version_is_found_and_a_patched_one_is_not() {
    let Some(data) = recorded_data("an_old_version_is_found_and_a_patched_one_is_not") else {
        return;
    };
    let advisories = advisories(&data.join("rustsec"));
    let ids = |version| -> Vec<_> {
        let version = Version::parse(version).expect("a version");
        concerning(&advisories, "time", &version)
            .map(|advisory| advisory.id.as_str())
            .collect()
    };
    assert!(ids("0.1.43").contains(&"RUSTSEC-2020-0071"));
    assert!(!ids("0.2.23").contains(&"RUSTSEC-2020-0071"));
    assert!(!ids("0.2.6").contains(&"RUSTSEC-2020-0071"));
}

fn concerning<'a>(
    advisories: &'a BTreeMap<String, Vec<Advisory>>,
    package: &str,
    version: &Version,
) -> impl Iterator<Item = &'a Advisory> {
    let of_package = advisories.get(package).map_or(&[][..], Vec::as_slice);
    of_package
        .iter()
        .filter(|advisory| !advisory.safe.iter().any(|safe| safe.matches(version)))
}

/// Returns the advisories of the newest recorded database by package.
fn advisories(folder: &Path) -> BTreeMap<String, Vec<Advisory>> {
    let mut archives: Vec<_> = fs::read_dir(folder)
        .expect("recorded data has its rustsec folder")
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.to_string_lossy().ends_with(".tar.gz"))
        .collect();
    archives.sort();
    let archive = archives.last().expect("the rustsec folder has an archive");
    let file = fs::File::open(archive).expect("the archive can be read");
    let mut archive = tar::Archive::new(GzDecoder::new(file));
    let mut advisories: BTreeMap<String, Vec<Advisory>> = BTreeMap::new();
    for entry in archive.entries().expect("a tar archive") {
        let mut entry = entry.expect("the archive is whole");
        let path = entry.path().expect("a path").to_string_lossy().into_owned();
        if !(path.contains("/crates/") && path.ends_with(".md")) {
            continue;
        }
        let mut text = String::new();
        entry
            .read_to_string(&mut text)
            .expect("advisories are UTF-8");
        if let Some(advisory) = advisory(&text) {
            let of_package = advisories.entry(advisory.package.clone()).or_default();
            of_package.push(advisory);
        }
    }
    advisories
}

/// Returns the advisory of the text's front matter, or `None` where it was withdrawn.
fn advisory(text: &str) -> Option<Advisory> {
    let front = text.strip_prefix("```toml\n")?;
    let (front, _) = front.split_once("\n```")?;
    let front: Table = front.parse().expect("front matter is TOML");
    let head = front.get("advisory")?;
    let name = |name: &str| head.get(name).and_then(Value::as_str);
    if head.get("withdrawn").is_some() {
        return None;
    }
    let safe = ["patched", "unaffected"]
        .iter()
        .filter_map(|list| front.get("versions")?.get(list)?.as_array())
        .flatten()
        .map(|safe| VersionReq::parse(safe.as_str().unwrap_or_default()).expect("a version range"));
    Some(Advisory {
        id: name("id")?.to_owned(),
        package: name("package")?.to_owned(),
        is_informational: matches!(name("informational"), Some("unmaintained" | "notice")),
        safe: safe.collect(),
    })
}

/// Returns the packages of the lock file that come from the registry.
fn packages(lock: &str) -> Vec<(String, Version)> {
    let lock: Table = lock.parse().expect("Cargo.lock is TOML");
    let packages = lock.get("package").and_then(Value::as_array);
    packages
        .expect("Cargo.lock lists packages")
        .iter()
        .filter(|package| package.get("source").is_some())
        .map(|package| {
            let field = |name: &str| package.get(name).and_then(Value::as_str).expect("a field");
            let version = Version::parse(field("version")).expect("a version");
            (field("name").to_owned(), version)
        })
        .collect()
}

/// Returns the ids that `deny.toml` accepts with a reason.
fn accepted() -> Vec<String> {
    let text = fs::read_to_string(root().join("deny.toml")).expect("deny.toml is kept");
    let deny: Table = text.parse().expect("deny.toml is TOML");
    let list = deny.get("advisories").and_then(|it| it.get("ignore"));
    let entries = list
        .and_then(Value::as_array)
        .map_or(&[][..], Vec::as_slice);
    entries
        .iter()
        .map(|entry| {
            let reason = entry.get("reason").and_then(Value::as_str);
            assert!(
                reason.is_some_and(|reason| !reason.is_empty()),
                "{entry}: say why"
            );
            let id = entry.get("id").and_then(Value::as_str);
            id.expect("an accepted advisory has an id").to_owned()
        })
        .collect()
}
