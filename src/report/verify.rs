//! How to find out whether it is what it looks like.

mod commands;

use super::{
    document::{Line, Section},
    knowledge,
    workload::Workload,
};
use crate::alert::Alert;

pub(super) fn section(alert: &Alert, has_log: bool) -> Section {
    let mut section = Section::new("How to verify");
    let rule = knowledge::rule(&alert.rule);
    let of_rule = rule.iter().flat_map(|rule| &rule.verify);
    let techniques = alert.attack.techniques.iter();
    let of_techniques = techniques
        .filter_map(|it| knowledge::technique(&it.id))
        .flat_map(|technique| &technique.verify);
    // What the rule's own entry says is closer than what its techniques' say.
    let points: Vec<_> = match rule {
        Some(_) => of_rule.collect(),
        None => of_techniques.collect(),
    };
    section.list(points.into_iter().map(|line| Line::from(line.trim())));
    let commands = commands::of(alert, has_log);
    if commands.is_empty() {
        return section;
    }
    section.paragraph(match Workload::of(alert) {
        Workload::Host => "On the host:",
        Workload::Container => "On the host that the container runs on:",
        Workload::Falco => "Where Falco runs:",
        _ => "From where you administer it:",
    });
    section.code("sh", commands.join("\n"));
    section
}
