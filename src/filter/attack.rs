//! The names of MITRE ATT&CK, as people write them.

/// The tactics' ids and names as Falco's tags have them (ATT&CK up to v18).
pub(super) const TACTICS: [(&str, &str); 14] = [
    ("TA0043", "reconnaissance"),
    ("TA0042", "resource_development"),
    ("TA0001", "initial_access"),
    ("TA0002", "execution"),
    ("TA0003", "persistence"),
    ("TA0004", "privilege_escalation"),
    ("TA0005", "defense_evasion"),
    ("TA0006", "credential_access"),
    ("TA0007", "discovery"),
    ("TA0008", "lateral_movement"),
    ("TA0009", "collection"),
    ("TA0011", "command_and_control"),
    ("TA0010", "exfiltration"),
    ("TA0040", "impact"),
];

/// The normal spelling of a tactic: `TA0003`, or `credential_access` for
/// `Credential Access` and `mitre_credential_access`.
pub(super) fn normal_tactic(text: &str) -> Option<String> {
    if is_id(text, "TA", 4) {
        return Some(text.to_ascii_uppercase());
    }
    let name = text.to_ascii_lowercase().replace([' ', '-'], "_");
    let name = name.strip_prefix("mitre_").unwrap_or(&name);
    TACTICS
        .into_iter()
        .find(|(_, known)| *known == name)
        .map(|(_, known)| known.to_owned())
}

/// The id of a tactic in its normal spelling.
pub(super) fn tactic_id(normal: &str) -> &str {
    TACTICS
        .into_iter()
        .find(|(_, name)| *name == normal)
        .map_or(normal, |(id, _)| id)
}

/// The name of the tactic with this id in its normal spelling, if it is known.
pub(super) fn tactic_name(id: &str) -> Option<&'static str> {
    TACTICS
        .into_iter()
        .find(|(known, _)| *known == id)
        .map(|(_, name)| name)
}

/// The normal spelling of a technique: `T1059` or `T1059.004`.
pub(super) fn normal_technique(text: &str) -> Option<String> {
    let (technique, sub) = match text.split_once('.') {
        Some((technique, sub)) => (technique, Some(sub)),
        None => (text, None),
    };
    let well_formed = is_id(technique, "T", 4) && sub.is_none_or(|sub| is_id(sub, "", 3));
    well_formed.then(|| text.to_ascii_uppercase())
}

fn is_id(text: &str, prefix: &str, digits: usize) -> bool {
    text.split_at_checked(prefix.len())
        .is_some_and(|(start, number)| {
            start.eq_ignore_ascii_case(prefix)
                && number.len() == digits
                && number.bytes().all(|byte| byte.is_ascii_digit())
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spellings_of_a_tactic_are_one() {
        for text in [
            "credential_access",
            "Credential Access",
            "mitre_credential_access",
            "CREDENTIAL-ACCESS",
        ] {
            assert_eq!(
                normal_tactic(text).as_deref(),
                Some("credential_access"),
                "{text}"
            );
        }
        assert_eq!(tactic_id("credential_access"), "TA0006");
        assert_eq!(normal_tactic("ta9999").as_deref(), Some("TA9999"));
        assert_eq!(tactic_id("TA9999"), "TA9999");
        assert_eq!(tactic_name("TA0006"), Some("credential_access"));
        assert_eq!(tactic_name("TA9999"), None);
        assert_eq!(normal_tactic("persistance"), None);
    }

    #[test]
    fn techniques_are_ids() {
        assert_eq!(normal_technique("t1059.004").as_deref(), Some("T1059.004"));
        for text in ["T105", "T1059.4", "T1059.", "1059", "T1059.004.1", "Té59"] {
            assert_eq!(normal_technique(text), None, "{text}");
        }
    }
}
