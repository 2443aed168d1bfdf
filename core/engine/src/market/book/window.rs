//! The part of one side that lies near the touch: a flat ring of price steps with occupancy bitmaps.
//!
//! Called by [`super::half`] only, on the engine thread. Keys rise towards the better price. Works on
//! positions, the number of steps above the window's low end; what is not on a step or not in the
//! window has no position and is somebody else's to keep. Never allocates after construction.

/// Price steps in a window.
pub(super) const STEPS: u64 = 8_192;
/// Price steps in a bitmap word, the grain by which a window moves.
pub(super) const WORD_STEPS: u64 = 64;
/// Largest price step that a window can have, in price units.
pub(super) const TICK_MAX: i64 = 1 << 48;
/// Largest magnitude of a window's low end: far enough from the ends of `i64` that no sum overflows.
const LOW_MAX: i64 = 1 << 62;
const WORDS: usize = (STEPS / WORD_STEPS) as usize;
const WORDS_MASK: usize = WORDS - 1;
const SLOTS_MASK: usize = STEPS as usize - 1;

const _: () = {
    assert!(STEPS.is_power_of_two() && STEPS >= 4_096 && STEPS <= 65_536);
    assert!(
        WORDS == u128::BITS as usize,
        "one summary bit for each word"
    );
    // A remainder of the division by the tick shows as a quotient of at least 2^64 / tick.
    assert!((u64::MAX / TICK_MAX as u64) > STEPS);
    assert!(LOW_MAX as u64 / TICK_MAX as u64 > STEPS);
};

/// A ring of quantities, one for each step from the low end up.
#[derive(Clone, Debug)]
pub(super) struct Window {
    qtys: Box<[i64; STEPS as usize]>,
    occupied: [u64; WORDS],
    summary: u128,
    grid: Grid,
    low: i64,
    /// The ring's word that holds the lowest steps.
    low_word: usize,
    /// [`STEPS`] where the window has a place, else 0.
    span: u64,
}

/// Exact division by the price step as one multiplication.
#[derive(Clone, Copy, Debug)]
struct Grid {
    tick: i64,
    inverse: u64,
    shift: u32,
}

impl Window {
    /// Returns a window without a place: nothing has a position in it.
    pub fn new() -> Self {
        Self {
            qtys: Box::new([0; STEPS as usize]),
            occupied: [0; WORDS],
            summary: 0,
            grid: Grid::new(1),
            low: 0,
            low_word: 0,
            span: 0,
        }
    }

    /// Empties the window and takes away its place.
    pub fn clear(&mut self) {
        for (word, bits) in self.occupied.iter_mut().enumerate() {
            if *bits != 0 {
                let start = word * WORD_STEPS as usize;
                if let Some(slots) = self.qtys.get_mut(start..start + WORD_STEPS as usize) {
                    slots.fill(0);
                }
                *bits = 0;
            }
        }
        self.summary = 0;
        self.span = 0;
    }

    /// Gives the empty window its place, or says that none is possible there.
    pub fn place(&mut self, low: i64, tick: i64) -> bool {
        debug_assert!(self.summary == 0);
        if !(1..=TICK_MAX).contains(&tick) || !(-LOW_MAX..=LOW_MAX).contains(&low) {
            return false;
        }
        self.grid = Grid::new(tick);
        self.low = low;
        self.low_word = 0;
        self.span = STEPS;
        true
    }

    /// Sets the quantity at a position and returns the one before.
    #[inline]
    pub fn set(&mut self, position: u64, qty: i64) -> i64 {
        let word = self.word_of(position);
        let bit = position % WORD_STEPS;
        let slot = (word * WORD_STEPS as usize + bit as usize) & SLOTS_MASK;
        let before = std::mem::replace(&mut self.qtys[slot], qty);
        let bits = self.occupied[word];
        let after = bits & !(1 << bit) | u64::from(qty != 0) << bit;
        self.occupied[word] = after;
        if (bits == 0) != (after == 0) {
            self.summary ^= 1 << word;
        }
        before
    }

