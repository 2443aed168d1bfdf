//! One function's body: are the names it uses there?
//!
//! Follows the scopes of the language, so that a variable is known where Rhai would find it.

use super::Functions;
use crate::api::reference::usage;
use crate::compile::ir::Type;
use crate::constants::PARAM_COUNTS;
use crate::diagnostic::DIAGNOSTICS_MAX;
use crate::diagnostic::{Diagnostic, Source};
use crate::names::{did_you_mean, spans};
use crate::sandbox::{Catalogue, Kind};
use rhai::{
    ASTFlags, Expr, FlowControl, FnCallExpr, Ident, Position, ScriptFuncDef, Stmt, StmtBlock,
};
use std::collections::{BTreeMap, BTreeSet};

/// What is known of the whole script.
pub(super) struct Known<'a> {
    pub source: Source<'a>,
    pub catalogue: &'a Catalogue,
    pub functions: &'a Functions,
    pub constants: &'a BTreeSet<String>,
    /// Fields of the state; `None` where only a run can tell.
    pub fields: Option<&'a BTreeSet<String>>,
    /// Functions that are called as methods of something else than the state: their `this` is that.
    pub foreign: &'a BTreeSet<String>,
    /// How many variables each closure captures.
    pub captured: &'a BTreeMap<String, usize>,
}

/// The walk through one body.
pub(super) struct Body<'a> {
    known: &'a Known<'a>,
    place: Place,
    scope: Vec<(String, Option<Kind>)>,
    /// What fails here is caught.
    is_tried: bool,
    diagnostics: &'a mut Vec<Diagnostic>,
}

/// Where a body stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    TopLevel,
    Init,
    /// Where `this` is the state.
    Function,
    /// Where `this` may be anything.
    Foreign,
}

/// What a property or method is asked of.
#[derive(Clone, Copy)]
enum Receiver {
    State,
    Of(Kind),
    Unknown,
}

impl<'a> Body<'a> {
    /// Returns the walk through the constants.
    pub(super) fn top_level(known: &'a Known<'a>, diagnostics: &'a mut Vec<Diagnostic>) -> Self {
        Self {
            known,
            place: Place::TopLevel,
            scope: Vec::new(),
            is_tried: false,
            diagnostics,
        }
    }

    /// Returns the walk through a function whose arguments are of these types.
    pub(super) fn of_function(
        known: &'a Known<'a>,
        function: &ScriptFuncDef,
        kinds: &[Option<Kind>],
        diagnostics: &'a mut Vec<Diagnostic>,
    ) -> Self {
        let place = match function.name.as_str() {
            "init" => Place::Init,
            name if known.foreign.contains(name) => Place::Foreign,
            _ => Place::Function,
        };
        let kinds = kinds.iter().copied().chain(std::iter::repeat(None));
        let names = function.params.iter().map(ToString::to_string);
        Self {
            known,
            place,
            scope: names.zip(kinds).collect(),
            is_tried: false,
            diagnostics,
        }
    }

    /// Checks the function with these statements.
    pub(super) fn check(mut self, function: &ScriptFuncDef, statements: &[Stmt]) {
        let start = function.body.start_position();
        let at = self
            .known
            .source
            .function_position(function.name.as_str(), start);
        // What a closure captures comes first; a captured constant is the constant itself.
        let captured = self
            .known
            .captured
            .get(function.name.as_str())
            .copied()
            .unwrap_or(0);
        for name in function.params.iter().skip(captured) {
            self.refuse_constant_name(name.as_str(), at);
        }
        let assigned = super::assigned(statements);
        for (name, kind) in &mut self.scope {
            // It may hold anything.
            *kind = kind.filter(|_| !assigned.contains(name.as_str()));
        }
        self.statements(statements);
    }

    /// Checks statements of one scope.
    pub(super) fn statements(&mut self, statements: &[Stmt]) {
        let outer = self.scope.len();
        for statement in statements {
            self.statement(statement);
        }
        self.scope.truncate(outer);
    }

