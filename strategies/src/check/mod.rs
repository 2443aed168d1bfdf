//! The static checker: what can be said of a script without running it.
//!
//! Works on the syntax tree as parsed, before any optimization. The types of values are not known
//! here, except those of what the engine passes to handlers.

mod body;
mod schema;

use crate::diagnostic::{DIAGNOSTICS_MAX, Diagnostic, Source};
use crate::names::{did_you_mean, nearest};
use crate::sandbox::{Catalogue, DISABLED_SYMBOLS, Kind};
use body::Body;
use claire_engine::strategy::Handlers;
use claire_types::InstrumentKey;
use rhai::{
    AST, ASTFlags, ASTNode, Dynamic, Expr, FnCallExpr, FnPtr, LexError, ParseError, ParseErrorType,
    Position, ScriptFuncDef, Stmt,
};
use std::collections::{BTreeMap, BTreeSet};

/// Argument counts of the script's own functions.
type Functions = BTreeMap<String, BTreeSet<usize>>;

/// Checks the top level and the handlers' names and arguments; returns the handlers.
pub(crate) fn outline(
    source: Source<'_>,
    ast: &AST,
    diagnostics: &mut Vec<Diagnostic>,
) -> Handlers {
    for statement in ast.statements() {
        if diagnostics.len() == DIAGNOSTICS_MAX {
            break;
        }
        top_level(source, statement, diagnostics);
    }
    let mut handlers = Handlers::default();
    let mut has_init = false;
    for function in ast.iter_fn_def() {
        let name = function.name.as_str();
        match HANDLERS.iter().find(|(known, _)| *known == name) {
            Some((_, kinds)) if kinds.len() == function.params.len() => {
                has_init |= name == "init";
                set(&mut handlers, name);
            }
            Some((_, kinds)) => {
                has_init |= name == "init";
                diagnostics.push(wrong_count(source, function, kinds));
            }
            None => diagnostics.extend(mistyped_handler(source, function)),
        }
    }
    if !has_init {
        diagnostics.push(missing_init(source, ast));
    } else if handlers == Handlers::default() && diagnostics.is_empty() {
        let message = "the script has no handler: nothing would ever call it after `init`";
        let hint = "write at least one of on_book, on_trade, on_bar, on_timer".to_owned();
        diagnostics.push(Diagnostic::of_file(source.file, message).with_hint(Some(hint)));
    }
    handlers
}

/// Checks the bodies of all functions and the values of all constants.
pub(crate) fn bodies(source: Source<'_>, ast: &AST, diagnostics: &mut Vec<Diagnostic>) {
    let mut functions = Functions::new();
    for function in ast.iter_fn_def() {
        let counts = functions.entry(function.name.to_string()).or_default();
        counts.insert(function.params.len());
    }
    let constants: BTreeSet<String> = constants(ast).map(str::to_owned).collect();
    let init = ast.iter_fn_def().find(|function| function.name == "init");
    let fields = init.and_then(|init| schema::fields(&statements(ast, init)));
    let known = body::Known {
        source,
        catalogue: Catalogue::shared(),
        functions: &functions,
        constants: &constants,
        fields: fields.as_ref(),
        foreign: &foreign(ast),
        captured: &captured(ast),
    };
    Body::top_level(&known, diagnostics).statements(ast.statements());
    // In the order of the file, so that the first thing told is the first thing seen.
    let mut all: Vec<&ScriptFuncDef> = ast.iter_fn_def().map(|function| &**function).collect();
    all.sort_by_key(|function| (position(function), function.name.clone()));
    for function in all {
        let kinds = HANDLERS
            .iter()
            .find(|(name, _)| *name == function.name.as_str());
        let kinds = kinds.map_or(&[][..], |(_, kinds)| kinds);
        Body::of_function(&known, function, kinds, diagnostics)
            .check(function, &statements(ast, function));
    }
}

/// Returns what is wrong with a script that does not parse.
pub(crate) fn not_parsed(source: Source<'_>, fault: &ParseError) -> Diagnostic {
    let text = fault.err_type().to_string();
    let message = match text.chars().next() {
        Some(first) => first.to_lowercase().chain(text.chars().skip(1)).collect(),
        None => "syntax error".to_owned(),
    };
    source
        .at(fault.position(), message)
        .with_hint(parse_hint(fault.err_type()))
}

/// Returns the names of functions called as methods of something else than `this`.
fn foreign(ast: &AST) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::Dot(of, ..))) = path.last()
            && !matches!(of.lhs, Expr::ThisPtr(_))
        {
            let called = match &of.rhs {
                Expr::Dot(next, ..) | Expr::Index(next, ..) => &next.lhs,
                last => last,
            };
            if let Expr::MethodCall(call, _) = called {
                names.insert(call.name.to_string());
            }
        }
        true
    });
    names
}

/// Returns how many variables each closure captures.
fn captured(ast: &AST) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Expr(Expr::FnCall(call, _))) = path.last()
            && call.name == "curry"
            && let Some(Expr::DynamicConstant(value, _)) = call.args.first()
            && let Some(closure) = value.read_lock::<FnPtr>()
        {
            counts.insert(closure.fn_name().to_owned(), call.args.len() - 1);
        }
        true
    });
    counts
}

