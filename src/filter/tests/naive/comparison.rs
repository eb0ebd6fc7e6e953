//! Comparisons of a field's values, by the plainest means.

use proptest::prelude::*;

use super::value::{NUMBERS, TEXTS, Value};

#[derive(Debug, Clone)]
pub(in crate::filter) struct Comparison {
    transform: Option<&'static str>,
    test: Test,
}

#[derive(Debug, Clone)]
enum Test {
    Exists,
    Equal(bool, &'static str),
    In(Vec<&'static str>),
    Order(&'static str, i64),
    Look(&'static str, &'static str),
    Pattern(&'static str, Vec<Step>),
    Length(i64),
    Path(Vec<&'static str>),
}

/// One character, or any; once, or any number of times.
#[derive(Debug, Clone, Copy)]
struct Step {
    one: Option<char>,
    many: bool,
}

pub(super) fn comparison() -> impl Strategy<Value = Comparison> {
    let transforms = vec!["tolower", "toupper", "basename"];
    let transform = prop::option::of(prop::sample::select(transforms));
    (transform, test()).prop_map(|(transform, test)| Comparison { transform, test })
}

fn test() -> impl Strategy<Value = Test> {
    let text = || prop::sample::select(TEXTS.to_vec());
    let number = || prop::sample::select(NUMBERS.to_vec());
    let order = prop::sample::select(vec!["<", "<=", ">", ">="]);
    let look = prop::sample::select(vec!["contains", "icontains", "startswith", "endswith"]);
    let pattern = prop::sample::select(vec!["glob", "iglob", "regex"]);
    let path = prop::sample::select(vec!["/", "/a", "/a/B", "a", "é", "/a/b", "é/ü/x", "/*/B"]);
    prop_oneof![
        Just(Test::Exists),
        (any::<bool>(), text()).prop_map(|(equal, text)| Test::Equal(equal, text)),
        prop::collection::vec(text(), 0..4).prop_map(Test::In),
        (order, number()).prop_map(|(order, number)| Test::Order(order, number)),
        (look, text()).prop_map(|(look, text)| Test::Look(look, text)),
        (pattern, prop::collection::vec(step(), 0..5))
            .prop_map(|(pattern, steps)| Test::Pattern(pattern, steps)),
        number().prop_map(Test::Length),
        prop::collection::vec(path, 0..3).prop_map(Test::Path),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let character = prop::sample::select(vec!['a', 'b', 'B', 'c', '1', '/', 'é', ' ', '.']);
    (prop::option::of(character), any::<bool>()).prop_map(|(one, many)| Step { one, many })
}

impl Comparison {
    pub(super) fn text(&self, field: &str) -> String {
        let field = match self.transform {
            Some(transform) => format!("{transform}({field})"),
            None => field.to_owned(),
        };
        let list = |texts: &[&str]| {
            let texts: Vec<_> = texts.iter().map(|text| format!("{text:?}")).collect();
            texts.join(", ")
        };
        match &self.test {
            Test::Exists => format!("{field} exists"),
            Test::Equal(true, text) => format!("{field} = {text:?}"),
            Test::Equal(false, text) => format!("{field} != {text:?}"),
            Test::In(texts) => format!("{field} in ({})", list(texts)),
            Test::Order(order, number) => format!("{field} {order} {number}"),
            Test::Look(look, text) => format!("{field} {look} {text:?}"),
            Test::Pattern(kind, steps) => {
                let steps: String = steps.iter().map(|step| step.text(kind)).collect();
                format!("{field} {kind} {steps:?}")
            }
            Test::Length(number) => format!("len({field}) = {number}"),
            Test::Path(paths) => format!("{field} pmatch ({})", list(paths)),
        }
    }

    pub(super) fn holds(&self, value: &Value) -> bool {
        let is_list = matches!(value, Value::List(_));
        let values: Vec<_> = value
            .flat()
            .into_iter()
            .map(|it| self.transformed(it))
            .collect();
        !values.is_empty() && self.test.holds(&values, is_list)
    }

    /// Only text has a case and a last component.
    fn transformed(&self, value: Value) -> Value {
        match (value, self.transform) {
            (Value::Text(text), Some("tolower")) => Value::Text(text.to_lowercase()),
            (Value::Text(text), Some("toupper")) => Value::Text(text.to_uppercase()),
            (Value::Text(text), Some(_)) => {
                Value::Text(text.split('/').next_back().unwrap().to_owned())
            }
            (value, _) => value,
        }
    }
}

impl Test {
    fn holds(&self, values: &[Value], is_list: bool) -> bool {
        let any = |test: &dyn Fn(&Value) -> bool| values.iter().any(test);
        match self {
            Self::Exists => true,
            Self::Equal(true, text) => any(&|value| value.equals(text)),
            Self::Equal(false, text) => !any(&|value| value.equals(text)),
            Self::In(texts) => any(&|value| texts.iter().any(|text| value.equals(text))),
            Self::Order(order, bound) => any(&|value| {
                value.as_number().is_some_and(|number| match *order {
                    "<" => number < *bound,
                    "<=" => number <= *bound,
                    ">" => number > *bound,
                    _ => number >= *bound,
                })
            }),
            Self::Look(look, part) => any(&|value| look_into(&value.as_text(), look, part)),
            Self::Pattern(kind, steps) => any(&|value| {
                let steps: Vec<_> = steps.iter().map(|step| step.of(kind)).collect();
                let text = value.as_text();
                let text = if *kind == "iglob" {
                    text.to_lowercase()
                } else {
                    text
                };
                walk(&steps, &text.chars().collect::<Vec<_>>())
            }),
            Self::Length(number) => {
                let length = if is_list {
                    values.len()
                } else {
                    values[0].as_text().len()
                };
                i64::try_from(length).unwrap() == *number
            }
            Self::Path(paths) => {
                any(&|value| paths.iter().any(|path| is_below(&value.as_text(), path)))
            }
        }
    }
}

fn look_into(text: &str, look: &str, part: &str) -> bool {
    match look {
        "contains" => text.contains(part),
        "icontains" => text.to_lowercase().contains(&part.to_lowercase()),
        "startswith" => text.starts_with(part),
        _ => text.ends_with(part),
    }
}

/// Whether `text` is `path` or below it; a `*` in `path` is one component.
fn is_below(text: &str, path: &str) -> bool {
    let split = |path: &str| -> Vec<String> {
        let parts = path.split('/').filter(|part| !part.is_empty());
        parts.map(str::to_owned).collect()
    };
    let (parts, prefix) = (split(text), split(path));
    !text.is_empty()
        && text.starts_with('/') == path.starts_with('/')
        && parts.len() >= prefix.len()
        && parts
            .iter()
            .zip(&prefix)
            .all(|(part, prefix)| prefix == "*" || part == prefix)
}

impl Step {
    fn text(self, kind: &str) -> String {
        match (kind, self.one, self.many) {
            ("regex", None, many) => format!(".{}", if many { "*" } else { "" }),
            ("regex", Some('.'), many) => format!("\\.{}", if many { "*" } else { "" }),
            ("regex", Some(one), many) => format!("{one}{}", if many { "*" } else { "" }),
            (_, None, true) => "*".to_owned(),
            (_, None, false) => "?".to_owned(),
            (_, Some(one), _) => one.to_string(),
        }
    }

    /// What the step means to this operator: a glob's characters stand once.
    fn of(self, kind: &str) -> Self {
        let one = match kind {
            "iglob" => self.one.map(|one| one.to_lowercase().next().unwrap()),
            _ => self.one,
        };
        Self {
            one,
            many: self.many && (kind == "regex" || one.is_none()),
        }
    }
}

/// Whether the steps take all of `text`: try everything.
fn walk(steps: &[Step], text: &[char]) -> bool {
    let Some((step, later)) = steps.split_first() else {
        return text.is_empty();
    };
    let takes = text
        .first()
        .is_some_and(|c| step.one.is_none_or(|one| one == *c));
    if step.many {
        walk(later, text) || takes && walk(steps, &text[1..])
    } else {
        takes && walk(later, &text[1..])
    }
}
