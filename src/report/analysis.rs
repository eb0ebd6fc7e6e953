//! What the alert means: the rule, what the fields of this one alert tell, ATT&CK, and the
//! processes behind it.

mod evidence;

pub(super) use self::evidence::{buffers_were_full, has_failed, words};

use super::{
    document::{Line, Section},
    knowledge, tree,
    workload::Workload,
};
use crate::alert::Alert;

pub(super) fn section(alert: &Alert) -> Section {
    let mut section = Section::new("Analysis");
    rule(alert, &mut section);
    let evidence = evidence::of(alert);
    if !evidence.is_empty() {
        section.heading("What this alert tells");
        section.list(evidence);
    }
    if let Some(tree) = tree::of(alert) {
        section.heading("Processes");
        section.code("text", tree);
    }
    attack(alert, &mut section);
    section
}

fn rule(alert: &Alert, section: &mut Section) {
    if let Some(rule) = knowledge::rule(&alert.rule) {
        section.heading("What the rule looks for, as Falco ships it now");
        section.paragraph(rule.looks_for.trim());
        section.paragraph("What ordinarily sets it off without an attacker:");
        section.list(rule.benign.iter().map(|line| Line::from(line.trim())));
        if !rule.see_also.is_empty() {
            let names = rule.see_also.iter().map(String::as_str);
            section.paragraph(Line::from("Related rules: ").values(names).text("."));
        }
        return;
    }
    section.heading("What the rule looks for");
    section.paragraph(match (Workload::of(alert), alert.rule.as_str()) {
        (Workload::Falco, _) => Line::from(falco(alert)),
        (_, "") => Line::from(
            "It came as a line of text, which does not carry the rule's name: let Falco send JSON (json_output: true) \
             to have the rule, its tags and the fields one by one.",
        ),
        (_, name) => Line::from("The rule ").value(name).text(
            " is none of those that Falco and its plugins come with, so only those who wrote it know what it looks for: \
             look for it in the rules files of the Falco that is named above. What follows is told by the alert's fields \
             and tags alone.",
        ),
    });
}

fn falco(alert: &Alert) -> &'static str {
    use crate::alert::Kind;
    match alert.kind {
        Kind::Drop => {
            "Falco's driver puts events into buffers, and Falco reads them. When it does not keep up, events are lost \
             before any rule sees them, and Falco says so with this alert: for that time, silence means nothing."
        }
        Kind::Metrics => {
            "It is no finding. Falco writes its metrics at an interval, where metrics.output_rule is set in falco.yaml."
        }
        Kind::OtherInternal | Kind::Alert => {
            "It is no finding, but a notice of Falco about itself."
        }
    }
}

fn attack(alert: &Alert, section: &mut Section) {
    let tactics = alert.attack.tactics.iter().map(|it| tactic(&it.id));
    let techniques = alert.attack.techniques.iter().map(|it| technique(&it.id));
    let rows: Vec<_> = tactics.chain(techniques).collect();
    if rows.is_empty() {
        return;
    }
    section.heading(format!(
        "MITRE ATT&CK (version {})",
        knowledge::attack_version()
    ));
    section.table(&["Tactic or technique", "What it means here"], rows);
    section.paragraph(
        "They are the rule's tags, as its authors chose them: they say what such an event may serve, and not that it did.",
    );
}

fn tactic(id: &str) -> Vec<Line> {
    let Some(tactic) = knowledge::tactic(id) else {
        return vec![Line::new().value(id), unknown()];
    };
    vec![tactic.link(), Line::from(tactic.meaning.trim())]
}

fn technique(id: &str) -> Vec<Line> {
    let Some(technique) = knowledge::technique(id) else {
        return vec![Line::new().value(id), unknown()];
    };
    let tactics = technique.tactics.iter();
    let names: Vec<_> = tactics
        .filter_map(|id| Some(knowledge::tactic(id)?.name.as_str()))
        .collect();
    let meaning = Line::from(format!("(Of {}.) ", names.join(", ")));
    vec![technique.link(), meaning.text(technique.meaning.trim())]
}

fn unknown() -> Line {
    Line::from("No id that this version of the gateway knows.")
}
