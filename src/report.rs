//! The report on an alert, for whoever has to deal with it: what happened, what that may
//! mean, how to find out, what to do, and how to keep Falco from saying so again if it is
//! nothing.
//!
//! A pure function of the alert and of those around it. What it knows of rules, techniques,
//! controls and kinds of workload is in data files below `report/knowledge`. Whatever a value
//! of an alert holds, it stays a value in Markdown, in HTML and in a command to be pasted.

mod analysis;
mod details;
mod document;
mod html;
mod knowledge;
mod markdown;
mod mitigation;
mod references;
mod related;
mod summary;
mod text;
mod tree;
mod tuning;
mod verify;
mod workload;

use crate::alert::Alert;

use self::document::{Section, Value};
pub use self::related::Around;

/// A report, to be written out in one of its forms.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    rule: Value,
    sections: Vec<Section>,
}

/// The forms of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// Markdown, as GitHub reads it.
    Markdown,
    /// A fragment of HTML: simple elements, without styles.
    Html,
    /// Plain text, for terminals and mail.
    Text,
}

impl Form {
    /// What the form is in HTTP.
    pub fn media_type(self) -> &'static str {
        match self {
            Self::Markdown => "text/markdown; charset=utf-8",
            Self::Html => "text/html; charset=utf-8",
            Self::Text => "text/plain; charset=utf-8",
        }
    }
}

impl Report {
    /// The report on `alert`, with what was `around` it.
    pub fn new(alert: &Alert, around: &Around<'_>) -> Self {
        let has_log = !around.window.is_zero();
        Self {
            rule: Value::of(match alert.rule.as_str() {
                "" => "an alert without a rule's name",
                rule => rule,
            }),
            sections: [
                summary::section(alert),
                details::section(alert, has_log),
                analysis::section(alert),
                related::section(alert, around),
                verify::section(alert, has_log),
                mitigation::section(alert),
                tuning::section(alert),
                references::compliance(alert),
                references::section(alert),
            ]
            .into_iter()
            .filter(|section| !section.is_empty())
            .collect(),
        }
    }

    /// The report, written out.
    pub fn write(&self, form: Form) -> String {
        match form {
            Form::Markdown => markdown::write(self),
            Form::Html => html::write(self),
            Form::Text => text::write(self),
        }
    }
}
