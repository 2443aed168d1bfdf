//! The part of one side that lies far from the touch or off the price steps: exact, sorted, of any size.
//!
//! Called by [`super::half`] only, on the engine thread. A B+ tree of two levels: an index of first keys
//! over leaves of at most [`LEAF_LEVELS`] levels in an arena. Allocates only where the arena grows
//! beyond what it ever held.

/// Most levels in a leaf.
const LEAF_LEVELS: usize = 64;
/// Two neighbours that together hold no more than this become one leaf.
const MERGED_LEVELS_MAX: usize = LEAF_LEVELS / 4 * 3;
/// Leaves that a new overflow has room for: 1,792 levels where every leaf is half full.
/// More would take an instrument of 1,000 levels on each side beyond its 256 KB.
const LEAVES_RESERVED: usize = 56;

/// Levels by key, ascending.
#[derive(Clone, Debug)]
pub(super) struct Overflow {
    /// First key of each leaf, ascending.
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
    len: usize,
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
        match leaf.at(level) {
            Some((found, before)) if found == key => {
                if qty == 0 {
                    self.remove(at, level);
                } else if let Some(place) = leaf.qtys.get_mut(level) {
                    *place = qty;
                }
                before
            }
            _ => {
                if qty != 0 {
                    self.insert(at, level, key, qty);
                }
                0
            }
        }
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
        match leaf.at(leaf.lower_bound(key)) {
            Some(level) => Some(level),
            None => self.leaf(at + 1)?.at(0),
        }
    }

    /// Returns the place of the highest level.
    pub fn highest(&self) -> Option<Place> {
        let leaf = self.order.len().checked_sub(1)?;
        let level = self.leaf(leaf)?.len.checked_sub(1)?;
        Some(Place { leaf, level })
    }

    /// Returns the place of the highest level below `key`.
    pub fn highest_below(&self, key: i64) -> Option<Place> {
        let leaf = self.leaf_of(key);
        let level = self.leaf(leaf)?.lower_bound(key);
        self.below(Place { leaf, level })
    }

    /// Returns the place before this one.
    pub fn below(&self, place: Place) -> Option<Place> {
        match place.level.checked_sub(1) {
            Some(level) => Some(Place { level, ..place }),
            None => {
                let leaf = place.leaf.checked_sub(1)?;
                let level = self.leaf(leaf)?.len.checked_sub(1)?;
                Some(Place { leaf, level })
            }
        }
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
        if leaf.len < LEAF_LEVELS {
            leaf.insert(level, key, qty);
            if level == 0 {
                self.firsts[at] = key;
            }
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
        self.insert_leaf(at + 1, upper);
        let half = LEAF_LEVELS / 2;
        if level < half {
            self.insert(at, level, key, qty);
        } else {
            self.insert(at + 1, level - half, key, qty);
        }
    }

    fn remove(&mut self, at: usize, level: usize) {
        let Some(leaf) = self.leaf_mut(at) else {
            return;
        };
        leaf.remove(level);
        let (len, first) = (leaf.len, leaf.keys[0]);
        if len == 0 {
            self.remove_leaf(at);
            return;
        }
        if level == 0 {
            self.firsts[at] = first;
        }
        if len <= MERGED_LEVELS_MAX / 2 {
            self.merge(at);
        }
    }

    /// Joins the leaf with the one above it, or else with the one below, where both fit.
    fn merge(&mut self, at: usize) {
        for lower in [Some(at), at.checked_sub(1)].into_iter().flatten() {
            let (Some(leaf), Some(above)) = (self.leaf(lower), self.leaf(lower + 1)) else {
                continue;
            };
            if leaf.len + above.len <= MERGED_LEVELS_MAX {
                let above = above.clone();
                if let Some(leaf) = self.leaf_mut(lower) {
                    leaf.append(&above);
                }
                self.remove_leaf(lower + 1);
                return;
            }
        }
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
    fn of(keys: &[i64], qtys: &[i64]) -> Self {
        let mut leaf = Self {
            len: 0,
            keys: [0; LEAF_LEVELS],
            qtys: [0; LEAF_LEVELS],
        };
        leaf.extend(keys, qtys);
        leaf
    }

    fn extend(&mut self, keys: &[i64], qtys: &[i64]) {
        let end = self.len + keys.len();
        self.keys[self.len..end].copy_from_slice(keys);
        self.qtys[self.len..end].copy_from_slice(qtys);
        self.len = end;
    }

    fn append(&mut self, other: &Self) {
        self.extend(&other.keys[..other.len], &other.qtys[..other.len]);
    }

    /// Cuts the leaf in half and returns the upper one.
    fn split(&mut self) -> Self {
        let half = LEAF_LEVELS / 2;
        let upper = Self::of(&self.keys[half..self.len], &self.qtys[half..self.len]);
        self.len = half;
        upper
    }

    fn insert(&mut self, level: usize, key: i64, qty: i64) {
        self.keys.copy_within(level..self.len, level + 1);
        self.qtys.copy_within(level..self.len, level + 1);
        self.keys[level] = key;
        self.qtys[level] = qty;
        self.len += 1;
    }

    fn remove(&mut self, level: usize) {
        self.keys.copy_within(level + 1..self.len, level);
        self.qtys.copy_within(level + 1..self.len, level);
        self.len -= 1;
    }

    /// Returns the position of the first key at or above `key`.
    #[inline]
    fn lower_bound(&self, key: i64) -> usize {
        self.keys
            .get(..self.len)
            .map_or(0, |keys| keys.partition_point(|other| *other < key))
    }

    #[inline]
    fn at(&self, level: usize) -> Option<(i64, i64)> {
        if level >= self.len {
            return None;
        }
        Some((*self.keys.get(level)?, *self.qtys.get(level)?))
    }
}