    fn block(&mut self, block: &StmtBlock) {
        self.statements(block.statements());
    }

    fn statement(&mut self, statement: &Stmt) {
        match statement {
            Stmt::If(flow, _) => self.flow(flow),
            Stmt::While(flow, _) | Stmt::Do(flow, ..) => self.flow(flow),
            Stmt::Switch(of, _) => {
                self.expression(&of.0);
                for case in &of.1.expressions {
                    self.expression(&case.lhs);
                    self.expression(&case.rhs);
                }
            }
            Stmt::For(of, _) => self.for_loop(of),
            Stmt::Var(of, ..) => {
                self.expression(&of.1);
                self.declare(&of.0, statement.position());
            }
            Stmt::Assignment(of) => {
                if of
                    .0
                    .get_op_assignment_info()
                    .is_some_and(|(.., name)| name == "**")
                {
                    self.refuse_power(of.0.position());
                }
                self.expression(&of.1.lhs);
                self.expression(&of.1.rhs);
                self.assigned(&of.1.lhs);
            }
            Stmt::FnCall(call, position) => self.call(call, *position),
            Stmt::Block(block) => self.block(block),
            Stmt::TryCatch(flow, _) => self.try_catch(flow),
            Stmt::Expr(value) => self.expression(value),
            Stmt::BreakLoop(Some(value), ..) | Stmt::Return(Some(value), ..) => {
                self.expression(value);
            }
            Stmt::Import(_, position) | Stmt::Export(_, position) => {
                self.tell(
                    *position,
                    "a strategy is one file: there is nothing to import or export",
                    None,
                );
            }
            _ => {}
        }
    }

    /// Tells of an assignment that can only fail: to a constant, or to a property of what the engine hands out.
    fn assigned(&mut self, place: &Expr) {
        if self.is_tried {
            return;
        }
        let known = self.known;
        match place {
            Expr::Variable(of, _, position) => {
                let name = of.1.as_str();
                let is_constant =
                    known.constants.contains(name) || known.catalogue.constants.contains(name);
                if is_constant && !self.scope.iter().any(|(local, _)| local == name) {
                    let hint = "what changes is a field of the map that `init` returns".to_owned();
                    let message = format!("`{name}` is a constant: it cannot be assigned to");
                    self.tell(*position, message, Some(hint));
                }
            }
            Expr::Dot(of, ..) => {
                if let (Receiver::Of(kind), Expr::Property(property, position)) =
                    (self.receiver(&of.lhs), &of.rhs)
                {
                    let (of, name) = (kind.as_str(), property.2.as_str());
                    let message = format!("`{name}` of {of} is read only");
                    let hint =
                        "keep a value of your own in a variable or a field of `this`".to_owned();
                    self.tell(*position, message, Some(hint));
                }
            }
            _ => {}
        }
    }

    fn flow(&mut self, flow: &FlowControl) {
        self.expression(&flow.expr);
        self.block(&flow.body);
        self.block(&flow.branch);
    }

    fn for_loop(&mut self, of: &(Ident, Option<Ident>, FlowControl)) {
        let (name, counter, flow) = of;
        self.expression(&flow.expr);
        let outer = self.scope.len();
        self.declare(name, name.pos);
        if let Some(counter) = counter {
            self.declare(counter, counter.pos);
        }
        self.block(&flow.body);
        self.scope.truncate(outer);
    }

    fn try_catch(&mut self, flow: &FlowControl) {
        let outside = std::mem::replace(&mut self.is_tried, true);
        self.block(&flow.body);
        self.is_tried = outside;
        let outer = self.scope.len();
        if let Expr::Variable(name, _, position) = &flow.expr {
            self.refuse_constant_name(name.1.as_str(), *position);
            self.scope.push((name.1.to_string(), None));
        }
        self.block(&flow.branch);
        self.scope.truncate(outer);
    }

