//! What scripts may call, beside the language's own packages: one module, built once.
//!
//! Called by the sandbox. Functions reach the engine through the desk of the running call and hold
//! no state of their own. Each is registered under one name with its argument counts; numbers may be
//! integers where floats are meant.

pub(crate) mod definition;
pub(crate) mod event;
pub(crate) mod indicator;
pub(crate) mod market;
pub(crate) mod math;
pub(crate) mod order;
pub(crate) mod words;

pub(crate) use definition::Definition;

use rhai::{
    Dynamic, EvalAltResult, FuncRegistration, INT, Module, NativeCallContext, RhaiFunc,
    RhaiNativeFunc, Shared, Variant,
};
use std::any::TypeId;
use std::ops::RangeInclusive;

/// What a script function returns: a value or a script error.
pub(crate) type Fallible<T> = Result<T, Box<EvalAltResult>>;

/// The values that a script gave a function, the receiver first.
pub(crate) type Values<'a, 'b> = &'a mut [&'b mut Dynamic];
/// The same, by its former name.
pub(crate) type Arguments<'a, 'b> = Values<'a, 'b>;

/// Returns the module of all of Claire's functions and constants.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    math::register(&mut module);
    market::register(&mut module);
    order::register(&mut module);
    indicator::register(&mut module);
    event::register(&mut module);
    words::register(&mut module);
    module
}

/// Registers a function whose result depends on nothing but its arguments.
fn pure<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
    module: &mut Module,
    name: &str,
    function: FUNC,
) where
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
{
    FuncRegistration::new(name)
        .in_global_namespace()
        .set_into_module(module, function);
}

/// Registers a method or function that reads or acts on the desk.
fn live<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
    module: &mut Module,
    name: &str,
    function: FUNC,
) where
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
{
    FuncRegistration::new(name)
        .in_global_namespace()
        .with_volatility(true)
        .set_into_module(module, function);
}

/// Registers a property.
fn property<A: 'static, const N: usize, const X: bool, R, const F: bool, FUNC>(
    module: &mut Module,
    name: &str,
    function: FUNC,
) where
    R: Variant + Clone,
    FUNC: RhaiNativeFunc<A, N, X, R, F> + Send + Sync + 'static,
{
    FuncRegistration::new_getter(name)
        .in_global_namespace()
        .with_volatility(true)
        .set_into_module(module, function);
}

/// Registers a live function for each of the `counts` of arguments after the receiver, if it has one.
fn variadic(
    module: &mut Module,
    name: &str,
    receiver: Option<TypeId>,
    counts: RangeInclusive<usize>,
    function: impl Fn(Arguments<'_, '_>) -> Fallible<Dynamic> + Send + Sync + 'static,
) {
    let function = Shared::new(function);
    for count in counts {
        let mut types: Vec<TypeId> = receiver.into_iter().collect();
        types.extend(std::iter::repeat_n(TypeId::of::<Dynamic>(), count));
        let call = Shared::clone(&function);
        let raw =
            move |_: Option<NativeCallContext<'_>>, arguments: Arguments<'_, '_>| call(arguments);
        FuncRegistration::new(name)
            .in_global_namespace()
            .set_into_module_raw(
                module,
                types,
                RhaiFunc::Method {
                    func: Shared::new(raw),
                    has_context: false,
                    is_pure: true,
                    is_volatile: true,
                },
            );
    }
}

/// Returns the receiver of a method.
fn receiver<T: Variant + Clone + Copy>(arguments: &[&mut Dynamic]) -> Fallible<T> {
    let found = arguments
        .first()
        .and_then(|first| first.read_lock::<T>().map(|value| *value));
    found.ok_or_else(|| "a method without its object".into())
}

/// Returns a number, given as float or integer.
fn number(value: &Dynamic, what: &str) -> Fallible<f64> {
    if let Ok(float) = value.as_float() {
        return Ok(float);
    }
    match value.as_int() {
        Ok(integer) => Ok(integer as f64),
        Err(found) => Err(format!("the {what} must be a number, not {}", plain(found)).into()),
    }
}

/// Returns a number that is neither NaN nor infinite.
fn finite(value: &Dynamic, what: &str) -> Fallible<f64> {
    let number = number(value, what)?;
    if number.is_finite() {
        Ok(number)
    } else {
        Err(format!("the {what} is {}", Dynamic::from_float(number)).into())
    }
}

/// Returns an integer; a float is refused rather than cut.
fn integer(value: &Dynamic, what: &str) -> Fallible<INT> {
    let found = value.as_int();
    found.map_err(|found| format!("the {what} must be an integer, not {}", plain(found)).into())
}

/// Calls `read` with the text of a string.
fn text<R>(value: &Dynamic, what: &str, read: impl FnOnce(&str) -> R) -> Fallible<R> {
    match value.as_immutable_string_ref() {
        Ok(text) => Ok(read(text.as_str())),
        Err(found) => Err(format!("the {what} must be a string, not {}", plain(found)).into()),
    }
}

/// Returns a type's name as scripts know it.
fn plain(type_name: &str) -> &str {
    match type_name.rsplit("::").next() {
        Some("f64") => "float",
        Some("i64") => "integer",
        Some(name) => name,
        None => type_name,
    }
}
