//! Which fields there are, and what can be done with each.

use std::fmt;

use super::{
    ast::{Parsed, Span},
    falco::{self, Declared},
    problem::{Problem, Reason},
    quote::{Quoted, is_reserved},
    suggest::closest,
};
use crate::alert::{Kind, Part, Parts, Transport};

/// A field of an alert.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Field {
    Rule,
    Priority,
    Source,
    Hostname,
    Tags,
    Output,
    Message,
    Kind,
    Id,
    Maturity,
    OriginSource,
    OriginTransport,
    OriginCluster,
    OriginLabel(String),
    Tactic,
    Technique,
    Compliance,
    /// A key of the alert's output fields, verbatim.
    Keyed(String),
}

/// What a field's values are, which decides how they are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Type {
    Text,
    /// A field that Falco does not declare: nothing is checked.
    Unknown,
    /// Text or a number, depending on how the alert came.
    Raw,
    Number,
    Bool,
    Priority,
    Kind,
    Transport,
    Id,
    Tactic,
    Technique,
    Compliance,
}

impl Field {
    /// Adds what of an alert it reads; some of it every alert has at hand.
    pub(super) fn add_to(&self, parts: &mut Parts) {
        match self {
            Self::Rule => parts.add(Part::Rule),
            Self::Source => parts.add(Part::Source),
            Self::Hostname => parts.add(Part::Hostname),
            Self::Tags => parts.add(Part::Tags),
            Self::Output => parts.add(Part::Output),
            Self::Message => parts.add(Part::Message),
            Self::Maturity => parts.add(Part::Maturity),
            Self::Tactic | Self::Technique => parts.add(Part::Attack),
            Self::Compliance => parts.add(Part::Compliance),
            Self::Keyed(key) => parts.add_key(key),
            Self::Priority
            | Self::Kind
            | Self::Id
            | Self::OriginSource
            | Self::OriginTransport
            | Self::OriginCluster
            | Self::OriginLabel(_) => {}
        }
    }

    /// The envelope's fields that take no argument.
    pub(super) const PLAIN: [(&'static str, Self); 16] = [
        ("rule", Self::Rule),
        ("priority", Self::Priority),
        ("source", Self::Source),
        ("hostname", Self::Hostname),
        ("tags", Self::Tags),
        ("output", Self::Output),
        ("message", Self::Message),
        ("kind", Self::Kind),
        ("id", Self::Id),
        ("maturity", Self::Maturity),
        ("origin.source", Self::OriginSource),
        ("origin.transport", Self::OriginTransport),
        ("origin.cluster", Self::OriginCluster),
        ("attack.tactic", Self::Tactic),
        ("attack.technique", Self::Technique),
        ("compliance", Self::Compliance),
    ];

    pub(super) fn of(parsed: &Parsed) -> Result<Self, Problem> {
        let name = parsed.name.value.as_str();
        let argument = parsed.argument.as_ref();
        let plain = Self::PLAIN.into_iter().find(|(plain, _)| *plain == name);
        match (plain, argument) {
            (Some((_, field)), None) => Ok(field),
            (Some(_), Some(argument)) => {
                let span = Span::new(parsed.name.span.end, argument.span.end + 1);
                let message = format!(
                    "`{name}` takes no argument; a field of the alert's output with that name is `{OUTPUT_FIELD}[\"{name}[{}]\"]`",
                    argument.value
                );
                Err(Problem::type_(span, message))
            }
            (None, Some(argument)) => Ok(match name {
                ORIGIN_LABEL => Self::OriginLabel(argument.value.clone()),
                OUTPUT_FIELD => Self::Keyed(argument.value.clone()),
                _ => Self::Keyed(format!("{name}[{}]", argument.value)),
            }),
            (None, None) if matches!(name, ORIGIN_LABEL | OUTPUT_FIELD) => {
                let message = format!("`{name}` takes a key in brackets, such as `{name}[key]`");
                Err(Problem::type_(parsed.name.span, message))
            }
            (None, None) => Ok(Self::Keyed(name.to_owned())),
        }
    }

    pub(super) fn type_(&self) -> Type {
        match self {
            Self::Rule
            | Self::Source
            | Self::Hostname
            | Self::Tags
            | Self::Output
            | Self::Message
            | Self::Maturity
            | Self::OriginSource
            | Self::OriginCluster
            | Self::OriginLabel(_) => Type::Text,
            Self::Priority => Type::Priority,
            Self::Kind => Type::Kind,
            Self::Id => Type::Id,
            Self::OriginTransport => Type::Transport,
            Self::Tactic => Type::Tactic,
            Self::Technique => Type::Technique,
            Self::Compliance => Type::Compliance,
            Self::Keyed(key) => match falco::declared(base(key)) {
                Some(Declared::Text) => Type::Text,
                Some(Declared::Number) => Type::Number,
                Some(Declared::Bool) => Type::Bool,
                Some(Declared::Raw) => Type::Raw,
                Some(Declared::Never) | None => Type::Unknown,
            },
        }
    }

    /// What is odd about the field, if anything is.
    pub(super) fn warning(&self, span: Span) -> Option<Problem> {
        let Self::Keyed(key) = self else {
            return None;
        };
        let warn = |message: String| Problem::new(Reason::UnknownField, span, message);
        match falco::declared(base(key)) {
            Some(Declared::Never) => Some(warn(format!(
                "`{self}` exists only inside Falco: no alert carries it, so it never matches"
            ))),
            None => {
                let ours = Self::PLAIN.into_iter().map(|(name, _)| name);
                let known = falco::likely(base(key), ours);
                Some(warn(format!("Falco has no field `{self}`")).suggest(known))
            }
            Some(_) => None,
        }
    }
}

/// A key without its argument.
pub(super) fn base(key: &str) -> &str {
    split_argument(key).map_or(key, |(name, _)| name)
}

/// A key's name and the text in its brackets.
pub(super) fn split_argument(key: &str) -> Option<(&str, &str)> {
    key.strip_suffix(']')?.split_once('[')
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OriginLabel(key) => write!(f, "{ORIGIN_LABEL}[{}]", Argument(key)),
            Self::Keyed(key) => match split_argument(key) {
                Some((name, argument)) if is_free_name(name) && !argument.is_empty() => {
                    write!(f, "{name}[{}]", Argument(argument))
                }
                None if is_free_name(key) => f.write_str(key),
                Some(_) | None => write!(f, "{OUTPUT_FIELD}[{}]", Argument(key)),
            },
            _ => {
                let name = Self::PLAIN.into_iter().find(|(_, field)| field == self);
                f.write_str(name.map_or("", |(name, _)| name))
            }
        }
    }
}

