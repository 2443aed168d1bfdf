//! What the lowering of all functions shares: constants, the interface, the state, and what is done already.

use super::failure::{Failure, Lowering, NotCompiled, unsupported};
use super::state::State;
use crate::Limits;
use crate::api::Definition;
use crate::compile::ir::{Function, FunctionId, Program, TextId, Type};
use crate::compile::lower::{Body, Want};
use rhai::{AST, ASTNode, Dynamic, Expr, FnPtr, Position, ScriptFuncDef, Stmt};
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

/// A script on its way to a program.
pub(crate) struct Script<'a> {
    pub constants: BTreeMap<&'a str, &'a Dynamic>,
    pub definitions: &'static [Definition],
    /// The fields of `this`.
    pub state: State,
    pub program: Program,
    /// `init` is being looked at: it may declare, and nothing of it is kept.
    pub is_init: bool,
    /// The most variables that a function may have at one time.
    pub variables_max: usize,
    sources: BTreeMap<(String, usize), Rc<Source>>,
    /// How often each name is called or named in the whole script.
    uses: BTreeMap<String, usize>,
    known: BTreeMap<Signature, Known>,
    /// Signatures in the order in which they became known, to forget them again.
    journal: Vec<Signature>,
    /// Functions under way.
    depth: usize,
    /// Bodies, and rests of bodies, lowered so far.
    bodies: usize,
    /// Operations of the bodies lowered so far.
    operations: u64,
}

/// A function's text.
pub(crate) struct Source {
    pub name: String,
    pub parameters: Vec<String>,
    pub statements: Vec<Stmt>,
    pub position: Position,
    /// Variables that it assigns to.
    assigned: BTreeSet<String>,
    /// It, or another of its name and count of arguments, is bound to a type of `this`.
    is_typed: bool,
}

/// A function with the types of its arguments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Signature {
    name: String,
    has_this: bool,
    arguments: Vec<Type>,
}

/// What is known of a signature.
#[derive(Clone, Debug)]
enum Known {
    /// Under way, with the result that it is thought to have.
    Active(FunctionId, Option<Made>),
    Done(Made),
    Failed(NotCompiled),
}

/// A lowered function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Made {
    pub id: FunctionId,
    pub returns: Type,
    /// Its paths give values of several types, which nobody may use.
    pub is_mixed: bool,
}

impl<'a> Script<'a> {
    pub(crate) fn new(
        ast: &AST,
        constants: &'a [(String, Dynamic)],
        definitions: &'static [Definition],
        limits: &Limits,
    ) -> Self {
        let is_typed = |function: &ScriptFuncDef| {
            ast.iter_fn_def().any(|other| {
                other.this_type.is_some()
                    && other.name == function.name
                    && other.params.len() == function.params.len()
            })
        };
        let sources = ast.iter_fn_def().map(|function| {
            let statements = crate::check::statements(ast, function);
            let source = Source {
                name: function.name.to_string(),
                parameters: function.params.iter().map(ToString::to_string).collect(),
                assigned: crate::check::assigned(&statements),
                statements,
                position: function.body.start_position(),
                is_typed: is_typed(function),
            };
            let key = (source.name.clone(), source.parameters.len());
            (key, Rc::new(source))
        });
        Self {
            constants: constants
                .iter()
                .map(|(name, value)| (name.as_str(), value))
                .collect(),
            definitions,
            state: State::default(),
            program: Program::default(),
            is_init: false,
            variables_max: limits.variables_max,
            sources: sources.collect(),
            uses: uses(ast),
            known: BTreeMap::new(),
            journal: Vec::new(),
            depth: 0,
            bodies: 0,
            operations: 0,
        }
    }

    /// Returns the script's function of this name and count of arguments.
    pub(crate) fn source(&self, name: &str, count: usize) -> Option<Rc<Source>> {
        self.sources.get(&(name.to_owned(), count)).cloned()
    }

    /// Returns whether the script has functions of this name.
    pub(crate) fn has_function(&self, name: &str) -> bool {
        self.sources.keys().any(|(known, _)| known == name)
    }

    /// Forgets all functions, for another try with other types.
    pub(crate) fn clear(&mut self) {
        self.program = Program::default();
        self.bodies = 0;
        self.operations = 0;
        self.known.clear();
        self.journal.clear();
    }

    /// Returns the number of a text.
    pub(crate) fn text(&mut self, text: &str) -> TextId {
        let texts = &mut self.program.texts;
        let at = texts.iter().position(|known| known == text);
        let at = at.unwrap_or_else(|| {
            texts.push(text.to_owned());
            texts.len() - 1
        });
        TextId(u32::try_from(at).unwrap_or(u32::MAX))
    }

