//! Stock Rhai as a contestant: the interpreter, and the bytecode VM of the same version.
//!
//! Both with fast operators and full optimization, without budgets, progress hook or the copy of the state that makes a
//! call a transaction: Rhai at its fastest on the same functions of the interface.

use super::{Contestant, Cursor, Pit, Session, Tally};
use crate::Script;
use crate::lending::Loan;
use crate::runtime::Call;
use claire_engine::strategy::{Handlers, LentDesk, StrategyEvent};
use rhai::grain::{Compiler, Program, Vm};
use rhai::{AST, CallFnOptions, Dynamic, Engine, EvalAltResult, Scope};
use std::ops::Range;
use std::sync::Arc;

/// An engine without limits, and a script as it optimizes it.
pub(crate) struct Parsed {
    /// The engine, which knows the script's constants.
    pub engine: Engine,
    /// The script's functions.
    pub ast: AST,
}

/// A script with its desk.
pub(super) struct Stock<'a> {
    runner: Runner<'a>,
    parsed: &'a Parsed,
    scope: Scope<'static>,
    handlers: Handlers,
    desk: LentDesk,
    cursor: Cursor,
    state: Dynamic,
    /// The state after `init`.
    began: Dynamic,
}

/// What runs the functions.
enum Runner<'a> {
    Walker,
    Grain(Box<Vm<'a>>, &'a Program<'static>),
}

impl Parsed {
    /// Returns the script's bytecode.
    pub(super) fn program(&self) -> Program<'static> {
        Compiler::new().compile(&self.ast)
    }
}

impl<'a> Stock<'a> {
    /// Returns the interpreter's contestant.
    ///
    /// # Errors
    /// An `init` that fails, in words.
    pub(super) fn walker(session: &Session, parsed: &'a Parsed) -> Result<Self, String> {
        Self::new(session, parsed, Runner::Walker)
    }

    /// Returns the bytecode VM's contestant.
    ///
    /// # Errors
    /// As [`Stock::walker`].
    pub(super) fn grain(
        session: &Session,
        parsed: &'a Parsed,
        program: &'a Program<'static>,
    ) -> Result<Self, String> {
        let vm = Box::new(Vm::new(&parsed.engine));
        Self::new(session, parsed, Runner::Grain(vm, program))
    }

    fn new(session: &Session, parsed: &'a Parsed, runner: Runner<'a>) -> Result<Self, String> {
        let cursor = Cursor::default();
        let mut stock = Self {
            runner,
            parsed,
            scope: Scope::new(),
            handlers: session.script().handlers(),
            desk: Pit::new(Arc::clone(session.moments()), cursor.clone()).lent(),
            cursor,
            state: Dynamic::UNIT,
            began: Dynamic::UNIT,
        };
        let market = Dynamic::from(crate::token::Market(super::MARKET));
        let began = stock.call("init", (market,));
        stock.began = began.map_err(|failed| stock.told(&failed))?;
        Ok(stock)
    }

    fn call(
        &mut self,
        handler: &str,
        arguments: impl rhai::FuncArgs,
    ) -> Result<Dynamic, Box<EvalAltResult>> {
        let Some(loan) = Loan::new(&mut self.desk) else {
            return Err("the desk is lent already".into());
        };
        let options = CallFnOptions::new()
            .eval_ast(false)
            .bind_this_ptr(&mut self.state);
        let (engine, ast, scope) = (&self.parsed.engine, &self.parsed.ast, &mut self.scope);
        let result = match &mut self.runner {
            Runner::Walker => engine.call_fn_with_options(options, scope, ast, handler, arguments),
            Runner::Grain(vm, program) => {
                vm.call_fn_with_options(options, scope, program, handler, arguments)
            }
        };
        drop(loan);
        result
    }

    fn handle(&mut self, event: &StrategyEvent<'_>) -> Result<(), String> {
        let called = Call::of(event, self.handlers, &mut self.desk);
        let Some(call) = called.map_err(|fault| fault.text.to_string())? else {
            return Ok(());
        };
        let result = match call.argument {
            Some(argument) => self.call(call.handler, (call.market, argument)),
            None => self.call(call.handler, (call.market,)),
        };
        match result {
            Ok(_) => Ok(()),
            Err(failed) => Err(self.told(&failed)),
        }
    }

    fn told(&self, failed: &EvalAltResult) -> String {
        format!("{}: {failed}", self.name())
    }
}

impl Contestant for Stock<'_> {
    fn name(&self) -> &'static str {
        match self.runner {
            Runner::Walker => "interpreted",
            Runner::Grain(..) => "grain",
        }
    }

    fn restart(&mut self) -> Result<(), String> {
        self.state = self.began.clone();
        Pit::of(&mut self.desk)
            .map(Pit::start)
            .ok_or_else(|| "the desk did not come back".to_owned())
    }

    fn play(&mut self, session: &Session, events: Range<usize>) -> Result<(), String> {
        let first = events.start;
        let events = session.events().get(events).unwrap_or_default();
        for (at, event) in (first..).zip(events) {
            self.cursor.set(at);
            self.handle(event)?;
        }
        Ok(())
    }

    fn tally(&mut self) -> Tally {
        Pit::of(&mut self.desk).map_or_else(Tally::default, |pit| pit.tally())
    }
}

impl Script {
    /// Returns the script as stock Rhai has it: all optimization, no limits, no hook.
    ///
    /// # Errors
    /// What Rhai says of it, in words.
    pub(crate) fn stock(&self) -> Result<Parsed, String> {
        let mut engine = crate::sandbox::stock();
        // What a debug build of Rhai has less of; in release builds neither costs a call anything.
        let limits = self.limits();
        engine.set_max_expr_depths(limits.expression_depth_max, limits.expression_depth_max);
        engine.set_max_call_levels(limits.call_depth_max);
        let ast = self.parsed_by(&mut engine).map_err(|all| {
            let words: Vec<String> = all.iter().map(ToString::to_string).collect();
            words.join("\n")
        })?;
        Ok(Parsed { engine, ast })
    }
}
