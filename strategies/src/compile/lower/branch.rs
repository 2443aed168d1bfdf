//! `if`, and joining the values of branches.

use super::{
    Block, Body, Expression, Kind, Lowering, Outcome, Position, Statement, Type, Want, mistaken,
    order, unsupported, word,
};
use rhai::{Expr, FlowControl, StmtBlock};
use std::collections::BTreeSet;

/// A branch that was lowered.
pub(super) struct Branch {
    pub statements: Block,
    pub outcome: Outcome,
    /// Variables that hold nothing at its end.
    pub unset: BTreeSet<u32>,
}

impl Body<'_, '_> {
    /// Lowers `if`.
    pub(super) fn if_else(
        &mut self,
        flow: &FlowControl,
        at: Position,
        out: &mut Block,
        wants: Want,
    ) -> Lowering<Outcome> {
        let condition = self.condition(&flow.expr)?;
        let before = self.frame.unset.clone();
        let mut yes = self.branch(&flow.body, wants)?;
        self.frame.unset = before;
        let mut no = self.branch(&flow.branch, wants)?;
        let outcome = self.join(&mut [&mut yes, &mut no], wants, at)?;
        out.push(Statement::If(condition, yes.statements, no.statements));
        Ok(outcome)
    }

    /// Lowers an expression that must be true or false.
    pub(super) fn condition(&mut self, value: &Expr) -> Lowering<Expression> {
        let at = value.start_position();
        let value = self.expression(value)?;
        if value.of == Type::Bool {
            Ok(value)
        } else {
            let reason = format!("a condition must be true or false, not {}", word(value.of));
            mistaken(at, reason, "compare it with something", &[&value])
        }
    }

    fn branch(&mut self, block: &StmtBlock, wants: Want) -> Lowering<Branch> {
        let mut statements = Block::new();
        let outcome = self.statements(block.statements(), &mut statements, wants)?;
        Ok(Branch {
            statements,
            outcome,
            unset: self.frame.unset.clone(),
        })
    }

    /// Lowers an expression as a branch.
    pub(super) fn branch_of(&mut self, value: &Expr, wants: Want) -> Lowering<Branch> {
        let mut statements = Block::new();
        let outcome = match value {
            Expr::Stmt(block) => self.statements(block.statements(), &mut statements, wants)?,
            Expr::Unit(_) => Outcome::Value(Expression::unit()),
            other => {
                let value = self.expression(other)?;
                Outcome::Value(self.use_or_drop(value, &mut statements, wants))
            }
        };
        Ok(Branch {
            statements,
            outcome,
            unset: self.frame.unset.clone(),
        })
    }

    /// Lets branches meet: gives the value of whichever ran.
    pub(super) fn join(
        &mut self,
        branches: &mut [&mut Branch],
        wants: Want,
        at: Position,
    ) -> Lowering<Outcome> {
        let going = |branch: &&mut Branch| matches!(branch.outcome, Outcome::Value(_));
        self.frame.unset = branches
            .iter()
            .filter(|branch| going(branch))
            .flat_map(|branch| branch.unset.iter().copied())
            .collect();
        let mut of = None;
        for branch in branches.iter() {
            let Outcome::Value(value) = &branch.outcome else {
                continue;
            };
            match of {
                None => of = Some(value.of),
                Some(known) if known == value.of => {}
                Some(known) => {
                    let (one, other) = (word(known), word(value.of));
                    return unsupported(at, format!("one branch gives {one} and another {other}"));
                }
            }
        }
        let Some(of) = of else {
            return Ok(Outcome::Leaves);
        };
        if wants == Want::Nothing || of == Type::Unit {
            for branch in branches.iter_mut() {
                branch.finish(None);
            }
            return Ok(Outcome::Value(Expression::unit()));
        }
        let result = self.local(of);
        for branch in branches.iter_mut() {
            branch.finish(Some(result));
        }
        Ok(Outcome::Value(Expression::new(of, Kind::Local(result))))
    }
}

impl Branch {
    /// Puts the branch's value where it is looked for.
    fn finish(&mut self, result: Option<super::Local>) {
        let outcome = std::mem::replace(&mut self.outcome, Outcome::Leaves);
        let Outcome::Value(value) = outcome else {
            return;
        };
        match result {
            Some(local) => self.statements.push(Statement::Set(local, value.owned())),
            None if order::acts(&value) => self.statements.push(Statement::Do(value)),
            None => {}
        }
    }
}
