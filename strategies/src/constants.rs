//! A script's top-level constants: evaluated once when it is compiled, parameters with their overrides.
//!
//! `param` exists only here. What it finds wrong is collected with its place, so that one run shows all.

use crate::diagnostic::{Diagnostic, Source};
use crate::names::did_you_mean;
use crate::{Limits, Parameter, Value, sandbox};
use rhai::{AST, Dynamic, EvalAltResult, NativeCallContext, Position, Scope};
use std::any::TypeId;
use std::sync::{Arc, Mutex, PoisonError};

/// A script's constants in the order of the file, and its parameters.
pub(crate) struct Constants {
    /// Names and values.
    pub values: Vec<(String, Dynamic)>,
    /// The parameters.
    pub parameters: Vec<Parameter>,
}

/// What `param` calls found so far.
#[derive(Default)]
struct Found {
    overrides: Vec<(String, Value)>,
    parameters: Vec<Parameter>,
    faults: Vec<(Position, String, Option<String>)>,
}

/// Evaluates the top-level constants of a parsed script.
///
/// Of several overrides of one name the first counts.
///
/// # Errors
/// Every wrong parameter and override, or the constant that could not be evaluated.
pub(crate) fn evaluate(
    limits: &Limits,
    source: Source<'_>,
    ast: &AST,
    overrides: &[(String, Value)],
) -> Result<Constants, Vec<Diagnostic>> {
    let found = Arc::new(Mutex::new(Found {
        overrides: overrides.to_vec(),
        ..Found::default()
    }));
    let mut scope = Scope::new();
    let result = run(limits, ast, &mut scope, &found);
    let mut found = std::mem::take(&mut *found.lock().unwrap_or_else(PoisonError::into_inner));
    let unknown = unknown_overrides(source, &mut found);
    let faults = found.faults.into_iter();
    let mut diagnostics: Vec<_> = faults
        .map(|(at, message, hint)| source.at(at, message).with_hint(hint))
        .collect();
    match result {
        // An unknown name may only be unknown because the script broke off before it.
        Ok(()) => diagnostics.extend(unknown),
        Err(fault) => diagnostics.push(broken(source, *fault)),
    }
    if diagnostics.is_empty() {
        let values = scope
            .iter_raw()
            .map(|(name, _, value)| (name.to_owned(), value.clone()));
        Ok(Constants {
            values: values.collect(),
            parameters: found.parameters,
        })
    } else {
        Err(diagnostics)
    }
}

/// Runs the top level with `param` at hand.
fn run(
    limits: &Limits,
    ast: &AST,
    scope: &mut Scope<'_>,
    found: &Arc<Mutex<Found>>,
) -> Result<(), Box<EvalAltResult>> {
    let mut engine = sandbox::engine(limits);
    for count in PARAM_COUNTS {
        let types = vec![TypeId::of::<Dynamic>(); count];
        let found = Arc::clone(found);
        engine.register_raw_fn(
            "param",
            types,
            move |context: NativeCallContext<'_>, arguments| {
                let arguments: Vec<Dynamic> =
                    arguments.iter().map(|value| (**value).clone()).collect();
                let mut found = found.lock().unwrap_or_else(PoisonError::into_inner);
                Ok(found.take(context.call_position(), &arguments))
            },
        );
    }
    sandbox::refill();
    engine.run_ast_with_scope(scope, ast)
}

fn broken(source: Source<'_>, fault: EvalAltResult) -> Diagnostic {
    let (position, text) = crate::runtime::innermost(fault);
    source.at(position, format!("this constant has no value: {text}"))
}

fn unknown_overrides(source: Source<'_>, found: &mut Found) -> Vec<Diagnostic> {
    let names: Vec<&str> = found.parameters.iter().map(|of| of.name.as_str()).collect();
    let unknown = found
        .overrides
        .iter()
        .filter(|(name, _)| !names.contains(&name.as_str()));
    let told = unknown.map(|(name, _)| {
        let hint = did_you_mean(name, names.iter().copied()).or_else(|| match names.as_slice() {
            [] => Some("the script has no parameters".to_owned()),
            names => Some(format!("its parameters are {}", names.join(", "))),
        });
        Diagnostic::of_file(source.file, format!("there is no parameter `{name}`")).with_hint(hint)
    });
    told.collect()
}

impl Found {
    /// Takes a `param(...)` call and returns the value in force; where it is wrong, a stand-in.
    fn take(&mut self, at: Position, arguments: &[Dynamic]) -> Dynamic {
        match self.declare(arguments) {
            Ok(value) => match value {
                Value::Int(value) => value.into(),
                Value::Float(value) => value.into(),
                Value::Bool(value) => value.into(),
            },
            Err((message, hint)) => {
                self.faults.push((at, message, hint));
                arguments.get(1).cloned().unwrap_or_default()
            }
        }
    }

