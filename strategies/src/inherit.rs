//! What a new version takes over from the one before it: fields of the same name and type.
//!
//! Called at the swap, on the engine thread, and before it where a version is made ready. `init` of the new version
//! has run: its state is the schema. Indicators, bars and markets are the new version's own; the engine carries what
//! they have seen.

use crate::token::{Bar, Bars, Fill, Indicator, Market, Order, Trade};
use claire_engine::strategy::Inheritance;
use rhai::{Array, Dynamic, Map};

/// Carries fields of `before` into `state`: moved where both have them, the others stay.
///
/// `is_as_before` tells of a field's path, `name.inner`, whether `init` of both versions gives it items of one type:
/// what handlers made of such a list since is no change of the file.
///
/// # Errors
/// Which field's type changed, in words; the state is then as it was.
pub(crate) fn carry(
    state: &mut Dynamic,
    before: &mut Dynamic,
    is_as_before: &dyn Fn(&str) -> bool,
) -> Result<Inheritance, String> {
    if let (Ok(own), Ok(old)) = (state.as_map_ref(), before.as_map_ref())
        && let Some(change) = changed(&own, &old, &|| "this".to_owned(), Some(is_as_before))
    {
        return Err(format!("{change} now: rename the field, or restart"));
    }
    let maps = (state.write_lock::<Map>(), before.write_lock::<Map>());
    let (Some(mut own), Some(mut old)) = maps else {
        return Ok(Inheritance::default());
    };
    let both = take(&mut own, &mut old);
    let count = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
    Ok(Inheritance {
        carried: count(both),
        fresh: count(own.len().saturating_sub(both)),
        dropped: count(old.len().saturating_sub(both)),
    })
}

/// Returns the first field to which a call gave a value of another type, in words: then no version could take it over.
///
/// Items of lists are not looked at: a handler may change them.
pub(crate) fn retyped(state: &Dynamic, before: &Dynamic) -> Option<String> {
    let (own, old) = (state.as_map_ref().ok()?, before.as_map_ref().ok()?);
    let change = changed(&own, &old, &|| "this".to_owned(), None)?;
    Some(format!("{change}: `init` gives it its type"))
}

/// Returns the first field whose type changed, as `this.name was ... and is ...`; of a list the type of its items
/// too, where it is told which lists are as before.
fn changed(
    own: &Map,
    old: &Map,
    path: &dyn Fn() -> String,
    is_list_as_before: Option<&dyn Fn(&str) -> bool>,
) -> Option<String> {
    // As a rule both have the same names.
    let mut beside = old.iter();
    own.iter().find_map(|(name, value)| {
        let before = match beside.next() {
            Some((known, before)) if known == name => before,
            _ => old.get(name)?,
        };
        let is_within = value.is_map() || is_list_as_before.is_some() && value.is_array();
        if value.type_id() == before.type_id() && !is_within {
            return None;
        }
        // Put together for words only: interpreted calls come by here, too.
        let path = || format!("{}.{name}", path());
        if let (Ok(own), Ok(old)) = (value.as_map_ref(), before.as_map_ref()) {
            return changed(&own, &old, &path, is_list_as_before);
        }
        let told = |was: &str, is: &str| Some(format!("`{}` was {was} and is {is}", path()));
        if let (Ok(own), Ok(old)) = (value.as_array_ref(), before.as_array_ref()) {
            let (was, is) = (Items::of(&old), Items::of(&own));
            let is_as_before = |of: &dyn Fn(&str) -> bool| {
                let path = path();
                of(path.strip_prefix("this.").unwrap_or(&path))
            };
            let is_kept = was.fit(is) || is_list_as_before.is_none_or(is_as_before);
            return (!is_kept).then(|| told(&was.words(), &is.words()))?;
        }
        let (was, is) = (kind(before)?, kind(value)?);
        (was != is).then(|| told(was.one, is.one))?
    })
}

/// Takes the old values of fields that both have; returns how many there are.
fn take(own: &mut Map, old: &mut Map) -> usize {
    let mut count = 0;
    for (name, value) in own.iter_mut() {
        let Some(before) = old.get_mut(name) else {
            continue;
        };
        count += 1;
        take_value(value, before);
    }
    count
}

