//! Machine code against plain Rust: programs are built by hand from the typed form and run.

mod arrays;
mod calls;
mod campaign;
mod floats;
mod flow;
mod integers;

use super::context::{Budget, Context, Exit, Scratch};
use super::ir::{
    Binary, Block, Expression, Field, FieldId, Function, FunctionId, Kind, Local, Program,
    Statement, Type, Unary,
};
use super::machine::Machine;
use crate::Limits;
use crate::desk::FakeDesk;
use claire_types::InstrumentId;

/// The market that handlers of the tests are called for.
const MARKET: InstrumentId = InstrumentId(1);

/// A program that can be run.
struct Run {
    machine: Machine,
    scratch: Scratch,
    desk: FakeDesk,
    turns_max: u64,
}

impl Run {
    fn new(program: &Program) -> Self {
        Self::within(program, &Limits::default())
    }

    fn within(program: &Program, limits: &Limits) -> Self {
        let scratch = Scratch {
            items_max: limits.array_items_max,
            ..Scratch::default()
        };
        Self {
            machine: Machine::new(program, limits).expect("code can be made"),
            scratch,
            desk: FakeDesk::new(),
            turns_max: limits.operations_max,
        }
    }

    /// Enters the first function, a handler, and returns how it ended.
    fn call(&mut self, slots: &mut [u64]) -> Exit {
        self.call_with(slots, 0)
    }

    fn call_with(&mut self, slots: &mut [u64], event: u64) -> Exit {
        let entry = self.machine.entry(FunctionId(0)).expect("a handler");
        self.scratch.pool.release(0);
        // Room for what they were.
        let mut words = slots.to_vec();
        words.extend_from_slice(slots);
        let mut context = Context::new(
            &mut self.desk,
            &mut self.scratch,
            &mut words,
            MARKET,
            Budget::new(self.turns_max),
        );
        entry(&mut context, u64::from(MARKET.0), event);
        let exit = context.exit();
        slots.copy_from_slice(&words[..slots.len()]);
        exit
    }
}

/// Returns a handler of a market with more locals.
fn handler(locals: &[Type], body: Block) -> Function {
    let mut all = vec![Type::Market];
    all.extend(locals);
    Function {
        name: "on_book".to_owned(),
        is_handler: true,
        locals: all,
        parameters: 1,
        returns: Type::Unit,
        operations: 1,
        body,
    }
}

/// Returns a function of these parameters and further locals.
fn function(parameters: &[Type], locals: &[Type], returns: Type, body: Block) -> Function {
    Function {
        name: "helper".to_owned(),
        is_handler: false,
        locals: parameters.iter().chain(locals).copied().collect(),
        parameters: parameters.len(),
        returns,
        operations: 1,
        body,
    }
}

fn program(fields: &[Type], functions: Vec<Function>) -> Program {
    let named = fields.iter().enumerate();
    Program {
        fields: named
            .map(|(n, of)| Field {
                name: format!("f{n}"),
                of: *of,
            })
            .collect(),
        functions,
        texts: vec!["one".to_owned(), "two".to_owned()],
    }
}

/// Returns a program that sets the last field to an expression.
fn sets(fields: &[Type], value: Expression) -> Program {
    let last = FieldId(fields.len() as u32 - 1);
    program(
        fields,
        vec![handler(&[], vec![Statement::SetField(last, value)])],
    )
}

/// Runs a program that sets the last of its fields; returns that, or how the call was left.
fn value_of(fields: &[Type], value: Expression, given: &[u64]) -> Result<u64, Exit> {
    let mut run = Run::new(&sets(fields, value));
    evaluate(&mut run, given)
}

fn evaluate(run: &mut Run, given: &[u64]) -> Result<u64, Exit> {
    let mut slots = given.to_vec();
    slots.push(0xDEAD_BEEF);
    match run.call(&mut slots) {
        Exit::None => Ok(slots[given.len()]),
        left => Err(left),
    }
}

fn of(of: Type, kind: Kind) -> Expression {
    Expression { of, kind }
}

fn field(number: u32, is: Type) -> Expression {
    of(is, Kind::Field(FieldId(number)))
}

fn local(number: u32, is: Type) -> Expression {
    of(is, Kind::Local(Local(number)))
}

fn int(value: i64) -> Expression {
    of(Type::Int, Kind::Int(value))
}

fn float(value: f64) -> Expression {
    of(Type::Float, Kind::Float(value))
}

fn boolean(value: bool) -> Expression {
    of(Type::Bool, Kind::Bool(value))
}

fn binary(is: Type, operator: Binary, a: Expression, b: Expression) -> Expression {
    of(is, Kind::Binary(operator, Box::new(a), Box::new(b)))
}

fn unary(is: Type, operator: Unary, a: Expression) -> Expression {
    of(is, Kind::Unary(operator, Box::new(a)))
}
