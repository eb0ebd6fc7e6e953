//! The words of the language, for those who complete what somebody types.

use std::fmt::Write;

use super::{
    ast::Operator,
    falco,
    field::{Field, Type},
};

/// Lines of a kind, a word and what goes with it, between tabs: `field` with the type of
/// its values and those values, if they are few, between blanks; `operator`;
/// `transformer`.
pub fn vocabulary() -> String {
    let ours = Field::PLAIN.into_iter();
    let falcos = falco::all().map(|name| (name, Field::Keyed(name.to_owned())));
    let mut text = String::new();
    for (name, field) in ours.chain(falcos) {
        let words = field.type_().words().join(" ");
        // It writes into memory.
        let _ = writeln!(text, "field\t{name}\t{}\t{words}", kind(field.type_()));
    }
    for operator in Operator::ALL {
        let _ = writeln!(text, "operator\t{}", operator.as_str());
    }
    for transformer in ["tolower(", "toupper(", "basename(", "len("] {
        let _ = writeln!(text, "transformer\t{transformer}");
    }
    text
}

/// How people call the type, in a word or two.
fn kind(values: Type) -> &'static str {
    values
        .noun()
        .trim_start_matches("an ")
        .trim_start_matches("a ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::filter::Filter;

    #[test]
    fn every_field_can_be_asked_about() {
        let text = vocabulary();
        let fields: Vec<_> = text
            .lines()
            .filter_map(|line| line.strip_prefix("field\t"))
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert!(fields.len() > 500 && fields.contains(&"priority"));
        for field in fields {
            let filter = Filter::parse(&format!("{field} exists")).unwrap();
            assert!(filter.warnings().is_empty(), "{field}");
        }
    }

    #[test]
    fn words_are_values_of_their_fields() {
        let text = vocabulary();
        assert!(text.contains("field\tpriority\tpriority\temergency alert critical"));
        for line in text.lines() {
            let mut parts = line.split('\t').skip(1);
            let (Some(name), Some(words)) = (parts.next(), parts.nth(1)) else {
                continue;
            };
            for word in words.split(' ').filter(|word| !word.is_empty()) {
                Filter::parse(&format!("{name} = {word}")).unwrap();
            }
        }
    }
}
