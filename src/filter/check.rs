//! Whether a field, an operator and values go together.

use super::{
    ast::{Operator, OperatorKind, Parsed, Spanned, Transform},
    attack,
    field::{Field, Type},
    number::Number,
    predicate::Predicate,
    problem::Problem,
    quote::shown,
};
use crate::{
    alert::{AlertId, Priority},
    units::Span as Duration,
};

/// A predicate and the type of what it compares.
#[derive(Debug)]
pub(super) struct Checked {
    pub(super) predicate: Predicate,
    pub(super) type_: Type,
}

pub(super) fn check(parsed: &Parsed) -> Result<Checked, Problem> {
    let field = Field::of(parsed)?;
    let mut type_ = field.type_();
    // What is compared, as messages call it: of `len(rule)`, not of `rule`, it is
    // true that it is a number.
    let mut subject = field.to_string();
    for transform in &parsed.transforms {
        type_ = transformed(type_, transform, &subject)?;
        subject = format!("{}({subject})", transform.value.as_str());
    }
    check_operator(type_, &parsed.operator, &subject)?;
    let values = parsed
        .values
        .iter()
        .map(|value| normal_value(type_, parsed, value, &subject))
        .collect::<Result<_, _>>()?;
    let transforms = parsed
        .transforms
        .iter()
        .map(|transform| transform.value)
        .collect();
    let operator = parsed.operator.value;
    Ok(Checked {
        predicate: Predicate {
            field,
            transforms,
            operator,
            values,
        },
        type_,
    })
}

fn transformed(
    type_: Type,
    transform: &Spanned<Transform>,
    subject: &str,
) -> Result<Type, Problem> {
    let is_text = matches!(type_, Type::Text | Type::Unknown | Type::Raw);
    let is_list = matches!(type_, Type::Tactic | Type::Technique | Type::Compliance);
    match transform.value {
        Transform::Length if is_text || is_list => Ok(Type::Number),
        Transform::ToLower | Transform::ToUpper | Transform::BaseName if is_text => Ok(type_),
        Transform::Length | Transform::ToLower | Transform::ToUpper | Transform::BaseName => {
            let name = transform.value.as_str();
            let message = format!("`{name}(` is for text; `{subject}` is {}", type_.noun());
            Err(Problem::type_(transform.span, message))
        }
    }
}

fn check_operator(type_: Type, operator: &Spanned<Operator>, subject: &str) -> Result<(), Problem> {
    let kind = operator.value.kind();
    let fits = match type_ {
        Type::Unknown | Type::Raw => true,
        Type::Number | Type::Priority => kind != OperatorKind::Text,
        Type::Bool => !matches!(kind, OperatorKind::Text | OperatorKind::Order),
        Type::Text
        | Type::Kind
        | Type::Transport
        | Type::Id
        | Type::Tactic
        | Type::Technique
        | Type::Compliance => kind != OperatorKind::Order,
    };
    if fits {
        return Ok(());
    }
    let offered = match type_ {
        Type::Number | Type::Priority => "= != < <= > >= in",
        Type::Bool => "= and !=",
        _ => "= != in, and those for text",
    };
    let message = format!(
        "`{}` cannot compare `{subject}`, which is {}; its operators are {offered}",
        operator.value.as_str(),
        type_.noun()
    );
    Err(Problem::type_(operator.span, message))
}

/// The value in its normal spelling, if it is one that the field can have.
fn normal_value(
    type_: Type,
    parsed: &Parsed,
    value: &Spanned<String>,
    subject: &str,
) -> Result<String, Problem> {
    let operator = parsed.operator.value;
    let text = value.value.as_str();
    if text == NO_VALUE
        && operator.kind() == OperatorKind::Equality
        && operator != Operator::NotEqual
    {
        return Err(no_value(parsed, value, subject));
    }
    let is_order = operator.kind() == OperatorKind::Order;
    let normal = match (type_, operator.kind()) {
        (_, OperatorKind::Text | OperatorKind::Exists) => Some(text.to_owned()),
        (Type::Priority, _) => text
            .parse::<Priority>()
            .ok()
            .map(|priority| priority.as_str().to_ascii_lowercase()),
        (Type::Bool | Type::Kind | Type::Transport, _) => {
            type_.words().contains(&text).then(|| text.to_owned())
        }
        (Type::Id, _) => text.parse().ok().map(|id: AlertId| id.to_string()),
        (Type::Tactic, _) => attack::normal_tactic(text),
        (Type::Technique, _) => attack::normal_technique(text),
        // `!=` to the text of "no value" says that there is one.
        (Type::Number, _) if text == NO_VALUE => Some(text.to_owned()),
        (Type::Number, _) => Number::parse(text).map(|_| text.to_owned()),
        (Type::Text | Type::Unknown | Type::Raw | Type::Compliance, _) => {
            (!is_order || Number::parse(text).is_some()).then(|| text.to_owned())
        }
    };
    normal.ok_or_else(|| wrong_value(type_, operator, value, subject))
}

fn wrong_value(type_: Type, operator: Operator, value: &Spanned<String>, subject: &str) -> Problem {
    let text = shown(&value.value);
    let likely = type_.likely_word(&value.value).map(str::to_owned);
    let words = type_.words();
    let (message, likely) = match type_ {
        Type::Number | Type::Text | Type::Unknown | Type::Raw | Type::Compliance => {
            let why = if operator.kind() == OperatorKind::Order {
                format!("`{}` compares numbers", operator.as_str())
            } else {
                format!("`{subject}` is a number")
            };
            (
                format!("{why}, and `{text}` is none: write decimal digits or 0x"),
                nanoseconds(&value.value),
            )
        }
        Type::Id => (
            format!("`{text}` is no alert id: an id is 32 hexadecimal characters"),
            None,
        ),
        Type::Technique => (
            format!("`{text}` is no ATT&CK technique: write an id such as T1059 or T1059.004"),
            None,
        ),
        Type::Tactic => (
            format!(
                "`{text}` is no ATT&CK tactic: write an id such as TA0003, or one of {}",
                words.join(", ")
            ),
            likely,
        ),
        Type::Bool | Type::Priority | Type::Kind | Type::Transport => (
            format!(
                "`{text}` is not {} for `{subject}`: one of {}",
                type_.noun(),
                words.join(", ")
            ),
            likely,
        ),
    };
    Problem::type_(value.span, message).suggest(likely)
}

/// A duration, in the unit that Falco's fields have.
fn nanoseconds(text: &str) -> Option<String> {
    text.parse::<Duration>()
        .ok()
        .map(|duration| duration.0.as_nanos().to_string())
}

fn no_value(parsed: &Parsed, value: &Spanned<String>, subject: &str) -> Problem {
    let start = parsed
        .transforms
        .last()
        .map_or(parsed.name.span, |outermost| outermost.span);
    let message = "`<NA>` is how Falco prints that there is no value, and nothing equals that";
    if parsed.operator.value.takes_list() {
        let message = format!(
            "{message}: leave it out of the list, and add `or not {subject} exists` if no value is meant too"
        );
        return Problem::type_(value.span, message);
    }
    Problem::type_(start.to(value.span), message).suggest(Some(format!("not {subject} exists")))
}

const NO_VALUE: &str = "<NA>";
