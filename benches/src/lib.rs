//! Claire: criterion benches beside named opponents.
