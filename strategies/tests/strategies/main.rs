//! Scripts against a desk that writes down what is asked of it.

mod backends;
mod desk;
mod diagnostics;
mod indicators;
mod interface;
mod mistakes;
mod page;
mod reference;
mod runtime;
mod sandbox;
mod shipped;
mod versions;
