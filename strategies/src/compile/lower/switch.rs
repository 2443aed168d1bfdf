//! `switch`: cases by value, then ranges in their order, then the default; each may have a condition.

use super::branch::Branch;
use super::{
    Block, Body, Expression, Kind, Lowering, Outcome, Position, Statement, Type, Want, loops,
    operator, unsupported, word,
};
use crate::compile::ir::{Binary, Comparison, TextId};
use crate::compile::planted::{Fault, is_planted};
use rhai::{Expr, RangeCase, SwitchCasesCollection};
use std::collections::{BTreeMap, BTreeSet};

/// A value that cases name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Value {
    Bool(bool),
    Int(i64),
    /// By its number in the program.
    Text(u32),
}

/// A way to a block: taken where its test holds, in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Way {
    /// The case's condition and block.
    block: usize,
    /// The range that must hold the value.
    range: Option<usize>,
}

/// Tests and the leaves they lead to.
enum Tree {
    Leaf(usize),
    Test(Expression, Box<Tree>, Box<Tree>),
}

/// A `switch` on its way.
struct Switch<'e> {
    of: &'e SwitchCasesCollection,
    value: Expression,
    wants: Want,
    /// Variables without a value at its beginning.
    unset: BTreeSet<u32>,
    leaves: Vec<Branch>,
}

impl Body<'_, '_> {
    /// Lowers `switch`.
    pub(super) fn switch(
        &mut self,
        subject: &Expr,
        of: &SwitchCasesCollection,
        at: Position,
        out: &mut Block,
        wants: Want,
    ) -> Lowering<Outcome> {
        let value = self.expression(subject)?;
        if !matches!(value.of, Type::Int | Type::Bool | Type::Text) {
            return unsupported(at, format!("`switch` on {}", word(value.of)));
        }
        let value = self.keep_one(value, out);
        let mut switch = Switch {
            of,
            value,
            wants,
            unset: self.frame.unset.clone(),
            leaves: Vec::new(),
        };
        let is_int = switch.value.of == Type::Int;
        // Values that lead along the same ways share them.
        let mut groups: BTreeMap<Vec<Way>, Vec<Value>> = BTreeMap::new();
        for (value, ways) in self.by_value(&switch) {
            groups.entry(ways).or_default().push(value);
        }
        let mut trees = Vec::new();
        for (ways, values) in groups {
            trees.push((values, self.tree(&ways, &mut switch)?));
        }
        let ways: Vec<Way> = if is_int {
            switch.ranges(None)
        } else {
            Vec::new()
        };
        let otherwise = self.tree(&ways, &mut switch)?;
        let mut leaves: Vec<&mut Branch> = switch.leaves.iter_mut().collect();
        let outcome = self.join(&mut leaves, wants, at)?;
        out.extend(switch.emit(trees, otherwise));
        Ok(outcome)
    }

    /// Returns the values that cases name, of the type at hand, with their ways in order.
    fn by_value(&mut self, switch: &Switch<'_>) -> BTreeMap<Value, Vec<Way>> {
        let mut all = BTreeMap::new();
        for case in switch.of.cases.values() {
            let value = match switch.value.of {
                Type::Int => case.value.as_int().ok().map(Value::Int),
                Type::Bool => case.value.as_bool().ok().map(Value::Bool),
                _ => {
                    let text = case.value.as_immutable_string_ref().ok();
                    text.map(|text| Value::Text(self.script.text(text.as_str()).0))
                }
            };
            // A case of another type never holds the value.
            let Some(value) = value else {
                continue;
            };
            let by_value = case.blocks.iter().map(|block| Way {
                block: *block,
                range: None,
            });
            let mut ways: Vec<Way> = by_value.collect();
            if let Value::Int(value) = value {
                // Here it is known which ranges hold the value.
                let held = switch.ranges(Some(value)).into_iter();
                ways.extend(held.map(|way| Way { range: None, ..way }));
            }
            all.insert(value, ways);
        }
        all
    }

    /// Lowers ways to blocks, and the default after them.
    fn tree(&mut self, ways: &[Way], switch: &mut Switch<'_>) -> Lowering<Tree> {
        let Some((way, rest)) = ways.split_first() else {
            let default = switch
                .of
                .def_case
                .and_then(|at| switch.of.expressions.get(at));
            return self.leaf(default.map(|case| &case.rhs), switch);
        };
        let Some(case) = switch.of.expressions.get(way.block) else {
            return self.tree(rest, switch);
        };
        let within = way.range.and_then(|at| switch.within(at));
        let test = match (&case.lhs, within) {
            (Expr::BoolConstant(false, _), _) => return self.tree(rest, switch),
            (Expr::BoolConstant(true, _), None) => return self.leaf(Some(&case.rhs), switch),
            (Expr::BoolConstant(true, _), Some(within)) => within,
            (condition, within) => {
                self.frame.unset.clone_from(&switch.unset);
                let condition = self.condition(condition)?;
                match within {
                    None => condition,
                    Some(within) => operator::and(within, condition),
                }
            }
        };
        let yes = Box::new(self.leaf(Some(&case.rhs), switch)?);
        let no = Box::new(self.tree(rest, switch)?);
        Ok(Tree::Test(test, yes, no))
    }

