//! What each operator means.

use super::{alert, example, filter, hold};

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

/// What a value has, it has in any case; a Greek word's last sigma is one of three.
#[test]
fn any_case_is_any_case() {
    let greek = alert(
        r#"{"rule":"ΟΔΟΣ.txt","priority":"Debug","time":"2026-11-25T10:00:00Z","output":"",
        "output_fields":{"proc.name":"οδος","proc.cwd":"/İÇ/STRASSE"}}"#,
    );
    hold(
        &greek,
        true,
        "
        rule contains ΟΔΟΣ
        rule icontains ΟΔΟΣ
        rule icontains οδος
        rule iglob οδοσ*
        proc.name icontains ΟΔΟΣ
        proc.name iglob ΟΔΟΣ
        proc.cwd icontains İÇ
        proc.cwd icontains strasse
        ",
    );
}

#[test]
fn a_regex_may_explain_itself() {
    hold(
        &example(),
        true,
        "
        proc.name regex \"(?x) ba  sh # the shell\"
        proc.name regex \"(?i)BASH\"
        not proc.name regex \"(?x) ba # only its start\"
        ",
    );
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