    /// Moves the window one word up (better) or down, into which the caller then loads what belongs there.
    ///
    /// Each level that left goes to `evicted` as key and quantity. Returns the lowest key of the word
    /// that came in, or `None` where the window cannot move on.
    pub fn shift(&mut self, up: bool, mut evicted: impl FnMut(i64, i64)) -> Option<i64> {
        let width = self.grid.tick * WORD_STEPS as i64;
        let low = if up {
            self.low + width
        } else {
            self.low - width
        };
        if self.span == 0 || !(-LOW_MAX..=LOW_MAX).contains(&low) {
            return None;
        }
        let leaving = if up { 0 } else { STEPS - WORD_STEPS };
        let mut bits = self.occupied[self.word_of(leaving)];
        while bits != 0 {
            let position = leaving + u64::from(bits.trailing_zeros());
            bits &= bits - 1;
            let qty = self.set(position, 0);
            evicted(self.key(position), qty);
        }
        let word_step = if up { 1 } else { WORDS - 1 };
        self.low = low;
        self.low_word = (self.low_word + word_step) & WORDS_MASK;
        Some(if up {
            self.key(STEPS - WORD_STEPS)
        } else {
            low
        })
    }

    /// Returns the key's position, or a number of at least [`STEPS`] where it has none.
    #[inline]
    pub fn position(&self, key: i64) -> u64 {
        let position = self.grid.divide(key.wrapping_sub(self.low) as u64);
        if position < self.span {
            position
        } else {
            u64::MAX
        }
    }

    /// Returns the key at a position.
    #[inline]
    pub fn key(&self, position: u64) -> i64 {
        self.low + self.grid.tick * position as i64
    }

    /// Returns the quantity at a position.
    #[inline]
    pub fn qty(&self, position: u64) -> i64 {
        let slot = self.word_of(position) * WORD_STEPS as usize + (position % WORD_STEPS) as usize;
        self.qtys[slot & SLOTS_MASK]
    }

    /// Returns the highest occupied position below `bound`, if there is one.
    #[inline]
    pub fn highest_below(&self, bound: u64) -> Option<u64> {
        let bound = bound.min(STEPS);
        let (word, bit) = (bound / WORD_STEPS, bound % WORD_STEPS);
        let bits = self.occupied[self.word_of(bound)] & ((1 << bit) - 1);
        if bits != 0 {
            return Some(word * WORD_STEPS + u64::from(bits.ilog2()));
        }
        let words = self.summary.rotate_right(self.low_word as u32);
        let words = match word {
            0 => 0,
            word => words & (u128::MAX >> (u128::BITS - word as u32)),
        };
        let word = u64::from(words.checked_ilog2()?);
        let bits = self.occupied[self.word_of(word * WORD_STEPS)];
        Some(word * WORD_STEPS + u64::from(bits.checked_ilog2()?))
    }

    /// Returns the highest position whose key is below `key`, plus one: the bound for [`Window::highest_below`].
    pub fn bound_below(&self, key: i64) -> u64 {
        match key.checked_sub(self.low) {
            Some(distance) if distance > 0 => {
                (distance as u64).div_ceil(self.grid.tick as u64).min(STEPS)
            }
            Some(_) => 0,
            // `low` is within 2^62: only a key of its own sign's opposite overflows.
            None if key > 0 => STEPS,
            None => 0,
        }
    }

    /// Returns whether the window has a place.
    pub const fn is_placed(&self) -> bool {
        self.span != 0
    }

    /// Returns the key at the low end.
    pub const fn low(&self) -> i64 {
        self.low
    }

    /// Returns whether the step at or below `key` has at least `min` and at most `max` steps from itself to the window's end.
    #[inline]
    pub fn is_within(&self, key: i64, min: u64, max: u64) -> bool {
        // From the lowest such step up to the end of the highest: no sum overflows, see `LOW_MAX`.
        let lowest = self.key(STEPS - max);
        let beyond = self.key(STEPS - min) + self.grid.tick;
        (lowest..beyond).contains(&key)
    }

