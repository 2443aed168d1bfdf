//! What the cases of a campaign were made of, and the record that is kept of it.

use super::pair::{Ran, Tally};
use crate::api;
use crate::api::Definition;
use crate::api::definition::{Effect, Form};
use crate::compile::check::word;
use crate::compile::ir::Type;
use crate::compile::noted::Noted;
use rhai::{AST, ASTNode, Expr, FnCallExpr, Position, ScriptFuncDef, Stmt};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

/// Cases by what they contain: each counts once, however often it contains it.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Scripts with their runs of events, of which machine code ran an event to its end.
    pub cases: u64,
    /// Scripts that have a case.
    pub scripts: u64,
    pub tally: Tally,
    /// Scripts without a case.
    pub idle: u64,
    /// Scripts on which the backends differ.
    pub differences: u64,
    /// What was in handlers that machine code ran to their end, and in the functions they call.
    contents: BTreeMap<Part, Often>,
    /// What was in handlers that were interpreted on a state that compiled ones shared: scripts.
    beside: BTreeMap<Part, u64>,
    /// Why scripts were not counted.
    reasons: BTreeMap<String, u64>,
    /// Words of faults.
    faults: BTreeMap<String, u64>,
}

/// A part of a script that is counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Part {
    Statement(&'static str),
    Expression(&'static str),
    /// An operator with the types of its operands.
    Operator(String),
    /// Place in the table of definitions.
    Call(usize),
    /// A method of arrays.
    OfArray(String),
}

/// How often something was there: each script and case counts once, however often it contains it.
#[derive(Clone, Copy, Debug, Default)]
struct Often {
    scripts: u64,
    cases: u64,
}

/// The functions of a script taken apart.
#[derive(Clone)]
struct Parts<'a> {
    ast: &'a AST,
    functions: BTreeMap<(&'a str, usize), &'a ScriptFuncDef>,
    noted: &'a Noted,
    found: BTreeSet<Part>,
    seen: BTreeSet<(String, usize)>,
}

impl Counts {
    /// Adds a case without a difference.
    pub(super) fn add(&mut self, ran: &Ran) {
        self.tally.by_code += ran.tally.by_code;
        self.tally.left += ran.tally.left;
        self.tally.interpreted += ran.tally.interpreted;
        self.tally.faults += ran.tally.faults;
        for fault in &ran.faults {
            let words = fault
                .split_once(": ")
                .map_or(fault.as_str(), |(_, words)| words);
            count_in(&mut self.faults, words);
        }
        // Runs that came through the same handlers are counted at once.
        let mut runs: BTreeMap<&BTreeSet<usize>, u64> = BTreeMap::new();
        for completed in ran.completed.iter().filter(|of| !of.is_empty()) {
            *runs.entry(completed).or_default() += 1;
        }
        if runs.is_empty() {
            self.skip("no event was run to its end by machine code");
            return;
        }
        self.scripts += 1;
        let states = ran.script.handler_states();
        let parts = Parts::new(ran.script.ast(), &ran.noted);
        let of_handlers: Vec<BTreeSet<Part>> = states
            .iter()
            .map(|state| parts.of_handler(&state.name))
            .collect();
        // What is declared is declared by `init`, which both interpret, before anything is compared.
        let mut of_init = parts.of_handler("init");
        of_init.retain(Part::is_declaration);
        let mut in_script = BTreeSet::new();
        for (handlers, count) in runs {
            self.cases += count;
            let of_run = handlers
                .iter()
                .flat_map(|at| &of_handlers[*at])
                .chain(&of_init);
            for part in of_run.collect::<BTreeSet<_>>() {
                self.contents.entry(part.clone()).or_default().cases += count;
                in_script.insert(part.clone());
            }
        }
        for part in in_script {
            self.contents.entry(part).or_default().scripts += 1;
        }
        let interpreted = states
            .iter()
            .zip(&of_handlers)
            .filter(|(state, _)| state.interpreted.is_some());
        for part in interpreted
            .flat_map(|(_, parts)| parts)
            .collect::<BTreeSet<_>>()
        {
            *self.beside.entry(part.clone()).or_default() += 1;
        }
    }

    /// Counts a script that is no case.
    pub(super) fn skip(&mut self, reason: &str) {
        self.idle += 1;
        count_in(&mut self.reasons, reason);
    }

    /// Returns what must be there and is not there often enough.
    pub(super) fn missing(&self, least: u64) -> Vec<String> {
        let all = required().into_iter();
        let few = all.filter(|part| self.of(part).scripts < least);
        few.map(|part| format!("{part}: {}", self.of(&part).scripts))
            .collect()
    }

    fn of(&self, part: &Part) -> Often {
        self.contents.get(part).copied().unwrap_or_default()
    }

    /// Returns the tables of the record.
    pub(super) fn tables(&self) -> String {
        let mut out = String::new();
        type Title = (&'static str, fn(&Part) -> bool);
        let titles: [Title; 5] = [
            ("Statements", |part| matches!(part, Part::Statement(_))),
            ("Expressions", |part| matches!(part, Part::Expression(_))),
            ("Operators by the types of their operands", |part| {
                matches!(part, Part::Operator(_))
            }),
            ("Methods of arrays", |part| matches!(part, Part::OfArray(_))),
            ("The interface", |part| matches!(part, Part::Call(_))),
        ];
        let mut all: BTreeSet<Part> = required().into_iter().collect();
        all.extend(self.contents.keys().chain(self.beside.keys()).cloned());
        for (title, is_of) in titles {
            let _ = writeln!(
                out,
                "\n## {title}\n\n| what | scripts | cases | scripts, interpreted beside |\n|---|---:|---:|---:|"
            );
            for part in all.iter().filter(|part| is_of(part)) {
                let beside = self.beside.get(part).copied().unwrap_or(0);
                let of = self.of(part);
                let _ = writeln!(out, "| {part} | {} | {} | {beside} |", of.scripts, of.cases);
            }
        }
        out
    }

    /// Returns why scripts were no cases, the most frequent first.
    pub(super) fn reasons(&self, count: usize) -> String {
        most(&self.reasons, count)
    }

    /// Returns in which words events ended in a fault, the most frequent first.
    pub(super) fn faults(&self, count: usize) -> String {
        most(&self.faults, count)
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scripts, cases, idle) = (self.scripts, self.cases, self.idle);
        writeln!(
            f,
            "{scripts} scripts, {cases} cases; {idle} scripts without one"
        )?;
        writeln!(f, "{:?}", self.tally)?;
        writeln!(f, "no case because:\n{}", self.reasons(12))?;
        writeln!(f, "faults:\n{}", self.faults(12))
    }
}

impl<'a> Parts<'a> {
    fn new(ast: &'a AST, noted: &'a Noted) -> Self {
        let functions = ast
            .iter_fn_def()
            .map(|of| ((of.name.as_str(), of.params.len()), &**of));
        Self {
            ast,
            functions: functions.collect(),
            noted,
            found: BTreeSet::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Returns what is in a handler and in the functions that it calls.
    fn of_handler(&self, name: &str) -> BTreeSet<Part> {
        let mut parts = self.clone();
        let count = if takes_two(name) { 2 } else { 1 };
        parts.function(name, count);
        parts.found
    }

    /// Takes a function apart, and those that it calls.
    fn function(&mut self, name: &str, count: usize) {
        let Some(function) = self.functions.get(&(name, count)).copied() else {
            return;
        };
        if !self.seen.insert((name.to_owned(), count)) {
            return;
        }
        let mut calls = Vec::new();
        for statement in crate::check::statements(self.ast, function) {
            statement.walk(&mut Vec::new(), &mut |path| {
                match path.last() {
                    Some(ASTNode::Stmt(statement)) => self.statement(statement, &mut calls),
                    Some(ASTNode::Expr(expression)) => self.expression(expression, &mut calls),
                    _ => {}
                }
                true
            });
        }
        for (name, count) in calls {
            self.function(&name, count);
        }
    }

    fn statement(&mut self, of: &Stmt, calls: &mut Vec<(String, usize)>) {
        self.found.insert(Part::Statement(kind_of_statement(of)));
        match of {
            Stmt::Assignment(of) => {
                if let Some((.., name)) = of.0.get_op_assignment_info() {
                    self.operator(of.0.position(), name, &format!("{name}="));
                }
            }
            Stmt::FnCall(call, at) => self.call(call, *at, calls),
            _ => {}
        }
    }

    fn expression(&mut self, of: &Expr, calls: &mut Vec<(String, usize)>) {
        self.found.insert(Part::Expression(kind_of_expression(of)));
        match of {
            Expr::FnCall(call, at) | Expr::MethodCall(call, at) => self.call(call, *at, calls),
            Expr::Property(of, at) => self.used(of.2.as_str(), *at, true),
            _ => {}
        }
    }

    fn call(&mut self, call: &FnCallExpr, at: Position, calls: &mut Vec<(String, usize)>) {
        let (name, count) = (call.name.as_str(), call.args.len());
        if self.functions.contains_key(&(name, count)) {
            calls.push((name.to_owned(), count));
        } else if call.is_operator_call() {
            self.operator(at, name, name);
        } else {
            self.used(name, at, false);
        }
    }

    fn operator(&mut self, at: Position, noted: &str, shown: &str) {
        if let Some(types) = self.noted.get(&(at, noted.to_owned())) {
            self.found.insert(Part::operator(shown, types));
        }
    }

    fn used(&mut self, name: &str, at: Position, is_property: bool) {
        let Some(types) = self.noted.get(&(at, name.to_owned())) else {
            return;
        };
        if types.first().is_some_and(|of| of.is_array()) {
            self.found.insert(Part::OfArray(name.to_owned()));
            return;
        }
        let found = api::definitions().iter().position(|of| {
            of.name == name && (of.form == Form::Property) == is_property && of.fits(types)
        });
        self.found.extend(found.map(Part::Call));
    }
}

impl Part {
    fn operator(name: &str, types: &[Type]) -> Self {
        let types: Vec<&str> = types.iter().map(|of| short(*of)).collect();
        Self::Operator(match &types[..] {
            [one, other] => format!("{one} {name} {other}"),
            all => format!("{name} {}", all.join(" ")),
        })
    }

    fn is_declaration(&self) -> bool {
        let Self::Call(at) = self else {
            return false;
        };
        let definition = api::definitions().get(*at);
        definition.is_some_and(|of| of.effect == Effect::Declares)
    }
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Statement(name) | Self::Expression(name) => f.write_str(name),
            Self::Operator(name) => write!(f, "`{}`", name.replace('|', "\\|")),
            Self::OfArray(name) => write!(f, "`{name}`"),
            Self::Call(at) => {
                let Some(of) = api::definitions().get(*at) else {
                    return f.write_str("?");
                };
                let types: Vec<&str> = of.arguments.iter().map(|of| short(of.of)).collect();
                let types = types.join(", ");
                match of.form {
                    Form::Property => write!(f, "`{types}.{}`", of.name),
                    _ if of.effect == Effect::Declares => {
                        write!(f, "`{}({types})`, in `init`", of.name)
                    }
                    _ => write!(f, "`{}({types})`", of.name),
                }
            }
        }
    }
}

/// Counts a text without its numbers, which differ from script to script.
fn count_in(all: &mut BTreeMap<String, u64>, text: &str) {
    let letters = text.chars().filter(|letter| !letter.is_ascii_digit());
    let short: String = letters.take(70).collect();
    *all.entry(short).or_default() += 1;
}

fn most(all: &BTreeMap<String, u64>, count: usize) -> String {
    let mut all: Vec<_> = all.iter().collect();
    all.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
    let lines = all.iter().take(count);
    lines
        .map(|(text, count)| format!("{count:>8} {text}\n"))
        .collect()
}

fn short(of: Type) -> &'static str {
    match of {
        Type::Int => "int",
        Type::Float => "float",
        Type::Bool => "bool",
        Type::Ints => "ints",
        Type::Floats => "floats",
        other => word(other).split(' ').next_back().unwrap_or_default(),
    }
}

