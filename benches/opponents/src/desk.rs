//! The contests' desk as LuaJIT's FFI calls it: plain C functions on its address.
//!
//! Each does what the strategies in Rust ask of the same desk. An order's handle is a number: its id, or the code
//! that denied it below zero; LuaJIT boxes 64-bit integers and does not compile calls that return structs.

use claire_engine::strategy::{
    Desk, IndicatorId, MarketFacts, NoteLevel, OrderHandle, OrderRequest, ProtectRequest,
    QuoteRequest,
};
use claire_strategies::contest::{MARKET, Pit};
use claire_types::{GateCode, Note, OrderFlags, OrderId, Side};
use std::ffi::c_void;

/// An indicator's output as C lays it out.
#[repr(C)]
pub struct View {
    value: f64,
    prev: f64,
    is_warm: bool,
}

/// Name, C type and address of each function.
pub fn functions() -> [(&'static str, &'static str, *mut c_void); 13] {
    [
        ("facts", "const Facts *(*)(void *)", facts as *mut c_void),
        (
            "view",
            "void (*)(void *, int, int, View *)",
            view as *mut c_void,
        ),
        (
            "imbalance",
            "double (*)(void *, int)",
            imbalance as *mut c_void,
        ),
        (
            "is_open",
            "bool (*)(void *, double)",
            is_open as *mut c_void,
        ),
        (
            "qty_for",
            "double (*)(void *, double)",
            qty_for as *mut c_void,
        ),
        (
            "place",
            "double (*)(void *, int, double, double, int, const char *, size_t)",
            place as *mut c_void,
        ),
        (
            "quote",
            "double (*)(void *, int, double, double, int)",
            quote as *mut c_void,
        ),
        (
            "protect",
            "double (*)(void *, double, double, const char *, size_t)",
            protect as *mut c_void,
        ),
        (
            "flatten",
            "double (*)(void *, const char *, size_t)",
            flatten as *mut c_void,
        ),
        (
            "target_position",
            "double (*)(void *, double, const char *, size_t)",
            target_position as *mut c_void,
        ),
        (
            "after",
            "bool (*)(void *, int, const char *, size_t)",
            after as *mut c_void,
        ),
        (
            "signal",
            "void (*)(void *, int, double, const char *, size_t)",
            signal as *mut c_void,
        ),
        (
            "write",
            "void (*)(void *, bool, const char *, size_t, double)",
            write as *mut c_void,
        ),
    ]
}

extern "C" fn facts(pit: &mut Pit) -> *const MarketFacts {
    pit.facts(MARKET)
}

extern "C" fn view(pit: &mut Pit, id: i32, output: i32, view: &mut View) {
    let found = pit.indicator_value(IndicatorId(id as u16), output as u8);
    view.value = found.value;
    view.prev = found.prev;
    view.is_warm = found.is_warm;
}

extern "C" fn imbalance(pit: &mut Pit, levels: i32) -> f64 {
    pit.imbalance(MARKET, levels as usize)
}

extern "C" fn is_open(pit: &mut Pit, order: f64) -> bool {
    pit.order(handle(order)).is_open
}

extern "C" fn qty_for(pit: &mut Pit, notional: f64) -> f64 {
    pit.qty_for(MARKET, notional)
}

extern "C" fn place(
    pit: &mut Pit,
    side: i32,
    qty: f64,
    price: f64,
    flags: i32,
    reason: *const u8,
    length: usize,
) -> f64 {
    number(pit.place(&OrderRequest {
        market: MARKET,
        side: side_of(side),
        qty,
        price: (price > 0.0).then_some(price),
        flags: OrderFlags(flags as u8),
        reason: Note::cut(text(reason, length)),
    }))
}

extern "C" fn quote(pit: &mut Pit, side: i32, price: f64, qty: f64, keep_ticks: i32) -> f64 {
    number(pit.quote(&QuoteRequest {
        market: MARKET,
        side: side_of(side),
        price,
        qty,
        keep_ticks: keep_ticks as u32,
        level: 0,
        reason: Note::EMPTY,
    }))
}

extern "C" fn protect(
    pit: &mut Pit,
    stop: f64,
    take: f64,
    reason: *const u8,
    length: usize,
) -> f64 {
    number(pit.protect(&ProtectRequest {
        market: MARKET,
        stop,
        take: Some(take),
        reason: Note::cut(text(reason, length)),
    }))
}

extern "C" fn flatten(pit: &mut Pit, reason: *const u8, length: usize) -> f64 {
    number(pit.flatten(MARKET, text(reason, length)))
}

extern "C" fn target_position(pit: &mut Pit, qty: f64, reason: *const u8, length: usize) -> f64 {
    number(pit.target_position(MARKET, qty, text(reason, length)))
}

extern "C" fn after(pit: &mut Pit, ms: i32, name: *const u8, length: usize) -> bool {
    pit.after(i64::from(ms), text(name, length)).is_ok()
}

extern "C" fn signal(pit: &mut Pit, side: i32, strength: f64, reason: *const u8, length: usize) {
    pit.signal(side_of(side), strength, text(reason, length));
}

/// Plots a value, or notes a text.
extern "C" fn write(pit: &mut Pit, is_plot: bool, words: *const u8, length: usize, value: f64) {
    let words = text(words, length);
    if is_plot {
        pit.plot("", words, value);
    } else {
        pit.note(NoteLevel::Note, words);
    }
}

fn side_of(sign: i32) -> Side {
    if sign > 0 { Side::Buy } else { Side::Sell }
}

fn handle(number: f64) -> OrderHandle {
    OrderHandle {
        order: OrderId(number.max(0.0) as u64),
        denied: GateCode::Ok,
    }
}

fn number(handle: OrderHandle) -> f64 {
    match handle.denied {
        GateCode::Ok => handle.order.0 as f64,
        denied => -f64::from(denied as u8),
    }
}

fn text<'a>(bytes: *const u8, length: usize) -> &'a str {
    // SAFETY: the scripts pass the bytes of a Lua string of this length, ASCII all, which lives until the call returns.
    unsafe { std::str::from_utf8_unchecked(std::slice::from_raw_parts(bytes, length)) }
}
