//! Branches, loops, returns, shortcuts, and how calls end early.

use super::{
    Run, binary, boolean, field, function, handler, int, local, of, program, sets, unary, value_of,
};
use crate::Limits;
use crate::compile::context::Exit;
use crate::compile::ir::{
    Binary, Block, Comparison, Expression, FieldId, FunctionId, Kind, Local, Statement, Type, Unary,
};
use crate::sandbox;
use std::cell::Cell;
use std::rc::Rc;

fn add(a: Expression, b: Expression) -> Expression {
    binary(Type::Int, Binary::Add, a, b)
}

fn less(a: Expression, b: Expression) -> Expression {
    binary(Type::Bool, Binary::Compare(Comparison::Less), a, b)
}

fn is(a: Expression, b: i64) -> Expression {
    binary(Type::Bool, Binary::Compare(Comparison::Equal), a, int(b))
}

fn count(number: u32) -> Statement {
    Statement::SetField(FieldId(number), add(field(number, Type::Int), int(1)))
}

/// Runs a body over integer fields with integer locals, and returns the fields.
fn run(locals: usize, body: Block, given: &[i64]) -> (Exit, Vec<i64>) {
    let fields = vec![Type::Int; given.len()];
    let mut run = Run::new(&program(
        &fields,
        vec![handler(&vec![Type::Int; locals], body)],
    ));
    let mut slots: Vec<u64> = given.iter().map(|value| *value as u64).collect();
    let exit = run.call(&mut slots);
    (exit, slots.into_iter().map(|slot| slot as i64).collect())
}

#[test]
fn a_branch_takes_one_arm_and_a_value_comes_out_of_either() {
    let body = || {
        vec![
            Statement::If(
                less(field(0, Type::Int), int(5)),
                vec![Statement::Set(Local(1), int(10))],
                vec![Statement::Set(Local(1), int(20)), count(2)],
            ),
            Statement::SetField(FieldId(1), local(1, Type::Int)),
        ]
    };
    assert_eq!(run(1, body(), &[4, 0, 0]), (Exit::None, vec![4, 10, 0]));
    assert_eq!(run(1, body(), &[5, 0, 0]), (Exit::None, vec![5, 20, 1]));
}

#[test]
fn a_switch_takes_the_first_case_that_holds_the_value() {
    let set = |value| vec![Statement::SetField(FieldId(1), int(value))];
    let body = || {
        vec![Statement::Switch {
            of: field(0, Type::Int),
            cases: vec![(-1, 0), (7, 1), (7, 0), (i64::MAX, 1), (i64::MIN, 0)],
            blocks: vec![set(100), set(200)],
            otherwise: set(300),
        }]
    };
    let cases = [
        (-1, 100),
        (7, 200),
        (i64::MAX, 200),
        (i64::MIN, 100),
        (0, 300),
        (8, 300),
    ];
    for (given, want) in cases {
        assert_eq!(run(0, body(), &[given, 0]), (Exit::None, vec![given, want]));
    }
}

#[test]
fn loops_break_continue_and_step() {
    // for n in 0..: odd ones are skipped, ends at 10; counts turns and sums the even ones.
    let n = || local(1, Type::Int);
    let is_odd = is(binary(Type::Int, Binary::Modulo, n(), int(2)), 1);
    let body = vec![
        Statement::Set(Local(1), int(0)),
        Statement::Loop {
            operations: 1,
            body: vec![
                Statement::If(is(n(), 10), vec![Statement::Break], vec![]),
                count(0),
                Statement::If(is_odd, vec![Statement::Continue], vec![]),
                Statement::SetField(FieldId(1), add(field(1, Type::Int), n())),
            ],
            step: vec![Statement::Set(Local(1), add(n(), int(1)))],
        },
        count(2),
    ];
    assert_eq!(run(1, body, &[0, 0, 0]), (Exit::None, vec![10, 20, 1]));
}

