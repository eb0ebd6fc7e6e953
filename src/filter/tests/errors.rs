//! What a person who wrote a wrong filter is told.

use super::{super::*, filter};

/// Checks reason, the part of the text that is marked, and that the message and
/// the suggestion have these.
fn refused(text: &str, reason: Reason, marked: &str, message: &str, suggestion: Option<&str>) {
    let problem = match Filter::parse(text) {
        Err(problem) => problem,
        Ok(filter) => panic!("{text} is read as {filter}"),
    };
    let end = problem.position + problem.length;
    assert_eq!(problem.reason, reason, "{text}: {problem}");
    assert_eq!(&text[problem.position..end], marked, "{text}: {problem}");
    assert!(problem.message.contains(message), "{text}: {problem}");
    assert_eq!(
        problem.suggestion.as_deref(),
        suggestion,
        "{text}: {problem}"
    );
}

/// Text, what is marked, a part of the message, what is suggested.
type Case = (
    &'static str,
    &'static str,
    &'static str,
    Option<&'static str>,
);

const SYNTAX: &[Case] = &[
    (
        "proc.name",
        "",
        "expected an operator after `proc.name`",
        None,
    ),
    ("proc.name =", "", "expected a value after `=`", None),
    ("proc.name bash", "bash", "expected an operator", None),
    ("(proc.name = a", "(", "never closed", None),
    ("proc.name = a)", ")", "closes nothing", None),
    ("proc.name = \"a", "\"", "never closed", None),
    (
        "proc.name = a and",
        "",
        "expected a condition after `and`",
        None,
    ),
    (
        "and proc.name = a",
        "and",
        "expected a condition, found `and`",
        None,
    ),
    (
        "proc.name = a && fd.num = 1",
        "&&",
        "expected `and`",
        Some("and"),
    ),
    (
        "proc.name = a || fd.num = 1",
        "||",
        "expected `and`",
        Some("or"),
    ),
    (
        "proc.name = a AND fd.num = 1",
        "AND",
        "expected `and`",
        Some("and"),
    ),
    ("!proc.name = a", "!", "expected a condition", Some("not ")),
    ("proc.name =~ x", "=~ ", "is no operator", Some("regex ")),
    ("proc.name <> x", "<>", "is no operator", Some("!=")),
    (
        "proc.name like x",
        "like",
        "expected an operator",
        Some("glob"),
    ),
    (
        "proc.name contians x",
        "contians",
        "expected an operator",
        Some("contains"),
    ),
    ("proc.pid => 3", "=>", "", Some(">=")),
    (
        "proc.name in bash",
        "bash",
        "takes a list in parentheses",
        Some("(bash)"),
    ),
    ("proc.name = (a, b)", "=", "takes one value", Some("in")),
    (
        "rule = Write below etc",
        "Write below etc",
        "must be quoted",
        Some("\"Write below etc\""),
    ),
    (
        "proc.name not in (a)",
        "proc.name not ",
        "stands before the field",
        Some("not proc.name "),
    ),
    (
        "lower(proc.name) = a",
        "lower",
        "no transformer",
        Some("tolower"),
    ),
    (
        "tolower(proc.name = a",
        "=",
        "expected `)` after the field",
        None,
    ),
    ("proc.name = \"\\d\"", "\\d", "is no escape", Some("\\\\d")),
    ("proc.aname[ = a", "[", "never closed", None),
    (
        "proc.name regex \"a(\"",
        "\"a(\"",
        "not a regular expression: unclosed group",
        None,
    ),
    ("proc.aname[] = a", "[]", "expected an argument", None),
];

#[test]
fn syntax() {
    for (text, marked, message, suggestion) in SYNTAX {
        refused(text, Reason::Syntax, marked, message, *suggestion);
    }
}

