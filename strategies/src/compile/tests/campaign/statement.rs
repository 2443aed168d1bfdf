//! Statements of every kind.

use super::code::Code;
use super::value::{OF_FLOATS, OF_INTEGERS};
use super::writer::{VALUES, Writer};
use crate::compile::ir::Type;

impl Writer {
    /// Returns statements of one scope; what they declare is gone at their end.
    pub(super) fn statements(&mut self, count: usize, depth: u32) -> Vec<Code> {
        let outer = self.scope.len();
        let mut out = Vec::new();
        for _ in 0..count {
            self.statement(depth, &mut out);
        }
        self.scope.truncate(outer);
        out
    }

    pub(super) fn statement(&mut self, depth: u32, out: &mut Vec<Code>) {
        match self.random.below(if depth == 0 { 24 } else { 36 }) {
            0..=3 => self.variable(out),
            4..=8 => self.assignment(out),
            9..=12 => self.operated(out),
            13 | 14 => self.item(out),
            15 | 16 => self.array_change(out),
            17..=20 => {
                if let Some(call) = self.act() {
                    out.push(Code::line(format!("{call};")));
                }
            }
            21 => {
                let of = *self
                    .random
                    .pick(&[Type::Unit, Type::Unit, Type::Int, Type::Float]);
                if let Some(call) = self.call_of(of, 1) {
                    out.push(Code::line(format!("{call};")));
                }
            }
            22 => out.push(self.computed()),
            23 => self.early(out),
            24..=27 => self.branch(depth - 1, out),
            28 | 29 => self.switch(depth - 1, out),
            30..=33 => self.repetition(depth - 1, out),
            34 => {
                let body = self.statements(2, depth - 1);
                out.push(Code::block("{", body));
            }
            _ => self.attempt(depth - 1, out),
        }
    }

    fn variable(&mut self, out: &mut Vec<Code>) {
        let of = *self.random.pick(&VALUES);
        let value = self.value(of, 2);
        let is_constant = self.random.one_in(6);
        let word = if is_constant { "const" } else { "let" };
        let name = match self.scope.last() {
            // Another variable may take the name of one before.
            Some(last) if last.name.starts_with('v') && self.random.one_in(12) => last.name.clone(),
            _ => self.name("v"),
        };
        if !is_constant && self.random.one_in(10) {
            out.push(Code::line(format!("let {name};")));
            out.push(Code::line(format!("{name} = {value};")));
        } else {
            out.push(Code::line(format!("{word} {name} = {value};")));
        }
        self.declare(&name, of, !is_constant);
    }

    fn assignment(&mut self, out: &mut Vec<Code>) {
        let of = *self.random.pick(&VALUES);
        let Some(place) = self.changeable(of) else {
            return;
        };
        let value = self.value(of, 2);
        let value = match of {
            Type::Int if self.random.one_in(2) => format!("({value}) % 1000"),
            _ => value,
        };
        out.push(Code::line(format!("{place} = {value};")));
    }

    fn operated(&mut self, out: &mut Vec<Code>) {
        let of = *self
            .random
            .pick(&[Type::Int, Type::Float, Type::Int, Type::Float, Type::Bool]);
        let Some(place) = self.changeable(of) else {
            return;
        };
        let line = self.with_operator(&place, of);
        out.push(Code::line(line));
    }

    /// Returns an assignment with an operator.
    fn with_operator(&mut self, place: &str, of: Type) -> String {
        let (operator, value) = match of {
            Type::Int => {
                let operator = *self.random.pick(&OF_INTEGERS);
                let value = self.value(Type::Int, 1);
                let value = match operator {
                    "/" | "%" if !self.random.one_in(5) => format!("({value} | 1)"),
                    "*" => self.random.between(-2, 3).to_string(),
                    "<<" | ">>" => self.random.between(-2, 9).to_string(),
                    _ => value,
                };
                (operator, value)
            }
            Type::Float => {
                let given = *self.random.pick(&[Type::Float, Type::Float, Type::Int]);
                (*self.random.pick(&OF_FLOATS), self.value(given, 1))
            }
            _ => (
                *self.random.pick(&["&", "|", "^"]),
                self.value(Type::Bool, 1),
            ),
        };
        format!("{place} {operator}= {value};")
    }

