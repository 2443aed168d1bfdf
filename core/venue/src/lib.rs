//! Claire: what venues say on the wire, without any input or output of its own.
