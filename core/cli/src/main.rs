//! The `claire` binary.
fn main() {}
