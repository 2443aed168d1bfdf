//! The desk during a call: script functions have no argument for it, so it waits in the thread.
//!
//! [`Loan`] takes the desk out of the engine's [`LentDesk`] for the length of one handler call and
//! puts it back whatever happens. Only the thread of the call sees it; nothing is shared.

use crate::api::Fallible;
use claire_engine::strategy::{Desk, LentDesk};
use std::cell::RefCell;

thread_local! {
    static DESK: RefCell<Option<Box<dyn Desk>>> = const { RefCell::new(None) };
}

/// The desk is with the script until this is dropped.
pub(crate) struct Loan<'a> {
    owner: &'a mut LentDesk,
}

impl<'a> Loan<'a> {
    /// Lends the owner's desk to the script functions of this thread; `None` where it is lent already.
    pub(crate) fn new(owner: &'a mut LentDesk) -> Option<Self> {
        let is_free = DESK.with(|slot| slot.try_borrow().is_ok_and(|desk| desk.is_none()));
        if !is_free {
            return None;
        }
        let desk = owner.take()?;
        DESK.set(Some(desk));
        Some(Self { owner })
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        if let Some(desk) = DESK.take() {
            self.owner.give_back(desk);
        }
    }
}

/// Runs `act` on the desk of the running call.
///
/// # Errors
/// A script error where no handler is running: while constants are evaluated.
pub(crate) fn with_desk<R>(act: impl FnOnce(&mut dyn Desk) -> R) -> Fallible<R> {
    DESK.with(|slot| match slot.try_borrow_mut() {
        Ok(mut desk) => match desk.as_deref_mut() {
            Some(desk) => Ok(act(desk)),
            None => Err("the market can be used only inside handlers".into()),
        },
        Err(_) => Err("the market is in use".into()),
    })
}
