//! The migrations: one source for both databases, in the program itself.
//!
//! `migrations/*.sql` holds tokens for the types that the databases name differently;
//! `migrations/postgres/*.sql` what only PostgreSQL has. Each is applied once, in its own transaction,
//! with its checksum in `schema_version`; one that changed after it was applied is an error.

use crate::digest::to_hex;
use sha2::{Digest as _, Sha256};

/// A migration as it stands in the source.
#[derive(Clone, Copy, Debug)]
pub(super) struct Migration {
    /// `0001_runs` or `postgres/0001_roles`: the order of application, within each folder.
    pub name: &'static str,
    source: &'static str,
}

/// Which database's words are meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dialect {
    /// SQLite.
    Sqlite,
    /// PostgreSQL.
    Postgres,
}

const COMMON: [Migration; 2] = [
    Migration {
        name: "0001_runs",
        source: include_str!("../../../../migrations/0001_runs.sql"),
    },
    Migration {
        name: "0002_scripts",
        source: include_str!("../../../../migrations/0002_scripts.sql"),
    },
];

const POSTGRES: [Migration; 3] = [
    Migration {
        name: "postgres/0001_roles",
        source: include_str!("../../../../migrations/postgres/0001_roles.sql"),
    },
    Migration {
        name: "postgres/0002_views",
        source: include_str!("../../../../migrations/postgres/0002_views.sql"),
    },
    Migration {
        name: "postgres/0003_scripts",
        source: include_str!("../../../../migrations/postgres/0003_scripts.sql"),
    },
];

/// Makes the table that says which migrations were applied.
pub(super) const SCHEMA_VERSION: &str =
    "CREATE TABLE IF NOT EXISTS schema_version (name TEXT PRIMARY KEY, checksum TEXT NOT NULL)";

impl Migration {
    /// Returns the statements in the database's words.
    pub fn sql(&self, dialect: Dialect) -> String {
        let tokens = match dialect {
            Dialect::Sqlite => ["TEXT", "INTEGER", "TEXT", "INTEGER", "BLOB", "STRICT"],
            Dialect::Postgres => ["NUMERIC", "BIGINT", "JSON", "BOOLEAN", "BYTEA", ""],
        };
        let names = ["{money}", "{ns}", "{json}", "{bool}", "{blob}", "{strict}"];
        let pairs = names.into_iter().zip(tokens);
        pairs.fold(self.source.to_owned(), |sql, (token, word)| {
            sql.replace(token, word)
        })
    }

    /// Returns the SHA-256 of the source.
    pub fn checksum(&self) -> String {
        to_hex(&Sha256::digest(self.source.as_bytes()))
    }
}

/// Returns the database's migrations in order.
pub(super) fn migrations(dialect: Dialect) -> impl Iterator<Item = Migration> {
    let own: &[Migration] = match dialect {
        Dialect::Sqlite => &[],
        Dialect::Postgres => &POSTGRES,
    };
    COMMON.into_iter().chain(own.iter().copied())
}

/// Returns the migrations that are not among the applied ones (name, checksum).
///
/// # Errors
/// The name of a migration that is not as it was applied.
pub(super) fn pending(
    dialect: Dialect,
    applied: &[(String, String)],
) -> Result<Vec<Migration>, &'static str> {
    let mut pending = Vec::new();
    for migration in migrations(dialect) {
        match applied.iter().find(|(name, _)| name == migration.name) {
            Some((_, checksum)) if *checksum == migration.checksum() => {}
            Some(_) => return Err(migration.name),
            None => pending.push(migration),
        }
    }
    Ok(pending)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_token_has_a_word_in_both_databases() {
        for dialect in [Dialect::Sqlite, Dialect::Postgres] {
            for migration in migrations(dialect) {
                let sql = migration.sql(dialect);
                let statements: Vec<_> =
                    sql.lines().filter(|line| !line.starts_with("--")).collect();
                assert!(!statements.concat().contains('{'), "{}", migration.name);
            }
        }
    }

    #[test]
    fn a_changed_migration_is_named_and_an_applied_one_is_not_pending() {
        let mut applied: Vec<_> = migrations(Dialect::Postgres)
            .map(|migration| (migration.name.to_owned(), migration.checksum()))
            .collect();
        assert!(
            pending(Dialect::Postgres, &applied)
                .expect("unchanged")
                .is_empty()
        );
        assert_eq!(
            pending(Dialect::Postgres, &applied[..1])
                .expect("unchanged")
                .len(),
            4
        );
        applied[2].1.replace_range(..1, "x");
        assert_eq!(
            pending(Dialect::Postgres, &applied).err(),
            Some("postgres/0001_roles")
        );
    }
}
