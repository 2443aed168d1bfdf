//! What a table's rows of a run come to: their number and a sum of their hashes, whatever their order.
//!
//! Made of the texts that a database gives and of the values that a journal makes, which have to agree.

use super::table::{Row, Value};
use sha2::{Digest as _, Sha256};

/// Rows in short; equal contents have equal rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Content {
    /// Number of rows.
    pub rows: u64,
    sum: u128,
}

impl Content {
    /// Adds a row of these texts.
    pub(crate) fn add(&mut self, texts: &[Option<String>]) {
        let mut hash = Sha256::new();
        for text in texts {
            // A length before each: no two rows share a text. Nothing is no empty text.
            let length = text.as_ref().map_or(u64::MAX, |text| text.len() as u64);
            hash.update(length.to_le_bytes());
            hash.update(text.as_deref().unwrap_or_default());
        }
        let bytes: [u8; 32] = hash.finalize().into();
        let (half, _) = bytes.split_first_chunk().expect("32 bytes have 16");
        self.rows += 1;
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(*half));
    }

    /// Adds a row that a journal makes.
    pub(crate) fn add_row(&mut self, row: &Row) {
        let texts: Vec<_> = row.values.iter().map(text_of).collect();
        self.add(&texts);
    }
}

fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::Null => None,
        Value::Int(number) => Some(number.to_string()),
        Value::Bool(yes) => Some(i32::from(*yes).to_string()),
        Value::Text(text) => Some(text.clone()),
    }
}

/// Returns the selection of the columns as texts, the same in both databases.
pub(super) fn as_texts(columns: &[&str]) -> String {
    let texts = columns.iter().map(|column| match *column {
        "is_trading" => "CAST(CAST(is_trading AS INTEGER) AS TEXT)".to_owned(),
        column => format!("CAST({column} AS TEXT)"),
    });
    texts.collect::<Vec<_>>().join(", ")
}
