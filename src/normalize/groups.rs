//! The typed groups: projections of the fields, by Falco's names for them.
//!
//! A group is there if at least one of its fields has a value; null, `<NA>`,
//! absent, empty and Falco's numbers for "unset" are none. Over gRPC without
//! JSON all values are display strings, so numbers are read from those too.

mod audit;
mod cloud;
mod container;
mod fd;
mod lookup;
mod process;
mod syscall;
mod user;

use self::lookup::Lookup;
use crate::alert::{
    Alert, Cloud, Container, Fields, File, Group, Kubernetes, KubernetesAudit, Network, Process,
    Syscall, User,
};

/// All of an alert's groups.
#[derive(Debug)]
pub(super) struct Groups {
    pub(super) process: Option<Process>,
    pub(super) user: Option<User>,
    pub(super) group: Option<Group>,
    pub(super) container: Option<Container>,
    pub(super) kubernetes: Option<Kubernetes>,
    pub(super) file: Option<File>,
    pub(super) network: Option<Network>,
    pub(super) syscall: Option<Syscall>,
    pub(super) audit: Option<KubernetesAudit>,
    pub(super) cloud: Option<Cloud>,
}

impl Groups {
    pub(super) fn of(fields: &Fields) -> Self {
        let fields = Lookup::new(fields);
        Self {
            process: process::read(fields),
            user: user::read(fields),
            group: user::read_group(fields),
            container: container::read(fields),
            kubernetes: container::read_kubernetes(fields),
            file: fd::read_file(fields),
            network: fd::read_network(fields),
            syscall: syscall::read(fields),
            audit: audit::read(fields),
            cloud: cloud::read(fields),
        }
    }
}

/// Makes the typed groups of `alert` anew from the fields that it has now.
pub fn project(alert: &mut Alert) {
    let groups = Groups::of(&alert.output_fields);
    alert.process = groups.process;
    alert.user = groups.user;
    alert.group = groups.group;
    alert.container = groups.container;
    alert.kubernetes = groups.kubernetes;
    alert.file = groups.file;
    alert.network = groups.network;
    alert.syscall = groups.syscall;
    alert.audit = groups.audit;
    alert.cloud = groups.cloud;
}

/// The group, unless nothing in it has a value.
fn unless_empty<T: Default + PartialEq>(group: T) -> Option<T> {
    (group != T::default()).then_some(group)
}

/// The argument of a key with one: `n` in `proc.aname[n]`. It may hold brackets.
fn argument<'a>(key: &'a str, base: &str) -> Option<&'a str> {
    key.strip_prefix(base)?.strip_prefix('[')?.strip_suffix(']')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::FieldValue;

    /// Groups of fields given as JSON.
    pub(super) fn groups(json: &str) -> Groups {
        let fields = crate::normalize::fields::read(Some(json), &mut Default::default());
        Groups::of(&fields)
    }

    #[test]
    fn without_values_there_are_no_groups() {
        let groups = groups(
            r#"{"proc.name": null, "user.uid": 4294967295, "user.name": "<NA>",
                "user.loginuid": -1, "container.id": "", "k8s.ns.name": null,
                "fd.name": "", "fd.type": "<NA>", "evt.type": null, "x.y": 1}"#,
        );
        assert!(
            groups.process.is_none() && groups.user.is_none() && groups.group.is_none(),
            "{groups:?}"
        );
        assert!(
            groups.container.is_none() && groups.kubernetes.is_none() && groups.file.is_none(),
            "{groups:?}"
        );
        assert!(
            groups.network.is_none() && groups.syscall.is_none() && groups.cloud.is_none(),
            "{groups:?}"
        );
    }

    #[test]
    fn arguments_end_at_the_last_bracket() {
        assert_eq!(
            argument("k8s.pod.label[a[0]]", "k8s.pod.label"),
            Some("a[0]")
        );
        assert_eq!(argument("k8s.pod.labels", "k8s.pod.label"), None);
        assert_eq!(argument("proc.aname", "proc.aname"), None);
    }

    #[test]
    fn display_strings_are_read_like_the_values_they_show() {
        let typed = groups(r#"{"proc.tty": 0, "proc.pid": 7, "proc.is_exe_writable": true}"#);
        let shown = groups(r#"{"proc.tty": "0", "proc.pid": "7", "proc.is_exe_writable": "true"}"#);
        assert_eq!(typed.process, shown.process);
        assert_eq!(FieldValue::from("0").as_str(), Some("0"));
    }
}
