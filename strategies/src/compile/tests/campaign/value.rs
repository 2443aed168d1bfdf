//! Expressions of every type.

use super::code::Code;
use super::writer::Writer;
use crate::compile::ir::Type;

impl Writer {
    /// Returns an expression of the type; at depth 0 one without parts.
    pub(super) fn value(&mut self, of: Type, depth: u32) -> String {
        if depth == 0 || self.random.one_in(4) {
            return self.leaf(of);
        }
        match self.random.below(16) {
            0 => self.chosen(of, depth - 1),
            1 => self.switched(of, depth - 1),
            2 => self.block_of(of, depth - 1),
            3 if self.place.loops < 1 => self.looped(of, depth - 1),
            4..=6 => match self.interface(of, depth - 1) {
                Some(call) => call,
                None => self.own(of, depth - 1),
            },
            7 => match self.call_of(of, depth - 1) {
                Some(call) => call,
                None => self.own(of, depth - 1),
            },
            8 if self.random.one_in(3) => {
                let value = self.value(of, depth - 1);
                let nothing = self
                    .call_of(Type::Unit, 0)
                    .or_else(|| self.named(Type::Unit));
                format!(
                    "({} ?? {value})",
                    nothing.unwrap_or_else(|| "()".to_owned())
                )
            }
            _ => self.own(of, depth - 1),
        }
    }

    /// Returns what operators and functions of the language make of this type.
    fn own(&mut self, of: Type, depth: u32) -> String {
        match of {
            Type::Int => self.integer(depth),
            Type::Float => self.float(depth),
            Type::Bool => self.condition(depth),
            Type::Ints | Type::Floats => self.array(of, depth),
            _ => self.interface(of, depth).unwrap_or_else(|| self.leaf(of)),
        }
    }

    /// Returns a constant, a variable or a field.
    pub(super) fn leaf(&mut self, of: Type) -> String {
        if !self.random.one_in(4)
            && let Some(name) = self.named(of)
        {
            return name;
        }
        match of {
            Type::Int => self.integer_literal(),
            Type::Float => self.float_literal(),
            Type::Bool => (*self.random.pick(&["true", "false"])).to_owned(),
            Type::Text => format!("\"{}\"", self.random.pick(&TEXTS)),
            Type::Order => "no_order()".to_owned(),
            Type::Ints => format!("[{}, {}]", self.random.below(9), self.integer_literal()),
            Type::Floats => format!("[{}, 0.25]", self.float_literal()),
            _ => self.named(of).unwrap_or_else(|| "()".to_owned()),
        }
    }

    pub(super) fn integer_literal(&mut self) -> String {
        match self.random.below(25) {
            0 => (*self.random.pick(&INTEGERS)).to_owned(),
            1..=3 => self.random.between(-20, 100).to_string(),
            _ => self.random.between(0, 9).to_string(),
        }
    }

    pub(super) fn float_literal(&mut self) -> String {
        match self.random.below(8) {
            0 => (*self.random.pick(&FLOATS)).to_owned(),
            _ => format!("{:?}", self.random.between(-8, 40) as f64 / 4.0),
        }
    }

    fn integer(&mut self, depth: u32) -> String {
        match self.random.below(12) {
            0..=5 => {
                let (a, b) = (self.value(Type::Int, depth), self.value(Type::Int, depth));
                let operator = *self.random.pick(&OF_INTEGERS);
                let b = match operator {
                    // A literal makes another kind of code.
                    "<<" | ">>" if self.random.one_in(2) => self.random.between(-1, 65).to_string(),
                    "/" | "%" if self.random.one_in(3) => self.random.between(-1, 9).to_string(),
                    "/" | "%" if !self.random.one_in(6) => format!("({b} | 1)"),
                    "*" if !self.random.one_in(4) => self.random.between(-3, 5).to_string(),
                    _ => b,
                };
                if self.random.one_in(25) {
                    // What has a value is a constant before anything is compiled.
                    return format!("(if {b} == 77 {{ 9 ** 99 }} else {{ {a} }})");
                }
                format!("({a} {operator} {b})")
            }
            6 => {
                let sign = *self.random.pick(&["-", "+", "-"]);
                format!("({sign} {})", self.value(Type::Int, depth))
            }
            7 | 8 => {
                let array = self.any_array(depth);
                let index = self.index();
                match self.random.below(5) {
                    0 => format!("{array}.len"),
                    1 => format!("{array}.len()"),
                    2 => {
                        let of = self.array_type();
                        let item = of.item().unwrap_or(Type::Int);
                        let (array, item) = (self.leaf(of), self.value(item, depth));
                        format!("{array}.index_of({item})")
                    }
                    _ => format!("{}[{index}]", self.leaf(Type::Ints)),
                }
            }
            9 => format!("to_int({})", self.value(Type::Float, depth)),
            10 => self.taken(Type::Ints),
            _ => self
                .interface(Type::Int, depth)
                .unwrap_or_else(|| self.leaf(Type::Int)),
        }
    }

