//! Cells: the 16-byte unit of rings, journal and digest.
//!
//! A message is a run of cells. The first cell's low word holds its kind, flags, subject and length
//! in cells, so a reader can skip what it does not know. Called by every stage on every thread;
//! decoding allocates nothing. In the journal a cell is its two words in little-endian order.

use crate::text::Text;

/// Two 64-bit words.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(C)]
pub struct Cell {
    /// The first word.
    pub low: u64,
    /// The second word.
    pub high: u64,
}

const _: () = assert!(size_of::<Cell>() == Cell::BYTES);

/// The first word of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tag {
    /// What it is; below 128 an input, from 128 a record, 0 transport only.
    pub kind: u8,
    /// Bits that the kind defines.
    pub flags: u8,
    /// Instrument or strategy.
    pub subject: u16,
    /// Length in cells, this one included.
    pub cells: u32,
}

/// Cells borrowed from a ring or buffer: two runs, read as one.
#[derive(Clone, Copy, Debug)]
pub struct Cells<'a> {
    first: &'a [Cell],
    second: &'a [Cell],
}

/// Cells being written: a reusable buffer, one message after the other.
#[derive(Clone, Debug, Default)]
pub struct CellBuffer {
    cells: Vec<Cell>,
    start: usize,
}

/// Why cells are no message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CellFault {
    /// Fewer cells than the message needs.
    Short,
    /// A kind that this version does not know.
    Kind(u8),
    /// A value that its type does not have.
    Value,
}

impl Cell {
    /// Bytes of a cell.
    pub const BYTES: usize = 16;

    /// Returns the cell's bytes as the journal holds them.
    pub fn to_bytes(self) -> [u8; Self::BYTES] {
        (u128::from(self.high) << 64 | u128::from(self.low)).to_le_bytes()
    }

    /// Returns the cell of these bytes.
    pub fn from_bytes(bytes: [u8; Self::BYTES]) -> Self {
        let both = u128::from_le_bytes(bytes);
        Self {
            low: both as u64,
            high: (both >> 64) as u64,
        }
    }

    /// Returns the cell of a 128-bit number.
    pub const fn of_i128(value: i128) -> Self {
        Self {
            low: value as u64,
            high: (value >> 64) as u64,
        }
    }

    /// Returns the cell's 128-bit number.
    pub const fn as_i128(self) -> i128 {
        (self.high as i128) << 64 | self.low as i128
    }
}

impl Tag {
    /// Returns the word.
    pub const fn word(self) -> u64 {
        self.kind as u64
            | (self.flags as u64) << 8
            | (self.subject as u64) << 16
            | (self.cells as u64) << 32
    }

    /// Returns the tag of the word.
    pub const fn of(word: u64) -> Self {
        Self {
            kind: word as u8,
            flags: (word >> 8) as u8,
            subject: (word >> 16) as u16,
            cells: (word >> 32) as u32,
        }
    }
}

impl<'a> Cells<'a> {
    /// Returns the two runs as one.
    pub const fn new(first: &'a [Cell], second: &'a [Cell]) -> Self {
        Self { first, second }
    }

    /// Returns how many cells there are.
    pub const fn len(&self) -> usize {
        self.first.len() + self.second.len()
    }

    /// Returns whether there are none.
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns the cell at `index`.
    ///
    /// # Errors
    /// [`CellFault::Short`] past the end.
    #[inline]
    pub fn at(&self, index: usize) -> Result<Cell, CellFault> {
        match self.first.get(index) {
            Some(cell) => Ok(*cell),
            None => self
                .second
                .get(index - self.first.len())
                .copied()
                .ok_or(CellFault::Short),
        }
    }

    /// Returns the first `N` cells.
    ///
    /// # Errors
    /// [`CellFault::Short`] where there are fewer.
    #[inline]
    pub fn head<const N: usize>(&self) -> Result<[Cell; N], CellFault> {
        match self.first.first_chunk() {
            Some(head) => Ok(*head),
            None => self.head_across(),
        }
    }

    #[cold]
    fn head_across<const N: usize>(&self) -> Result<[Cell; N], CellFault> {
        let mut head = [Cell::default(); N];
        for (index, cell) in head.iter_mut().enumerate() {
            *cell = self.at(index)?;
        }
        Ok(head)
    }

