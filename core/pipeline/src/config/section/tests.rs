//! Topologies, addresses without their passwords, speeds.

use super::*;

#[test]
fn auto_is_fused_below_four_cores() {
    for (choice, cores, expected) in [
        (TopologyChoice::Auto, 1, false),
        (TopologyChoice::Auto, 3, false),
        (TopologyChoice::Auto, 4, true),
        (TopologyChoice::Fused, 64, false),
        (TopologyChoice::Split, 1, true),
    ] {
        assert_eq!(choice.is_split(cores), expected, "{choice:?} on {cores}");
    }
    for (choice, cores, expected) in [
        (TopologyChoice::Auto, 1, false),
        (TopologyChoice::Auto, 2, true),
        (TopologyChoice::Fused, 64, false),
        (TopologyChoice::Split, 1, true),
    ] {
        let is_split = choice.is_split_reading(cores);
        assert_eq!(is_split, expected, "reading, {choice:?} on {cores}");
    }
}

#[test]
fn no_output_of_a_store_shows_its_password() {
    for (url, shown) in [
        (
            "postgres://claire:s3cret@db/claire",
            "postgres://claire:***@db/claire",
        ),
        (
            "postgres://claire:a@b/c@db:5432/claire",
            "postgres://claire:***@db:5432/claire",
        ),
        ("postgres://db/claire", "postgres://db/claire"),
        ("postgres://claire@db/claire", "postgres://claire@db/claire"),
        (
            "postgres://db/claire?user=x&password=s3cret&sslmode=on",
            "postgres://db/claire?user=x&password=***&sslmode=on",
        ),
    ] {
        let store: StoreUrl = url.parse().expect("a store");
        assert_eq!(store.to_string(), shown);
        assert_eq!(format!("{store:?}"), shown);
        assert_eq!(store.reveal().as_deref(), Some(url));
    }
}

#[test]
fn speeds_are_max_or_above_zero() {
    for (text, expected) in [
        ("max", Some(Speed::Max)),
        ("1", Some(Speed::Times(1.0))),
        ("0.5", Some(Speed::Times(0.5))),
        ("0", None),
        ("-1", None),
        ("NaN", None),
        ("inf", None),
        ("fast", None),
    ] {
        assert_eq!(text.parse::<Speed>().ok(), expected, "{text}");
    }
}
