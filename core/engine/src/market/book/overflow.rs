//! The part of one side that lies far from the touch or off the price steps: exact, sorted, of any size.
//!
//! Called by [`super::half`] only, on the engine thread. A B+ tree of two levels: an index of first keys
//! over leaves of at most [`LEAF_LEVELS`] levels in an arena. A removed level leaves its place behind, with
//! no quantity: half of all updates remove, most of what is removed comes back at the same price or next to
//! it, and then nothing moves. Allocates only where the arena grows beyond what it ever held.

/// Places in a leaf.
const LEAF_LEVELS: usize = 64;
/// Two neighbours that together hold no more than this become one leaf.
const MERGED_LEVELS_MAX: usize = LEAF_LEVELS / 4 * 3;
/// The key of a place that is not in use: none is above it. It is only a filling: `len` says what is in use.
const UNUSED: i64 = i64::MAX;
// The search in a leaf halves it to the end.
const _: () = assert!(LEAF_LEVELS.is_power_of_two());
/// A full leaf with no more levels than this closes the places between them, instead of being cut.
const CLOSED_LEVELS_MAX: usize = LEAF_LEVELS / 8 * 7;
/// A leaf looks for a neighbour to join at multiples of this many levels, when it has few.
const MERGE_STEP: usize = 4;
/// Leaves that a new overflow has room for: 1,792 levels where every leaf is half full.
/// More would take an instrument of 1,000 levels on each side beyond its 256 KB.
const LEAVES_RESERVED: usize = 56;

/// Levels by key, ascending. No leaf is without a level.
#[derive(Clone, Debug)]
pub(super) struct Overflow {
    /// First key of each leaf, ascending; a place without a quantity may hold it.
    firsts: Vec<i64>,
    /// Arena position of each leaf, in the order of `firsts`.
    order: Vec<u32>,
    leaves: Vec<Leaf>,
    free: Vec<u32>,
}

/// A place in the overflow: leaf in order, level in the leaf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    leaf: usize,
    level: usize,
}

#[derive(Clone, Debug)]
struct Leaf {
    /// Places in use.
    len: usize,
    /// Those of them that have a quantity.
    live: usize,
    /// Ascending; [`UNUSED`] after those in use.
    keys: [i64; LEAF_LEVELS],
    qtys: [i64; LEAF_LEVELS],
}

impl Overflow {
    /// Returns an empty overflow.
    pub fn new() -> Self {
        Self {
            firsts: Vec::with_capacity(LEAVES_RESERVED),
            order: Vec::with_capacity(LEAVES_RESERVED),
            leaves: Vec::with_capacity(LEAVES_RESERVED),
            free: Vec::with_capacity(LEAVES_RESERVED),
        }
    }

    /// Forgets all levels, keeps the room.
    pub fn clear(&mut self) {
        self.firsts.clear();
        self.order.clear();
        self.leaves.clear();
        self.free.clear();
    }

    /// Sets the quantity at a key, 0 for none, and returns the one before.
    pub fn set(&mut self, key: i64, qty: i64) -> i64 {
        let at = self.leaf_of(key);
        let Some(leaf) = self.leaf_mut(at) else {
            if qty != 0 {
                self.insert_leaf(0, Leaf::of(&[key], &[qty]));
            }
            return 0;
        };
        let level = leaf.lower_bound(key);
        let Some(before) = leaf.replace(level, key, qty) else {
            if qty != 0 {
                self.insert(at, level, key, qty);
            }
            return 0;
        };
        if qty == 0 && before != 0 && leaf.live.is_multiple_of(MERGE_STEP) {
            self.thin(at);
        }
        before
    }

    /// Returns the quantity at a key, 0 where there is none.
    pub fn qty(&self, key: i64) -> i64 {
        match self.leaf(self.leaf_of(key)) {
            Some(leaf) => match leaf.at(leaf.lower_bound(key)) {
                Some((found, qty)) if found == key => qty,
                _ => 0,
            },
            None => 0,
        }
    }

    /// Returns key and quantity of the lowest level at or above `key`.
    pub fn at_or_above(&self, key: i64) -> Option<(i64, i64)> {
        let at = self.leaf_of(key);
        let leaf = self.leaf(at)?;
        match leaf.live_from(leaf.lower_bound(key)) {
            Some(level) => Some(level),
            None => self.leaf(at + 1)?.live_from(0),
        }
    }

