//! `docs/filter.md` is true.

use super::{super::*, filter};

const PAGE: &str = include_str!("../../../docs/filter.md");

fn examples() -> impl Iterator<Item = &'static str> {
    PAGE.split("```filter\n")
        .skip(1)
        .flat_map(|rest| rest.split("```").next().unwrap().lines())
        .filter(|line| !line.is_empty())
}

#[test]
fn its_examples_are_filters_without_a_fault() {
    let mut count = 0;
    for example in examples() {
        assert_eq!(filter(example).warnings(), [], "{example}");
        count += 1;
    }
    assert!(count > 15, "{count}");
}

/// What the first column of a section's table names, and what the second does.
fn table(heading: &str) -> Vec<(Vec<&'static str>, Vec<&'static str>)> {
    let (_, section) = PAGE.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    rows.map(|row| {
        let mut cells = row.trim_matches('|').splitn(2, " | ").map(code);
        (cells.next().unwrap(), cells.next().unwrap())
    })
    .collect()
}

/// What stands in backticks.
fn code(text: &str) -> Vec<&str> {
    text.split('`').skip(1).step_by(2).collect()
}

fn sorted<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names: Vec<_> = names.into_iter().collect();
    names.sort_unstable();
    names
}

#[test]
fn its_fields_are_the_alerts_own() {
    let named = table("Fields").into_iter().flat_map(|(names, _)| names);
    let named = named.map(|name| name.strip_suffix("[KEY]").unwrap_or(name));
    // `field` reaches the others, and is told of below the table.
    let ours = field::envelope()
        .into_iter()
        .filter(|name| *name != "field");
    assert_eq!(sorted(named), sorted(ours));
}

/// Of a field with few words the table has all, and no other.
#[test]
fn its_values_are_values_of_the_field() {
    for (names, values) in table("Fields") {
        for name in &names {
            for value in &values {
                filter(&format!("{} = {value}", name.replace("KEY", "key")));
            }
        }
        let type_ = match names[..] {
            ["priority"] => field::Type::Priority,
            ["kind"] => field::Type::Kind,
            ["origin.transport"] => field::Type::Transport,
            _ => continue,
        };
        for word in type_.words() {
            assert!(values.contains(&word), "{names:?} lacks {word}");
        }
    }
}

#[test]
fn its_operators_are_the_operators() {
    let named = table("Operators").into_iter().flat_map(|(names, _)| names);
    let ours = ast::Operator::ALL.map(ast::Operator::as_str);
    assert_eq!(sorted(named), sorted(ours.into_iter().chain(["=="])));
}

#[test]
fn its_transformers_are_the_transformers() {
    let (_, section) = PAGE.split_once("\n## Transformers\n").unwrap();
    let sentence = section.split('.').next().unwrap();
    let named = code(sentence)
        .into_iter()
        .map(|name| name.trim_end_matches('('));
    let ours = ast::Transform::ALL.map(ast::Transform::as_str);
    assert_eq!(sorted(named), sorted(ours));
}

#[test]
fn what_it_offers_for_falcos_conditions_is_right() {
    let rows = table("Where it differs from Falco");
    assert!(rows.len() > 3);
    for (_, ours) in rows {
        assert_eq!(filter(ours[0]).warnings(), [], "{ours:?}");
    }
}

#[test]
fn it_tells_the_limits() {
    for (limit, words) in [
        (MAX_TEXT_BYTES / 1024, "KiB"),
        (MAX_DEPTH, "parentheses"),
        (MAX_PREDICATES, "comparisons"),
        (MAX_PATTERNS, "patterns"),
        (parser::MAX_TRANSFORMS, "transformers"),
    ] {
        assert!(
            PAGE.contains(&format!("{limit} {words}")),
            "{limit} {words}"
        );
    }
}
