//! What machine code calls beside the interface: budget, numbers that need more than an instruction, arrays, texts.
//!
//! Every function here is called by machine code only, with the call's context first where it needs one. Those that do
//! nothing but ask the desk are `C-unwind`, which makes a call of theirs a jump. A panic ends the process either way:
//! machine code has no tables to unwind by, so that none begins.

#![allow(unsafe_code, reason = "machine code passes addresses of arrays")]

use super::array::Array;
use super::context::{Context, order_of};
use super::text::TextWord;
use crate::token::Indicator;
use claire_engine::strategy::{IndicatorView, MarketFacts, OrderView};

/// Takes the next turns from the budget, or leaves.
pub(super) extern "C" fn look(context: &mut Context<'_>) {
    context.look();
}

/// Returns where a market's numbers lie.
pub(super) extern "C-unwind" fn facts(
    context: &mut Context<'_>,
    market: u64,
) -> *const MarketFacts {
    context.facts(market)
}

/// Returns the output of an indicator at a place.
///
/// Written where machine code says, by whoever computes it: nothing is copied on the way.
pub(super) extern "C-unwind" fn view(
    context: &mut Context<'_>,
    indicator: u64,
    place: u64,
) -> IndicatorView {
    let indicator = Indicator::of_word(indicator);
    context.desk().indicator_value(indicator.id, place as u8)
}

/// Returns what is known of an order; likewise.
#[expect(
    improper_ctypes_definitions,
    reason = "larger than two words, it is written to memory; machine code reads it at offsets of the type itself"
)]
pub(super) extern "C-unwind" fn order(context: &mut Context<'_>, order: u64) -> OrderView {
    context.desk().order(order_of(order))
}

/// `%` of floats.
pub(super) extern "C" fn modulo(x: f64, y: f64) -> f64 {
    x % y
}

/// `**` of integers.
pub(super) extern "C" fn power(context: &mut Context<'_>, x: i64, y: i64) -> i64 {
    let exponent = u32::try_from(y).ok();
    match exponent.and_then(|exponent| x.checked_pow(exponent)) {
        Some(power) => power,
        None => context.refuse(),
    }
}

/// `<<` of integers.
pub(super) extern "C" fn shift_left(x: i64, y: i64) -> i64 {
    if y < 0 {
        return shift_right(x, y.checked_abs().unwrap_or(i64::MAX));
    }
    u32::try_from(y)
        .ok()
        .and_then(|y| x.checked_shl(y))
        .unwrap_or(0)
}

/// `>>` of integers.
pub(super) extern "C" fn shift_right(x: i64, y: i64) -> i64 {
    if y < 0 {
        return shift_left(x, y.checked_abs().unwrap_or(i64::MAX));
    }
    let all = x >> (i64::BITS - 1);
    u32::try_from(y)
        .ok()
        .and_then(|y| x.checked_shr(y))
        .unwrap_or(all)
}

/// Compares texts by their bytes: below 0, 0, above 0.
pub(super) extern "C" fn compare_texts(a: TextWord, b: TextWord) -> i64 {
    a.as_str().cmp(b.as_str()) as i64
}

/// Returns the word of a text that stays beyond the call.
pub(super) extern "C" fn keep_text(context: &mut Context<'_>, text: TextWord) -> TextWord {
    let owned = text;
    context.text(owned.as_str())
}

/// Returns how many arrays are taken from the pool.
pub(super) extern "C" fn mark(context: &mut Context<'_>) -> u64 {
    context.scratch().pool.mark() as u64
}

/// Gives the arrays back that were taken since the mark.
pub(super) extern "C" fn release(context: &mut Context<'_>, mark: u64) {
    context.scratch().pool.release(mark as usize);
}

/// Returns a new array.
pub(super) extern "C" fn take(context: &mut Context<'_>) -> *mut Array {
    match context.scratch().pool.take() {
        Some(array) => array,
        None => {
            let () = context.refuse();
            std::ptr::null_mut()
        }
    }
}

