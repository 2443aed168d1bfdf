//! 256-bit registers as safe values: what the typed decoder needs of AVX2, and nothing else.
//!
//! Used by [`crate::lanes`] on the feed thread. Every function takes a [`Wide`], which exists only where the
//! processor has AVX2, and is compiled into its caller: at the bottom of all is a function with the
//! attribute `target_feature`, without which each would be slow, not wrong. The decoder's only `unsafe`
//! is here and where that function is called.
#![allow(unsafe_code)]

use std::arch::x86_64::*;

/// Proof that the processor has AVX2, and the instructions on bits that came with it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wide(());

/// A register of 32 bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bytes(__m256i);

/// The bytes of the two halves of a register.
pub(crate) type Halves = [[u8; HALF_BYTES]; 2];

pub(crate) const HALF_BYTES: usize = 16;

/// Declares functions of one instruction each.
macro_rules! instructions {
    ($($(#[$doc:meta])* $name:ident($($value:ident),*) = $instruction:ident;)*) => {$(
        $(#[$doc])*
        #[inline(always)]
        pub(crate) fn $name(self, $($value: Bytes),*) -> Bytes {
            // SAFETY: this instruction needs AVX2 alone, of which `self` is the proof that `Wide::new` made.
            Bytes(unsafe { $instruction($($value.0),*) })
        }
    )*};
}

impl Wide {
    /// Returns the proof, if the processor has what it is of.
    pub(crate) fn new() -> Option<Self> {
        let is_there = std::arch::is_x86_feature_detected!("avx2")
            && std::arch::is_x86_feature_detected!("bmi1")
            && std::arch::is_x86_feature_detected!("bmi2")
            && std::arch::is_x86_feature_detected!("popcnt");
        is_there.then_some(Self(()))
    }

    instructions! {
        /// Returns the bits in which two differ.
        xor(one, other) = _mm256_xor_si256;
        /// Returns the bits that both have.
        and(one, other) = _mm256_and_si256;
        /// Returns the bits that either has.
        or(one, other) = _mm256_or_si256;
        /// Returns the greater bytes.
        max(one, other) = _mm256_max_epu8;
        /// Returns the smaller bytes.
        min(one, other) = _mm256_min_epu8;
        /// Returns 255 where bytes are equal, else 0.
        equal(one, other) = _mm256_cmpeq_epi8;
        /// Returns each half's bytes in the order that the other's half says; 0 where it says 128.
        reorder(bytes, order) = _mm256_shuffle_epi8;
        /// Returns 16-bit sums of neighbors, each times its weight.
        weigh_bytes(bytes, weights) = _mm256_maddubs_epi16;
        /// Returns 32-bit sums of neighbors of 16 bits, each times its weight.
        weigh_words(words, weights) = _mm256_madd_epi16;
        /// Returns 16 bits of each 32, of both by halves.
        narrow(one, other) = _mm256_packus_epi32;
        /// Returns products of the lower 32 bits of each 64.
        multiply(one, other) = _mm256_mul_epu32;
        /// Returns 64-bit sums.
        add(one, other) = _mm256_add_epi64;
    }

    /// Returns the upper 32 bits of each 64.
    #[inline(always)]
    pub(crate) fn upper(self, words: Bytes) -> Bytes {
        // SAFETY: needs AVX2 alone, of which `self` is the proof that `Wide::new` made.
        Bytes(unsafe { _mm256_srli_epi64::<32>(words.0) })
    }

    /// Returns a register with this in all bytes.
    #[inline(always)]
    pub(crate) fn all(self, byte: u8) -> Bytes {
        self.all_words(u64::from_le_bytes([byte; 8]))
    }

    /// Returns a register with this in all 64-bit words.
    #[inline(always)]
    pub(crate) fn all_words(self, word: u64) -> Bytes {
        // SAFETY: needs AVX alone, of which `self` is the proof that `Wide::new` made.
        Bytes(unsafe { _mm256_set1_epi64x(word as i64) })
    }

    /// Returns a register of two halves.
    #[inline(always)]
    pub(crate) fn of(self, first: &[u8; HALF_BYTES], second: &[u8; HALF_BYTES]) -> Bytes {
        let words = |half: &[u8; HALF_BYTES]| {
            let both = u128::from_le_bytes(*half);
            [both as i64, (both >> 64) as i64]
        };
        let ([a, b], [c, d]) = (words(first), words(second));
        // SAFETY: needs AVX alone, of which `self` is the proof that `Wide::new` made.
        Bytes(unsafe { _mm256_setr_epi64x(a, b, c, d) })
    }

    /// Returns the first bit of each byte.
    #[inline(always)]
    pub(crate) fn signs(self, bytes: Bytes) -> u32 {
        // SAFETY: needs AVX2 alone, of which `self` is the proof that `Wide::new` made.
        (unsafe { _mm256_movemask_epi8(bytes.0) }) as u32
    }

    /// Returns whether all bits are 0.
    #[inline(always)]
    pub(crate) fn is_zero(self, bytes: Bytes) -> bool {
        // SAFETY: needs AVX alone, of which `self` is the proof that `Wide::new` made.
        (unsafe { _mm256_testz_si256(bytes.0, bytes.0) }) == 1
    }

    /// Returns the first 64 bits of each half.
    #[inline(always)]
    pub(crate) fn firsts(self, words: Bytes) -> [u64; 2] {
        // SAFETY: needs AVX2 alone, of which `self` is the proof that `Wide::new` made.
        let first = unsafe { _mm256_extract_epi64::<0>(words.0) };
        // SAFETY: as above.
        let second = unsafe { _mm256_extract_epi64::<2>(words.0) };
        [first as u64, second as u64]
    }
}
