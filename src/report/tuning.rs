//! How to have Falco say it less, or louder: overrides that Falco 0.40 and later load.
//!
//! By Falco's own loader: an exception that is appended needs a name that the rule does not
//! have yet, fields and values; what is appended to a condition is put behind it as it
//! stands, without brackets, so an exception is the safer way. Values get into the rule's
//! condition as text: what Falco's grammar would read otherwise is quoted once more.

use std::fmt::Write as _;

use super::{
    analysis::buffers_were_full,
    details::shown,
    document::{Line, Section, is_plain},
    knowledge,
    workload::Workload,
};
use crate::alert::{Alert, Kind, Priority};

/// How many fields an exception compares.
const MOST_FIELDS: usize = 3;

/// The longest value that is worth comparing with.
const LONGEST: usize = 300;

/// One comparison of an exception.
#[derive(Debug, PartialEq, Eq)]
struct Comparison {
    field: String,
    operator: &'static str,
    value: String,
}

pub(super) fn section(alert: &Alert) -> Section {
    let mut section = Section::new("Tuning");
    match (alert.kind, alert.rule.as_str()) {
        (Kind::Drop, _) => drops(alert, &mut section),
        (Kind::Alert, "") | (Kind::Metrics | Kind::OtherInternal, _) => {}
        (Kind::Alert, rule) => of_rule(alert, rule, &mut section),
    }
    section
}

fn of_rule(alert: &Alert, rule: &str, section: &mut Section) {
    section.paragraph(
        "If this is harmless and will come again, except what is known to be harmless, and no more. Put an override into a \
         file of your own that Falco loads after the one with the rule, such as one below /etc/falco/rules.d/, and try it \
         with falco --validate before you load it.",
    );
    match comparisons(alert) {
        Some(comparisons) if !comparisons.is_empty() => {
            section.paragraph("An exception made of this alert:");
            section.code("yaml", exception(alert, rule, &comparisons));
            section.paragraph(reach(&comparisons));
        }
        _ => section.paragraph(
            "No exception is offered: what would tell this case has a value that no rule of Falco's can name safely, or is \
             not in the alert. Compare several alerts of the rule before you write one.",
        ),
    }
    if let Some(priority) = louder(alert.priority) {
        section.paragraph("To make the rule louder:");
        section.code("yaml", replacing(rule, "priority", priority));
    }
    section.paragraph("To silence it altogether, which hides attacks, too:");
    section.code("yaml", replacing(rule, "enabled", "false"));
    if let Some(quoted) = in_filter(rule) {
        section.paragraph(
            Line::from("To keep it in the log and out of one subscriber's sight, add to that one's filter: ")
                .value(&format!("not rule = {quoted}"))
                .text("."),
        );
    }
}

/// What an exception excepts, which is more than the alert that it is made of.
fn reach(comparisons: &[Comparison]) -> Line {
    let fields = comparisons.iter().map(|it| it.field.as_str());
    let line =
        Line::from("It excepts every alert of the rule with these values of ").values(fields);
    let line =
        line.text(", whatever else it holds: add a field that tells the case, if there is one.");
    match comparisons.iter().any(|it| it.operator == "startswith") {
        true => line.text(
            " The end of a name looks made up anew each time, so only its beginning is compared, and anything may take a \
             name that begins so.",
        ),
        false => line,
    }
}

/// The comparisons that tell this case. None where a value that is there cannot be said: an
/// exception without it would except more than anybody thinks.
fn comparisons(alert: &Alert) -> Option<Vec<Comparison>> {
    let known = knowledge::rule(&alert.rule).map(|rule| rule.tune_by.as_slice());
    let fields: Vec<_> = match known {
        Some(fields) => fields.iter().map(String::as_str).collect(),
        None => usual_fields(Workload::of(alert)).to_vec(),
    };
    let value = |field: &str| {
        let value = alert.output_fields.get(field);
        let value = shown(value.filter(|it| !it.is_absent())?);
        (!value.is_empty()).then_some(value)
    };
    let mut comparisons = Vec::new();
    for field in fields.into_iter().take(MOST_FIELDS) {
        if let Some(value) = value(field) {
            comparisons.push(comparison(field, &value)?);
        }
    }
    // One alone is seldom enough to tell a case.
    let further = FURTHER
        .iter()
        .filter(|_| Workload::of(alert).has_processes());
    for field in further {
        let is_new = comparisons.iter().all(|it| it.field != *field);
        if comparisons.len() < 2
            && is_new
            && let Some(value) = value(field).filter(|value| lasts(value))
        {
            comparisons.extend(comparison(field, &value));
        }
    }
    Some(comparisons)
}

