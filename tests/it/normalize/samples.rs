//! Every sample reads as its index says.

use falco_gateway::{
    alert::{Alert, Kind, RemarkKind},
    normalize::{Reason, Reject},
};

use super::fixtures::{alert, read_body, read_document, received_at, sample, text};

/// A row of the index.
struct Row {
    id: String,
    format: String,
    priority: String,
    rule: String,
    source: String,
    time: String,
    verdict: String,
}

fn index() -> Vec<Row> {
    let index = text("samples/INDEX.tsv");
    let rows = index.lines().skip(1).map(|line| {
        let columns: Vec<_> = line.split('\t').map(str::to_owned).collect();
        let column = |n: usize| columns[n].clone();
        Row {
            id: column(0),
            format: column(2),
            priority: column(6),
            rule: column(7),
            source: column(8),
            time: column(9),
            verdict: column(10),
        }
    });
    rows.collect()
}

/// The samples of which the index leaves the reading open, or says it in words:
/// each has a test of its own below.
const DECIDED_BELOW: [&str; 12] = [
    "F004", "F055", "F072", "F111", "F117", "F137", "F138", "F164", "F172", "F173", "F175", "F187",
];

/// In these the index says which source may be inferred.
const INFERRED: [(&str, &str); 3] = [
    ("F027", "k8s_audit"),
    ("F073", "internal"),
    ("F075", "internal"),
];

#[test]
fn every_sample_reads_as_the_index_says() {
    let index = index();
    assert_eq!(index.len(), 128);
    for row in index {
        if DECIDED_BELOW.contains(&row.id.as_str()) {
            continue;
        }
        for read in [read_body(sample(&row.id)), read_document(sample(&row.id))] {
            check(&row, &read);
        }
    }
}

fn check(row: &Row, read: &[Result<Alert, Reject>]) {
    let id = &row.id;
    let refused = row.verdict.starts_with("reject:")
        || row.verdict.starts_with("reject (")
        || row.verdict.starts_with("truncated")
        || row.verdict.starts_with("not an alert");
    if refused {
        assert!(read.iter().all(Result::is_err), "{id}: {read:?}");
        return;
    }
    let [Ok(alert)] = read else {
        panic!("{id}: {read:?}");
    };
    assert_eq!(alert.priority.as_str(), row.priority, "{id}");
    let absent = |column: &str| column.starts_with("(absent");
    let rule = if absent(&row.rule) { "" } else { &row.rule };
    assert_eq!(alert.rule, rule, "{id}");
    let inferred = INFERRED.iter().find(|(sample, _)| sample == id);
    let source = match inferred {
        Some((_, source)) => source,
        None if absent(&row.source) => "",
        None => &row.source,
    };
    assert_eq!(alert.source, source, "{id}");
    assert_eq!(
        has(alert, RemarkKind::SourceInferred),
        inferred.is_some(),
        "{id}"
    );
    assert_eq!(
        has(alert, RemarkKind::TextOnly),
        row.format == "text",
        "{id}"
    );
    if row.time.ends_with("local time of day, no date") {
        assert!(has(alert, RemarkKind::TimeAssumed), "{id}");
        assert_eq!(alert.event_time, received_at(), "{id}");
    } else {
        assert_eq!(alert.event_time, row.time.parse().unwrap(), "{id}");
        assert!(!has(alert, RemarkKind::TimeAssumed), "{id}");
    }
}

fn has(alert: &Alert, kind: RemarkKind) -> bool {
    alert.remarks.iter().any(|remark| remark.kind == kind)
}

fn reasons(id: &str) -> Vec<&'static str> {
    read_body(sample(id))
        .iter()
        .map(|read| {
            read.as_ref()
                .map_or_else(|reject| reject.reason.as_str(), |_| "accepted")
        })
        .collect()
}

#[test]
fn refusals_give_the_reason() {
    for (id, reason) in [
        ("F001", Reason::NotAnObject),
        ("F006", Reason::InvalidJson),
        ("F007", Reason::Truncated),
        ("F009", Reason::UnknownText),
        ("F010", Reason::InvalidJson),
        ("F012", Reason::InvalidJson),
        ("F013", Reason::InvalidJson),
        ("F015", Reason::InvalidJson),
        ("F016", Reason::InvalidJson),
        ("F024", Reason::MissingRule),
        ("F030", Reason::NotAnAlert),
        ("F031", Reason::MissingRule),
        ("F042", Reason::MissingRule),
        ("F111", Reason::UnknownText),
        ("F172", Reason::AmbiguousPriority),
        ("F173", Reason::UnknownPriority),
    ] {
        assert_eq!(reasons(id), [reason.as_str()], "{id}");
    }
}

#[test]
fn refused_documents_are_given_back_whole() {
    for id in ["F001", "F006", "F007", "F013", "F024", "F172"] {
        let reject = read_body(sample(id)).remove(0).unwrap_err();
        let bytes = sample(id);
        assert_eq!(reject.document, bytes.trim(), "{id}");
        assert!(!reject.message.is_empty());
    }
}