    fn float(&mut self, depth: u32) -> String {
        match self.random.below(12) {
            0..=6 => {
                let (a, b) = match self.random.below(4) {
                    0 => (self.value(Type::Int, depth), self.value(Type::Float, depth)),
                    1 => (self.value(Type::Float, depth), self.value(Type::Int, depth)),
                    _ => (
                        self.value(Type::Float, depth),
                        self.value(Type::Float, depth),
                    ),
                };
                format!("({a} {} {b})", self.random.pick(&OF_FLOATS))
            }
            7 => {
                let sign = *self.random.pick(&["-", "+", "-"]);
                format!("({sign} {})", self.value(Type::Float, depth))
            }
            8 => format!("{}[{}]", self.leaf(Type::Floats), self.index()),
            9 => self.taken(Type::Floats),
            _ => self
                .interface(Type::Float, depth)
                .unwrap_or_else(|| self.leaf(Type::Float)),
        }
    }

    pub(super) fn condition(&mut self, depth: u32) -> String {
        let comparison = *self.random.pick(&COMPARISONS);
        let equality = *self.random.pick(&["==", "!="]);
        match self.random.below(20) {
            0..=5 => {
                let (one, other) = *self.random.pick(&[
                    (Type::Int, Type::Int),
                    (Type::Float, Type::Float),
                    (Type::Int, Type::Float),
                    (Type::Float, Type::Int),
                    (Type::Text, Type::Text),
                    (Type::Bool, Type::Bool),
                ]);
                let (a, b) = (self.value(one, depth), self.value(other, depth));
                format!("({a} {comparison} {b})")
            }
            6 | 7 => self.near(comparison),
            8 | 9 => {
                let of = *self.random.pick(&[Type::Order, Type::Market, Type::Bars]);
                let of = if self.has(of) { of } else { Type::Order };
                let (a, b) = (self.value(of, 1), self.leaf(of));
                format!("({a} {equality} {b})")
            }
            10 => {
                let one = *self.random.pick(&[Type::Int, Type::Text, Type::Order]);
                let (a, b) = (self.leaf(one), self.leaf(Type::Bool));
                format!("({a} {comparison} {b})")
            }
            11..=13 => {
                let operator = *self.random.pick(&["&&", "||", "&&", "||", "&", "|", "^"]);
                let (a, b) = (self.value(Type::Bool, depth), self.value(Type::Bool, depth));
                format!("({a} {operator} {b})")
            }
            14 => format!("!{}", self.value(Type::Bool, depth)),
            15 => {
                let (of, word) = (self.array_type(), *self.random.pick(&["in", "!in"]));
                let item = of.item().unwrap_or(Type::Int);
                let (item, array) = (self.value(item, depth), self.leaf(of));
                if self.random.one_in(2) {
                    return format!("({item} {word} {array})");
                }
                let end = if self.random.one_in(2) { "..=" } else { ".." };
                let (a, b) = (self.value(Type::Int, 0), self.leaf(Type::Int));
                format!("({a} {word} 0{end}{b})")
            }
            16 => {
                let array = self.any_array(depth);
                let asked = *self.random.pick(&["is_empty", "is_empty()"]);
                format!("{array}.{asked}")
            }
            _ => self
                .interface(Type::Bool, depth)
                .unwrap_or_else(|| self.leaf(Type::Bool)),
        }
    }

    /// Returns a comparison of floats that are nearly the same, or zero and NaN.
    fn near(&mut self, comparison: &str) -> String {
        let x = self.leaf(Type::Float);
        let other = *self.random.pick(&[
            "* 1.0000000000000002",
            "+ 0.1 - 0.1",
            "+ 0.0",
            "* 1.000000000000001",
            "* 0.0",
            "/ 3.0 * 3.0",
        ]);
        match self.random.below(4) {
            0 => format!(
                "((0.0 / ({x} * 0.0)) {comparison} {})",
                self.leaf(Type::Float)
            ),
            1 => format!(
                "({} {comparison} (0.0 / ({x} * 0.0)))",
                self.leaf(Type::Float)
            ),
            _ => format!("({x} {comparison} ({x} {other}))"),
        }
    }

    fn array(&mut self, of: Type, depth: u32) -> String {
        let item = of.item().unwrap_or(Type::Int);
        let count = 2 + self.random.below(3);
        let items: Vec<String> = (0..count).map(|_| self.value(item, depth.min(1))).collect();
        format!("[{}]", items.join(", "))
    }

