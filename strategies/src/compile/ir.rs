//! The typed form of a script between Rhai's AST and machine code.
//!
//! The checker decides every type and lowers to this; the emitter turns it into machine code and asks
//! no question about Rhai any more. Each value is one machine word of a known [`Type`].
//!
//! **Side exits.** Nothing here describes an error. Where Rhai would raise one (overflow, division by
//! zero, an index out of range, a refused argument, `throw`) the machine code leaves by a side exit:
//! the call is undone and the interpreter runs it again from its start. A handler is a transaction, so
//! this is exact: the words and the place of an error are Rhai's own, and `catch` blocks run there too.
//! What machine code completes must therefore be what Rhai would have completed, bit for bit.

use crate::api::Definition;

/// What a word holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Type {
    /// `()`: no word.
    Unit,
    /// `i8`, 0 or 1.
    Bool,
    /// `i64`.
    Int,
    /// `f64`.
    Float,
    /// Pointer to a `&str` that lives as long as the version, or as the call (a timer's name).
    Text,
    /// An instrument's number.
    Market,
    /// Number of declared bars.
    Bars,
    /// Number of a declared indicator.
    Indicator,
    /// An order's handle in one word: its id, or the top bit and the code that denied it.
    Order,
    /// Pointer to the call's `TradeView`.
    Trade,
    /// Pointer to the call's `BarView`.
    Bar,
    /// Pointer to the call's `FillView`.
    Fill,
    /// Pointer to an array of `i64`.
    Ints,
    /// Pointer to an array of `f64`.
    Floats,
}

impl Type {
    /// Returns the type of an array's items; `None` of what is no array.
    pub const fn item(self) -> Option<Self> {
        match self {
            Self::Ints => Some(Self::Int),
            Self::Floats => Some(Self::Float),
            _ => None,
        }
    }

    /// Returns whether its values are arrays.
    pub const fn is_array(self) -> bool {
        self.item().is_some()
    }
}

/// A whole script.
#[derive(Debug, Default)]
pub struct Program {
    /// Fields of `this` in the order of their names; each has a slot of one word.
    pub fields: Vec<Field>,
    /// Handlers and the functions they call, one per combination of argument types.
    pub functions: Vec<Function>,
    /// Texts that the code refers to.
    pub texts: Vec<String>,
}

/// A field of `this`. Maps within the state are flattened: `this.a.b` is one field, `a.b`.
#[derive(Debug)]
pub struct Field {
    /// Its name, or its path with dots.
    pub name: String,
    /// Its type, from what `init` returns.
    pub of: Type,
}

/// A function of a script with the types of its arguments settled.
#[derive(Debug)]
pub struct Function {
    /// Its name in the script.
    pub name: String,
    /// A handler, called by the engine: its result is dropped.
    pub is_handler: bool,
    /// Types of all locals; the first are the parameters.
    pub locals: Vec<Type>,
    /// How many of the locals are parameters.
    pub parameters: usize,
    /// What it returns.
    pub returns: Type,
    /// Operations that the interpreter counts at most for a call, each loop taken for one turn.
    pub operations: u64,
    /// Its statements; a value falls off the end by [`Statement::Return`].
    pub body: Block,
}

/// Statements in order.
pub type Block = Vec<Statement>;

/// Number of a local in [`Function::locals`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Local(pub u32);
/// Number of a field in [`Program::fields`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FieldId(pub u32);
/// Number of a function in [`Program::functions`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionId(pub u32);
/// Number of a text in [`Program::texts`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TextId(pub u32);

