//! What can go wrong with a store. Every message names the store, without its password.

/// Why a store could not be opened, migrated, written or asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The address is none: write `sqlite:PATH`, a path, or `postgres://USER@HOST/DATABASE`.
    #[error("{url} is no store: {what}")]
    Url {
        /// The address.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// The database does not answer or lets nobody in: start it, or correct address and rights.
    #[error("cannot open {url}: {cause}")]
    Open {
        /// The address.
        url: String,
        /// What the database said.
        cause: String,
    },
    /// The tables are older than this program: migrate.
    #[error("{url} has not the tables of this program: {what}; run `claire db migrate`")]
    Schema {
        /// The address.
        url: String,
        /// What is missing.
        what: String,
    },
    /// A migration that was applied is not the one this program has: use the program that applied it.
    #[error(
        "migration {name} of {url} is not the one that was applied there; migrations never change"
    )]
    MigrationChanged {
        /// The address.
        url: String,
        /// The migration.
        name: String,
    },
    /// A statement failed; its transaction left nothing behind.
    #[error("cannot {action} table {table} of {url}: {cause}")]
    Statement {
        /// The address.
        url: String,
        /// What was tried.
        action: &'static str,
        /// The table.
        table: String,
        /// What the database said.
        cause: String,
    },
    /// The store is not where the batch begins: someone else projects the same run; nothing was written.
    #[error("{url} is not at message {expected} of run {run_id}: another process projects it")]
    Elsewhere {
        /// The address.
        url: String,
        /// The run.
        run_id: String,
        /// Where the batch begins.
        expected: u64,
    },
}
