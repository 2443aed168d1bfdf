//! A strategy file, checked and ready to run.
//!
//! Compiled off the hot path, by `claire check`, at start and on reload; then shared by every entry
//! that runs it with the same parameters. Only [`Script::load`] reads a file.

use crate::backend::{Compiled, HandlerState};
use crate::diagnostic::{DIAGNOSTICS_MAX, Diagnostic, Source};
use crate::{Limits, Parameter, Value, check, constants, sandbox};
use claire_engine::strategy::Handlers;
use claire_types::InstrumentKey;
use rhai::{AST, Dynamic, Engine, Module, OptimizationLevel, Position};
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;

/// A checked script with its parameters set.
pub struct Script {
    name: String,
    source: String,
    parameters: Vec<Parameter>,
    handlers: Handlers,
    /// Markets that its `init` names.
    markets: Vec<InstrumentKey>,
    limits: Limits,
    engine: Engine,
    ast: AST,
    compiled: Compiled,
}

impl Script {
    /// Compiles a script's text under the default limits.
    ///
    /// An override beats the file's default; of several overrides of one parameter the first counts,
    /// so `--set` goes before the configuration.
    ///
    /// # Errors
    /// All that is wrong with it, in the order of the file; never empty.
    pub fn compile(
        name: &str,
        source: &str,
        overrides: &[(String, Value)],
    ) -> Result<Self, Vec<Diagnostic>> {
        Self::compile_under(&Limits::default(), name, source, overrides)
    }

    /// Compiles a script's text under these limits.
    ///
    /// # Errors
    /// As [`Script::compile`].
    pub fn compile_under(
        limits: &Limits,
        name: &str,
        source: &str,
        overrides: &[(String, Value)],
    ) -> Result<Self, Vec<Diagnostic>> {
        Self::compile_within(
            limits,
            name,
            Source {
                file: name,
                text: source,
            },
            overrides,
        )
    }

    /// Reads and compiles a file; the script has the file's name without its ending.
    ///
    /// Links are followed to a regular file.
    ///
    /// # Errors
    /// As [`Script::compile`], and where the file cannot be read, is no regular file, is too large or is not UTF-8.
    pub fn load(
        limits: &Limits,
        path: &Path,
        overrides: &[(String, Value)],
    ) -> Result<Self, Vec<Diagnostic>> {
        let file = path.display().to_string();
        let name = path
            .file_stem()
            .map_or_else(|| file.clone(), |stem| stem.to_string_lossy().into_owned());
        let text = read(limits, path, &file).map_err(|fault| vec![*fault])?;
        Self::compile_within(
            limits,
            &name,
            Source {
                file: &file,
                text: &text,
            },
            overrides,
        )
    }

    /// Compiles a text under these limits.
    pub(crate) fn compile_within(
        limits: &Limits,
        name: &str,
        source: Source<'_>,
        overrides: &[(String, Value)],
    ) -> Result<Self, Vec<Diagnostic>> {
        let script = Self::built(limits, name, source, overrides)?;
        match script.mistakes(source.file) {
            mistakes if mistakes.is_empty() => Ok(script),
            mistakes => Err(sorted(mistakes)),
        }
    }

    /// Compiles a text without a look at what can only fail when it runs.
    pub(crate) fn built(
        limits: &Limits,
        name: &str,
        source: Source<'_>,
        overrides: &[(String, Value)],
    ) -> Result<Self, Vec<Diagnostic>> {
        let source = Source {
            // Editors on some systems write it before the text.
            text: source.text.strip_prefix('\u{feff}').unwrap_or(source.text),
            ..source
        };
        let mut engine = sandbox::engine(limits);
        let parsed = engine.compile(source.text);
        let parsed = parsed.map_err(|fault| vec![check::not_parsed(source, &fault)])?;
        let mut diagnostics = Vec::new();
        let handlers = check::outline(source, &parsed, &mut diagnostics);
        check::bodies(source, &parsed, &mut diagnostics);
        if !diagnostics.is_empty() {
            let is_all = diagnostics.len() < DIAGNOSTICS_MAX;
            let mut told = sorted(diagnostics);
            if !is_all {
                let message = format!("only the first {DIAGNOSTICS_MAX} mistakes are told");
                told.push(Diagnostic::of_file(source.file, message));
            }
            return Err(told);
        }
        let found = constants::evaluate(limits, source, &parsed, overrides).map_err(sorted)?;
        let mut constants: Vec<(String, Dynamic)> = sandbox::constants().into_iter().collect();
        constants.extend(found.values.iter().cloned());
        let ast = with_constants(&mut engine, source, &parsed, found.values)
            .map_err(|fault| vec![*fault])?;
        let markets = check::markets(&parsed, &constants);
        let compiled = Compiled::of(&ast, &constants, limits);
        Ok(Self {
            name: name.to_owned(),
            source: source.text.to_owned(),
            parameters: found.parameters,
            handlers,
            markets,
            limits: *limits,
            engine,
            ast,
            compiled,
        })
    }

