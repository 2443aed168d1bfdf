//! Claire: strategies in Rhai. Interface, checker, runtime.
