//! One side of a book: the window near the touch and the overflow beyond it, read as one.
//!
//! Called by [`super::Book`] only, on the engine thread. Works on keys that rise towards the better
//! price: a bid's key is its price, an ask's the bitwise complement of it, which reverses the order of
//! all of `i64` without an overflow. A level is in the window if it has a position there, else in the
//! overflow; never in both.

use super::overflow::{Overflow, Place};
use super::window::{STEPS, WORD_STEPS, Window};

/// Steps between the best level and the window's top after the window was placed.
const HEADROOM_STEPS: u64 = 1_024;
/// The window moves up where less than this is left above the best level ...
const HEADROOM_STEPS_MIN: u64 = 256;
/// ... and down where more than this is.
const HEADROOM_STEPS_MAX: u64 = 2_560;
/// Words that a window moves at once, at most.
const SHIFT_WORDS_MAX: u64 = 16;

const _: () = {
    assert!(HEADROOM_STEPS_MIN < HEADROOM_STEPS && HEADROOM_STEPS < HEADROOM_STEPS_MAX);
    assert!(HEADROOM_STEPS_MAX < STEPS / 2);
};

/// One side's levels.
#[derive(Clone, Debug)]
pub(super) struct Half {
    window: Window,
    overflow: Overflow,
    /// Key and quantity of the best level, as of the last [`Half::find_best`].
    best: Option<(i64, i64)>,
    count: usize,
    total: i128,
    /// The key of price 0: keys on a price step are whole steps away from it.
    origin: i64,
}

/// The levels of a half from some key down.
pub(super) struct Descent<'a> {
    half: &'a Half,
    position: Option<u64>,
    place: Option<Place>,
}

impl Half {
    /// Returns an empty half whose price 0 has the key `origin`.
    pub fn new(origin: i64) -> Self {
        Self {
            window: Window::new(),
            overflow: Overflow::new(),
            best: None,
            count: 0,
            total: 0,
            origin,
        }
    }

    /// Forgets all levels and the window's place.
    pub fn clear(&mut self) {
        self.window.clear();
        self.overflow.clear();
        self.best = None;
        self.count = 0;
        self.total = 0;
    }

    /// Sets the quantity at a key, 0 for none, and returns the one before.
    #[inline]
    pub fn set(&mut self, key: i64, qty: i64) -> i64 {
        let position = self.window.position(key);
        let before = if position < STEPS {
            self.window.set(position, qty)
        } else {
            self.overflow.set(key, qty)
        };
        self.count = self.count + usize::from(qty != 0) - usize::from(before != 0);
        self.total += i128::from(qty) - i128::from(before);
        before
    }

    /// Looks up the best level after changes.
    #[inline]
    pub fn find_best(&mut self) {
        self.best = self.descent(None).next();
    }

    /// Gives the window its place near `best`, if it has none, and loads it.
    pub fn place(&mut self, best: i64, tick: i64) -> bool {
        if self.window.is_placed() || tick <= 0 {
            return false;
        }
        let steps = (i128::from(best) - i128::from(self.origin)).div_euclid(i128::from(tick));
        let low_steps = steps - i128::from(STEPS - HEADROOM_STEPS);
        let low = i64::try_from(low_steps * i128::from(tick) + i128::from(self.origin));
        if !low.is_ok_and(|low| self.window.place(low, tick)) {
            return false;
        }
        self.load(self.window.low(), self.window.key(STEPS - 1));
        true
    }

    /// Moves the window towards the best level, if that has come too near its end or left it.
    ///
    /// Returns whether it moved: at most [`SHIFT_WORDS_MAX`] words, or to a new place where the best
    /// level is more than a window away.
    pub fn tidy(&mut self, tick: i64) -> bool {
        let Some((best, _)) = self.best else {
            return false;
        };
        if !self.window.is_placed() {
            return self.place(best, tick);
        }
        if self
            .window
            .is_within(best, HEADROOM_STEPS_MIN, HEADROOM_STEPS_MAX)
        {
            return false;
        }
        self.follow(best, tick)
    }

