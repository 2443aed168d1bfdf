//! Arrays of numbers in machine code: a header that it reads, and room that is kept.
//!
//! An item is one word. Machine code reads the header and the items; whatever makes an array longer or
//! shorter is a function here. Arrays of a call come from a pool and go back at its end.

use std::fmt;

/// An array of integers or floats.
#[repr(C)]
pub(crate) struct Array {
    /// Where the items lie.
    data: *mut u64,
    /// How many there are.
    length: u64,
    /// The room; its own length is the room that was asked for so far.
    room: Vec<u64>,
}

// Written so that the pointer's presence does not take it away: it points into `room`, which is ours.
#[allow(
    unsafe_code,
    reason = "an array that points into itself moves with its room"
)]
// SAFETY: `data` is the address of `room`'s items, which the array owns and nothing shares.
unsafe impl Send for Array {}

impl Array {
    /// Offset of the pointer to the items.
    pub(crate) const DATA: i32 = std::mem::offset_of!(Self, data) as i32;
    /// Offset of their number, an `i64`.
    pub(crate) const LENGTH: i32 = std::mem::offset_of!(Self, length) as i32;

    /// Returns the items.
    pub(crate) fn words(&self) -> &[u64] {
        self.room.get(..self.length()).unwrap_or_default()
    }

    /// Returns the items of an array of integers.
    pub(crate) fn ints(&self) -> impl DoubleEndedIterator<Item = i64> + ExactSizeIterator {
        self.words().iter().map(|word| *word as i64)
    }

    /// Returns the items of an array of floats.
    pub(crate) fn floats(&self) -> impl DoubleEndedIterator<Item = f64> + ExactSizeIterator {
        self.words().iter().map(|word| f64::from_bits(*word))
    }

    /// Returns how many items there are.
    pub(crate) fn length(&self) -> usize {
        self.length as usize
    }

    /// Returns how many items there is room for.
    pub(crate) fn room(&self) -> usize {
        self.room.len()
    }

    /// Becomes a copy of these items.
    pub(crate) fn copy_from(&mut self, words: &[u64]) {
        self.reserve(words.len());
        self.length = words.len() as u64;
        if let Some(place) = self.room.get_mut(..words.len()) {
            place.copy_from_slice(words);
        }
    }

    /// Adds an item at the end.
    pub(crate) fn push(&mut self, word: u64) {
        let at = self.length();
        self.reserve(at + 1);
        if let Some(place) = self.room.get_mut(at) {
            *place = word;
            self.length += 1;
        }
    }

    /// Adds an item before the one at `at`, which is at most the length.
    pub(crate) fn insert(&mut self, at: usize, word: u64) {
        self.push(word);
        let length = self.length();
        if let Some(moved) = self.room.get_mut(at..length) {
            moved.rotate_right(1);
        }
    }

    /// Takes an item out; `None` where there is none.
    pub(crate) fn remove(&mut self, at: usize) -> Option<u64> {
        let length = self.length();
        let word = *self.words().get(at)?;
        self.room.get_mut(at..length)?.rotate_left(1);
        self.length -= 1;
        Some(word)
    }

    /// Drops the items from `length` on.
    pub(crate) fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length as u64);
    }

    /// Turns the order of the items around.
    pub(crate) fn reverse(&mut self) {
        let length = self.length();
        if let Some(items) = self.room.get_mut(..length) {
            items.reverse();
        }
    }

    /// Makes room for so many items.
    pub(crate) fn reserve(&mut self, length: usize) {
        if length > self.room.len() {
            self.room
                .resize(length.next_power_of_two().max(ROOM_MIN), 0);
        }
        self.data = self.room.as_mut_ptr();
    }
}

impl Default for Array {
    fn default() -> Self {
        Self {
            data: std::ptr::dangling_mut(),
            length: 0,
            room: Vec::new(),
        }
    }
}

impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.words().fmt(f)
    }
}

/// The arrays of a call, taken and given back like a stack.
#[derive(Debug, Default)]
pub(crate) struct Pool {
    /// Boxes: machine code holds their addresses while the list grows.
    #[expect(
        clippy::vec_box,
        reason = "their addresses must stay while the list grows"
    )]
    arrays: Vec<Box<Array>>,
    taken: usize,
}

impl Pool {
    /// Takes an empty array; `None` where a call has taken too many.
    pub(crate) fn take(&mut self) -> Option<&mut Array> {
        if self.taken >= ARRAYS_MAX {
            return None;
        }
        if self.taken == self.arrays.len() {
            self.arrays.push(Box::default());
        }
        let array = self.arrays.get_mut(self.taken)?;
        self.taken += 1;
        array.truncate(0);
        Some(array)
    }

    /// Returns how many are taken, to come back to.
    pub(crate) fn mark(&self) -> usize {
        self.taken
    }

    /// Gives back all that were taken since the mark but the last one, and returns that.
    pub(crate) fn hand_back(&mut self, mark: usize) -> *mut Array {
        let last = self.taken.saturating_sub(1);
        let mark = mark.min(last);
        if mark < last {
            self.arrays.swap(mark, last);
        }
        self.taken = mark + 1;
        self.arrays
            .get_mut(mark)
            .map_or(std::ptr::null_mut(), |array| &mut **array)
    }

    /// Gives back all that were taken since the mark.
    pub(crate) fn release(&mut self, mark: usize) {
        self.taken = self.taken.min(mark);
    }
}

/// Arrays that a call may have at once.
const ARRAYS_MAX: usize = 256;
/// Items of the first room of an array.
const ROOM_MIN: usize = 8;