/// Returns a new array with these items.
pub(super) extern "C" fn array_of(
    context: &mut Context<'_>,
    items: *const u64,
    count: u64,
) -> *mut Array {
    let array = take(context);
    if !array.is_null() && count > 0 {
        // SAFETY: machine code laid `count` words on its stack, and the array is the pool's newest.
        let (items, array) = unsafe {
            (
                std::slice::from_raw_parts(items, count as usize),
                &mut *array,
            )
        };
        array.copy_from(items);
    }
    array
}

/// Returns a new array with the items of another.
pub(super) extern "C" fn copy(context: &mut Context<'_>, from: &Array) -> *mut Array {
    let array = take(context);
    if !array.is_null() {
        // SAFETY: the pool's newest array is nobody else's, so not `from` either.
        let array = unsafe { &mut *array };
        array.copy_from(from.words());
    }
    array
}

/// Copies an array's items into another.
pub(super) extern "C" fn assign(to: *mut Array, from: *const Array) {
    if std::ptr::eq(to, from) {
        return;
    }
    // SAFETY: both are arrays of the state or the pool, and not the same one.
    let (to, from) = unsafe { (&mut *to, &*from) };
    to.copy_from(from.words());
}

/// Gives an array what a new one holds, and that the room of the old.
pub(super) extern "C" fn swap(to: *mut Array, from: *mut Array) {
    if std::ptr::eq(to, from) {
        return;
    }
    // SAFETY: both are arrays of the state or the pool, and not the same one.
    let (to, from) = unsafe { (&mut *to, &mut *from) };
    std::mem::swap(to, from);
}

/// Gives back what a function took, except what it returns.
pub(super) extern "C" fn hand_back(
    context: &mut Context<'_>,
    mark: u64,
    array: *const Array,
) -> *mut Array {
    let result = take(context);
    if result.is_null() {
        return result;
    }
    assign(result, array);
    context.scratch().pool.hand_back(mark as usize)
}

/// `push`.
pub(super) extern "C" fn push(context: &mut Context<'_>, array: &mut Array, word: u64) {
    if is_roomy(context, array) {
        array.push(word);
    }
}

/// `insert`: before the item; past the end it is added there.
pub(super) extern "C" fn insert(context: &mut Context<'_>, array: &mut Array, at: i64, word: u64) {
    if !is_roomy(context, array) {
        return;
    }
    let length = array.length();
    let at = match usize::try_from(at) {
        Ok(at) => at.min(length),
        Err(_) => {
            length - usize::try_from(at.unsigned_abs()).map_or(length, |back| back.min(length))
        }
    };
    array.insert(at, word);
}

/// `remove` and `shift`: takes an item out.
pub(super) extern "C" fn remove(context: &mut Context<'_>, array: &mut Array, at: i64) -> u64 {
    let length = array.length();
    let at = match usize::try_from(at) {
        Ok(at) => Some(at),
        Err(_) => usize::try_from(at.unsigned_abs())
            .ok()
            .and_then(|back| length.checked_sub(back)),
    };
    match at.and_then(|at| array.remove(at)) {
        Some(word) => word,
        None => context.refuse(),
    }
}

/// `truncate`.
pub(super) extern "C" fn truncate(array: &mut Array, length: i64) {
    array.truncate(usize::try_from(length).unwrap_or(0));
}

/// `reverse`.
pub(super) extern "C" fn reverse(array: &mut Array) {
    array.reverse();
}

/// Returns whether the array may have one more item; where the interpreter might refuse, it decides.
fn is_roomy(context: &mut Context<'_>, array: &Array) -> bool {
    let is_roomy = array.length() < context.scratch().items_max;
    if !is_roomy {
        let () = context.refuse();
    }
    is_roomy
}

const _: () = assert!(size_of::<OrderView>() > 16 && size_of::<IndicatorView>() > 16);
