//! The digest: one SHA-256 chain over the records of a run.
//!
//! Called by the recorder and by every reader that compares two runs. The next state is
//! `SHA-256(state || message)`, the message's cells in little-endian order as the journal holds them.
//! Inputs never enter it: a run that reads its inputs from files has the digest of one that journals them.

use claire_types::Cells;
use claire_types::record::Record;
use sha2::{Digest as _, Sha256};
use std::fmt;
use std::str::FromStr;

/// The chain's state: 32 bytes, shown as 64 lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Digest([u8; Self::BYTES]);

impl Digest {
    /// Bytes of a state.
    pub const BYTES: usize = 32;
    /// The state before the first record.
    pub const START: Self = Self([0; Self::BYTES]);

    /// Returns the state of these bytes.
    pub const fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        Self(bytes)
    }

    /// Adds the message where it is a record; an input changes nothing.
    pub fn add(&mut self, message: &Cells<'_>) {
        let (first, second) = message.runs();
        let Some(tag) = first.first().or(second.first()) else {
            return;
        };
        if !Record::is_record(tag.low) {
            return;
        }
        let mut hash = Sha256::new();
        hash.update(self.0);
        for cell in first.iter().chain(second) {
            hash.update(cell.to_bytes());
        }
        self.0 = hash.finalize().into();
    }

    /// Returns the state's bytes.
    pub const fn to_bytes(self) -> [u8; Self::BYTES] {
        self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&to_hex(&self.0))
    }
}

impl FromStr for Digest {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        of_hex(text)
            .map(Self)
            .ok_or_else(|| format!("{text:?} is not a digest of 64 lower-case hexadecimal digits"))
    }
}

/// Returns the bytes as lower-case hexadecimal digits.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let digit = |nibble: u8| char::from(DIGITS[usize::from(nibble)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// Returns the `N` bytes of `2 N` lower-case hexadecimal digits, `None` where the text is anything else.
pub(crate) fn of_hex<const N: usize>(text: &str) -> Option<[u8; N]> {
    let nibble = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    if text.len() != 2 * N {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, pair) in bytes.iter_mut().zip(text.as_bytes().chunks_exact(2)) {
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use claire_types::CellBuffer;

    #[test]
    fn the_chain_is_sha_256_of_state_and_message_bytes() {
        let mut buffer = CellBuffer::default();
        buffer.begin(128, 0, 0, 1);
        buffer.push(2, 3);
        buffer.end();
        let mut digest = Digest::START;
        digest.add(&buffer.view());
        let mut bytes = vec![0; 32];
        for cell in buffer.as_slice() {
            bytes.extend(cell.to_bytes());
        }
        assert_eq!(digest.to_bytes(), <[u8; 32]>::from(Sha256::digest(&bytes)));
        // The same value from an independent tool: 32 zero bytes and the two cells through Python's hashlib.
        assert_eq!(
            digest.to_string(),
            "6d04df0f02e996da544e66edd5edd7acfd9be79db903ff0bc6170880692f30af"
        );
    }

    #[test]
    fn the_border_of_two_runs_and_inputs_do_not_change_the_digest() {
        let mut buffer = CellBuffer::default();
        buffer.begin(200, 0, 0, 1);
        buffer.push(2, 3);
        buffer.end();
        let mut whole = Digest::START;
        whole.add(&buffer.view());
        let (first, second) = buffer.as_slice().split_at(1);
        let mut split = Digest::START;
        split.add(&Cells::new(first, second));
        let mut empty_first = Digest::START;
        empty_first.add(&Cells::new(&[], buffer.as_slice()));
        assert_eq!((whole, whole), (split, empty_first));
        buffer.clear();
        buffer.begin(127, 0, 0, 1);
        buffer.end();
        split.add(&buffer.view());
        assert_eq!(whole, split);
    }

    #[test]
    fn a_digest_is_read_back_from_its_text_and_from_nothing_else() {
        let digest = Digest([0xa5; 32]);
        assert_eq!(digest.to_string().parse(), Ok(digest));
        for text in [
            "",
            "a5",
            &"A5".repeat(32),
            &"é".repeat(32),
            &"a5".repeat(33),
        ] {
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }
}