/// A statement.
#[derive(Debug)]
pub enum Statement {
    /// Evaluates and drops the value.
    Do(Expression),
    /// Gives a local its value: a declaration or an assignment.
    Set(Local, Expression),
    /// Gives a field of `this` its value. Of an array: copies it into the field.
    SetField(FieldId, Expression),
    /// Gives an item of an array its value; a negative index counts from the end.
    SetItem {
        /// The array: a local's or a field's, by reference.
        array: Expression,
        /// An integer.
        index: Expression,
        /// Of the array's item type.
        value: Expression,
    },
    /// Branches on a bool.
    If(Expression, Block, Block),
    /// Branches on the first case that holds the value: integers, by ranges half open or single.
    Switch {
        /// An integer.
        of: Expression,
        /// Values with the number of their block.
        cases: Vec<(i64, u32)>,
        /// The blocks.
        blocks: Vec<Block>,
        /// Where no case holds.
        otherwise: Block,
    },
    /// Repeats until a `Break`; each turn is paid from the call's budget.
    Loop {
        /// Operations that the interpreter counts at most for a turn, each loop within taken for one turn.
        operations: u64,
        /// The body of a turn.
        body: Block,
        /// Runs after the body and on `Continue`: a counter's step, a `do` loop's condition.
        step: Block,
    },
    /// Ends the innermost loop.
    Break,
    /// Goes to the innermost loop's step.
    Continue,
    /// Ends the function.
    Return(Option<Expression>),
    /// Leaves machine code: the interpreter runs this call.
    SideExit,
}

/// A value with its type, known by [`Expression::of`].
#[derive(Debug)]
pub struct Expression {
    /// Its type.
    pub of: Type,
    /// How it is computed.
    pub kind: Kind,
}

/// How a value is computed. Operands are evaluated from left to right, as Rhai does.
#[derive(Debug)]
pub enum Kind {
    /// `()`.
    Unit,
    /// A bool.
    Bool(bool),
    /// An integer.
    Int(i64),
    /// A float by its value; NaN by its bits.
    Float(f64),
    /// A text of the script.
    Text(TextId),
    /// The market that the handler was called for.
    Market,
    /// The empty handle.
    NoOrder,
    /// A local's value. Of an array: a reference, good until the next statement.
    Local(Local),
    /// A field's value. Of an array: a reference, good until the next statement.
    Field(FieldId),
    /// An item of an array; a negative index counts from the end.
    Item(Box<Expression>, Box<Expression>),
    /// Number of items of an array.
    Length(Box<Expression>),
    /// A new array with these items.
    Array(Vec<Expression>),
    /// A copy of an array, which is a value of its own.
    Copy(Box<Expression>),
    /// An operation on an array in place, and its result.
    ArrayCall(ArrayCall, Vec<Expression>),
    /// An operator of one operand.
    Unary(Unary, Box<Expression>),
    /// An operator of two operands of one type.
    Binary(Binary, Box<Expression>, Box<Expression>),
    /// `&&`: the second is evaluated where the first is true.
    And(Box<Expression>, Box<Expression>),
    /// `||`: the second is evaluated where the first is false.
    Or(Box<Expression>, Box<Expression>),
    /// Statements, then a value; `if` as an expression sets a local in both arms.
    After(Block, Box<Expression>),
    /// A number of a market (`m.bid`), read where it lies.
    Fact(Box<Expression>, Member),
    /// A number of an order (`order.filled`), as the desk knows it now.
    OrderNumber(Box<Expression>, Member),
    /// A number of what the handler was given (`bar.close`), read where it lies.
    Member(Box<Expression>, Member),
    /// A function of the interface. Arguments that the script left out are there with their defaults.
    Native(&'static Definition, Vec<Expression>),
    /// A function of the interface that takes any number of values after its named arguments: `note`, `alert`.
    NativeMany(&'static Definition, Vec<Expression>, Vec<Expression>),
    /// A function of the script.
    Call(FunctionId, Vec<Expression>),
}

/// A field of a `repr(C)` struct.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    /// Bytes from the start of the struct.
    pub offset: u32,
    /// How it lies there.
    pub width: Width,
}

/// How a number lies in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Width {
    /// `f64`.
    Float,
    /// `i64`.
    Int,
    /// `bool`.
    Bool,
    /// `u8`, read as an integer.
    Byte,
    /// A `Side`'s byte, read as an integer: 1 for a buy, -1 for a sell.
    Sign,
}

