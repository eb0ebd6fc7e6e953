//! What is known of rules, techniques, controls and workloads, from data files.

use std::sync::LazyLock;

use serde::{Deserialize, de::DeserializeOwned};

use super::{document::Line, workload::Workload};

/// A tactic of ATT&CK.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Tactic {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) meaning: String,
}

/// A technique or sub-technique of ATT&CK.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Technique {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) tactics: Vec<String>,
    pub(super) meaning: String,
    pub(super) verify: Vec<String>,
    pub(super) mitigate: Vec<String>,
}

/// A control of a standard.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Control {
    pub(super) standard: String,
    pub(super) control: String,
    pub(super) title: String,
    pub(super) meaning: String,
}

/// A rule that Falco or one of its plugins comes with.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Rule {
    pub(super) rule: String,
    pub(super) looks_for: String,
    pub(super) benign: Vec<String>,
    pub(super) verify: Vec<String>,
    pub(super) mitigate: Vec<String>,
    /// The fields that tell a known good case, the most telling first.
    pub(super) tune_by: Vec<String>,
    #[serde(default)]
    pub(super) see_also: Vec<String>,
}

/// What to do for a kind of workload.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Advice {
    pub(super) workload: Workload,
    pub(super) contain: Vec<String>,
    pub(super) harden: Vec<String>,
}

impl Tactic {
    /// Its id and name, with a link to its page.
    pub(super) fn link(&self) -> Line {
        let url = format!("https://attack.mitre.org/tactics/{}/", self.id);
        Line::new().link(format!("{} {}", self.id, self.name), url)
    }
}

impl Technique {
    /// Its id and name, with a link to its page.
    pub(super) fn link(&self) -> Line {
        let page = self.id.replace('.', "/");
        let url = format!("https://attack.mitre.org/techniques/{page}/");
        Line::new().link(format!("{} {}", self.id, self.name), url)
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Attack {
    version: String,
    tactics: Vec<Tactic>,
    techniques: Vec<Technique>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Controls {
    controls: Vec<Control>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Rules {
    rules: Vec<Rule>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Workloads {
    workloads: Vec<Advice>,
}

static ATTACK: LazyLock<Attack> = LazyLock::new(|| read(include_str!("knowledge/attack.yaml")));
static CONTROLS: LazyLock<Controls> =
    LazyLock::new(|| read(include_str!("knowledge/compliance.yaml")));
static RULES: LazyLock<Rules> = LazyLock::new(|| read(include_str!("knowledge/rules.yaml")));
static WORKLOADS: LazyLock<Workloads> =
    LazyLock::new(|| read(include_str!("knowledge/workloads.yaml")));

/// The files are part of the binary, and tests read them: nothing else can be in them.
fn read<T: DeserializeOwned + Default>(yaml: &str) -> T {
    serde_saphyr::from_str(yaml).unwrap_or_default()
}

/// The version of ATT&CK that is known.
pub(super) fn attack_version() -> &'static str {
    &ATTACK.version
}

pub(super) fn tactic(id: &str) -> Option<&'static Tactic> {
    ATTACK.tactics.iter().find(|tactic| tactic.id == id)
}

pub(super) fn technique(id: &str) -> Option<&'static Technique> {
    let mut all = ATTACK.techniques.iter();
    all.find(|technique| technique.id == id)
}

pub(super) fn control(standard: &str, control: &str) -> Option<&'static Control> {
    let mut all = CONTROLS.controls.iter();
    all.find(|it| it.standard == standard && it.control == control)
}

pub(super) fn rule(name: &str) -> Option<&'static Rule> {
    RULES.rules.iter().find(|rule| rule.rule == name)
}

pub(super) fn advice(workload: Workload) -> Option<&'static Advice> {
    let mut all = WORKLOADS.workloads.iter();
    all.find(|advice| advice.workload == workload)
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeSet, path::Path};

    use super::*;
    use crate::alert::ATTACK_VERSION;

    /// The rows of Falco's rules: ring, name and tags.
    fn default_rules() -> Vec<(String, String, Vec<String>)> {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/falco");
        let table = std::fs::read_to_string(folder.join("rules.tsv")).unwrap();
        let rows = table.lines().skip(1).map(|line| {
            let columns: Vec<_> = line.split('\t').collect();
            let tags = columns[4].split(',').map(str::to_owned).collect();
            (columns[0].to_owned(), columns[1].to_owned(), tags)
        });
        rows.collect()
    }

    /// What an id of ATT&CK in a tag stands for: it may have words behind it.
    fn technique_in(tag: &str) -> Option<&str> {
        let id = tag.split('-').next()?;
        let digits = id.strip_prefix('T')?;
        digits
            .starts_with(|it: char| it.is_ascii_digit())
            .then_some(id)
    }

    #[test]
    fn the_files_are_read_whole() {
        let _: Attack = serde_saphyr::from_str(include_str!("knowledge/attack.yaml")).unwrap();
        let _: Controls =
            serde_saphyr::from_str(include_str!("knowledge/compliance.yaml")).unwrap();
        let _: Rules = serde_saphyr::from_str(include_str!("knowledge/rules.yaml")).unwrap();
        let _: Workloads =
            serde_saphyr::from_str(include_str!("knowledge/workloads.yaml")).unwrap();
        assert_eq!(attack_version(), ATTACK_VERSION);
        assert_eq!(ATTACK.tactics.len(), 14);
        for workload in Workload::ALL {
            assert!(advice(workload).is_some(), "{workload:?}");
        }
    }

    #[test]
    fn every_technique_and_every_stable_rule_of_falcos_is_known() {
        for (ring, name, tags) in default_rules() {
            assert!(ring != "stable" || rule(&name).is_some(), "{name}");
            for id in tags.iter().filter_map(|tag| technique_in(tag)) {
                assert!(technique(id).is_some(), "{id} of {name}");
            }
        }
    }

    #[test]
    fn nothing_is_there_twice_or_refers_to_nothing() {
        let names: BTreeSet<_> = default_rules()
            .into_iter()
            .map(|(_, name, _)| name)
            .collect();
        let mut seen = BTreeSet::new();
        for rule in &RULES.rules {
            assert!(names.contains(&rule.rule), "{}", rule.rule);
            assert!(seen.insert(&rule.rule), "{}", rule.rule);
            for other in &rule.see_also {
                assert!(names.contains(other), "{other}");
            }
        }
        for technique in &ATTACK.techniques {
            assert!(seen.insert(&technique.id), "{}", technique.id);
            for id in &technique.tactics {
                assert!(tactic(id).is_some(), "{id}");
            }
        }
    }
}
