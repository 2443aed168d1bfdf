//! Arrays: items, values that are copies, calls in place, limits.

use super::{
    Run, binary, evaluate, field, float, function, handler, int, local, of, program, sets,
};
use crate::Limits;
use crate::compile::array::Array;
use crate::compile::context::Exit;
use crate::compile::ir::{
    ArrayCall, Binary, Block, Expression, FieldId, FunctionId, Kind, Local, Statement, Type,
};

fn items(values: &[i64]) -> Expression {
    of(
        Type::Ints,
        Kind::Array(values.iter().map(|value| int(*value)).collect()),
    )
}

fn item(array: Expression, index: Expression) -> Expression {
    of(Type::Int, Kind::Item(Box::new(array), Box::new(index)))
}

fn does(call: ArrayCall, is: Type, arguments: Vec<Expression>) -> Expression {
    of(is, Kind::ArrayCall(call, arguments))
}

fn set(field: u32, value: Expression) -> Statement {
    Statement::SetField(FieldId(field), value)
}

/// The state's array of integers beside integer fields.
struct Holder {
    run: Run,
    array: Box<Array>,
    slots: [u64; 3],
}

impl Holder {
    /// Fields: the array, and two integers.
    fn new(body: Block, given: &[i64]) -> Self {
        Self::of(vec![handler(&[Type::Ints, Type::Ints], body)], given)
    }

    fn of(functions: Vec<crate::compile::ir::Function>, given: &[i64]) -> Self {
        let mut array = Box::<Array>::default();
        given.iter().for_each(|value| array.push(*value as u64));
        let address = std::ptr::from_mut(array.as_mut()) as usize as u64;
        let run = Run::new(&program(&[Type::Ints, Type::Int, Type::Int], functions));
        Self {
            run,
            array,
            slots: [address, 0, 0],
        }
    }

    fn call(&mut self) -> Exit {
        self.run.call(&mut self.slots)
    }

    fn ints(&self) -> Vec<i64> {
        self.array.ints().collect()
    }
}

/// Runs a body on the array `[10, 20, 30]` and returns how it ended, the array and the integers.
fn on_three(body: Block) -> (Exit, Vec<i64>, [i64; 2]) {
    let mut holder = Holder::new(body, &[10, 20, 30]);
    let exit = holder.call();
    let [_, a, b] = holder.slots;
    (exit, holder.ints(), [a as i64, b as i64])
}

#[test]
fn items_count_from_the_start_and_negative_ones_from_the_end() {
    let three = Holder::new(vec![], &[]);
    drop(three);
    for (index, want) in [
        (0, Some(10)),
        (2, Some(30)),
        (3, None),
        (-1, Some(30)),
        (-3, Some(10)),
        (-4, None),
        (i64::MIN, None),
        (i64::MAX, None),
    ] {
        let (exit, _, [found, _]) = on_three(vec![set(1, item(field(0, Type::Ints), int(index)))]);
        match want {
            Some(want) => assert_eq!((exit, found), (Exit::None, want), "[{index}]"),
            None => assert_eq!(exit, Exit::Side, "[{index}]"),
        }
        let body = vec![Statement::SetItem {
            array: field(0, Type::Ints),
            index: int(index),
            value: int(7),
        }];
        let (exit, found, _) = on_three(body);
        assert_eq!(exit == Exit::None, want.is_some(), "[{index}] = 7");
        assert_eq!(
            found.contains(&7),
            want.is_some(),
            "[{index}] = 7: {found:?}"
        );
    }
}

#[test]
fn calls_in_place_do_what_a_vector_does() {
    let array = || field(0, Type::Ints);
    let unit = |call, mut rest: Vec<Expression>| {
        rest.insert(0, array());
        on_three(vec![Statement::Do(does(call, Type::Unit, rest))])
    };
    let value = |call, mut rest: Vec<Expression>| {
        rest.insert(0, array());
        on_three(vec![set(1, does(call, Type::Int, rest))])
    };
    let cases = [
        (
            unit(ArrayCall::Push, vec![int(40)]),
            vec![10, 20, 30, 40],
            0,
        ),
        (
            unit(ArrayCall::Insert, vec![int(1), int(5)]),
            vec![10, 5, 20, 30],
            0,
        ),
        (
            unit(ArrayCall::Insert, vec![int(-1), int(5)]),
            vec![10, 20, 5, 30],
            0,
        ),
        (
            unit(ArrayCall::Insert, vec![int(-9), int(5)]),
            vec![5, 10, 20, 30],
            0,
        ),
        (
            unit(ArrayCall::Insert, vec![int(9), int(5)]),
            vec![10, 20, 30, 5],
            0,
        ),
        (unit(ArrayCall::Truncate, vec![int(1)]), vec![10], 0),
        (unit(ArrayCall::Truncate, vec![int(9)]), vec![10, 20, 30], 0),
        (unit(ArrayCall::Truncate, vec![int(-9)]), vec![], 0),
        (unit(ArrayCall::Clear, vec![]), vec![], 0),
        (unit(ArrayCall::Reverse, vec![]), vec![30, 20, 10], 0),
        (value(ArrayCall::Pop, vec![]), vec![10, 20], 30),
        (value(ArrayCall::Shift, vec![]), vec![20, 30], 10),
        (value(ArrayCall::Remove, vec![int(1)]), vec![10, 30], 20),
        (value(ArrayCall::Remove, vec![int(-3)]), vec![20, 30], 10),
    ];
    for (number, ((exit, found, [a, _]), want, taken)) in cases.into_iter().enumerate() {
        assert_eq!((exit, found, a), (Exit::None, want, taken), "case {number}");
    }
    assert_eq!(value(ArrayCall::Remove, vec![int(3)]).0, Exit::Side);
    assert_eq!(value(ArrayCall::Remove, vec![int(-4)]).0, Exit::Side);
    for call in [ArrayCall::Pop, ArrayCall::Shift] {
        let body = vec![set(1, does(call, Type::Int, vec![array()]))];
        assert_eq!(Holder::new(body, &[]).call(), Exit::Side);
    }
}

