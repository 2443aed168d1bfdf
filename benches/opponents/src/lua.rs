//! LuaJIT as a contestant: a strategy's handlers in Lua, called by the C API, the desk called by FFI.
//!
//! As somebody embeds it who knows it: handlers are found once, arguments are numbers, a call is a `lua_rawgeti` and a
//! `lua_pcall`; the scripts read the market's numbers where they lie and hold functions and state in upvalues.

use crate::desk;
use claire_engine::strategy::StrategyEvent;
use claire_strategies::contest::{Contestant, Cursor, Pit, Session, Tally};
use mlua::ffi;
use mlua::prelude::*;
use std::ffi::c_int;
use std::hint::black_box;
use std::ops::Range;
use std::sync::Arc;

/// A strategy in Lua with its desk.
pub struct LuaJit {
    lua: Lua,
    /// Owned; Lua holds the address, too.
    pit: *mut Pit,
    cursor: Cursor,
    restart: LuaFunction,
    /// References to the handlers in Lua's registry; 0 where there is none.
    handlers: Handlers,
}

/// Handlers by their references.
#[derive(Clone, Copy)]
struct Handlers {
    book: c_int,
    bar: c_int,
    timer: c_int,
    fill: c_int,
}

impl LuaJit {
    /// Returns the strategy of the session in Lua.
    ///
    /// # Errors
    /// A script that fails, in words.
    pub fn new(session: &Session) -> Result<Self, String> {
        let cursor = Cursor::default();
        let pit = Box::new(Pit::new(Arc::clone(session.moments()), cursor.clone()));
        Self::loaded(session.name(), Box::into_raw(pit), cursor).map_err(|fault| fault.to_string())
    }

    fn loaded(name: &str, pit: *mut Pit, cursor: Cursor) -> LuaResult<Self> {
        // SAFETY: the scripts are this crate's own; FFI is what they need.
        let lua = unsafe { Lua::unsafe_new() };
        let functions = lua.create_table()?;
        for (name, of, address) in desk::functions() {
            let one = lua.create_table()?;
            one.set("type", of)?;
            one.set("address", LuaLightUserData(address))?;
            functions.set(name, one)?;
        }
        let desk: LuaTable = lua
            .load(PRELUDE)
            .set_name("prelude")
            .call((functions, LuaLightUserData(pit.cast())))?;
        let source = SCRIPTS.iter().find(|(known, _)| *known == name);
        let (_, source) = source.ok_or_else(|| LuaError::runtime("no such script"))?;
        let script: LuaTable = lua.load(*source).set_name(name).call(desk)?;
        let restart = script.get("restart")?;
        let handlers = Handlers {
            book: reference(&lua, &script, "on_book")?,
            bar: reference(&lua, &script, "on_bar")?,
            timer: reference(&lua, &script, "on_timer")?,
            fill: reference(&lua, &script, "on_fill")?,
        };
        Ok(Self {
            lua,
            pit,
            cursor,
            restart,
            handlers,
        })
    }

    fn pit(&mut self) -> &mut Pit {
        // SAFETY: made in `new`, freed in `drop`; Lua uses it only while `play` runs, which holds `self`.
        unsafe { &mut *self.pit }
    }
}

impl Drop for LuaJit {
    fn drop(&mut self) {
        // SAFETY: made by `Box::into_raw` in `new`; no handler runs any more.
        drop(unsafe { Box::from_raw(self.pit) });
    }
}

impl Contestant for LuaJit {
    fn name(&self) -> &'static str {
        "luajit"
    }

    fn restart(&mut self) -> Result<(), String> {
        self.restart
            .call::<()>(())
            .map_err(|fault| fault.to_string())?;
        self.pit().start();
        Ok(())
    }

    fn play(&mut self, session: &Session, events: Range<usize>) -> Result<(), String> {
        let first = events.start;
        let events = session.events().get(events).unwrap_or_default();
        let (cursor, handlers) = (&self.cursor, self.handlers);
        let mut failed = 0;
        let play = |state: *mut ffi::lua_State| {
            for (at, event) in (first..).zip(events) {
                cursor.set(at);
                failed |= call(state, handlers, black_box(event));
            }
        };
        // SAFETY: `call` leaves the stack as it was, and lets no error out.
        let played = unsafe { self.lua.exec_raw::<()>((), play) };
        played.map_err(|fault| fault.to_string())?;
        match failed {
            0 => Ok(()),
            status => Err(format!("luajit: a handler failed with status {status}")),
        }
    }

    fn tally(&mut self) -> Tally {
        self.pit().tally()
    }
}

/// Calls an event's handler; returns what `lua_pcall` said.
fn call(state: *mut ffi::lua_State, handlers: Handlers, event: &StrategyEvent<'_>) -> c_int {
    // SAFETY: `state` is the running one; the handlers are functions in its registry, and what is pushed is taken by
    // the call. There is room for three values, which `exec_raw` sees to.
    unsafe {
        match event {
            StrategyEvent::Book { .. } => {
                ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, handlers.book.into());
                ffi::lua_pcall(state, 0, 0, 0)
            }
            StrategyEvent::Bar { bar, .. } => {
                ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, handlers.bar.into());
                ffi::lua_pushnumber(state, bar.close);
                ffi::lua_pcall(state, 1, 0, 0)
            }
            StrategyEvent::Timer { .. } => {
                ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, handlers.timer.into());
                ffi::lua_pcall(state, 0, 0, 0)
            }
            StrategyEvent::Fill { fill, .. } => {
                ffi::lua_rawgeti(state, ffi::LUA_REGISTRYINDEX, handlers.fill.into());
                let side = if fill.opens {
                    fill.side.sign() as f64
                } else {
                    0.0
                };
                ffi::lua_pushnumber(state, side);
                ffi::lua_pushnumber(state, fill.price);
                ffi::lua_pcall(state, 2, 0, 0)
            }
            _ => 0,
        }
    }
}

/// Returns a reference to a handler; 0 where the script has none.
fn reference(lua: &Lua, script: &LuaTable, name: &str) -> LuaResult<c_int> {
    let handler: Option<LuaFunction> = script.get(name)?;
    let Some(handler) = handler else {
        return Ok(0);
    };
    let mut reference = 0;
    let take = |state: *mut ffi::lua_State| {
        // SAFETY: the handler is on top of the stack of the running state, and taken from there.
        reference = unsafe { ffi::luaL_ref(state, ffi::LUA_REGISTRYINDEX) };
    };
    // SAFETY: `take` pops the one value that was pushed.
    unsafe { lua.exec_raw::<()>(handler, take)? };
    Ok(reference)
}

const PRELUDE: &str = include_str!("lua/prelude.lua");
const SCRIPTS: [(&str, &str); 5] = [
    ("empty", include_str!("lua/empty.lua")),
    ("ema_cross", include_str!("lua/ema_cross.lua")),
    ("breakout", include_str!("lua/breakout.lua")),
    ("imbalance", include_str!("lua/imbalance.lua")),
    ("market_maker", include_str!("lua/market_maker.lua")),
];