    fn item(&mut self, out: &mut Vec<Code>) {
        let of = self.array_type();
        let item = of.item().unwrap_or(Type::Int);
        let Some(array) = self.changeable(of) else {
            return;
        };
        let place = format!("{array}[{}]", self.index());
        let line = if self.random.one_in(2) {
            self.with_operator(&place, item)
        } else {
            format!("{place} = {};", self.value(item, 2))
        };
        out.push(Code::line(line));
    }

    fn array_change(&mut self, out: &mut Vec<Code>) {
        let of = self.array_type();
        let item = of.item().unwrap_or(Type::Int);
        let Some(array) = self.changeable(of) else {
            return;
        };
        let value = self.value(item, 1);
        let line = match self.random.below(9) {
            0..=2 => format!("{array}.push({value});"),
            3 => format!("{array} += {value};"),
            4 => format!("{array}.insert({}, {value});", self.index()),
            5 => format!("{array}.truncate({});", self.random.between(1, 6)),
            6 => format!("{array}.reverse();"),
            7 => format!("{array}.clear(); {array}.push({value}); {array}.push({value});"),
            _ => format!(
                "if {array}.len() > 2 {{ {array}.remove({}); }}",
                self.index()
            ),
        };
        out.push(Code::line(line));
    }

    /// Writes a way out that is not always taken: `return`, `throw`, or of the loop.
    fn early(&mut self, out: &mut Vec<Code>) {
        let condition = self.condition(1);
        let leave = match self.random.below(6) {
            0 if self.random.one_in(2) => format!("throw {};", self.leaf(Type::Text)),
            1 | 2 if self.place.is_in_loop => "continue;".to_owned(),
            3 if self.place.is_in_loop => "break;".to_owned(),
            _ => match self.place.returns {
                Type::Unit => "return;".to_owned(),
                of => format!("return {};", self.value(of, 1)),
            },
        };
        let mut body = Vec::new();
        if self.random.one_in(2) {
            self.statement(0, &mut body);
        }
        body.push(Code::line(leave));
        out.push(Code::block(format!("if {condition} {{"), body));
    }

    fn branch(&mut self, depth: u32, out: &mut Vec<Code>) {
        let condition = self.condition(2);
        let body = self.statements(2, depth);
        let mut blocks = vec![(format!("if {condition} {{"), body)];
        if self.random.one_in(4) {
            let condition = self.condition(1);
            let body = self.statements(1, depth);
            blocks.push((format!("}} else if {condition} {{"), body));
        }
        if self.random.one_in(2) {
            let body = self.statements(2, depth);
            blocks.push(("} else {".to_owned(), body));
        }
        out.push(Code::Group(blocks, "}".to_owned()));
    }

    fn switch(&mut self, depth: u32, out: &mut Vec<Code>) {
        let of = *self
            .random
            .pick(&[Type::Int, Type::Int, Type::Int, Type::Bool, Type::Text]);
        let value = self.value(of, 1);
        let mut cases = Vec::new();
        for label in self.labels(of) {
            let body = self.statements(1, depth);
            cases.push(Code::Group(
                vec![(format!("{label} => {{"), body)],
                "}".to_owned(),
            ));
        }
        if !self.random.one_in(3) {
            let body = self.statements(1, depth);
            cases.push(Code::Group(
                vec![("_ => {".to_owned(), body)],
                "}".to_owned(),
            ));
        }
        let last = cases.len() - 1;
        for case in &mut cases[..last] {
            if let Code::Group(_, end) = case {
                end.push(',');
            }
        }
        out.push(Code::block(format!("switch {value} {{"), cases));
    }

    fn attempt(&mut self, depth: u32, out: &mut Vec<Code>) {
        let body = self.statements(2, depth);
        let caught = self.statements(1, 0);
        let head = if self.random.one_in(2) {
            "} catch (fault) {"
        } else {
            "} catch {"
        };
        let blocks = vec![("try {".to_owned(), body), (head.to_owned(), caught)];
        out.push(Code::Group(blocks, "}".to_owned()));
    }

