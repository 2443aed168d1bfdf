//! Calls of the interface, facts read where they lie, and machines that come and go.

use super::{MARKET, Run, binary, field, float, handler, int, local, of, program, sets};
use crate::Limits;
use crate::api::Definition;
use crate::api::definition::{Effect, Shim};
use crate::compile::context::{Context, Exit};
use crate::compile::ir::{
    Binary, Expression, FieldId, Kind, Local, Member, Statement, TextId, Type, Width,
};
use crate::compile::machine::Machine;
use crate::compile::tagged::{Passed, Tagged};
use crate::compile::text::TextWord;
use claire_engine::strategy::{MarketFacts, NoteLevel, TradeView};
use claire_types::{Side, VenueNs};
use std::mem::offset_of;
use std::sync::Mutex;

extern "C" fn mixed(
    context: &mut Context<'_>,
    flag: bool,
    whole: i64,
    real: f64,
    text: TextWord,
    market: u64,
) -> f64 {
    assert_eq!(market, context.market_word());
    let text = text.as_str().len() as f64;
    if flag {
        whole as f64 * real + text
    } else {
        context.refuse()
    }
}

extern "C" fn says(context: &mut Context<'_>, text: TextWord, first: *const Tagged, count: u64) {
    let values = Tagged::passed(first, count)
        .iter()
        .map(|value| match value.value() {
            Passed::Int(value) => value.to_string(),
            Passed::Float(value) => format!("{value:?}"),
            Passed::Bool(value) => value.to_string(),
            Passed::Text(text) => text.to_owned(),
            other => format!("{other:?}"),
        });
    let line = format!("{} {}", text.as_str(), values.collect::<Vec<_>>().join(" "));
    context.desk().note(NoteLevel::Note, &line);
}

extern "C" fn is_odd(_: &mut Context<'_>, number: i64) -> bool {
    number % 2 != 0
}

fn definition(address: usize, effect: Effect, is_fallible: bool) -> &'static Definition {
    let made: &'static Definition = Box::leak(Box::new(Definition {
        effect,
        shim: Some(Shim {
            address,
            is_fallible,
        }),
        ..Definition::BLANK
    }));
    MADE.lock().expect("no test failed holding it").push(made);
    made
}

/// Made definitions live as long as the tests: kept where memcheck sees that they are not lost.
static MADE: Mutex<Vec<&'static Definition>> = Mutex::new(Vec::new());

fn fact(member: Member) -> Expression {
    of(
        Type::Float,
        Kind::Fact(Box::new(of(Type::Market, Kind::Market)), member),
    )
}

const BID: Member = Member {
    offset: offset_of!(MarketFacts, bid) as u32,
    width: Width::Float,
};

#[test]
fn arguments_of_every_width_arrive_and_a_refusal_leaves() {
    let mixed = definition(mixed as *const () as usize, Effect::Reads, true);
    let text = of(Type::Text, Kind::Text(TextId(1)));
    let arguments = vec![
        field(0, Type::Bool),
        field(1, Type::Int),
        float(0.5),
        text,
        of(Type::Market, Kind::Market),
    ];
    let value = of(Type::Float, Kind::Native(mixed, arguments));
    let mut run = Run::new(&sets(&[Type::Bool, Type::Int, Type::Float], value));
    assert_eq!(super::evaluate(&mut run, &[1, 9]), Ok(7.5_f64.to_bits()));
    assert_eq!(super::evaluate(&mut run, &[0, 9]), Err(Exit::Side));
    let odd = definition(is_odd as *const () as usize, Effect::Pure, false);
    let value = of(Type::Bool, Kind::Native(odd, vec![field(0, Type::Int)]));
    let mut run = Run::new(&sets(&[Type::Int, Type::Bool], value));
    assert_eq!(
        [3, 4].map(|n| super::evaluate(&mut run, &[n])),
        [Ok(1), Ok(0)]
    );
}

