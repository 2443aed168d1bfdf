//! Where a store is: `sqlite:PATH`, a plain path, or `postgres://...`.
//!
//! What begins like a scheme (letters, digits, `+-.` and a colon before any `/`) is one: an unknown one is refused.
//! A file whose name does so is written `./foo:bar` or `sqlite:foo:bar`.

use super::error::StoreError;
use std::path::PathBuf;

/// A store's address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum StoreUrl {
    /// A file.
    Sqlite(PathBuf),
    /// A server; the whole address, password and all.
    Postgres(String),
}

impl StoreUrl {
    /// Returns the address of the text.
    pub fn parse(text: &str) -> Result<Self, StoreError> {
        let error = |what: &str| StoreError::Url {
            url: without_password(text),
            what: what.to_owned(),
        };
        if text.starts_with("postgres://") || text.starts_with("postgresql://") {
            return Ok(Self::Postgres(text.to_owned()));
        }
        let path = match text.strip_prefix("sqlite:") {
            Some(path) => path.strip_prefix("//").unwrap_or(path),
            None => match unknown_scheme(text) {
                Some(what) => return Err(error(&what)),
                None => text,
            },
        };
        match path.is_empty() {
            true => Err(error("it names no file")),
            false => Ok(Self::Sqlite(PathBuf::from(path))),
        }
    }
}

/// Returns what is wrong with an address that begins with a scheme other than `sqlite:`, `postgres://` and
/// `postgresql://`; `None` where it begins with one of them, or with none, as a plain path.
pub fn unknown_scheme(text: &str) -> Option<String> {
    let known = ["sqlite:", "postgres://", "postgresql://"];
    if known.iter().any(|known| text.starts_with(known)) {
        return None;
    }
    let (scheme, rest) = text.split_once(':')?;
    let is_scheme = scheme.starts_with(|first: char| first.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+-.".contains(&byte));
    if !is_scheme && !text.contains("://") {
        return None;
    }
    let slashes = match rest.starts_with("//") {
        true => "://",
        false => ":",
    };
    Some(format!(
        "`{scheme}{slashes}` is unknown; known are sqlite:PATH, postgres://USER@HOST/DATABASE, and a path; \
         a file of that name is written sqlite:{scheme}:…"
    ))
}

/// Returns the address for people: the password, wherever it stands, is `***`.
pub(super) fn without_password(url: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return url.to_owned();
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    // An unescaped `/` or `?` in a password: everything up to the last `@` is hidden.
    let (authority, path) = match path.rsplit_once('@') {
        Some((_, host)) if !authority.contains('@') => ("***", format!("@{host}")),
        _ => (authority, path.to_owned()),
    };
    let authority = match authority.rsplit_once('@') {
        Some((user, host)) => match user.split_once(':') {
            Some((user, _)) => format!("{user}:***@{host}"),
            None => authority.to_owned(),
        },
        None => authority.to_owned(),
    };
    format!("{scheme}://{authority}{}", without_parameter(&path))
}

fn without_parameter(path: &str) -> String {
    let Some((path, query)) = path.split_once('?') else {
        return path.to_owned();
    };
    let parameters = query
        .split('&')
        .map(|parameter| match parameter.split_once('=') {
            Some((name, _)) if name.to_ascii_lowercase().contains("pass") => format!("{name}=***"),
            _ => parameter.to_owned(),
        });
    format!("{path}?{}", parameters.collect::<Vec<_>>().join("&"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_files_or_servers() {
        let file = |path: &str| Some(StoreUrl::Sqlite(PathBuf::from(path)));
        let cases = [
            ("sqlite:run.db", file("run.db")),
            ("sqlite:///var/run.db", file("/var/run.db")),
            ("data/run.db", file("data/run.db")),
            ("sqlite:", None),
            ("", None),
            ("mysql://host/x", None),
            ("foo:bar", None),
            ("postgre://host/x", None),
            ("postgres:host/x", None),
            ("./foo:bar", file("./foo:bar")),
            ("sqlite:foo:bar", file("foo:bar")),
            (
                "data/2026-11-28T05:00/run.db",
                file("data/2026-11-28T05:00/run.db"),
            ),
        ];
        for (text, url) in cases {
            assert_eq!(StoreUrl::parse(text).ok(), url, "{text}");
        }
        assert!(matches!(
            StoreUrl::parse("postgresql://h/d"),
            Ok(StoreUrl::Postgres(_))
        ));
    }

    #[test]
    fn a_password_is_never_shown() {
        let cases = [
            (
                "postgres://me:secret@host:5432/db",
                "postgres://me:***@host:5432/db",
            ),
            ("postgres://me:se@cret@host/db", "postgres://me:***@host/db"),
            ("postgres://me:sec/ret@host/db", "postgres://***@host/db"),
            (
                "postgres://host/db?user=me&password=secret&x=1",
                "postgres://host/db?user=me&password=***&x=1",
            ),
            ("postgres://me@host/db", "postgres://me@host/db"),
            ("run.db", "run.db"),
        ];
        for (url, shown) in cases {
            assert_eq!(without_password(url), shown);
            assert!(!without_password(url).contains("ret"));
        }
        let error = StoreUrl::parse("mysql://me:secret@host/db").expect_err("unknown");
        assert!(!error.to_string().contains("secret"), "{error}");
    }
}