    fn repetition(&mut self, depth: u32, out: &mut Vec<Code>) {
        if self.place.loops > 1 {
            return;
        }
        let outer = self.place;
        self.place.loops += 1;
        self.place.is_in_loop = true;
        match self.random.below(8) {
            0 | 1 => self.counted(depth, out),
            2 => self.done(depth, out),
            _ => self.over(depth, out),
        }
        self.place = outer;
    }

    /// Writes a `while` or `loop` that counts its turns.
    fn counted(&mut self, depth: u32, out: &mut Vec<Code>) {
        let (name, outer) = (self.name("n"), self.scope.len());
        let end = self.random.between(1, self.place.turns_max);
        out.push(Code::line(format!("let {name} = 0;")));
        self.declare(&name, Type::Int, false);
        let condition = self.condition(1);
        let mut body = vec![Code::line(format!("{name} += 1;"))];
        let head = match self.random.below(3) {
            0 => {
                body.push(Code::line(format!("if {name} > {end} {{ break; }}")));
                if self.random.one_in(2) {
                    "loop {".to_owned()
                } else {
                    "while true {".to_owned()
                }
            }
            1 => format!("while {name} < {end} {{"),
            _ => format!("while {name} < {end} && {condition} {{"),
        };
        body.extend(self.statements(2, depth));
        out.push(Code::block(head, body));
        self.scope.truncate(outer);
    }

    fn done(&mut self, depth: u32, out: &mut Vec<Code>) {
        let (name, outer) = (self.name("n"), self.scope.len());
        let end = self.random.between(1, self.place.turns_max);
        out.push(Code::line(format!("let {name} = 0;")));
        self.declare(&name, Type::Int, false);
        let condition = self.condition(1);
        // A `continue` would not look at the condition: the count must end the loop, too.
        let mut body = vec![
            Code::line(format!("{name} += 1;")),
            Code::line(format!("if {name} > 9 {{ break; }}")),
        ];
        body.extend(self.statements(2, depth));
        let end = match self.random.below(2) {
            0 => format!("}} while {name} < {end} && {condition};"),
            _ => format!("}} until {name} >= {end} || {condition};"),
        };
        out.push(Code::Group(vec![("do {".to_owned(), body)], end));
        self.scope.truncate(outer);
    }

    fn over(&mut self, depth: u32, out: &mut Vec<Code>) {
        let (name, outer) = (self.name("i"), self.scope.len());
        let most = self.place.turns_max;
        let (a, b) = (self.random.between(-2, 2), self.random.between(1, most));
        let (of, over) = match self.random.below(8) {
            0 => (Type::Int, format!("{a}..{b}")),
            1 => (Type::Int, format!("{a}..={b}")),
            2 => (Type::Int, format!("0..({} & 7)", self.value(Type::Int, 1))),
            3 => (
                Type::Int,
                format!("range({a}, ({} & 7))", self.value(Type::Int, 1)),
            ),
            4 => {
                let step = *self.random.pick(&["1", "2", "-1", "3"]);
                (
                    Type::Int,
                    format!("range({}, {b}, {step})", self.value(Type::Int, 0)),
                )
            }
            5 => (
                Type::Float,
                format!("range({a}.0, {b}.0, {}.5)", self.random.between(0, 2)),
            ),
            _ => {
                let of = self.array_type();
                let array = self.leaf(of);
                (of.item().unwrap_or(Type::Int), array)
            }
        };
        let head = if self.random.one_in(4) {
            let counter = self.name("c");
            self.declare(&counter, Type::Int, true);
            format!("for ({name}, {counter}) in {over} {{")
        } else {
            format!("for {name} in {over} {{")
        };
        self.declare(&name, of, true);
        let mut body = self.statements(2, depth);
        if over.starts_with("range(") || !over.contains("..") {
            let (turns, most) = (self.name("k"), most + 2);
            out.push(Code::line(format!("let {turns} = 0;")));
            body.insert(
                0,
                Code::line(format!("{turns} += 1; if {turns} > {most} {{ break; }}")),
            );
        }
        out.push(Code::block(head, body));
        self.scope.truncate(outer);
    }
}