    /// Returns the place of the highest level.
    pub fn highest(&self) -> Option<Place> {
        self.below(Place {
            leaf: self.order.len(),
            level: 0,
        })
    }

    /// Returns the place of the highest level below `key`.
    pub fn highest_below(&self, key: i64) -> Option<Place> {
        let leaf = self.leaf_of(key);
        let level = self.leaf(leaf)?.lower_bound(key);
        self.below(Place { leaf, level })
    }

    /// Returns the place of the next lower level.
    pub fn below(&self, place: Place) -> Option<Place> {
        let Place { leaf, level } = place;
        if let Some(level) = self.leaf(leaf).and_then(|leaf| leaf.live_below(level)) {
            return Some(Place { leaf, level });
        }
        let leaf = leaf.checked_sub(1)?;
        let level = self.leaf(leaf)?.live_below(LEAF_LEVELS)?;
        Some(Place { leaf, level })
    }

    /// Returns key and quantity at a place.
    #[inline]
    pub fn at(&self, place: Place) -> Option<(i64, i64)> {
        self.leaf(place.leaf)?.at(place.level)
    }

    /// Returns the bytes held.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>()
            + self.leaves.capacity() * size_of::<Leaf>()
            + self.firsts.capacity() * size_of::<i64>()
            + (self.order.capacity() + self.free.capacity()) * size_of::<u32>()
    }

    /// Returns the leaf in which the key is or would be; 0 also where there is no leaf.
    #[inline]
    fn leaf_of(&self, key: i64) -> usize {
        self.firsts
            .partition_point(|first| *first <= key)
            .saturating_sub(1)
    }

    #[inline]
    fn leaf(&self, at: usize) -> Option<&Leaf> {
        self.leaves.get(*self.order.get(at)? as usize)
    }

    #[inline]
    fn leaf_mut(&mut self, at: usize) -> Option<&mut Leaf> {
        self.leaves.get_mut(*self.order.get(at)? as usize)
    }

    fn insert(&mut self, at: usize, level: usize, key: i64, qty: i64) {
        let Some(leaf) = self.leaf_mut(at) else {
            return;
        };
        if leaf.reuse(level, key, qty) {
            return self.note_first(at);
        }
        // With some places to close the next inserts find room; with fewer a cut in half is as cheap and lasts longer.
        if leaf.len == LEAF_LEVELS && leaf.live <= CLOSED_LEVELS_MAX {
            leaf.compact();
            let level = leaf.lower_bound(key);
            leaf.insert(level, key, qty);
            return self.note_first(at);
        }
        if leaf.len < LEAF_LEVELS {
            leaf.insert(level, key, qty);
            return self.note_first(at);
        }
        if self.free.is_empty() && self.leaves.len() == self.leaves.capacity() && self.join_all() {
            self.set(key, qty);
            return;
        }
        // A snapshot comes in order: at either end a leaf of its own leaves full ones behind.
        let is_lowest = at == 0 && level == 0;
        let is_highest = level == LEAF_LEVELS && at + 1 == self.order.len();
        if is_lowest || is_highest {
            let place = if is_lowest { 0 } else { at + 1 };
            return self.insert_leaf(place, Leaf::of(&[key], &[qty]));
        }
        let Some(leaf) = self.leaf_mut(at) else {
            return;
        };
        let upper = leaf.split();
        let half = LEAF_LEVELS / 2;
        self.insert_leaf(at + 1, upper);
        if level < half {
            self.insert(at, level, key, qty);
        } else {
            self.insert(at + 1, level - half, key, qty);
        }
    }

    /// Brings the index up to date with the leaf's first place.
    #[inline]
    fn note_first(&mut self, at: usize) {
        let first = self.leaf(at).map(|leaf| leaf.keys[0]);
        if let Some((known, first)) = self.firsts.get_mut(at).zip(first) {
            *known = first;
        }
    }

    /// Takes care of a leaf that has few levels left: away with an empty one, others join a neighbour where both fit.
    #[cold]
    fn thin(&mut self, at: usize) {
        let live = self.leaf(at).map_or(0, |leaf| leaf.live);
        if live == 0 {
            return self.remove_leaf(at);
        }
        if live > MERGED_LEVELS_MAX / 2 {
            return;
        }
        for lower in [Some(at), at.checked_sub(1)].into_iter().flatten() {
            if self.join(lower, MERGED_LEVELS_MAX) {
                return;
            }
        }
    }

    /// Joins all neighbours that fit in one leaf, before the arena would grow; returns whether a leaf became free.
    ///
    /// What does not fit then is half full at least, so the room is used as [`LEAVES_RESERVED`] promises.
    #[cold]
    fn join_all(&mut self) -> bool {
        let leaves = self.order.len();
        let mut at = 0;
        while at + 1 < self.order.len() {
            if !self.join(at, LEAF_LEVELS) {
                at += 1;
            }
        }
        self.order.len() < leaves
    }

    /// Joins a leaf with the one above it where both together have no more than `levels_max`; returns whether they did.
    fn join(&mut self, lower: usize, levels_max: usize) -> bool {
        let (Some(leaf), Some(above)) = (self.leaf(lower), self.leaf(lower + 1)) else {
            return false;
        };
        if leaf.live + above.live > levels_max {
            return false;
        }
        let above = above.clone();
        if let Some(leaf) = self.leaf_mut(lower) {
            leaf.compact();
            leaf.append(&above);
        }
        self.remove_leaf(lower + 1);
        self.note_first(lower);
        true
    }

    fn insert_leaf(&mut self, at: usize, leaf: Leaf) {
        let first = leaf.keys[0];
        let place = match self.free.pop() {
            Some(place) => {
                self.leaves[place as usize] = leaf;
                place
            }
            None => {
                self.leaves.push(leaf);
                (self.leaves.len() - 1) as u32
            }
        };
        self.firsts.insert(at, first);
        self.order.insert(at, place);
    }

    fn remove_leaf(&mut self, at: usize) {
        self.firsts.remove(at);
        let place = self.order.remove(at);
        self.free.push(place);
    }
}

