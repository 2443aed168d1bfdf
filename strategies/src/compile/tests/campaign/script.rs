//! Whole scripts: constants, `init`, functions, handlers.

use super::code::{Code, Text};
use super::writer::{Function, Named, VALUES, Writer};
use crate::api;
use crate::api::Definition;
use crate::api::definition::{Effect, Form, Group};
use crate::compile::ir::Type;
use claire_engine::indicator::DEFINITIONS;

/// Returns the script of a seed.
pub(super) fn script(seed: u64) -> Text {
    let mut writer = Writer::new(seed);
    let definitions = api::definitions();
    let first = (seed as usize % definitions.len()) * FOCUS;
    writer.focus = (first..first + FOCUS)
        .map(|at| &definitions[at % definitions.len()])
        .collect();
    let mut all = writer.constants();
    let init = writer.init();
    all.push(init);
    all.extend(writer.functions());
    all.extend(writer.handlers());
    Text(all)
}

impl Writer {
    fn constants(&mut self) -> Vec<Code> {
        let mut lines = vec![
            Code::line("const LIST = [4, 5, 6];"),
            Code::line("const RATES = [0.5, 0.25];"),
        ];
        let mut named = |name: &str, of| {
            self.constants.push(Named {
                name: name.to_owned(),
                of,
                may_change: false,
            });
        };
        for (name, of) in [
            ("LIST", Type::Ints),
            ("RATES", Type::Floats),
            ("COUNT", Type::Int),
            ("SHARE", Type::Float),
            ("ON", Type::Bool),
            ("WORD", Type::Text),
            ("BUY", Type::Int),
            ("SELL", Type::Int),
            ("TREND", Type::Int),
        ] {
            named(name, of);
        }
        let (count, share) = (self.random.between(1, 9), self.float_literal());
        lines.push(Code::line(format!(
            "const COUNT = param(\"count\", {count}, 0, 100);"
        )));
        lines.push(Code::line(format!("const SHARE = {share};")));
        let (on, word) = (self.leaf(Type::Bool).contains('t'), self.leaf(Type::Text));
        let word = if word.starts_with('"') {
            word
        } else {
            "\"word\"".to_owned()
        };
        lines.push(Code::line(format!("const ON = param(\"on\", {on});")));
        lines.push(Code::line(format!("const WORD = {word};")));
        lines
    }

    /// Writes `init`: what it declares, and fields of every type in an order of their own.
    fn init(&mut self) -> Code {
        let mut body = vec![Code::line("let b = m.bars(\"1m\");")];
        self.declare("m", Type::Market, false);
        self.declare("b", Type::Bars, false);
        let mut fields: Vec<(String, Type, String)> = Vec::new();
        for number in 0..2 {
            let (definition, call) = self.declaration();
            if definition.returns == Type::Indicator {
                self.line(&format!("line{number}"), definition.name);
                fields.push((format!("line{number}"), Type::Indicator, call));
            } else {
                body.push(Code::line(format!("{call};")));
            }
        }
        self.line("ema", "ema");
        self.line("bands", "bollinger");
        fields.push(("ema".to_owned(), Type::Indicator, "b.ema(5)".to_owned()));
        fields.push((
            "bands".to_owned(),
            Type::Indicator,
            "b.bollinger(20, 2.0)".to_owned(),
        ));
        // Kinds with more outputs have their turn more often.
        let more = DEFINITIONS.iter().filter(|kind| kind.outputs.len() > 1);
        let more: Vec<_> = more
            .flat_map(|kind| kind.outputs.iter().map(move |_| kind))
            .collect();
        let kind = *self.random.pick(&more);
        let of = api::definitions()
            .iter()
            .find(|known| known.name == kind.name);
        if let Some(of) = of {
            self.line("more", kind.name);
            fields.push(("more".to_owned(), Type::Indicator, self.declared(of)));
        }
        fields.push(("bars".to_owned(), Type::Bars, "b".to_owned()));
        fields.push((
            "other".to_owned(),
            Type::Market,
            "market(\"sim:OTHER\")".to_owned(),
        ));
        for of in VALUES {
            for number in 0..=self.random.below(3) {
                let name = format!("{}{number}", self.random.pick(&["a", "k", "z"]));
                let name = format!("{name}_{}", word_of(of));
                if fields.iter().all(|(known, ..)| *known != name) {
                    let value = self.first(of);
                    fields.push((name, of, value));
                }
            }
        }
        if self.random.one_in(3) {
            body.push(Code::line("m.every(100, \"tick\");"));
        }
        let inner = self.integer_literal();
        let mut map: Vec<String> = Vec::new();
        for (name, of, value) in fields {
            map.push(format!("{name}: {value}"));
            let may_change = !matches!(of, Type::Indicator | Type::Bars | Type::Market);
            self.fields.push(Named {
                name: format!("this.{name}"),
                of,
                may_change,
            });
        }
        map.push(format!(
            "inner: #{{ n: {inner}, deep: #{{ x: 0.5, on: true }} }}"
        ));
        for (name, of) in [
            ("this.inner.n", Type::Int),
            ("this.inner.deep.x", Type::Float),
            ("this.inner.deep.on", Type::Bool),
        ] {
            self.fields.push(Named {
                name: name.to_owned(),
                of,
                may_change: true,
            });
        }
        body.push(Code::line(format!("#{{ {} }}", map.join(", "))));
        self.scope.clear();
        Code::block("fn init(m) {", body)
    }

