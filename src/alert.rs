//! The domain's alert: what a Falco said, typed.
//!
//! Everything downstream of [`crate::normalize`] speaks this type: the filter
//! reads it, the log keeps it, the bridges write it out in other schemas. It
//! knows no wire: no protobuf, no JSON, no I/O.
//!
//! Typed groups ([`Process`], [`Container`], …) are projections of
//! [`Alert::output_fields`], which keeps every field of the document under its
//! own key. An empty string in a group means that the document had no value.

mod attack;
mod cloud;
mod container;
mod fields;
mod file;
mod id;
mod network;
mod origin;
mod parts;
mod priority;
mod process;
mod remark;
#[cfg(test)]
pub(crate) mod testing;
mod trace_parent;
mod view;

use bytes::Bytes;
use jiff::Timestamp;

pub use self::{
    attack::{ATTACK_VERSION, Attack, ComplianceControl, Tactic, Technique},
    cloud::{Cloud, KubernetesAudit},
    container::{Container, Kubernetes},
    fields::{FieldValue, Fields},
    file::{File, Syscall},
    id::{AlertId, MalformedAlertId},
    network::{Endpoint, Network},
    origin::{Origin, Transport},
    parts::{Part, Parts},
    priority::{Priority, UnknownPriority},
    process::{Ancestor, Group, Process, User},
    remark::{Remark, RemarkKind},
    trace_parent::{MalformedTraceParent, TraceParent},
    view::View,
};

/// One alert, as [`crate::normalize`] read it.
#[derive(Debug, Clone, PartialEq)]
pub struct Alert {
    /// Equal for the same alert however and however often it came.
    pub id: AlertId,
    /// When it happened, by Falco's `time`; the receive time where the document
    /// had none (then a [`RemarkKind::TimeAssumed`] says so).
    pub event_time: Timestamp,
    /// When the gateway got it.
    pub receive_time: Timestamp,
    /// How bad the rule says it is.
    pub priority: Priority,
    /// The rule's name; empty only for text lines, which do not carry it.
    pub rule: String,
    /// Falco's event source (`syscall`, `k8s_audit`, `internal`, a plugin's
    /// name); empty where the document had none and none could be inferred.
    pub source: String,
    /// The host as Falco names it; empty where the document had none.
    pub hostname: String,
    /// Sorted, without repeats and without empty ones.
    pub tags: Vec<String>,
    /// The line for people, with its host-local clock.
    pub output: String,
    /// `output` without clock and priority, where Falco (0.39 or later) sent it,
    /// and of text, which begins with them.
    pub message: String,
    /// An alert of a rule, or Falco speaking about itself.
    pub kind: Kind,
    /// The process that acted.
    pub process: Option<Process>,
    /// The user it acted as.
    pub user: Option<User>,
    /// The group it acted as.
    pub group: Option<Group>,
    /// The container it acted in, or the host.
    pub container: Option<Container>,
    /// The pod it acted in.
    pub kubernetes: Option<Kubernetes>,
    /// The file that was touched.
    pub file: Option<File>,
    /// The connection that was used.
    pub network: Option<Network>,
    /// The system call.
    pub syscall: Option<Syscall>,
    /// The Kubernetes API call, from the k8s audit plugins.
    pub audit: Option<KubernetesAudit>,
    /// The cloud or software-as-a-service call.
    pub cloud: Option<Cloud>,
    /// MITRE ATT&CK, from the tags.
    pub attack: Attack,
    /// PCI DSS and NIST controls, from the tags.
    pub compliance: Vec<ComplianceControl>,
    /// From the tag `maturity_*`; empty without one.
    pub maturity: String,
    /// Every field of the document.
    pub output_fields: Fields,
    /// Keys of the envelope that are not Falco's own.
    pub extra: Fields,
    /// Where the gateway got it from.
    pub origin: Origin,
    /// What had to be mended or assumed to read it.
    pub remarks: Vec<Remark>,
    /// Where its trace goes on, if it is followed.
    pub trace: Option<TraceParent>,
    /// The document as it came.
    pub raw: Bytes,
}

/// What a document is: Falco reports on itself through the same outputs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Kind {
    /// A rule matched.
    #[default]
    Alert,
    /// Falco says that it lost system calls.
    Drop,
    /// Falco's periodic metrics snapshot.
    Metrics,
    /// Any other notice of Falco about itself.
    OtherInternal,
}

impl Kind {
    /// All kinds, in their order.
    pub const ALL: [Self; 4] = [Self::Alert, Self::Drop, Self::Metrics, Self::OtherInternal];

    /// The kind's name in filters and on screen.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Alert => "alert",
            Self::Drop => "drop",
            Self::Metrics => "metrics",
            Self::OtherInternal => "other_internal",
        }
    }
}
