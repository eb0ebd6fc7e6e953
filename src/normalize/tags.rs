//! Tags: the list itself, and what Falco's conventions say with it.

use super::{
    json,
    notes::{MAX_NAME_BYTES, Notes},
    value,
};
use crate::alert::{Attack, ComplianceControl, RemarkKind, Tactic, Technique};

/// The list, sorted, without repeats and without empty ones.
pub(super) fn read(raw: Option<&str>, notes: &mut Notes) -> Vec<String> {
    let mut tags = Vec::new();
    match raw {
        None | Some("null") => {}
        Some(raw) if raw.starts_with('[') => {
            for element in json::elements(raw).into_iter().flatten() {
                if element.starts_with('"') {
                    tags.push(value::string(element, "tags", notes));
                } else {
                    notes.remark(RemarkKind::UnusualShape, "tags", "not all are strings");
                    tags.push(element.into());
                }
            }
        }
        Some(raw) => {
            notes.remark(
                RemarkKind::UnusualShape,
                "tags",
                "not a list: read as separated by commas",
            );
            let joined = value::string(raw, "tags", notes);
            tags.extend(joined.split(',').map(|tag| tag.trim().to_owned().into()));
        }
    }
    tidy(tags, notes)
}

/// Sorts tags and leaves out the empty, the repeated and those beyond the room.
pub(super) fn tidy<'a>(
    tags: impl IntoIterator<Item = std::borrow::Cow<'a, str>>,
    notes: &mut Notes,
) -> Vec<String> {
    let mut kept = Vec::new();
    for tag in tags {
        if tag.trim().is_empty() {
            continue;
        }
        if !notes.reserve(tag.len().min(MAX_NAME_BYTES)) {
            notes.remark(RemarkKind::Truncated, "tags", "more than there is room for");
            break;
        }
        kept.push(notes.cut(tag, MAX_NAME_BYTES, "tags"));
    }
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// What tags say by convention.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Labels {
    pub(super) attack: Attack,
    pub(super) compliance: Vec<ComplianceControl>,
    pub(super) maturity: String,
}

impl Labels {
    pub(super) fn of(tags: &[String]) -> Self {
        let mut labels = Self::default();
        for tag in tags {
            labels.read(tag);
        }
        let Attack {
            tactics,
            techniques,
        } = &mut labels.attack;
        tactics.sort_unstable();
        tactics.dedup();
        techniques.sort_unstable();
        techniques.dedup();
        labels.compliance.sort_unstable();
        labels.compliance.dedup();
        labels
    }

    fn read(&mut self, tag: &str) {
        if let Some(name) = tag.strip_prefix("mitre_") {
            self.mitre(name);
        } else if let Some(id) = tactic_id(tag) {
            self.tactic(id);
        } else if let Some(id) = technique_id(tag) {
            self.technique(id);
        } else if let Some(control) = compliance(tag) {
            self.compliance.push(control);
        } else if let Some(maturity) = tag.strip_prefix("maturity_")
            && self.maturity.is_empty()
        {
            maturity.clone_into(&mut self.maturity);
        }
    }

    fn mitre(&mut self, name: &str) {
        let tactic = TACTICS.iter().find(|(tag, ..)| *tag == name);
        if let Some((_, id, _)) = tactic {
            self.tactic(id);
        } else if let Some((_, id)) = MITRE_TECHNIQUES.iter().find(|(tag, _)| *tag == name) {
            self.technique(id);
        }
    }

    fn tactic(&mut self, id: &str) {
        let known = TACTICS.iter().find(|(_, known, _)| *known == id);
        self.attack.tactics.push(Tactic {
            id: id.to_owned(),
            name: known.map_or("", |(.., name)| name).to_owned(),
        });
    }

    fn technique(&mut self, id: &str) {
        self.attack.techniques.push(Technique { id: id.to_owned() });
    }
}

/// `TA0003`, also with a name behind it: `TA0005-defense-evasion`.
fn tactic_id(tag: &str) -> Option<&str> {
    let (id, behind) = tag.split_at_checked(6)?;
    let digits = id.strip_prefix("TA")?;
    (is_number(digits) && is_suffix(behind)).then_some(id)
}

/// `T1059`, `T1059.004`, also with a name behind it.
fn technique_id(tag: &str) -> Option<&str> {
    let id = tag.split('-').next()?;
    let number = id.strip_prefix('T')?;
    let (technique, sub) = match number.split_once('.') {
        Some((technique, sub)) => (technique, Some(sub)),
        None => (number, None),
    };
    let well_formed = technique.len() == 4
        && is_number(technique)
        && sub.is_none_or(|sub| sub.len() == 3 && is_number(sub));
    well_formed.then_some(id)
}

