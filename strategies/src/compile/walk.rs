//! Looking through the typed form: every statement and expression once, in the order of evaluation.
//!
//! Called by whoever asks what is in it, off the hot path.

use super::ir::{Block, Expression, Kind, Statement};

/// What a walk comes by.
#[derive(Clone, Copy, Debug)]
pub(super) enum Seen<'a> {
    /// A statement, before what is in it.
    Statement(&'a Statement),
    /// An expression, before its operands.
    Expression(&'a Expression),
}

/// Visits all of a block.
pub(super) fn block<'a>(of: &'a Block, visit: &mut dyn FnMut(Seen<'a>)) {
    of.iter().for_each(|one| statement(one, visit));
}

/// Visits all of a statement.
pub(super) fn statement<'a>(of: &'a Statement, visit: &mut dyn FnMut(Seen<'a>)) {
    visit(Seen::Statement(of));
    match of {
        Statement::Do(value)
        | Statement::Set(_, value)
        | Statement::SetField(_, value)
        | Statement::Return(Some(value)) => expression(value, visit),
        Statement::SetItem {
            array,
            index,
            value,
        } => {
            expression(array, visit);
            expression(index, visit);
            expression(value, visit);
        }
        Statement::If(condition, yes, no) => {
            expression(condition, visit);
            block(yes, visit);
            block(no, visit);
        }
        Statement::Switch {
            of,
            blocks,
            otherwise,
            ..
        } => {
            expression(of, visit);
            blocks.iter().for_each(|one| block(one, visit));
            block(otherwise, visit);
        }
        Statement::Loop { body, step, .. } => {
            block(body, visit);
            block(step, visit);
        }
        Statement::Break | Statement::Continue | Statement::Return(None) | Statement::SideExit => {}
    }
}

/// Visits all of an expression.
pub(super) fn expression<'a>(of: &'a Expression, visit: &mut dyn FnMut(Seen<'a>)) {
    visit(Seen::Expression(of));
    match &of.kind {
        Kind::Unit
        | Kind::Bool(_)
        | Kind::Int(_)
        | Kind::Float(_)
        | Kind::Text(_)
        | Kind::Market
        | Kind::NoOrder
        | Kind::Local(_)
        | Kind::Field(_) => {}
        Kind::Length(one)
        | Kind::Copy(one)
        | Kind::Unary(_, one)
        | Kind::Fact(one, _)
        | Kind::OrderNumber(one, _)
        | Kind::Member(one, _) => expression(one, visit),
        Kind::Item(a, b) | Kind::Binary(_, a, b) | Kind::And(a, b) | Kind::Or(a, b) => {
            expression(a, visit);
            expression(b, visit);
        }
        Kind::Array(all) | Kind::ArrayCall(_, all) | Kind::Native(_, all) | Kind::Call(_, all) => {
            all.iter().for_each(|one| expression(one, visit))
        }
        Kind::NativeMany(_, named, more) => {
            named.iter().for_each(|one| expression(one, visit));
            more.iter().for_each(|one| expression(one, visit));
        }
        Kind::After(first, value) => {
            block(first, visit);
            expression(value, visit);
        }
    }
}
