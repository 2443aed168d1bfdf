//! Typed lowering of a function's body: from Rhai's statements to the typed form.
//!
//! Called by `check`. What Rhai would refuse while it runs becomes a side exit; what has no exact
//! compiled form is a [`Failure`] with its place. Where Rhai evaluates in another order than the typed
//! form does, and it matters, values are kept in locals ([`order`]).

mod array;
mod assign;
mod block;
mod branch;
mod builtin;
mod call;
mod chain;
mod constant;
mod cost;
mod loops;
mod operator;
mod order;
mod ranges;
mod switch;
mod value;

pub(crate) use constant::Constant;

use super::check::{Failure, Lowering, NotCompiled, Script, Source, mistaken, unsupported, word};
use super::ir::{Block, Expression, Function, Kind, Local, Statement, Type};
use rhai::{ASTNode, Expr, Position, Stmt};
use std::collections::BTreeSet;
use std::rc::Rc;

/// Whether a value is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Want {
    /// Somebody reads it: all paths must agree on its type.
    Value,
    /// Nobody does.
    Nothing,
}

/// How statements end.
#[derive(Debug)]
enum Outcome {
    /// By going on, with this value.
    Value(Expression),
    /// By leaving: nothing after them runs.
    Leaves,
}

/// A function on its way.
pub(crate) struct Body<'s, 'a> {
    script: &'s mut Script<'a>,
    /// `this` is the state.
    has_this: bool,
    is_handler: bool,
    wants: Want,
    parameters: Vec<Type>,
    frame: Frame,
}

/// What changes while a body is lowered.
#[derive(Clone, Debug, Default)]
struct Frame {
    /// Types of the locals; `None` for a variable declared without a value, until it has one.
    slots: Vec<Option<Type>>,
    scope: Vec<Variable>,
    loops: Vec<Loop>,
    /// Variables that hold nothing yet on some path to here.
    unset: BTreeSet<u32>,
    /// What the function returns on the paths so far.
    returned: Option<Type>,
}

/// A variable of the script.
#[derive(Clone, Debug)]
struct Variable {
    name: String,
    holds: Holds,
    is_constant: bool,
    at: Position,
}

/// What a variable stands for.
#[derive(Clone, Debug)]
enum Holds {
    Local(Local),
    /// `()`, always.
    Unit,
    /// The handler's market.
    Market,
    /// Something that could not be lowered: in `init` only.
    Nothing(NotCompiled),
}

/// A loop around the place at hand.
#[derive(Clone, Debug)]
struct Loop {
    wants: Want,
    /// Where a `break` puts its value.
    result: Option<(Type, Local)>,
    /// A `break` without a value was seen.
    has_plain_break: bool,
    has_break: bool,
}

impl<'s, 'a> Body<'s, 'a> {
    /// Returns the body of a handler; its market comes first.
    pub(crate) fn of_handler(script: &'s mut Script<'a>, arguments: &[Type]) -> Self {
        let mut body = Self::of_function(script, true, arguments);
        body.is_handler = true;
        body
    }

    /// Returns the body of a function of the script.
    pub(crate) fn of_function(
        script: &'s mut Script<'a>,
        has_this: bool,
        arguments: &[Type],
    ) -> Self {
        Self {
            script,
            has_this,
            is_handler: false,
            wants: Want::Nothing,
            parameters: arguments.to_vec(),
            frame: Frame::default(),
        }
    }

    /// Returns the body of `init`, of which only types are wanted.
    pub(crate) fn of_init(script: &'s mut Script<'a>, init: &Source) -> Self {
        let mut body = Self::of_function(script, false, &[Type::Market]);
        body.declare_parameters(init);
        body
    }

    /// Lowers the function.
    pub(crate) fn lower(mut self, source: &Rc<Source>, wants: Want) -> Lowering<Function> {
        self.wants = wants;
        let operations = cost::function(&source.statements);
        if !self.script.may_compile(operations) {
            let reason = format!("`{}` is too long to be compiled", source.name);
            return unsupported(source.position, reason);
        }
        self.declare_parameters(source);
        let mut body = Block::new();
        let outcome = self.statements(&source.statements, &mut body, wants)?;
        if let Outcome::Value(value) = outcome {
            let end = source
                .statements
                .last()
                .map_or(source.position, Stmt::position);
            self.return_value(value, &mut body, end)?;
        }
        let returns = self.frame.returned.unwrap_or(Type::Unit);
        let slots = self.frame.slots.iter();
        let function = Function {
            name: source.name.clone(),
            is_handler: self.is_handler,
            // A variable that never had a value is never read.
            locals: slots.map(|of| of.unwrap_or(Type::Bool)).collect(),
            parameters: self.parameters.len(),
            returns,
            operations,
            body,
        };
        Ok(function)
    }

    /// Lowers a statement of `init` for the types of its variables, as far as it goes.
    pub(crate) fn probe(&mut self, statement: &Stmt) {
        let before = self.frame.clone();
        if let Err(failure) = self.statement(statement, &mut Block::new(), Want::Nothing) {
            self.frame = before;
            self.poison(statement, failure);
        }
    }

    /// Returns the type of an expression of `init`.
    pub(crate) fn type_of(&mut self, value: &Expr) -> Lowering<Type> {
        self.expression(value).map(|value| value.of)
    }