/// `PCI_DSS_11.5.1`, `NIST_800-53_AC-2`.
fn compliance(tag: &str) -> Option<ComplianceControl> {
    if let Some(control) = tag.strip_prefix("PCI_DSS_") {
        let well_formed = control.split('.').all(is_number);
        return well_formed.then(|| ComplianceControl {
            standard: "PCI DSS".to_owned(),
            control: control.to_owned(),
        });
    }
    let (publication, control) = tag.strip_prefix("NIST_")?.split_once('_')?;
    let (series, part) = publication.split_once('-')?;
    let (family, number) = control.split_once('-')?;
    let well_formed = is_number(series)
        && is_number(part)
        && family.len() == 2
        && family.bytes().all(|byte| byte.is_ascii_uppercase())
        && is_number(number);
    well_formed.then(|| ComplianceControl {
        standard: format!("NIST {publication}"),
        control: control.to_owned(),
    })
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_suffix(behind: &str) -> bool {
    behind.is_empty() || behind.starts_with('-')
}

/// The tags `mitre_*` of Falco's rules, the tactics they name (ATT&CK up to
/// v18), and a spelling that Falco 0.21 shipped.
const TACTICS: [(&str, &str, &str); 15] = [
    ("reconnaissance", "TA0043", "Reconnaissance"),
    ("resource_development", "TA0042", "Resource Development"),
    ("initial_access", "TA0001", "Initial Access"),
    ("execution", "TA0002", "Execution"),
    ("persistence", "TA0003", "Persistence"),
    ("privilege_escalation", "TA0004", "Privilege Escalation"),
    ("defense_evasion", "TA0005", "Defense Evasion"),
    ("defense_evation", "TA0005", "Defense Evasion"),
    ("credential_access", "TA0006", "Credential Access"),
    ("discovery", "TA0007", "Discovery"),
    ("lateral_movement", "TA0008", "Lateral Movement"),
    ("collection", "TA0009", "Collection"),
    ("exfiltration", "TA0010", "Exfiltration"),
    ("command_and_control", "TA0011", "Command and Control"),
    ("impact", "TA0040", "Impact"),
];

/// Tags `mitre_*` that old and plugin rules use for techniques.
const MITRE_TECHNIQUES: [(&str, &str); 4] = [
    ("remote_access_tools", "T1219"),
    ("remote_service", "T1021"),
    ("port_knocking", "T1205.001"),
    ("data_destruction", "T1485"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(tags: &[&str]) -> Labels {
        let tags: Vec<_> = tags.iter().map(|tag| (*tag).to_owned()).collect();
        Labels::of(&tags)
    }

    #[test]
    fn attack_is_read_from_ids_and_names() {
        let labels = labels(&[
            "T1059.004",
            "T1562-impair-defenses",
            "TA0005-defense-evasion",
            "TA0011",
            "TA9999",
            "maturity_stable",
            "mitre_defense_evation",
            "mitre_exfiltration",
            "mitre_port_knocking",
            "mitre_unheard_of",
        ]);
        let tactics: Vec<_> = labels
            .attack
            .tactics
            .iter()
            .map(|tactic| (tactic.id.as_str(), tactic.name.as_str()))
            .collect();
        assert_eq!(
            tactics,
            [
                ("TA0005", "Defense Evasion"),
                ("TA0010", "Exfiltration"),
                ("TA0011", "Command and Control"),
                ("TA9999", ""),
            ]
        );
        let techniques: Vec<_> = labels.attack.techniques.iter().map(|t| &t.id).collect();
        assert_eq!(techniques, ["T1059.004", "T1205.001", "T1562"]);
        assert_eq!(labels.maturity, "stable");
    }

    #[test]
    fn compliance_is_read_by_standard() {
        let controls: Vec<_> = labels(&["PCI_DSS_11.5.1", "NIST_800-53_AC-2"])
            .compliance
            .into_iter()
            .map(|control| (control.standard, control.control))
            .collect();
        assert_eq!(
            controls,
            [
                ("NIST 800-53".to_owned(), "AC-2".to_owned()),
                ("PCI DSS".to_owned(), "11.5.1".to_owned()),
            ]
        );
    }

    #[test]
    fn what_only_looks_alike_means_nothing() {
        let tags = [
            "T10",
            "T10599",
            "T1059.4",
            "TA00055",
            "Terraform",
            "PCI_DSS_",
            "PCI_DSS_1..2",
            "NIST_800-53",
            "NIST_x-53_AC-2",
            "NIST_800-53_ac-2",
            "mitre_",
            "TÄ000",
        ];
        assert_eq!(labels(&tags), Labels::default());
    }

    #[test]
    fn lists_are_tidied_and_joined_ones_taken_apart() {
        let mut notes = Notes::default();
        let tags = read(Some(r#"["b", "", "a", "b", "Pub/Sub"]"#), &mut notes);
        assert_eq!(tags, ["Pub/Sub", "a", "b"]);
        assert_eq!(notes.into_remarks(), []);

        let mut notes = Notes::default();
        let tags = read(Some(r#""drift, iac,,terraform""#), &mut notes);
        assert_eq!(tags, ["drift", "iac", "terraform"]);
        assert_eq!(notes.into_remarks().len(), 1);
    }
}