fn takes_two(handler: &str) -> bool {
    !matches!(handler, "init" | "on_book" | "on_start" | "on_stop")
}

/// Returns all that must be there.
fn required() -> Vec<Part> {
    let mut all: Vec<Part> = STATEMENTS.into_iter().map(Part::Statement).collect();
    all.extend(EXPRESSIONS.into_iter().map(Part::Expression));
    // A pure function without arguments is a constant before anything is compiled.
    let is_left = |of: &Definition| of.effect != Effect::Pure || !of.arguments.is_empty();
    let calls = (0..).zip(api::definitions()).filter(|(_, of)| is_left(of));
    all.extend(calls.map(|(at, _)| Part::Call(at)));
    let arithmetic = ["+", "-", "*", "/", "%"];
    let comparisons = ["==", "!=", "<", "<=", ">", ">="];
    let whole = ["<<", ">>", "&", "|", "^"];
    let (int, float, boolean) = (Type::Int, Type::Float, Type::Bool);
    let mut pairs = |names: &[&str], types: &[Type]| {
        all.extend(names.iter().map(|name| Part::operator(name, types)));
    };
    for types in [[int, int], [float, float], [int, float], [float, int]] {
        pairs(&arithmetic, &types);
        pairs(&comparisons, &types);
    }
    pairs(&whole, &[int, int]);
    pairs(&["**"], &[int, int]);
    pairs(&["&", "|", "^"], &[boolean, boolean]);
    pairs(&comparisons, &[boolean, boolean]);
    pairs(&comparisons, &[Type::Text, Type::Text]);
    for of in [Type::Order, Type::Market, Type::Bars] {
        pairs(&["==", "!="], &[of, of]);
    }
    pairs(&["-", "+"], &[int]);
    pairs(&["-", "+"], &[float]);
    pairs(&["!"], &[boolean]);
    for name in arithmetic {
        for types in [[int, int], [float, float], [float, int]] {
            pairs(&[&format!("{name}=")], &types);
        }
    }
    for name in whole {
        pairs(&[&format!("{name}=")], &[int, int]);
    }
    for name in ["&=", "|=", "^="] {
        pairs(&[name], &[boolean, boolean]);
    }
    pairs(&["+="], &[Type::Ints, int]);
    pairs(&["+="], &[Type::Floats, float]);
    all
}

