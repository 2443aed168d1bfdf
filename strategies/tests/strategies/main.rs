//! Scripts against a desk that writes down what is asked of it.

mod desk;
mod diagnostics;
mod reference;
mod runtime;
mod sandbox;
mod shipped;