    /// Returns the name it was compiled under.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns its text.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns its parameters in the order of the file.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Returns the handlers it has, beside `init`.
    pub fn handlers(&self) -> Handlers {
        self.handlers
    }

    /// Returns the markets that its `init` names by constant texts: [`Strategy::markets`](claire_engine::strategy::Strategy::markets).
    pub fn markets(&self) -> &[InstrumentKey] {
        &self.markets
    }

    /// Returns its handlers beside `init`, and how each is run where the backend leaves it open.
    pub fn handler_states(&self) -> &[HandlerState] {
        &self.compiled.handlers
    }

    /// Returns what speaks against running it without the interpreter: each handler that is not compiled.
    pub fn interpreted(&self, file: &str) -> Vec<Diagnostic> {
        let handlers = self.compiled.handlers.iter();
        handlers
            .filter_map(|handler| handler.diagnostic(file, &self.source))
            .collect()
    }

    /// Returns what in handlers can only fail when it runs, of each handler the first.
    fn mistakes(&self, file: &str) -> Vec<Diagnostic> {
        let source = self.source_in(file);
        let told = self.compiled.mistakes.iter().map(|why| {
            let number = |of: u32| u16::try_from(of).unwrap_or(0);
            let at = match number(why.line) {
                0 => Position::NONE,
                line => Position::new(line, number(why.column)),
            };
            let hint = why.mistake.as_ref().map(|mistake| mistake.hint.clone());
            let hint = hint.filter(|hint| !hint.is_empty());
            let message = format!("{}: this can only fail", why.reason);
            source.at(at, message).with_hint(hint)
        });
        told.collect()
    }

    /// Returns what a failed call said as a diagnostic, at the place that its words begin with; at no place where they
    /// name none.
    pub fn failed(&self, file: &str, what: &str, said: &str) -> Diagnostic {
        let (position, rest) = placed(said).unwrap_or((Position::NONE, said));
        self.source_in(file).at(position, format!("{what}: {rest}"))
    }

    /// Returns likewise that `init` failed, at `init` itself where the words name no place.
    pub fn init_failed(&self, file: &str, said: &str) -> Diagnostic {
        let what = "when it was run, `init` failed";
        if placed(said).is_some() {
            return self.failed(file, what, said);
        }
        let source = self.source_in(file);
        let position = source.function_position("init", Position::NONE);
        source.at(position, format!("{what}: {said}"))
    }

    /// Returns that a market which `init` names did not appear, at the place where it is named.
    pub fn without_market(&self, file: &str, market: &str) -> Diagnostic {
        let source = self.source_in(file);
        let lines = (1..=u16::MAX).zip(self.source.lines());
        let found = lines.into_iter().find_map(|(line, text)| {
            let column = text.get(..text.find(market)?)?.chars().count() + 1;
            Some(Position::new(line, u16::try_from(column).unwrap_or(0)))
        });
        let message =
            format!("when it was run, `init` waited for the market {market}, which never appeared");
        let hint = "run it over data that has the market: `--data FILE ...`".to_owned();
        source
            .at(found.unwrap_or(Position::NONE), message)
            .with_hint(Some(hint))
    }

    fn source_in<'a>(&'a self, file: &'a str) -> Source<'a> {
        Source {
            file,
            text: &self.source,
        }
    }

    /// Returns the limits of its calls.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns the interpreter, with the script's constants.
    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Returns its machine code.
    pub(crate) fn compiled(&self) -> &Compiled {
        &self.compiled
    }

    /// Returns whether `init` of both gives the field of this path, `name.inner`, one type, where that has a slot.
    pub(crate) fn declares_as(&self, before: &Self, path: &str) -> bool {
        let of = |script: &Self| {
            let mut fields = script.compiled.fields.iter();
            fields
                .find(|field| field.name == path)
                .map(|field| field.of)
        };
        of(self).is_some() && of(self) == of(before)
    }

    /// Returns the optimized functions as another engine of the same language parses them; it knows the constants then.
    ///
    /// # Errors
    /// As [`Script::compile`].
    pub(crate) fn parsed_by(&self, engine: &mut Engine) -> Result<AST, Vec<Diagnostic>> {
        let source = self.source_in(&self.name);
        let parsed = engine.compile(source.text);
        let parsed = parsed.map_err(|fault| vec![check::not_parsed(source, &fault)])?;
        let set = self.parameters.iter();
        let set: Vec<(String, Value)> = set.map(|of| (of.name.clone(), of.value)).collect();
        let found = constants::evaluate(&self.limits, source, &parsed, &set)?;
        with_constants(engine, source, &parsed, found.values).map_err(|fault| vec![*fault])
    }

