//! Claire: a bundled market in the venues own wire format, seeded and offline.
