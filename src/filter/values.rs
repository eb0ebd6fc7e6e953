//! What an alert has under a field.

use std::borrow::Cow;

use super::{attack, field::Field, projection::Projection, scalar::Scalar};
use crate::alert::{Alert, ComplianceControl, FieldValue, Tactic};

/// A field, ready to be read from alerts.
#[derive(Debug)]
pub(super) struct Source {
    field: Field,
    projection: Option<Projection>,
    tactic_names: bool,
}

/// The values of a field, borrowed from the alert where possible.
#[derive(Debug)]
pub(super) enum Values<'a> {
    Missing,
    One(Scalar<'a>),
    Fields(&'a [FieldValue]),
    Texts(&'a [String]),
    Many(Vec<Scalar<'a>>),
}

/// What came of trying a test on values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There were none.
    Missing,
    /// No value passed.
    Failed,
    /// A value passed.
    Passed,
}

impl Source {
    /// With `tactic_names`, tactics are also read by their names, for operators
    /// that look into text.
    pub(super) fn new(field: Field, tactic_names: bool) -> Self {
        let projection = match &field {
            Field::Keyed(key) => Projection::of(key),
            _ => None,
        };
        Self {
            field,
            projection,
            tactic_names,
        }
    }

    pub(super) fn has_tactic_names(&self) -> bool {
        self.tactic_names
    }

    pub(super) fn read<'a>(&self, alert: &'a Alert) -> Values<'a> {
        let text = |text: &'a str| Values::from(Scalar::of_group(text));
        match &self.field {
            Field::Rule => text(&alert.rule),
            Field::Priority => Values::One(Scalar::Priority(alert.priority)),
            Field::Source => text(&alert.source),
            Field::Hostname => text(&alert.hostname),
            Field::Tags => Values::Texts(&alert.tags),
            Field::Output => text(&alert.output),
            Field::Message => text(&alert.message),
            Field::Kind => text(alert.kind.as_str()),
            Field::Id => Values::One(Scalar::Text(alert.id.to_string().into())),
            Field::Maturity => text(&alert.maturity),
            Field::OriginSource => text(&alert.origin.source_id),
            Field::OriginTransport => text(alert.origin.transport.as_str()),
            Field::OriginCluster => text(&alert.origin.cluster),
            Field::OriginLabel(key) => alert
                .origin
                .labels
                .get(key)
                .map_or(Values::Missing, |value| text(value)),
            Field::Tactic => self.tactics(alert),
            Field::Technique => {
                let ids = alert.attack.techniques.iter();
                ids.filter_map(|technique| Scalar::of_group(&technique.id))
                    .collect()
            }
            Field::Compliance => alert.compliance.iter().map(control).collect(),
            Field::Keyed(key) => self.output_field(key, alert),
        }
    }

    fn tactics<'a>(&self, alert: &'a Alert) -> Values<'a> {
        let tactics = alert.attack.tactics.iter();
        // Spelt as `=` takes it: the alert's own spelling is for display.
        let name = |tactic: &'a Tactic| {
            let name = attack::tactic_name(&tactic.id).unwrap_or(&tactic.name);
            Scalar::of_group(name).filter(|_| self.tactic_names)
        };
        tactics
            .flat_map(|tactic| [Scalar::of_group(&tactic.id), name(tactic)])
            .flatten()
            .collect()
    }

    fn output_field<'a>(&self, key: &str, alert: &'a Alert) -> Values<'a> {
        match alert.output_fields.get(key) {
            Some(FieldValue::List(values)) => Values::Fields(values),
            Some(value) if !value.is_absent() => Scalar::of_field(value).into(),
            Some(_) | None => self
                .projection
                .as_ref()
                .map_or(Values::Missing, |projection| projection.read(alert)),
        }
    }
}

/// A control as the tag writes it: `PCI_DSS_11.5.1`.
fn control(control: &ComplianceControl) -> Scalar<'static> {
    let text = format!("{} {}", control.standard, control.control);
    Scalar::Text(Cow::Owned(text.replace(' ', "_")))
}

impl Values<'_> {
    /// Tries `test` on each value until one passes. A list without values is
    /// missing.
    pub(super) fn any(self, mut test: impl FnMut(Scalar<'_>) -> bool) -> Outcome {
        match self {
            Self::Missing => Outcome::Missing,
            Self::One(value) => Outcome::of([value], &mut test),
            Self::Fields(values) => any_field(values, &mut test),
            Self::Texts(texts) => {
                let texts = texts.iter().map(|text| Scalar::Text(text.into()));
                Outcome::of(texts, &mut test)
            }
            Self::Many(values) => Outcome::of(values, &mut test),
        }
    }

    /// The number of values in a list, or the bytes of a text.
    pub(super) fn length(self, mut transform: impl FnMut(Scalar<'_>) -> usize) -> Option<usize> {
        let is_one = matches!(self, Self::One(_));
        let mut length = 0;
        let outcome = self.any(|value| {
            length += if is_one { transform(value) } else { 1 };
            false
        });
        (outcome != Outcome::Missing).then_some(length)
    }
}

/// Lists within lists count as one list.
fn any_field(values: &[FieldValue], test: &mut dyn FnMut(Scalar<'_>) -> bool) -> Outcome {
    let mut outcome = Outcome::Missing;
    for value in values {
        let one = match value {
            FieldValue::List(inner) => any_field(inner, test),
            _ => Outcome::of(Scalar::of_field(value), test),
        };
        match one {
            Outcome::Passed => return Outcome::Passed,
            Outcome::Failed => outcome = Outcome::Failed,
            Outcome::Missing => {}
        }
    }
    outcome
}

impl Outcome {
    fn of<'a>(
        values: impl IntoIterator<Item = Scalar<'a>>,
        test: &mut (impl FnMut(Scalar<'a>) -> bool + ?Sized),
    ) -> Self {
        let mut outcome = Self::Missing;
        for value in values {
            if test(value) {
                return Self::Passed;
            }
            outcome = Self::Failed;
        }
        outcome
    }
}

impl<'a> From<Option<Scalar<'a>>> for Values<'a> {
    fn from(value: Option<Scalar<'a>>) -> Self {
        value.map_or(Self::Missing, Self::One)
    }
}

impl<'a> FromIterator<Scalar<'a>> for Values<'a> {
    fn from_iter<I: IntoIterator<Item = Scalar<'a>>>(values: I) -> Self {
        Self::Many(values.into_iter().collect())
    }
}
