//! Commands to be pasted into a shell. A value gets into one only if it is of the kind that
//! belongs there, and quoted; where it is not, its command is left out.

use jiff::{SignedDuration, Timestamp};

use crate::{
    alert::{Alert, FieldValue},
    report::{document::is_plain, summary::object, workload::Workload},
};

/// How much of the time before and after is looked at.
const AROUND: SignedDuration = SignedDuration::from_mins(10);

pub(super) fn of(alert: &Alert, has_log: bool) -> Vec<String> {
    let mut commands = match Workload::of(alert) {
        Workload::Pod => pod(alert),
        Workload::Container => container(alert),
        Workload::Host => host(alert),
        Workload::KubernetesAudit => audit(alert),
        Workload::Aws => aws(alert),
        Workload::Gcp => gcp(alert),
        Workload::Falco => falco(alert),
        Workload::Okta | Workload::Github | Workload::Other => Vec::new(),
    };
    if has_log {
        commands.extend(gateway(alert));
    }
    commands
}

fn pod(alert: &Alert) -> Vec<String> {
    let Some(kubernetes) = &alert.kubernetes else {
        return Vec::new();
    };
    let (Some(namespace), Some(pod)) = (name(&kubernetes.namespace), name(&kubernetes.pod_name))
    else {
        return Vec::new();
    };
    let from = since(alert);
    let mut commands = vec![
        "# Where it runs, what it may do, and what happened to it".to_owned(),
        format!("kubectl -n {namespace} get pod {pod} -o yaml"),
        format!("kubectl -n {namespace} describe pod {pod}"),
        "# What it wrote".to_owned(),
        format!(
            "kubectl -n {namespace} logs {pod} --all-containers --timestamps --since-time={from}"
        ),
    ];
    let container = alert.container.as_ref();
    if let Some(container) = container.and_then(|it| name(container_of_pod(&it.name))) {
        commands.extend([
            "# Its processes, from a container beside it, which stays in the pod until that is deleted".to_owned(),
            format!("kubectl -n {namespace} debug -it {pod} --image=busybox --target={container} -- ps"),
        ]);
        if let Some(path) = executable(alert) {
            commands.extend([
                "# A copy of the executable and its hash, if the container has cat".to_owned(),
                format!("kubectl -n {namespace} exec {pod} -c {container} -- cat {path} > evidence && sha256sum evidence"),
            ]);
        }
    }
    commands.extend(on_node(alert));
    commands
}

/// The container's name in its pod; Docker's has those of pod and namespace around it.
fn container_of_pod(name: &str) -> &str {
    let within = name
        .strip_prefix("k8s_")
        .and_then(|rest| rest.split('_').next());
    within.unwrap_or(name)
}

fn container(alert: &Alert) -> Vec<String> {
    let mut commands = docker(alert);
    commands.extend(on_node(alert));
    commands
}

fn docker(alert: &Alert) -> Vec<String> {
    let Some(container) = &alert.container else {
        return Vec::new();
    };
    let is_docker = matches!(container.kind.as_str(), "" | "docker");
    let Some(id) = name(&container.id).filter(|_| is_docker) else {
        return Vec::new();
    };
    let from = since(alert);
    let mut commands = vec![
        "# With Docker: what it was started with, what runs in it, and what it wrote".to_owned(),
        format!("docker inspect {id}"),
        format!("docker top {id} -o pid,ppid,user,lstart,args"),
        format!("docker logs --timestamps --since {from} {id}"),
        "# Files that it added (A), changed (C) or deleted (D)".to_owned(),
        format!("docker diff {id}"),
    ];
    if let Some(path) = executable(alert) {
        commands.extend([
            "# A copy of the executable, and its hash".to_owned(),
            format!("docker cp {id}:{path} ./evidence && sha256sum ./evidence"),
        ]);
    }
    commands
}

/// On the node, as root: by the process if it is known, and by the container's runtime.
fn on_node(alert: &Alert) -> Vec<String> {
    let mut commands = Vec::new();
    let process = alert.process.as_ref();
    if let Some(pid) = process.and_then(|it| it.pid).filter(|pid| *pid > 0) {
        commands.extend([
            "# On its node: the process while it lives, and a copy of what it executes".to_owned(),
            format!("ps -o pid,ppid,user,lstart,args -p {pid}"),
            format!("cp /proc/{pid}/exe evidence && sha256sum evidence"),
        ]);
    } else if process.is_some_and(|it| it.exe_from_memfd == Some(true)) {
        commands.extend([
            "# On its node: processes that run from memory; copy /proc/PID/exe while they live"
                .to_owned(),
            "ls -l /proc/[0-9]*/exe 2>/dev/null | grep memfd:".to_owned(),
        ]);
    }
    let Some(container) = &alert.container else {
        return commands;
    };
    let Some(id) = name(&container.id).filter(|_| container.kind != "docker") else {
        return commands;
    };
    commands.extend([
        "# On its node, with containerd or CRI-O".to_owned(),
        format!("crictl inspect {id}"),
        format!("crictl logs --since={} {id}", since(alert)),
    ]);
    if let Some(path) = executable(alert) {
        commands.extend([
            format!("pid=$(crictl inspect -o go-template --template '{{{{.info.pid}}}}' {id})"),
            format!("cp \"/proc/$pid/root\"{path} evidence && sha256sum evidence"),
        ]);
    }
    commands
}

