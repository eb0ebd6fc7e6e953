//! Where else an alert may have a field: the typed groups, for alerts whose
//! output fields do not carry the key itself. `k8s.ns.name`, say, is also known
//! where Falco gave only `k8smeta.ns.name`.

use super::{field::split_argument, scalar::Scalar, values::Values};
use crate::alert::{Alert, Ancestor, Container, Endpoint, Network};

type Read = for<'a> fn(&'a Alert) -> Option<Scalar<'a>>;
type ReadAncestor = for<'a> fn(&'a Ancestor) -> Option<Scalar<'a>>;

/// A way to a field's value in the typed groups.
#[derive(Debug, Clone)]
pub(super) enum Projection {
    Group(Read),
    /// The ancestor of one level, the parent being 1.
    Ancestor(u32, ReadAncestor),
    /// All ancestors: what `proc.aname` means without brackets.
    Ancestors(ReadAncestor),
    SyscallArgument(String),
    PodLabel(String),
}

impl Projection {
    pub(super) fn of(key: &str) -> Option<Self> {
        if let Some(name) = key.strip_prefix("evt.arg.") {
            return Some(Self::SyscallArgument(name.to_owned()));
        }
        if let Some((name, argument)) = split_argument(key) {
            if matches!(name, "k8s.pod.label" | "k8smeta.pod.label") {
                return Some(Self::PodLabel(argument.to_owned()));
            }
            let level = argument.parse().ok()?;
            return ancestor(name).map(|read| Self::Ancestor(level, read));
        }
        ancestor(key)
            .map(Self::Ancestors)
            .or_else(|| parent(key).map(|read| Self::Ancestor(1, read)))
            .or_else(|| group(key).map(Self::Group))
    }

    pub(super) fn read<'a>(&self, alert: &'a Alert) -> Values<'a> {
        let ancestors = || alert.process.iter().flat_map(|process| &process.ancestors);
        match self {
            Self::Group(read) => read(alert).into(),
            Self::Ancestor(level, read) => ancestors()
                .find(|ancestor| ancestor.level == *level)
                .and_then(read)
                .into(),
            Self::Ancestors(read) => ancestors().filter_map(read).collect(),
            Self::SyscallArgument(name) => alert
                .syscall
                .as_ref()
                .and_then(|syscall| syscall.arguments.get(name))
                .and_then(|value| Scalar::of_group(value))
                .into(),
            Self::PodLabel(key) => alert
                .kubernetes
                .as_ref()
                .and_then(|pod| pod.pod_labels.get(key))
                .and_then(|value| Scalar::of_group(value))
                .into(),
        }
    }
}

fn ancestor(name: &str) -> Option<ReadAncestor> {
    Some(match name {
        "proc.aname" => |ancestor| text(&ancestor.name),
        "proc.aexe" => |ancestor| text(&ancestor.exe),
        "proc.aexepath" => |ancestor| text(&ancestor.exe_path),
        "proc.acmdline" => |ancestor| text(&ancestor.command_line),
        "proc.apid" => |ancestor| number(ancestor.pid),
        _ => return None,
    })
}

fn parent(name: &str) -> Option<ReadAncestor> {
    ancestor(match name {
        "proc.pname" => "proc.aname",
        "proc.pexe" => "proc.aexe",
        "proc.pexepath" => "proc.aexepath",
        "proc.pcmdline" => "proc.acmdline",
        "proc.ppid" => "proc.apid",
        _ => return None,
    })
}

fn group(name: &str) -> Option<Read> {
    process_and_user(name)
        .or_else(|| container_and_pod(name))
        .or_else(|| file_and_syscall(name))
        .or_else(|| network(name))
}

fn process_and_user(name: &str) -> Option<Read> {
    Some(match name {
        "proc.name" => |alert| text(&alert.process.as_ref()?.name),
        "proc.exe" => |alert| text(&alert.process.as_ref()?.exe),
        "proc.exepath" => |alert| text(&alert.process.as_ref()?.exe_path),
        "proc.cmdline" => |alert| text(&alert.process.as_ref()?.command_line),
        "proc.pid" => |alert| number(alert.process.as_ref()?.pid),
        "proc.vpid" => |alert| number(alert.process.as_ref()?.vpid),
        "proc.cwd" => |alert| text(&alert.process.as_ref()?.working_directory),
        "proc.tty" => |alert| number(alert.process.as_ref()?.tty),
        "proc.sname" => |alert| text(&alert.process.as_ref()?.session_name),
        "proc.is_exe_upper_layer" => |alert| truth(alert.process.as_ref()?.exe_upper_layer),
        "proc.is_exe_writable" => |alert| truth(alert.process.as_ref()?.exe_writable),
        "proc.is_exe_from_memfd" => |alert| truth(alert.process.as_ref()?.exe_from_memfd),
        "thread.tid" => |alert| number(alert.process.as_ref()?.thread_id),
        "user.name" => |alert| text(&alert.user.as_ref()?.name),
        "user.uid" => |alert| number(alert.user.as_ref()?.uid),
        "user.loginname" => |alert| text(&alert.user.as_ref()?.login_name),
        "user.loginuid" => |alert| number(alert.user.as_ref()?.login_uid),
        "group.name" => |alert| text(&alert.group.as_ref()?.name),
        "group.gid" => |alert| number(alert.group.as_ref()?.gid),
        _ => return None,
    })
}

