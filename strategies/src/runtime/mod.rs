//! A script behind the engine's `Strategy` trait, run by machine code where there is some, else by the interpreter.
//!
//! Called on the engine thread. A call is a transaction: the state is copied before and put back on an
//! error or a cut. Machine code that leaves by a side exit is undone, here and on the desk, and the
//! interpreter runs the call: what Rhai would say of it is said. Machine code allocates nothing; the interpreter does.

mod store;
mod transfer;

use crate::backend::{BOOK, Code, HANDLERS, handler_of};
use crate::compile::context::{Budget, Context, Exit, Scratch, order_word};
use crate::compile::machine::Entry;
use crate::compile::text::{Interner, TextWord};
use crate::lending::Loan;
use crate::token::{Bar, Fill, Market, Order, Trade};
use crate::{Backend, Script, inherit, sandbox, state};
use claire_engine::strategy::{
    Fault, FaultKind, Handlers, Inheritance, LentDesk, Strategy, StrategyEvent,
};
use claire_types::{InstrumentId, InstrumentKey, Note};
use rhai::{CallFnOptions, Dynamic, EvalAltResult, Position, Scope};
use std::any::Any;
use std::sync::Arc;
use store::Store;
use transfer::Transfer;

/// Why a call is cut that the poll ended.
const OUT_OF_TIME: &str = "out of time, or told to stop";

/// A script's instance: one configuration entry with its own state.
pub struct RhaiStrategy {
    script: Arc<Script>,
    backend: Backend,
    /// How the handlers' code is entered, by their numbers.
    doors: [Option<Door>; HANDLERS.len()],
    /// The handlers' code by their numbers, owned by the script; none where the interpreter runs all.
    code: [Option<Code>; HANDLERS.len()],
    state: Store,
    scratch: Scratch,
    scope: Scope<'static>,
    /// What is taken over from the version before, where that was planned.
    transfer: Option<Transfer>,
}

/// What it takes to enter a handler's code.
#[derive(Clone, Copy, Debug)]
struct Door {
    entry: Entry,
    budget: Budget,
    /// Something must be kept for it before it is entered.
    must_keep: bool,
}

impl Door {
    /// Returns how code is entered; `None` of what may run out of operations: that is the interpreter's from the start.
    fn of(code: &Code, operations_max: u64) -> Option<Self> {
        let beyond = operations_max.checked_sub(code.operations)?;
        Some(Self {
            entry: code.entry,
            budget: Budget::new(beyond),
            must_keep: !(code.kept.is_empty() && code.arrays.is_empty()),
        })
    }
}

impl RhaiStrategy {
    /// Returns an instance whose `init` has not run, compiled where it can be.
    pub fn new(script: Arc<Script>) -> Self {
        Self::with(script, Backend::Auto)
    }

    /// Returns an instance whose `init` has not run, on this backend.
    ///
    /// Where machine code is a must, ask [`Script::interpreted`] first: a handler without is interpreted here.
    pub fn with(script: Arc<Script>, backend: Backend) -> Self {
        let compiled = script.compiled();
        let code = match backend {
            Backend::Interpreted => [const { None }; HANDLERS.len()],
            Backend::Auto | Backend::Compiled => compiled.code.clone(),
        };
        let state = Store::new(&compiled.fields);
        let scratch = Scratch {
            items_max: state.items_max(script.limits().array_items_max),
            texts: Interner::with_room(),
            ..Scratch::default()
        };
        let operations_max = script.limits().operations_max;
        Self {
            doors: code.each_ref().map(|code| {
                code.as_ref()
                    .and_then(|code| Door::of(code, operations_max))
            }),
            script,
            backend,
            code,
            state,
            scratch,
            scope: Scope::new(),
            transfer: None,
        }
    }

    /// Returns the script it runs.
    pub fn script(&self) -> &Arc<Script> {
        &self.script
    }

    /// Returns the backend it was made for.
    pub fn backend(&self) -> Backend {
        self.backend
    }

    fn init(&mut self, desk: &mut LentDesk) -> Result<(), Fault> {
        let market = primary(desk)?;
        let options = CallFnOptions::new().eval_ast(false);
        let returned = self.run(desk, options, "init", (token(market),))?;
        let state = if returned.is_unit() {
            Dynamic::from_map(rhai::Map::new())
        } else {
            returned
        };
        self.accept(&state)?;
        self.state.set_map(Some(state));
        let must_fit = self.backend == Backend::Compiled && self.script.compiled().has_code();
        match self.state.misfit().filter(|_| must_fit) {
            Some(misfit) => Err(fault(FaultKind::Error, &misfit)),
            None => Ok(()),
        }
    }