fn host(alert: &Alert) -> Vec<String> {
    let mut commands = Vec::new();
    let pid = alert.process.as_ref().and_then(|process| process.pid);
    if let Some(pid) = pid.filter(|pid| *pid > 0) {
        commands.extend([
            "# The process, if it still runs".to_owned(),
            format!("ps -o pid,ppid,user,lstart,tty,args -p {pid}"),
            format!("ls -l /proc/{pid}/exe /proc/{pid}/cwd /proc/{pid}/fd"),
        ]);
    }
    if let Some(path) = executable(alert) {
        commands.extend([
            "# The executable: when it changed, its hash, and the package that it is of".to_owned(),
            format!("stat -- {path} && sha256sum -- {path}"),
            owner(&path),
        ]);
    }
    if let Some(path) = path(object(alert)) {
        commands.extend([
            "# The file that was touched".to_owned(),
            format!("stat -- {path}"),
        ]);
    }
    let (from, to) = around(alert.event_time, clock);
    commands.extend([
        "# What the host wrote then, and who was logged in".to_owned(),
        format!("journalctl --since '{from}' --until '{to}'"),
        "last -F | head -20".to_owned(),
    ]);
    if alert.network.is_some() {
        commands.extend(["# Its connections now".to_owned(), "ss -tunap".to_owned()]);
    }
    commands
}

/// The package that a file is of, also where /bin is /usr/bin, which dpkg knows as the former.
fn owner(path: &str) -> String {
    match path.strip_prefix("/usr") {
        Some(short) => format!("dpkg -S {path} || dpkg -S {short} || rpm -qf {path}"),
        None => format!("dpkg -S {path} || rpm -qf {path}"),
    }
}

fn audit(alert: &Alert) -> Vec<String> {
    let Some(audit) = &alert.audit else {
        return Vec::new();
    };
    let mut commands = Vec::new();
    let namespace = name(&audit.target_namespace).map(|it| format!(" -n {it}"));
    let namespace = namespace.unwrap_or_default();
    if let (Some(resource), Some(target)) = (name(&audit.resource), name(&audit.target_name)) {
        commands.extend([
            "# The object as it is now".to_owned(),
            // Of these the content is a secret, or may be.
            match resource {
                "secrets" | "configmaps" => {
                    format!("kubectl describe {resource} {target}{namespace}")
                }
                _ => format!("kubectl get {resource} {target}{namespace} -o yaml"),
            },
        ]);
    }
    if let Some(user) = word(&audit.user) {
        commands.extend([
            "# What the caller may do by its name alone, without its groups; and all bindings"
                .to_owned(),
            format!("kubectl auth can-i --list --as={user}{namespace}"),
            "kubectl get clusterrolebindings,rolebindings -A -o wide".to_owned(),
        ]);
    }
    commands
}

fn aws(alert: &Alert) -> Vec<String> {
    let field = |key: &str| alert.output_fields.get(key).and_then(FieldValue::as_str);
    let region = alert.cloud.as_ref().and_then(|cloud| name(&cloud.region));
    let region = region
        .map(|it| format!(" --region {it}"))
        .unwrap_or_default();
    let (from, to) = (since(alert), until(alert));
    let mut commands = Vec::new();
    let look = "aws cloudtrail lookup-events";
    if let Some(id) = field("ct.id").and_then(name) {
        commands.extend([
            "# The event itself".to_owned(),
            format!("{look}{region} --lookup-attributes AttributeKey=EventId,AttributeValue={id}"),
        ]);
    }
    if let Some(user) = alert.cloud.as_ref().and_then(|cloud| name(&cloud.user)) {
        commands.extend([
            "# What else the user did".to_owned(),
            format!("{look}{region} --lookup-attributes AttributeKey=Username,AttributeValue={user} --start-time {from} --end-time {to}"),
        ]);
    }
    commands
}

fn gcp(alert: &Alert) -> Vec<String> {
    let cloud = alert.cloud.as_ref();
    let Some(user) = cloud.and_then(|cloud| name(&cloud.user)) else {
        return Vec::new();
    };
    let project = cloud.and_then(|cloud| name(&cloud.account));
    let project = project
        .map(|it| format!(" --project {it}"))
        .unwrap_or_default();
    let (from, to) = (since(alert), until(alert));
    vec![
        "# What else the caller did".to_owned(),
        format!(
            "gcloud logging read{project} 'protoPayload.authenticationInfo.principalEmail=\"{user}\" AND timestamp>=\"{from}\" AND timestamp<=\"{to}\"'"
        ),
    ]
}