    /// Notes an indicator of a field: what it says is of interest.
    fn line(&mut self, field: &str, kind: &str) {
        let Some(kind) = DEFINITIONS.iter().find(|known| known.name == kind) else {
            return;
        };
        self.lines.push((format!("this.{field}"), kind));
        let outputs = api::definitions().iter().filter(|of| {
            let name = of.name.strip_suffix("_prev").unwrap_or(of.name);
            of.group == Group::Outputs && of.form == Form::Property && kind.output(name).is_some()
        });
        self.focus.extend(outputs);
    }

    /// Returns a line about what one of the indicators says.
    fn output(&mut self) -> String {
        let more = self
            .lines
            .iter()
            .position(|(field, _)| field == "this.more");
        let at = match more.filter(|_| self.random.one_in(2)) {
            Some(at) => at,
            None => self.random.below(self.lines.len()),
        };
        let (field, kind) = self.lines[at].clone();
        let output = self.random.pick(kind.outputs).name;
        let (output, end) = match (output, self.random.one_in(2)) {
            ("value", false) => ("value", ""),
            ("value", true) => ("prev", ""),
            (other, true) => (other, "_prev"),
            (other, false) => (other, ""),
        };
        format!("plot(\"line\", {field}.{output}{end});")
    }

    /// Returns a line that shows what one of these gives.
    fn shown(&mut self, of: Vec<&'static Definition>) -> Option<Code> {
        let of: Vec<_> = of
            .into_iter()
            .filter(|known| known.effect != Effect::Declares)
            .filter(|known| known.arguments.iter().all(|argument| self.has(argument.of)))
            .filter(|known| {
                known
                    .arguments
                    .iter()
                    .all(|argument| !argument.name.is_empty())
            })
            .collect();
        if of.is_empty() {
            return None;
        }
        let definition = *self.random.pick(&of);
        let given = self.use_of(definition, 1);
        Some(Code::line(match definition.returns {
            Type::Float => format!("plot(\"shown\", {given});"),
            Type::Unit => format!("{given};"),
            _ => format!("note(\"shown {{}}\", {given});"),
        }))
    }

    /// Returns the first value of a field: a literal, so that its type is known.
    fn first(&mut self, of: Type) -> String {
        match of {
            Type::Int => self.integer_literal(),
            Type::Float => self.float_literal(),
            Type::Bool => (*self.random.pick(&["true", "false"])).to_owned(),
            Type::Text => "\"abc\"".to_owned(),
            Type::Ints => "[1, 2, 3]".to_owned(),
            Type::Floats => "[0.5, -1.5, 4.0]".to_owned(),
            _ => "no_order()".to_owned(),
        }
    }

