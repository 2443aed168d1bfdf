//! Bytes that are no snapshot, or not this run's: an error that says so, and never a panic.

use crate::world;
use claire_engine::Engine;
use claire_engine::snapshot::{RestoreFault, SNAPSHOT_VERSION};
use proptest::prelude::*;
use std::sync::OnceLock;

/// A snapshot in the middle of a run, with working orders and script state.
fn snapshot() -> &'static [u8] {
    static BYTES: OnceLock<Vec<u8>> = OnceLock::new();
    BYTES.get_or_init(|| {
        let inputs = world::made(5, 12);
        let mut engine = world::engine(&world::MADE);
        world::apply(&mut engine, &inputs, 0..inputs.len() - 1, |_, _| {});
        assert!(engine.floor().orders().working_count() > 0);
        world::saved(&engine)
    })
}

fn restore(bytes: &[u8]) -> Result<Engine, RestoreFault> {
    Engine::restore(
        world::config(&world::MADE),
        world::strategies(&world::MADE),
        bytes,
    )
}

/// Gives changed bytes a right check again, so that what lies behind it is reached.
fn sealed(mut bytes: Vec<u8>) -> Vec<u8> {
    if let Some(length) = bytes.len().checked_sub(4) {
        let check = crc32c::crc32c(&bytes[..length]).to_le_bytes();
        bytes[length..].copy_from_slice(&check);
    }
    bytes
}

#[test]
fn what_is_no_snapshot_of_this_run_is_named() {
    let whole = snapshot();
    assert!(restore(whole).is_ok());
    assert_eq!(restore(b"").err(), Some(RestoreFault::Foreign));
    assert_eq!(
        restore(b"CLAIREsX0123456789").err(),
        Some(RestoreFault::Foreign)
    );
    let mut other = whole.to_vec();
    other[8] += 1;
    let version = SNAPSHOT_VERSION + 1;
    assert_eq!(restore(&other).err(), Some(RestoreFault::Version(version)));
    let mut config = world::config(&world::MADE);
    config.account.equity.0 += 1;
    let fault = Engine::restore(config, world::strategies(&world::MADE), whole).err();
    assert_eq!(fault, Some(RestoreFault::OtherConfig));
}

#[test]
fn every_cut_is_noticed() {
    let whole = snapshot();
    for length in (0..whole.len()).step_by(whole.len() / 400) {
        assert!(restore(&whole[..length]).is_err(), "{length}");
        assert!(
            restore(&sealed(whole[..length].to_vec())).is_err(),
            "{length}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn prop_a_flipped_byte_is_noticed(at in any::<prop::sample::Index>(), flip in 1_u8..) {
        let mut bytes = snapshot().to_vec();
        let at = at.index(bytes.len());
        bytes[at] ^= flip;
        prop_assert!(restore(&bytes).is_err());
    }

    /// With a right check a changed number may be a state that could be; it must not panic.
    #[test]
    fn prop_changed_bytes_under_a_right_check_never_panic(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
    ) {
        let mut bytes = snapshot().to_vec();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        let _ = restore(&sealed(bytes));
    }

    #[test]
    fn prop_foreign_bytes_never_panic(junk in prop::collection::vec(any::<u8>(), 0..200)) {
        let mut bytes = snapshot()[..12].to_vec();
        bytes.extend(&junk);
        prop_assert!(restore(&junk).is_err());
        prop_assert!(restore(&sealed(bytes)).is_err());
    }
}
