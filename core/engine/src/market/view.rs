//! The merged view of SPEC 4, as matching and marks read it.
//!
//! Called by paper matching and the gate's measurements, on the engine thread.

use claire_types::{Level, Price, Qty, Side};

/// What strategies, matching and marks read of an instrument.
pub trait BookView {
    /// Returns the best level of a side, if it has one.
    fn best(&self, side: Side) -> Option<Level>;
    /// Returns the quantity at a price, 0 where there is no level.
    fn qty_at(&self, side: Side, price: Price) -> Qty;
    /// Visits the levels of a side, best first, until `visit` returns false.
    fn walk(&self, side: Side, visit: &mut dyn FnMut(Level) -> bool);
    /// Returns whether a snapshot and an unbroken sequence after it prove what the view shows.
    fn is_proven(&self) -> bool;
}
