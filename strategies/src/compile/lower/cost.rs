//! What the interpreter spends on a piece of the syntax tree, at most: its operations, as Rhai counts them.
//!
//! Called by the lowering, off the hot path. Machine code is charged by this bound, so that a call that Rhai would
//! cut for its operations always reaches the limit here, too, and is left to the interpreter's own count. The bound
//! must never be below what is counted (`eval/`, `func/call.rs` of the pinned version); a test compares the two.

use rhai::{BinaryExpr, Expr, FlowControl, FnCallExpr, Stmt, StmtBlock};

/// Returns the operations of a call of a function with these statements, loops within counted for one turn.
pub(crate) fn function(statements: &[Stmt]) -> u64 {
    CALL + block(statements)
}

/// Returns the operations of one turn of a loop: its condition, its body, and the turn itself.
pub(super) fn turn(flow: &FlowControl) -> u64 {
    1 + expression(&flow.expr) + body(&flow.body)
}

fn body(of: &StmtBlock) -> u64 {
    block(of.statements())
}

fn block(statements: &[Stmt]) -> u64 {
    statements.iter().map(statement).sum()
}

fn statement(of: &Stmt) -> u64 {
    let inner = match of {
        Stmt::Noop(_) | Stmt::Share(_) => 0,
        Stmt::Expr(value) => expression(value),
        Stmt::Var(of, ..) => expression(&of.1),
        Stmt::Assignment(of) => ASSIGNMENT + both(&of.1),
        Stmt::FnCall(of, _) => call(of),
        Stmt::Block(of) => body(of),
        Stmt::If(flow, _) => expression(&flow.expr) + body(&flow.body).max(body(&flow.branch)),
        Stmt::While(flow, _) | Stmt::Do(flow, ..) => turn(flow),
        Stmt::For(of, _) => turn(&of.2),
        Stmt::BreakLoop(value, ..) | Stmt::Return(value, ..) => {
            value.as_deref().map_or(0, expression)
        }
        Stmt::Switch(of, _) => {
            let cases = &of.1.expressions;
            let conditions: u64 = cases.iter().map(|case| expression(&case.lhs)).sum();
            let longest = cases.iter().map(|case| expression(&case.rhs)).max();
            expression(&of.0) + conditions + longest.unwrap_or(0)
        }
        other => nodes(other),
    };
    1 + inner
}

fn expression(of: &Expr) -> u64 {
    let inner = match of {
        Expr::FnCall(of, _) | Expr::MethodCall(of, _) => call(of),
        Expr::Dot(of, ..) | Expr::Index(of, ..) => {
            let gives_back = if has_method(&of.rhs) { GIVEN_BACK } else { 0 };
            LINK + gives_back + both(of)
        }
        Expr::And(all, _) | Expr::Or(all, _) | Expr::Coalesce(all, _) => {
            all.iter().map(expression).sum()
        }
        Expr::Array(all, _) | Expr::InterpolatedString(all, _) => all.iter().map(expression).sum(),
        Expr::Map(of, _) => of.0.iter().map(|(_, value)| expression(value)).sum(),
        Expr::Stmt(of) => body(of),
        // Values and names; there is no syntax of our own.
        _ => 0,
    };
    1 + inner
}

fn both(of: &BinaryExpr) -> u64 {
    expression(&of.lhs) + expression(&of.rhs)
}

/// Returns the operations of a call without what its function does.
fn call(of: &FnCallExpr) -> u64 {
    CALL + of.args.iter().map(expression).sum::<u64>()
}

/// Returns whether a chain calls a method: it may change a copy, which is then given back to where it is from.
fn has_method(rest: &Expr) -> bool {
    match rest {
        Expr::MethodCall(..) => true,
        Expr::Dot(of, ..) | Expr::Index(of, ..) => has_method(&of.lhs) || has_method(&of.rhs),
        _ => false,
    }
}

/// Returns a bound for what is not looked into, as it is not compiled: so many operations for each node.
fn nodes(of: &Stmt) -> u64 {
    let mut count = 0;
    of.walk(&mut Vec::new(), &mut |_| {
        count += NODE;
        true
    });
    count
}

/// Operations of entering a function.
const CALL: u64 = 1;
/// Operations of an operator that assigns, where it is a function: the operator, and then the plain one.
const ASSIGNMENT: u64 = 2;
/// Operations of a link of a chain, beside those of its parts.
const LINK: u64 = 1;
/// Operations of giving a changed copy back: a setter, or an indexer where there is none.
const GIVEN_BACK: u64 = 2;
/// Operations of a node of any kind, with all that may be done for it.
const NODE: u64 = 6;
