use serde::Serialize;

/// The version of MITRE ATT&CK that tactic names are from. Falco's tags use the
/// tactics as they stood up to v18; v19 splits Defense Evasion in two.
pub const ATTACK_VERSION: &str = "18";

/// MITRE ATT&CK, as the alert's tags name it.
///
/// Tactics and techniques are two lists: tags do not say which belongs to which,
/// and some rules name tactics that contradict each other. All are kept.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Attack {
    /// In the order of their ids, none twice.
    pub tactics: Vec<Tactic>,
    /// In the order of their ids, none twice.
    pub techniques: Vec<Technique>,
}

impl Attack {
    /// Whether the tags named nothing of ATT&CK.
    pub fn is_empty(&self) -> bool {
        self.tactics.is_empty() && self.techniques.is_empty()
    }
}

/// A tactic: why the adversary does it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Tactic {
    /// `TA0003`.
    pub id: String,
    /// `Persistence`; empty where the id is not known to this version.
    pub name: String,
}

/// A technique or sub-technique: how the adversary does it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Technique {
    /// `T1059` or `T1059.004`.
    pub id: String,
}

/// A control of a compliance standard that a rule serves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct ComplianceControl {
    /// `PCI DSS`, `NIST 800-53`.
    pub standard: String,
    /// `11.5.1`, `AC-2`.
    pub control: String,
}
