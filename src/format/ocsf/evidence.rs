//! What triggered the finding: one evidence, of all that the alert names.

use serde_json::{Value, json};

use super::{finding::pod_uuid, integer, milliseconds};
use crate::{
    alert::{Alert, Ancestor, Container, Endpoint, File, Network, Process, User},
    format::{
        object::Object,
        reading::{container_id, ends, file_name, image, ip, source_ip},
    },
};

/// Nothing, unless there is one of those that an evidence must have.
pub(super) fn evidences(alert: &Alert) -> Vec<Object> {
    let (source, destination) = endpoints(alert);
    let connection = alert.network.as_ref().and_then(connection_info);
    let evidence = Object::new()
        .set(
            "process",
            alert.process.as_ref().map(|it| process(alert, it)),
        )
        .set("actor", actor(alert))
        .set("file", alert.file.as_ref().and_then(file))
        .set("src_endpoint", source)
        .set("dst_endpoint", destination)
        .set("connection_info", connection)
        .set("api", kubernetes_api(alert).or_else(|| cloud_api(alert)))
        .set("data", data(alert))
        .filled();
    let request = http_request(alert);
    let container = container(alert);
    let rest = |it: Object| it.set("container", container).set("http_request", request);
    evidence.map(rest).into_iter().collect()
}

/// A process must have a pid or a uid, and most rules print no pid. The alert's id
/// then stands for "the process in this alert": it never makes one of two.
fn process(alert: &Alert, process: &Process) -> Object {
    let pid = integer(process.pid);
    let uid = pid.is_none().then(|| alert.id.to_string());
    let user = alert.user.as_ref().and_then(user);
    Object::new()
        .set("name", process.name.as_str())
        .set("path", process.exe_path.as_str())
        .set("cmd_line", process.command_line.as_str())
        .set("pid", pid)
        .set("uid", uid)
        .set("ptid", process.thread_id)
        .set("namespace_pid", namespace_pid(alert))
        .set("working_directory", process.working_directory.as_str())
        .set("created_time", process.start_time.map(milliseconds))
        .set("file", executable(process))
        .set("user", user)
        .set("parent_process", parent(process))
        .set("ancestry", ancestry(process))
        .set("xattributes", flags(process))
}

/// The pid in the container, from OCSF's container profile.
pub(super) fn namespace_pid(alert: &Alert) -> Option<i32> {
    integer(alert.process.as_ref()?.vpid)
}

fn executable(process: &Process) -> Option<Object> {
    let path = Object::new()
        .set("path", process.exe_path.as_str())
        .filled()?;
    Some(
        path.set("name", file_name(&process.exe_path))
            .set("type_id", 8)
            .set("type", "Executable File"),
    )
}

/// The parent, if it has what a process must have.
fn parent(process: &Process) -> Option<Object> {
    let parent = process.ancestors.iter().find(|it| it.level == 1)?;
    integer(parent.pid).map(|_| ancestor(parent))
}

fn ancestry(process: &Process) -> Vec<Object> {
    let ancestors = process.ancestors.iter().map(ancestor);
    ancestors.filter_map(Object::filled).collect()
}

fn ancestor(ancestor: &Ancestor) -> Object {
    Object::new()
        .set("name", ancestor.name.as_str())
        .set("path", ancestor.exe_path.as_str())
        .set("cmd_line", ancestor.command_line.as_str())
        .set("pid", integer(ancestor.pid))
}

fn flags(process: &Process) -> Object {
    Object::new()
        .set("exe_upper_layer", process.exe_upper_layer)
        .set("exe_writable", process.exe_writable)
        .set("exe_from_memfd", process.exe_from_memfd)
}

/// Whoever acted, on the host, in Kubernetes or in a cloud.
fn actor(alert: &Alert) -> Option<Object> {
    let audit = alert.audit.as_ref().map(|it| it.user.as_str());
    let cloud = alert.cloud.as_ref().map(|it| it.user.as_str());
    let named = |name: &str| Object::new().set("name", name).filled();
    let user = alert
        .user
        .as_ref()
        .and_then(user)
        .or_else(|| audit.and_then(named))
        .or_else(|| cloud.and_then(named))?;
    Some(Object::new().set("user", user))
}

fn user(user: &User) -> Option<Object> {
    Object::new()
        .set("name", user.name.as_str())
        .set("uid", user.uid.map(|uid| uid.to_string()))
        .filled()
}

