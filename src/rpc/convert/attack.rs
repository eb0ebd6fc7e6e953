use crate::{
    alert::{ATTACK_VERSION, Attack, ComplianceControl, Tactic, Technique},
    pb,
};

impl From<&Attack> for pb::Attack {
    fn from(attack: &Attack) -> Self {
        Self {
            version: ATTACK_VERSION.to_owned(),
            tactics: attack
                .tactics
                .iter()
                .map(|tactic| pb::AttackTactic {
                    id: tactic.id.clone(),
                    name: tactic.name.clone(),
                })
                .collect(),
            techniques: attack
                .techniques
                .iter()
                .map(|technique| pb::AttackTechnique {
                    id: technique.id.clone(),
                })
                .collect(),
        }
    }
}

impl From<pb::Attack> for Attack {
    fn from(attack: pb::Attack) -> Self {
        Self {
            tactics: attack
                .tactics
                .into_iter()
                .map(|tactic| Tactic {
                    id: tactic.id,
                    name: tactic.name,
                })
                .collect(),
            techniques: attack
                .techniques
                .into_iter()
                .map(|technique| Technique { id: technique.id })
                .collect(),
        }
    }
}

impl From<&ComplianceControl> for pb::ComplianceControl {
    fn from(control: &ComplianceControl) -> Self {
        Self {
            standard: control.standard.clone(),
            control: control.control.clone(),
        }
    }
}

impl From<pb::ComplianceControl> for ComplianceControl {
    fn from(control: pb::ComplianceControl) -> Self {
        Self {
            standard: control.standard,
            control: control.control,
        }
    }
}
