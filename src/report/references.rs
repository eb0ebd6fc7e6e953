//! The standards' controls that the tags name, and where to read on.

use super::{
    document::{Line, Section},
    knowledge,
};
use crate::alert::{Alert, Kind};

pub(super) fn compliance(alert: &Alert) -> Section {
    let mut section = Section::new("Compliance");
    let rows = alert.compliance.iter().map(|it| {
        let line = Line::new().value(&format!("{} {}", it.standard, it.control));
        match knowledge::control(&it.standard, &it.control) {
            Some(known) => vec![
                line,
                Line::new()
                    .strong(known.title.as_str())
                    .text(format!(". {}", known.meaning.trim())),
            ],
            None => vec![line, Line::from("Named by the rule's tags.")],
        }
    });
    section.table(&["Control", "Why this alert matters to it"], rows.collect());
    section
}

pub(super) fn section(alert: &Alert) -> Section {
    let mut section = Section::new("References");
    let mut links = Vec::new();
    let mut link = |text: &str, url: &str| links.push(Line::new().link(text, url));
    if knowledge::rule(&alert.rule).is_some() {
        match alert.source.as_str() {
            "syscall" => {
                link(
                    "Falco's default rules, one by one",
                    "https://falcosecurity.github.io/rules/",
                );
                link("Their source", "https://github.com/falcosecurity/rules");
            }
            _ => link(
                "The plugins' rules",
                "https://github.com/falcosecurity/plugins",
            ),
        }
    }
    if alert.kind == Kind::Alert {
        link(
            "Overriding rules of Falco",
            "https://falco.org/docs/concepts/rules/overriding/",
        );
        link(
            "Exceptions of rules",
            "https://falco.org/docs/concepts/rules/exceptions/",
        );
    }
    if alert.kind == Kind::Drop {
        link(
            "Dropped events",
            "https://falco.org/docs/concepts/event-sources/kernel/dropped-events/",
        );
    }
    let tactics = alert.attack.tactics.iter();
    let tactics = tactics.filter_map(|it| knowledge::tactic(&it.id));
    links.extend(tactics.map(knowledge::Tactic::link));
    let techniques = alert.attack.techniques.iter();
    let techniques = techniques.filter_map(|it| knowledge::technique(&it.id));
    links.extend(techniques.map(knowledge::Technique::link));
    section.list(links);
    section
}
