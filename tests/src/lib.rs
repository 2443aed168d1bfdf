//! What the whole-system tests share: the workspace's files, their code without texts, recorded data.
//!
//! Called by the tests of this package only. Reads files; never writes any.
#![forbid(unsafe_code)]

pub mod code;
pub mod tree;

pub use code::{Code, Definition};
pub use tree::{File, Tree, recorded_data};
