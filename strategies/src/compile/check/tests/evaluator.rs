//! A plain interpreter of the typed form: what machine code must do, for comparison with Rhai.

use super::values::{Store, Value};
use crate::api;
use crate::api::definition::Form;
use crate::compile::ir::{
    ArrayCall, Block, Expression, FieldId, Function, FunctionId, Kind, Local, Program, Statement,
    TextId, Type,
};
use rhai::{Dynamic, Engine, Scope};

/// How statements end before their last.
#[derive(Debug)]
pub(super) enum Stop {
    /// By a side exit.
    Exit,
    Break,
    Continue,
    Return(Value),
}

/// What a value's computation gives: it, or a side exit or return from within.
pub(super) type Run<T> = Result<T, Stop>;

/// The machine: a program with its state.
pub(super) struct Machine<'a> {
    pub program: &'a Program,
    /// Calls natives as the interpreter would.
    pub engine: &'a Engine,
    pub fields: Vec<Value>,
    /// The market that the handler is called for.
    pub market: Value,
    /// Turns of loops left; no test needs more.
    pub fuel: u32,
    /// Calls within one another; as deep as Rhai lets them be.
    pub depth: usize,
}

impl Machine<'_> {
    /// Runs a function; `None` is a side exit.
    pub(super) fn run(&mut self, id: FunctionId, arguments: Vec<Value>) -> Option<Value> {
        match self.call(id, arguments) {
            Ok(value) => Some(value),
            Err(Stop::Exit) => None,
            Err(other) => panic!("a function ended by {other:?}"),
        }
    }

    fn call(&mut self, id: FunctionId, arguments: Vec<Value>) -> Run<Value> {
        let program = self.program;
        let function: &Function = &program.functions[id.0 as usize];
        assert_eq!(arguments.len(), function.parameters, "{}", function.name);
        let mut frame: Vec<Option<Value>> = vec![None; function.locals.len()];
        for (number, value) in arguments.into_iter().enumerate() {
            assert_eq!(
                value.type_of(),
                function.locals[number],
                "{}",
                function.name
            );
            frame[number] = Some(value);
        }
        let mut frame = Frame { function, frame };
        if self.depth >= crate::Limits::default().call_depth_max {
            return Err(Stop::Exit);
        }
        self.depth += 1;
        let ended = self.block(&function.body, &mut frame);
        self.depth -= 1;
        match ended {
            Ok(()) => panic!("`{}` fell off its end", function.name),
            Err(Stop::Return(value)) => {
                assert_eq!(value.type_of(), function.returns, "{}", function.name);
                Ok(value)
            }
            Err(stop) => Err(stop),
        }
    }

    fn block(&mut self, block: &Block, frame: &mut Frame<'_>) -> Run<()> {
        block
            .iter()
            .try_for_each(|statement| self.statement(statement, frame))
    }

    fn statement(&mut self, statement: &Statement, frame: &mut Frame<'_>) -> Run<()> {
        match statement {
            Statement::Do(value) => self.value(value, frame).map(drop),
            Statement::Set(local, value) => {
                let value = self.value(value, frame)?;
                frame.set(*local, value);
                Ok(())
            }
            Statement::SetField(field, value) => {
                let value = self.value(value, frame)?.copied();
                assert_eq!(value.type_of(), self.program.fields[field.0 as usize].of);
                self.fields[field.0 as usize] = value;
                Ok(())
            }
            Statement::SetItem {
                array,
                index,
                value,
            } => {
                let array = self.value(array, frame)?;
                let index = self.value(index, frame)?.int();
                let value = self.value(value, frame)?;
                array.set_item(index, value).ok_or(Stop::Exit)
            }
            Statement::If(test, yes, no) => {
                let block = if self.value(test, frame)?.bool() {
                    yes
                } else {
                    no
                };
                self.block(block, frame)
            }
            Statement::Switch {
                of,
                cases,
                blocks,
                otherwise,
            } => {
                let of = self.value(of, frame)?.int();
                let case = cases.iter().find(|(value, _)| *value == of);
                let block = case.map_or(otherwise, |(_, at)| &blocks[*at as usize]);
                self.block(block, frame)
            }
            Statement::Loop { body, step, .. } => self.turns(body, step, frame),
            Statement::Break => Err(Stop::Break),
            Statement::Continue => Err(Stop::Continue),
            Statement::Return(None) => Err(Stop::Return(Value::Unit)),
            Statement::Return(Some(value)) => {
                let value = self.value(value, frame)?;
                Err(Stop::Return(value))
            }
            Statement::SideExit => Err(Stop::Exit),
        }
    }

    fn turns(&mut self, body: &Block, step: &Block, frame: &mut Frame<'_>) -> Run<()> {
        loop {
            self.fuel = self.fuel.checked_sub(1).ok_or(Stop::Exit)?;
            match self.block(body, frame) {
                Ok(()) | Err(Stop::Continue) => {}
                Err(Stop::Break) => return Ok(()),
                Err(stop) => return Err(stop),
            }
            match self.block(step, frame) {
                Ok(()) => {}
                Err(Stop::Break) => return Ok(()),
                Err(stop) => return Err(stop),
            }
        }
    }

    fn value(&mut self, of: &Expression, frame: &mut Frame<'_>) -> Run<Value> {
        let value = self.computed(of, frame)?;
        assert_eq!(value.type_of(), of.of, "{of:?}");
        Ok(value)
    }

    fn values(&mut self, all: &[Expression], frame: &mut Frame<'_>) -> Run<Vec<Value>> {
        all.iter().map(|value| self.value(value, frame)).collect()
    }

    fn computed(&mut self, of: &Expression, frame: &mut Frame<'_>) -> Run<Value> {
        Ok(match &of.kind {
            Kind::Unit => Value::Unit,
            Kind::Bool(value) => Value::Bool(*value),
            Kind::Int(value) => Value::Int(*value),
            Kind::Float(value) => Value::Float(*value),
            Kind::Text(TextId(at)) => Value::Text(self.program.texts[*at as usize].clone()),
            Kind::Market => self.market.clone(),
            Kind::NoOrder => Value::no_order(),
            Kind::Local(local) => frame.get(*local),
            Kind::Field(FieldId(at)) => self.fields[*at as usize].clone(),
            Kind::Item(array, index) => {
                let array = self.value(array, frame)?;
                let index = self.value(index, frame)?.int();
                array.item(index).ok_or(Stop::Exit)?
            }
            Kind::Length(array) => Value::Int(self.value(array, frame)?.length()),
            Kind::Array(items) => Value::array(of.of, self.values(items, frame)?),
            Kind::Copy(array) => self.value(array, frame)?.copied(),
            Kind::ArrayCall(call, arguments) => self.array_call(*call, arguments, frame)?,
            Kind::Unary(operator, value) => {
                let value = self.value(value, frame)?;
                super::operators::unary(*operator, value).ok_or(Stop::Exit)?
            }
            Kind::Binary(operator, one, other) => {
                let one = self.value(one, frame)?;
                let other = self.value(other, frame)?;
                super::operators::binary(*operator, one, other).ok_or(Stop::Exit)?
            }
            Kind::And(one, other) => {
                let one = self.value(one, frame)?.bool();
                Value::Bool(one && self.value(other, frame)?.bool())
            }
            Kind::Or(one, other) => {
                let one = self.value(one, frame)?.bool();
                Value::Bool(one || self.value(other, frame)?.bool())
            }
            Kind::After(block, value) => {
                self.block(block, frame)?;
                self.value(value, frame)?
            }
            Kind::Fact(object, member)
            | Kind::OrderNumber(object, member)
            | Kind::Member(object, member) => {
                let mut all = api::definitions().iter();
                let found = all.find(|of| {
                    let lies = of.place.map(|place| place.member);
                    lies == Some(*member) && of.fits(&[object.of])
                });
                let name = found.expect("a number with a name").name;
                let object = self.value(object, frame)?;
                self.native(name, Form::Property, vec![object], of.of)?
            }
            Kind::Native(definition, arguments) => {
                let arguments = self.values(arguments, frame)?;
                let is_whole = arguments.len() == definition.arguments.len();
                assert!(is_whole, "{}", definition.name);
                self.native(definition.name, definition.form, arguments, of.of)?
            }
            Kind::NativeMany(definition, named, more) => {
                let mut arguments = self.values(named, frame)?;
                arguments.extend(self.values(more, frame)?);
                self.native(definition.name, definition.form, arguments, of.of)?
            }
            Kind::Call(id, arguments) => {
                let arguments = self.values(arguments, frame)?;
                self.call(*id, arguments)?
            }
        })
    }

    fn array_call(
        &mut self,
        call: ArrayCall,
        arguments: &[Expression],
        frame: &mut Frame<'_>,
    ) -> Run<Value> {
        let mut values = self.values(arguments, frame)?;
        let array = values.remove(0);
        array.change(call, &values).ok_or(Stop::Exit)
    }

    /// Lets the interpreter run a function of the interface.
    fn native(
        &mut self,
        name: &str,
        form: Form,
        arguments: Vec<Value>,
        returns: Type,
    ) -> Run<Value> {
        let mut scope = Scope::new();
        let names: Vec<String> = (0..arguments.len()).map(|at| format!("a{at}")).collect();
        for (name, value) in names.iter().zip(arguments) {
            scope.push_dynamic(name.clone(), value.dynamic());
        }
        let text = match form {
            Form::Property => format!("a0.{name}"),
            Form::Method | Form::Function => format!("{name}({})", names.join(", ")),
        };
        crate::sandbox::refill();
        let result = self
            .engine
            .eval_expression_with_scope::<Dynamic>(&mut scope, &text);
        let result = result.map_err(|_| Stop::Exit)?;
        Ok(Value::of(&result, returns).expect("the type as defined"))
    }
}

/// A function's locals.
struct Frame<'f> {
    function: &'f Function,
    frame: Store,
}

impl Frame<'_> {
    fn get(&self, local: Local) -> Value {
        let value = self.frame[local.0 as usize].clone();
        value.unwrap_or_else(|| panic!("local {} is read unset: {:?}", local.0, self.function))
    }

    fn set(&mut self, local: Local, value: Value) {
        let of = self.function.locals[local.0 as usize];
        assert_eq!(
            value.type_of(),
            of,
            "local {}: {:?}",
            local.0,
            self.function
        );
        self.frame[local.0 as usize] = Some(value);
    }
}