/// Operators of one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unary {
    /// `!` of a bool.
    Not,
    /// `-` of an integer; side exit on overflow.
    NegateInt,
    /// `-` of a float.
    NegateFloat,
    /// An integer as the nearest float.
    ToFloat,
    /// A float without its fraction as an integer: NaN is 0, 2^63 the greatest; side exit beyond ±2^63.
    ToInt,
    /// The absolute value of an integer; side exit on overflow.
    AbsInt,
    /// The absolute value of a float.
    AbsFloat,
    /// -1, 0 or 1 as the integer's sign.
    SignInt,
    /// -1, 0 or 1 as the float's sign, an integer; side exit on NaN.
    SignFloat,
    /// The next whole float below.
    Floor,
    /// The next whole float above.
    Ceiling,
    /// The nearest whole float, halves away from zero.
    Round,
    /// The float without its fraction.
    Truncate,
    /// The float less its whole part.
    Fraction,
    /// Whether a float is NaN.
    IsNan,
    /// Whether a float is neither NaN nor infinite.
    IsFinite,
    /// Whether a float is infinite.
    IsInfinite,
    /// Whether a float is zero, without any epsilon.
    IsZero,
}

/// Operators of two operands of one type: integers unless the name says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binary {
    /// `+`, side exit on overflow; likewise the next four, and on a zero divisor.
    Add,
    /// `-`.
    Subtract,
    /// `*`.
    Multiply,
    /// `/`, toward zero.
    Divide,
    /// `%`, sign of the dividend.
    Modulo,
    /// `**` of integers; side exit on overflow or a negative exponent.
    Power,
    /// `<<`: 0 at 64 and more, the other way where negative.
    ShiftLeft,
    /// `>>`: all sign bits at 64 and more, the other way where negative.
    ShiftRight,
    /// `&`.
    BitAnd,
    /// `|`.
    BitOr,
    /// `^`.
    BitXor,
    /// A comparison of integers.
    Compare(Comparison),
    /// `+` of floats.
    AddFloat,
    /// `-` of floats.
    SubtractFloat,
    /// `*` of floats.
    MultiplyFloat,
    /// `/` of floats.
    DivideFloat,
    /// `%` of floats: C's `fmod`.
    ModuloFloat,
    /// A comparison of floats as Rhai does it, within the relative epsilon: by `(x - y) / s`, where `s` is 1
    /// if `x * y` is 0, else the greater magnitude (that of the other where one is NaN). Where `s` is 0,
    /// which is so for 0 and NaN, they are equal.
    CompareFloat(Comparison),
    /// A comparison of floats as IEEE 754 has it, without any epsilon.
    CompareFloatExactly(Comparison),
    /// `min`: the first where it is less or equal, else the second.
    Least,
    /// `max`: the first where it is greater or equal, else the second.
    Greatest,
    /// `min` of floats: the first where it is less or equal (exactly), else the second, so also where one is NaN.
    LeastFloat,
    /// `max` of floats: the first where it is greater or equal (exactly), else the second.
    GreatestFloat,
    /// `&` of bools: both are evaluated.
    AndBool,
    /// `|` of bools.
    OrBool,
    /// `^` of bools.
    XorBool,
    /// `==` or `!=` of bools.
    CompareBool(Comparison),
    /// A comparison of texts by their bytes.
    CompareText(Comparison),
    /// `==` or `!=` of markets, bars, orders: by their words.
    CompareWord(Comparison),
}

/// A comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `==`.
    Equal,
    /// `!=`.
    NotEqual,
    /// `<`.
    Less,
    /// `<=`.
    LessEqual,
    /// `>`.
    Greater,
    /// `>=`.
    GreaterEqual,
}

/// What can be done with an array in place; the first argument is the array.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArrayCall {
    /// `push(value)`.
    Push,
    /// `pop()`: side exit where it is empty.
    Pop,
    /// `shift()`: takes the first; side exit where it is empty.
    Shift,
    /// `insert(at, value)`.
    Insert,
    /// `remove(at)`: side exit where there is none.
    Remove,
    /// `truncate(length)`.
    Truncate,
    /// `clear()`.
    Clear,
    /// `reverse()`.
    Reverse,
}
