//! Chains of properties, methods and indices.
//!
//! Rhai evaluates all arguments and indices of a chain first, from left to right, then its root, and
//! then goes along the chain.

use super::{
    Block, Body, Expression, Holds, Kind, Lowering, Position, Type, Want, array, builtin,
    unsupported, word,
};
use crate::compile::check::{Slot, join};
use crate::compile::touch::{Touch, conflict, touch, touch_all};
use rhai::{ASTFlags, Expr, FnCallExpr};

/// One link of a chain.
pub(super) enum Step<'e> {
    Property(&'e str, Position),
    Method(&'e FnCallExpr, Position),
    Index(&'e Expr),
}

/// What a chain has come to.
enum Place {
    /// The state, or a map within it, by its path.
    State(String),
    Value(Expression),
}

/// Returns a chain's root and links; `None` of what is no chain that can be lowered.
pub(super) fn flatten(chain: &Expr) -> Option<(&Expr, Vec<Step<'_>>)> {
    let (mut of, mut flags, mut is_index) = match chain {
        Expr::Dot(of, flags, _) => (of, *flags, false),
        Expr::Index(of, flags, _) => (of, *flags, true),
        _ => return None,
    };
    let root = &of.lhs;
    let mut steps = Vec::new();
    loop {
        let is_last = flags.contains(ASTFlags::BREAK);
        let next = match &of.rhs {
            Expr::Dot(next, flags, _) if !is_last => Some((next, *flags, false)),
            Expr::Index(next, flags, _) if !is_last => Some((next, *flags, true)),
            _ => None,
        };
        let link = next.map_or(&of.rhs, |(next, ..)| &next.lhs);
        steps.push(match link {
            index if is_index => Step::Index(index),
            Expr::Property(of, at) => Step::Property(of.2.as_str(), *at),
            Expr::MethodCall(call, at) => Step::Method(call, *at),
            _ => return None,
        });
        match next {
            Some(next) => (of, flags, is_index) = next,
            None => return Some((root, steps)),
        }
    }
}

/// Returns the variable that a chain or an assignment's target begins with.
pub(super) fn root_name(value: &Expr) -> Option<String> {
    match value {
        Expr::Variable(of, ..) => Some(of.1.to_string()),
        Expr::Dot(of, ..) | Expr::Index(of, ..) => root_name(&of.lhs),
        _ => None,
    }
}

impl Body<'_, '_> {
    /// Lowers a chain.
    pub(super) fn chain(&mut self, chain: &Expr, wants: Want) -> Lowering<Expression> {
        let at = chain.start_position();
        let Some((root, steps)) = flatten(chain) else {
            return unsupported(at, "this chain");
        };
        let mut arguments = Vec::new();
        for step in &steps {
            arguments.push(match step {
                Step::Property(..) => Vec::new(),
                Step::Method(call, _) => self.expressions(&call.args)?,
                Step::Index(index) => vec![self.expression(index)?],
            });
        }
        let mut place = self.root(root)?;
        let mut before = Block::new();
        if must_keep(&place, &steps, &arguments) {
            for values in &mut arguments {
                *values = self.keep_all(std::mem::take(values), &mut before);
            }
        }
        let last = steps.len().saturating_sub(1);
        let is_constant = self.is_constant(root);
        for (number, (step, arguments)) in steps.iter().zip(arguments).enumerate() {
            let wants = if number == last { wants } else { Want::Value };
            let is_fixed = is_constant && number == 0;
            place = match (place, step) {
                (Place::State(path), step) => self.of_state(&path, step, arguments, at, wants)?,
                (Place::Value(of), Step::Property(name, at)) => {
                    Place::Value(self.property(of, name, *at)?)
                }
                (Place::Value(of), Step::Method(call, at)) => {
                    Place::Value(self.method(of, call, arguments, *at, is_fixed)?)
                }
                (Place::Value(of), Step::Index(_)) => Place::Value(item(of, arguments, at)?),
            };
        }
        match place {
            Place::Value(value) => Ok(value.after(before)),
            Place::State(path) => {
                unsupported(at, format!("the map `this.{path}` as a value of its own"))
            }
        }
    }

    fn root(&mut self, root: &Expr) -> Lowering<Place> {
        let Expr::ThisPtr(at) = root else {
            return self.expression(root).map(Place::Value);
        };
        self.need_this(*at)?;
        Ok(Place::State(String::new()))
    }

    /// Refuses `this` where the function was called without.
    pub(super) fn need_this(&self, at: Position) -> Lowering<()> {
        if self.has_this {
            return Ok(());
        }
        unsupported(
            at,
            "`this` is not known in a function called as `name(...)`: call it as `this.name(...)`",
        )
    }

    /// Returns whether this is a variable that may not be changed.
    pub(super) fn is_constant(&self, value: &Expr) -> bool {
        match value {
            Expr::Variable(of, ..) => self
                .variable(of.1.as_str())
                .is_none_or(|known| known.is_constant || matches!(known.holds, Holds::Market)),
            _ => false,
        }
    }

    fn of_state(
        &mut self,
        path: &str,
        step: &Step<'_>,
        arguments: Vec<Expression>,
        at: Position,
        wants: Want,
    ) -> Lowering<Place> {
        match step {
            Step::Property(name, at) => self.field(path, name, *at),
            Step::Index(Expr::StringConstant(name, at)) => self.field(path, name, *at),
            Step::Index(_) => unsupported(at, "a field of `this` by a name that is computed"),
            Step::Method(call, at) => {
                let name = call.name.as_str();
                match self.script.source(name, call.args.len()) {
                    Some(source) if path.is_empty() => self
                        .script_call(&source, true, arguments, *at, wants)
                        .map(Place::Value),
                    _ => unsupported(*at, format!("`{name}` of a map")),
                }
            }
        }
    }

    fn field(&self, path: &str, name: &str, at: Position) -> Lowering<Place> {
        let path = join(path, name);
        match self.script.state.slot(&path) {
            Ok(Slot::Map) => Ok(Place::State(path)),
            Ok(Slot::Field(id, of)) => Ok(Place::Value(Expression::new(*of, Kind::Field(*id)))),
            Ok(Slot::Unknown(why)) => unsupported(at, why.clone()),
            Err(why) => unsupported(at, why),
        }
    }

    /// Lowers a property of a value.
    fn property(&mut self, of: Expression, name: &str, at: Position) -> Lowering<Expression> {
        #[cfg(test)]
        crate::compile::noted::note(at, name, [&of]);
        match of.of {
            Type::Ints | Type::Floats if matches!(name, "len" | "is_empty") => {
                Ok(array::array_property(name, of))
            }
            found @ (Type::Int | Type::Float) => match builtin::property(name, of) {
                Some(value) => Ok(value),
                None => unsupported(at, format!("`{name}` of {}", word(found))),
            },
            _ => self.native(name, true, vec![of], at),
        }
    }

    /// Lowers a method of a value.
    fn method(
        &mut self,
        of: Expression,
        call: &FnCallExpr,
        arguments: Vec<Expression>,
        at: Position,
        is_fixed: bool,
    ) -> Lowering<Expression> {
        let name = call.name.as_str();
        if self.script.source(name, call.args.len()).is_some() {
            let found = word(of.of);
            return unsupported(at, format!("`{name}` with {found} as its `this`"));
        }
        if of.of.is_array() {
            if is_fixed && !matches!(name, "len" | "is_empty" | "contains" | "index_of") {
                return unsupported(at, format!("`{name}` of a constant"));
            }
            return self.array_method(of, name, arguments, at);
        }
        let all = std::iter::once(of).chain(arguments).collect();
        self.known_call(name, all, at)
    }
}

/// Returns an array's item.
fn item(of: Expression, mut arguments: Vec<Expression>, at: Position) -> Lowering<Expression> {
    let found = word(of.of);
    match (of.of.item(), arguments.pop()) {
        (Some(item), Some(index)) if index.of == Type::Int => {
            let kind = Kind::Item(Box::new(of), Box::new(index));
            Ok(Expression::new(item, kind))
        }
        (Some(_), _) => unsupported(at, "an index that is no integer"),
        (None, _) => unsupported(at, format!("`[...]` of {found}")),
    }
}

/// Returns whether the arguments must be computed before the chain, because the typed form would
/// compute them in its course and that would differ.
fn must_keep(place: &Place, steps: &[Step<'_>], arguments: &[Vec<Expression>]) -> bool {
    let mut so_far = match (place, steps.first()) {
        (Place::State(_), Some(Step::Method(..))) => Touch::Nothing,
        (Place::State(_), _) => Touch::Reads,
        (Place::Value(value), _) => touch(value),
    };
    for (step, arguments) in steps.iter().zip(arguments) {
        let own = touch_all(arguments);
        if conflict(so_far, own) {
            return true;
        }
        let by_step = match step {
            Step::Method(..) => Touch::Changes,
            Step::Property(..) | Step::Index(_) => Touch::Reads,
        };
        so_far = so_far.max(own).max(by_step);
    }
    false
}