#[test]
fn any_number_of_values_arrives_with_their_types() {
    let says = definition(says as *const () as usize, Effect::Acts, false);
    let text = || of(Type::Text, Kind::Text(TextId(0)));
    let more = vec![int(-7), float(1.5), super::boolean(true), text()];
    let many = of(Type::Unit, Kind::NativeMany(says, vec![text()], more));
    let none = of(Type::Unit, Kind::NativeMany(says, vec![text()], vec![]));
    let body = vec![Statement::Do(many), Statement::Do(none)];
    let mut run = Run::new(&program(&[], vec![handler(&[], body)]));
    assert_eq!(run.call(&mut []), Exit::None);
    assert_eq!(run.desk.log, ["Note: one -7 1.5 true one", "Note: one "]);
}

#[test]
fn facts_are_asked_for_once_and_again_after_an_act() {
    let says = definition(says as *const () as usize, Effect::Acts, false);
    let text = of(Type::Text, Kind::Text(TextId(0)));
    let act = || {
        let text = of(Type::Text, Kind::Text(TextId(0)));
        Statement::Do(of(Type::Unit, Kind::NativeMany(says, vec![text], vec![])))
    };
    drop(text);
    let read = |to: u32| {
        let of_handler = of(
            Type::Float,
            Kind::Fact(Box::new(local(0, Type::Market)), BID),
        );
        let sum = binary(Type::Float, Binary::AddFloat, fact(BID), of_handler);
        Statement::SetField(FieldId(to), sum)
    };
    let asked = |body: Vec<Statement>| {
        let mut run = Run::new(&program(&[Type::Float; 2], vec![handler(&[], body)]));
        run.desk.facts[MARKET.index()].bid = 2.5;
        let mut slots = [0; 2];
        assert_eq!(run.call(&mut slots), Exit::None);
        (run.desk.facts_asked.get(), slots.map(f64::from_bits))
    };
    let yes = || super::boolean(true);
    assert_eq!(asked(vec![read(0), read(1)]), (1, [5.0, 5.0]));
    assert_eq!(asked(vec![read(0), act(), read(1)]), (2, [5.0, 5.0]));
    let learns_in_an_arm = vec![Statement::If(yes(), vec![read(0)], vec![]), read(1)];
    assert_eq!(asked(learns_in_an_arm), (2, [5.0, 5.0]));
    let learns_in_both = vec![Statement::If(yes(), vec![read(0)], vec![read(0)]), read(1)];
    assert_eq!(asked(learns_in_both), (1, [5.0, 5.0]));
    let forgets_in_an_arm = vec![read(0), Statement::If(yes(), vec![act()], vec![]), read(1)];
    assert_eq!(asked(forgets_in_an_arm), (2, [5.0, 5.0]));
    let leaves_in_an_arm = vec![
        read(0),
        Statement::If(yes(), vec![], vec![act(), Statement::Return(None)]),
        read(1),
    ];
    assert_eq!(asked(leaves_in_an_arm), (1, [5.0, 5.0]));
}

#[test]
fn a_loop_that_acts_asks_again_in_every_turn() {
    let says = definition(says as *const () as usize, Effect::Acts, false);
    let text = of(Type::Text, Kind::Text(TextId(0)));
    let act = Statement::Do(of(Type::Unit, Kind::NativeMany(says, vec![text], vec![])));
    let n = || local(1, Type::Int);
    let is_done = binary(
        Type::Bool,
        Binary::Compare(crate::compile::ir::Comparison::Equal),
        n(),
        int(3),
    );
    let body = vec![
        Statement::SetField(FieldId(0), fact(BID)),
        Statement::Loop {
            operations: 1,
            body: vec![
                Statement::If(is_done, vec![Statement::Break], vec![]),
                Statement::SetField(FieldId(0), fact(BID)),
                act,
            ],
            step: vec![Statement::Set(
                Local(1),
                binary(Type::Int, Binary::Add, n(), int(1)),
            )],
        },
        Statement::SetField(FieldId(0), fact(BID)),
    ];
    let mut run = Run::new(&program(&[Type::Float], vec![handler(&[Type::Int], body)]));
    assert_eq!(run.call(&mut [0]), Exit::None);
    assert_eq!(run.desk.facts_asked.get(), 5);
}