fn kind_of_statement(of: &Stmt) -> &'static str {
    match of {
        Stmt::Noop(_) => "nothing (`Noop`)",
        Stmt::If(..) => "`if`",
        Stmt::Switch(..) => "`switch`",
        Stmt::While(flow, _) if matches!(flow.expr, Expr::Unit(_)) => "`loop`",
        Stmt::While(..) => "`while`",
        Stmt::Do(..) => "`do`",
        Stmt::For(..) => "`for`",
        Stmt::Var(_, flags, _) if flags.contains(rhai::ASTFlags::CONSTANT) => "`const`",
        Stmt::Var(..) => "`let`",
        Stmt::Assignment(of) if of.0.is_op_assignment() => "assignment with an operator",
        Stmt::Assignment(..) => "assignment",
        Stmt::FnCall(..) => "call as a statement",
        Stmt::Block(_) => "block",
        Stmt::TryCatch(..) => "`try`",
        Stmt::Expr(_) => "expression as a statement",
        Stmt::BreakLoop(value, flags, _) => match (value, flags.contains(rhai::ASTFlags::BREAK)) {
            (Some(_), _) => "`break` with a value",
            (None, true) => "`break`",
            (None, false) => "`continue`",
        },
        Stmt::Return(_, flags, _) if flags.contains(rhai::ASTFlags::BREAK) => "`throw`",
        Stmt::Return(Some(_), ..) => "`return` with a value",
        Stmt::Return(..) => "`return`",
        Stmt::Import(..) | Stmt::Export(..) => "modules",
        Stmt::Share(_) => "sharing with a closure",
        _ => "another statement",
    }
}