/// Takes an old value, but for the engine's numbers in it.
fn take_value(value: &mut Dynamic, before: &mut Dynamic) {
    if value.is_map() && before.is_map() {
        if let (Some(mut own), Some(mut old)) =
            (value.write_lock::<Map>(), before.write_lock::<Map>())
        {
            take(&mut own, &mut old);
        }
    } else if value.is_array() && before.is_array() {
        if let (Some(mut own), Some(mut old)) =
            (value.write_lock::<Array>(), before.write_lock::<Array>())
        {
            take_items(&mut own, &mut old);
        }
    } else if !is_left(before) && !holds_declared(before) {
        std::mem::swap(value, before);
    }
}

/// Takes the old items of a list; where indicators or bars are among them, each in its place, and the list stays as long
/// as `init` makes it.
fn take_items(own: &mut Array, old: &mut Array) {
    if !own.iter().chain(old.iter()).any(holds_declared) {
        std::mem::swap(own, old);
        return;
    }
    for (value, before) in own.iter_mut().zip(old.iter_mut()) {
        if kind(value) == kind(before) {
            take_value(value, before);
        }
    }
}

/// Returns whether a value is, or holds, what each version declares itself and numbers anew.
fn holds_declared(value: &Dynamic) -> bool {
    if let Ok(items) = value.as_array_ref() {
        return items.iter().any(holds_declared);
    }
    if let Ok(fields) = value.as_map_ref() {
        return fields.values().any(holds_declared);
    }
    value.is::<Indicator>() || value.is::<Bars>()
}

/// Returns whether a value is not carried: a field that nobody has set, or the engine's number for something that
/// each version declares itself.
fn is_left(value: &Dynamic) -> bool {
    value.is_unit() || value.is::<Indicator>() || value.is::<Bars>() || value.is::<Market>()
}

/// A type as people read of it, of one value and of several. Two types differ in their words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kind {
    one: &'static str,
    many: &'static str,
}

/// Returns what a value is, as far as carrying it is concerned; `None` where nobody has set it: that fits any.
fn kind(value: &Dynamic) -> Option<Kind> {
    if value.is_unit() {
        return None;
    }
    let known = [
        (value.is_float(), FRACTION),
        (value.is_int(), INTEGER),
        (value.is_bool(), ("true or false", "true and false")),
        (value.is_string(), ("text", "texts")),
        (value.is_char(), ("a character", "characters")),
        (value.is_array(), ("an array", "arrays")),
        (value.is_map(), ("a map", "maps")),
        (value.is::<Order>(), ("an order", "orders")),
        (value.is::<Trade>(), ("a trade", "trades")),
        (value.is::<Bar>(), ("a bar", "bars")),
        (value.is::<Fill>(), ("a fill", "fills")),
        (value.is::<Indicator>(), ("an indicator", "indicators")),
        (value.is::<Bars>(), ("bars", "bars of several intervals")),
        (value.is::<Market>(), ("a market", "markets")),
    ];
    let found = known.into_iter().find(|(is_it, _)| *is_it);
    let other = ("something else", "something else");
    let (one, many) = found.map_or(other, |(_, words)| words);
    Some(Kind { one, many })
}

const FRACTION: (&str, &str) = ("a number with a fraction", "numbers with a fraction");
const INTEGER: (&str, &str) = ("an integer", "integers");

/// What a list holds; what lists and maps within it hold is not looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Items {
    /// Nothing that is set.
    None,
    Of(Kind),
    /// Of more than one type.
    Mixed,
}

impl Items {
    fn of(list: &Array) -> Self {
        let mut kinds = list.iter().filter_map(kind);
        match kinds.next() {
            None => Self::None,
            Some(first) if kinds.all(|kind| kind == first) => Self::Of(first),
            Some(_) => Self::Mixed,
        }
    }