    /// Returns the `count` cells from `start`.
    ///
    /// # Errors
    /// [`CellFault::Short`] where they pass the end.
    #[inline]
    pub fn range(&self, start: usize, count: usize) -> Result<Self, CellFault> {
        let end = start.checked_add(count).ok_or(CellFault::Short)?;
        match self.first.get(start..end) {
            Some(first) => Ok(Self { first, second: &[] }),
            None => self.range_across(start, end),
        }
    }

    #[cold]
    fn range_across(&self, start: usize, end: usize) -> Result<Self, CellFault> {
        if end > self.len() {
            return Err(CellFault::Short);
        }
        let split = self.first.len();
        Ok(Self {
            first: &self.first[start.min(split)..end.min(split)],
            second: &self.second[start.saturating_sub(split)..end.saturating_sub(split)],
        })
    }

    /// Returns the first message and the cells after it.
    ///
    /// # Errors
    /// [`CellFault::Short`] where the first tag asks for more cells than there are, or for none.
    #[inline]
    pub fn split_message(&self) -> Result<(Self, Self), CellFault> {
        let cells = Tag::of(self.at(0)?.low).cells as usize;
        if cells == 0 {
            return Err(CellFault::Short);
        }
        match self.first.split_at_checked(cells) {
            Some((first, rest)) => Ok((
                Self { first, second: &[] },
                Self {
                    first: rest,
                    second: self.second,
                },
            )),
            None => self.split_across(cells),
        }
    }

    #[cold]
    fn split_across(&self, cells: usize) -> Result<(Self, Self), CellFault> {
        Ok((
            self.range(0, cells)?,
            self.range(cells, self.len().saturating_sub(cells))?,
        ))
    }

    /// Returns the text that [`CellBuffer::text`] wrote at `index`, and the index after it.
    ///
    /// # Errors
    /// A [`CellFault`] where it is cut off, too long or not UTF-8.
    pub fn text<const N: usize>(&self, index: usize) -> Result<(Text<N>, usize), CellFault> {
        let len = self.at(index)?.low as usize;
        if len > N {
            return Err(CellFault::Value);
        }
        let mut bytes = [0_u8; 256];
        let count = len.div_ceil(Cell::BYTES);
        for (chunk, number) in bytes.chunks_exact_mut(Cell::BYTES).zip(0..count) {
            chunk.copy_from_slice(&self.at(index + 1 + number)?.to_bytes());
        }
        let text = Text::from_bytes(bytes.get(..len).ok_or(CellFault::Value)?);
        Ok((text.ok_or(CellFault::Value)?, index + 1 + count))
    }

    /// Returns the cells in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Cell> + use<'a> {
        let (first, second) = (self.first, self.second);
        (0..first.len() + second.len()).map(move |index| match first.get(index) {
            Some(cell) => *cell,
            None => second[index - first.len()],
        })
    }

    /// Returns the two runs.
    pub const fn runs(&self) -> (&'a [Cell], &'a [Cell]) {
        (self.first, self.second)
    }
}

impl CellBuffer {
    /// Returns an empty buffer with room for `cells`.
    pub fn with_capacity(cells: usize) -> Self {
        Self {
            cells: Vec::with_capacity(cells),
            start: 0,
        }
    }

    /// Returns an empty buffer with room for `cells` that was written to: who fills it is not the first to use its memory.
    pub fn with_room(cells: usize) -> Self {
        let mut cells = vec![Cell { low: 1, high: 1 }; cells];
        cells.clear();
        Self { cells, start: 0 }
    }

    /// Forgets the content, keeps the room.
    #[inline]
    pub fn clear(&mut self) {
        self.cells.clear();
        self.start = 0;
    }

    /// Begins a message; [`CellBuffer::end`] writes its length.
    #[inline]
    pub fn begin(&mut self, kind: u8, flags: u8, subject: u16, high: u64) {
        self.start = self.cells.len();
        self.push(
            Tag {
                kind,
                flags,
                subject,
                cells: 0,
            }
            .word(),
            high,
        );
    }

    /// Adds a whole message: `cells` without the length in the tag of the first, which is written here.
    #[inline]
    pub fn message<const N: usize>(&mut self, mut cells: [Cell; N]) {
        const { assert!(N > 0 && N <= u32::MAX as usize) }
        cells[0].low |= (N as u64) << 32;
        self.start = self.cells.len();
        self.cells.extend_from_slice(&cells);
    }

