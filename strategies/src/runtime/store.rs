//! A script's state in both its forms: the interpreter's map, and the slots of compiled handlers.
//!
//! One of them holds at a time; the other is brought up to it when a handler of the other backend runs.
//! What has no slot stays in the map. Engine thread only.

use crate::compile::array::Array;
use crate::compile::context::{market_of, market_word, order_of, order_word};
use crate::compile::ir::{Field, Type};
use crate::compile::text::{Interner, TextWord};
use crate::runtime::transfer::Move;
use crate::token::{Bars, Indicator, Market, Order, copied};
use claire_engine::strategy::BarsId;
use rhai::{Dynamic, INT, Map};
use std::hint::black_box;

/// The state of one instance.
#[derive(Debug)]
pub(super) struct Store {
    /// The map that `init` returned, as handlers left it; `None` before `init`.
    map: Option<Dynamic>,
    holds: Form,
    fields: Vec<Slot>,
    /// A word per field; then a word per field for what it was when the running call began, where that may change it.
    slots: Vec<u64>,
    /// Every value of the map that was read last has a slot. Machine code adds no fields, so it stays so.
    is_whole: bool,
}

/// Which form holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Map,
    Slots,
    /// The map, and it does not fit the slots.
    MapOnly,
}

/// A field's place in the map, its type, and its array where it is one.
#[derive(Debug)]
struct Slot {
    path: Vec<String>,
    of: Type,
    /// Boxed: its address is the slot's word.
    array: Option<Box<Array>>,
    /// The items when the running call began.
    items_before: Array,
}

impl Store {
    /// Returns the state before `init`.
    pub(super) fn new(fields: &[Field]) -> Self {
        let slot = |field: &Field| Slot {
            path: field.name.split('.').map(str::to_owned).collect(),
            of: field.of,
            array: field.of.is_array().then(Box::default),
            items_before: Array::default(),
        };
        Self {
            map: None,
            holds: Form::Map,
            fields: fields.iter().map(slot).collect(),
            slots: vec![0; 2 * fields.len()],
            is_whole: false,
        }
    }

    /// Returns the fields: path and type of each slot.
    pub(super) fn fields(&self) -> impl Iterator<Item = (&[String], Type)> {
        let fields = self.fields.iter();
        fields.map(|field| (field.path.as_slice(), field.of))
    }

    /// Returns whether the slots hold the state, and all of it.
    pub(super) fn is_all_in_slots(&self) -> bool {
        self.is_in_slots() && self.is_whole
    }

    /// Looks at what [`Store::take_over`] will look at, and makes room for items of arrays.
    pub(super) fn approach(&mut self, moves: &[Move], before: &Self) {
        for Move { from, to, .. } in moves {
            if let (Some(word), Some(own)) = (before.slots.get(*from), self.slots.get_mut(*to)) {
                black_box(*word);
                *own = black_box(*own);
            }
            let array = before.fields.get(*from).and_then(|of| of.array.as_ref());
            let own = self.fields.get_mut(*to).and_then(|of| of.array.as_mut());
            if let (Some(array), Some(own)) = (array, own) {
                // Its room, since it may hold more at the swap.
                own.reserve(array.room());
            }
        }
    }

    /// Takes values over from the slots of another state, which keeps them. `None` where a text or an array finds no
    /// place; what was taken over until then is what all of it would be.
    pub(super) fn take_over(
        &mut self,
        moves: &[Move],
        before: &Self,
        texts: &mut Interner,
    ) -> Option<()> {
        for Move { from, to, of } in moves {
            let word = *before.slots.get(*from)?;
            match of {
                Type::Ints | Type::Floats => {
                    let items = before.fields.get(*from)?.array.as_ref()?;
                    let own = self.fields.get_mut(*to)?.array.as_mut()?;
                    own.copy_from(items.words());
                }
                Type::Text => {
                    let text = TextWord::from_word(word);
                    *self.slots.get_mut(*to)? = texts.word(text.as_str())?.word();
                }
                _ => *self.slots.get_mut(*to)? = word,
            }
        }
        Some(())
    }