    fn leaf(&mut self, block: Option<&Expr>, switch: &mut Switch<'_>) -> Lowering<Tree> {
        self.frame.unset.clone_from(&switch.unset);
        let nothing = Expr::Unit(Position::NONE);
        let branch = self.branch_of(block.unwrap_or(&nothing), switch.wants)?;
        switch.leaves.push(branch);
        Ok(Tree::Leaf(switch.leaves.len() - 1))
    }
}

impl Switch<'_> {
    /// Returns the ways by ranges: all, or those that hold this value.
    fn ranges(&self, holding: Option<i64>) -> Vec<Way> {
        let all = self.of.ranges.iter().enumerate();
        let held = all.filter(|(_, range)| holding.is_none_or(|value| range.contains_int(value)));
        held.map(|(at, range)| Way {
            block: range.index(),
            range: Some(at),
        })
        .collect()
    }

    /// Returns the test whether the range holds the value.
    fn within(&self, at: usize) -> Option<Expression> {
        let (start, end, how) = match self.of.ranges.get(at)? {
            RangeCase::ExclusiveInt(range, _) if is_planted(Fault::CaseRangeClosed) => {
                (range.start, range.end, Comparison::LessEqual)
            }
            RangeCase::ExclusiveInt(range, _) => (range.start, range.end, Comparison::Less),
            RangeCase::InclusiveInt(range, _) => {
                (*range.start(), *range.end(), Comparison::LessEqual)
            }
        };
        let above = loops::compare(
            Comparison::LessEqual,
            Expression::int(start),
            self.value.again()?,
        );
        let below = loops::compare(how, self.value.again()?, Expression::int(end));
        Some(operator::and(above, below))
    }

    /// Returns the statements of the trees by their values, and of the one for all others.
    fn emit(&mut self, trees: Vec<(Vec<Value>, Tree)>, otherwise: Tree) -> Block {
        let mut rest = self.statements(otherwise);
        if self.value.of == Type::Int {
            let (mut cases, mut blocks) = (Vec::new(), Vec::new());
            for (values, tree) in trees {
                let number = u32::try_from(blocks.len()).unwrap_or(u32::MAX);
                let ints = values.iter().filter_map(|value| match value {
                    Value::Int(value) => Some((*value, number)),
                    _ => None,
                });
                cases.extend(ints);
                blocks.push(self.statements(tree));
            }
            if cases.is_empty() {
                return rest;
            }
            cases.sort_unstable();
            let Some(of) = self.value.again() else {
                return rest;
            };
            return vec![Statement::Switch {
                of,
                cases,
                blocks,
                otherwise: rest,
            }];
        }
        for (values, tree) in trees.into_iter().rev() {
            let block = self.statements(tree);
            let tests = values.into_iter().filter_map(|value| self.is(value));
            let any = tests.reduce(operator::or);
            if let Some(test) = any {
                rest = vec![Statement::If(test, block, rest)];
            }
        }
        rest
    }

    fn statements(&mut self, tree: Tree) -> Block {
        match tree {
            Tree::Leaf(at) => self
                .leaves
                .get_mut(at)
                .map(|leaf| std::mem::take(&mut leaf.statements))
                .unwrap_or_default(),
            Tree::Test(test, yes, no) => {
                let (yes, no) = (self.statements(*yes), self.statements(*no));
                vec![Statement::If(test, yes, no)]
            }
        }
    }

    /// Returns the test whether the subject is this value.
    fn is(&self, value: Value) -> Option<Expression> {
        let subject = self.value.again()?;
        match value {
            Value::Bool(true) => Some(subject),
            Value::Bool(false) => Some(operator::not(subject)),
            Value::Int(value) => Some(loops::compare(
                Comparison::Equal,
                subject,
                Expression::int(value),
            )),
            Value::Text(number) => {
                let text = Expression::new(Type::Text, Kind::Text(TextId(number)));
                let how = Binary::CompareText(Comparison::Equal);
                Some(operator::apply(how, Type::Bool, subject, text))
            }
        }
    }
}