    /// Lowers a handler.
    pub(crate) fn handler(
        &mut self,
        source: &Rc<Source>,
        arguments: &[Type],
    ) -> Result<FunctionId, NotCompiled> {
        let mark = self.mark();
        let id = self.reserve();
        let body = Body::of_handler(self, arguments);
        match body.lower(source, Want::Nothing) {
            Ok(function) => {
                self.place(id, function);
                Ok(id)
            }
            Err(failure) => {
                self.forget(mark);
                Err(self.judged(told(failure, source), source))
            }
        }
    }

    /// Returns why a handler is not compiled, as a mistake only where that holds whatever else the script does.
    fn judged(&self, fault: NotCompiled, source: &Source) -> NotCompiled {
        // Then its arguments may be anything.
        let is_called = self.uses.contains_key(&source.name);
        let is_changed = |name: &String| source.assigned.contains(name);
        if is_called || source.parameters.iter().any(is_changed) {
            return fault.doubted();
        }
        // Arrays may hold other items than `init` gave them.
        match self.state.has_arrays() {
            true => fault.doubted_if_varying(),
            false => fault,
        }
    }

    /// Lowers a function for arguments of these types, or returns what is known of it.
    pub(crate) fn function(
        &mut self,
        source: &Rc<Source>,
        has_this: bool,
        arguments: Vec<Type>,
        at: Position,
    ) -> Lowering<Made> {
        if source.is_typed {
            return unsupported(
                at,
                format!("`{}` belongs to one type of `this`", source.name),
            );
        }
        let signature = Signature {
            name: source.name.clone(),
            has_this,
            arguments,
        };
        match self.known.get(&signature) {
            Some(Known::Done(made) | Known::Active(_, Some(made))) => return Ok(*made),
            Some(Known::Active(id, None)) => return Err(Failure::Recursion(*id)),
            Some(Known::Failed(why)) => return Err(Failure::Unsupported(why.clone())),
            None => {}
        }
        if self.depth >= DEPTH_MAX {
            return unsupported(
                at,
                format!("functions call each other deeper than {DEPTH_MAX}"),
            );
        }
        self.depth += 1;
        let result = self.settle(source, &signature);
        self.depth -= 1;
        result
    }

    /// Finds the result's type by trying, and lowers the function with it.
    ///
    /// A recursive function is lowered under the assumption that it returns some type. Where its body
    /// then returns that type on every path, every call that comes to an end does: the assumption holds.
    fn settle(&mut self, source: &Rc<Source>, signature: &Signature) -> Lowering<Made> {
        let mark = self.mark();
        let first = match self.attempt(source, signature, None, Want::Value) {
            Ok(made) => return Ok(made),
            Err(failure) => failure,
        };
        let id = FunctionId(mark.functions);
        let fault = match first {
            Failure::Recursion(of) if of == id => match self.guess(source, signature, id)? {
                Some(made) => return Ok(made),
                None => NotCompiled::new(
                    source.position,
                    format!(
                        "what `{}` returns cannot be told: it calls itself, and its paths do not agree",
                        source.name
                    ),
                ),
            },
            Failure::Recursion(of) => return Err(Failure::Recursion(of)),
            Failure::Unsupported(fault) => {
                match self.attempt(source, signature, None, Want::Nothing) {
                    Ok(made) => return Ok(made),
                    Err(Failure::Recursion(of)) if of != id => return Err(Failure::Recursion(of)),
                    Err(Failure::Recursion(_)) => {
                        let guess = Some(guessed(id, Type::Unit, true));
                        match self.attempt(source, signature, guess, Want::Nothing) {
                            Ok(made) => return Ok(made),
                            Err(_) => fault,
                        }
                    }
                    Err(Failure::Unsupported(_)) => fault,
                }
            }
        };
        // From elsewhere it may be called with values of other types.
        let fault = match self.uses.get(&source.name) {
            Some(1) => fault,
            _ => fault.doubted_if_varying(),
        };
        self.remember(signature.clone(), Known::Failed(fault.clone()));
        Err(Failure::Unsupported(fault))
    }

    /// Tries the results that a recursive function may have.
    fn guess(
        &mut self,
        source: &Rc<Source>,
        signature: &Signature,
        id: FunctionId,
    ) -> Lowering<Option<Made>> {
        for (returns, is_mixed) in GUESSES {
            let wants = if is_mixed { Want::Nothing } else { Want::Value };
            let guess = Some(guessed(id, returns, is_mixed));
            match self.attempt(source, signature, guess, wants) {
                Ok(made) => return Ok(Some(made)),
                Err(other @ Failure::Recursion(_)) => return Err(other),
                Err(Failure::Unsupported(_)) => {}
            }
        }
        Ok(None)
    }

