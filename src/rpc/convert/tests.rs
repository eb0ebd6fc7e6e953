use std::{collections::BTreeMap, sync::Arc};

use super::*;
use crate::alert::{
    Ancestor, Attack, Cloud, ComplianceControl, Container, Endpoint, FieldValue, File, Group,
    Kubernetes, KubernetesAudit, Network, Origin, Process, Remark, RemarkKind, Syscall, Tactic,
    Technique, User, testing,
};

fn map(key: &str, value: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(key.to_owned(), value.to_owned())])
}

/// An alert with every field set, so that a field forgotten in either direction
/// is seen.
#[expect(clippy::too_many_lines, reason = "a list of every field there is")]
fn everything() -> Alert {
    let text = str::to_owned;
    let time = Timestamp::new(1_762_539_427, 218_671_851).ok();
    let endpoint = |ip: &str, port| {
        Some(Endpoint {
            ip: text(ip),
            port: Some(port),
            name: text("name"),
        })
    };
    Alert {
        event_time: time.unwrap(),
        receive_time: Timestamp::new(-1, -5).unwrap(),
        tags: vec![text("T1059"), text("container")],
        output: text("output"),
        message: text("message"),
        kind: crate::alert::Kind::Drop,
        process: Some(Process {
            name: text("sh"),
            exe: text("exe"),
            exe_path: text("/bin/sh"),
            command_line: text("sh -c"),
            pid: Some(1),
            vpid: Some(2),
            working_directory: text("/"),
            tty: Some(3),
            thread_id: Some(4),
            session_name: text("session"),
            exe_upper_layer: Some(true),
            exe_writable: Some(false),
            exe_from_memfd: Some(true),
            start_time: time,
            ancestors: vec![Ancestor {
                level: 1,
                name: text("bash"),
                exe: text("b"),
                exe_path: text("/bin/bash"),
                command_line: text("bash"),
                pid: Some(9),
            }],
        }),
        user: Some(User {
            name: text("root"),
            uid: Some(0),
            login_name: text("me"),
            login_uid: Some(1000),
        }),
        group: Some(Group {
            name: text("wheel"),
            gid: Some(10),
        }),
        container: Some(Container {
            id: text("f66ca4123505"),
            full_id: text("f66c"),
            name: text("web"),
            kind: text("docker"),
            image_repository: text("nginx"),
            image_tag: text("1"),
            image_digest: text("sha256:0"),
            privileged: Some(true),
            start_time: time,
            host: true,
        }),
        kubernetes: Some(Kubernetes {
            namespace: text("shop"),
            pod_name: text("pod"),
            pod_uid: text("uid"),
            deployment: text("deployment"),
            node: text("node"),
            pod_labels: map("app", "web"),
        }),
        file: Some(File {
            path: text("/etc/shadow"),
            directory: text("/etc"),
            name: text("shadow"),
            inode: Some(7),
            target_path: text("/tmp/x"),
            kind: text("file"),
        }),
        network: Some(Network {
            transport: text("tcp"),
            family: text("ipv4"),
            local: endpoint("10.0.0.1", 1),
            remote: endpoint("10.0.0.2", 65535),
            client: endpoint("10.0.0.3", 3),
            server: endpoint("10.0.0.4", 4),
            connection: text("a->b"),
        }),
        syscall: Some(Syscall {
            kind: text("execve"),
            result: text("SUCCESS"),
            arguments: map("flags", "O_RDONLY"),
        }),
        audit: Some(KubernetesAudit {
            user: text("admin"),
            verb: text("create"),
            resource: text("pods"),
            target_name: text("pod"),
            target_namespace: text("shop"),
            uri: text("/api"),
            response_code: Some(403),
            response_reason: text("reason"),
            source_ips: vec![text("10.0.0.1")],
            user_agent: text("kubectl"),
            decision: text("allow"),
        }),
        cloud: Some(Cloud {
            provider: text("aws"),
            account: text("1"),
            region: text("eu"),
            service: text("ec2"),
            operation: text("op"),
            user: text("me"),
            source_ip: text("10.0.0.1"),
            user_agent: text("cli"),
            error: text("denied"),
        }),
        attack: Attack {
            tactics: vec![Tactic {
                id: text("TA0003"),
                name: text("Persistence"),
            }],
            techniques: vec![Technique { id: text("T1059") }],
        },
        compliance: vec![ComplianceControl {
            standard: text("PCI DSS"),
            control: text("11.5.1"),
        }],
        maturity: text("stable"),
        output_fields: [
            ("null", FieldValue::Null),
            ("string", FieldValue::from("<NA>")),
            ("int", FieldValue::Int(i64::MIN)),
            ("uint", FieldValue::Uint(u64::MAX)),
            ("double", FieldValue::Double(0.1)),
            ("bool", FieldValue::Bool(false)),
            ("list", FieldValue::List(vec!["a".into(), FieldValue::Null])),
            ("number", FieldValue::Number(text("18446744073709551616"))),
            ("json", FieldValue::Json(text("{}"))),
        ]
        .into_iter()
        .map(|(key, value)| (text(key), value))
        .collect(),
        extra: [(text("uuid"), FieldValue::from("u"))]
            .into_iter()
            .collect(),
        remarks: vec![Remark {
            kind: RemarkKind::Truncated,
            field: text("proc.cmdline"),
            detail: text("cut"),
        }],
        trace: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
            .parse()
            .ok(),
        origin: Origin {
            cluster: "prod".into(),
            labels: Arc::new(map("team", "sec")),
            ..testing::alert("rule").origin
        },
        ..testing::alert("rule")
    }
}

#[test]
fn nothing_is_lost_there_and_back() {
    let alert = everything();
    assert_eq!(decode(&encode(&alert)), Ok(alert));
}

#[test]
fn every_field_of_the_message_is_set() {
    // Guards `everything`: a field added to the schema and forgotten here would
    // otherwise be forgotten everywhere.
    let message = pb::Alert::decode(encode(&everything())).unwrap();
    let message = format!("{message:?}");
    assert!(!message.contains("None"), "{message}");
    // Only the RAW view sets it.
    let unset = message.replace("raw: b\"\"", "");
    assert!(!unset.contains("\"\""), "{unset}");
}

#[test]
fn views_add_and_take_away() {
    let alert = Alert {
        raw: Bytes::from_static(b"as it came"),
        ..everything()
    };
    let encoded = encode(&alert);
    let entry = crate::log::testing::in_log(crate::log::NewEntry {
        alert: Box::new(alert.clone()),
        encoded,
    });
    let raw = encode_view(&entry, View::Raw);
    assert_eq!(decode(&raw), Ok(alert));
    let full = decode(&encode_view(&entry, View::Full)).unwrap();
    assert!(full.raw.is_empty());
    let basic = decode(&encode_view(&entry, View::Basic)).unwrap();
    assert!(basic.output_fields.is_empty() && basic.extra.is_empty());
    assert_eq!(basic.process, full.process);
}

#[test]
fn a_message_that_is_no_alert_is_refused_by_the_field() {
    assert_eq!(
        Alert::try_from(pb::Alert::default()),
        Err(ConvertError::Field("priority"))
    );
    assert!(decode(&Bytes::from_static(b"\xff")).is_err());
}