    /// Takes the map that `init` returned, that a handler left, or that was saved.
    pub(super) fn set_map(&mut self, map: Option<Dynamic>) {
        self.map = map;
        self.holds = Form::Map;
    }

    /// Takes the map out for the interpreter, brought up to date; `None` before `init`.
    pub(super) fn take_map(&mut self) -> Option<Dynamic> {
        if self.holds == Form::Slots {
            let mut map = self.map.take();
            if let Some(map) = &mut map {
                self.write(map);
            }
            self.map = map;
        }
        self.holds = Form::Map;
        self.map.take()
    }

    /// Returns a copy of the map as it would be taken out.
    pub(super) fn to_map(&self) -> Option<Dynamic> {
        let mut map = self.map.clone()?;
        if self.holds == Form::Slots {
            self.write(&mut map);
        }
        Some(map)
    }

    /// Returns whether the slots hold the state.
    #[inline]
    pub(super) fn is_in_slots(&self) -> bool {
        self.holds == Form::Slots
    }

    /// Brings the slots up to the map where it fits them; returns whether they hold the state then.
    pub(super) fn goes_to_slots(&mut self, texts: &mut Interner) -> bool {
        if self.holds == Form::Map {
            let is_read = self.read(texts).is_some();
            self.holds = if is_read { Form::Slots } else { Form::MapOnly };
        }
        self.holds == Form::Slots
    }

    /// Returns the first field whose value in the map is not of its type; for words only.
    pub(super) fn misfit(&self) -> Option<String> {
        let map = self.map.as_ref()?;
        let mut texts = Interner::default();
        let mut array = Array::default();
        let misfit = self.fields.iter().find(|field| {
            let mut read = |value: &Dynamic| word(value, field.of, &mut array, &mut texts);
            at(map, &field.path, &mut read).is_none()
        })?;
        Some(format!(
            "`this.{}` is not of the type that `init` shows",
            misfit.path.join(".")
        ))
    }

    /// Returns the slots, with room for what they were.
    #[inline(always)]
    pub(super) fn slots(&mut self) -> &mut [u64] {
        &mut self.slots
    }

    /// Keeps what these fields and arrays are, for [`Store::restore`]: where code does not do that itself.
    pub(super) fn keep(&mut self, fields: &[u32], arrays: &[u32]) {
        let count = self.fields.len();
        for index in fields {
            let at = *index as usize;
            if at < count {
                self.slots.copy_within(at..=at, count + at);
            }
        }
        self.keep_items(arrays);
    }

    fn keep_items(&mut self, arrays: &[u32]) {
        for index in arrays {
            if let Some(field) = self.fields.get_mut(*index as usize)
                && let Some(array) = &field.array
            {
                field.items_before.copy_from(array.words());
            }
        }
    }

    /// Puts what a call may have changed back as it was when the call began.
    pub(super) fn restore(&mut self, fields: &[u32], arrays: &[u32]) {
        let count = self.fields.len();
        for index in fields {
            let at = *index as usize;
            if at < count {
                self.slots.copy_within(count + at..=count + at, at);
            }
        }
        for index in arrays {
            if let Some(field) = self.fields.get_mut(*index as usize)
                && let Some(array) = &mut field.array
            {
                array.copy_from(field.items_before.words());
            }
        }
    }

    /// Returns how many items one array may have before the interpreter must decide.
    pub(super) fn items_max(&self, array_items_max: usize) -> usize {
        let arrays = self.fields.iter().filter(|field| field.array.is_some());
        array_items_max / (arrays.count() + 1)
    }

    /// Brings the slots up to the map; `None` where a value is not of its field's type.
    fn read(&mut self, texts: &mut Interner) -> Option<()> {
        let map = self.map.as_ref()?;
        // Only slots hold words of interned texts, and all slots are written anew.
        texts.clear();
        for (field, slot) in self.fields.iter_mut().zip(&mut self.slots) {
            let mut none = Array::default();
            let array = field.array.as_deref_mut().unwrap_or(&mut none);
            let mut read = |value: &Dynamic| word(value, field.of, array, texts);
            *slot = at(map, &field.path, &mut read)?;
        }
        self.is_whole = values(map) == self.fields.len();
        Some(())
    }

