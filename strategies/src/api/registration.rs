//! From definitions to the interpreter's module.
//!
//! Called once per process, when the sandbox is built. A method is registered for its receiver's type and
//! takes any values after it, so that a wrong one gets an answer in words; functions that depend on nothing
//! but numbers are registered for every mix of integers and floats, so that the language's own of the same
//! name and types give way to ours alone.

use super::Values;
use super::definition::{Definition, Effect, Form, Interpreted, MORE_MAX};
use crate::compile::ir::Type;
use crate::token::{Bar, Bars, Fill, Indicator, Market, Order, Trade};
use rhai::{
    Dynamic, FLOAT, FuncRegistration, INT, ImmutableString, Module, NativeCallContext, RhaiFunc,
    Shared,
};
use std::any::TypeId;
use std::collections::{BTreeMap, BTreeSet};

/// Sets all functions and properties of the definitions into the module.
pub(super) fn register(module: &mut Module, definitions: &'static [Definition]) {
    set_types(module);
    let own = definitions
        .iter()
        .filter(|definition| matches!(definition.interpreted, Interpreted::Own(_)));
    let (pure, live): (Vec<_>, Vec<_>) =
        own.partition(|definition| definition.effect == Effect::Pure);
    register_pure(module, &pure);
    let mut named: BTreeMap<Signature, Vec<&'static Definition>> = BTreeMap::new();
    for definition in live {
        for count in definition.counts() {
            let signature = Signature::of(definition, count);
            named.entry(signature).or_default().push(definition);
        }
    }
    for (signature, definitions) in named {
        set(module, &signature, definitions);
    }
}

/// Returns the type of a script's value; `None` where no function takes such a one.
fn type_of(value: &Dynamic) -> Option<Type> {
    if value.is_float() {
        return Some(Type::Float);
    }
    if value.is_int() {
        return Some(Type::Int);
    }
    let known = TYPES.iter().find(|(_, id)| *id == value.type_id());
    known.map(|(of, _)| *of)
}

/// What the interpreter tells functions apart by.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Signature {
    name: &'static str,
    is_property: bool,
    receiver: Option<Type>,
    count: usize,
}

impl Signature {
    fn of(definition: &Definition, count: usize) -> Self {
        let receiver = definition.arguments.first().map(|first| first.of);
        Self {
            name: definition.name,
            is_property: definition.form == Form::Property,
            receiver: receiver.filter(|_| definition.form != Form::Function),
            count,
        }
    }

    fn registration(&self) -> FuncRegistration {
        let named = match self.is_property {
            true => FuncRegistration::new_getter(self.name),
            false => FuncRegistration::new(self.name),
        };
        named.in_global_namespace()
    }
}

/// Registers one name for one count of values; of several definitions the first counts whose types fit.
fn set(module: &mut Module, signature: &Signature, definitions: Vec<&'static Definition>) {
    let mut types: Vec<TypeId> = signature.receiver.and_then(id_of).into_iter().collect();
    types.resize(signature.count, TypeId::of::<Dynamic>());
    let call = move |_: Option<NativeCallContext<'_>>, values: Values<'_, '_>| {
        let chosen = match definitions.as_slice() {
            [only] => *only,
            several => choose(several, values),
        };
        call(chosen, values)
    };
    let function = RhaiFunc::Method {
        func: Shared::new(call),
        has_context: false,
        is_pure: true,
        is_volatile: true,
    };
    signature
        .registration()
        .set_into_module_raw(module, types, function);
}