    /// Returns how many steps `key` lies above the low end, rounded down; negative below it.
    pub fn steps_above_low(&self, key: i64) -> i128 {
        (i128::from(key) - i128::from(self.low)).div_euclid(i128::from(self.grid.tick))
    }

    /// Returns the bytes held.
    pub const fn memory_bytes(&self) -> usize {
        size_of::<Self>() + STEPS as usize * size_of::<i64>()
    }

    #[inline]
    fn word_of(&self, position: u64) -> usize {
        ((position / WORD_STEPS) as usize + self.low_word) & WORDS_MASK
    }
}

impl Grid {
    fn new(tick: i64) -> Self {
        let shift = tick.trailing_zeros();
        let odd = (tick >> shift) as u64;
        // Newton's iteration doubles the right bits each time; `odd` is its own inverse to 3 bits.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Self {
            tick,
            inverse,
            shift,
        }
    }

    /// Returns `distance / tick` where that is whole, else a number above 2^64 / tick.
    ///
    /// # Source
    /// Granlund and Montgomery, "Division by Invariant Integers using Multiplication" (1994), section 9.
    #[inline]
    const fn divide(&self, distance: u64) -> u64 {
        distance.wrapping_mul(self.inverse).rotate_right(self.shift)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_whole_steps_inside_have_a_position() {
        for tick in [1, 2, 5, 10, 100, 1_000_000, 12_345, TICK_MAX, TICK_MAX - 1] {
            for low in [0, -1, tick * 77, -tick * 10_000, LOW_MAX, -LOW_MAX] {
                let mut window = Window::new();
                assert_eq!(window.position(low), u64::MAX);
                assert!(window.place(low, tick));
                for steps in [0, 1, 63, 64, STEPS as i64 - 1] {
                    let key = low + steps * tick;
                    assert_eq!(window.position(key), steps as u64, "{tick} {low}");
                    assert_eq!(window.key(steps as u64), key);
                    if tick > 1 {
                        assert!(window.position(key + 1) >= STEPS, "{tick} {low} {steps}");
                        assert!(window.position(key - 1) >= STEPS, "{tick} {low} {steps}");
                    }
                }
                let outside = [low - tick, low + STEPS as i64 * tick, i64::MIN, i64::MAX];
                for key in outside {
                    assert!(window.position(key) >= STEPS, "{tick} {low} {key}");
                }
            }
        }
    }

    #[test]
    fn the_room_above_a_key_is_told_without_dividing() {
        for tick in [1, 7, 1_000_000, TICK_MAX] {
            for low in [0, -5, 12_345, LOW_MAX, -LOW_MAX] {
                let mut window = Window::new();
                assert!(window.place(low, tick));
                let ends = [STEPS - 2_560, STEPS - 256].map(|steps| window.key(steps));
                let near = ends
                    .into_iter()
                    .flat_map(|end| [-tick, -1, 0, 1, tick - 1, tick].map(|by| end + by));
                for key in near.chain([low, i64::MIN, i64::MAX]) {
                    let headroom = i128::from(STEPS) - window.steps_above_low(key);
                    let want = (256..=2_560).contains(&headroom);
                    assert_eq!(
                        window.is_within(key, 256, 2_560),
                        want,
                        "{tick} {low} {key}"
                    );
                }
            }
        }
    }

    #[test]
    fn the_next_occupied_step_is_found_across_words_and_the_ring_border() {
        let mut window = Window::new();
        assert!(window.place(0, 1));
        for _ in 0..3 {
            window.shift(true, |_, _| {});
        }
        let occupied = [0, 63, 64, 200, 7_999, 8_000, STEPS - 1];
        for position in occupied {
            assert_eq!(window.set(position, 5), 0);
        }
        for bound in 0..=STEPS {
            let want = occupied.iter().copied().rfind(|position| *position < bound);
            assert_eq!(window.highest_below(bound), want, "below {bound}");
        }
        for position in occupied {
            assert_eq!(window.set(position, 0), 5);
        }
        assert_eq!(window.highest_below(STEPS), None);
    }
}
