//! How to have Falco say it less, or louder: overrides that Falco 0.40 and later load.
//!
//! By Falco's own loader: an exception that is appended needs a name that the rule does not
//! have yet, fields and values; what is appended to a condition is put behind it as it
//! stands, without brackets, so an exception is the safer way. Values get into the rule's
//! condition as text: what Falco's grammar would read otherwise is quoted once more.

use std::fmt::Write as _;

use super::{
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
        (Kind::Drop, _) => drops(&mut section),
        (Kind::Alert, "") | (Kind::Metrics | Kind::OtherInternal, _) => {}
        (Kind::Alert, rule) => of_rule(alert, rule, &mut section),
    }
    section
}

fn of_rule(alert: &Alert, rule: &str, section: &mut Section) {
    section.paragraph(
        "If it is nothing, and comes again, except what is known and no more. Put an override into a file of your own that \
         Falco loads after the one with the rule, such as one below /etc/falco/rules.d/, and try it with falco --validate \
         before you load it.",
    );
    let comparisons = comparisons(alert);
    if comparisons.is_empty() {
        section.paragraph(
            "This alert has no field by which such a case could be told safely; compare others of the rule before you \
             write an exception.",
        );
    } else {
        section.paragraph("An exception for the case of this alert:");
        section.code("yaml", exception(alert, rule, &comparisons));
        if comparisons.iter().any(|it| it.operator == "startswith") {
            section.paragraph(
                "The end of the name looks made up anew each time, so only its beginning is compared. Anything may take a \
                 name that begins so: prefer a field that tells the case better, if there is one.",
            );
        }
    }
    section.paragraph(
        "To change how loud the rule is, or to silence it altogether, which hides attacks, too:",
    );
    let loudness = louder(alert.priority).map(|priority| replacing(rule, "priority", priority));
    let silence = replacing(rule, "enabled", "false");
    let overrides: Vec<_> = loudness.into_iter().chain([silence]).collect();
    section.code("yaml", overrides.join("\n"));
    if let Some(quoted) = in_filter(rule) {
        section.paragraph(Line::from("To keep it in the log and out of one subscriber's sight, add to that one's filter: ").value(
            &format!("not rule = {quoted}"),
        ).text("."));
    }
}

/// The comparisons that tell this case, as far as its values can be compared with.
fn comparisons(alert: &Alert) -> Vec<Comparison> {
    let known = knowledge::rule(&alert.rule).map(|rule| rule.tune_by.as_slice());
    let fields: Vec<_> = match known {
        Some(fields) => fields.iter().map(String::as_str).collect(),
        None => usual_fields(Workload::of(alert)).to_vec(),
    };
    let comparisons = fields.into_iter().filter_map(|field| {
        let value = alert
            .output_fields
            .get(field)
            .filter(|it| !it.is_absent())?;
        comparison(field, &shown(value))
    });
    comparisons.take(MOST_FIELDS).collect()
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
        Workload::Okta => &["okta.actor.alternateID", "okta.evt.type"],
        Workload::Github => &["github.user", "github.repo"],
        Workload::Falco | Workload::Other => &[],
    }
}

fn comparison(field: &str, value: &str) -> Option<Comparison> {
    // Ports and addresses differ each time; so would the exception.
    let is_connection = field == "fd.name" && value.contains("->");
    if value.is_empty() || value.len() > LONGEST || is_connection {
        return None;
    }
    let (operator, value) = match stem(value) {
        Some(stem) => ("startswith", stem),
        None => ("=", value),
    };
    Some(Comparison {
        field: field.to_owned(),
        operator,
        value: in_condition(value)?,
    })
}

/// What stands before a random end of a path: letters of both cases, or letters and digits,
/// behind a hyphen, a dot or an underscore.
fn stem(value: &str) -> Option<&str> {
    let at = value.rfind(['-', '.', '_'])? + 1;
    let (stem, end) = value.split_at_checked(at)?;
    let has = |kind: fn(&char) -> bool| end.chars().any(|it| kind(&it));
    let lower = has(char::is_ascii_lowercase);
    let (upper, digit) = (has(char::is_ascii_uppercase), has(char::is_ascii_digit));
    let is_mixed = lower && (upper || digit) || upper && digit;
    let is_word = end.chars().all(|it| it.is_ascii_alphanumeric());
    let is_path = value.starts_with('/') && !stem.ends_with("/.");
    (is_path && is_word && is_mixed && (6..=16).contains(&end.len())).then_some(stem)
}

/// A value as Falco's loader puts it into a condition; none where it has no way to say it.
fn in_condition(value: &str) -> Option<String> {
    let is_bare = |it: char| it.is_ascii_alphanumeric() || matches!(it, '/' | '.' | ':' | '-');
    if value.chars().all(is_bare) {
        return Some(value.to_owned());
    }
    let is_sayable = value
        .chars()
        .all(|it| is_plain(it) && !matches!(it, '"' | '\\'));
    is_sayable.then(|| format!("\"{value}\""))
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

fn drops(section: &mut Section) {
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
            ("a\"b", None),
            ("a\\b", None),
            ("a\nb", None),
        ] {
            assert_eq!(in_condition(value).as_deref(), written, "{value}");
        }
    }

    #[test]
    fn a_random_end_is_told_from_a_name() {
        assert_eq!(
            stem("/bin/x-DropAndExecute-urWKNW"),
            Some("/bin/x-DropAndExecute-")
        );
        assert_eq!(stem("/tmp/tmp.a8Xk3Lq0"), Some("/tmp/tmp."));
        for value in [
            "/usr/bin/python3.11",
            "/usr/bin/falco-gateway",
            "/a/b",
            "a-urWKNW",
            "/x/.bashrc1",
        ] {
            assert_eq!(stem(value), None, "{value}");
        }
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