#[test]
fn loops_within_loops_and_returns_from_within() {
    let (i, j) = (|| local(1, Type::Int), || local(2, Type::Int));
    let inner = Statement::Loop {
        operations: 1,
        body: vec![
            Statement::If(is(j(), 3), vec![Statement::Break], vec![]),
            count(0),
            Statement::If(
                is(
                    add(binary(Type::Int, Binary::Multiply, i(), int(10)), j()),
                    21,
                ),
                vec![Statement::Return(None), count(1)],
                vec![],
            ),
        ],
        step: vec![Statement::Set(Local(2), add(j(), int(1)))],
    };
    let body = vec![
        Statement::Set(Local(1), int(0)),
        Statement::Loop {
            operations: 1,
            body: vec![Statement::Set(Local(2), int(0)), inner],
            step: vec![Statement::Set(Local(1), add(i(), int(1)))],
        },
        count(1),
    ];
    assert_eq!(run(2, body, &[0, 0]), (Exit::None, vec![8, 0]));
}

#[test]
fn a_side_exit_leaves_at_once() {
    let (exit, _) = run(0, vec![count(0), Statement::SideExit, count(1)], &[0, 0]);
    assert_eq!(exit, Exit::Side);
    let over = add(int(i64::MAX), field(0, Type::Int));
    let body = vec![Statement::Do(over), count(1)];
    assert_eq!(run(0, body, &[1, 0]), (Exit::Side, vec![1, 0]));
}

#[test]
fn shortcuts_evaluate_the_second_where_the_first_says_too_little() {
    let seen = |value: bool| {
        of(
            Type::Bool,
            Kind::After(vec![count(0)], Box::new(boolean(value))),
        )
    };
    for (first, second) in [(false, false), (false, true), (true, false), (true, true)] {
        let pair = || (Box::new(boolean(first)), Box::new(seen(second)));
        let ((a, b), (c, d)) = (pair(), pair());
        for (value, want, is_seen) in [
            (of(Type::Bool, Kind::And(a, b)), first && second, first),
            (of(Type::Bool, Kind::Or(c, d)), first || second, !first),
        ] {
            let mut run = Run::new(&sets(&[Type::Int, Type::Bool], value));
            let mut slots = [0, 7];
            assert_eq!(run.call(&mut slots), Exit::None);
            assert_eq!(slots, [u64::from(is_seen), u64::from(want)]);
        }
    }
}

fn endless(operations: u64) -> Block {
    vec![Statement::Loop {
        operations,
        body: vec![count(0)],
        step: vec![],
    }]
}

#[test]
fn an_endless_loop_leaves_when_its_turns_are_used_up() {
    let limits = Limits {
        operations_max: 1_000,
        ..Limits::default()
    };
    let mut run = Run::within(
        &program(&[Type::Int], vec![handler(&[], endless(1))]),
        &limits,
    );
    let mut slots = [0];
    assert_eq!(run.call(&mut slots), Exit::Side);
    assert_eq!(slots, [1_000]);
}

#[test]
fn a_poll_that_says_stop_cuts_the_call() {
    let asked = Rc::new(Cell::new(0));
    let told = Rc::clone(&asked);
    sandbox::poll_with(Some(Box::new(move || {
        told.set(told.get() + 1);
        told.get() == 3
    })));
    let mut run = Run::new(&program(&[Type::Int], vec![handler(&[], endless(4))]));
    let mut slots = [0];
    let exit = run.call(&mut slots);
    sandbox::poll_with(None);
    assert_eq!((exit, asked.get()), (Exit::Cut, 3));
    assert!(slots[0] < 1_000, "{} turns", slots[0]);
}