    /// Returns a use of the interface that only `init` has.
    fn declaration(&mut self) -> (&'static Definition, String) {
        let all: Vec<&'static Definition> = api::definitions()
            .iter()
            .filter(|known| known.effect == Effect::Declares)
            .collect();
        let focus = self
            .focus
            .iter()
            .filter(|known| known.effect == Effect::Declares);
        let focus: Vec<&'static Definition> = focus.copied().collect();
        let definition = match focus.is_empty() || self.random.one_in(3) {
            true => *self.random.pick(&all),
            false => *self.random.pick(&focus),
        };
        (definition, self.declared(definition))
    }

    fn declared(&mut self, definition: &Definition) -> String {
        let mut given = Vec::new();
        for argument in definition.arguments.iter().filter(|of| !of.name.is_empty()) {
            if argument.default.is_some() && self.random.one_in(3) {
                break;
            }
            given.push(match argument.of {
                Type::Market => "m".to_owned(),
                Type::Bars => "b".to_owned(),
                Type::Int => self.random.between(1, 50).to_string(),
                Type::Text if definition.name == "bars" => {
                    (*self.random.pick(&["\"5m\"", "\"1h\"", "\"30s\""])).to_owned()
                }
                Type::Text => (*self.random.pick(&["\"mid\"", "\"trades\""])).to_owned(),
                _ => self.random.between(2, 30).to_string(),
            });
        }
        match definition.arguments.first().map(|of| of.of) {
            Some(Type::Market | Type::Bars) => {
                format!(
                    "{}.{}({})",
                    given[0],
                    definition.name,
                    given[1..].join(", ")
                )
            }
            _ => format!("{}({})", definition.name, given.join(", ")),
        }
    }

    fn functions(&mut self) -> Vec<Code> {
        let mut all = Vec::new();
        for _ in 0..self.random.below(3) {
            let function = self.function();
            all.push(function);
        }
        if self.random.one_in(2) {
            let code = self.recursive();
            all.push(code);
        }
        all.push(Code::line("fn twice(v) { v + v }"));
        for of in [Type::Int, Type::Float] {
            self.functions.push(Function {
                name: "twice".to_owned(),
                arguments: vec![of],
                returns: of,
                is_method: false,
            });
        }
        all
    }

    fn function(&mut self) -> Code {
        let is_method = !self.random.one_in(3);
        let name = self.name("f");
        let returns = *self.random.pick(&[
            Type::Unit,
            Type::Int,
            Type::Int,
            Type::Float,
            Type::Float,
            Type::Bool,
            Type::Text,
            Type::Order,
            Type::Ints,
            Type::Floats,
        ]);
        let mut arguments = Vec::new();
        for _ in 0..self.random.below(4) {
            let of = *self.random.pick(&[
                Type::Int,
                Type::Float,
                Type::Bool,
                Type::Ints,
                Type::Floats,
                Type::Text,
                Type::Market,
            ]);
            let may_change = of != Type::Market;
            let parameter = self.name("p");
            self.declare(&parameter, of, may_change);
            arguments.push(of);
        }
        let parameters: Vec<String> = self.scope.iter().map(|known| known.name.clone()).collect();
        self.place.has_this = is_method;
        self.place.returns = returns;
        self.place.turns_max = 3;
        // Loops of a function are not within one another, as it may be called from one.
        self.place.loops = 1;
        let mut body = Vec::new();
        for _ in 0..self.random.below(3) {
            self.statement(1, &mut body);
        }
        if returns != Type::Unit {
            body.push(Code::line(self.value(returns, 2)));
        }
        self.place.loops = 0;
        self.scope.clear();
        let head = format!("fn {name}({}) {{", parameters.join(", "));
        self.functions.push(Function {
            name,
            arguments,
            returns,
            is_method,
        });
        Code::block(head, body)
    }

