//! What each kind of field and each operator means.

use super::{alert, filter, hold};
use crate::alert::Alert;

fn example() -> Alert {
    alert(
        r#"{"rule":"Write below etc","priority":"Error","source":"syscall","hostname":"node-a",
        "time":"2026-11-25T10:00:00.000000001Z","output":"File below /etc opened (user=root)",
        "tags":["container","mitre_persistence","T1059.004","PCI_DSS_11.5.1","maturity_stable"],
        "output_fields":{
            "proc.name":"bash","proc.pid":1234,"proc.ppid":null,"proc.aname[2]":"sshd",
            "proc.cmdline":"bash -c \"cat /etc/shadow\"","proc.exepath":"/usr/bin/bash",
            "proc.is_exe_writable":true,"fd.name":"/etc/passwd","fd.num":3,
            "container.id":"host","k8s.ns.name":"payments","evt.rawres":-2,"evt.rawarg.x":"31",
            "user.uid":18446744073709551615,"custom.list":["a","b",[7]],"custom.empty":[],
            "custom.half":0.5,"custom.na":"<NA>","odd key!":"v","évt":"ü"}}"#,
    )
}

#[test]
fn nothing_is_everything() {
    hold(&example(), true, "rule exists");
    assert!(filter("").matches(&example()) && filter(" \n\t").matches(&example()));
    assert_eq!(filter("").canonical(), "");
}

#[test]
fn text_is_compared_as_it_is() {
    hold(
        &example(),
        true,
        r#"
        proc.name = bash
        proc.name == bash
        proc.name = "bash"
        proc.name = 'bash'
        proc.name != zsh
        proc.name in (zsh, bash)
        proc.name in (bash)
        rule = "Write below etc"
        proc.cmdline = "bash -c \"cat /etc/shadow\""
        output contains "(user=root)"
        hostname = node-a
        field["odd key!"] = v
        field["évt"] = ü
        "#,
    );
    hold(
        &example(),
        false,
        "
        proc.name = Bash
        proc.name = bas
        proc.name = \"bash \"
        proc.name != bash
        proc.name in (zsh, fish)
        proc.name in ()
        ",
    );
}

#[test]
fn parts_of_text() {
    hold(
        &example(),
        true,
        r#"
        proc.cmdline contains shadow
        proc.cmdline contains ""
        proc.cmdline icontains SHADOW
        proc.name startswith ba
        proc.name endswith sh
        proc.name glob b*
        proc.name glob b?sh
        proc.name glob [ab]ash
        proc.name glob *
        proc.name iglob B?SH
        rule glob "*below*"
        proc.name regex "b.*h"
        proc.name regex "(z|ba)sh"
        fd.name pmatch (/etc)
        fd.name pmatch (/var, /etc/passwd)
        fd.name pmatch (/e*)
        "#,
    );
    hold(
        &example(),
        false,
        r#"
        proc.cmdline contains SHADOW
        proc.name startswith sh
        proc.name endswith ba
        proc.name glob b
        proc.name glob ?sh
        proc.name glob B*
        proc.name regex "as"
        proc.name regex "^ba"
        fd.name pmatch (/et)
        fd.name pmatch (/etc/passwd/x)
        fd.name pmatch (etc)
        fd.name pmatch ()
        "#,
    );
}

#[test]
fn numbers_are_exact_whatever_they_came_as() {
    hold(
        &example(),
        true,
        "
        proc.pid = 1234
        proc.pid = 0x4d2
        proc.pid = 1234.0
        proc.pid > 1233
        proc.pid >= 1234
        proc.pid < 1234.5
        proc.pid <= 1e4
        proc.pid in (1, 1234)
        proc.pid != 1235
        evt.rawres < 0
        evt.rawres = -2
        user.uid = 18446744073709551615
        user.uid > 18446744073709551614
        user.uid > 9223372036854775807
        custom.half = 0.5
        custom.half > 0.25
        evt.rawarg.x = 31
        evt.rawarg.x > 30
        evt.rawarg.x = \"31\"
        fd.num = 3
        ",
    );
    hold(
        &example(),
        false,
        "
        proc.pid = 1235
        proc.pid > 1234
        proc.pid < 1234
        proc.pid != 1234
        user.uid = 18446744073709551614
        user.uid < 0
        user.uid = -1
        ",
    );
}

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
        compliance contains 11.5
        maturity = stable
        ",
    );
    hold(
        &example(),
        false,
        "
        attack.tactic = TA0004
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

#[test]
fn transformers() {
    hold(
        &example(),
        true,
        "
        toupper(proc.name) = BASH
        tolower(rule) = \"write below etc\"
        basename(proc.exepath) = bash
        toupper(basename(proc.exepath)) = BASH
        basename(proc.name) = bash
        len(proc.name) = 4
        len(proc.name) > 3
        len(basename(fd.name)) = 6
        len(custom.list) = 3
        ",
    );
    hold(
        &example(),
        false,
        "
        tolower(proc.name) = BASH
        len(proc.name) = 5
        len(custom.empty) = 0
        len(no.such.field) = 0
        ",
    );
}

#[test]
fn and_binds_tighter_than_or_and_not_tightest() {
    hold(
        &example(),
        true,
        "
        proc.name = bash or proc.name = zsh and proc.name = fish
        (proc.name = zsh or proc.name = bash) and fd.num = 3
        not proc.name = zsh and fd.num = 3
        not (proc.name = bash and fd.num = 4)
        not not proc.name = bash
        proc.name = zsh or not fd.num = 4
        ",
    );
    hold(
        &example(),
        false,
        "
        proc.name = zsh or proc.name = bash and fd.num = 4
        not proc.name = bash or fd.num = 4
        not (proc.name = zsh or proc.name = bash)
        ",
    );
}

#[test]
fn a_value_may_look_like_anything() {
    let strange = alert(
        r#"{"rule":"and","priority":"Debug","time":"2026-11-25T10:00:00Z","output":"",
        "output_fields":{"evt.dir":"<","proc.args":"a=b, (c)","proc.cwd":"\\n","proc.env":"x\ny"}}"#,
    );
    hold(
        &strange,
        true,
        r#"
        rule = "and"
        evt.dir = <
        proc.args = "a=b, (c)"
        proc.cwd = "\\n"
        proc.env = "x\ny"
        "#,
    );
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
