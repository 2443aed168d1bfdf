//! The sandbox: Rhai with listed packages, named limits and no way out.
//!
//! No clock, no sleep, no evaluation of text, no modules, no output, no syntax of its own. Built when
//! a script is compiled, never on the hot path; the packages are built once per process and shared.

use crate::Limits;
use crate::api;
use crate::api::Definition;
use crate::api::definition::Form;
use crate::arrays;
use crate::compile::ir::Type;
use crate::token::{Bars, Indicator, Market, Order};
use claire_engine::strategy::{BarsId, OrderHandle};
use claire_types::InstrumentId;
use rhai::packages::{
    ArithmeticPackage, BasicArrayPackage, BasicFnPackage, BasicIteratorPackage, BasicMapPackage,
    BasicMathPackage, BasicStringPackage, LogicPackage, MoreStringPackage, Package,
};
use rhai::{Dynamic, Engine, EvalAltResult, Module, OptimizationLevel, Scope, Shared};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// Returns an engine that runs a script within the limits. It optimizes nothing until told to.
pub fn engine(limits: &Limits) -> Engine {
    let mut engine = stock();
    apply(limits, &mut engine);
    engine
}

/// Returns an engine of the same language without budgets: Rhai as it comes, for comparison.
pub(crate) fn stock() -> Engine {
    let mut engine = Engine::new_raw();
    for module in modules() {
        engine.register_global_module(Shared::clone(module));
    }
    for symbol in DISABLED_SYMBOLS {
        engine.disable_symbol(symbol);
    }
    engine.set_optimization_level(OptimizationLevel::None);
    engine.set_fast_operators(true);
    engine.set_fail_on_invalid_map_property(true);
    engine
}

/// Returns every function a script can reach, as `name/count of arguments`, sorted; properties as `get$name/1`.
pub fn functions() -> Vec<String> {
    let catalogue = Catalogue::shared();
    let counted = catalogue
        .functions
        .iter()
        .flat_map(|(name, counts)| counts.iter().map(move |count| format!("{name}/{count}")));
    counted.collect()
}

/// Returns the constants of the interface: sides, flags, regimes.
pub(crate) fn constants() -> BTreeMap<String, Dynamic> {
    let of = |module: &'static Shared<Module>| {
        module
            .iter_var()
            .map(|(name, value)| (name.to_owned(), value.clone()))
    };
    modules().iter().flat_map(of).collect()
}

/// Starts a call's budget anew on this thread.
pub(crate) fn refill() {
    SPENT.set(0);
}

/// Returns the operations that the last call on this thread was counted.
#[cfg(test)]
pub(crate) fn spent() -> u64 {
    SPENT.get()
}

/// Gives scripts of this thread a hook that is asked now and then whether the call must stop; `None` takes it away.
///
/// The pipeline sets it on the engine thread: it looks at the clock or the kill switch, which nothing
/// here may. A stopped call is a cut.
pub fn poll_with(poll: Option<Box<dyn Fn() -> bool>>) {
    POLL.set(poll);
}

thread_local! {
    /// Operations of the running call. Rhai's own count forgets what closures spent.
    static SPENT: Cell<u64> = const { Cell::new(0) };
    static POLL: RefCell<Option<Box<dyn Fn() -> bool>>> = const { RefCell::new(None) };
}

/// Counts an operation; returns why the call must stop, if it must.
fn spend(operations_max: u64) -> Option<Dynamic> {
    let spent = SPENT.get() + 1;
    SPENT.set(spent);
    if spent > operations_max {
        return Some(Dynamic::UNIT);
    }
    let is_told = spent.is_multiple_of(POLL_EVERY) && is_told_to_stop();
    is_told.then_some(Dynamic::TRUE)
}

/// Asks this thread's poll whether the running call must stop.
pub(crate) fn is_told_to_stop() -> bool {
    POLL.with_borrow(|poll| poll.as_ref().is_some_and(|must_stop| must_stop()))
}

/// Operations between two questions to the poll: about 1 µs, and few calls of slow functions.
const POLL_EVERY: u64 = 8;

fn apply(limits: &Limits, engine: &mut Engine) {
    let operations_max = limits.operations_max;
    engine.on_progress(move |_| spend(operations_max));
    engine.set_max_call_levels(limits.call_depth_max);
    engine.set_max_expr_depths(limits.expression_depth_max, limits.expression_depth_max);
    engine.set_max_variables(limits.variables_max);
    engine.set_max_functions(limits.functions_max);
    engine.set_max_modules(0);
    engine.set_max_string_size(limits.string_bytes_max);
    engine.set_max_array_size(limits.array_items_max);
    engine.set_max_map_size(limits.map_fields_max);
}

/// Returns the packages, ours last: a later one is asked first.
fn modules() -> &'static [Shared<Module>] {
    static MODULES: OnceLock<Vec<Shared<Module>>> = OnceLock::new();
    MODULES.get_or_init(|| {
        let mut own = api::module();
        own.build_index();
        vec![
            ArithmeticPackage::new().as_shared_module(),
            LogicPackage::new().as_shared_module(),
            BasicMathPackage::new().as_shared_module(),
            BasicStringPackage::new().as_shared_module(),
            MoreStringPackage::new().as_shared_module(),
            BasicArrayPackage::new().as_shared_module(),
            BasicMapPackage::new().as_shared_module(),
            BasicIteratorPackage::new().as_shared_module(),
            BasicFnPackage::new().as_shared_module(),
            arrays::module().into(),
            own.into(),
        ]
    })
}

