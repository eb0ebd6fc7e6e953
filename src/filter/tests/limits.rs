//! The largest that is taken and the smallest that is not, of everything that has
//! a limit.

use super::{super::*, filter};

/// The largest that is taken, and the smallest that is not.
fn limit(largest: &str, smallest: &str, marked: &str, message: &str) {
    filter(largest);
    let problem = Filter::parse(smallest).unwrap_err();
    assert_eq!(problem.reason, Reason::TooComplex, "{problem}");
    let end = problem.position + problem.length;
    assert_eq!(&smallest[problem.position..end], marked, "{problem}");
    assert!(problem.message.contains(message), "{problem}");
}

#[test]
fn of_the_text() {
    let text = |bytes: usize| format!("rule = {}", "x".repeat(bytes - 7));
    let longest = text(MAX_TEXT_BYTES + 1);
    limit(
        &text(MAX_TEXT_BYTES),
        &longest,
        &longest,
        "8193 bytes, the limit is 8192",
    );
    // Bytes, not characters.
    let wide = format!("rule = {}", "é".repeat(MAX_TEXT_BYTES / 2));
    assert!(Filter::parse(&wide).is_err());
}

#[test]
fn of_depth() {
    let nested = |depth: usize| format!("{}rule = x{}", "(".repeat(depth), ")".repeat(depth));
    limit(
        &nested(MAX_DEPTH),
        &nested(MAX_DEPTH + 1),
        "(",
        "deeper than 32",
    );
    let alternating = |depth: usize| {
        let open = "not (a = b or (".repeat(depth / 2) + &"(".repeat(depth % 2);
        format!("{open}a = b{}", ")".repeat(depth))
    };
    limit(
        &alternating(MAX_DEPTH),
        &alternating(MAX_DEPTH + 1),
        "(",
        "deeper than 32",
    );
    // Beside each other they do not nest.
    filter(&vec!["((a = b))"; 2 * MAX_DEPTH].join(" and "));
    // A list and a transformer are no depth.
    let innermost = format!(
        "{}len(a) in (1, 2){}",
        "(".repeat(MAX_DEPTH),
        ")".repeat(MAX_DEPTH)
    );
    filter(&innermost);
}

#[test]
fn of_comparisons() {
    let predicates = |count: usize| vec!["a = b"; count].join(" or ");
    let too_many = predicates(MAX_PREDICATES + 1);
    limit(
        &predicates(MAX_PREDICATES),
        &too_many,
        "a",
        "more than 256 comparisons",
    );
}

#[test]
fn of_patterns() {
    for pattern in ["a regex b", "a glob b*c", "a iglob b", "a pmatch (/?)"] {
        let patterns = |count: usize| vec![pattern; count].join(" or ");
        filter(&patterns(MAX_PATTERNS));
        let problem = Filter::parse(&patterns(MAX_PATTERNS + 1)).unwrap_err();
        assert_eq!(problem.reason, Reason::TooComplex, "{pattern}: {problem}");
        assert!(
            problem.message.contains("more than 64 patterns"),
            "{problem}"
        );
    }
    let paths = |count: usize| format!("a pmatch ({})", vec!["/?"; count].join(","));
    limit(
        &paths(MAX_PATTERNS),
        &paths(MAX_PATTERNS + 1),
        "/?",
        "patterns",
    );
    // What needs no automaton is none.
    for simple in ["a glob *b*", "a pmatch (/b*)", "a contains b", "a = b"] {
        filter(&vec![simple; MAX_PATTERNS + 1].join(" or "));
    }
}

#[test]
fn of_transformers() {
    let wrapped = |count: usize| {
        let (open, close) = ("tolower(".repeat(count), ")".repeat(count));
        format!("{open}rule{close} = x")
    };
    limit(
        &wrapped(4),
        &wrapped(5),
        "tolower",
        "more than 4 transformers",
    );
}

/// Whatever the text's length allows.
#[test]
fn of_lists_there_is_none_but_the_texts() {
    let values = MAX_TEXT_BYTES / 3 - 10;
    let list = vec!["a"; values].join(", ");
    filter(&format!("rule in ({list})"));
    filter(&format!("tags intersects ({list})"));
}

#[test]
fn of_a_patterns_size() {
    let size = |small: &str, large: &str, marked: &str| {
        limit(
            small,
            large,
            marked,
            "262144 bytes when compiled: repeat less",
        );
    };
    size(
        "a regex x{100}",
        "a regex \"(x{1000}){1000}\"",
        "\"(x{1000}){1000}\"",
    );
    size("a regex x{100}", "a regex x{9999999}", "x{9999999}");
    size(
        "a regex \"[0-9A-Za-z_]{1,32}\"",
        "a regex \"\\\\w{1,32}\"",
        "\"\\\\w{1,32}\"",
    );
    let huge = format!("\"{}\"", "[^a]?".repeat(1600));
    size("a regex [^a]?", &format!("a regex {huge}"), &huge);
    let questions = "?".repeat(8000);
    size("a glob a?b", &format!("a glob {questions}"), &questions);
}

#[test]
fn what_grows_by_normalising_is_measured_normalised() {
    // Each control character of one byte takes two.
    let grown = format!("rule = \"{}\"", "\t".repeat(MAX_TEXT_BYTES / 2 + 10));
    let problem = Filter::parse(&grown).unwrap_err();
    assert_eq!(problem.reason, Reason::TooComplex);
    assert_eq!((problem.position, problem.length), (0, grown.len()));
}