const TYPES: &[Case] = &[
    ("priority = eror", "eror", "not a priority", Some("error")),
    ("priority >= 3", "3", "not a priority", None),
    ("priority = fatal", "fatal", "", Some("emergency")),
    ("priority contains err", "contains", "cannot compare", None),
    ("proc.pid = bash", "bash", "is a number", None),
    ("proc.pid > 1x", "1x", "compares numbers", None),
    (
        "proc.duration > 5s",
        "5s",
        "compares numbers",
        Some("5000000000"),
    ),
    ("rule > 3", ">", "cannot compare", None),
    ("proc.name >= 3", ">=", "cannot compare", None),
    ("kind = drops", "drops", "", Some("drop")),
    ("kind > drop", ">", "cannot compare", None),
    ("origin.transport = grpc", "grpc", "", Some("falco_grpc")),
    ("proc.is_exe_writable = yes", "yes", "", Some("true")),
    ("id = 12", "12", "no alert id", None),
    (
        "attack.tactic = persistance",
        "persistance",
        "no ATT&CK tactic",
        Some("persistence"),
    ),
    (
        "attack.technique = 1059",
        "1059",
        "no ATT&CK technique",
        None,
    ),
    (
        "proc.name = <NA>",
        "proc.name = <NA>",
        "nothing equals that",
        Some("not proc.name exists"),
    ),
    (
        "origin.label = a",
        "origin.label",
        "takes a key in brackets",
        None,
    ),
    ("rule[1] = a", "[1]", "takes no argument", None),
    ("tolower(proc.pid) = 1", "tolower", "is for text", None),
];

#[test]
fn types() {
    for (text, marked, message, suggestion) in TYPES {
        refused(text, Reason::Type, marked, message, *suggestion);
    }
}

#[test]
fn a_message_alone_is_enough() {
    let problem = Filter::parse("priority = eror").unwrap_err();
    assert!(problem.to_string().ends_with("did you mean `error`?"));
}

#[test]
fn fields_that_falco_lacks_are_warned_of() {
    let odd = filter("proc.nmae = a and proc.name = b and proc.nmae = c");
    let [warning] = odd.warnings() else {
        panic!("{:?}", odd.warnings());
    };
    assert_eq!((warning.position, warning.length), (0, 9));
    assert_eq!(warning.reason, Reason::UnknownField);
    assert_eq!(warning.suggestion.as_deref(), Some("proc.name"));
    let ours = filter("prority = a");
    assert_eq!(ours.warnings()[0].suggestion.as_deref(), Some("priority"));
    let known = "proc.name = a and proc.aname[3] = b and evt.arg.flags = c and fd.sip = 10.0.0.1";
    assert_eq!(filter(known).warnings(), []);
}

/// The largest that is taken, and the smallest that is not.
fn limit(largest: &str, smallest: &str) {
    filter(largest);
    let problem = Filter::parse(smallest).unwrap_err();
    assert_eq!(problem.reason, Reason::TooComplex, "{problem}");
}

#[test]
fn limits() {
    let of_length = |bytes: usize| format!("rule = {}", "x".repeat(bytes - 7));
    limit(&of_length(MAX_TEXT_BYTES), &of_length(MAX_TEXT_BYTES + 1));
    let nested = |depth: usize| format!("{}rule = x{}", "(".repeat(depth), ")".repeat(depth));
    limit(&nested(MAX_DEPTH), &nested(MAX_DEPTH + 1));
    let predicates = |count: usize| vec!["a = b"; count].join(" or ");
    limit(&predicates(MAX_PREDICATES), &predicates(MAX_PREDICATES + 1));
    let patterns = |count: usize| vec!["a regex b"; count].join(" or ");
    limit(&patterns(MAX_PATTERNS), &patterns(MAX_PATTERNS + 1));
    let wrapped = |count: usize| {
        let (open, close) = ("tolower(".repeat(count), ")".repeat(count));
        format!("{open}rule{close} = x")
    };
    limit(&wrapped(4), &wrapped(5));
    limit("a regex \"x{100}\"", "a regex \"(x{1000}){1000}\"");
}

#[test]
fn what_grows_by_normalising_is_measured_normalised() {
    // Each control character of one byte takes two.
    let grown = format!("rule = \"{}\"", "\t".repeat(MAX_TEXT_BYTES / 2 + 10));
    let problem = Filter::parse(&grown).unwrap_err();
    assert_eq!(problem.reason, Reason::TooComplex);
    assert_eq!((problem.position, problem.length), (0, grown.len()));
}