    /// Takes over from slot to slot; `None` where that was not planned, or is not how the state is held.
    fn inherit_as_planned(&mut self, before: &Self) -> Option<Inheritance> {
        let transfer = self.transfer.as_ref()?;
        let is_held = self.state.is_all_in_slots() && before.state.is_all_in_slots();
        if !is_held || !transfer.is_from(&before.script) {
            return None;
        }
        let texts = &mut self.scratch.texts;
        self.state
            .take_over(transfer.moves(), &before.state, texts)?;
        Some(transfer.inheritance())
    }

    /// Runs the machine code of an event's handler; `None` where there is none, or the state is not in its slots.
    #[inline(always)]
    fn enter(&mut self, event: &StrategyEvent<'_>, lent: &mut LentDesk) -> Option<Exit> {
        let desk = lent.as_mut()?;
        let (handler, market, argument) = match event {
            StrategyEvent::Init => return None,
            StrategyEvent::Book { market } => (BOOK, *market, 0),
            StrategyEvent::Trade { market, trade } => (1, *market, address(trade)),
            StrategyEvent::Bar { market, bar } => (2, *market, address(bar)),
            StrategyEvent::Timer { name } => (3, desk.primary(), TextWord::of_call(name).word()),
            StrategyEvent::Fill { market, fill } => (4, *market, address(fill)),
            StrategyEvent::Order { market, order } => (5, *market, order_word(order.handle)?),
            StrategyEvent::Start => (6, desk.primary(), 0),
            StrategyEvent::Stop => (7, desk.primary(), 0),
        };
        self.enter_handler(handler, market, argument, lent)
    }

    /// Runs the machine code of a handler, by its number, with its words; likewise.
    ///
    /// Each call comes through here, most of them for a few ns: nothing that is seldom needed is part of it.
    #[inline(always)]
    fn enter_handler(
        &mut self,
        handler: usize,
        market: InstrumentId,
        argument: u64,
        lent: &mut LentDesk,
    ) -> Option<Exit> {
        let door = self.doors.get(handler)?.as_ref()?;
        if !self.state.is_in_slots() {
            return None;
        }
        self.scratch.pool.release(0);
        if door.must_keep {
            self.keep(handler);
        }
        // Both are read again: nothing but what a fault needs stays in registers over the calls above.
        let (door, desk) = (self.doors.get(handler)?.as_ref()?, lent.as_mut()?);
        let slots = self.state.slots();
        let mut context = Context::new(desk, &mut self.scratch, slots, market, door.budget);
        let word = context.market_word();
        (door.entry)(&mut context, word, argument);
        Some(context.exit())
    }

    /// Goes on with a call that machine code did not finish, or for which there is none.
    #[cold]
    #[inline(never)]
    fn go_on(
        &mut self,
        exit: Option<Exit>,
        event: &StrategyEvent<'_>,
        desk: &mut LentDesk,
    ) -> Result<(), Fault> {
        let Some(handler) = handler_of(event) else {
            return self.init(desk);
        };
        let mut exit = exit;
        if exit.is_none()
            && self.has_code(handler)
            && self.state.goes_to_slots(&mut self.scratch.texts)
        {
            exit = self.enter(event, desk);
        }
        match exit {
            Some(Exit::None) => return Ok(()),
            Some(Exit::Cut) => {
                self.put_back(handler);
                let name = HANDLERS.get(handler).copied().unwrap_or_default();
                return Err(self.cut(name, Position::NONE, OUT_OF_TIME));
            }
            Some(Exit::Side) => {
                self.put_back(handler);
                if let Some(desk) = desk.as_mut() {
                    desk.undo();
                }
            }
            None => {}
        }
        match Call::of(event, self.handlers(), desk)? {
            Some(call) => self.interpret(desk, call),
            None => Ok(()),
        }
    }

    /// Keeps what a handler's code may change and does not keep itself.
    #[cold]
    #[inline(never)]
    fn keep(&mut self, handler: usize) {
        if let Some(Some(code)) = self.code.get(handler) {
            self.state.keep(&code.kept, &code.arrays);
        }
    }

    fn has_code(&self, handler: usize) -> bool {
        matches!(self.code.get(handler), Some(Some(_)))
    }

    /// Puts the state back as it was before machine code changed it.
    fn put_back(&mut self, handler: usize) {
        if let Some(Some(code)) = self.code.get(handler) {
            self.state.restore(&code.fields, &code.arrays);
        }
    }

