//! Claire: whole-system tests.