/// Whether `name`, written as it is, is a field of the output.
fn is_free_name(name: &str) -> bool {
    let starts = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    let ours = matches!(name, ORIGIN_LABEL | OUTPUT_FIELD)
        || Field::PLAIN.iter().any(|(plain, _)| *plain == name);
    starts
        && !ours
        // `not.x` would read as the negation of `.x`.
        && !name.split('.').any(is_reserved)
        && !name.ends_with('.')
        && name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.'))
}

/// The text in brackets, quoted where it would read differently without.
struct Argument<'a>(&'a str);

impl fmt::Display for Argument<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(text) = self;
        let mut depth = 0_usize;
        let balanced = text.chars().all(|c| match c {
            '[' => {
                depth += 1;
                true
            }
            ']' => {
                let open = depth > 0;
                depth = depth.saturating_sub(1);
                open
            }
            _ => !c.is_control(),
        });
        let plain = text.trim() == *text && !text.starts_with(['"', '\'']);
        if balanced && depth == 0 && plain && !text.is_empty() {
            f.write_str(text)
        } else {
            Quoted(text).fmt(f)
        }
    }
}

impl Type {
    /// How a message calls values of the type.
    pub(super) fn noun(self) -> &'static str {
        match self {
            Self::Text | Self::Unknown | Self::Raw => "text",
            Self::Number => "a number",
            Self::Bool => "true or false",
            Self::Priority => "a priority",
            Self::Kind => "a kind of alert",
            Self::Transport => "a transport",
            Self::Id => "an alert id",
            Self::Tactic => "an ATT&CK tactic",
            Self::Technique => "an ATT&CK technique",
            Self::Compliance => "a compliance control",
        }
    }

    /// The words that values of the type are, if those are few.
    pub(super) fn words(self) -> Vec<&'static str> {
        match self {
            Self::Kind => Kind::ALL.map(Kind::as_str).into(),
            Self::Transport => TRANSPORTS.map(Transport::as_str).into(),
            Self::Bool => vec!["true", "false"],
            Self::Priority => PRIORITIES.into(),
            Self::Tactic => super::attack::TACTICS.map(|(_, name)| name).into(),
            Self::Text
            | Self::Unknown
            | Self::Raw
            | Self::Number
            | Self::Id
            | Self::Technique
            | Self::Compliance => Vec::new(),
        }
    }

    /// The word that `value` was likely meant to be.
    pub(super) fn likely_word(self, value: &str) -> Option<&'static str> {
        let alias = match (self, value.to_ascii_lowercase().as_str()) {
            (Self::Priority, "fatal" | "panic") => Some("emergency"),
            (Self::Bool, "yes" | "1" | "on") => Some("true"),
            (Self::Bool, "no" | "0" | "off") => Some("false"),
            (Self::Transport, "grpc") => Some("falco_grpc"),
            _ => None,
        };
        alias.or_else(|| closest(value, self.words()))
    }
}

const TRANSPORTS: [Transport; 5] = [
    Transport::FalcoGrpc,
    Transport::Http,
    Transport::File,
    Transport::Stdin,
    Transport::Publish,
];

/// The worst first, as people list them.
const PRIORITIES: [&str; 8] = [
    "emergency",
    "alert",
    "critical",
    "error",
    "warning",
    "notice",
    "informational",
    "debug",
];

const ORIGIN_LABEL: &str = "origin.label";
/// Reaches keys that cannot be written as a field: `field["odd key"]`.
const OUTPUT_FIELD: &str = "field";

/// The names of the fields that are the gateway's own.
#[cfg(test)]
pub(super) fn envelope() -> Vec<&'static str> {
    let plain = Field::PLAIN.into_iter().map(|(name, _)| name);
    plain.chain([ORIGIN_LABEL, OUTPUT_FIELD]).collect()
}