/// Returns the first definition that the values fit, else the last, which then says what is wrong.
fn choose(definitions: &[&'static Definition], values: &[&mut Dynamic]) -> &'static Definition {
    let mut types = [Type::Unit; VALUES_MAX];
    for (of, value) in types.iter_mut().zip(values) {
        *of = type_of(value).unwrap_or(Type::Unit);
    }
    let types = types.get(..values.len()).unwrap_or_default();
    let fitting = definitions.iter().find(|definition| definition.fits(types));
    fitting.or(definitions.last()).map_or(&BLANK, |of| of)
}

static BLANK: Definition = Definition::BLANK;

fn call(definition: &Definition, values: Values<'_, '_>) -> super::Fallible<Dynamic> {
    match definition.interpreted {
        Interpreted::Own(code) => code(definition, values),
        Interpreted::Package => Err(format!("`{}` is the language's own", definition.name).into()),
    }
}

/// Registers functions of numbers, for every mix of integers and floats; the first of a name and types stays.
fn register_pure(module: &mut Module, definitions: &[&'static Definition]) {
    let mut known: BTreeSet<(&str, Vec<Type>)> = BTreeSet::new();
    for definition in definitions {
        for types in mixes(definition) {
            let ids: Vec<TypeId> = types.iter().copied().filter_map(id_of).collect();
            if !known.insert((definition.name, types)) {
                continue;
            }
            let definition = *definition;
            let call = move |_: Option<NativeCallContext<'_>>, values: Values<'_, '_>| {
                call(definition, values)
            };
            let function = RhaiFunc::Pure {
                func: Shared::new(call),
                has_context: false,
                is_pure: true,
                is_volatile: false,
            };
            let signature = Signature::of(definition, ids.len());
            signature
                .registration()
                .set_into_module_raw(module, ids, function);
        }
    }
}

/// Returns the types that the arguments can have, a float's place being an integer's too.
fn mixes(definition: &Definition) -> Vec<Vec<Type>> {
    let mut mixes = vec![Vec::new()];
    for argument in definition.arguments {
        let of: &[Type] = match argument.of {
            Type::Float => &[Type::Float, Type::Int],
            _ => std::slice::from_ref(&argument.of),
        };
        mixes = mixes
            .into_iter()
            .flat_map(|mix: Vec<Type>| of.iter().map(move |of| [mix.as_slice(), &[*of]].concat()))
            .collect();
    }
    mixes
}

fn set_types(module: &mut Module) {
    module.set_custom_type::<Market>("Market");
    module.set_custom_type::<Order>("Order");
    module.set_custom_type::<Bars>("Bars");
    module.set_custom_type::<Indicator>("Indicator");
    module.set_custom_type::<Trade>("Trade");
    module.set_custom_type::<Bar>("Bar");
    module.set_custom_type::<Fill>("Fill");
    compare::<Market>(module);
    compare::<Order>(module);
    compare::<Bars>(module);
}

/// Lets scripts compare tokens.
fn compare<T: rhai::Variant + Copy + PartialEq>(module: &mut Module) {
    for (name, is_equal) in [("==", true), ("!=", false)] {
        FuncRegistration::new(name)
            .in_global_namespace()
            .set_into_module(module, move |a: T, b: T| (a == b) == is_equal);
    }
}

fn id_of(of: Type) -> Option<TypeId> {
    let known = TYPES.iter().find(|(known, _)| *known == of);
    known.map(|(_, id)| *id)
}

/// Types of scripts' values; arrays are not among them, as no function takes one.
static TYPES: [(Type, TypeId); 12] = [
    (Type::Unit, TypeId::of::<()>()),
    (Type::Bool, TypeId::of::<bool>()),
    (Type::Int, TypeId::of::<INT>()),
    (Type::Float, TypeId::of::<FLOAT>()),
    (Type::Text, TypeId::of::<ImmutableString>()),
    (Type::Market, TypeId::of::<Market>()),
    (Type::Bars, TypeId::of::<Bars>()),
    (Type::Indicator, TypeId::of::<Indicator>()),
    (Type::Order, TypeId::of::<Order>()),
    (Type::Trade, TypeId::of::<Trade>()),
    (Type::Bar, TypeId::of::<Bar>()),
    (Type::Fill, TypeId::of::<Fill>()),
];

/// The most values of a call of one of several definitions of a name.
const VALUES_MAX: usize = MORE_MAX + 2;