    /// Lowers a function with a result as thought; forgets all that was made where it fails.
    fn attempt(
        &mut self,
        source: &Rc<Source>,
        signature: &Signature,
        guess: Option<Made>,
        wants: Want,
    ) -> Lowering<Made> {
        if !self.may_try() {
            return unsupported(
                source.position,
                "the script has too many combinations of types",
            );
        }
        let mark = self.mark();
        let id = self.reserve();
        self.remember(signature.clone(), Known::Active(id, guess));
        let lowered =
            Body::of_function(self, signature.has_this, &signature.arguments).lower(source, wants);
        let result = lowered.and_then(|function| {
            let made = Made {
                id,
                returns: function.returns,
                is_mixed: wants == Want::Nothing,
            };
            match guess {
                Some(guess) if guess != made => unsupported(source.position, "another type"),
                _ => Ok((function, made)),
            }
        });
        match result {
            Ok((function, made)) => {
                self.place(id, function);
                self.remember(signature.clone(), Known::Done(made));
                Ok(made)
            }
            Err(failure) => {
                self.forget(mark);
                Err(failure)
            }
        }
    }

    fn remember(&mut self, signature: Signature, known: Known) {
        self.journal.push(signature.clone());
        self.known.insert(signature, known);
    }

    fn reserve(&mut self) -> FunctionId {
        let id = FunctionId(u32::try_from(self.program.functions.len()).unwrap_or(u32::MAX));
        self.program.functions.push(Function {
            name: String::new(),
            is_handler: false,
            locals: Vec::new(),
            parameters: 0,
            returns: Type::Unit,
            operations: 0,
            body: Vec::new(),
        });
        id
    }

    fn place(&mut self, id: FunctionId, function: Function) {
        if let Some(place) = self.program.functions.get_mut(id.0 as usize) {
            *place = function;
        }
    }

    /// Counts a try to lower something; returns whether there may be another.
    pub(crate) fn may_try(&mut self) -> bool {
        self.bodies += 1;
        self.bodies <= BODIES_MAX
    }

    /// Counts what is to be compiled; returns whether it is not too long, by itself and with all before it.
    pub(crate) fn may_compile(&mut self, operations: u64) -> bool {
        if operations > FUNCTION_OPERATIONS_MAX {
            return false;
        }
        self.operations += operations;
        self.operations <= SCRIPT_OPERATIONS_MAX
    }

    /// Returns where the tables end now.
    pub(crate) fn mark(&self) -> Mark {
        Mark {
            functions: u32::try_from(self.program.functions.len()).unwrap_or(u32::MAX),
            journal: self.journal.len(),
        }
    }

    /// Forgets what was made since.
    pub(crate) fn forget(&mut self, mark: Mark) {
        self.program.functions.truncate(mark.functions as usize);
        for signature in self.journal.drain(mark.journal..) {
            self.known.remove(&signature);
        }
    }
}

/// Returns how often each name is called, or stands for a function as a value.
fn uses(ast: &AST) -> BTreeMap<String, usize> {
    let mut uses = BTreeMap::new();
    ast.walk(&mut |path: &[ASTNode<'_>]| {
        let name = match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, _) | Expr::MethodCall(call, _)))
            | Some(ASTNode::Stmt(Stmt::FnCall(call, _))) => Some(call.name.to_string()),
            Some(ASTNode::Expr(Expr::Variable(of, ..))) => Some(of.1.to_string()),
            // A closure, or another function by its name: nobody knows who calls it with what.
            Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => {
                let function = value.read_lock::<FnPtr>();
                function.map(|function| function.fn_name().to_owned())
            }
            _ => None,
        };
        if let Some(name) = name {
            *uses.entry(name).or_default() += 1;
        }
        true
    });
    uses
}

fn guessed(id: FunctionId, returns: Type, is_mixed: bool) -> Made {
    Made {
        id,
        returns,
        is_mixed,
    }
}

/// An end of the tables of functions.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark {
    functions: u32,
    journal: usize,
}

fn told(failure: Failure, source: &Source) -> NotCompiled {
    match failure {
        Failure::Unsupported(fault) => fault,
        Failure::Recursion(_) => NotCompiled::new(source.position, "a function calls itself"),
    }
}

/// Results that a recursive function may have, and whether they are dropped.
const GUESSES: [(Type, bool); 11] = [
    (Type::Int, false),
    (Type::Float, false),
    (Type::Bool, false),
    (Type::Unit, false),
    (Type::Text, false),
    (Type::Order, false),
    (Type::Market, false),
    (Type::Indicator, false),
    (Type::Ints, false),
    (Type::Floats, false),
    (Type::Unit, true),
];

/// Functions within one another, more than Rhai runs before it cuts a call.
const DEPTH_MAX: usize = 24;

/// Bodies lowered for one script: bounds the trying.
const BODIES_MAX: usize = 1_024;

/// Operations of a function that is compiled, loops for one turn: the compiler's time grows with the square of a
/// function's length, 0.3 s at some 4,000 statements on a 2-core machine.
const FUNCTION_OPERATIONS_MAX: u64 = 25_000;
/// Operations of all functions that are compiled for a script.
const SCRIPT_OPERATIONS_MAX: u64 = 4 * FUNCTION_OPERATIONS_MAX;