impl Leaf {
    /// Returns a leaf of these places, which fit.
    fn of(keys: &[i64], qtys: &[i64]) -> Self {
        let mut leaf = Self {
            len: keys.len(),
            live: qtys.iter().filter(|qty| **qty != 0).count(),
            keys: [UNUSED; LEAF_LEVELS],
            qtys: [0; LEAF_LEVELS],
        };
        leaf.keys[..keys.len()].copy_from_slice(keys);
        leaf.qtys[..qtys.len()].copy_from_slice(qtys);
        leaf
    }

    /// Adds a level above all others.
    fn push(&mut self, key: i64, qty: i64) {
        self.keys[self.len] = key;
        self.qtys[self.len] = qty;
        self.len += 1;
        self.live += usize::from(qty != 0);
    }

    /// Adds the other's levels, which are all above ours and fit.
    fn append(&mut self, other: &Self) {
        let places = other.keys.iter().zip(&other.qtys).take(other.len);
        for (key, qty) in places.filter(|(_, qty)| **qty != 0) {
            self.push(*key, *qty);
        }
    }

    /// Closes the places without a quantity.
    fn compact(&mut self) {
        let mut len = 0;
        for place in 0..self.len {
            let (key, qty) = (self.keys[place], self.qtys[place]);
            if qty != 0 {
                self.keys[len] = key;
                self.qtys[len] = qty;
                len += 1;
            }
        }
        self.keys[len..self.len].fill(UNUSED);
        self.len = len;
    }

    /// Cuts the full leaf in half and returns the upper one.
    fn split(&mut self) -> Self {
        let half = LEAF_LEVELS / 2;
        let upper = Self::of(&self.keys[half..self.len], &self.qtys[half..self.len]);
        self.keys[half..].fill(UNUSED);
        self.len = half;
        self.live -= upper.live;
        upper
    }

    /// Sets the quantity of a place and returns the one before; `None` where the place is not the key's.
    #[inline]
    fn replace(&mut self, level: usize, key: i64, qty: i64) -> Option<i64> {
        if level >= self.len || *self.keys.get(level)? != key {
            return None;
        }
        let before = std::mem::replace(self.qtys.get_mut(level)?, qty);
        self.live = self.live + usize::from(qty != 0) - usize::from(before != 0);
        Some(before)
    }

    /// Puts the level into a place without a quantity where one is next to `level`; returns whether one was.
    #[inline]
    fn reuse(&mut self, level: usize, key: i64, qty: i64) -> bool {
        let free = |place: usize| place < self.len && self.qtys.get(place) == Some(&0);
        let place = match level.checked_sub(1) {
            _ if free(level) => level,
            Some(below) if free(below) => below,
            _ => return false,
        };
        self.keys[place] = key;
        self.qtys[place] = qty;
        self.live += 1;
        true
    }

