//! Parameters: what a script lets its user set, and the values set.
//!
//! `const FAST = param("fast", 12, 2, 100[, step[, "help"]])`. Called when a script is compiled.

use std::fmt;
use std::str::FromStr;

/// A parameter's value. Its default decides the type.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A number.
    Float(f64),
    /// A switch.
    Bool(bool),
}

/// A parameter of a script.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name, as in `--set strategy.NAME=value`.
    pub name: String,
    /// The value in force.
    pub value: Value,
    /// The file's own value.
    pub default: Value,
    /// Smallest and largest value; `None` for switches.
    pub range: Option<(Value, Value)>,
    /// Step of a sweep; `None` where the file names none.
    pub step: Option<Value>,
    /// What it does; empty where the file does not say.
    pub help: String,
}

impl Value {
    /// Returns the number as a float; of a switch, `None`.
    pub fn as_f64(self) -> Option<f64> {
        match self {
            Self::Int(value) => Some(value as f64),
            Self::Float(value) => Some(value),
            Self::Bool(_) => None,
        }
    }

    /// Returns the value in the type of `default`; `None` where it has no such value.
    pub(crate) fn like(self, default: Self) -> Option<Self> {
        match (default, self) {
            (Self::Int(_), Self::Int(_))
            | (Self::Float(_), Self::Float(_))
            | (Self::Bool(_), Self::Bool(_)) => Some(self),
            (Self::Float(_), Self::Int(value)) => Some(Self::Float(value as f64)),
            (Self::Int(_), Self::Float(value)) => whole(value).map(Self::Int),
            _ => None,
        }
    }

    /// Returns the word for the type.
    pub(crate) fn type_name(self) -> &'static str {
        match self {
            Self::Int(_) => "an integer",
            Self::Float(_) => "a number",
            Self::Bool(_) => "true or false",
        }
    }
}

/// Returns the integer that a float is; `None` where it is none or not exact.
fn whole(value: f64) -> Option<i64> {
    const EXACT_MAX: f64 = 9_007_199_254_740_992.0;
    (value.trunc() == value && value.abs() <= EXACT_MAX).then_some(value as i64)
}

impl Parameter {
    /// Returns whether a value lies in the range; NaN lies in none.
    pub fn allows(&self, value: Value) -> bool {
        let Some((min, max)) = self.range else {
            return true;
        };
        match (value.as_f64(), min.as_f64(), max.as_f64()) {
            (Some(value), Some(min), Some(max)) => min <= value && value <= max,
            _ => false,
        }
    }

    /// Returns the value on its steps that is nearest to the default, where the default is on none: its steps are
    /// counted from the least value, or are the multiples of the step.
    pub(crate) fn off_step(&self) -> Option<Value> {
        let (min, _) = self.range?;
        let step = self.step?.as_f64()?;
        let (default, min) = (self.default.as_f64()?, min.as_f64()?);
        let near = |from: f64| from + ((default - from) / step).round() * step;
        let is_on_it = |from| (default - near(from)).abs() <= step * STEP_SHARE;
        let value = Value::Float(near(min));
        let is_off = !is_on_it(min) && !is_on_it(0.0);
        is_off.then(|| value.like(self.default).unwrap_or(value))
    }
}

/// How near to a step, as a share of it, a value counts as on it: decimal steps are no exact floats.
const STEP_SHARE: f64 = 1e-6;

impl FromStr for Value {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let plain = text.replace('_', "");
        if let Ok(value) = plain.parse() {
            return Ok(Self::Int(value));
        }
        match plain.as_str() {
            "true" => return Ok(Self::Bool(true)),
            "false" => return Ok(Self::Bool(false)),
            _ => {}
        }
        match plain.parse::<f64>() {
            Ok(value) if value.is_finite() => Ok(Self::Float(value)),
            _ => Err(format!("{text:?} is not a number, true or false")),
        }
    }
}

/// Shows the value as a script writes it: floats with a point.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Int(value) => write!(f, "{value}"),
            Self::Float(value) => write!(f, "{value:?}"),
            Self::Bool(value) => write!(f, "{value}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_the_narrowest_value() {
        let cases = [
            ("20", Ok(Value::Int(20))),
            ("-3", Ok(Value::Int(-3))),
            ("60_000", Ok(Value::Int(60_000))),
            ("0.5", Ok(Value::Float(0.5))),
            ("1e3", Ok(Value::Float(1000.0))),
            ("true", Ok(Value::Bool(true))),
        ];
        for (text, want) in cases {
            assert_eq!(text.parse::<Value>(), want, "{text}");
        }
        for text in ["", "NaN", "inf", "x", "1,5"] {
            assert!(text.parse::<Value>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_value_takes_the_defaults_type_only_where_it_is_exact() {
        assert_eq!(
            Value::Int(2).like(Value::Float(0.0)),
            Some(Value::Float(2.0))
        );
        assert_eq!(Value::Float(2.0).like(Value::Int(0)), Some(Value::Int(2)));
        assert_eq!(Value::Float(2.5).like(Value::Int(0)), None);
        assert_eq!(Value::Float(1e300).like(Value::Int(0)), None);
        assert_eq!(Value::Bool(true).like(Value::Int(0)), None);
        assert_eq!(Value::Int(1).like(Value::Bool(false)), None);
    }
}
