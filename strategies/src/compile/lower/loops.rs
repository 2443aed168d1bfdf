//! `while`, `loop`, `do`, `for`, and leaving them.

use super::{
    Block, Body, Expression, Failure, Holds, Kind, Loop, Lowering, NotCompiled, Outcome, Statement,
    Type, Want, cost, operator, order, unsupported, word,
};
use crate::compile::ir::{Binary, Comparison};
use rhai::{Expr, FlowControl, Ident, Position, StmtBlock};

impl Body<'_, '_> {
    /// Lowers `while` and `loop`.
    pub(super) fn while_loop(
        &mut self,
        flow: &FlowControl,
        at: Position,
        out: &mut Block,
        wants: Want,
    ) -> Lowering<Outcome> {
        let is_endless = matches!(flow.expr, Expr::Unit(_) | Expr::BoolConstant(true, _));
        let mut body = Block::new();
        if !is_endless {
            let condition = self.condition(&flow.expr).map_err(in_turns)?;
            body.push(break_unless(condition));
        }
        let (_, left) = self.turn(&flow.body, &mut body, wants)?;
        let turns = repeated(flow, body, Block::new());
        self.finish_loop(turns, left, is_endless, at, out)
    }

    /// Lowers `do`. A `continue` in it begins the next turn without a look at the condition, as in Rhai.
    pub(super) fn do_loop(
        &mut self,
        flow: &FlowControl,
        is_until: bool,
        at: Position,
        out: &mut Block,
        wants: Want,
    ) -> Lowering<Outcome> {
        let before = self.frame.unset.clone();
        let mut body = Block::new();
        let (outcome, left) = self.turn(&flow.body, &mut body, wants)?;
        let mut is_endless = true;
        if let Outcome::Value(_) = outcome {
            is_endless = false;
            // A turn may have ended by `continue` before it gave a variable its value.
            self.frame.unset = before;
            let condition = self.condition(&flow.expr).map_err(in_turns)?;
            body.push(if is_until {
                Statement::If(condition, vec![Statement::Break], Block::new())
            } else {
                break_unless(condition)
            });
        }
        let turns = repeated(flow, body, Block::new());
        self.finish_loop(turns, left, is_endless, at, out)
    }

    /// Lowers `for`.
    pub(super) fn for_loop(
        &mut self,
        of: &(Ident, Option<Ident>, FlowControl),
        at: Position,
        out: &mut Block,
        wants: Want,
    ) -> Lowering<Outcome> {
        let (name, counter, flow) = of;
        let turns = self.turns(&flow.expr, out)?;
        let outer = self.frame.scope.len();
        let (mut count, mut step_count) = (Block::new(), Block::new());
        if let Some(counter) = counter {
            let turn = self.local(Type::Int);
            out.push(Statement::Set(turn, Expression::int(0)));
            let shown = self.local(Type::Int);
            let reading = || Expression::new(Type::Int, Kind::Local(turn));
            count.push(Statement::Set(shown, reading()));
            step_count.push(Statement::Set(turn, plus_one(reading())));
            self.add_variable(counter.as_str(), Holds::Local(shown), false, counter.pos)?;
        }
        let item = self.local(turns.of);
        self.add_variable(name.as_str(), Holds::Local(item), false, name.pos)?;
        let mut inner = Block::new();
        let (_, left) = self.turn(&flow.body, &mut inner, wants)?;
        self.frame.scope.truncate(outer);
        let (mut body, value, mut step) = turns.around(&inner, self, out);
        body.append(&mut count);
        body.push(Statement::Set(item, value));
        body.append(&mut inner);
        step.append(&mut step_count);
        self.finish_loop(repeated(flow, body, step), left, false, at, out)
    }

    /// Lowers the body of a turn.
    fn turn(
        &mut self,
        block: &StmtBlock,
        body: &mut Block,
        wants: Want,
    ) -> Lowering<(Outcome, Loop)> {
        let before = self.frame.unset.clone();
        self.frame.loops.push(Loop {
            wants,
            result: None,
            has_plain_break: false,
            has_break: false,
        });
        let outcome = self
            .statements(block.statements(), body, Want::Nothing)
            .map_err(in_turns)?;
        let left = self.frame.loops.pop();
        // The turn may not have run, or not to its end.
        if !matches!(outcome, Outcome::Value(_)) {
            self.frame.unset.clone_from(&before);
        }
        self.frame.unset.extend(before);
        match left {
            Some(left) => Ok((outcome, left)),
            None => unsupported(block.position(), "a loop that was left twice"),
        }
    }

    fn finish_loop(
        &mut self,
        turns: Statement,
        left: Loop,
        is_endless: bool,
        at: Position,
        out: &mut Block,
    ) -> Lowering<Outcome> {
        out.push(turns);
        if is_endless && !left.has_break {
            return Ok(Outcome::Leaves);
        }
        match left.result {
            None => Ok(Outcome::Value(Expression::unit())),
            Some((of, local)) if is_endless && !left.has_plain_break => {
                Ok(Outcome::Value(Expression::new(of, Kind::Local(local))))
            }
            Some((of, _)) => {
                let found = word(of);
                unsupported(
                    at,
                    format!("the loop gives {found} on one way out and none on another"),
                )
            }
        }
    }

    /// Lowers `break` and `continue`.
    pub(super) fn leave_turn(
        &mut self,
        value: Option<&Expr>,
        is_break: bool,
        at: Position,
        out: &mut Block,
    ) -> Lowering<()> {
        let value = match value {
            Some(value) => self.expression(value)?,
            None => Expression::unit(),
        };
        let Some(mut around) = self.frame.loops.pop() else {
            return unsupported(at, "this leaves no loop");
        };
        if is_break {
            around.has_break = true;
            if around.wants == Want::Nothing || value.of == Type::Unit {
                around.has_plain_break = true;
                if order::acts(&value) {
                    out.push(Statement::Do(value));
                }
            } else {
                let result = match around.result {
                    Some((of, local)) if of == value.of => local,
                    Some((of, _)) => {
                        let (one, other) = (word(of), word(value.of));
                        let reason = format!("the loop gives {one} and here {other}");
                        return unsupported(at, reason);
                    }
                    None => self.local(value.of),
                };
                around.result = Some((value.of, result));
                out.push(Statement::Set(result, value.owned()));
            }
        }
        self.frame.loops.push(around);
        out.push(if is_break {
            Statement::Break
        } else {
            Statement::Continue
        });
        Ok(())
    }
}

/// Returns the failure as it is within turns: what comes later in one may give variables other types for the next.
fn in_turns(failure: Failure) -> Failure {
    failure.map(NotCompiled::doubted_if_varying)
}

/// Returns the statement that repeats the turns of a loop.
fn repeated(flow: &FlowControl, body: Block, step: Block) -> Statement {
    Statement::Loop {
        operations: cost::turn(flow),
        body,
        step,
    }
}

/// Returns the statement that leaves the loop where the condition is false.
pub(super) fn break_unless(condition: Expression) -> Statement {
    Statement::If(condition, Block::new(), vec![Statement::Break])
}

/// Returns the integer and one.
pub(super) fn plus_one(value: Expression) -> Expression {
    operator::apply(Binary::Add, Type::Int, value, Expression::int(1))
}

/// Returns the comparison of two integers.
pub(super) fn compare(of: Comparison, one: Expression, other: Expression) -> Expression {
    operator::apply(Binary::Compare(of), Type::Bool, one, other)
}