    fn insert(&mut self, level: usize, key: i64, qty: i64) {
        self.keys.copy_within(level..self.len, level + 1);
        self.qtys.copy_within(level..self.len, level + 1);
        self.keys[level] = key;
        self.qtys[level] = qty;
        self.len += 1;
        self.live += 1;
    }

    /// Returns the position of the first key at or above `key`.
    ///
    /// Always six steps without a branch: places that are not in use have the highest key.
    #[inline]
    fn lower_bound(&self, key: i64) -> usize {
        let mut at = 0;
        let mut width = LEAF_LEVELS / 2;
        while width > 0 {
            let is_below = self.keys[(at + width - 1) % LEAF_LEVELS] < key;
            at += width * usize::from(is_below);
            width /= 2;
        }
        // What is left is one place: the last, or the one that was found.
        at + usize::from(self.keys[at % LEAF_LEVELS] < key)
    }

    /// Returns key and quantity of the first level at or above the place.
    fn live_from(&self, level: usize) -> Option<(i64, i64)> {
        let places = self.keys.iter().zip(&self.qtys).take(self.len);
        let mut places = places.skip(level).map(|(key, qty)| (*key, *qty));
        places.find(|(_, qty)| *qty != 0)
    }

    /// Returns the place of the highest level below the place.
    #[inline]
    fn live_below(&self, level: usize) -> Option<usize> {
        let places = self.qtys.get(..level.min(self.len))?;
        places.iter().rposition(|qty| *qty != 0)
    }

    #[inline]
    fn at(&self, level: usize) -> Option<(i64, i64)> {
        if level >= self.len {
            return None;
        }
        Some((*self.keys.get(level)?, *self.qtys.get(level)?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    /// Every level from the highest down.
    fn descent(overflow: &Overflow) -> Vec<(i64, i64)> {
        let mut place = overflow.highest();
        let mut levels = Vec::new();
        while let Some(at) = place {
            levels.push(overflow.at(at).expect("a level stands there"));
            place = overflow.below(at);
        }
        levels
    }

    fn check(overflow: &Overflow, model: &BTreeMap<i64, i64>, key: i64) {
        let want = model.range(key..).next().map(|(key, qty)| (*key, *qty));
        assert_eq!(overflow.at_or_above(key), want, "at or above {key}");
        let below = overflow
            .highest_below(key)
            .and_then(|place| overflow.at(place));
        let want = model.range(..key).next_back();
        assert_eq!(below, want.map(|(key, qty)| (*key, *qty)), "below {key}");
        assert_eq!(overflow.qty(key), model.get(&key).copied().unwrap_or(0));
    }

    #[test]
    fn levels_that_go_and_come_are_those_of_a_map() {
        // Dense and sparse keys: the same places come back, neighbours come back, leaves fill, empty and join.
        for (seed, keys) in [(1_u64, 90), (2, 700), (3, 20_000)] {
            let mut state = seed;
            let mut random = move |below: u64| {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407);
                (state >> 33) % below
            };
            let (mut overflow, mut model) = (Overflow::new(), BTreeMap::new());
            for step in 0..30_000_u64 {
                let key = random(keys) as i64 - 300;
                // Waves of growth and decay.
                let removes = random(100) < if step / 4_000 % 2 == 0 { 35 } else { 80 };
                let qty = if removes { 0 } else { 1 + random(9) as i64 };
                let before = match qty {
                    0 => model.remove(&key),
                    qty => model.insert(key, qty),
                };
                assert_eq!(overflow.set(key, qty), before.unwrap_or(0), "{key}");
                check(&overflow, &model, random(keys) as i64 - 300);
                if step % 500 == 0 {
                    let want: Vec<_> = model.iter().rev().map(|(key, qty)| (*key, *qty)).collect();
                    assert_eq!(descent(&overflow), want);
                    assert!(overflow.leaves.len() <= 2 + model.len().max(keys as usize) / 8);
                }
            }
            for key in model.keys() {
                assert_ne!(overflow.set(*key, 0), 0);
            }
            assert_eq!((overflow.highest(), overflow.order.len()), (None, 0));
        }
    }
}