/// What tells more of a case of a process.
const FURTHER: [&str; 8] = [
    "fd.name",
    "evt.arg.newpath",
    "evt.arg.linkpath",
    "evt.arg.path",
    "evt.arg.name",
    "evt.arg.filename",
    "proc.exepath",
    "proc.pname",
];

/// Whether it may be the same the next time: no connection, and nothing of one process.
fn lasts(value: &str) -> bool {
    !value.contains("->") && !value.starts_with("/proc/") && stem(value).is_none()
}

/// What tells a case of a rule that nothing is known of.
fn usual_fields(workload: Workload) -> &'static [&'static str] {
    match workload {
        Workload::Pod | Workload::Container => &[
            "proc.exepath",
            "proc.name",
            "fd.name",
            "container.image.repository",
        ],
        Workload::Host => &["proc.exepath", "proc.name", "fd.name", "user.name"],
        Workload::KubernetesAudit => &["ka.user.name", "ka.verb", "ka.target.namespace"],
        Workload::Aws => &["ct.user", "ct.name"],
        Workload::Gcp => &["gcp.user", "gcp.methodName"],
        Workload::Okta => &["okta.actor.alternateid", "okta.evt.type"],
        Workload::Github => &["github.user", "github.repo"],
        Workload::Falco | Workload::Other => &[],
    }
}

fn comparison(field: &str, value: &str) -> Option<Comparison> {
    // Ports and addresses differ each time; so would the exception.
    if value.len() > LONGEST || value.contains("->") {
        return None;
    }
    let (operator, value) = match stem(value) {
        Some(stem) if is_telling(stem) => ("startswith", stem),
        Some(_) => return None,
        None => ("=", value),
    };
    Some(Comparison {
        field: field.to_owned(),
        operator,
        value: in_condition(value)?,
    })
}

/// What stands before a random end of a path, behind a hyphen, a dot or an underscore.
fn stem(value: &str) -> Option<&str> {
    let at = value.rfind(['-', '.', '_'])? + 1;
    let (stem, end) = value.split_at_checked(at)?;
    let is_path = value.starts_with('/') && !stem.ends_with("/.");
    (is_path && is_random(end)).then_some(stem)
}

/// Whether letters and digits look like made up by a program: small and capital letters
/// mixed, and not only at the beginning of words, or digits here and there among letters.
fn is_random(end: &str) -> bool {
    let letters: Vec<_> = end.chars().collect();
    if !(6..=16).contains(&letters.len()) || !letters.iter().all(char::is_ascii_alphanumeric) {
        return false;
    }
    let turns = |is: fn(&char) -> bool| {
        letters
            .windows(2)
            .filter(|it| matches!(it, [one, other] if is(one) != is(other)))
            .count()
    };
    let capitals = letters.iter().filter(|it| it.is_ascii_uppercase()).count();
    let digits = letters.iter().filter(|it| it.is_ascii_digit()).count();
    let in_a_row = letters
        .windows(2)
        .any(|it| it.iter().all(char::is_ascii_uppercase));
    let is_mixed = in_a_row && capitals < letters.len() - digits;
    is_mixed || turns(char::is_ascii_digit) >= 3 && digits * 2 <= letters.len() + 2
}

/// Whether few other things begin so.
fn is_telling(stem: &str) -> bool {
    let name = stem.rsplit('/').next().unwrap_or_default();
    let is_shared = ["/tmp/", "/var/tmp/", "/dev/shm/"]
        .iter()
        .any(|it| stem.starts_with(it));
    name.len() > 6 && !is_shared
}

/// A value as Falco's loader puts it into a condition; none where it has no way to say it.
fn in_condition(value: &str) -> Option<String> {
    let is_bare = |it: char| it.is_ascii_alphanumeric() || matches!(it, '/' | '.' | ':' | '-');
    if value.chars().all(is_bare) {
        return Some(value.to_owned());
    }
    let is_sayable = value.chars().all(|it| is_plain(it) && it != '\\');
    let quote = ['"', '\''].into_iter().find(|it| !value.contains(*it));
    let quote = quote.filter(|_| is_sayable)?;
    Some(format!("{quote}{value}{quote}"))
}

/// A rule's name as a filter of the gateway takes it.
fn in_filter(rule: &str) -> Option<String> {
    let is_sayable = rule
        .chars()
        .all(|it| is_plain(it) && !matches!(it, '"' | '\\'));
    is_sayable.then(|| format!("\"{rule}\""))
}