fn file(file: &File) -> Option<Object> {
    let path = Object::new().set("path", file.path.as_str()).filled()?;
    let name = if file.name.is_empty() {
        file_name(&file.path)
    } else {
        &file.name
    };
    let (type_id, kind) = match file.kind.as_str() {
        "file" => (1, "Regular File"),
        "directory" => (2, "Folder"),
        "pipe" => (6, "Named Pipe"),
        "" => (0, "Unknown"),
        other => (99, other),
    };
    Some(
        path.set("name", name)
            .set("type_id", type_id)
            .set("type", kind)
            .set("parent_folder", file.directory.as_str())
            .set("uid", file.inode.map(|inode| inode.to_string())),
    )
}

/// Where it came from and where it went.
fn endpoints(alert: &Alert) -> (Option<Object>, Option<Object>) {
    if let Some(network) = &alert.network {
        let (source, destination) = ends(network);
        return (source.and_then(endpoint), destination.and_then(endpoint));
    }
    let text = source_ip(alert);
    let source = Object::new().set("ip", ip(text).map(|_| text));
    (source.filled(), None)
}

/// An endpoint must have a name or an address; a port alone does not say which.
fn endpoint(end: &Endpoint) -> Option<Object> {
    let named = Object::new()
        .set("ip", ip(&end.ip).map(|_| end.ip.as_str()))
        .set("hostname", end.name.as_str())
        .filled()?;
    Some(named.set("port", end.port))
}

/// Nothing, unless more is known than that it had some direction.
fn connection_info(network: &Network) -> Option<Object> {
    let (number, version) = (
        match network.transport.as_str() {
            "icmp" => Some(1),
            "tcp" => Some(6),
            "udp" => Some(17),
            _ => None,
        },
        match network.family.as_str() {
            "ipv4" => Some(4),
            "ipv6" => Some(6),
            _ => None,
        },
    );
    let known = Object::new()
        .set("protocol_name", network.transport.as_str())
        .set("protocol_num", number)
        .set("protocol_ver_id", version)
        .filled()?;
    Some(known.set("direction_id", 0).set("direction", "Unknown"))
}

fn kubernetes_api(alert: &Alert) -> Option<Object> {
    let audit = alert.audit.as_ref()?;
    let operation = Object::new()
        .set("operation", audit.verb.as_str())
        .filled()?;
    let response = Object::new()
        .set("code", integer(audit.response_code))
        .set("message", audit.response_reason.as_str());
    let service = Object::new().set("name", "kube-apiserver");
    Some(operation.set("response", response).set("service", service))
}

pub(super) fn cloud_api(alert: &Alert) -> Option<Object> {
    let cloud = alert.cloud.as_ref()?;
    let operation = Object::new()
        .set("operation", cloud.operation.as_str())
        .filled()?;
    let response = Object::new().set("error", cloud.error.as_str());
    let service = Object::new().set("name", cloud.service.as_str());
    Some(operation.set("response", response).set("service", service))
}

fn http_request(alert: &Alert) -> Option<Object> {
    let audit = alert.audit.as_ref();
    let cloud = alert.cloud.as_ref();
    let agent = audit
        .map(|it| it.user_agent.as_str())
        .or(cloud.map(|it| it.user_agent.as_str()));
    let path = audit.map(|it| it.uri.as_str());
    let url = Object::new().set("path", path);
    Object::new()
        .set("user_agent", agent)
        .set("url", url)
        .filled()
}

/// An image must have an id. Where the digest is not known, what the runtime
/// knows it by stands in.
fn container(alert: &Alert) -> Option<Object> {
    let container = alert.container.as_ref()?;
    let identity = Object::new()
        .set("uid", container_id(container))
        .set("name", container.name.as_str())
        .filled()?;
    Some(
        identity
            .set("runtime", container.kind.as_str())
            .set("image", image_of(container))
            .set("pod_uuid", pod_uuid(alert))
            .set(
                "orchestrator",
                alert.kubernetes.as_ref().map(|_| "Kubernetes"),
            ),
    )
}

fn image_of(container: &Container) -> Option<Object> {
    let uid = if container.image_digest.is_empty() {
        image(container)
    } else {
        container.image_digest.clone()
    };
    let tag = Object::new()
        .set("value", container.image_tag.as_str())
        .filled()
        .map(|it| it.set("name", "tag"));
    let identity = Object::new().set("uid", uid).filled()?;
    Some(
        identity
            .set("name", container.image_repository.as_str())
            .set("tags", tag.into_iter().collect::<Vec<_>>()),
    )
}

/// The system call.
fn data(alert: &Alert) -> Value {
    alert.syscall.as_ref().map_or(Value::Null, |syscall| {
        Object::new()
            .set("type", syscall.kind.as_str())
            .set("result", syscall.result.as_str())
            .set("arguments", json!(syscall.arguments))
            .into()
    })
}