fn falco(alert: &Alert) -> Vec<String> {
    let (from, to) = around(alert.event_time, clock);
    vec![
        "# What Falco wrote then, and how busy the host is now".to_owned(),
        format!("journalctl -u 'falco*' --since '{from}' --until '{to}'"),
        "uptime".to_owned(),
    ]
}

/// What else the gateway has of the same place.
fn gateway(alert: &Alert) -> Vec<String> {
    let caller = alert
        .audit
        .as_ref()
        .map(|it| ("ka.user.name", it.user.as_str()));
    let container = alert
        .container
        .as_ref()
        .map(|it| ("container.id", it.id.as_str()));
    let host = ("hostname", alert.hostname.as_str());
    let host = Some(host).filter(|_| alert.cloud.is_none());
    let all = [caller, container, host].into_iter().flatten();
    let mut known = all.filter_map(|(field, value)| Some((field, name(value)?)));
    let Some((field, value)) = known.next() else {
        return Vec::new();
    };
    let (from, to) = around(alert.receive_time, second);
    vec![
        "# What else the gateway has of it".to_owned(),
        format!("falco-gateway list -f '{field} = \"{value}\"' --since {from} --until {to}"),
    ]
}

/// The executable's path, for a shell.
fn executable(alert: &Alert) -> Option<String> {
    let process = alert.process.as_ref()?;
    if process.exe_from_memfd == Some(true) {
        return None;
    }
    path(&process.exe_path)
}

/// An absolute path, for a shell.
fn path(text: &str) -> Option<String> {
    text.starts_with('/').then(|| word(text)).flatten()
}

/// A name of something, which needs no quotes.
fn name(text: &str) -> Option<&str> {
    let is_in_names = |it: char| it.is_ascii_alphanumeric() || matches!(it, '.' | '_' | '-' | '@');
    let begins = text.starts_with(|it: char| it.is_ascii_alphanumeric());
    (begins && text.chars().all(is_in_names)).then_some(text)
}

/// Any text as one word of a shell, if it can be seen as what it is.
fn word(text: &str) -> Option<String> {
    let is_harmless = |it: char| it.is_ascii_alphanumeric() || "/._-:@%+,".contains(it);
    if text.is_empty() || text.starts_with('-') || !text.chars().all(is_plain) {
        return None;
    }
    Some(match text.chars().all(is_harmless) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    })
}

fn since(alert: &Alert) -> String {
    around(alert.event_time, second).0
}

fn until(alert: &Alert) -> String {
    around(alert.event_time, second).1
}

/// Some time before and after, as `written`. A sender may name any time, the first and the
/// last that there are, too.
fn around(time: Timestamp, written: fn(Timestamp) -> String) -> (String, String) {
    let from = time.checked_sub(AROUND).unwrap_or(Timestamp::MIN);
    let to = time.checked_add(AROUND).unwrap_or(Timestamp::MAX);
    (written(from), written(to))
}

fn second(time: Timestamp) -> String {
    time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

/// As journalctl reads it.
fn clock(time: Timestamp) -> String {
    time.strftime("%Y-%m-%d %H:%M:%S UTC").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_one_word_or_none() {
        for (text, quoted) in [
            ("/bin/ls", Some("/bin/ls")),
            ("/tmp/a b", Some("'/tmp/a b'")),
            ("/tmp/$(reboot)", Some("'/tmp/$(reboot)'")),
            ("/tmp/it's", Some("'/tmp/it'\\''s'")),
            ("-rf", None),
            ("", None),
            ("/tmp/a\nreboot", None),
            ("/tmp/\u{202e}hs", None),
        ] {
            assert_eq!(word(text).as_deref(), quoted, "{text}");
        }
    }

    #[test]
    fn a_name_needs_no_quotes() {
        assert_eq!(name("redis-0"), Some("redis-0"));
        for text in ["", "-n", "a b", "a;b", "a'b", "$(x)", "a/b", ".."] {
            assert_eq!(name(text), None, "{text}");
        }
    }

    /// Asks a real shell what it makes of a quoted word.
    #[test]
    fn a_shell_reads_the_word_as_the_value() {
        for text in [
            "/tmp/it's $HOME `id` \"x\" \\ * ?",
            "/tmp/a  b;c&d|e>f",
            "/tmp/日本",
        ] {
            let command = format!("printf %s {}", word(text).unwrap());
            let shell = std::process::Command::new("sh")
                .args(["-c", &command])
                .output();
            assert_eq!(String::from_utf8(shell.unwrap().stdout).unwrap(), text);
        }
    }
}