/// Returns whether Rhai has no operator or function for this expression of `a` and `b`, values of these types.
///
/// Where it cannot be told here it has one.
pub(crate) fn knows_none(expression: &str, types: &[Type]) -> bool {
    static JUDGE: OnceLock<Engine> = OnceLock::new();
    let mut scope = Scope::new();
    for (name, of) in ["a", "b"].into_iter().zip(types) {
        match sample(*of) {
            Some(value) => scope.push_dynamic(name, value),
            None => return false,
        };
    }
    let judge = JUDGE.get_or_init(stock);
    let found = judge.eval_expression_with_scope::<Dynamic>(&mut scope, expression);
    let refused = |error: &EvalAltResult| matches!(error, EvalAltResult::ErrorFunctionNotFound(..));
    types.len() <= 2 && found.is_err_and(|error| refused(error.unwrap_inner()))
}

/// Returns a value of the type; `None` where one value does not stand for all.
fn sample(of: Type) -> Option<Dynamic> {
    Some(match of {
        Type::Unit => Dynamic::UNIT,
        Type::Bool => Dynamic::TRUE,
        Type::Int => Dynamic::from_int(1),
        Type::Float => Dynamic::from_float(1.0),
        Type::Text => "a".into(),
        Type::Market => Dynamic::from(Market(InstrumentId::NONE)),
        Type::Order => Dynamic::from(Order(OrderHandle::NONE)),
        Type::Bars => Dynamic::from(Bars(BarsId(0))),
        Type::Indicator => Dynamic::from(Indicator::of_word(0)),
        Type::Trade | Type::Bar | Type::Fill | Type::Ints | Type::Floats => return None,
    })
}

/// Returns whether no package of the language has a function of this name.
pub(crate) fn is_ours_alone(name: &str) -> bool {
    static OTHERS: OnceLock<BTreeSet<String>> = OnceLock::new();
    let others = OTHERS.get_or_init(|| {
        let mut engine = Engine::new_raw();
        if let Some((_own, packages)) = modules().split_last() {
            for module in packages {
                engine.register_global_module(Shared::clone(module));
            }
        }
        let name = |info: rhai::FuncInfo<'_>| Some(info.metadata.name.to_string());
        engine
            .collect_fn_metadata(None, name, true)
            .into_iter()
            .collect()
    });
    !others.contains(name)
}

/// What is known of the functions, for the checker.
pub(crate) struct Catalogue {
    /// Argument counts by name, receivers counted.
    pub functions: BTreeMap<String, BTreeSet<usize>>,
    /// Names and argument counts of methods of our own types, receivers not counted.
    pub methods: BTreeMap<Kind, BTreeMap<String, BTreeSet<usize>>>,
    /// Properties of our own types.
    pub properties: BTreeMap<Kind, BTreeSet<String>>,
    /// Constants of the interface.
    pub constants: BTreeSet<String>,
}

/// A type of our own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    Market,
    Trade,
    Bar,
    Fill,
    Order,
    Bars,
    Indicator,
}

impl Kind {
    /// Returns the kind of a type of our own.
    pub(crate) fn of(of: Type) -> Option<Self> {
        match of {
            Type::Market => Some(Self::Market),
            Type::Trade => Some(Self::Trade),
            Type::Bar => Some(Self::Bar),
            Type::Fill => Some(Self::Fill),
            Type::Order => Some(Self::Order),
            Type::Bars => Some(Self::Bars),
            Type::Indicator => Some(Self::Indicator),
            _ => None,
        }
    }

    /// Returns the type.
    pub(crate) fn type_of(self) -> Type {
        match self {
            Self::Market => Type::Market,
            Self::Trade => Type::Trade,
            Self::Bar => Type::Bar,
            Self::Fill => Type::Fill,
            Self::Order => Type::Order,
            Self::Bars => Type::Bars,
            Self::Indicator => Type::Indicator,
        }
    }

    /// Returns the word people use for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Market => "the market",
            Self::Trade => "a trade",
            Self::Bar => "a bar",
            Self::Fill => "a fill",
            Self::Order => "an order",
            Self::Bars => "bars",
            Self::Indicator => "an indicator",
        }
    }
}

impl Catalogue {
    /// Returns the catalogue, made on first use.
    pub(crate) fn shared() -> &'static Self {
        static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
        CATALOGUE.get_or_init(Self::new)
    }

    fn new() -> Self {
        let mut catalogue = Self {
            functions: BTreeMap::new(),
            methods: BTreeMap::new(),
            properties: BTreeMap::new(),
            constants: BTreeSet::new(),
        };
        catalogue.constants.extend(constants().into_keys());
        let all = engine(&Limits::default()).collect_fn_metadata(
            None,
            |info| Some((info.metadata.name.to_string(), info.metadata.num_params)),
            true,
        );
        for (name, count) in all {
            if !DENIED_FUNCTIONS.contains(&name.as_str()) {
                catalogue.functions.entry(name).or_default().insert(count);
            }
        }
        for definition in api::definitions() {
            catalogue.add(definition);
        }
        catalogue
    }

    /// Adds what can be asked of a value of our own types.
    fn add(&mut self, definition: &Definition) {
        let receiver = definition.arguments.first();
        let Some(kind) = receiver.and_then(|receiver| Kind::of(receiver.of)) else {
            return;
        };
        let name = definition.name.to_owned();
        if definition.form == Form::Property {
            self.properties.entry(kind).or_default().insert(name);
        } else {
            let methods = self.methods.entry(kind).or_default();
            let counts = definition.counts().map(|count| count - 1);
            methods.entry(name).or_default().extend(counts);
        }
    }
}

/// Words of the language that scripts do not have.
pub(crate) const DISABLED_SYMBOLS: [&str; 6] = ["eval", "print", "debug", "Fn", "import", "export"];

/// Functions that come with the packages but are not part of the interface: the checker knows none of
/// them, and a script has no way to call what it cannot name.
const DENIED_FUNCTIONS: [&str; 4] = ["print", "debug", "to_blob", "take"];
