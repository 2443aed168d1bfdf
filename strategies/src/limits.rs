//! What one handler call may use up, as named settings.
//!
//! Set once when a script is compiled. Every limit ends a call as a cut, which a script cannot catch.

use serde::{Deserialize, Serialize};

/// The budget of one handler call and the sizes of what it may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Limits {
    /// Operations of the interpreter per call (about 30-100 ns each).
    pub operations_max: u64,
    /// Depth of script functions calling each other.
    pub call_depth_max: usize,
    /// Depth of an expression in the source.
    pub expression_depth_max: usize,
    /// Variables alive at one time.
    pub variables_max: usize,
    /// Functions of a file.
    pub functions_max: usize,
    /// Bytes of a string.
    pub string_bytes_max: usize,
    /// Items of an array, nested ones included.
    pub array_items_max: usize,
    /// Fields of a map, nested ones included.
    pub map_fields_max: usize,
    /// Arrays and maps within one another in the state.
    pub state_depth_max: usize,
    /// Bytes of a source file.
    pub source_bytes_max: u64,
}

/// Microseconds that a handler's call may take where the configuration says nothing else.
pub const CALL_US_MAX: u64 = 750;

impl Default for Limits {
    fn default() -> Self {
        Self {
            operations_max: 100_000,
            call_depth_max: 24,
            expression_depth_max: 32,
            variables_max: 256,
            functions_max: 256,
            string_bytes_max: 4_096,
            array_items_max: 4_096,
            map_fields_max: 1_024,
            state_depth_max: 16,
            source_bytes_max: 1 << 20,
        }
    }
}