#[test]
fn an_array_given_to_a_local_or_a_field_is_a_copy() {
    let push = |array| Statement::Do(does(ArrayCall::Push, Type::Unit, vec![array, int(1)]));
    let length = |array| of(Type::Int, Kind::Length(Box::new(array)));
    let body = vec![
        Statement::Set(Local(1), field(0, Type::Ints)),
        push(local(1, Type::Ints)),
        push(local(1, Type::Ints)),
        Statement::Set(Local(2), items(&[1, 2])),
        set(1, length(local(1, Type::Ints))),
        set(0, local(2, Type::Ints)),
        push(local(2, Type::Ints)),
        set(2, length(local(2, Type::Ints))),
    ];
    assert_eq!(on_three(body), (Exit::None, vec![1, 2], [5, 3]));
    let copies = of(Type::Ints, Kind::Copy(Box::new(field(0, Type::Ints))));
    let body = vec![push(copies), set(0, field(0, Type::Ints))];
    assert_eq!(on_three(body), (Exit::None, vec![10, 20, 30], [0, 0]));
}

#[test]
fn functions_take_arrays_by_value_and_return_them() {
    // doubled(a) { a.push(a[0]); a }, called on the state's array in a loop of many turns.
    let parameter = || local(0, Type::Ints);
    let body = vec![
        Statement::Set(Local(1), items(&[9, 9, 9])),
        Statement::Do(does(
            ArrayCall::Push,
            Type::Unit,
            vec![parameter(), item(parameter(), int(0))],
        )),
        Statement::Return(Some(parameter())),
    ];
    let call = of(
        Type::Ints,
        Kind::Call(FunctionId(1), vec![field(0, Type::Ints)]),
    );
    let length = of(Type::Int, Kind::Length(Box::new(call)));
    let turn = Statement::Loop {
        operations: 1,
        body: vec![
            set(
                2,
                binary(Type::Int, Binary::Add, field(2, Type::Int), int(1)),
            ),
            set(1, length),
            Statement::If(
                binary(
                    Type::Bool,
                    Binary::Compare(crate::compile::ir::Comparison::Equal),
                    field(2, Type::Int),
                    int(5_000),
                ),
                vec![Statement::Break],
                vec![],
            ),
        ],
        step: vec![],
    };
    let functions = vec![
        handler(&[], vec![turn]),
        function(&[Type::Ints], &[Type::Ints], Type::Ints, body),
    ];
    let mut holder = Holder::of(functions, &[10, 20, 30]);
    assert_eq!(holder.call(), Exit::None);
    assert_eq!(
        (holder.ints(), &holder.slots[1..]),
        (vec![10, 20, 30], &[4_u64, 5_000][..])
    );
}

#[test]
fn a_call_of_too_many_arrays_or_items_leaves() {
    let limits = Limits {
        array_items_max: 5,
        ..Limits::default()
    };
    let push = Statement::Do(does(
        ArrayCall::Push,
        Type::Unit,
        vec![local(1, Type::Ints), int(1)],
    ));
    let body = vec![Statement::Loop {
        operations: 1,
        body: vec![push],
        step: vec![],
    }];
    let mut run = Run::within(&program(&[], vec![handler(&[Type::Ints], body)]), &limits);
    assert_eq!(run.call(&mut []), Exit::Side);
    // nested(n): each level has an array of its own, as deep as calls may nest.
    let many = of(Type::Ints, Kind::Array((0..300).map(int).collect()));
    let last = item(many, int(-1));
    let mut run = Run::new(&sets(&[Type::Int], last));
    assert_eq!(evaluate(&mut run, &[]), Ok(299));
}

#[test]
fn floats_in_arrays_keep_their_bits() {
    let array = of(
        Type::Floats,
        Kind::Array(vec![float(-0.0), float(f64::NAN), float(2.5)]),
    );
    for (index, want) in [(0, -0.0), (1, f64::NAN), (2, 2.5)] {
        let array = of(
            Type::Floats,
            Kind::Copy(Box::new(of(
                Type::Floats,
                match &array.kind {
                    Kind::Array(values) => Kind::Array(
                        values
                            .iter()
                            .map(|value| match value.kind {
                                Kind::Float(value) => float(value),
                                _ => unreachable!("only floats"),
                            })
                            .collect(),
                    ),
                    _ => unreachable!("an array"),
                },
            ))),
        );
        let value = of(
            Type::Float,
            Kind::Item(Box::new(array), Box::new(int(index))),
        );
        let mut run = Run::new(&sets(&[Type::Float], value));
        assert_eq!(evaluate(&mut run, &[]), Ok(f64::to_bits(want)), "[{index}]");
    }
}