/// Returns the markets that `init`, and what it calls, names by constant texts: each once, in the order of the text.
pub(crate) fn markets(ast: &AST, constants: &[(String, Dynamic)]) -> Vec<InstrumentKey> {
    let mut found: Vec<InstrumentKey> = Vec::new();
    let mut reached = vec!["init".to_owned()];
    let mut next = 0;
    while let Some(name) = reached.get(next).cloned() {
        next += 1;
        let functions = ast.iter_fn_def().filter(|function| function.name == name);
        let bodies = functions.flat_map(|function| statements(ast, function));
        for statement in bodies {
            statement.walk(&mut Vec::new(), &mut |path| {
                let Some(call) = path.last().and_then(called) else {
                    return true;
                };
                if let ("market", [argument]) = (call.name.as_str(), &*call.args)
                    && let Some(key) =
                        text_of(argument, constants).and_then(|text| text.parse().ok())
                    && !found.contains(&key)
                {
                    found.push(key);
                }
                if !reached.iter().any(|known| call.name == known) {
                    reached.push(call.name.to_string());
                }
                true
            });
        }
    }
    found
}

/// Returns the call that a node is.
fn called<'a>(node: &ASTNode<'a>) -> Option<&'a FnCallExpr> {
    match node {
        ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _))
        | ASTNode::Stmt(Stmt::FnCall(call, _)) => Some(call),
        _ => None,
    }
}

/// Returns the text that an expression always is.
fn text_of(expression: &Expr, constants: &[(String, Dynamic)]) -> Option<String> {
    match expression {
        Expr::StringConstant(text, _) => Some(text.to_string()),
        Expr::Variable(of, ..) => {
            let known = constants.iter().find(|(name, _)| name == of.1.as_str());
            known.and_then(|(_, value)| value.clone().into_string().ok())
        }
        _ => None,
    }
}

/// Returns whether a closure uses one of these names from outside of it.
pub(crate) fn captures_any(ast: &AST, is_one: impl Fn(&str) -> bool) -> bool {
    let mut any = false;
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        if let Some(ASTNode::Stmt(Stmt::Share(names))) = path.last() {
            any |= names.iter().any(|(name, _)| is_one(name.name.as_str()));
        }
        true
    });
    any
}

fn parse_hint(fault: &ParseErrorType) -> Option<String> {
    let text = fault.to_string();
    if let ParseErrorType::BadInput(LexError::UnexpectedInput(input)) = fault
        && !input.is_ascii()
    {
        return Some(
            "names are of a to z, A to Z, digits and `_`; all else is for texts".to_owned(),
        );
    }
    let is_of = |symbol: &&str| text.contains(&format!("'{symbol}'"));
    let hint = match DISABLED_SYMBOLS.into_iter().find(is_of)? {
        "print" | "debug" => "write `note(\"text {}\", value)`; it goes on the record",
        "Fn" => "write a closure, as in `|x| x + 1`",
        "eval" => "text cannot be evaluated",
        _ => "a strategy is one file",
    };
    Some(hint.to_owned())
}

fn top_level(source: Source<'_>, statement: &Stmt, diagnostics: &mut Vec<Diagnostic>) {
    match statement {
        Stmt::Noop(_) => {}
        Stmt::Var(_, flags, _) if flags.contains(ASTFlags::CONSTANT) => {}
        Stmt::Var(of, _, position) => {
            let name = of.0.name.as_str();
            let at = if of.0.pos.is_none() {
                *position
            } else {
                of.0.pos
            };
            let message = format!("`let {name}` at the top level: no function could see it");
            let hint = format!(
                "write `const {name} = ...`, or make it a field of the map that `init` returns: `this.{name}`"
            );
            diagnostics.push(source.at(at, message).with_hint(Some(hint)));
        }
        other => {
            let message = "only `const` and `fn` stand at the top level; this would never run";
            diagnostics.push(source.at(other.position(), message));
        }
    }
}

/// Returns the names of the top-level constants.
pub(crate) fn constants(ast: &AST) -> impl Iterator<Item = &str> {
    ast.statements()
        .iter()
        .filter_map(|statement| match statement {
            Stmt::Var(of, flags, _) if flags.contains(ASTFlags::CONSTANT) => {
                Some(of.0.name.as_str())
            }
            _ => None,
        })
}

fn set(handlers: &mut Handlers, name: &str) {
    match name {
        "on_book" => handlers.book = true,
        "on_trade" => handlers.trade = true,
        "on_bar" => handlers.bar = true,
        "on_timer" => handlers.timer = true,
        "on_fill" => handlers.fill = true,
        "on_order" => handlers.order = true,
        "on_start" => handlers.start = true,
        "on_stop" => handlers.stop = true,
        _ => {}
    }
}

