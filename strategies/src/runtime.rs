//! A script behind the engine's `Strategy` trait, run by the stock interpreter.
//!
//! Called on the engine thread. A call is a transaction: the state is copied before and put back on an
//! error or a cut. The interpreter allocates; compiled handlers will stand behind the same trait.

use crate::lending::Loan;
use crate::token::{Bar, Fill, Market, Order, Trade};
use crate::{Script, sandbox, state};
use claire_engine::strategy::{Fault, FaultKind, Handlers, LentDesk, Strategy, StrategyEvent};
use claire_types::{InstrumentId, Note};
use rhai::{CallFnOptions, Dynamic, EvalAltResult, Position, Scope};
use std::sync::Arc;

/// A script's instance: one configuration entry with its own state.
pub struct RhaiStrategy {
    script: Arc<Script>,
    /// The map that `init` returned, as handlers left it; `None` before `init`.
    state: Option<Dynamic>,
    scope: Scope<'static>,
}

impl RhaiStrategy {
    /// Returns an instance whose `init` has not run.
    pub fn new(script: Arc<Script>) -> Self {
        Self {
            script,
            state: None,
            scope: Scope::new(),
        }
    }

    /// Returns the script it runs.
    pub fn script(&self) -> &Arc<Script> {
        &self.script
    }

    fn init(&mut self, desk: &mut LentDesk) -> Result<(), Fault> {
        let market = primary(desk)?;
        let options = CallFnOptions::new().eval_ast(false);
        let returned = self.run(desk, options, "init", (market,))?;
        let state = if returned.is_unit() {
            Dynamic::from_map(rhai::Map::new())
        } else {
            returned
        };
        self.accept(&state)?;
        self.state = Some(state);
        Ok(())
    }

    /// Runs a handler with the state bound to `this`; puts the state back where the call fails.
    fn handle(&mut self, desk: &mut LentDesk, call: Call) -> Result<(), Fault> {
        let Some(mut state) = self.state.take() else {
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
        let result = result.and_then(|_| self.accept(&state));
        self.state = Some(if result.is_ok() { state } else { before });
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
        result.map_err(|failed| self.told(*failed))
    }

    fn accept(&self, state: &Dynamic) -> Result<(), Fault> {
        match state::refusal(state, self.script.limits().state_depth_max) {
            None => Ok(()),
            Some(refusal) => Err(fault(FaultKind::Error, &refusal)),
        }
    }

    /// Returns the fault of a failed call, in words with line and column.
    fn told(&self, failed: EvalAltResult) -> Fault {
        let limits = self.script.limits();
        let cut = match failed.unwrap_inner() {
            EvalAltResult::ErrorTerminated(why, _) if why.is_bool() => {
                Some("cut: out of time, or told to stop".to_owned())
            }
            EvalAltResult::ErrorTerminated(..) => Some(format!(
                "cut: more than {} operations",
                limits.operations_max
            )),
            EvalAltResult::ErrorStackOverflow(_) => {
                Some(format!("cut: calls deeper than {}", limits.call_depth_max))
            }
            EvalAltResult::ErrorTooManyVariables(_) => {
                Some(format!("cut: more than {} variables", limits.variables_max))
            }
            EvalAltResult::ErrorDataTooLarge(what, _) => Some(format!("cut: {what} too large")),
            _ => None,
        };
        let kind = if cut.is_some() {
            FaultKind::Cut
        } else {
            FaultKind::Error
        };
        let (position, text) = innermost(failed);
        let text = cut.unwrap_or(text);
        match (position.line(), position.position()) {
            (Some(line), Some(column)) => {
                fault(kind, &format!("line {line}, column {column}: {text}"))
            }
            (Some(line), None) => fault(kind, &format!("line {line}: {text}")),
            _ => fault(kind, &text),
        }
    }
}

impl Strategy for RhaiStrategy {
    fn handlers(&self) -> Handlers {
        self.script.handlers()
    }

    fn call(&mut self, event: &StrategyEvent<'_>, desk: &mut LentDesk) -> Result<(), Fault> {
        if matches!(event, StrategyEvent::Init) {
            return self.init(desk);
        }
        match Call::of(event, self.handlers(), desk)? {
            Some(call) => self.handle(desk, call),
            None => Ok(()),
        }
    }

    fn save(&self, out: &mut Vec<u8>) {
        state::write(self.state.as_ref(), out);
    }

    fn restore(&mut self, bytes: &[u8]) -> Result<(), Fault> {
        match state::read(bytes, self.script.limits().state_depth_max) {
            Some(state) => {
                self.state = state;
                Ok(())
            }
            None => Err(fault(
                FaultKind::Error,
                "the saved bytes are no state of a script",
            )),
        }
    }
}

/// A handler's name and arguments.
struct Call {
    handler: &'static str,
    market: Dynamic,
    argument: Option<Dynamic>,
}

impl Call {
    /// Returns the call that an event asks for; `None` where the script has no such handler.
    fn of(
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
        let market = market.map_or_else(|| primary(desk), |market| Ok(token(market)))?;
        Ok(Some(Self {
            handler,
            market,
            argument,
        }))
    }
}

fn primary(desk: &mut LentDesk) -> Result<Dynamic, Fault> {
    match desk.as_mut() {
        Some(desk) => Ok(token(desk.primary())),
        None => Err(fault(FaultKind::Error, "the desk is lent already")),
    }
}

fn token(market: InstrumentId) -> Dynamic {
    Dynamic::from(Market(market))
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
        EvalAltResult::ErrorRuntime(value, position) => (position, value.to_string()),
        mut other => {
            let position = other.take_position();
            (position, other.to_string())
        }
    }
}
