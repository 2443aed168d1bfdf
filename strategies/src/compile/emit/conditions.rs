//! Conditions: the ways that a truth decides between, without a word for the truth.
//!
//! `!`, `&&` and `||` become jumps. What an operand made known holds on the ways that lead through it only.

use super::{Emitter, Path};
use crate::compile::ir::{Expression, Kind, Unary};
use crate::compile::planted::{Fault, is_planted};
use cranelift_codegen::ir::{Block, InstBuilder, Value, types};

/// Where a condition leads.
pub(super) struct Ways {
    /// Where it holds.
    pub yes: Way,
    /// Where it does not.
    pub no: Way,
}

/// A place that jumps lead to, and what holds at each of them.
pub(super) struct Way {
    pub place: Block,
    pub paths: Vec<Path>,
}

impl Emitter<'_> {
    /// Returns ways to two new places.
    pub(super) fn ways(&mut self) -> Ways {
        Ways {
            yes: self.way(),
            no: self.way(),
        }
    }

    fn way(&mut self) -> Way {
        Way {
            place: self.code.create_block(),
            paths: Vec::new(),
        }
    }

    /// Writes a condition and the jumps that it decides.
    pub(super) fn decide(&mut self, condition: &Expression, ways: &mut Ways) {
        match &condition.kind {
            Kind::Unary(Unary::Not, of) => {
                std::mem::swap(&mut ways.yes, &mut ways.no);
                self.decide(of, ways);
                std::mem::swap(&mut ways.yes, &mut ways.no);
            }
            Kind::And(a, b) if !is_planted(Fault::AndEager) => {
                let more = self.way();
                let yes = std::mem::replace(&mut ways.yes, more);
                self.decide(a, ways);
                let more = std::mem::replace(&mut ways.yes, yes);
                self.decide_more(more, b, ways);
            }
            Kind::Or(a, b) => {
                let more = self.way();
                let no = std::mem::replace(&mut ways.no, more);
                self.decide(a, ways);
                let more = std::mem::replace(&mut ways.no, no);
                self.decide_more(more, b, ways);
            }
            _ => {
                let truth = self.expression(condition);
                self.decided(truth, ways);
            }
        }
    }

    /// Writes the second operand, where the first leads to it.
    fn decide_more(&mut self, more: Way, operand: &Expression, ways: &mut Ways) {
        self.code.switch_to_block(more.place);
        self.join(&more.paths);
        if self.is_reachable {
            self.decide(operand, ways);
        } else {
            self.code.ins().jump(self.exit, &[]);
        }
    }

    /// Writes the jumps that a truth decides.
    pub(super) fn decided(&mut self, truth: Value, ways: &mut Ways) {
        let (yes, no) = (ways.yes.place, ways.no.place);
        self.code.ins().brif(truth, yes, &[], no, &[]);
        for way in [&mut ways.yes, &mut ways.no] {
            way.paths.push(self.path());
        }
    }

    /// `&&` and `||` as a value: the second operand is evaluated where the first does not say it all.
    pub(super) fn shortcut(&mut self, a: &Expression, b: &Expression, says_it_all: bool) -> Value {
        let first = self.expression(a);
        if is_planted(Fault::AndEager) && !says_it_all {
            let second = self.expression(b);
            return self.code.ins().band(first, second);
        }
        let (more, after) = (self.code.create_block(), self.code.create_block());
        let result = self.code.append_block_param(after, types::I8);
        let before = self.path();
        if says_it_all {
            self.code
                .ins()
                .brif(first, after, &[first.into()], more, &[]);
        } else {
            self.code
                .ins()
                .brif(first, more, &[], after, &[first.into()]);
        }
        self.code.switch_to_block(more);
        let second = self.expression(b);
        let end = self.path();
        self.code.ins().jump(after, &[second.into()]);
        self.code.switch_to_block(after);
        self.join(&[before, end]);
        result
    }
}
