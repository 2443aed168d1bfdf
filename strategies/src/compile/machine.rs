//! Machine code of one version of a script: made off the hot path, freed when the version is dropped.
//!
//! The memory is reserved at once and bounded; a page of it is writable or executable, never both. Any
//! number of instances may run the same code, each with a state of its own.

#![allow(
    unsafe_code,
    reason = "an address in machine code becomes a function, and is freed"
)]

use super::context::Context;
use super::emit::{self, Links};
use super::ir::{Function, FunctionId, Program, Type};
use super::plan::Plan;
use super::text::Interner;
use crate::Limits;
use cranelift_codegen::ir::{FuncRef, UserFuncName};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};
use cranelift_jit::{ArenaMemoryProvider, JITBuilder, JITModule};
use cranelift_module::{FuncId, Linkage, Module, ModuleError, default_libcall_names};
use std::fmt;
use std::sync::{Mutex, OnceLock};

/// The code of a program.
pub(crate) struct Machine {
    /// By function; only handlers have one.
    entries: Vec<Option<Entry>>,
    plan: Plan,
    /// Where the code refers to: not moved, not changed.
    _texts: Interner,
    /// Owns the code; `None` once it is freed.
    module: Mutex<Option<JITModule>>,
}

/// How a handler is entered: with the market's word, and the event's.
pub(crate) type Entry = extern "C" fn(&mut Context<'_>, u64, u64);

/// Why there is no machine code; the interpreter runs all handlers then.
#[derive(Debug, thiserror::Error)]
pub(crate) enum MachineFault {
    /// The processor or system is not one that code is made for.
    #[error("no machine code can be made on this machine: {0}")]
    Host(String),
    /// More code, or more texts, than a version may have.
    #[error("the script is too large for machine code: {0}")]
    Capacity(String),
    /// The typed form is wrong: a bug of ours.
    #[error("no machine code could be made: {0}")]
    Code(String),
}

impl Machine {
    /// Makes the code of a program.
    ///
    /// # Errors
    /// A [`MachineFault`]; nothing is left behind.
    pub(crate) fn new(program: &Program, limits: &Limits) -> Result<Self, MachineFault> {
        let depth_max = limits.call_depth_max.saturating_sub(DEPTH_KEPT);
        let plan = Plan::of(program, depth_max);
        let mut interner = Interner::default();
        let texts = program
            .texts
            .iter()
            .map(|text| interner.word(text).map(|word| word.word()));
        let texts: Option<Vec<u64>> = texts.collect();
        let texts = texts.ok_or_else(|| MachineFault::Capacity("too many texts".to_owned()))?;
        let mut module = Freed(Some(module()?));
        let compiled = match &mut module.0 {
            Some(module) => {
                let links = Links {
                    program,
                    plan: &plan,
                    texts: &texts,
                    depth_max: i64::try_from(depth_max).unwrap_or(i64::MAX),
                    convention: module.isa().default_call_conv(),
                    target: module.target_config(),
                };
                compile(module, &links)?
            }
            None => Vec::new(),
        };
        Ok(Self {
            entries: compiled,
            plan,
            _texts: interner,
            module: Mutex::new(module.0.take()),
        })
    }

    /// Returns how a handler is entered.
    pub(crate) fn entry(&self, id: FunctionId) -> Option<Entry> {
        self.entries.get(id.0 as usize).copied().flatten()
    }

    /// Returns what is known of the program's functions.
    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let module = match self.module.get_mut() {
            Ok(module) => module.take(),
            Err(poisoned) => poisoned.into_inner().take(),
        };
        drop(Freed(module));
    }
}

impl fmt::Debug for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let handlers = self.entries.iter().flatten().count();
        f.debug_struct("Machine")
            .field("handlers", &handlers)
            .finish_non_exhaustive()
    }
}

/// A module whose memory is freed with it, also where making code failed.
struct Freed(Option<JITModule>);

impl Drop for Freed {
    fn drop(&mut self) {
        if let Some(module) = self.0.take() {
            // SAFETY: entries are copied out of a machine only by strategies that hold the machine, and
            // only while they call; a machine that is dropped has none. Before that nothing was handed out.
            unsafe { module.free_memory() };
        }
    }
}

