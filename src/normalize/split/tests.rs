use super::*;

const A: &str = r#"{"a":"}{"}"#;
const B: &str = "{\n  \"b\": [1]\n}";

/// `J`son, `T`ext, and reasons, each with its bytes.
fn pieces(body: &str) -> Vec<(String, String)> {
    split_as(body, Scope::Body)
}

fn split_as(body: &str, scope: Scope) -> Vec<(String, String)> {
    let pieces = split(body.as_bytes(), scope);
    let shown = pieces.into_iter().map(|piece| match piece.content {
        Content::Json(json) => ("J".to_owned(), json),
        Content::Text(text) => ("T".to_owned(), text),
        Content::Broken(fault) => (fault.reason.as_str().to_owned(), piece.whole),
    });
    shown
        .map(|(kind, bytes)| (kind, String::from_utf8_lossy(bytes).into_owned()))
        .collect()
}

fn expect(body: &str, expected: &[(&str, &str)]) {
    let expected: Vec<_> = expected
        .iter()
        .map(|(kind, bytes)| ((*kind).to_owned(), (*bytes).to_owned()))
        .collect();
    assert_eq!(pieces(body), expected, "{body}");
}

#[test]
fn objects_may_stand_in_any_arrangement() {
    for body in [
        format!("{A}{B}"),
        format!("{A}\n{B}\n"),
        format!("\u{feff}{A}\r\n\r\n{B}\r\n"),
        format!("[{A},{B}]"),
        format!(" [\n{A} ,\n{B}\n]\n"),
        format!("{A},\n{B},\n"),
    ] {
        expect(&body, &[("J", A), ("J", B)]);
    }
}

/// Files that each begin with one, put together.
#[test]
fn byte_order_marks_are_of_no_document() {
    let (first, second) = ("03:49:16.7: Warning a\nb", "03:49:17.7: Notice {}");
    expect(
        &format!("\u{feff}{first}\n\u{feff}{second}\n"),
        &[("T", first), ("T", second)],
    );
    for bad in ["hello", r#"{"x": "no end"#] {
        let kind = match bad {
            "hello" => "UNKNOWN_TEXT",
            _ => "INVALID_JSON",
        };
        let body = format!("{bad}\n\u{feff}{{}}\n\u{feff}[{A},\u{feff}{B}]");
        expect(&body, &[(kind, bad), ("J", "{}"), ("J", A), ("J", B)]);
    }
    let head = format!("\u{feff}\u{feff} \u{feff}host falco: {second}");
    let pieces = split(head.as_bytes(), Scope::Document);
    assert_eq!(pieces[0].whole, format!("host falco: {second}").as_bytes());
}

#[test]
fn a_bad_line_takes_no_other_with_it() {
    for bad in [r#"{"x":}"#, r#"{"x": "no end"#, r#"{"x": [1"#, r#"{"x" {"#] {
        let body = format!("{A}\n{bad}\n{A}\n");
        expect(&body, &[("J", A), ("INVALID_JSON", bad), ("J", A)]);
    }
    expect(
        &format!(r#"{A}{{"x":}}{A}"#),
        &[("J", A), ("INVALID_JSON", r#"{"x":}"#), ("J", A)],
    );
    expect(
        &format!(r#"[{{"x":}}, {A}, 5, [], nope, {A}]"#),
        &[
            ("INVALID_JSON", r#"{"x":}"#),
            ("J", A),
            ("NOT_AN_OBJECT", "5"),
            ("NOT_AN_OBJECT", "[]"),
            ("INVALID_JSON", "nope"),
            ("J", A),
        ],
    );
}

#[test]
fn what_is_cut_off_is_told() {
    expect(
        &format!("{A}\n{{\"b\""),
        &[("J", A), ("TRUNCATED", "{\"b\"")],
    );
    expect(&format!("[{A},"), &[("J", A), ("TRUNCATED", "")]);
}

#[test]
fn nothing_is_something_too() {
    for body in ["", " \r\n ", "[]", "\u{feff}"] {
        assert_eq!(pieces(body)[0].0, "EMPTY_BODY", "{body:?}");
    }
}

#[test]
fn text_reaches_to_the_next_head() {
    let (first, second) = (
        "03:49:16.746213907: Warning odd new\nline {\"a\": 1}\n{\"b\": 2}",
        "03:49:17.746213907: Notice x",
    );
    let body = format!("{first}\n{second}\n");
    expect(&body, &[("T", first), ("T", second)]);
    let whole = split_as(&body, Scope::Document);
    assert_eq!(whole, [("T".to_owned(), format!("{first}\n{second}"))]);
}

#[test]
fn prefixes_of_logs_are_left_out() {
    let (head, prefix) = ("11:15:04.9: Warning x", "Dec 14 11:15:04 host falco[7]: ");
    expect(
        &format!("{prefix}{head}\n{prefix}{head}"),
        &[("T", head), ("T", head)],
    );
    expect(
        &format!("{prefix}{A}\n2026-01-01T00:00:00Z {A}\n"),
        &[("J", A), ("J", A)],
    );
    expect(
        &format!("{A}\n{head}\nTue May 21 2019: Falco log\n{A}\n"),
        &[
            ("J", A),
            ("T", head),
            ("UNKNOWN_TEXT", "Tue May 21 2019: Falco log"),
            ("J", A),
        ],
    );
}

#[test]
fn pieces_of_json_are_refused_in_one() {
    let fragment = "\"rule\": \"x\",\n\"output_fields\": {\n  \"a\": 1\n}";
    expect(fragment, &[("NOT_AN_OBJECT", fragment)]);
    expect("null", &[("NOT_AN_OBJECT", "null")]);
    expect("hello", &[("UNKNOWN_TEXT", "hello")]);
}

#[test]
fn large_documents_are_refused_and_the_next_is_read() {
    let large = format!("{{\"a\":\"{}\"}}", "x".repeat(MAX_DOCUMENT_BYTES));
    let kinds: Vec<_> = pieces(&format!("{large}\n{A}"))
        .into_iter()
        .map(|(kind, _)| kind)
        .collect();
    assert_eq!(kinds, ["TOO_LARGE", "J"]);
}

#[test]
fn hostile_bodies_take_linear_time() {
    for piece in [
        "{\"a\":[\n",
        "{\"a\":}",
        "{\"a\":1} x ",
        "{\n",
        "1:",
        "[",
        "x{\"\n",
        "[1,",
        "[{",
        ", ",
        "{\n\n",
        "11:11:11.1",
        "a                                ",
        "a\n",
        "\"",
    ] {
        let body = piece.repeat(1_000_000 / piece.len());
        assert!(!split(body.as_bytes(), Scope::Body).is_empty());
    }
}

#[test]
fn a_body_of_too_many_documents_is_read_in_part() {
    let body = "{}".repeat(MAX_DOCUMENTS + 5);
    let pieces = split(body.as_bytes(), Scope::Body);
    assert_eq!(pieces.len(), MAX_DOCUMENTS + 1);
    let last = pieces.last().unwrap();
    assert_eq!(last.whole, b"{}{}{}{}{}");
    assert!(matches!(&last.content, Content::Broken(fault) if fault.reason == Reason::TooLarge));
}