    /// Returns the line on which a handler begins, where it can be told.
    pub(crate) fn line_of(&self, handler: &str) -> Option<usize> {
        let source = self.source_in(&self.name);
        source.function_position(handler, Position::NONE).line()
    }

    /// Returns the optimized functions.
    pub(crate) fn ast(&self) -> &AST {
        &self.ast
    }
}

/// Makes the constants known everywhere and compiles once more, now with all optimization.
fn with_constants(
    engine: &mut Engine,
    source: Source<'_>,
    parsed: &AST,
    values: Vec<(String, Dynamic)>,
) -> Result<AST, Box<Diagnostic>> {
    let mut module = Module::new();
    for (name, value) in &values {
        module.set_var(name.clone(), value.clone());
    }
    module.build_index();
    engine.register_global_module(module.into());
    engine.set_optimization_level(OptimizationLevel::Full);
    let mut all = sandbox::constants();
    all.extend(values);
    if check::captures_any(parsed, |name| all.contains_key(name)) {
        resolve_captured(engine, all);
    }
    let compiled = engine.compile(source.text);
    let mut ast = compiled.map_err(|fault| Box::new(check::not_parsed(source, &fault)))?;
    ast.clear_statements();
    Ok(ast)
}

/// Lets closures use constants. A closure takes what it uses from outside as a shared variable, and
/// Rhai looks for that in the scope only, where no constant is; so the resolver answers.
///
/// It is asked for every variable and costs each some 20 ns: only scripts that need it have it.
#[expect(
    deprecated,
    reason = "`on_var` is marked so because it may change; the version is pinned"
)]
fn resolve_captured(engine: &mut Engine, constants: BTreeMap<String, Dynamic>) {
    engine.on_var(move |name, _, _| Ok(constants.get(name).cloned()));
}

/// Splits `line 3, column 5: words` into its place and its words.
fn placed(said: &str) -> Option<(Position, &str)> {
    let (place, words) = said.strip_prefix("line ")?.split_once(": ")?;
    let (line, column) = place.split_once(", column ").unwrap_or((place, "0"));
    let line = line.parse().ok().filter(|line| *line > 0)?;
    Some((Position::new(line, column.parse().ok()?), words))
}

fn sorted(mut diagnostics: Vec<Diagnostic>) -> Vec<Diagnostic> {
    diagnostics.sort_by(|a, b| (a.line, a.column, &a.message).cmp(&(b.line, b.column, &b.message)));
    diagnostics.dedup();
    diagnostics
}

fn read(limits: &Limits, path: &Path, file: &str) -> Result<String, Box<Diagnostic>> {
    let told = |message: String| Box::new(Diagnostic::of_file(file, message));
    let facts = std::fs::metadata(path).map_err(|fault| told(not_read(path, &fault)))?;
    if !facts.is_file() {
        return Err(told("this is not a regular file".to_owned()));
    }
    if facts.len() > limits.source_bytes_max {
        let (found, max) = (facts.len(), limits.source_bytes_max);
        return Err(told(format!(
            "the file has {found} bytes; a script may have {max}"
        )));
    }
    let bytes = std::fs::read(path).map_err(|fault| told(not_read(path, &fault)))?;
    String::from_utf8(bytes).map_err(|fault| Box::new(not_utf8(file, &fault)))
}

fn not_read(path: &Path, fault: &std::io::Error) -> String {
    match std::fs::read_link(path) {
        Ok(target) => format!("cannot follow the link to {}: {fault}", target.display()),
        Err(_) => format!("cannot read the file: {fault}"),
    }
}

fn not_utf8(file: &str, fault: &std::string::FromUtf8Error) -> Diagnostic {
    let valid = fault.utf8_error().valid_up_to();
    let before = fault.as_bytes().get(..valid).unwrap_or_default();
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let start = before
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let excerpt = String::from_utf8_lossy(before.get(start..).unwrap_or_default());
    let column = excerpt.chars().count() + 1;
    Diagnostic {
        line: u32::try_from(line).unwrap_or(u32::MAX),
        column: u32::try_from(column).unwrap_or(u32::MAX),
        excerpt: excerpt.into_owned(),
        ..Diagnostic::of_file(file, format!("the file is not UTF-8 at byte {valid}"))
    }
    .with_hint(Some("save it as UTF-8".to_owned()))
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Script")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}