    /// Adds a cell.
    #[inline]
    pub fn push(&mut self, low: u64, high: u64) {
        self.cells.push(Cell { low, high });
    }

    /// Adds a 128-bit number.
    #[inline]
    pub fn push_i128(&mut self, value: i128) {
        self.cells.push(Cell::of_i128(value));
    }

    /// Adds cells.
    #[inline]
    pub fn extend(&mut self, cells: Cells<'_>) {
        self.cells.extend_from_slice(cells.first);
        self.cells.extend_from_slice(cells.second);
    }

    /// Adds a text: a cell with its length in bytes, then its bytes.
    pub fn text<const N: usize>(&mut self, text: &Text<N>) {
        self.push(text.as_bytes().len() as u64, 0);
        for chunk in text.as_bytes().chunks(Cell::BYTES) {
            let mut bytes = [0; Cell::BYTES];
            bytes[..chunk.len()].copy_from_slice(chunk);
            self.cells.push(Cell::from_bytes(bytes));
        }
    }

    /// Ends the message begun last.
    #[inline]
    pub fn end(&mut self) {
        let cells = (self.cells.len() - self.start) as u64;
        if let Some(first) = self.cells.get_mut(self.start) {
            first.low |= cells << 32;
        }
    }

    /// Cuts the buffer back to `len` cells: what was written since is as if it never was.
    pub fn truncate(&mut self, len: usize) {
        self.cells.truncate(len);
    }

    /// Returns how many cells were written.
    #[inline]
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Returns whether nothing was written.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }

    /// Returns all cells.
    #[inline]
    pub fn as_slice(&self) -> &[Cell] {
        &self.cells
    }

    /// Returns the cells for reading.
    #[inline]
    pub fn view(&self) -> Cells<'_> {
        Cells::new(&self.cells, &[])
    }

    /// Returns a cell for later correction, if it was written.
    pub fn at_mut(&mut self, index: usize) -> Option<&mut Cell> {
        self.cells.get_mut(index)
    }
}

impl std::fmt::Display for CellFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Short => f.write_str("fewer cells than the message needs"),
            Self::Kind(kind) => write!(f, "unknown message kind {kind}"),
            Self::Value => f.write_str("a value that its type does not have"),
        }
    }
}

impl std::error::Error for CellFault {}

/// Lets types be told by the first word of their messages.
macro_rules! begins {
    ($($of:ty: $kind:ident;)+) => {$(
        impl $of {
            /// Returns whether the word begins such a message.
            #[inline]
            pub const fn begins(word: u64) -> bool {
                $crate::cell::Tag::of(word).kind == $kind
            }
        }
    )+};
}

pub(crate) use begins;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_read_across_the_border_of_two_runs() {
        let mut buffer = CellBuffer::default();
        buffer.begin(7, 1, 2, 3);
        buffer.text(&Text::<40>::cut("a text longer than one cell"));
        buffer.push_i128(-5);
        buffer.end();
        buffer.begin(8, 0, 0, 0);
        buffer.end();
        for split in 0..=buffer.len() {
            let (first, second) = buffer.as_slice().split_at(split);
            let (message, rest) = Cells::new(first, second).split_message().expect("whole");
            assert_eq!(
                Tag::of(message.at(0).expect("first").low),
                Tag {
                    kind: 7,
                    flags: 1,
                    subject: 2,
                    cells: 5
                }
            );
            let (text, next) = message.text::<40>(1).expect("text");
            assert_eq!(text.as_str(), "a text longer than one cell");
            assert_eq!(message.at(next).expect("number").as_i128(), -5);
            assert_eq!(message.iter().len(), 5);
            let (last, rest) = rest.split_message().expect("second message");
            assert_eq!((last.len(), rest.is_empty()), (1, true));
        }
    }

    #[test]
    fn a_message_that_claims_too_much_or_nothing_is_refused() {
        let cells = [Cell {
            low: Tag {
                kind: 1,
                flags: 0,
                subject: 0,
                cells: 9,
            }
            .word(),
            high: 0,
        }];
        assert_eq!(
            Cells::new(&cells, &[]).split_message().err(),
            Some(CellFault::Short)
        );
        assert_eq!(
            Cells::new(&[Cell::default()], &[]).split_message().err(),
            Some(CellFault::Short)
        );
    }
}