fn container_and_pod(name: &str) -> Option<Read> {
    Some(match name {
        "container.id" => |alert| host_or(alert.container.as_ref()?, |container| &container.id),
        "container.name" => |alert| host_or(alert.container.as_ref()?, |container| &container.name),
        "container.full_id" => |alert| text(&alert.container.as_ref()?.full_id),
        "container.type" => |alert| text(&alert.container.as_ref()?.kind),
        "container.image.repository" => |alert| text(&alert.container.as_ref()?.image_repository),
        "container.image.tag" => |alert| text(&alert.container.as_ref()?.image_tag),
        "container.image.digest" => |alert| text(&alert.container.as_ref()?.image_digest),
        "container.privileged" => |alert| truth(alert.container.as_ref()?.privileged),
        "k8s.ns.name" | "k8smeta.ns.name" => |alert| text(&alert.kubernetes.as_ref()?.namespace),
        "k8s.pod.name" | "k8smeta.pod.name" => |alert| text(&alert.kubernetes.as_ref()?.pod_name),
        "k8s.pod.uid" | "k8smeta.pod.uid" => |alert| text(&alert.kubernetes.as_ref()?.pod_uid),
        "k8s.deployment.name" | "k8smeta.deployment.name" => {
            |alert| text(&alert.kubernetes.as_ref()?.deployment)
        }
        "k8smeta.node.name" => |alert| text(&alert.kubernetes.as_ref()?.node),
        _ => return None,
    })
}

fn file_and_syscall(name: &str) -> Option<Read> {
    Some(match name {
        "fd.name" => |alert| {
            let file = alert.file.as_ref().and_then(|file| text(&file.path));
            file.or_else(|| text(&alert.network.as_ref()?.connection))
        },
        "fd.directory" => |alert| text(&alert.file.as_ref()?.directory),
        "fd.filename" => |alert| text(&alert.file.as_ref()?.name),
        "fd.ino" => |alert| number(alert.file.as_ref()?.inode),
        "fs.path.name" => |alert| text(&alert.file.as_ref()?.path),
        "fs.path.target" => |alert| text(&alert.file.as_ref()?.target_path),
        "fd.type" => |alert| {
            let file = alert.file.as_ref().and_then(|file| text(&file.kind));
            file.or_else(|| text(&alert.network.as_ref()?.family))
        },
        "evt.type" => |alert| text(&alert.syscall.as_ref()?.kind),
        "evt.res" => |alert| text(&alert.syscall.as_ref()?.result),
        _ => return None,
    })
}

fn network(name: &str) -> Option<Read> {
    Some(match name {
        "fd.l4proto" => |alert| text(&alert.network.as_ref()?.transport),
        "fd.lip" => |alert| ip(alert, |network| network.local.as_ref()),
        "fd.rip" => |alert| ip(alert, |network| network.remote.as_ref()),
        "fd.cip" => |alert| ip(alert, |network| network.client.as_ref()),
        "fd.sip" => |alert| ip(alert, |network| network.server.as_ref()),
        "fd.lport" => |alert| port(alert, |network| network.local.as_ref()),
        "fd.rport" => |alert| port(alert, |network| network.remote.as_ref()),
        "fd.cport" => |alert| port(alert, |network| network.client.as_ref()),
        "fd.sport" => |alert| port(alert, |network| network.server.as_ref()),
        "fd.sip.name" => |alert| text(&alert.network.as_ref()?.server.as_ref()?.name),
        _ => return None,
    })
}

fn text(text: &str) -> Option<Scalar<'_>> {
    Scalar::of_group(text)
}

fn number(number: Option<i64>) -> Option<Scalar<'static>> {
    number.map(|number| Scalar::Integer(i128::from(number)))
}

fn truth(truth: Option<bool>) -> Option<Scalar<'static>> {
    truth.map(Scalar::Bool)
}

/// Falco gives a container that is none the id and the name `host`.
fn host_or(container: &Container, part: fn(&Container) -> &String) -> Option<Scalar<'_>> {
    text(if container.host {
        "host"
    } else {
        part(container)
    })
}

fn ip<'a>(alert: &'a Alert, end: fn(&'a Network) -> Option<&'a Endpoint>) -> Option<Scalar<'a>> {
    text(&end(alert.network.as_ref()?)?.ip)
}

fn port<'a>(alert: &'a Alert, end: fn(&'a Network) -> Option<&'a Endpoint>) -> Option<Scalar<'a>> {
    let port = end(alert.network.as_ref()?)?.port?;
    Some(Scalar::Integer(i128::from(port)))
}
