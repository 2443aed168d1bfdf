//! Functions of arrays that ask a comparer for all their items: they end when the call must.
//!
//! To those that come with Rhai an error of the comparer is an answer, so that a call which was cut went on to the last of
//! thousands of items, and comparing two of them is no operation that is counted. These do the same but for that, and ask the
//! poll themselves. Part of the sandbox, asked before Rhai's own.

use crate::sandbox;
use rhai::{
    Array, Dynamic, EvalAltResult, FnPtr, FuncRegistration, Module, NativeCallContext, Position,
};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a comparer is asked for all items.
#[derive(Default)]
struct Question {
    asked: u64,
    /// Why nothing more is asked.
    stopped: Option<Box<EvalAltResult>>,
}

/// Questions between two to the poll.
const POLL_EVERY: u64 = 8;

/// Returns the functions as a module.
pub(crate) fn module() -> Module {
    let mut module = Module::new();
    let named = |name: &str| {
        FuncRegistration::new(name)
            .in_global_namespace()
            .with_purity(false)
    };
    named("dedup").set_into_module(&mut module, dedup);
    named("dedup").set_into_module(&mut module, dedup_by);
    named("sort").set_into_module(&mut module, sort_by);
    named("sort_by").set_into_module(&mut module, sort_by);
    module.build_index();
    module
}

fn dedup(context: NativeCallContext<'_>, array: &mut Array) -> Result<(), Box<EvalAltResult>> {
    drop_equal(array, |mut one, mut other| {
        context.call_fn_raw("==", false, false, &mut [&mut one, &mut other])
    })
}

fn dedup_by(
    context: NativeCallContext<'_>,
    array: &mut Array,
    comparer: FnPtr,
) -> Result<(), Box<EvalAltResult>> {
    drop_equal(array, |one, other| {
        comparer.call_raw(&context, None, [one, other])
    })
}

/// Drops items that are equal to the one before them.
fn drop_equal(
    array: &mut Array,
    mut compare: impl FnMut(Dynamic, Dynamic) -> Result<Dynamic, Box<EvalAltResult>>,
) -> Result<(), Box<EvalAltResult>> {
    let mut question = Question::default();
    array.dedup_by(|one, other| {
        let answer = question.ask(|| compare(other.clone(), one.clone()));
        answer.and_then(|answer| answer.as_bool().ok()) == Some(true)
    });
    question.stopped.map_or(Ok(()), Err)
}

fn sort_by(
    context: NativeCallContext<'_>,
    array: &mut Array,
    comparer: FnPtr,
) -> Result<(), Box<EvalAltResult>> {
    let mut question = Question::default();
    let sort = || {
        array.sort_by(|one, other| {
            let answer =
                question.ask(|| comparer.call_raw(&context, None, [one.clone(), other.clone()]));
            let answer = answer.and_then(|answer| {
                let is_less = |answer: Dynamic| answer.as_bool().map(|is| if is { -1 } else { 1 });
                answer.as_int().or_else(|_| is_less(answer)).ok()
            });
            answer.map_or_else(
                || one.type_id().cmp(&other.type_id()),
                |answer: i64| answer.cmp(&0),
            )
        });
    };
    // A comparer that contradicts itself makes the standard library panic.
    let sorted = catch_unwind(AssertUnwindSafe(sort));
    if let Some(stopped) = question.stopped {
        return Err(stopped);
    }
    sorted.map_err(|_| "error in comparer for sorting".into())
}

impl Question {
    /// Returns the comparer's answer; `None` where it has none, and at once after it was told to stop.
    fn ask(
        &mut self,
        compare: impl FnOnce() -> Result<Dynamic, Box<EvalAltResult>>,
    ) -> Option<Dynamic> {
        if self.stopped.is_some() {
            return None;
        }
        self.asked += 1;
        if self.asked.is_multiple_of(POLL_EVERY) && sandbox::is_told_to_stop() {
            let told = EvalAltResult::ErrorTerminated(Dynamic::TRUE, Position::NONE);
            self.stopped = Some(told.into());
            return None;
        }
        match compare() {
            Ok(answer) => Some(answer),
            Err(error) => {
                if matches!(error.unwrap_inner(), EvalAltResult::ErrorTerminated(..)) {
                    self.stopped = Some(error);
                }
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Limits;
    use rhai::Engine;
    use rhai::packages::{Package, StandardPackage};
    use std::cell::Cell;
    use std::rc::Rc;

    /// Returns what the expression is with Rhai's own functions, and with these.
    fn both(expression: &str) -> [String; 2] {
        let run = |own: Option<Module>| {
            let mut engine = Engine::new_raw();
            engine.register_global_module(StandardPackage::new().as_shared_module());
            if let Some(own) = own {
                engine.register_global_module(own.into());
            }
            match engine.eval::<Dynamic>(expression) {
                Ok(value) => format!("{value:?}"),
                Err(error) => error.to_string(),
            }
        };
        [run(None), run(Some(module()))]
    }

    #[test]
    fn they_do_what_those_of_the_language_do() {
        let lists = [
            "[]",
            "[3]",
            "[1, 1, 2, 2, 1, 1.0, 1.0, \"a\", \"a\", (), (), true]",
            "[5, 3, 9, 3, -1, 7, 7]",
            "[[1], [1], [2, #{}], #{ a: 1 }, #{ a: 1 }]",
        ];
        let calls = [
            "dedup()",
            "dedup(|a, b| a >= b)",
            "dedup(|a, b| a % 2 == b % 2)",
            "dedup(|a, b| 7)",
            "dedup(|a, b| throw \"no\")",
            "dedup(|a| true)",
            "sort(|a, b| a - b)",
            "sort(|a, b| b - a)",
            "sort(|a, b| a < b)",
            "sort(|a, b| \"?\")",
            "sort(|a, b| throw \"no\")",
            "sort_by(|a, b| b - a)",
        ];
        for list in lists {
            for call in calls {
                let expression = format!("let a = {list}; a.{call}; a");
                let [want, found] = both(&expression);
                assert_eq!(found, want, "{expression}");
                let [want, found] = both(&format!("const A = {list}; A.{call}; A"));
                assert_eq!(found, want, "{expression} of a constant");
            }
        }
    }

    #[test]
    fn they_end_when_they_are_told_to() {
        for call in ["dedup()", "dedup(|a, b| a == b)", "sort(|a, b| b - a)"] {
            let asked = Rc::new(Cell::new(0_u64));
            let count = Rc::clone(&asked);
            sandbox::poll_with(Some(Box::new(move || {
                count.set(count.get() + 1);
                count.get() > 20
            })));
            sandbox::refill();
            let list = "let a = []; a.pad(4000, 1);";
            let engine = sandbox::engine(&Limits::default());
            let ended = engine.eval::<Dynamic>(&format!("{list} a.{call}; a"));
            sandbox::poll_with(None);
            let ended = ended.map_err(|error| error.unwrap_inner().to_string());
            assert!(
                ended
                    .as_ref()
                    .is_err_and(|error| error.contains("terminated")),
                "{call}: {ended:?}"
            );
            assert!(asked.get() < 30, "{call}: asked {} times", asked.get());
        }
    }
}
