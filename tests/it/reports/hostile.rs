//! Values that want to be more than values.

use falco_gateway::{alert::Alert, report::Form};
use serde_json::json;

use super::{all, alone, among};
use crate::normalize::fixtures::alert;

/// What an attacker would like to be read otherwise.
pub(super) const HOSTILE: [&str; 12] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror=alert(1)>",
    "</code></pre><h1>All clear</h1>",
    "`; rm -rf / #",
    "```\n# All clear\n```",
    "a | b | c",
    "[click](https://evil.example)",
    "https://evil.example/",
    "![x](https://evil.example/x.png)",
    "\u{1b}[2J\u{1b}[1;1H",
    "\u{202e}exe.txt",
    "'; reboot; '$(reboot)`reboot`\nreboot",
];

/// An alert whose every value is `value`.
pub(super) fn of(value: &str) -> Alert {
    at(value, "2026-11-25T10:00:00Z")
}

/// The same at another time.
fn at(value: &str, time: &str) -> Alert {
    alert(
        json!({
            "rule": value, "priority": "Critical", "source": "syscall", "hostname": value,
            "output": value, "time": time, "tags": [value, "mitre_execution", "T1059"],
            "output_fields": {
                "proc.name": value, "proc.exepath": format!("/{value}"), "proc.cmdline": value,
                "proc.pname": value, "proc.pcmdline": value, "proc.aname[2]": value, "user.name": value,
                "user.uid": 0, "container.id": value, "container.name": value,
                "container.image.repository": value, "k8s.ns.name": value, "k8s.pod.name": value,
                "fd.name": value, "evt.type": "execve", value: value,
            },
        })
        .to_string(),
    )
}

/// The elements that a report has.
const ELEMENTS: [&str; 17] = [
    "section", "h1", "h2", "h3", "p", "ul", "li", "table", "thead", "tbody", "tr", "th", "td",
    "pre", "code", "strong", "a",
];

/// The tags of a fragment; everything between `<` and `>`.
fn tags(html: &str) -> Vec<&str> {
    let rest = html.split('<').skip(1);
    rest.map(|rest| rest.split_once('>').unwrap().0).collect()
}

fn assert_is_our_html(html: &str) {
    let mut open = Vec::new();
    for tag in tags(html) {
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "{html}");
            continue;
        }
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(ELEMENTS.contains(&name), "{tag}");
        let is_ours = attributes.is_empty()
            || name == "a"
                && [
                    "href=\"https://attack.mitre.org/",
                    "href=\"https://falco.org/docs/",
                    "href=\"https://falcosecurity.github.io/rules/",
                    "href=\"https://github.com/falcosecurity/",
                ]
                .iter()
                .any(|it| attributes.starts_with(it));
        assert!(is_ours && attributes.matches('"').count() <= 2, "{tag}");
        open.push(name);
    }
    assert!(open.is_empty(), "{open:?}");
}

#[test]
fn html_has_our_elements_and_our_links_only() {
    for value in HOSTILE {
        let other = at(value, "2026-11-25T10:00:09Z");
        let report = among(&of(value), &[other], Form::Html);
        assert!(report.contains("same process") || report.contains("same host"));
        assert_is_our_html(&report);
    }
    for alert in all() {
        assert_is_our_html(&alone(&alert, Form::Html));
    }
}

#[test]
fn a_terminal_gets_nothing_but_letters() {
    for value in HOSTILE {
        for form in [Form::Text, Form::Markdown, Form::Html] {
            let report = alone(&of(value), form);
            let odd = report
                .chars()
                .find(|it| it.is_control() && *it != '\n' || *it == '\u{202e}');
            assert_eq!(odd, None, "{value:?}");
        }
    }
}

/// The headings are the same whatever the values are, and so is what is a link.
#[test]
fn markdown_keeps_its_shape() {
    let shape = |alert: &Alert| {
        let report = alone(alert, Form::Markdown);
        let lines = report.lines().skip(1);
        let shape = lines.filter(|line| line.starts_with('#') && !line.starts_with("# "));
        shape.map(str::to_owned).collect::<Vec<_>>()
    };
    let harmless = shape(&of("harmless"));
    for value in HOSTILE {
        assert_eq!(shape(&of(value)), harmless, "{value:?}");
    }
}

/// In Markdown a value is between backticks, as many as it needs.
#[test]
fn markdown_has_no_live_value_outside_of_code() {
    for value in HOSTILE {
        let report = alone(&of(value), Form::Markdown);
        let prose = without_escapes(&without_code(&report));
        for live in ["<", "](https://evil", "://evil", "![", "reboot`"] {
            assert!(!prose.contains(live), "{live} of {value:?}: {prose}");
        }
    }
}

/// What a backslash stands before is a letter like any other.
fn without_escapes(markdown: &str) -> String {
    let mut letters = markdown.chars();
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '\\' => drop(letters.next()),
            letter => text.push(letter),
        }
    }
    text
}

/// A text of Markdown without its spans and blocks of code, by CommonMark's rule: a run of
/// backticks ends with the next one that is as long.
fn without_code(markdown: &str) -> String {
    let (mut prose, mut rest) = (String::new(), markdown);
    while let Some(at) = rest.find('`') {
        let is_escaped = rest.get(..at).is_some_and(|it| it.ends_with('\\'));
        let run = rest[at..].len() - rest[at..].trim_start_matches('`').len();
        if is_escaped {
            prose.push_str(&rest[..=at]);
            rest = &rest[at + 1..];
            continue;
        }
        prose.push_str(&rest[..at]);
        let after = &rest[at + run..];
        let fence = "`".repeat(run);
        let mut from = 0;
        let end = loop {
            let found = from + after[from..].find(&fence).expect("an open span");
            let longer = after[found..].len() - after[found..].trim_start_matches('`').len();
            if longer == run {
                break found;
            }
            from = found + longer;
        };
        rest = &after[end + run..];
    }
    prose + rest
}

/// A sender may name any time.
#[test]
fn the_first_and_the_last_time_there_is_are_times() {
    for time in [
        "9999-12-30T21:55:00.1Z",
        "9999-12-30T22:00:00.999999999Z",
        "0001-01-01T00:00:00Z",
        "-009999-01-02T01:59:59Z",
    ] {
        for place in ["host", "3ad7b26ded6d"] {
            let body = json!({
                "rule": "x", "priority": "Error", "source": "syscall", "hostname": "h", "time": time,
                "output_fields": {"container.id": place, "proc.name": "a", "container.start_ts": 1},
            });
            let alert = alert(body.to_string());
            let other = at("x", "2026-11-25T10:00:09Z");
            among(&alert, &[other], Form::Text);
        }
    }
}

#[test]
fn commands_hold_a_value_quoted_or_not_at_all() {
    for value in HOSTILE {
        let report = alone(&of(value), Form::Markdown);
        let commands = report.split("```sh\n").nth(1).unwrap_or_default();
        let commands = commands.split("\n```").next().unwrap();
        for line in commands.lines().filter(|line| !line.starts_with('#')) {
            // What a shell makes of the line, without running it.
            let script = format!("set -- {line}\n");
            let first = line.split(' ').next().unwrap();
            let known = [
                "kubectl",
                "docker",
                "crictl",
                "journalctl",
                "stat",
                "dpkg",
                "ps",
                "ls",
                "last",
                "ss",
                "falco-gateway",
            ];
            assert!(known.contains(&first), "{line}");
            assert!(!script.contains("reboot") || script.contains("'"), "{line}");
        }
    }
}
