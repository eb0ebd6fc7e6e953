//! ECS's categorization: what kind of thing happened.

use crate::alert::{Alert, Kind};

/// The fields of ECS that categorize an event.
#[derive(Debug, Default)]
pub(super) struct Category {
    pub(super) categories: Vec<&'static str>,
    pub(super) types: Vec<&'static str>,
    pub(super) action: String,
}

/// Every alert is of intrusion detection, and besides of what was done.
pub(super) fn of(alert: &Alert) -> Category {
    if alert.kind != Kind::Alert {
        return Category::default();
    }
    let mut category = Category {
        categories: vec!["intrusion_detection"],
        types: vec!["info"],
        action: String::new(),
    };
    let done = if let Some(syscall) = &alert.syscall {
        category.action.clone_from(&syscall.kind);
        of_syscall(&syscall.kind)
    } else if let Some(audit) = &alert.audit {
        category.action.clone_from(&audit.verb);
        Some(("api", of_verb(&audit.verb)))
    } else if let Some(cloud) = &alert.cloud {
        category.action.clone_from(&cloud.operation);
        Some(("api", "info"))
    } else {
        None
    };
    if let Some((what, kind)) = done {
        category.categories.push(what);
        if kind != "info" {
            category.types.push(kind);
        }
    }
    category
}

/// A category and a type that ECS expects with it.
fn of_syscall(name: &str) -> Option<(&'static str, &'static str)> {
    Some(match name {
        "execve" | "execveat" | "fork" | "vfork" | "clone" | "clone3" => ("process", "start"),
        "procexit" | "exit" | "exit_group" => ("process", "end"),
        "kill" | "tkill" | "tgkill" | "setuid" | "setgid" | "setresuid" | "setresgid" | "setns"
        | "unshare" | "capset" | "prctl" | "chroot" => ("process", "change"),
        "ptrace" | "process_vm_readv" | "process_vm_writev" => ("process", "access"),
        "open" | "openat" | "openat2" | "open_by_handle_at" | "read" | "pread" | "readv" => {
            ("file", "access")
        }
        "creat" | "mkdir" | "mkdirat" | "mknod" | "mknodat" | "link" | "linkat" | "symlink"
        | "symlinkat" => ("file", "creation"),
        "unlink" | "unlinkat" | "rmdir" => ("file", "deletion"),
        "write" | "pwrite" | "writev" | "rename" | "renameat" | "renameat2" | "chmod"
        | "fchmod" | "fchmodat" | "fchmodat2" | "chown" | "fchown" | "fchownat" | "lchown"
        | "truncate" | "ftruncate" => ("file", "change"),
        "connect" | "accept" | "accept4" => ("network", "connection"),
        "socket" | "bind" | "listen" | "send" | "sendto" | "sendmsg" | "recv" | "recvfrom"
        | "recvmsg" => ("network", "info"),
        "init_module" | "finit_module" => ("driver", "start"),
        "mount" | "umount" | "umount2" => ("host", "change"),
        _ => return None,
    })
}

/// Of the verbs of the Kubernetes API.
fn of_verb(verb: &str) -> &'static str {
    match verb {
        "create" => "creation",
        "update" | "patch" => "change",
        "delete" | "deletecollection" => "deletion",
        "get" | "list" | "watch" => "access",
        _ => "info",
    }
}

/// Whether it succeeded; none where nothing says so.
pub(super) fn outcome(alert: &Alert) -> Option<&'static str> {
    let result = alert.syscall.as_ref().map_or("", |it| &it.result);
    let code = alert.audit.as_ref().and_then(|it| it.response_code);
    let error = alert.cloud.as_ref().map_or("", |it| &it.error);
    match (result, code) {
        ("SUCCESS", _) => Some("success"),
        ("", None) if error.is_empty() => None,
        ("", Some(code)) if (200..400).contains(&code) => Some("success"),
        _ => Some("failure"),
    }
}

/// Why it failed.
pub(super) fn reason(alert: &Alert) -> Option<&str> {
    if outcome(alert) != Some("failure") {
        return None;
    }
    let result = alert.syscall.as_ref().map(|it| it.result.as_str());
    let reason = alert.audit.as_ref().map(|it| it.response_reason.as_str());
    let error = alert.cloud.as_ref().map(|it| it.error.as_str());
    result.or(reason).or(error)
}