fn wrong_count(source: Source<'_>, function: &ScriptFuncDef, kinds: &[Option<Kind>]) -> Diagnostic {
    let name = function.name.as_str();
    let at = source.function_position(name, position(function));
    let (want, found) = (kinds.len(), function.params.len());
    let plural = if want == 1 { "" } else { "s" };
    let message = format!("`{name}` takes {want} argument{plural}, not {found}");
    let usage = HANDLERS_HELP
        .iter()
        .find(|(usage, _)| usage.starts_with(&format!("{name}(")));
    source
        .at(at, message)
        .with_hint(usage.map(|(usage, _)| format!("write `fn {usage}`")))
}

/// Returns a diagnostic where a function is named almost like a handler, or as only handlers are.
fn mistyped_handler(source: Source<'_>, function: &ScriptFuncDef) -> Option<Diagnostic> {
    let name = function.name.as_str();
    if !name.starts_with("on_") {
        return None;
    }
    let names = HANDLERS.iter().map(|(name, _)| *name);
    let hint = did_you_mean(name, names.clone())
        .unwrap_or_else(|| format!("the handlers are {}", names.collect::<Vec<_>>().join(", ")));
    let at = source.function_position(name, position(function));
    Some(
        source
            .at(at, format!("there is no handler `{name}`"))
            .with_hint(Some(hint)),
    )
}

fn missing_init(source: Source<'_>, ast: &AST) -> Diagnostic {
    let message = "the script has no `init(m)`";
    let mut names: Vec<&ScriptFuncDef> = ast.iter_fn_def().map(|function| &**function).collect();
    names.sort_by_key(|function| function.name.clone());
    let near = names.into_iter().find(|function| {
        nearest(function.name.as_str(), ["init"]).is_some()
            || function.name.eq_ignore_ascii_case("init")
            || function.name == "initialize"
    });
    match near {
        Some(function) => {
            let at = source.function_position(function.name.as_str(), position(function));
            source.at(at, message).with_hint(Some(format!(
                "did you mean `init` with `{}`?",
                function.name
            )))
        }
        None => {
            let hint = "write `fn init(m) { #{} }`: it returns the fields of the state";
            Diagnostic::of_file(source.file, message).with_hint(Some(hint.to_owned()))
        }
    }
}

fn position(function: &ScriptFuncDef) -> Position {
    function.body.start_position()
}

/// Returns a function's statements. Rhai shows a body only to its own walk, so they are copied.
pub(crate) fn statements(ast: &AST, function: &ScriptFuncDef) -> Vec<Stmt> {
    // `clone_functions_only_filtered` of Rhai 1.27 does not filter.
    let mut alone = ast.clone_functions_only();
    alone.retain_functions(|_, _, name, count| {
        name == function.name && count == function.params.len()
    });
    let mut statements = Vec::new();
    alone.walk(&mut |path: &[ASTNode<'_>]| {
        if let [ASTNode::Stmt(statement)] = path {
            statements.push((*statement).clone());
        }
        true
    });
    statements
}

/// Returns the variables that statements assign to.
pub(crate) fn assigned(statements: &[Stmt]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for statement in statements {
        statement.walk(&mut Vec::new(), &mut |path| {
            if let Some(ASTNode::Stmt(Stmt::Assignment(of))) = path.last()
                && let Expr::Variable(of, ..) = &of.1.lhs
            {
                names.insert(of.1.to_string());
            }
            true
        });
    }
    names
}

/// Handlers and the types of their arguments; a timer's name is text.
const HANDLERS: [(&str, &[Option<Kind>]); 9] = [
    ("init", &[Some(Kind::Market)]),
    ("on_book", &[Some(Kind::Market)]),
    ("on_trade", &[Some(Kind::Market), Some(Kind::Trade)]),
    ("on_bar", &[Some(Kind::Market), Some(Kind::Bar)]),
    ("on_timer", &[Some(Kind::Market), None]),
    ("on_fill", &[Some(Kind::Market), Some(Kind::Fill)]),
    ("on_order", &[Some(Kind::Market), Some(Kind::Order)]),
    ("on_start", &[Some(Kind::Market)]),
    ("on_stop", &[Some(Kind::Market)]),
];

/// How handlers are written, and when they are called.
pub(crate) const HANDLERS_HELP: [(&str, &str); 9] = [
    (
        "init(m)",
        "At every load, before anything else: declares bars, indicators and timers, and returns the first `this`, a map.",
    ),
    (
        "on_start(m)",
        "Once per run, when all indicators are warm, before any handler but `init`.",
    ),
    (
        "on_book(m)",
        "After each frame that changed the best prices or a watched level; not while the book is stale.",
    ),
    ("on_trade(m, trade)", "For each trade of others."),
    (
        "on_bar(m, bar)",
        "For each bar of `m.bars(...)` that closed.",
    ),
    ("on_timer(m, name)", "When a timer is due."),
    ("on_fill(m, fill)", "For each fill of ours."),
    (
        "on_order(m, order)",
        "When the state of an order of ours changed.",
    ),
    (
        "on_stop(m)",
        "Once per run, at its end. What opens a position is denied here.",
    ),
];