    fn declare(&mut self, arguments: &[Dynamic]) -> Result<Value, (String, Option<String>)> {
        let mut parameter = declared(arguments)?;
        let name = parameter.name.as_str();
        if self.parameters.iter().any(|known| known.name == name) {
            return Err((format!("there are two parameters `{name}`"), None));
        }
        if !parameter.allows(parameter.default) {
            return Err((
                out_of_range("the default", &parameter, parameter.default),
                None,
            ));
        }
        if let Some(near) = parameter.off_step() {
            let (default, min) = (parameter.default, parameter.range.map(|(min, _)| min));
            let (min, step) = (min.unwrap_or(default), parameter.step.unwrap_or(default));
            let message = format!(
                "the default of `{name}`, {default}, is not on its steps of {step} from {min}"
            );
            return Err((message, Some(format!("{near} is"))));
        }
        let set = self
            .overrides
            .iter()
            .find(|(of, _)| of == name)
            .map(|(_, value)| *value);
        let result = set.map_or(Ok(parameter.default), |value| fitting(&parameter, value));
        parameter.value = *result.as_ref().unwrap_or(&parameter.default);
        // Known even where its override is wrong: the name at least was right.
        self.parameters.push(parameter);
        result.map_err(|message| (message, None))
    }
}

/// Returns an override's value in the parameter's type, or why it does not fit.
fn fitting(parameter: &Parameter, value: Value) -> Result<Value, String> {
    let Some(value) = value.like(parameter.default) else {
        let (name, want) = (&parameter.name, parameter.default.type_name());
        return Err(format!(
            "parameter `{name}` is {want}, but was set to {value}"
        ));
    };
    if parameter.allows(value) {
        Ok(value)
    } else {
        Err(out_of_range("the value set", parameter, value))
    }
}

fn out_of_range(what: &str, parameter: &Parameter, value: Value) -> String {
    let name = &parameter.name;
    match parameter.range {
        Some((min, max)) => format!("{what} of `{name}`, {value}, is not within {min} to {max}"),
        None => format!("{what} of `{name}` is {value}"),
    }
}

/// Returns the parameter that the arguments declare.
fn declared(arguments: &[Dynamic]) -> Result<Parameter, (String, Option<String>)> {
    let usage = || Some("param(\"name\", default, min, max[, step[, \"help\"]])".to_owned());
    let wrong = |message: &str| Err((message.to_owned(), usage()));
    let (Some(name), Some(default)) = (arguments.first(), arguments.get(1)) else {
        return wrong("a parameter needs a name and a default");
    };
    let Ok(name) = name.clone().into_string() else {
        return wrong("a parameter's name is a string");
    };
    let Some(default) = value(default) else {
        return wrong("a parameter's default is a number, true or false");
    };
    let range = match (arguments.get(2).map(value), arguments.get(3).map(value)) {
        (None, None) if matches!(default, Value::Bool(_)) => None,
        (Some(Some(min)), Some(Some(max))) => Some((min, max)),
        _ => return wrong("a parameter's least and greatest value are numbers"),
    };
    let is_ordered = |(min, max): (Value, Value)| match (min.as_f64(), max.as_f64()) {
        (Some(min), Some(max)) => min <= max,
        _ => false,
    };
    if !range.is_none_or(is_ordered) || (range.is_some() && matches!(default, Value::Bool(_))) {
        return wrong("a parameter's least value must be below its greatest");
    }
    let step = match arguments.get(4).map(value) {
        None => None,
        Some(Some(step)) if step.as_f64().is_some_and(|step| step > 0.0) => Some(step),
        Some(_) => return wrong("a parameter's step is a number above zero"),
    };
    let help = match arguments.get(5).map(|help| help.clone().into_string()) {
        None => String::new(),
        Some(Ok(help)) => help,
        Some(Err(_)) => return wrong("a parameter's help is a string"),
    };
    Ok(Parameter {
        name,
        value: default,
        default,
        range,
        step,
        help,
    })
}

fn value(of: &Dynamic) -> Option<Value> {
    if let Ok(value) = of.as_int() {
        return Some(Value::Int(value));
    }
    if let Ok(value) = of.as_bool() {
        return Some(Value::Bool(value));
    }
    of.as_float()
        .ok()
        .filter(|value| value.is_finite())
        .map(Value::Float)
}

/// How many arguments `param` takes.
pub(crate) const PARAM_COUNTS: [usize; 4] = [2, 4, 5, 6];