    /// Interprets a handler with the state bound to `this`; puts the state back where the call fails.
    fn interpret(&mut self, desk: &mut LentDesk, call: Call) -> Result<(), Fault> {
        let Some(mut state) = self.state.take_map() else {
            return Err(fault(FaultKind::Error, "`init` has not run"));
        };
        let before = state.clone();
        let options = CallFnOptions::new()
            .eval_ast(false)
            .bind_this_ptr(&mut state);
        let result = match call.argument {
            Some(argument) => self.run(desk, options, call.handler, (call.market, argument)),
            None => self.run(desk, options, call.handler, (call.market,)),
        };
        let result = result.and_then(|_| {
            self.accept(&state).map_err(|refused| {
                let place = self.place_of(call.handler);
                fault(refused.kind, &format!("{place}{}", refused.text))
            })
        });
        let result = result.and_then(|()| match inherit::retyped(&state, &before) {
            None => Ok(()),
            Some(retyped) => {
                let place = self.place_of(call.handler);
                Err(fault(FaultKind::Error, &format!("{place}{retyped}")))
            }
        });
        self.state
            .set_map(Some(if result.is_ok() { state } else { before }));
        result
    }

    fn run(
        &mut self,
        desk: &mut LentDesk,
        options: CallFnOptions<'_>,
        handler: &str,
        arguments: impl rhai::FuncArgs,
    ) -> Result<Dynamic, Fault> {
        let (engine, ast) = (self.script.engine(), self.script.ast());
        let Some(loan) = Loan::new(desk) else {
            return Err(fault(FaultKind::Error, "the desk is lent already"));
        };
        sandbox::refill();
        let result = engine.call_fn_with_options::<Dynamic>(
            options,
            &mut self.scope,
            ast,
            handler,
            arguments,
        );
        drop(loan);
        result.map_err(|failed| self.told(handler, *failed))
    }

    fn accept(&self, state: &Dynamic) -> Result<(), Fault> {
        match state::refusal(state, self.script.limits().state_depth_max) {
            None => Ok(()),
            Some(refusal) => Err(fault(FaultKind::Error, &refusal)),
        }
    }

    /// Returns the fault of a failed call, in words with line and column.
    fn told(&self, handler: &str, failed: EvalAltResult) -> Fault {
        let limits = self.script.limits();
        let cut = match failed.unwrap_inner() {
            EvalAltResult::ErrorTerminated(why, _) if why.is_bool() => Some(OUT_OF_TIME.to_owned()),
            EvalAltResult::ErrorTerminated(..) => {
                Some(format!("more than {} operations", limits.operations_max))
            }
            EvalAltResult::ErrorStackOverflow(_) => {
                Some(format!("calls deeper than {}", limits.call_depth_max))
            }
            EvalAltResult::ErrorTooManyVariables(_) => {
                Some(format!("more than {} variables", limits.variables_max))
            }
            EvalAltResult::ErrorDataTooLarge(what, _) => Some(format!("{what} too large")),
            _ => None,
        };
        let (position, text) = innermost(failed);
        match cut {
            Some(why) => self.cut(handler, position, &why),
            None => {
                let at = self.place_in(handler, position);
                fault(FaultKind::Error, &format!("{at}{text}"))
            }
        }
    }

    /// Returns the fault of a handler's call that was cut.
    fn cut(&self, handler: &str, position: Position, why: &str) -> Fault {
        let at = self.place_in(handler, position);
        fault(FaultKind::Cut, &format!("{at}`{handler}` cut: {why}"))
    }

    /// Returns a place within a handler's call: where it is not known, the line on which the handler begins.
    fn place_in(&self, handler: &str, position: Position) -> String {
        match position.line() {
            None => self.place_of(handler),
            Some(_) => place(position),
        }
    }

    /// Returns where a handler begins, as far as it can be told.
    fn place_of(&self, handler: &str) -> String {
        let line = self.script.line_of(handler);
        line.map_or_else(String::new, |line| format!("line {line}: "))
    }
}

impl Strategy for RhaiStrategy {
    fn handlers(&self) -> Handlers {
        self.script.handlers()
    }

