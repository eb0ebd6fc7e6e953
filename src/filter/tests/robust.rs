//! Whatever is typed: an answer, never a panic, and one normal spelling.

use proptest::prelude::*;

use super::{super::*, alert, filter};

/// Something like a filter, mostly wrong.
fn almost() -> impl Strategy<Value = String> {
    let token = prop_oneof![
        Just("proc.name"),
        Just("priority"),
        Just("tags"),
        Just("proc.aname[2]"),
        Just("len("),
        Just("tolower("),
        Just("field[\"x\"]"),
        Just("("),
        Just(")"),
        Just("and"),
        Just("or"),
        Just("not"),
        Just("="),
        Just("!="),
        Just(">="),
        Just("<"),
        Just("in"),
        Just("contains"),
        Just("regex"),
        Just("glob"),
        Just("exists"),
        Just("intersects"),
        Just("pmatch"),
        Just("bash"),
        Just("error"),
        Just("\"a b\""),
        Just("'"),
        Just("\\"),
        Just(","),
        Just("0x1f"),
        Just("é"),
        Just("["),
        Just("]"),
        Just("*?["),
        Just("\u{0}"),
        Just("T1059"),
        Just("\n"),
    ];
    prop::collection::vec(token, 0..30).prop_map(|tokens| tokens.join(" "))
}

/// A problem must point into the text, at whole characters.
fn check(text: &str) {
    match Filter::parse(text) {
        Ok(filter) => {
            let again = Filter::parse(filter.canonical()).unwrap_or_else(|problem| {
                panic!("{text:?} became {:?}: {problem}", filter.canonical())
            });
            assert_eq!(again.canonical(), filter.canonical(), "{text:?}");
            assert_eq!(again.fields(), filter.fields());
        }
        Err(problem) => {
            let end = problem.position + problem.length;
            assert!(
                text.get(problem.position..end).is_some(),
                "{text:?} {problem:?}"
            );
            assert!(!problem.message.is_empty());
            let _ = problem.pointer(text);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn any_text_is_answered(text: String) {
        check(&text);
    }

    #[test]
    fn almost_filters_are_answered(text in almost()) {
        check(&text);
    }

    #[test]
    fn any_value_can_be_quoted(value: String, key: String) {
        prop_assume!(value.len() < 1000 && !key.is_empty() && key.len() < 1000);
        let quoted = quote::Quoted(&value).to_string();
        let key = quote::Quoted(&key).to_string();
        check(&format!("rule = {quoted} or field[{key}] contains {quoted}"));
    }
}

/// Far more than the stack has room for, were each a call.
#[test]
fn depth_is_refused_before_it_is_deep() {
    for open in [
        "(",
        "not (",
        "not ",
        "(not ",
        "not(not (",
        "(a = b and ",
        "(a = b or not (a = b and ",
        "not not (",
        "len(",
        "len( tolower(",
        "proc.name = (",
        "a in (",
        "a = b and ",
        "a exists or not ",
        "field[",
        "a[[",
        "[",
        "\"",
        "'",
        "\\",
        "\"\\\"",
    ] {
        for text in [
            open.repeat(100_000),
            open.repeat(MAX_TEXT_BYTES / open.len()),
        ] {
            assert!(Filter::parse(&text).is_err(), "{open}");
            check(&text);
        }
    }
    check(&format!("{}rule = x", "not ".repeat(1500)));
}

/// A pattern has a grammar of its own to be deep or large in.
#[test]
fn a_pattern_cannot_be_deep_or_large() {
    let bytes = MAX_TEXT_BYTES - 20;
    for pattern in [
        "(".repeat(bytes),
        format!(
            "{}a{}",
            "(".repeat(bytes / 2 - 1),
            ")".repeat(bytes / 2 - 1)
        ),
        "[".repeat(bytes),
        "(?i:".repeat(bytes / 4),
        format!("a{}", "{1000}".repeat(bytes / 6 - 1)),
        "(a|b{500}){500}{500}".to_owned(),
        ".{60000}".to_owned(),
    ] {
        let text = format!("rule regex {}", quote::Quoted(&pattern));
        let problem = Filter::parse(&text).unwrap_err();
        assert!(matches!(
            problem.reason,
            Reason::Syntax | Reason::TooComplex
        ));
        assert_eq!(problem.position, "rule regex ".len(), "{problem}");
        assert!(problem.message.len() < 300, "{problem}");
        check(&text);
    }
    // To a glob these are plain characters.
    for pattern in ["(".repeat(bytes), "[".repeat(bytes / 4), "*a".repeat(500)] {
        check(&format!("rule glob {}", quote::Quoted(&pattern)));
    }
}

#[test]
fn canonical_spelling() {
    let cases = [
        ("priority>=Error", "priority >= error"),
        ("  proc.name   ==  \"bash\"  ", "proc.name = bash"),
        ("((rule = a))", "rule = a"),
        (
            "(rule = a and rule = b) or rule = c",
            "rule = a and rule = b or rule = c",
        ),
        (
            "rule = a and (rule = b or rule = c)",
            "rule = a and (rule = b or rule = c)",
        ),
        (
            "rule = a and (rule = b and rule = c)",
            "rule = a and rule = b and rule = c",
        ),
        ("not not rule = a", "rule = a"),
        ("not (not (rule = a))", "rule = a"),
        ("not (rule = a or rule = b)", "not (rule = a or rule = b)"),
        ("rule in('b',a)", "rule in (b, a)"),
        ("rule = 'it\\'s'", "rule = \"it's\""),
        ("rule = 'and'", "rule = \"and\""),
        ("attack.tactic = Persistence", "attack.tactic = persistence"),
        ("field[proc.name] = a", "proc.name = a"),
    ];
    for (text, canonical) in cases {
        assert_eq!(filter(text).canonical(), canonical, "{text}");
        check(text);
    }
}

/// A pattern that makes a backtracking engine take for ever.
#[test]
fn regexes_take_linear_time() {
    let hostile = alert(&format!(
        r#"{{"rule":"{}!","priority":"Debug","time":"2026-11-25T10:00:00Z","output":""}}"#,
        "a".repeat(1000)
    ));
    assert!(!filter("rule regex \"(a+)+\"").matches(&hostile));
    assert!(!filter("rule glob *a*a*a*a*a*a*a*a*b").matches(&hostile));
}

/// Keys of the output are anybody's: they may look like the language itself.
fn key() -> impl Strategy<Value = String> {
    let words = [
        "not", "and", "or", "in", "exists", "len", "field", "rule", "a", "_1",
    ];
    let signs = [
        ".", "[", "]", "(", ")", "\"", "'", "\\", " ", ",", "=", "é", "\n",
    ];
    let word = || prop::sample::select(words.to_vec());
    let name = prop::collection::vec(word(), 1..4).prop_map(|words| words.join("."));
    let sign = prop::sample::select(signs.to_vec());
    let wild = prop::collection::vec(prop_oneof![word(), sign], 1..6);
    let wild = wild.prop_map(|parts| parts.concat());
    prop_oneof![
        name.clone(),
        (name, wild.clone()).prop_map(|(name, argument)| format!("{name}[{argument}]")),
        wild,
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn any_key_has_a_spelling(key in key()) {
        let quoted = quote::Quoted(&key).to_string();
        for text in [
            format!("field[{quoted}] = a"),
            format!("not field[{quoted}] = a and len(field[{quoted}]) > 2"),
            format!("origin.label[{quoted}] = a"),
        ] {
            check(&text);
        }
    }
}
