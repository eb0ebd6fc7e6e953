//! What to do about it, now and for good.

use super::{
    document::{Line, Section},
    knowledge,
    workload::Workload,
};
use crate::alert::{Alert, Kind};

pub(super) fn section(alert: &Alert) -> Section {
    let mut section = Section::new("Mitigation");
    if matches!(alert.kind, Kind::Metrics | Kind::OtherInternal) {
        return section;
    }
    let advice = knowledge::advice(Workload::of(alert));
    if let Some(advice) = advice {
        section.heading(match alert.kind {
            Kind::Drop => "At once",
            _ => "If it is an attack, at once",
        });
        section.list(lines(&advice.contain));
    }
    if let Some(rule) = knowledge::rule(&alert.rule) {
        section.heading("Against what this rule finds");
        section.list(lines(&rule.mitigate));
    }
    for id in alert.attack.techniques.iter().map(|it| &it.id) {
        if let Some(technique) = knowledge::technique(id) {
            section.paragraph(Line::from("Against ").join(technique.link()).text(":"));
            section.list(lines(&technique.mitigate));
        }
    }
    if let Some(advice) = advice {
        section.heading("For good, in this kind of place");
        section.list(lines(&advice.harden));
    }
    section
}

fn lines(texts: &[String]) -> impl Iterator<Item = Line> {
    texts.iter().map(|text| Line::from(text.trim()))
}