#[test]
fn f004_glued_text_lines_are_three_drops() {
    let read = read_body(sample("F004"));
    assert_eq!(read.len(), 3);
    for read in read {
        let alert = read.unwrap();
        assert_eq!(alert.kind, Kind::Drop);
        assert_eq!(alert.rule, "Falco internal: syscall event drop");
        assert_eq!(alert.source, "internal");
        assert_eq!(alert.priority.as_str(), "Critical");
        assert!(has(&alert, RemarkKind::TimeAssumed));
    }
}

#[test]
fn f055_and_f072_get_the_receive_time() {
    for (id, rule) in [("F055", "Write below binary dir"), ("F072", "Test rule")] {
        let alert = alert(sample(id));
        assert_eq!(alert.rule, rule);
        assert_eq!(alert.event_time, received_at());
        assert!(has(&alert, RemarkKind::TimeAssumed));
        assert_eq!(alert.kind, Kind::Alert);
    }
    assert_eq!(alert(sample("F072")).source, "debug");
}

#[test]
fn falcos_notices_are_known_in_text_too() {
    for (id, kind) in [
        ("F117", Kind::Metrics),
        ("F137", Kind::Drop),
        ("F138", Kind::Drop),
    ] {
        let alert = alert(sample(id));
        assert_eq!(
            (alert.kind, alert.source.as_str()),
            (kind, "internal"),
            "{id}"
        );
        assert!(has(&alert, RemarkKind::TimeAssumed), "{id}");
    }
}

#[test]
fn f164_the_last_of_two_priorities_wins() {
    let alert = alert(sample("F164"));
    assert_eq!(alert.priority.as_str(), "Critical");
    let remark = &alert.remarks[0];
    assert_eq!(
        (remark.kind, remark.field.as_str()),
        (RemarkKind::DuplicateKey, "priority")
    );
}

#[test]
fn f175_nanoseconds_since_the_epoch_are_a_time() {
    let alert = alert(sample("F175"));
    assert_eq!(alert.event_time, "2026-07-22T14:24:41Z".parse().unwrap());
}

#[test]
fn f187_two_alerts_without_a_line_end_between() {
    for read in [read_body(sample("F187")), read_document(sample("F187"))] {
        let [Ok(first), Ok(second)] = read.as_slice() else {
            panic!("{read:?}");
        };
        assert!(first.output.starts_with("Warning "));
        assert!(second.output.starts_with("Notice "));
    }
}

#[test]
fn what_was_mended_is_remarked_on() {
    for (id, kind, field) in [
        ("F023", RemarkKind::UnusualShape, ""),
        ("F043", RemarkKind::UnusualShape, "proc"),
        ("F167", RemarkKind::InvalidUnicode, "proc.cmdline"),
        ("F182", RemarkKind::UnusualShape, "output_fields"),
        ("F184", RemarkKind::UnusualShape, "tags"),
        ("F190", RemarkKind::Truncated, "proc.cmdline"),
        ("F191", RemarkKind::UnusualShape, "deep"),
    ] {
        let alert = alert(sample(id));
        let found = alert
            .remarks
            .iter()
            .any(|remark| (remark.kind, remark.field.as_str()) == (kind, field));
        assert!(found, "{id}: {:?}", alert.remarks);
    }
}

#[test]
fn dot_expansion_by_an_intermediary_does_not_change_the_fields() {
    let alert = alert(sample("F043"));
    let process = alert.process.unwrap();
    assert_eq!(process.command_line, "cat /etc/shadow");
    let names: Vec<_> = process.ancestors.iter().map(|a| a.name.as_str()).collect();
    assert_eq!(names, ["runc", "containerd-shim", "systemd"]);
    assert_eq!(alert.kubernetes.unwrap().namespace, "default");
    assert_eq!(alert.container.unwrap().image_tag, "latest");
}

#[test]
fn f100_the_founding_alert_has_everything_in_its_place() {
    let alert = alert(sample("F100"));
    let tactics: Vec<_> = alert
        .attack
        .tactics
        .iter()
        .map(|t| (t.id.as_str(), t.name.as_str()))
        .collect();
    assert_eq!(tactics, [("TA0003", "Persistence")]);
    assert_eq!(alert.compliance.len(), 1);
    assert_eq!(alert.compliance[0].standard, "PCI DSS");
    assert_eq!(alert.compliance[0].control, "11.5.1");
    assert_eq!(alert.maturity, "stable");
    assert_eq!(alert.container.unwrap().id, "f66ca4123505");
    let process = alert.process.unwrap();
    assert_eq!(
        process.exe_path,
        "/bin/falco-event-generator-syscall-DropAndExecuteNewBinaryInContainer-urWKNW"
    );
    assert_eq!(process.exe_upper_layer, Some(true));
    assert_eq!(process.exe_writable, Some(true));
    assert_eq!(alert.remarks, []);
}