    fn markets(&self) -> &[InstrumentKey] {
        self.script.markets()
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        let exit = match event {
            // By far the most calls: they do not ask what else they might be.
            StrategyEvent::Book { market } => self.enter_handler(BOOK, *market, 0, desk),
            _ => self.enter(event, desk),
        };
        match exit {
            Some(Exit::None) => Ok(()),
            exit => self.go_on(exit, event, desk),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        state::write(self.state.to_map().as_ref(), out);
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match state::read(bytes, self.script.limits().state_depth_max) {
            Some(state) => {
                self.state.set_map(state);
                Ok(())
            }
            None => Err(fault(
                FaultKind::Error,
                "the saved bytes are no state of a script",
            )),
        }
    }

    fn foresee(&mut self, before: &dyn Strategy) {
        self.transfer = None;
        let Some(before) = of_script(before) else {
            return;
        };
        let is_compiled = |of: &Self| of.doors.iter().any(Option::is_some);
        if is_compiled(self)
            && is_compiled(before)
            && self.state.goes_to_slots(&mut self.scratch.texts)
        {
            self.transfer = Transfer::plan(&self.state, &before.state, &before.script);
        }
    }

    fn approach(&mut self, before: &dyn Strategy) {
        if let (Some(transfer), Some(before)) = (&self.transfer, of_script(before))
            && transfer.is_from(&before.script)
        {
            self.state.approach(transfer.moves(), &before.state);
        }
    }

    fn inherit(&mut self, before: &dyn Strategy) -> Result<Inheritance, Fault> {
        let Some(before) = of_script(before) else {
            return Ok(Inheritance::default());
        };
        if let Some(inheritance) = self.inherit_as_planned(before) {
            return Ok(inheritance);
        }
        let is_as_before = |path: &str| self.script.declares_as(&before.script, path);
        let Some(mut old) = before.state.to_map() else {
            return Ok(Inheritance::default());
        };
        let Some(mut state) = self.state.take_map() else {
            return Ok(Inheritance::default());
        };
        let carried = inherit::carry(&mut state, &mut old, &is_as_before);
        self.state.set_map(Some(state));
        carried.map_err(|refusal| fault(FaultKind::Error, &refusal))
    }

    fn legacy(&self) -> Option<&dyn Any> {
        Some(self)
    }
}

/// Returns a strategy as the script's instance that it is, if it is one.
fn of_script(strategy: &dyn Strategy) -> Option<&RhaiStrategy> {
    strategy.legacy().and_then(|of| of.downcast_ref())
}

/// Returns the address of what an event carries: machine code reads it during the call.
fn address<T>(of: &T) -> u64 {
    std::ptr::from_ref(of) as usize as u64
}

/// A handler's name and arguments.
pub(crate) struct Call {
    /// The handler's name.
    pub handler: &'static str,
    /// The market's token.
    pub market: Dynamic,
    /// What else it is given.
    pub argument: Option<Dynamic>,
}

impl Call {
    /// Returns the call that an event asks for; `None` where the script has no such handler.
    pub(crate) fn of(
        event: &StrategyEvent<'_>,
        has: Handlers,
        desk: &mut LentDesk,
    ) -> Result<Option<Self>, Fault> {
        let (is_there, handler, market, argument) = match *event {
            StrategyEvent::Init => (false, "init", None, None),
            StrategyEvent::Start => (has.start, "on_start", None, None),
            StrategyEvent::Stop => (has.stop, "on_stop", None, None),
            StrategyEvent::Book { market } => (has.book, "on_book", Some(market), None),
            StrategyEvent::Trade { market, trade } => (
                has.trade,
                "on_trade",
                Some(market),
                Some(Dynamic::from(Trade(trade))),
            ),
            StrategyEvent::Bar { market, bar } => (
                has.bar,
                "on_bar",
                Some(market),
                Some(Dynamic::from(Bar(bar))),
            ),
            StrategyEvent::Timer { name } => (has.timer, "on_timer", None, Some(name.into())),
            StrategyEvent::Fill { market, fill } => (
                has.fill,
                "on_fill",
                Some(market),
                Some(Dynamic::from(Fill(fill))),
            ),
            StrategyEvent::Order { market, order } => (
                has.order,
                "on_order",
                Some(market),
                Some(Dynamic::from(Order(order.handle))),
            ),
        };
        if !is_there {
            return Ok(None);
        }
        let market = market.map_or_else(|| primary(desk), Ok)?;
        Ok(Some(Self {
            handler,
            market: token(market),
            argument,
        }))
    }
}

fn primary(desk: &mut LentDesk) -> Result<InstrumentId, Fault> {
    match desk.as_mut() {
        Some(desk) => Ok(desk.primary()),
        None => Err(fault(FaultKind::Error, "the desk is lent already")),
    }
}

fn token(market: InstrumentId) -> Dynamic {
    Dynamic::from(Market(market))
}

/// Returns `line 3, column 5: `, as far as it is known.
fn place(position: Position) -> String {
    match (position.line(), position.position()) {
        (Some(line), Some(column)) => format!("line {line}, column {column}: "),
        (Some(line), None) => format!("line {line}: "),
        _ => String::new(),
    }
}

fn fault(kind: FaultKind, text: &str) -> Fault {
    Fault {
        kind,
        text: Note::cut(text),
    }
}

/// Returns where an error arose and what it says, without the calls that led there.
pub(crate) fn innermost(failed: EvalAltResult) -> (Position, String) {
    match failed {
        EvalAltResult::ErrorInFunctionCall(_, _, inner, _) => innermost(*inner),
        EvalAltResult::ErrorRuntime(value, position) => match value.to_string() {
            empty if empty.is_empty() => (position, "`throw` without words".to_owned()),
            thrown => (position, thrown),
        },
        mut other => {
            let position = other.take_position();
            (position, other.to_string())
        }
    }
}