    /// Moves the window after the best level, which is not where it should be in it.
    #[cold]
    fn follow(&mut self, best: i64, tick: i64) -> bool {
        let headroom = i128::from(STEPS) - self.window.steps_above_low(best);
        let up = headroom < i128::from(HEADROOM_STEPS);
        let words = (headroom - i128::from(HEADROOM_STEPS)).unsigned_abs() / u128::from(WORD_STEPS);
        if words > u128::from(STEPS / WORD_STEPS) {
            return self.move_away(best, tick);
        }
        self.shift(up, (words as u64).min(SHIFT_WORDS_MAX))
    }

    /// Returns the best level's key and quantity.
    #[inline]
    pub const fn best(&self) -> Option<(i64, i64)> {
        self.best
    }

    /// Returns the quantity at a key, 0 where there is none.
    #[inline]
    pub fn qty(&self, key: i64) -> i64 {
        let position = self.window.position(key);
        if position < STEPS {
            self.window.qty(position)
        } else {
            self.overflow.qty(key)
        }
    }

    /// Returns the levels below `bound` as key and quantity, best first; all without a bound.
    #[inline]
    pub fn descent(&self, bound: Option<i64>) -> Descent<'_> {
        let (top, place) = match bound {
            None => (STEPS, self.overflow.highest()),
            Some(key) => (
                self.window.bound_below(key),
                self.overflow.highest_below(key),
            ),
        };
        Descent {
            half: self,
            position: self.window.highest_below(top),
            place,
        }
    }

    /// Returns the number of levels.
    pub const fn count(&self) -> usize {
        self.count
    }

    /// Returns the sum of all quantities.
    pub const fn total(&self) -> i128 {
        self.total
    }

    /// Returns the key at the window's low end, if the window has a place.
    pub fn window_low(&self) -> Option<i64> {
        self.window.is_placed().then(|| self.window.low())
    }

    /// Gives the window the place it had when the state was written, and loads it.
    pub fn restore_window(&mut self, low: i64, tick: i64) {
        if !self.window.is_placed() && self.window.place(low, tick) {
            self.load(low, self.window.key(STEPS - 1));
        }
    }

    /// Returns the bytes held.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.window.memory_bytes() + self.overflow.memory_bytes()
    }

    fn shift(&mut self, up: bool, words: u64) -> bool {
        let mut moved = false;
        for _ in 0..words {
            let overflow = &mut self.overflow;
            let evicted = |key, qty| {
                overflow.set(key, qty);
            };
            let Some(low) = self.window.shift(up, evicted) else {
                break;
            };
            let position = if up { STEPS - 1 } else { WORD_STEPS - 1 };
            self.load(low, self.window.key(position));
            moved = true;
        }
        moved
    }

    fn move_away(&mut self, best: i64, tick: i64) -> bool {
        while let Some(position) = self.window.highest_below(STEPS) {
            let qty = self.window.set(position, 0);
            self.overflow.set(self.window.key(position), qty);
        }
        self.window.clear();
        self.place(best, tick)
    }

    /// Takes the overflow's levels from key `first` to `last` that have a position into the window.
    fn load(&mut self, first: i64, last: i64) {
        let mut from = first;
        while let Some((key, qty)) = self.overflow.at_or_above(from) {
            if key > last {
                return;
            }
            let position = self.window.position(key);
            if position < STEPS {
                self.overflow.set(key, 0);
                self.window.set(position, qty);
            }
            from = key + 1;
        }
    }
}

impl Iterator for Descent<'_> {
    type Item = (i64, i64);

    #[inline]
    fn next(&mut self) -> Option<(i64, i64)> {
        let near = self.position.map(|position| {
            (
                self.half.window.key(position),
                self.half.window.qty(position),
            )
        });
        let far = self.place.and_then(|place| self.half.overflow.at(place));
        let is_near = match (near, far) {
            (Some(near), Some(far)) => near.0 > far.0,
            (near, _) => near.is_some(),
        };
        if is_near {
            self.position = self
                .position
                .and_then(|at| self.half.window.highest_below(at));
            near
        } else {
            self.place = self.place.and_then(|place| self.half.overflow.below(place));
            far
        }
    }
}
