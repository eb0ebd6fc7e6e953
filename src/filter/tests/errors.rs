//! What a person who wrote a wrong filter is told.

use super::{super::*, filter};

/// A wrong text with the offending part in ‹›, a part of the message, what to
/// write in place of the offending part.
type Case = (&'static str, &'static str, Option<&'static str>);

fn refused(reason: Reason, (marked, message, suggestion): &Case) {
    let text = marked.replace(['‹', '›'], "");
    let start = marked.find('‹').unwrap();
    let end = marked.find('›').unwrap() - '‹'.len_utf8();
    let problem = match Filter::parse(&text) {
        Err(problem) => problem,
        Ok(filter) => panic!("{text} is read as {filter}"),
    };
    let (position, length) = (problem.position, problem.length);
    assert_eq!(
        (position, position + length),
        (start, end),
        "{text}: {problem}"
    );
    assert_eq!(problem.reason, reason, "{text}: {problem}");
    assert!(problem.message.contains(message), "{text}: {problem}");
    assert_eq!(
        problem.suggestion.as_deref(),
        *suggestion,
        "{text}: {problem}"
    );
    // Who does as suggested is through with it.
    if let Some(suggestion) = suggestion {
        let corrected = [&text[..start], suggestion, &text[end..]].concat();
        filter(&corrected);
    }
}

const SYNTAX: &[Case] = &[
    (
        "proc.name‹›",
        "expected an operator after `proc.name`",
        None,
    ),
    ("proc.name =‹›", "expected a value after `=`", None),
    ("proc.name ‹bash›", "expected an operator", None),
    ("‹(›proc.name = a", "never closed", None),
    ("proc.name = a‹)›", "closes nothing", None),
    ("proc.name = ‹\"›a", "never closed", None),
    (
        "proc.name = a and‹›",
        "expected a condition after `and`",
        None,
    ),
    (
        "‹and› proc.name = a",
        "expected a condition, found `and`",
        None,
    ),
    (
        "proc.name = a ‹&&› fd.num = 1",
        "expected `and`",
        Some("and"),
    ),
    (
        "proc.name = a ‹||› fd.num = 1",
        "expected `and`",
        Some("or"),
    ),
    (
        "proc.name = a ‹AND› fd.num = 1",
        "expected `and`",
        Some("and"),
    ),
    ("‹!›proc.name = a", "expected a condition", Some("not ")),
    ("proc.name ‹=~ ›x", "is no operator", Some("regex ")),
    ("proc.name ‹<>› x", "is no operator", Some("!=")),
    ("proc.name ‹like› x", "expected an operator", Some("glob")),
    (
        "proc.name ‹contians› x",
        "expected an operator",
        Some("contains"),
    ),
    ("proc.pid ‹=>› 3", "", Some(">=")),
    (
        "proc.name in ‹bash›",
        "takes a list in parentheses",
        Some("(bash)"),
    ),
    ("proc.name ‹=› (a, b)", "takes one value", Some("in")),
    (
        "rule = ‹Write below etc›",
        "must be quoted",
        Some("\"Write below etc\""),
    ),
    (
        "‹proc.name not ›in (a)",
        "stands before the field",
        Some("not proc.name "),
    ),
    ("‹lower›(proc.name) = a", "no transformer", Some("tolower")),
    (
        "tolower(proc.name ‹=› a",
        "expected `)` after the field",
        None,
    ),
    ("proc.name = \"‹\\d›\"", "is no escape", Some("\\\\d")),
    ("proc.aname‹[› = a", "never closed", None),
    (
        "proc.name regex ‹\"a(\"›",
        "not a regular expression: unclosed group",
        None,
    ),
    ("proc.aname‹[]› = a", "expected an argument", None),
    ("proc.aname[\"2\" ‹=› a", "argument, found `=`", None),
    ("proc.aname[‹\"›2] = a", "never closed", None),
    (
        "‹proc.name !~ ›x",
        "`!~` is no operator",
        Some("not proc.name regex "),
    ),
    (
        "proc.name ‹=~\"›x\"",
        "`=~` is no operator",
        Some("regex \""),
    ),
    (
        "proc.name in ‹a, 'b c'› or rule = x",
        "found `a`",
        Some("(a, 'b c')"),
    ),
    ("proc.name in ‹(›a, b", "never closed", None),
    ("proc.name in (a, ‹)›", "expected a value in the list", None),
    ("proc.name in (‹a b›)", "must be quoted", Some("\"a b\"")),
    ("proc.name startswith ‹(›a)", "takes one value", None),
    (
        "‹\"›rule\" = a",
        "such as `proc.name = bash`, found `\"`",
        None,
    ),
    (
        "rule = ‹a=b›",
        "with `=` in it must be quoted",
        Some("\"a=b\""),
    ),
    ("rule = ‹and›", "quote it", Some("\"and\"")),
    (
        "proc.name = ‹val›(proc.pname)",
        "cannot stand on the right",
        None,
    ),
    ("proc.name ‹bcontains› x", "raw bytes", None),
    ("‹b64›(proc.name) = x", "of Falco is not supported", None),
    (
        "spawned_process ‹and› rule = a",
        "macros of Falco's rule files",
        None,
    ),
    (
        "proc.name = a ‹proc.pid› = 3",
        "expected `and`, `or` or the end",
        None,
    ),
    (
        "rule = a and (rule = b ‹rule› = c)",
        "expected `and`, `or` or `)`",
        None,
    ),
    ("(‹)›", "expected a condition", None),
    ("not‹›", "expected a condition", None),
    ("len(‹)› = 1", "expected a field in `len(`", None),
    ("‹é› = 1", "found `é`", None),
    (
        "proc.name = é and\n ‹&› rule = a",
        "expected a condition",
        None,
    ),
    ("rule regex ‹\"(?=a)\"›", "look-around", None),
    ("rule regex ‹\"(a)\\\\1\"›", "backreferences", None),
];

#[test]
fn syntax() {
    SYNTAX.iter().for_each(|case| refused(Reason::Syntax, case));
}

const TYPES: &[Case] = &[
    ("priority = ‹eror›", "not a priority", Some("error")),
    ("priority >= ‹3›", "not a priority", None),
    ("priority = ‹fatal›", "", Some("emergency")),
    ("priority ‹contains› err", "cannot compare", None),
    ("proc.pid = ‹bash›", "is a number", None),
    ("proc.pid > ‹1x›", "compares numbers", None),
    (
        "proc.duration > ‹5s›",
        "compares numbers",
        Some("5000000000"),
    ),
    ("rule ‹>› 3", "cannot compare", None),
    ("proc.name ‹>=› 3", "cannot compare", None),
    ("kind = ‹drops›", "", Some("drop")),
    ("kind ‹>› drop", "cannot compare", None),
    ("origin.transport = ‹grpc›", "", Some("falco_grpc")),
    ("proc.is_exe_writable = ‹yes›", "", Some("true")),
    ("id = ‹12›", "no alert id", None),
    (
        "attack.tactic = ‹persistance›",
        "no ATT&CK tactic",
        Some("persistence"),
    ),
    ("attack.technique = ‹1059›", "no ATT&CK technique", None),
    (
        "‹proc.name = <NA>›",
        "nothing equals that",
        Some("not proc.name exists"),
    ),
    (
        "proc.name in (bash, ‹<NA>›)",
        "leave it out of the list",
        None,
    ),
    ("proc.pid in (‹\"<NA>\"›)", "or not proc.pid exists", None),
    ("tags intersects (‹<NA>›)", "nothing equals that", None),
    (
        "‹len(rule) = <NA>›",
        "nothing equals that",
        Some("not len(rule) exists"),
    ),
    (
        "priority in (error, ‹warn›)",
        "not a priority",
        Some("warning"),
    ),
    ("proc.pid = ‹'1\"'›", "and `1\"` is none", None),
    ("proc.pid ‹contains› 1", "cannot compare", None),
    (
        "proc.is_exe_writable ‹>› true",
        "its operators are = and !=",
        None,
    ),
    ("len(rule) = ‹four›", "`len(rule)` is a number", None),
    ("‹len›(len(rule)) = 4", "`len(rule)` is a number", None),
    ("‹field› = a", "takes a key in brackets", None),
    ("‹origin.label› = a", "takes a key in brackets", None),
    ("rule‹[1]› = a", "takes no argument", None),
    ("‹tolower›(proc.pid) = 1", "is for text", None),
];

#[test]
fn types() {
    TYPES.iter().for_each(|case| refused(Reason::Type, case));
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
