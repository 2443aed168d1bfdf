//! The fields that `init` gives the state, where the source shows them.

use rhai::{ASTNode, Expr, Stmt};
use std::collections::BTreeSet;

/// Returns the fields of the map literals that `init` returns; `None` where it returns something else
/// than literals, so that only a run can tell.
pub(super) fn fields(statements: &[Stmt]) -> Option<BTreeSet<String>> {
    let mut fields = BTreeSet::new();
    let mut is_known = true;
    for statement in statements {
        statement.walk(&mut Vec::new(), &mut |path| {
            if let Some(ASTNode::Stmt(Stmt::Return(value, ..))) = path.last() {
                is_known &= add(value.as_deref(), &mut fields);
            }
            true
        });
    }
    is_known &= match statements.last() {
        Some(Stmt::Return(..)) => true,
        Some(Stmt::Expr(value)) => add(Some(value), &mut fields),
        // A call's value may be a map that a helper made.
        Some(Stmt::FnCall(..)) => false,
        Some(Stmt::If(..) | Stmt::Switch(..) | Stmt::Block(..) | Stmt::TryCatch(..)) => false,
        _ => true,
    };
    is_known.then_some(fields)
}

/// Adds a returned literal's fields; returns whether it is one. No value is a state without fields.
fn add(value: Option<&Expr>, fields: &mut BTreeSet<String>) -> bool {
    match value {
        None | Some(Expr::Unit(_)) => true,
        Some(Expr::Map(of, _)) => {
            fields.extend(of.1.keys().map(ToString::to_string));
            fields.extend(of.0.iter().map(|(name, _)| name.name.to_string()));
            true
        }
        Some(_) => false,
    }
}
