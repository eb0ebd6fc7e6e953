//! What each kind of field is, and what it is when there is no value.

use super::{alert, example, hold};

#[test]
fn a_field_without_a_value_makes_a_comparison_false() {
    for missing in [
        "proc.ppid",
        "custom.na",
        "custom.empty",
        "no.such.field",
        "proc.aname[9]",
    ] {
        for comparison in [
            "= 1",
            "!= 1",
            "< 1",
            ">= 0",
            "in (1)",
            "contains 1",
            "startswith 1",
            "glob *",
            "regex .*",
            "pmatch (/)",
            "exists",
        ] {
            let text = format!("{missing} {comparison}");
            // Order and equality want numbers of numbers, looks into text do not.
            let Ok(filter) = super::Filter::parse(&text) else {
                continue;
            };
            assert!(!filter.matches(&example()), "{text}");
        }
        hold(
            &example(),
            true,
            &format!("not {missing} exists\nnot {missing} = 1"),
        );
    }
    hold(
        &example(),
        true,
        "proc.name exists\nproc.aname[2] exists\nproc.aname[2] = sshd",
    );
}

#[test]
fn priorities_are_ordered_by_how_bad_they_are() {
    hold(
        &example(),
        true,
        "
        priority = error
        priority = Error
        priority = ERROR
        priority >= error
        priority >= warning
        priority > notice
        priority < critical
        priority <= emergency
        priority in (error, debug)
        priority != critical
        priority >= info
        priority >= informational
        ",
    );
    hold(
        &example(),
        false,
        "
        priority > error
        priority >= critical
        priority < error
        priority <= warning
        priority in (alert, debug)
        ",
    );
}

#[test]
fn lists_hold_if_one_of_their_values_does() {
    hold(
        &example(),
        true,
        "
        tags = container
        tags intersects (x, container)
        tags in (container)
        tags contains persist
        tags glob mitre_*
        custom.list = a
        custom.list = b
        custom.list = 7
        custom.list intersects (c, b)
        custom.list != c
        tags != x
        not tags = x
        len(tags) exists
        ",
    );
    hold(
        &example(),
        false,
        "
        tags = persistence
        tags intersects (x, y)
        tags != container
        custom.list = c
        custom.list != a
        ",
    );
}

#[test]
fn attack_and_compliance_know_their_hierarchy() {
    hold(
        &example(),
        true,
        "
        attack.tactic = TA0003
        attack.tactic = persistence
        attack.tactic = Persistence
        attack.tactic in (TA0001, TA0003)
        attack.tactic contains ersist
        attack.technique = T1059.004
        attack.technique = T1059
        attack.technique = t1059
        attack.technique in (T1059)
        attack.technique != T1059.001
        attack.technique startswith T10
        attack.tactic regex persist.*
        attack.tactic startswith persistence
        attack.tactic icontains PERSIST
        attack.tactic glob TA000?
        len(attack.tactic) = 1
        compliance contains 11.5
        compliance = PCI_DSS_11.5.1
        compliance = \"PCI DSS 11.5\"
        compliance in (pci_dss_11, NIST)
        compliance = PCI_DSS
        maturity = stable
        ",
    );
    hold(
        &example(),
        false,
        "
        attack.tactic = TA0004
        attack.tactic != persistence
        attack.technique != T1059
        compliance = PCI_DSS_1
        compliance = PCI_DSS_11.5.10
        compliance = 11.5.1
        attack.technique = T1059.001
        attack.technique = T1058
        ",
    );
}

#[test]
fn the_envelope_and_the_origin() {
    hold(
        &example(),
        true,
        r#"
        source = syscall
        kind = alert
        id exists
        origin.source = node-a
        origin.transport = falco_grpc
        origin.cluster = prod
        origin.label[team] = "sec ops"
        origin.label["team"] exists
        proc.is_exe_writable = true
        "#,
    );
    hold(
        &example(),
        false,
        "
        kind = drop
        origin.transport = http
        origin.label[tier] exists
        proc.is_exe_writable = false
        ",
    );
    let id = example().id;
    hold(&example(), true, &format!("id = {id}\nid in ({id})"));
}

/// What a field's name reads when Falco printed it only over one transport.
#[test]
fn typed_groups_answer_where_the_fields_do_not() {
    let text = alert(
        r#"{"rule":"r","priority":"Debug","time":"2026-11-25T10:00:00Z","output":"",
        "output_fields":{"fd.name":"10.0.0.1:50000->10.0.0.2:443","fd.type":"ipv4",
        "container.id":"abc","container.image.repository":"nginx","container.image.tag":"1.27"}}"#,
    );
    hold(
        &text,
        true,
        "
        fd.name = \"10.0.0.1:50000->10.0.0.2:443\"
        container.image.repository = nginx
        container.id != host
        ",
    );
}

/// Text that stands for no value is none; text without characters is one, but
/// not in the alert's own fields, which are empty where there is none.
#[test]
fn what_counts_as_a_value() {
    let sparse = alert(
        r#"{"rule":"r","priority":"Debug","time":"2026-11-25T10:00:00Z","output":"",
        "output_fields":{"proc.args":"","proc.cwd":"<NA>","proc.pcmdline":"a <NA>","custom.nulls":[null,"<NA>"]}}"#,
    );
    hold(
        &sparse,
        true,
        "
        proc.args exists
        proc.args = ''
        proc.args != x
        len(proc.args) = 0
        proc.pcmdline contains <NA>
        proc.pcmdline != <NA>
        ",
    );
    hold(
        &sparse,
        false,
        "
        proc.cwd exists
        proc.cwd != <NA>
        proc.cwd contains NA
        custom.nulls exists
        len(custom.nulls) >= 0
        source exists and source = ''
        tags exists
        tags != x
        maturity exists
        attack.tactic exists
        compliance exists
        ",
    );
}