#[test]
fn members_are_read_by_their_width() {
    let trade = TradeView {
        price: 9.5,
        qty: 2.0,
        side: Side::Sell,
        time: VenueNs(-5),
    };
    let member = |offset: usize, width| Member {
        offset: offset as u32,
        width,
    };
    let cases = [
        (
            member(offset_of!(TradeView, price), Width::Float),
            Type::Float,
            9.5_f64.to_bits(),
        ),
        (
            member(offset_of!(TradeView, side), Width::Sign),
            Type::Int,
            -1_i64 as u64,
        ),
        (
            member(offset_of!(TradeView, side), Width::Byte),
            Type::Int,
            2,
        ),
        (
            member(offset_of!(TradeView, time), Width::Int),
            Type::Int,
            -5_i64 as u64,
        ),
    ];
    for (member, is, want) in cases {
        let read = of(is, Kind::Member(Box::new(local(1, Type::Trade)), member));
        let mut on_trade = handler(&[], vec![Statement::SetField(FieldId(0), read)]);
        on_trade.locals.push(Type::Trade);
        on_trade.parameters = 2;
        let mut run = Run::new(&program(&[is], vec![on_trade]));
        let mut slots = [0];
        let event = std::ptr::from_ref(&trade) as usize as u64;
        assert_eq!(run.call_with(&mut slots, event), Exit::None);
        assert_eq!(slots, [want], "{member:?}");
    }
    let stale = member(offset_of!(MarketFacts, stale), Width::Bool);
    let read = of(
        Type::Bool,
        Kind::Fact(Box::new(of(Type::Market, Kind::Market)), stale),
    );
    let mut run = Run::new(&sets(&[Type::Bool], read));
    run.desk.facts[MARKET.index()].stale = true;
    assert_eq!(super::evaluate(&mut run, &[]), Ok(1));
}

/// Pages of this process, as the system counts them.
fn pages() -> (u64, u64) {
    let text = std::fs::read_to_string("/proc/self/statm").expect("a Linux system");
    let mut numbers = text
        .split_whitespace()
        .map(|number| number.parse().expect("a number"));
    (
        numbers.next().expect("size"),
        numbers.next().expect("resident"),
    )
}

#[test]
fn machines_that_are_dropped_leave_no_memory_behind() {
    let limits = Limits::default();
    let value = || binary(Type::Int, Binary::Add, field(0, Type::Int), int(1));
    let make = |count: u32| {
        for _ in 0..count {
            let machine = Machine::new(&sets(&[Type::Int; 2], value()), &limits);
            assert!(
                machine
                    .expect("code")
                    .entry(crate::compile::ir::FunctionId(0))
                    .is_some()
            );
        }
    };
    // Told a number, the test runs alone: it then counts memory in use, too, which other tests disturb.
    let told = std::env::var("CLAIRE_MACHINES").map(|number| number.parse().expect("a number"));
    let cycles = told.clone().unwrap_or(200_u32);
    make(50);
    let before = pages();
    make(cycles);
    let after = pages();
    // What leaks shows in every cycle; other tests hold a few machines at a time.
    let grown = after.0.saturating_sub(before.0);
    let reserved = grown / u64::from(cycles);
    assert!(
        reserved < RESERVED_PAGES / 2,
        "{grown} pages of addresses for {cycles} machines"
    );
    let grown = after.1.saturating_sub(before.1);
    let is_alone = told.is_ok();
    assert!(
        !is_alone || grown < u64::from(cycles),
        "{grown} pages in use for {cycles} machines"
    );
}

/// Pages of addresses that a machine reserves.
const RESERVED_PAGES: u64 = (4 << 20) / 4_096;