fn exception(alert: &Alert, rule: &str, comparisons: &[Comparison]) -> String {
    let list = |items: Vec<String>| items.join(", ");
    let fields = list(comparisons.iter().map(|it| yaml(&it.field)).collect());
    let operators = list(comparisons.iter().map(|it| yaml(it.operator)).collect());
    let values = list(comparisons.iter().map(|it| yaml(&it.value)).collect());
    let id = alert.id.to_string();
    let id = id.get(..8).unwrap_or(&id);
    format!(
        "- rule: {}\n  exceptions:\n    - name: as_alert_{id}\n      fields: [{fields}]\n      comps: [{operators}]\n      \
         values:\n        - [{values}]\n  override:\n    exceptions: append\n",
        yaml(rule)
    )
}

fn replacing(rule: &str, key: &str, value: &str) -> String {
    let rule = yaml(rule);
    format!("- rule: {rule}\n  {key}: {value}\n  override:\n    {key}: replace\n")
}

/// The next worse level, as rules have it.
fn louder(priority: Priority) -> Option<&'static str> {
    Some(match priority {
        Priority::Debug => "INFO",
        Priority::Informational => "NOTICE",
        Priority::Notice => "WARNING",
        Priority::Warning => "ERROR",
        Priority::Error => "CRITICAL",
        Priority::Critical => "ALERT",
        Priority::Alert => "EMERGENCY",
        Priority::Emergency => return None,
    })
}

/// A text as a scalar of YAML, in quotes.
fn yaml(text: &str) -> String {
    if text.chars().all(|it| is_plain(it) && it != '\'') {
        return format!("'{text}'");
    }
    let mut out = String::from("\"");
    for letter in text.chars() {
        match letter {
            '"' | '\\' => out.extend(['\\', letter]),
            letter if is_plain(letter) => out.push(letter),
            letter => {
                let _ = write!(out, "\\U{:08x}", u32::from(letter));
            }
        }
    }
    out + "\""
}

fn drops(alert: &Alert, section: &mut Section) {
    if buffers_were_full(alert) == Some(false) {
        section.paragraph(
            "They were not lost for want of room in the buffers, so larger ones would not help: the other counters above tell \
             why. Look for a newer Falco and driver.",
        );
        return;
    }
    section.paragraph(
        "Give Falco more CPU, or less to look at: a larger buffer between the kernel and Falco, and rules that need fewer \
         system calls. In falco.yaml, for the modern eBPF driver, one step up from the default:",
    );
    section.code(
        "yaml",
        "engine:\n  kind: modern_ebpf\n  modern_ebpf:\n    buf_size_preset: 5\n",
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_falco_would_read_something_else() {
        for (value, written) in [
            ("/usr/bin/vi", Some("/usr/bin/vi")),
            ("a b", Some("\"a b\"")),
            ("a,b", Some("\"a,b\"")),
            ("shell_binaries", Some("\"shell_binaries\"")),
            ("it's", Some("\"it's\"")),
            ("a\"b", Some("'a\"b'")),
            ("a\"b'c", None),
            ("a\\b", None),
            ("a\nb", None),
        ] {
            assert_eq!(in_condition(value).as_deref(), written, "{value}");
        }
    }

    #[test]
    fn a_random_end_is_told_from_a_name() {
        for (value, its) in [
            ("/bin/x-DropAndExecute-urWKNW", "/bin/x-DropAndExecute-"),
            ("/tmp/tmp.a8Xk3Lq0", "/tmp/tmp."),
        ] {
            assert_eq!(stem(value), Some(its));
        }
        for value in [
            "/usr/bin/python3.11",
            "/usr/bin/falco-gateway",
            "/a/b",
            "a-urWKNW",
            "/x/.bashrc1",
            "/opt/app-20241105T10",
            "/usr/bin/x86_64-linux-gnu-gcc_Static",
            "/usr/bin/clang-format14",
            "/usr/bin/mysql-router8",
        ] {
            assert_eq!(stem(value), None, "{value}");
        }
        assert!(
            is_telling("/bin/x-DropAndExecute-") && !is_telling("/tmp/tmp.") && !is_telling("/-")
        );
    }

    #[test]
    fn yaml_reads_back_what_was_written() {
        for text in [
            "plain",
            "it's",
            "a: b # c",
            "\"q\"",
            "back\\slash 'x'",
            "\u{202e}x\n",
            "=",
            "日本",
        ] {
            let read: String = serde_saphyr::from_str(&yaml(text)).unwrap();
            assert_eq!(read, text);
        }
    }
}
