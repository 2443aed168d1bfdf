//! Blocks and plain statements.

use super::{
    Block, Body, Constant, Expression, Failure, Holds, Kind, Lowering, NotCompiled, Outcome,
    Statement, Type, Variable, Want, order, unsupported, word,
};
use rhai::{ASTFlags, Expr, Position, Stmt};

impl Body<'_, '_> {
    /// Lowers the statements of one scope; their value is that of the last.
    pub(super) fn statements(
        &mut self,
        statements: &[Stmt],
        out: &mut Block,
        wants: Want,
    ) -> Lowering<Outcome> {
        let outer = self.frame.scope.len();
        let outcome = self.sequence(statements, out, wants);
        self.frame.scope.truncate(outer);
        outcome
    }

    fn sequence(&mut self, statements: &[Stmt], out: &mut Block, wants: Want) -> Lowering<Outcome> {
        let mut rest = statements;
        while let Some((statement, after)) = rest.split_first() {
            let wants = if after.is_empty() {
                wants
            } else {
                Want::Nothing
            };
            if let Stmt::Var(of, ..) = statement
                && is_empty_array(&of.1)
            {
                return self.with_empty_array(statement, after, out, wants);
            }
            match self.statement(statement, out, wants)? {
                Outcome::Leaves => return Ok(Outcome::Leaves),
                Outcome::Value(value) if after.is_empty() => return Ok(Outcome::Value(value)),
                Outcome::Value(_) => {}
            }
            rest = after;
        }
        Ok(Outcome::Value(Expression::unit()))
    }

    /// Lowers `let x = []` and what follows: as floats, or else as integers.
    fn with_empty_array(
        &mut self,
        statement: &Stmt,
        after: &[Stmt],
        out: &mut Block,
        wants: Want,
    ) -> Lowering<Outcome> {
        let (frame, mark, length) = (self.frame.clone(), self.script.mark(), out.len());
        let mut furthest: Option<NotCompiled> = None;
        for of in [Type::Floats, Type::Ints] {
            if !self.script.may_try() {
                break;
            }
            self.frame = frame.clone();
            self.script.forget(mark);
            out.truncate(length);
            let empty = Expression::new(of, Kind::Array(Vec::new()));
            let declared = self.declare(statement, empty, out);
            match declared.and_then(|()| self.sequence(after, out, wants)) {
                Err(Failure::Unsupported(fault)) => {
                    let is_further = furthest.as_ref().is_none_or(|known| {
                        (known.line, known.column) < (fault.line, fault.column)
                    });
                    if is_further {
                        furthest = Some(fault);
                    }
                }
                other => return other,
            }
        }
        let fault = furthest
            .unwrap_or_else(|| NotCompiled::new(statement.position(), "an array without items"));
        Err(Failure::Unsupported(fault.doubted_if_varying()))
    }

    /// Lowers a statement. Its value is `()` where nobody wants one.
    pub(super) fn statement(
        &mut self,
        statement: &Stmt,
        out: &mut Block,
        wants: Want,
    ) -> Lowering<Outcome> {
        match statement {
            Stmt::Noop(_) => Ok(Outcome::Value(Expression::unit())),
            Stmt::If(flow, at) => self.if_else(flow, *at, out, wants),
            Stmt::Switch(of, at) => self.switch(&of.0, &of.1, *at, out, wants),
            Stmt::While(flow, at) => self.while_loop(flow, *at, out, wants),
            Stmt::Do(flow, flags, at) => {
                let is_until = flags.contains(ASTFlags::NEGATED);
                self.do_loop(flow, is_until, *at, out, wants)
            }
            Stmt::For(of, at) => self.for_loop(of, *at, out, wants),
            Stmt::Var(of, _, _) => {
                // `let x;` has no place for its value; `let x = ();` has.
                if matches!(of.1, Expr::Unit(at) if at.is_none()) {
                    self.declare_unset(statement)?;
                } else {
                    let value = self.expression(&of.1)?;
                    self.declare(statement, value, out)?;
                }
                Ok(Outcome::Value(Expression::unit()))
            }
            Stmt::Assignment(of) => {
                self.assign(&of.0, &of.1.lhs, &of.1.rhs, out)?;
                Ok(Outcome::Value(Expression::unit()))
            }
            Stmt::FnCall(call, at) => {
                let value = self.call(call, *at, wants)?;
                Ok(Outcome::Value(self.use_or_drop(value, out, wants)))
            }
            Stmt::Block(block) => self.statements(block.statements(), out, wants),
            // An error in the block leaves by a side exit, so that the interpreter runs the call from its
            // start, `catch` included. What machine code completes has raised no error, and then the value
            // of `try` is that of its block.
            Stmt::TryCatch(flow, _) => self
                .statements(flow.body.statements(), out, wants)
                .map_err(|failure| failure.map(NotCompiled::doubted)),
            Stmt::Expr(value) => self.expression_statement(value, out, wants),
            Stmt::BreakLoop(value, flags, at) => {
                self.leave_turn(value.as_deref(), flags.contains(ASTFlags::BREAK), *at, out)?;
                Ok(Outcome::Leaves)
            }
            Stmt::Return(_, flags, _) if flags.contains(ASTFlags::BREAK) => {
                // `throw`. What it throws is computed by the interpreter, in the second run.
                out.push(Statement::SideExit);
                Ok(Outcome::Leaves)
            }
            Stmt::Return(value, _, at) => {
                let value = match value {
                    Some(value) => self.expression(value)?,
                    None => Expression::unit(),
                };
                self.return_value(value, out, *at)?;
                Ok(Outcome::Leaves)
            }
            Stmt::Share(_) => unsupported(statement.position(), "closures"),
            other => unsupported(other.position(), "this statement"),
        }
    }