    /// Makes all that a statement declares or changes unknown.
    fn poison(&mut self, statement: &Stmt, failure: Failure) {
        let fault = match failure {
            Failure::Unsupported(fault) => fault,
            Failure::Recursion(_) => NotCompiled::new(statement.position(), "a recursion"),
        };
        let (mut assigned, mut called) = (BTreeSet::new(), BTreeSet::new());
        statement.walk(&mut Vec::new(), &mut |path| {
            if let Some(ASTNode::Stmt(Stmt::Assignment(of))) = path.last() {
                assigned.extend(chain::root_name(&of.1.lhs));
            }
            if let Some(ASTNode::Expr(value @ (Expr::Dot(..) | Expr::Index(..)))) = path.last() {
                called.extend(chain::root_name(value));
            }
            true
        });
        let slots = &self.frame.slots;
        for variable in &mut self.frame.scope {
            let of = match &variable.holds {
                Holds::Local(local) => slots.get(local.0 as usize).copied().flatten(),
                _ => None,
            };
            // A method may change its object, but not what is only a number of the engine's.
            let is_handle = matches!(of, Some(Type::Market | Type::Bars | Type::Indicator));
            let name = &variable.name;
            if assigned.contains(name) || (called.contains(name) && !is_handle) {
                variable.holds = Holds::Nothing(fault.clone());
            }
        }
        if let Stmt::Var(of, ..) = statement {
            self.frame.scope.push(Variable {
                name: of.0.name.to_string(),
                holds: Holds::Nothing(fault),
                is_constant: false,
                at: statement.position(),
            });
        }
    }

    fn declare_parameters(&mut self, source: &Source) {
        for (number, (name, of)) in source
            .parameters
            .iter()
            .zip(self.parameters.clone())
            .enumerate()
        {
            let local = self.local(of);
            let holds = if self.is_handler && number == 0 && of == Type::Market {
                Holds::Market
            } else {
                Holds::Local(local)
            };
            self.frame.scope.push(Variable {
                name: name.clone(),
                holds,
                is_constant: false,
                at: source.position,
            });
        }
    }

    /// Adds a local.
    fn local(&mut self, of: Type) -> Local {
        self.add_local(Some(of))
    }

    fn add_local(&mut self, of: Option<Type>) -> Local {
        let local = Local(u32::try_from(self.frame.slots.len()).unwrap_or(u32::MAX));
        self.frame.slots.push(of);
        local
    }

    /// Keeps a value in a new local; of `()` only what it does is kept.
    fn keep(&mut self, value: Expression, out: &mut Block) -> Expression {
        if value.of == Type::Unit {
            if order::acts(&value) {
                out.push(Statement::Do(value));
            }
            return Expression::unit();
        }
        let of = value.of;
        let local = self.local(of);
        out.push(Statement::Set(local, value.owned()));
        Expression::new(of, Kind::Local(local))
    }

    fn type_of_local(&self, local: Local) -> Option<Type> {
        self.frame.slots.get(local.0 as usize).copied().flatten()
    }

    /// Emits the return of a value, or only what computing it does.
    fn return_value(&mut self, value: Expression, out: &mut Block, at: Position) -> Lowering<()> {
        if self.wants == Want::Nothing || value.of == Type::Unit {
            if order::acts(&value) {
                out.push(Statement::Do(value));
            }
            if self.wants == Want::Value {
                self.join_returned(Type::Unit, at)?;
            }
            out.push(Statement::Return(None));
            return Ok(());
        }
        self.join_returned(value.of, at)?;
        out.push(Statement::Return(Some(value.owned())));
        Ok(())
    }

    fn join_returned(&mut self, of: Type, at: Position) -> Lowering<()> {
        match self.frame.returned {
            Some(known) if known != of => {
                let (one, other) = (word(known), word(of));
                unsupported(
                    at,
                    format!("the function returns {one} on one path and {other} on another"),
                )
            }
            _ => {
                self.frame.returned = Some(of);
                Ok(())
            }
        }
    }
}

impl Expression {
    fn new(of: Type, kind: Kind) -> Self {
        Self { of, kind }
    }

    fn unit() -> Self {
        Self::new(Type::Unit, Kind::Unit)
    }

    fn bool(value: bool) -> Self {
        Self::new(Type::Bool, Kind::Bool(value))
    }

    fn int(value: i64) -> Self {
        Self::new(Type::Int, Kind::Int(value))
    }

    fn float(value: f64) -> Self {
        Self::new(Type::Float, Kind::Float(value))
    }

    /// Returns the value after these statements.
    fn after(self, before: Block) -> Self {
        if before.is_empty() {
            return self;
        }
        Self::new(self.of, Kind::After(before, Box::new(self)))
    }

    /// Returns an array as a value of its own: Rhai copies it on every assignment, argument and return.
    fn owned(self) -> Self {
        let is_new = matches!(self.kind, Kind::Array(_) | Kind::Copy(_) | Kind::Call(..));
        if self.of.is_array() && !is_new {
            Self::new(self.of, Kind::Copy(Box::new(self)))
        } else {
            self
        }
    }

    /// Returns another reading of a local; `None` of what is none.
    fn again(&self) -> Option<Self> {
        let kind = match &self.kind {
            Kind::Unit => Kind::Unit,
            Kind::Bool(value) => Kind::Bool(*value),
            Kind::Int(value) => Kind::Int(*value),
            Kind::Float(value) => Kind::Float(*value),
            Kind::Text(text) => Kind::Text(*text),
            Kind::Market => Kind::Market,
            Kind::NoOrder => Kind::NoOrder,
            Kind::Local(local) => Kind::Local(*local),
            Kind::Field(field) => Kind::Field(*field),
            _ => return None,
        };
        Some(Self::new(self.of, kind))
    }
}
