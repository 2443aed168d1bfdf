//! Segments through the real pipeline: runs whose journals have several, verified from each, cut, pruned and
//! resumed; what is removed, and what a disk that fills does.

mod disk;
mod place;
mod retention;
mod tails;
