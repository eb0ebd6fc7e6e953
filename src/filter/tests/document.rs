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

#[test]
fn it_names_every_field_operator_and_transformer() {
    let fields = field::envelope();
    let operators = ast::Operator::ALL.map(ast::Operator::as_str);
    let transforms = ast::Transform::ALL.map(|it| it.as_str());
    for name in fields.into_iter().chain(operators).chain(transforms) {
        let named = ["`", "(", "["]
            .iter()
            .any(|end| PAGE.contains(&format!("`{name}{end}")));
        assert!(named, "docs/filter.md lacks {name}");
    }
}

#[test]
fn it_tells_the_limits() {
    for (limit, words) in [
        (MAX_TEXT_BYTES / 1024, "KiB"),
        (MAX_DEPTH, "parentheses"),
        (MAX_PREDICATES, "comparisons"),
        (MAX_PATTERNS, "patterns"),
    ] {
        assert!(
            PAGE.contains(&format!("{limit} {words}")),
            "{limit} {words}"
        );
    }
}
