//! How a command ends: exit status, and what a failure says.

use claire_pipeline::config::{ConfigFault, ConfigFaults};
use claire_pipeline::state::StateError;
use serde_json::{Value, json};
use std::fmt;

/// Exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// It was tried and failed.
    Failed = 1,
    /// The arguments or the configuration refuse.
    Usage = 2,
    /// Finished, and the answer is no.
    No = 3,
}

/// Why a command did not finish.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// Exit status.
    pub exit: Exit,
    /// A word for programs, upper case.
    pub code: &'static str,
    /// What was wrong, for people.
    pub message: String,
    /// The file it is about.
    pub file: Option<String>,
    /// The line in it, from 1.
    pub line: Option<u32>,
    /// What to do.
    pub hint: Option<String>,
    /// Further fields of the JSON.
    pub fields: Option<Box<(&'static str, Value)>>,
}

impl Failure {
    /// Returns a refusal of arguments or configuration.
    pub fn usage(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Usage,
            ..Self::failed(code, message)
        }
    }

    /// Returns a failure of something that was tried.
    pub fn failed(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            exit: Exit::Failed,
            code,
            message: message.into(),
            file: None,
            line: None,
            hint: None,
            fields: None,
        }
    }

    /// Returns the failure with the place that it is about.
    pub fn at(mut self, file: impl Into<String>, line: Option<u64>) -> Self {
        self.file = Some(file.into());
        self.line = line.and_then(|line| u32::try_from(line).ok());
        self
    }

    /// Returns the failure with what to do about it.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

impl From<ConfigFaults> for Failure {
    fn from(faults: ConfigFaults) -> Self {
        let place = faults.first().and_then(ConfigFault::place);
        let shown = faults.0.iter().map(|fault| {
            let place = fault.place();
            json!({
                "file": place.map(|place| place.file.display().to_string()),
                "line": place.map(|place| place.line),
                "column": place.map(|place| place.column),
                "origin": fault.origin.to_string(),
                "key": fault.key,
                "message": fault.what,
                "allowed": fault.allowed,
                "nearest": fault.nearest,
            })
        });
        Self {
            file: place.map(|place| place.file.display().to_string()),
            line: place.map(|place| place.line).filter(|line| *line > 0),
            fields: Some(Box::new(("faults", shown.collect()))),
            ..Self::usage("CONFIG", faults.to_string())
        }
    }
}

impl From<ConfigFault> for Failure {
    fn from(fault: ConfigFault) -> Self {
        ConfigFaults::from(fault).into()
    }
}

impl From<StateError> for Failure {
    fn from(error: StateError) -> Self {
        let code = match error {
            StateError::ReasonMissing(_) => return Self::usage("STATE", error.to_string()),
            StateError::Locked(_) => "LOCKED",
            _ => "STATE",
        };
        Self::failed(code, error.to_string())
    }
}

/// Shows the message, and what to do on a line of its own.
impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n{hint}"),
            None => Ok(()),
        }
    }
}