    fn declare(&mut self, name: &Ident, statement: Position) {
        if self.place != Place::TopLevel {
            let at = if name.pos.is_none() {
                statement
            } else {
                name.pos
            };
            self.refuse_constant_name(name.name.as_str(), at);
        } else if self.known.catalogue.constants.contains(name.name.as_str()) {
            let message = format!("`{}` is a constant of the interface", name.name);
            self.tell(name.pos, message, Some("choose another name".to_owned()));
        }
        self.scope.push((name.name.to_string(), None));
    }

    /// A constant stands for its value in every function, so nothing else may have its name.
    fn refuse_constant_name(&mut self, name: &str, at: Position) {
        let known = self.known;
        if known.constants.contains(name) || known.catalogue.constants.contains(name) {
            let message = format!("`{name}` is the name of a constant");
            self.tell(
                at,
                message,
                Some("choose another name for the variable".to_owned()),
            );
        }
    }

    fn expressions<'e>(&mut self, all: impl IntoIterator<Item = &'e Expr>) {
        for expression in all {
            self.expression(expression);
        }
    }

    fn expression(&mut self, expression: &Expr) {
        match expression {
            Expr::InterpolatedString(parts, _) | Expr::Array(parts, _) => {
                self.expressions(parts.iter());
            }
            Expr::Map(of, _) => self.expressions(of.0.iter().map(|(_, value)| value)),
            Expr::Variable(of, _, position) => {
                if of.2.is_empty() {
                    self.variable(of.1.as_str(), *position);
                } else {
                    let message = format!(
                        "`{}::{}`: a strategy is one file, without modules",
                        of.2, of.1
                    );
                    let hint = format!("constants are known everywhere: write `{}`", of.1);
                    self.tell(*position, message, Some(hint));
                }
            }
            Expr::ThisPtr(position) => self.this(*position),
            Expr::Stmt(block) => self.block(block),
            Expr::FnCall(call, position) => self.call(call, *position),
            Expr::Dot(of, flags, _) => self.chain(&of.lhs, &of.rhs, Link::Dot, *flags),
            Expr::Index(of, flags, _) => self.chain(&of.lhs, &of.rhs, Link::Index, *flags),
            Expr::And(parts, _) | Expr::Or(parts, _) | Expr::Coalesce(parts, _) => {
                self.expressions(parts.iter());
            }
            _ => {}
        }
    }

    fn this(&mut self, position: Position) {
        match self.place {
            Place::TopLevel => self.tell(position, "there is no `this` at the top level", None),
            Place::Init => {
                let hint =
                    "`init` returns the first state as a map: `#{ field: value }`".to_owned();
                self.tell(position, "there is no `this` in `init` yet", Some(hint));
            }
            Place::Function | Place::Foreign => {}
        }
    }

    fn variable(&mut self, name: &str, position: Position) {
        let known = self.known;
        let is_known = self.scope.iter().any(|(local, _)| local == name)
            || known.catalogue.constants.contains(name)
            || known.functions.contains_key(name)
            || (self.place != Place::TopLevel && known.constants.contains(name));
        if is_known {
            return;
        }
        let hint = if known.fields.is_some_and(|fields| fields.contains(name)) {
            Some(format!("did you mean `this.{name}`?"))
        } else {
            let locals = self.scope.iter().map(|(local, _)| local.as_str());
            let constants = known.constants.iter().chain(&known.catalogue.constants);
            did_you_mean(name, locals.chain(constants.map(String::as_str)))
        };
        self.tell(position, format!("unknown variable `{name}`"), hint);
    }

    fn call(&mut self, call: &FnCallExpr, position: Position) {
        self.expressions(call.args.iter());
        let name = call.name.as_str();
        if call.is_operator_call() {
            let is_whole = |value: &Expr| matches!(value, Expr::IntegerConstant(..));
            if name == "**" && !call.args.iter().all(is_whole) {
                self.refuse_power(position);
            }
            return;
        }
        if call.is_qualified() {
            let message = format!(
                "`{}::{name}`: a strategy is one file, without modules",
                call.namespace
            );
            self.tell(position, message, None);
            return;
        }
        let count = call.args.len();
        let is_local = self.scope.iter().any(|(local, _)| local == name);
        let is_parameter =
            self.place == Place::TopLevel && name == "param" && PARAM_COUNTS.contains(&count);
        if is_local
            || is_parameter
            || LANGUAGE_FUNCTIONS.contains(&name)
            || self.has_function(name, count)
        {
            return;
        }
        self.unknown_function(name, count, position, Receiver::Unknown);
    }

    fn has_function(&self, name: &str, count: usize) -> bool {
        let own = self.known.functions.get(name);
        let all = self.known.catalogue.functions.get(name);
        own.is_some_and(|counts| counts.contains(&count))
            || all.is_some_and(|counts| counts.contains(&count))
    }

    fn chain(&mut self, head: &Expr, rest: &Expr, link: Link, flags: ASTFlags) {
        self.expression(head);
        let receiver = self.receiver(head);
        self.link(receiver, rest, link, flags);
    }

    /// Returns what is known of the value that a chain begins with.
    fn receiver(&self, head: &Expr) -> Receiver {
        match head {
            Expr::ThisPtr(_) if self.place == Place::Foreign => Receiver::Unknown,
            Expr::ThisPtr(_) => Receiver::State,
            Expr::Variable(of, ..) => {
                let found = self
                    .scope
                    .iter()
                    .rev()
                    .find(|(local, _)| local == of.1.as_str());
                found
                    .and_then(|(_, kind)| *kind)
                    .map_or(Receiver::Unknown, Receiver::Of)
            }
            _ => Receiver::Unknown,
        }
    }

    /// Checks what follows a `.` or stands in `[ ]`, and what is chained on to it.
    fn link(&mut self, receiver: Receiver, rest: &Expr, link: Link, flags: ASTFlags) {
        let is_last = flags.contains(ASTFlags::BREAK);
        let (head, next) = match rest {
            Expr::Dot(of, flags, _) if !is_last => (&of.lhs, Some((&of.rhs, Link::Dot, *flags))),
            Expr::Index(of, flags, _) if !is_last => {
                (&of.lhs, Some((&of.rhs, Link::Index, *flags)))
            }
            other => (other, None),
        };
        match (link, head) {
            (Link::Dot, Expr::Property(of, position)) => {
                self.property(receiver, of.2.as_str(), *position)
            }
            (Link::Dot, Expr::MethodCall(call, position)) => self.method(receiver, call, *position),
            (_, other) => self.expression(other),
        }
        if let Some((rest, link, flags)) = next {
            self.link(Receiver::Unknown, rest, link, flags);
        }
    }

    fn property(&mut self, receiver: Receiver, name: &str, position: Position) {
        match receiver {
            Receiver::State => self.field(name, position),
            Receiver::Of(kind) => {
                let properties = self.known.catalogue.properties.get(&kind);
                if properties.is_some_and(|properties| properties.contains(name)) {
                    return;
                }
                let hint = match usage(name, Some(kind.type_of())) {
                    Some(usage) => Some(format!("it is called: {usage}")),
                    None => {
                        did_you_mean(name, properties.into_iter().flatten().map(String::as_str))
                    }
                };
                self.tell(position, format!("{} has no `{name}`", kind.as_str()), hint);
            }
            Receiver::Unknown => {}
        }
    }

    fn field(&mut self, name: &str, position: Position) {
        let Some(fields) = self.known.fields else {
            return;
        };
        if self.place != Place::Function || fields.contains(name) {
            return;
        }
        let hint = did_you_mean(name, fields.iter().map(String::as_str))
            .unwrap_or_else(|| format!("add `{name}: ...` to the map that `init` returns"));
        let message = format!("`this.{name}`: `init` does not create this field");
        self.tell(position, message, Some(hint));
    }

    fn method(&mut self, receiver: Receiver, call: &FnCallExpr, position: Position) {
        self.expressions(call.args.iter());
        let (name, count) = (call.name.as_str(), call.args.len());
        let known = self.known;
        let own = known
            .functions
            .get(name)
            .is_some_and(|counts| counts.contains(&count));
        let found = match receiver {
            Receiver::Of(kind) => {
                let methods = known
                    .catalogue
                    .methods
                    .get(&kind)
                    .and_then(|of| of.get(name));
                methods.is_some_and(|counts| counts.contains(&count))
            }
            Receiver::State => {
                let holds = known.fields.is_none_or(|fields| fields.contains(name));
                holds || self.has_function(name, count + 1)
            }
            Receiver::Unknown => self.has_function(name, count + 1),
        };
        if !(own || found || LANGUAGE_FUNCTIONS.contains(&name)) {
            self.unknown_function(name, count, position, receiver);
        }
    }

    fn unknown_function(&mut self, name: &str, count: usize, at: Position, receiver: Receiver) {
        let known = self.known;
        if let Some(counts) = self.known_counts(name, receiver) {
            let message = format!("`{name}` takes {counts}, not {count}");
            let hint = if known.functions.contains_key(name) {
                None
            } else {
                usage(name, receiver.type_of()).map(|usage| format!("write {usage}"))
            };
            self.tell(at, message, hint);
            return;
        }
        if let Receiver::Of(kind) = receiver
            && known
                .catalogue
                .properties
                .get(&kind)
                .is_some_and(|of| of.contains(name))
        {
            let message = format!("`{name}` of {} is no function", kind.as_str());
            self.tell(at, message, Some("write it without `()`".to_owned()));
            return;
        }
        let own = known.functions.keys().map(String::as_str);
        let hint = match receiver {
            Receiver::Of(kind) => {
                let methods = known
                    .catalogue
                    .methods
                    .get(&kind)
                    .into_iter()
                    .flat_map(|of| of.keys());
                did_you_mean(name, own.chain(methods.map(String::as_str)))
            }
            _ => did_you_mean(
                name,
                own.chain(known.catalogue.functions.keys().map(String::as_str)),
            ),
        };
        self.tell(at, format!("unknown function `{name}`"), hint);
    }

    /// Returns in words how many arguments a function of this name takes, if there is one.
    fn known_counts(&self, name: &str, receiver: Receiver) -> Option<String> {
        let own = self.known.functions.get(name);
        let counts: BTreeSet<usize> = match receiver {
            Receiver::Of(kind) => {
                let methods = self
                    .known
                    .catalogue
                    .methods
                    .get(&kind)
                    .and_then(|of| of.get(name));
                own.or(methods)?.clone()
            }
            Receiver::State => own?.clone(),
            Receiver::Unknown => own.or(self.known.catalogue.functions.get(name))?.clone(),
        };
        let plural = if counts == BTreeSet::from([1]) {
            ""
        } else {
            "s"
        };
        Some(format!("{} argument{plural}", spans(&counts)))
    }

    fn refuse_power(&mut self, at: Position) {
        let hint = "write `pow(x, y)`, which gives the same bits on every machine".to_owned();
        self.tell(at, "`**` of floats differs between machines", Some(hint));
    }

    fn tell(&mut self, at: Position, message: impl Into<String>, hint: Option<String>) {
        // A text of faults alone would take hours to tell, and nobody would read on.
        if self.diagnostics.len() < DIAGNOSTICS_MAX {
            self.diagnostics
                .push(self.known.source.at(at, message).with_hint(hint));
        }
    }
}

impl Receiver {
    fn type_of(self) -> Option<Type> {
        match self {
            Self::Of(kind) => Some(kind.type_of()),
            Self::State | Self::Unknown => None,
        }
    }
}

/// How a chain goes on.
#[derive(Clone, Copy)]
enum Link {
    Dot,
    Index,
}

/// Functions that the language itself answers.
const LANGUAGE_FUNCTIONS: [&str; 7] = [
    "type_of",
    "call",
    "curry",
    "is_shared",
    "is_def_var",
    "is_def_fn",
    "is_anonymous",
];