/// f(n) = if n == 0 { 0 } else { 1 + f(n - 1) }
fn recursive() -> Vec<crate::compile::ir::Function> {
    let call = |value| of(Type::Int, Kind::Call(FunctionId(1), vec![value]));
    let n = || local(0, Type::Int);
    let less_one = binary(Type::Int, Binary::Subtract, n(), int(1));
    let body = vec![
        Statement::If(is(n(), 0), vec![Statement::Return(Some(int(0)))], vec![]),
        Statement::Return(Some(add(int(1), call(less_one)))),
    ];
    let entry = vec![Statement::SetField(FieldId(1), call(field(0, Type::Int)))];
    vec![
        handler(&[], entry),
        function(&[Type::Int], &[], Type::Int, body),
    ]
}

#[test]
fn recursion_goes_as_deep_as_the_limit_and_then_leaves() {
    let mut run = Run::new(&program(&[Type::Int; 2], recursive()));
    let depth_max = Limits::default().call_depth_max as u64 - 2;
    let mut slots = [depth_max - 1, 0];
    assert_eq!(run.call(&mut slots), Exit::None);
    assert_eq!(slots[1], depth_max - 1);
    slots = [depth_max, 0];
    assert_eq!(run.call(&mut slots), Exit::Side);
}

#[test]
fn calls_that_multiply_run_out_of_turns() {
    // f1 calls f2 twice, f2 calls f3 twice, ...: 2^20 calls, none of them in a circle.
    let call = |id| Statement::Do(of(Type::Unit, Kind::Call(FunctionId(id), vec![])));
    let twice = |id| vec![call(id), call(id)];
    let mut functions = vec![handler(&[], twice(1))];
    functions.extend((1..20).map(|id| function(&[], &[], Type::Unit, twice(id + 1))));
    functions.push(function(&[], &[], Type::Unit, vec![count(0)]));
    let mut run = Run::new(&program(&[Type::Int], functions));
    assert_eq!(run.call(&mut [0]), Exit::Side);
}

#[test]
fn texts_are_compared_and_kept_beyond_the_call() {
    let text = |id| of(Type::Text, Kind::Text(crate::compile::ir::TextId(id)));
    for (comparison, want) in [
        (Comparison::Equal, [1, 0]),
        (Comparison::NotEqual, [0, 1]),
        (Comparison::Less, [0, 1]),
        (Comparison::GreaterEqual, [1, 0]),
    ] {
        let compare = |a, b| {
            let operator = Binary::CompareText(comparison);
            value_of(
                &[Type::Bool],
                binary(Type::Bool, operator, text(a), text(b)),
                &[],
            )
        };
        assert_eq!(
            [compare(0, 0), compare(0, 1)],
            want.map(Ok),
            "{comparison:?}"
        );
    }
    let mut timer = handler(
        &[],
        vec![Statement::SetField(FieldId(0), local(1, Type::Text))],
    );
    timer.locals = vec![Type::Market, Type::Text];
    timer.parameters = 2;
    let mut run = Run::new(&program(&[Type::Text], vec![timer]));
    let mut slots = [0];
    let name = String::from("quote");
    let view = name.as_str();
    let word = crate::compile::text::TextWord::of_call(&view).word();
    assert_eq!(run.call_with(&mut slots, word), Exit::None);
    drop(name);
    assert_ne!(slots[0], word);
    assert_eq!(
        crate::compile::text::TextWord::from_word(slots[0]).as_str(),
        "quote"
    );
}

#[test]
fn a_field_of_each_width_keeps_its_neighbors() {
    let body = vec![
        Statement::SetField(
            FieldId(1),
            unary(Type::Bool, Unary::Not, field(1, Type::Bool)),
        ),
        Statement::SetField(FieldId(3), super::float(-0.0)),
    ];
    let fields = [Type::Int, Type::Bool, Type::Int, Type::Float, Type::Int];
    let mut run = Run::new(&program(&fields, vec![handler(&[], body)]));
    let mut slots = [u64::MAX, 0, u64::MAX, 1, u64::MAX];
    assert_eq!(run.call(&mut slots), Exit::None);
    assert_eq!(
        slots,
        [u64::MAX, 1, u64::MAX, (-0.0_f64).to_bits(), u64::MAX]
    );
}