    pub(super) fn array_type(&mut self) -> Type {
        *self.random.pick(&[Type::Ints, Type::Floats])
    }

    fn any_array(&mut self, depth: u32) -> String {
        let of = self.array_type();
        if self.random.one_in(4) {
            self.value(of, depth)
        } else {
            self.leaf(of)
        }
    }

    pub(super) fn index(&mut self) -> String {
        match self.random.below(10) {
            0 => self.value(Type::Int, 1),
            1 | 2 => "-1".to_owned(),
            3 => "1".to_owned(),
            _ => "0".to_owned(),
        }
    }

    /// Returns an item that is taken out of an array, which then has it no more.
    fn taken(&mut self, of: Type) -> String {
        let item = of.item().unwrap_or(Type::Int);
        match self.changeable(of) {
            Some(array) => match self.random.below(3) {
                0 => format!("{array}.pop()"),
                1 => format!("{array}.shift()"),
                _ => format!("{array}.remove({})", self.index()),
            },
            None => self.leaf(item),
        }
    }

    /// Returns an `if` with a value.
    fn chosen(&mut self, of: Type, depth: u32) -> String {
        let condition = self.condition(depth);
        let (yes, no) = (self.value(of, depth), self.value(of, depth));
        if self.random.one_in(3) {
            let other = self.condition(0);
            let more = self.value(of, 0);
            return format!(
                "(if {condition} {{ {yes} }} else if {other} {{ {more} }} else {{ {no} }})"
            );
        }
        format!("(if {condition} {{ {yes} }} else {{ {no} }})")
    }

    /// Returns a `switch` with a value.
    fn switched(&mut self, of: Type, depth: u32) -> String {
        let subject = *self
            .random
            .pick(&[Type::Int, Type::Int, Type::Bool, Type::Text]);
        let value = self.value(subject, depth);
        let mut cases = Vec::new();
        for label in self.labels(subject) {
            cases.push(format!("{label} => {}", self.value(of, depth.min(1))));
        }
        cases.push(format!("_ => {}", self.value(of, 0)));
        format!("(switch {value} {{ {} }})", cases.join(", "))
    }

    /// Returns the labels of cases: values, several at once, ranges, with and without a condition.
    pub(super) fn labels(&mut self, of: Type) -> Vec<String> {
        let mut labels: Vec<String> = match of {
            Type::Bool => vec!["true".to_owned(), "false".to_owned()],
            Type::Text => vec!["\"abc\"".to_owned(), "\"\" | \"tick\"".to_owned()],
            _ => {
                let (a, b) = (self.random.between(-1, 3), self.random.between(4, 12));
                let end = if self.random.one_in(2) { "..=" } else { ".." };
                let far = if self.random.one_in(3) {
                    "-9".to_owned()
                } else {
                    "5".to_owned()
                };
                vec![
                    format!("{a}"),
                    format!("{b} | 20 | -3"),
                    format!("{a}{end}{b}"),
                    format!("{far}..60"),
                ]
            }
        };
        for label in &mut labels {
            if self.random.one_in(3) {
                let condition = self.condition(1);
                label.push_str(&format!(" if {condition}"));
            }
        }
        let start = self.random.below(2);
        labels.split_off(start)
    }

    /// Returns a block with a value.
    fn block_of(&mut self, of: Type, depth: u32) -> String {
        let (name, outer) = (self.name("t"), self.scope.len());
        let first = *self.random.pick(&[of, Type::Int, Type::Float]);
        let start = self.value(first, depth);
        self.declare(&name, first, true);
        let mut inner = format!("let {name} = {start}; ");
        for statement in self.simple(first, &name) {
            inner.push_str(&statement);
            inner.push(' ');
        }
        let end = self.value(of, depth);
        self.scope.truncate(outer);
        format!("({{ {inner}{end} }})")
    }

    /// Returns a loop with a value.
    fn looped(&mut self, of: Type, depth: u32) -> String {
        let (name, outer) = (self.name("n"), self.scope.len());
        self.declare(&name, Type::Int, false);
        self.place.loops += 1;
        let end = self.random.between(1, 4);
        let (value, condition) = (self.value(of, depth), self.condition(depth));
        let early = self.leaf(of);
        self.place.loops -= 1;
        self.scope.truncate(outer);
        format!(
            "({{ let {name} = 0; loop {{ {name} += 1; if {condition} {{ break {early}; }} if {name} > {end} {{ break {value}; }} }} }})"
        )
    }

