//! What machine code and the interface's functions share during one call: desk, state, budget, exit.
//!
//! Made by the runtime for each call, on the engine thread, and passed to every function as its first
//! argument. Its first fields are read and written by machine code at the offsets below; the rest is
//! reached through methods, so that a function of the interface needs nothing unsafe of its own.

use super::array::Pool;
use super::text::{Interner, TextWord};
use crate::sandbox;
use claire_engine::strategy::{Desk, MarketFacts, OrderHandle};
use claire_types::{GateCode, InstrumentId, OrderId};
use std::mem::offset_of;

/// One call of a compiled handler.
#[repr(C)]
pub(crate) struct Context<'call> {
    /// Why the call left machine code; [`Exit::None`] while it runs.
    exit: u32,
    /// Functions of the script that have not returned.
    depth: u32,
    /// Operations until machine code must look at its budget again.
    operations: i64,
    /// The state's slots, a word each; after them as many, for what they were when the call began.
    slots: *mut u64,
    /// The market that the handler was called for.
    market: u64,
    /// Operations of the budget beyond `operations`.
    fuel: u64,
    desk: &'call mut (dyn Desk + 'static),
    scratch: &'call mut Scratch,
}

/// What a strategy's calls reuse, so that they allocate nothing once it is warm.
#[derive(Debug, Default)]
pub(crate) struct Scratch {
    /// Arrays of the running call.
    pub pool: Pool,
    /// Texts that are not the script's own.
    pub texts: Interner,
    /// Items that an array may have before the interpreter must decide about one more.
    pub items_max: usize,
}

/// What loops and calls of a call may take.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Budget {
    /// Operations until the first look.
    operations: i64,
    /// Operations beyond them.
    fuel: u64,
}

impl Budget {
    /// Returns the budget of a call whose loops and calls may take so many operations.
    pub(crate) fn new(operations_max: u64) -> Self {
        let operations = operations_max.min(OPERATIONS_UNTIL_LOOK);
        Self {
            operations: operations as i64,
            fuel: operations_max - operations,
        }
    }
}

/// Why a call left machine code before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    /// It did not: the handler is done.
    None = 0,
    /// Rhai raises an error here, or only it can go on: the interpreter runs the call.
    Side = 1,
    /// The poll told the call to stop.
    Cut = 2,
}