fn kind_of_expression(of: &Expr) -> &'static str {
    match of {
        Expr::DynamicConstant(..) => "constant array or range",
        Expr::BoolConstant(..) => "constant bool",
        Expr::IntegerConstant(..) => "constant integer",
        Expr::FloatConstant(..) => "constant float",
        Expr::CharConstant(..) => "constant character",
        Expr::StringConstant(..) => "constant text",
        Expr::InterpolatedString(..) => "text with `${...}`",
        Expr::Array(..) => "array",
        Expr::Map(..) => "map",
        Expr::Unit(_) => "`()`",
        Expr::Variable(..) => "variable",
        Expr::ThisPtr(_) => "`this`",
        Expr::Property(..) => "property",
        Expr::MethodCall(..) => "method call",
        Expr::Stmt(_) => "block as an expression",
        Expr::FnCall(call, _) if call.is_operator_call() => "operator",
        Expr::FnCall(..) => "call",
        Expr::Dot(..) => "`.`",
        Expr::Index(..) => "index",
        Expr::And(..) => "`&&`",
        Expr::Or(..) => "`\\|\\|`",
        Expr::Coalesce(..) => "`??`",
        _ => "another expression",
    }
}

/// Statements that have a compiled form.
const STATEMENTS: [&str; 20] = [
    "`if`",
    "`switch`",
    "`loop`",
    "`while`",
    "`do`",
    "`for`",
    "`const`",
    "`let`",
    "assignment",
    "assignment with an operator",
    "call as a statement",
    "block",
    "`try`",
    "expression as a statement",
    "`break`",
    "`break` with a value",
    "`continue`",
    "`throw`",
    "`return`",
    "`return` with a value",
];

/// Expressions that have a compiled form.
const EXPRESSIONS: [&str; 19] = [
    "constant array or range",
    "constant bool",
    "constant integer",
    "constant float",
    "constant text",
    "array",
    "`()`",
    "variable",
    "`this`",
    "property",
    "method call",
    "block as an expression",
    "operator",
    "call",
    "`.`",
    "index",
    "`&&`",
    "`\\|\\|`",
    "`??`",
];