    /// Brings a map up to the slots.
    fn write(&self, map: &mut Dynamic) {
        for (field, slot) in self.fields.iter().zip(&self.slots) {
            put(map, &field.path, field.value(*slot));
        }
    }
}

impl Slot {
    /// Returns the value of the slot's word.
    fn value(&self, word: u64) -> Dynamic {
        match self.of {
            Type::Bool => (word != 0).into(),
            Type::Int => (word as INT).into(),
            Type::Float => f64::from_bits(word).into(),
            Type::Text => TextWord::from_word(word).as_str().into(),
            Type::Market => Dynamic::from(Market(market_of(word))),
            Type::Bars => Dynamic::from(Bars(BarsId(word as u16))),
            Type::Indicator => Dynamic::from(Indicator::of_word(word)),
            Type::Order => Dynamic::from(Order(order_of(word))),
            Type::Ints => {
                let items = self.array.iter().flat_map(|array| array.ints());
                Dynamic::from_array(items.map(Dynamic::from).collect())
            }
            Type::Floats => {
                let items = self.array.iter().flat_map(|array| array.floats());
                Dynamic::from_array(items.map(Dynamic::from).collect())
            }
            Type::Unit | Type::Trade | Type::Bar | Type::Fill => Dynamic::UNIT,
        }
    }
}

/// Returns the word of a value; items go into the array. `None` where the value is not of the type.
fn word(value: &Dynamic, of: Type, array: &mut Array, texts: &mut Interner) -> Option<u64> {
    match of {
        Type::Unit => value.is_unit().then_some(0),
        Type::Bool => value.as_bool().ok().map(u64::from),
        Type::Int => value.as_int().ok().map(|value| value as u64),
        Type::Float => value.as_float().ok().map(f64::to_bits),
        Type::Text => {
            let text = value.as_immutable_string_ref().ok()?;
            texts.word(&text).map(TextWord::word)
        }
        Type::Market => copied::<Market>(value).map(|of| market_word(of.0)),
        Type::Bars => copied::<Bars>(value).map(|of| u64::from(of.0.0)),
        Type::Indicator => copied::<Indicator>(value).map(Indicator::word),
        Type::Order => copied::<Order>(value).and_then(|of| order_word(of.0)),
        Type::Ints | Type::Floats => {
            array.truncate(0);
            for item in value.as_array_ref().ok()?.iter() {
                let item = match of {
                    Type::Ints => item.as_int().ok()? as u64,
                    _ => item.as_float().ok()?.to_bits(),
                };
                array.push(item);
            }
            Some(std::ptr::from_mut(array) as usize as u64)
        }
        Type::Trade | Type::Bar | Type::Fill => None,
    }
}

/// Returns how many values a map of maps has; an empty map is one.
fn values(value: &Dynamic) -> usize {
    match value.as_map_ref() {
        Ok(map) if !map.is_empty() => map.values().map(values).sum(),
        _ => 1,
    }
}

/// Reads the value at a path of maps; `None` where there is none.
fn at<R>(
    value: &Dynamic,
    path: &[String],
    read: &mut dyn FnMut(&Dynamic) -> Option<R>,
) -> Option<R> {
    match path.split_first() {
        None => read(value),
        Some((first, rest)) => {
            let map = value.as_map_ref().ok()?;
            at(map.get(first.as_str())?, rest, read)
        }
    }
}

/// Puts a value in the place of the one at a path of maps.
fn put(place: &mut Dynamic, path: &[String], value: Dynamic) {
    let Some((first, rest)) = path.split_first() else {
        *place = value;
        return;
    };
    if let Some(mut map) = place.write_lock::<Map>()
        && let Some(inner) = map.get_mut(first.as_str())
    {
        put(inner, rest, value);
    }
}