impl<'call> Context<'call> {
    /// Offset of the exit, an `i32`.
    pub(crate) const EXIT: i32 = offset_of!(Context<'static>, exit) as i32;
    /// Offset of the depth, an `i32`.
    pub(crate) const DEPTH: i32 = offset_of!(Context<'static>, depth) as i32;
    /// Offset of the operations, an `i64`.
    pub(crate) const OPERATIONS: i32 = offset_of!(Context<'static>, operations) as i32;
    /// Offset of the pointer to the slots.
    pub(crate) const SLOTS: i32 = offset_of!(Context<'static>, slots) as i32;
    /// Offset of the market's word.
    pub(crate) const MARKET: i32 = offset_of!(Context<'static>, market) as i32;

    /// Returns the context of a call.
    ///
    /// `slots` are the state's, and after them as many words for what they were.
    #[inline(always)]
    pub(crate) fn new(
        desk: &'call mut (dyn Desk + 'static),
        scratch: &'call mut Scratch,
        slots: &'call mut [u64],
        market: InstrumentId,
        budget: Budget,
    ) -> Self {
        Self {
            exit: Exit::None as u32,
            depth: 0,
            operations: budget.operations,
            slots: slots.as_mut_ptr(),
            market: market_word(market),
            fuel: budget.fuel,
            desk,
            scratch,
        }
    }

    /// Returns the desk of the call.
    pub(crate) fn desk(&mut self) -> &mut (dyn Desk + 'static) {
        self.desk
    }

    /// Returns the word of that market.
    pub(crate) fn market_word(&self) -> u64 {
        self.market
    }

    /// Leaves machine code: what the call did is undone, and the interpreter runs it and says what is wrong.
    ///
    /// Returns a value for the caller to return, which nobody reads.
    pub(crate) fn refuse<T: Default>(&mut self) -> T {
        self.leave(Exit::Side);
        T::default()
    }

    /// Returns the word of a text that is not the script's own: of an order's status, a fee's currency.
    pub(crate) fn text(&mut self, text: &str) -> TextWord {
        match self.scratch.texts.word(text) {
            Some(word) => word,
            None => self.refuse(),
        }
    }

    /// Returns the word of a handle; one that fits no word leaves machine code.
    pub(crate) fn order(&mut self, handle: OrderHandle) -> u64 {
        match order_word(handle) {
            Some(word) => word,
            None => self.refuse(),
        }
    }

    /// Returns why the call left machine code.
    pub(crate) fn exit(&self) -> Exit {
        match self.exit {
            0 => Exit::None,
            2 => Exit::Cut,
            _ => Exit::Side,
        }
    }

    /// Returns what the strategy's calls reuse.
    pub(crate) fn scratch(&mut self) -> &mut Scratch {
        self.scratch
    }

    /// Leaves machine code; the first reason stays.
    pub(crate) fn leave(&mut self, exit: Exit) {
        if self.exit == Exit::None as u32 {
            self.exit = exit as u32;
        }
    }

    /// Returns where a market's numbers lie until the desk acts.
    pub(crate) fn facts(&mut self, market: u64) -> *const MarketFacts {
        self.desk.facts(market_of(market))
    }

    /// Takes the next operations from the budget, asks the poll, and tells by the exit whether the call goes on.
    ///
    /// Those that were taken beyond the last are of the next ones.
    pub(crate) fn look(&mut self) {
        if sandbox::is_told_to_stop() {
            return self.leave(Exit::Cut);
        }
        let beyond = self.operations.min(0).unsigned_abs();
        let operations = self.fuel.min(beyond.max(OPERATIONS_UNTIL_LOOK));
        if operations < beyond {
            // Machine code counts as many as the interpreter at least: that decides, by its own count.
            return self.leave(Exit::Side);
        }
        self.fuel -= operations;
        self.operations += operations as i64;
    }
}

/// Returns the word of an order's handle; `None` where it fits none.
///
/// The id, with the code of a denial in the bits above an epoch of [`EPOCH_BITS`]: nobody starts so often.
pub(crate) fn order_word(handle: OrderHandle) -> Option<u64> {
    let OrderHandle { order, denied } = handle;
    let fits = order.0 >> CODE_SHIFT == 0 && (denied as u8) < 1 << CODE_BITS;
    fits.then(|| order.0 | u64::from(denied as u8) << CODE_SHIFT)
}

/// Returns the handle of a word that [`order_word`] made; of any other, the empty handle.
pub(crate) fn order_of(word: u64) -> OrderHandle {
    let code = (word >> CODE_SHIFT) as u8;
    match GateCode::from_u8(code) {
        Some(denied) => OrderHandle {
            order: OrderId(word & ((1 << CODE_SHIFT) - 1)),
            denied,
        },
        None => OrderHandle::NONE,
    }
}

/// Returns the word of a market.
pub(crate) const fn market_word(market: InstrumentId) -> u64 {
    market.0 as u64
}

/// Returns the market of a word.
pub(crate) const fn market_of(word: u64) -> InstrumentId {
    InstrumentId(word as u16)
}

/// Operations of loops and calls between two looks at the budget and the poll: a call of the interface is 3 at
/// least, so 341 calls.
const OPERATIONS_UNTIL_LOOK: u64 = 1_024;
/// Bits of a denial's code in an order's word.
const CODE_BITS: u32 = 7;
const CODE_SHIFT: u32 = u64::BITS - CODE_BITS;
/// Bits of the epoch in an order's word.
const EPOCH_BITS: u32 = CODE_SHIFT - OrderId::NUMBER_BITS;
const _: () = assert!(EPOCH_BITS == 17);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_handle_comes_back_from_its_word() {
        for order in [
            OrderId::NONE,
            OrderId(1),
            OrderId::new((1 << EPOCH_BITS) - 1, (1 << 40) - 1),
        ] {
            for denied in [GateCode::Ok, GateCode::KillSwitch, GateCode::LowDisk] {
                let handle = OrderHandle { order, denied };
                let word = order_word(handle).expect("it fits");
                assert_eq!(order_of(word), handle);
            }
        }
        let late = OrderHandle {
            order: OrderId::new(1 << EPOCH_BITS, 1),
            denied: GateCode::Ok,
        };
        assert_eq!(order_word(late), None);
        assert_eq!(order_word(OrderHandle::NONE), Some(0));
    }
}