    /// Writes a function that calls itself, less far each time.
    fn recursive(&mut self) -> Code {
        let name = self.name("r");
        let of = *self.random.pick(&[Type::Int, Type::Float]);
        self.place.has_this = true;
        self.place.returns = of;
        self.declare("x", of, true);
        let (end, more) = (self.value(of, 1), self.value(of, 1));
        self.scope.clear();
        let call = format!("this.{name}(n - 1, {more})");
        let line = match self.random.below(2) {
            0 => format!("if n < 1 {{ {end} }} else {{ {call} }}"),
            _ => format!("if n < 1 {{ return {end}; }} ({call} + 1)"),
        };
        // How often is a number that the caller writes.
        for count in [3, 5, 22, 30] {
            if count < 9 || self.random.one_in(6) {
                self.functions.push(Function {
                    name: format!("{name}_{count}"),
                    arguments: Vec::new(),
                    returns: of,
                    is_method: true,
                });
            }
        }
        let start = self.first(of);
        let mut lines = vec![(format!("fn {name}(n, x) {{"), vec![Code::line(line)])];
        for count in [3, 5, 22, 30] {
            let call = Code::line(format!("this.{name}({count}, {start})"));
            lines.push((format!("}} fn {name}_{count}() {{"), vec![call]));
        }
        Code::Group(lines, "}".to_owned())
    }

    fn handlers(&mut self) -> Vec<Code> {
        let mut all = Vec::new();
        let first = self.random.below(HANDLERS.len());
        let count = 1 + self.random.below(2);
        for number in 0..count {
            let (name, argument) = HANDLERS[(first + number * 3) % HANDLERS.len()];
            self.declare("m", Type::Market, false);
            let mut parameters = "m".to_owned();
            if let Some((argument, of)) = argument {
                self.declare(argument, of, false);
                parameters = format!("m, {argument}");
            }
            self.place.has_this = true;
            self.place.returns = Type::Unit;
            self.place.turns_max = 6;
            let count = 3 + self.random.below(4);
            let mut body = Vec::new();
            if self.random.one_in(4) {
                let nothing = self.name("u");
                body.push(Code::line(format!("let {nothing} = ();")));
                self.declare(&nothing, Type::Unit, false);
            }
            for _ in 0..=self.random.below(4) {
                let line = self.output();
                body.push(Code::line(line));
            }
            for _ in 0..self.random.below(3) {
                let line = self.edge();
                body.push(line);
            }
            let own = argument.map(|(_, of)| of);
            let own = |known: &&Definition| {
                known.arguments.first().map(|first| first.of) == own && known.form == Form::Property
            };
            let own = api::definitions().iter().filter(own).collect();
            body.extend(self.shown(own));
            for _ in 0..4 {
                let focus = self.focus[..FOCUS].to_vec();
                body.extend(self.shown(focus));
            }
            for _ in 0..count {
                self.statement(2, &mut body);
            }
            if self.random.one_in(16) {
                let line = (*self.random.pick(&OUTSIDE)).to_owned();
                let at = self.random.below(body.len() + 1);
                body.insert(at, Code::line(line));
            }
            self.scope.clear();
            all.push(Code::block(format!("fn {name}({parameters}) {{"), body));
        }
        all
    }
}

fn word_of(of: Type) -> &'static str {
    match of {
        Type::Int => "int",
        Type::Float => "float",
        Type::Bool => "bool",
        Type::Text => "text",
        Type::Order => "order",
        Type::Ints => "ints",
        _ => "floats",
    }
}

/// Definitions that a script uses above all.
const FOCUS: usize = 7;

/// Handlers and what they are given beside the market.
const HANDLERS: [(&str, Option<(&str, Type)>); 8] = [
    ("on_book", None),
    ("on_trade", Some(("trade", Type::Trade))),
    ("on_bar", Some(("bar", Type::Bar))),
    ("on_timer", Some(("name", Type::Text))),
    ("on_fill", Some(("fill", Type::Fill))),
    ("on_order", Some(("order", Type::Order))),
    ("on_start", None),
    ("on_stop", None),
];

/// Lines without a compiled form: the handler is interpreted, on a state that compiled ones share.
const OUTSIDE: [&str; 8] = [
    "let words = \"a\" + \"b\" + COUNT; note(words);",
    "let map = #{ a: 1, b: 2.5 }; note(\"{}\", map.a);",
    "note(`count ${COUNT + 1}`);",
    "let letter = 'x'; note(\"{}\", letter);",
    "let mixed = [1, 2.5, \"x\"]; note(\"{}\", mixed.len());",
    "let add = |x| x + COUNT; note(\"{}\", add.call(2));",
    "let doubled = LIST.map(|x| x * 2); note(\"{}\", doubled.len());",
    "let part = WORD.sub_string(0, 2); note(part);",
];
