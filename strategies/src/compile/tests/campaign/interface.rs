//! Calls of the interface, made from its table of definitions: what is added there is called here.

use super::writer::Writer;
use crate::api;
use crate::api::Definition;
use crate::api::definition::{Effect, Form, Group, Interpreted};
use crate::compile::ir::Type;

impl Writer {
    /// Returns a use of the interface that gives the type; `None` where there is none here.
    pub(super) fn interface(&mut self, of: Type, depth: u32) -> Option<String> {
        let definition = self.definition(|known| known.returns == of)?;
        Some(self.use_of(definition, depth))
    }

    /// Returns a use of the interface that does something.
    pub(super) fn act(&mut self) -> Option<String> {
        let definition =
            self.definition(|known| matches!(known.effect, Effect::Acts | Effect::Asks))?;
        Some(self.use_of(definition, 2))
    }

    fn definition(
        &mut self,
        is_wanted: impl Fn(&Definition) -> bool,
    ) -> Option<&'static Definition> {
        let all: Vec<&'static Definition> = api::definitions().iter().collect();
        let mut lists = vec![&self.focus, &all];
        if self.random.one_in(2) {
            lists.remove(0);
        }
        for list in lists {
            let fits: Vec<&'static Definition> = list
                .iter()
                .filter(|known| known.effect != Effect::Declares && is_wanted(known))
                .filter(|known| known.arguments.iter().all(|argument| self.has(argument.of)))
                .filter(|known| !is_output(known) || !self.lines_with(known.name).is_empty())
                .copied()
                .collect();
            if !fits.is_empty() {
                return Some(*self.random.pick(&fits));
            }
        }
        None
    }

    /// Returns the fields whose indicator has this output.
    fn lines_with(&self, property: &str) -> Vec<String> {
        let name = property.strip_suffix("_prev").unwrap_or(property);
        let lines = self.lines.iter().filter(|_| self.place.has_this);
        let known = lines.filter(|(_, kind)| kind.output(name).is_some());
        known.map(|(field, _)| field.clone()).collect()
    }

    /// Returns a use of what this defines.
    pub(super) fn use_of(&mut self, definition: &Definition, depth: u32) -> String {
        let counts = definition.counts();
        let most = definition.arguments.iter().filter(|of| !of.name.is_empty());
        let count = *counts.start() + self.random.below(most.count() - counts.start() + 1);
        let mut given = Vec::new();
        if is_output(definition) && !self.random.one_in(20) {
            let lines = self.lines_with(definition.name);
            return format!("{}.{}", self.random.pick(&lines), definition.name);
        }
        for argument in definition.arguments.iter().take(count) {
            let is_own = matches!(definition.interpreted, Interpreted::Own(_));
            let of = match argument.of {
                Type::Float if is_own && self.random.one_in(5) => Type::Int,
                of => of,
            };
            given.push(self.argument(definition, argument.name, of, depth));
        }
        let is_reason = definition
            .arguments
            .last()
            .is_some_and(|of| of.name == "reason");
        if is_reason && count < definition.arguments.len() && self.random.one_in(3) {
            // The reason may follow directly.
            given.push(self.leaf(Type::Text));
        }
        if definition.takes_more {
            for _ in 0..self.random.below(4) {
                let of = *self.random.pick(&MORE);
                given.push(if self.has(of) {
                    self.value(of, depth.min(1))
                } else {
                    "1".to_owned()
                });
            }
        }
        self.written(definition, given)
    }

    fn written(&mut self, definition: &Definition, given: Vec<String>) -> String {
        let name = definition.name;
        let is_plain = |of: &String| of.chars().all(|c| c.is_alphanumeric() || "._".contains(c));
        let receiver = given.first().map(|first| match first {
            name if is_plain(name) && !name.starts_with(|c: char| c.is_ascii_digit()) => {
                name.clone()
            }
            other => format!("({other})"),
        });
        let is_method = match definition.form {
            Form::Property => {
                return format!("{}.{name}", receiver.unwrap_or_default());
            }
            Form::Method => !self.random.one_in(12),
            // A script's value may have a field of that name, and no method.
            Form::Function => definition.group == Group::Mathematics && self.random.one_in(6),
        };
        match receiver {
            Some(receiver) if is_method => format!("{receiver}.{name}({})", given[1..].join(", ")),
            _ => format!("{name}({})", given.join(", ")),
        }
    }

    /// Returns an argument: mostly one that the function likes.
    fn argument(&mut self, of: &Definition, name: &str, is: Type, depth: u32) -> String {
        if of.returns == Type::Market {
            let names = ["\"sim:OTHER\"", "\"sim:MAIN\"", "\"no\""];
            let at = self.random.below(12) / 6 + usize::from(self.random.one_in(12));
            return names[at].to_owned();
        }
        if matches!(of.group, Group::Mathematics | Group::Outputs) || self.random.one_in(20) {
            return self.value(is, depth);
        }
        match (name, is) {
            ("side", _) => {
                (*self.random.pick(&["BUY", "SELL", "BUY", "SELL", "1", "-1"])).to_owned()
            }
            ("flags", _) => {
                let flags = [
                    "POST_ONLY",
                    "IOC",
                    "FOK",
                    "GTC",
                    "REDUCE_ONLY",
                    "POST_ONLY | GTC",
                    "0",
                ];
                (*self.random.pick(&flags)).to_owned()
            }
            ("ms", _) => self.random.between(1, 5_000).to_string(),
            ("level", Type::Text) => {
                let levels = [
                    "\"info\"",
                    "\"warning\"",
                    "\"error\"",
                    "\"critical\"",
                    "\"loud\"",
                ];
                (*self.random.pick(&levels)).to_owned()
            }
            ("rank" | "levels" | "level" | "keep_ticks", _) => {
                self.random.between(0, 4).to_string()
            }
            ("name" | "pane", Type::Text) if self.random.one_in(2) => "\"tick\"".to_owned(),
            (_, Type::Float) => self.price(),
            _ => self.value(is, depth.min(1)),
        }
    }

    /// Returns a float that is finite where the market is.
    fn price(&mut self) -> String {
        let market = self.named(Type::Market).filter(|_| self.has(Type::Market));
        match (market, self.random.below(4)) {
            (Some(m), 0) => format!("{m}.bid - {} * {m}.tick", self.random.between(0, 9)),
            (Some(m), 1) => format!(
                "{m}.{} * 1.5",
                self.random.pick(&["mid", "ask", "step", "spread"])
            ),
            (Some(_), 2) => self.leaf(Type::Float),
            _ => format!("{:?}", self.random.between(1, 80) as f64 / 8.0),
        }
    }
}

/// Returns whether it is an output that only some kinds of indicators have.
fn is_output(of: &Definition) -> bool {
    of.group == Group::Outputs && of.arguments.iter().any(|argument| argument.name.is_empty())
}

/// Types of values in texts.
const MORE: [Type; 8] = [
    Type::Int,
    Type::Float,
    Type::Bool,
    Type::Text,
    Type::Ints,
    Type::Floats,
    Type::Order,
    Type::Market,
];
