//! What Rhai's own packages give scripts, in short, and what is not there.

use std::fmt::Write;

/// Writes the lists.
pub(super) fn lists(page: &mut String) {
    page.push_str(HEAD);
    page.push_str("\n| of | functions |\n|---|---|\n");
    for (of, names) in LISTS {
        let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
        let _ = writeln!(page, "| {of} | {} |", names.join(" "));
    }
    page.push_str(TAIL);
}

const HEAD: &str = r#"
## What the language has

The whole of [Rhai](https://rhai.rs/book/) but for what would make a run depend on something else than its inputs:
integers of 64 bits, floats, `true` and `false`, texts, arrays, maps, `if`, `switch`, `while`, `loop`, `for`, closures,
`throw` and `try`. Beside the functions above there are these; those of arrays, maps and texts that make new ones run
interpreted.
"#;

const TAIL: &str = r#"
There is no `eval`, `import`, `print`, `debug`, no clock and no file: write `note(...)`, and read `m.now_ns`.
"#;

/// Functions of the language's packages that are no functions of numbers, by what they are of.
pub(super) const LISTS: [(&str, &[&str]); 7] = [
    (
        "arrays",
        &[
            "len", "is_empty", "push", "pop", "shift", "insert", "remove", "append", "truncate",
            "clear", "reverse", "get", "set", "contains", "index_of", "extract", "chop", "splice",
            "drain", "retain", "dedup", "flatten", "pad", "zip",
        ],
    ),
    (
        "arrays, with a closure",
        &[
            "map",
            "filter",
            "reduce",
            "reduce_rev",
            "for_each",
            "find",
            "find_map",
            "some",
            "all",
        ],
    ),
    (
        "arrays, in order",
        &[
            "sort",
            "sort_desc",
            "sort_by",
            "order",
            "order_desc",
            "order_by",
        ],
    ),
    ("maps", &["keys", "values", "mixin", "fill_with"]),
    (
        "texts",
        &[
            "to_upper",
            "to_lower",
            "make_upper",
            "make_lower",
            "trim",
            "split",
            "split_rev",
            "replace",
            "sub_string",
            "crop",
            "chars",
            "bytes",
            "to_chars",
            "starts_with",
            "ends_with",
            "parse_int",
            "parse_float",
            "to_string",
            "to_debug",
            "to_binary",
            "to_hex",
            "to_octal",
            "to_json",
        ],
    ),
    (
        "ranges and bits",
        &[
            "range",
            "start",
            "end",
            "is_inclusive",
            "is_exclusive",
            "bits",
        ],
    ),
    ("closures", &["name", "is_anonymous"]),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{api, sandbox};
    use std::collections::BTreeSet;

    #[test]
    fn every_function_that_scripts_can_reach_is_in_the_reference() {
        let listed = LISTS.iter().flat_map(|(_, names)| names.iter().copied());
        let ours = api::definitions().iter().map(|of| of.name);
        let known: BTreeSet<&str> = listed.chain(ours).collect();
        let reached: BTreeSet<String> = sandbox::functions()
            .iter()
            .filter_map(|function| function.rsplit_once('/').map(|(name, _)| name))
            .filter(|name| name.starts_with(|first: char| first.is_ascii_alphabetic()))
            .map(|name| name.trim_start_matches("get$").to_owned())
            .collect();
        let missing: Vec<_> = reached
            .iter()
            .filter(|name| !known.contains(name.as_str()))
            .collect();
        assert!(missing.is_empty(), "not in the reference: {missing:?}");
        let gone: Vec<_> = known
            .iter()
            .filter(|name| !reached.contains(**name))
            .collect();
        assert!(gone.is_empty(), "in the reference, but not there: {gone:?}");
    }
}