    /// Returns whether a list of these items may become one of those. A mixed list is only kept out of a list of
    /// numbers, which machine code relies on.
    fn fit(self, is: Self) -> bool {
        match (self, is) {
            (Self::Of(was), Self::Of(is)) => was == is,
            (Self::Mixed, Self::Of(is)) => ![FRACTION.1, INTEGER.1].contains(&is.many),
            _ => true,
        }
    }

    fn words(self) -> String {
        match self {
            Self::None => "an empty array".to_owned(),
            Self::Of(kind) => format!("an array of {}", kind.many),
            Self::Mixed => "an array of several types".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use claire_engine::strategy::IndicatorId;

    fn indicator(id: u16) -> Dynamic {
        Dynamic::from(Indicator {
            id: IndicatorId(id),
            kind: 0,
        })
    }

    fn map(fields: &[(&str, Dynamic)]) -> Dynamic {
        let mut map = Map::new();
        for (name, value) in fields {
            map.insert((*name).into(), value.clone());
        }
        map.into()
    }

    fn int(value: &Dynamic, name: &str) -> i64 {
        let map = value.as_map_ref().expect("a map");
        map.get(name)
            .and_then(|value| value.as_int().ok())
            .expect(name)
    }

    #[test]
    fn same_names_and_types_are_carried_and_the_rest_is_the_new_versions() {
        let before = map(&[
            ("kept", 7_i64.into()),
            ("gone", 1_i64.into()),
            ("late", 3_i64.into()),
            ("unset", Dynamic::UNIT),
            ("fast", indicator(0)),
            ("nested", map(&[("a", 5_i64.into()), ("old", 1_i64.into())])),
        ]);
        let mut state = map(&[
            ("kept", 0_i64.into()),
            ("fresh", 2_i64.into()),
            ("late", Dynamic::UNIT),
            ("unset", 9_i64.into()),
            ("fast", indicator(4)),
            ("nested", map(&[("a", 0_i64.into()), ("new", 8_i64.into())])),
        ]);
        let inheritance =
            carry(&mut state, &mut before.clone(), &|_| false).expect("nothing changed its type");
        assert_eq!(
            inheritance,
            Inheritance {
                carried: 5,
                fresh: 1,
                dropped: 1
            }
        );
        let numbers = ["kept", "fresh", "late", "unset"].map(|name| int(&state, name));
        assert_eq!(numbers, [7, 2, 3, 9]);
        let fields = state.as_map_ref().expect("a map");
        let fast = fields["fast"].clone().cast::<Indicator>();
        assert_eq!(fast.id, IndicatorId(4));
        assert_eq!(
            [int(&fields["nested"], "a"), int(&fields["nested"], "new")],
            [5, 8]
        );
        assert!(
            !fields["nested"]
                .as_map_ref()
                .expect("a map")
                .contains_key("old")
        );
    }

    #[test]
    fn a_changed_type_refuses_and_changes_nothing() {
        let cases: [(Dynamic, Dynamic, &str); 5] = [
            (
                1_i64.into(),
                1.5.into(),
                "an integer and is a number with a fraction",
            ),
            (
                1.5.into(),
                "text".into(),
                "a number with a fraction and is text",
            ),
            (
                true.into(),
                indicator(0),
                "true or false and is an indicator",
            ),
            (indicator(0), 1_i64.into(), "an indicator and is an integer"),
            (map(&[]), 1_i64.into(), "a map and is an integer"),
        ];
        for (was, is, want) in cases {
            let before = map(&[("a", 3_i64.into()), ("x", was)]);
            let mut state = map(&[("a", 0_i64.into()), ("x", is)]);
            let refusal = carry(&mut state, &mut before.clone(), &|_| false).expect_err(want);
            assert!(
                refusal.starts_with("`this.x` was ") && refusal.contains(want),
                "{refusal}"
            );
            assert_eq!(int(&state, "a"), 0);
        }
        let before = map(&[("n", map(&[("deep", 1_i64.into())]))]);
        let mut state = map(&[("n", map(&[("deep", "x".into())]))]);
        let refusal =
            carry(&mut state, &mut before.clone(), &|_| false).expect_err("changed within");
        assert!(refusal.contains("`this.n.deep`"), "{refusal}");
    }

    #[test]
    fn a_list_keeps_the_type_of_its_items() {
        let list = |items: &[Dynamic]| Dynamic::from_array(items.to_vec());
        let floats = list(&[1.0.into(), 2.0.into()]);
        let ints = list(&[1_i64.into(), 2_i64.into()]);
        let texts = list(&["a".into(), "b".into()]);
        let mixed = list(&[1_i64.into(), 2.0.into()]);
        let words = list(&["a".into(), 2.0.into()]);
        let empty = list(&[]);
        let unset = list(&[Dynamic::UNIT]);
        let refused = [
            (
                &floats,
                &ints,
                "an array of numbers with a fraction and is an array of integers now",
            ),
            (
                &ints,
                &floats,
                "an array of integers and is an array of numbers with a fraction now",
            ),
            (
                &texts,
                &ints,
                "an array of texts and is an array of integers now",
            ),
            (
                &mixed,
                &floats,
                "an array of several types and is an array of numbers with a fraction now",
            ),
            (
                &words,
                &ints,
                "an array of several types and is an array of integers now",
            ),
        ];
        let fields = |of: &Dynamic| map(&[("n", map(&[("list", of.clone())]))]);
        for (was, is, want) in refused {
            let (before, mut state) = (fields(was), fields(is));
            let refusal = carry(&mut state, &mut before.clone(), &|_| false).expect_err(want);
            assert!(
                refusal.starts_with("`this.n.list` was ") && refusal.contains(want),
                "{refusal}"
            );
            assert_eq!(format!("{state:?}"), format!("{:?}", fields(is)));
            // No call is refused for the items that it leaves in a list.
            assert_eq!(retyped(&state, &before), None);
            let is_as_before = |path: &str| path == "n.list";
            carry(&mut state, &mut before.clone(), &is_as_before).expect("as the file was");
            assert_eq!(format!("{state:?}"), format!("{before:?}"));
        }
        let carried = [
            (&floats, &floats),
            (&empty, &ints),
            (&ints, &empty),
            (&unset, &texts),
            (&texts, &unset),
            (&mixed, &words),
            (&texts, &words),
            (&words, &texts),
        ];
        for (was, is) in carried {
            let (before, mut state) = (fields(was), fields(is));
            carry(&mut state, &mut before.clone(), &|_| false).expect("it fits");
            assert_eq!(format!("{state:?}"), format!("{before:?}"));
        }
    }

    #[test]
    fn indicators_in_a_list_are_the_new_versions() {
        let list = |items: &[Dynamic]| Dynamic::from_array(items.to_vec());
        let leg = |id: u16, n: i64| map(&[("ema", indicator(id)), ("n", n.into())]);
        let before = map(&[
            ("all", list(&[indicator(0), indicator(1)])),
            ("legs", list(&[leg(0, 5), leg(1, 6)])),
            ("deep", list(&[list(&[indicator(0)])])),
            ("late", list(&[indicator(1)])),
            ("plain", list(&[map(&[("n", 7_i64.into())])])),
        ]);
        let mut state = map(&[
            ("all", list(&[indicator(3), indicator(4), indicator(5)])),
            ("legs", list(&[leg(3, 0)])),
            ("deep", list(&[list(&[indicator(4)])])),
            ("late", Dynamic::UNIT),
            ("plain", list(&[])),
        ]);
        let want = map(&[
            ("all", list(&[indicator(3), indicator(4), indicator(5)])),
            ("legs", list(&[leg(3, 5)])),
            ("deep", list(&[list(&[indicator(4)])])),
            ("late", Dynamic::UNIT),
            ("plain", list(&[map(&[("n", 7_i64.into())])])),
        ]);
        let bytes = |state: &Dynamic| {
            let mut out = Vec::new();
            crate::state::write(Some(state), &mut out);
            out
        };
        carry(&mut state, &mut before.clone(), &|_| false).expect("nothing changed its type");
        assert_eq!(bytes(&state), bytes(&want));
    }
}