    /// Returns a change of a variable, written in one line.
    fn simple(&mut self, of: Type, name: &str) -> Vec<String> {
        match of {
            Type::Int => vec![format!("{name} = {name} % 100;")],
            Type::Float => vec![format!("{name} += {};", self.leaf(Type::Float))],
            Type::Bool => vec![format!("{name} = !{name};")],
            _ => Vec::new(),
        }
    }

    /// Returns the call of a function of the script.
    pub(super) fn call_of(&mut self, of: Type, depth: u32) -> Option<String> {
        let fits: Vec<_> = self
            .functions
            .iter()
            .filter(|function| {
                function.returns == of
                    && (self.place.has_this || !function.is_method)
                    && function.arguments.iter().all(|of| self.has(*of))
            })
            .cloned()
            .collect();
        if fits.is_empty() || self.place.loops > 1 {
            return None;
        }
        let function = self.random.pick(&fits).clone();
        let arguments: Vec<String> = function
            .arguments
            .iter()
            .map(|of| self.value(*of, depth.min(1)))
            .collect();
        let before = if function.is_method { "this." } else { "" };
        Some(format!(
            "{before}{}({})",
            function.name,
            arguments.join(", ")
        ))
    }

    /// Returns a line about one of the language's edges, which random values hardly meet.
    pub(super) fn edge(&mut self) -> Code {
        let (i, x) = (self.leaf(Type::Int), self.leaf(Type::Float));
        let comparison = *self.random.pick(&COMPARISONS);
        let (a, b) = (self.random.between(0, 2), self.random.between(1, 4));
        let condition = self.condition(1);
        Code::line(match self.random.below(15) {
            0 | 1 => format!("note(\"{{}}\", {});", self.near(comparison)),
            2 => format!("plot(\"zero\", - ({x} * 0.0));"),
            3 => format!("if {condition} {{ note(\"{{}}\", {i} + 9223372036854775800); }}"),
            4 => format!("if {condition} {{ note(\"{{}}\", {i} * 4611686018427387904); }}"),
            5 => format!("plot(\"round\", round({i} % 100 + {b}.5));"),
            6 | 7 => format!(
                "note(\"{{}}\", switch {i} % 5 {{ {a}..{b} => 1, {b}..=3 => 2, -4..{a} => 3, _ => 4 }});"
            ),
            8 => format!("for i in 0..5 {{ if i == {b} {{ continue; }} note(\"{{}}\", i); }}"),
            9 => format!("note(\"{{}}\", to_int({x} * 1e18));"),
            10 | 11 => {
                let name = self.name("e");
                format!(
                    "let {name} = {i} % 9; note(\"{{}}\", min({name}, ({{ {name} += {b}; {name} }})));"
                )
            }
            12 => format!("note(\"{{}} {{}}\", {i} >> {b}, {i} << {b});"),
            13 => match self.changeable(Type::Ints) {
                Some(array) => {
                    format!("for one in {array} {{ {array}[-1] = {b}; note(\"{{}}\", one); }}")
                }
                None => format!("note(\"{{}}\", {i});"),
            },
            _ => {
                let array = self.leaf(Type::Ints);
                format!("for one in {array} {{ note(\"{{}}\", one + {array}[-1]); }}")
            }
        })
    }

    /// Returns a line that does nothing but compute.
    pub(super) fn computed(&mut self) -> Code {
        let of = *self.random.pick(&super::writer::VALUES);
        Code::line(format!("{};", self.value(of, 2)))
    }
}

pub(super) const OF_INTEGERS: [&str; 10] = ["+", "-", "*", "/", "%", "<<", ">>", "&", "|", "^"];
pub(super) const OF_FLOATS: [&str; 5] = ["+", "-", "*", "/", "%"];
const COMPARISONS: [&str; 6] = ["==", "!=", "<", "<=", ">", ">="];
pub(super) const TEXTS: [&str; 8] = [
    "",
    "abc",
    "abd",
    "tick",
    "tock",
    "a {} b {}",
    "warning",
    "filled",
];
const INTEGERS: [&str; 9] = [
    "9223372036854775807",
    "(-9223372036854775807 - 1)",
    "-9223372036854775807",
    "4611686018427387904",
    "9007199254740993",
    "2147483648",
    "63",
    "64",
    "-65",
];
const FLOATS: [&str; 16] = [
    "-0.0",
    "0.1",
    "0.2",
    "0.3",
    "1e-310",
    "5e-324",
    "1.7976931348623157e308",
    "-1e300",
    "(0.0 / 0.0)",
    "(1.0 / 0.0)",
    "(-1.0 / 0.0)",
    "9007199254740993.0",
    "9223372036854775808.0",
    "-9223372036854775808.0",
    "0.49999999999999994",
    "-2.5",
];
