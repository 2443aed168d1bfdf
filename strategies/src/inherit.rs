//! What a new version takes over from the one before it: fields of the same name and type.
//!
//! Called at the swap, on the engine thread, and before it where a version is made ready. `init` of the new version
//! has run: its state is the schema. Indicators, bars and markets are the new version's own; the engine carries what
//! they have seen.

use crate::token::{Bar, Bars, Fill, Indicator, Market, Order, Trade};
use claire_engine::strategy::Inheritance;
use rhai::{Dynamic, Map};

/// Carries fields of `before` into `state`: moved where both have them, the others stay.
///
/// # Errors
/// Which field's type changed, in words; the state is then as it was.
pub(crate) fn carry(state: &mut Dynamic, before: &mut Dynamic) -> Result<Inheritance, String> {
    if let (Ok(own), Ok(old)) = (state.as_map_ref(), before.as_map_ref())
        && let Some(change) = changed(&own, &old, "this")
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
pub(crate) fn retyped(state: &Dynamic, before: &Dynamic) -> Option<String> {
    let (own, old) = (state.as_map_ref().ok()?, before.as_map_ref().ok()?);
    let change = changed(&own, &old, "this")?;
    Some(format!("{change}: `init` gives it its type"))
}

/// Returns the first field whose type changed, as `this.name was ... and is ...`.
fn changed(own: &Map, old: &Map, path: &str) -> Option<String> {
    // As a rule both have the same names.
    let mut beside = old.iter();
    own.iter().find_map(|(name, value)| {
        let before = match beside.next() {
            Some((known, before)) if known == name => before,
            _ => old.get(name)?,
        };
        if value.type_id() == before.type_id() && !value.is_map() {
            return None;
        }
        let path = || format!("{path}.{name}");
        if let (Ok(own), Ok(old)) = (value.as_map_ref(), before.as_map_ref()) {
            return changed(&own, &old, &path());
        }
        let (was, is) = (kind(before), kind(value));
        (!fits(was, is)).then(|| {
            let path = path();
            format!("`{path}` was {} and is {}", was.words(), is.words())
        })
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
        if value.is_map() && before.is_map() {
            if let (Some(mut own), Some(mut old)) =
                (value.write_lock::<Map>(), before.write_lock::<Map>())
            {
                take(&mut own, &mut old);
            }
        } else if !is_left(before) {
            std::mem::swap(value, before);
        }
    }
    count
}

/// Returns whether a value is not carried: a field that nobody has set, or the engine's number for something that
/// each version declares itself.
fn is_left(value: &Dynamic) -> bool {
    value.is_unit() || value.is::<Indicator>() || value.is::<Bars>() || value.is::<Market>()
}

/// What a value is, as far as carrying it is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Unset,
    Plain(&'static str),
    /// The engine's number for something that was declared.
    Numbered(&'static str),
}

impl Kind {
    fn words(self) -> &'static str {
        match self {
            Self::Unset => "unset",
            Self::Plain(words) | Self::Numbered(words) => words,
        }
    }
}

fn fits(was: Kind, is: Kind) -> bool {
    was == is || was == Kind::Unset || is == Kind::Unset
}

fn kind(value: &Dynamic) -> Kind {
    if value.is_unit() {
        return Kind::Unset;
    }
    let plain = [
        (value.is_float(), "a number with a fraction"),
        (value.is_int(), "an integer"),
        (value.is_bool(), "true or false"),
        (value.is_string(), "text"),
        (value.is_char(), "a character"),
        (value.is_array(), "an array"),
        (value.is_map(), "a map"),
        (value.is::<Order>(), "an order"),
        (value.is::<Trade>(), "a trade"),
        (value.is::<Bar>(), "a bar"),
        (value.is::<Fill>(), "a fill"),
    ];
    if let Some((_, words)) = plain.into_iter().find(|(is_it, _)| *is_it) {
        return Kind::Plain(words);
    }
    let numbered = [
        (value.is::<Indicator>(), "an indicator"),
        (value.is::<Bars>(), "bars"),
        (value.is::<Market>(), "a market"),
    ];
    let found = numbered.into_iter().find(|(is_it, _)| *is_it);
    found.map_or(Kind::Plain("something else"), |(_, words)| {
        Kind::Numbered(words)
    })
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
        let inheritance = carry(&mut state, &mut before.clone()).expect("nothing changed its type");
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
            let refusal = carry(&mut state, &mut before.clone()).expect_err(want);
            assert!(
                refusal.starts_with("`this.x` was ") && refusal.contains(want),
                "{refusal}"
            );
            assert_eq!(int(&state, "a"), 0);
        }
        let before = map(&[("n", map(&[("deep", 1_i64.into())]))]);
        let mut state = map(&[("n", map(&[("deep", "x".into())]))]);
        let refusal = carry(&mut state, &mut before.clone()).expect_err("changed within");
        assert!(refusal.contains("`this.n.deep`"), "{refusal}");
    }
}