/// Returns an empty module with its memory reserved.
fn module() -> Result<JITModule, MachineFault> {
    let memory = ArenaMemoryProvider::new_with_size(CODE_BYTES_MAX)
        .map_err(|fault| MachineFault::Host(fault.to_string()))?;
    let mut builder = JITBuilder::with_isa(isa()?, default_libcall_names());
    builder.memory_provider(Box::new(memory));
    Ok(JITModule::new(builder))
}

/// Returns what code is made for: this processor.
fn isa() -> Result<OwnedTargetIsa, MachineFault> {
    static ISA: OnceLock<Result<OwnedTargetIsa, String>> = OnceLock::new();
    ISA.get_or_init(host).clone().map_err(MachineFault::Host)
}

fn host() -> Result<OwnedTargetIsa, String> {
    let mut flags = settings::builder();
    let is_verified = if cfg!(debug_assertions) {
        "true"
    } else {
        "false"
    };
    let chosen = [
        ("opt_level", "speed"),
        ("enable_verifier", is_verified),
        ("use_colocated_libcalls", "false"),
        ("is_pic", "false"),
        ("unwind_info", "false"),
    ];
    for (name, value) in chosen {
        flags
            .set(name, value)
            .map_err(|fault| format!("{name}: {fault}"))?;
    }
    let builder = cranelift_native::builder()?;
    builder
        .finish(settings::Flags::new(flags))
        .map_err(|fault| fault.to_string())
}

/// Makes the code of all functions and returns the handlers' entries.
fn compile(module: &mut JITModule, links: &Links<'_>) -> Result<Vec<Option<Entry>>, MachineFault> {
    let functions = &links.program.functions;
    let mut ids: Vec<FuncId> = Vec::with_capacity(functions.len());
    for (number, function) in functions.iter().enumerate() {
        let signature = emit::signature(function, links.convention);
        let name = format!("{number}.{}", function.name);
        ids.push(
            module
                .declare_function(&name, Linkage::Local, &signature)
                .map_err(fault)?,
        );
    }
    let mut context = module.make_context();
    let mut room = FunctionBuilderContext::new();
    for ((id, function), number) in ids.iter().zip(functions).zip(0..) {
        context.func.signature = emit::signature(function, links.convention);
        context.func.name = UserFuncName::user(0, number);
        let callees: Vec<FuncRef> = ids
            .iter()
            .map(|id| module.declare_func_in_func(*id, &mut context.func))
            .collect();
        let builder = FunctionBuilder::new(&mut context.func, &mut room);
        emit::define(builder, links, FunctionId(number), &callees);
        module.define_function(*id, &mut context).map_err(fault)?;
        module.clear_context(&mut context);
    }
    module.finalize_definitions().map_err(fault)?;
    let entries = ids
        .iter()
        .zip(functions)
        .map(|(id, function)| entry(module, *id, function));
    Ok(entries.collect())
}

fn entry(module: &JITModule, id: FuncId, function: &Function) -> Option<Entry> {
    let takes_words = |of: &Type| !matches!(of, Type::Bool | Type::Float);
    let is_entered = function.is_handler
        && function
            .locals
            .iter()
            .take(function.parameters)
            .all(takes_words);
    is_entered.then(|| {
        let address = module.get_finalized_function(id);
        // SAFETY: the address is that of finalized code whose signature `emit::signature` makes for
        // handlers: the context and two words, no result, in the system's convention. It is called only
        // while the machine is there.
        unsafe { std::mem::transmute::<*const u8, Entry>(address) }
    })
}

fn fault(fault: ModuleError) -> MachineFault {
    match fault {
        ModuleError::Allocation { .. } => {
            MachineFault::Capacity(format!("it needs more than {CODE_BYTES_MAX} bytes"))
        }
        other => MachineFault::Code(format!("{other:?}")),
    }
}

/// Bytes of machine code of one version, reserved as addresses; pages are taken as code needs them.
const CODE_BYTES_MAX: usize = 4 << 20;
/// Levels of calls that are left to the interpreter: it counts the handler itself, too.
const DEPTH_KEPT: usize = 2;