    fn expression_statement(
        &mut self,
        value: &Expr,
        out: &mut Block,
        wants: Want,
    ) -> Lowering<Outcome> {
        match value {
            Expr::Stmt(block) => self.statements(block.statements(), out, wants),
            Expr::FnCall(call, at) => {
                let value = self.call(call, *at, wants)?;
                Ok(Outcome::Value(self.use_or_drop(value, out, wants)))
            }
            Expr::Dot(..) | Expr::Index(..) => {
                let value = self.chain(value, wants)?;
                Ok(Outcome::Value(self.use_or_drop(value, out, wants)))
            }
            other => {
                let value = self.expression(other)?;
                Ok(Outcome::Value(self.use_or_drop(value, out, wants)))
            }
        }
    }

    /// Returns the value, or emits only what computing it does.
    pub(super) fn use_or_drop(
        &mut self,
        value: Expression,
        out: &mut Block,
        wants: Want,
    ) -> Expression {
        if wants == Want::Value {
            return value;
        }
        if order::acts(&value) {
            out.push(Statement::Do(value));
        }
        Expression::unit()
    }

    /// Declares the variable of a `let` or `const`.
    fn declare(&mut self, statement: &Stmt, value: Expression, out: &mut Block) -> Lowering<()> {
        let Stmt::Var(of, flags, at) = statement else {
            return unsupported(statement.position(), "this declaration");
        };
        let kept = self.keep(value, out);
        let holds = match kept.kind {
            Kind::Local(local) => Holds::Local(local),
            _ => Holds::Unit,
        };
        self.add_variable(
            of.0.as_str(),
            holds,
            flags.contains(ASTFlags::CONSTANT),
            *at,
        )
    }

    /// Declares `let x;`: `()` until it is given a value, whose type is then its type.
    fn declare_unset(&mut self, statement: &Stmt) -> Lowering<()> {
        let Stmt::Var(of, flags, at) = statement else {
            return unsupported(statement.position(), "this declaration");
        };
        let local = self.add_local(None);
        self.frame.unset.insert(local.0);
        let is_constant = flags.contains(ASTFlags::CONSTANT);
        self.add_variable(of.0.as_str(), Holds::Local(local), is_constant, *at)
    }

    /// Brings a variable into scope.
    pub(super) fn add_variable(
        &mut self,
        name: &str,
        holds: Holds,
        is_constant: bool,
        at: Position,
    ) -> Lowering<()> {
        // Two more than there may be are room for what a loop declares at once.
        if self.frame.scope.len() + 2 >= self.script.variables_max {
            return unsupported(at, "too many variables at one time");
        }
        self.frame.scope.push(Variable {
            name: name.to_owned(),
            holds,
            is_constant,
            at,
        });
        Ok(())
    }

    /// Returns the variable in scope of this name.
    pub(super) fn variable(&self, name: &str) -> Option<&Variable> {
        self.frame
            .scope
            .iter()
            .rev()
            .find(|known| known.name == name)
    }

    /// Gives a local a value of its type; the first value of an undeclared type decides it.
    pub(super) fn set_local(
        &mut self,
        name: &str,
        local: super::Local,
        value: Expression,
        out: &mut Block,
        at: Position,
    ) -> Lowering<()> {
        let declared = self.variable(name).map(|known| known.at);
        let Some(slot) = self.frame.slots.get_mut(local.0 as usize) else {
            return unsupported(at, "an unknown variable");
        };
        match *slot {
            _ if value.of == Type::Unit => {
                return unsupported(at, format!("`{name}` becomes () here"));
            }
            None => *slot = Some(value.of),
            Some(of) if of != value.of => {
                let (one, other) = (word(of), word(value.of));
                let line = declared.and_then(Position::line).unwrap_or(0);
                let reason =
                    format!("`{name}` holds {one} since line {line} and becomes {other} here");
                return unsupported(at, reason);
            }
            Some(_) => {}
        }
        self.frame.unset.remove(&local.0);
        out.push(Statement::Set(local, value.owned()));
        Ok(())
    }
}

/// Returns whether this is `[]`.
pub(super) fn is_empty_array(value: &Expr) -> bool {
    match value {
        Expr::Array(items, _) => items.is_empty(),
        Expr::DynamicConstant(value, _) => Constant::of(value) == Some(Constant::EmptyArray),
        _ => false,
    }
}
