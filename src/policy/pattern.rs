use std::fmt;

/// A text in which each `*` stands for any run of characters, none included.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern {
    text: String,
}

impl Pattern {
    /// Reads a pattern; every text is one.
    pub fn new(text: impl Into<String>) -> Self {
        Self { text: text.into() }
    }

    /// As it was written.
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Whether it stands for all of `text`. Takes time linear in the text for each `*`.
    pub fn matches(&self, text: &str) -> bool {
        let Some((head, rest)) = self.text.split_once('*') else {
            return self.text == text;
        };
        let Some(mut left) = text.strip_prefix(head) else {
            return false;
        };
        let (middle, tail) = rest.rsplit_once('*').unwrap_or(("", rest));
        // The earliest place of each is the best: it leaves the most to the next.
        for part in middle.split('*') {
            match left.split_once(part) {
                Some((_, after)) => left = after,
                None => return false,
            }
        }
        left.ends_with(tail)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_star_stands_for_any_run() {
        for (pattern, good, bad) in [
            ("a", vec!["a"], vec!["", "aa", "b"]),
            ("*", vec!["", "a", "a/b"], vec![]),
            (
                "proc.*",
                vec!["proc.name", "proc."],
                vec!["proc", "xproc.name"],
            ),
            (
                "a*b*c",
                vec!["abc", "a-b-b-c", "abcc"],
                vec!["ab", "acb", "abcd"],
            ),
            ("*a*", vec!["a", "bab"], vec!["", "b"]),
            ("a*a", vec!["aa", "aba"], vec!["a", "ab"]),
            ("a**b", vec!["ab", "axb"], vec!["a"]),
        ] {
            let pattern = Pattern::new(pattern);
            for text in good {
                assert!(pattern.matches(text), "{pattern} {text:?}");
            }
            for text in bad {
                assert!(!pattern.matches(text), "{pattern} {text:?}");
            }
        }
    }

    /// As one would say it, however long it takes.
    fn naive(pattern: &[u8], text: &[u8]) -> bool {
        match pattern.split_first() {
            None => text.is_empty(),
            Some((b'*', rest)) => (0..=text.len()).any(|cut| naive(rest, &text[cut..])),
            Some((first, rest)) => text
                .split_first()
                .is_some_and(|(one, left)| one == first && naive(rest, left)),
        }
    }

    proptest! {
        #[test]
        fn it_is_what_one_would_say(pattern in "[ab*]{0,6}", text in "[ab]{0,8}") {
            let said = naive(pattern.as_bytes(), text.as_bytes());
            prop_assert_eq!(Pattern::new(pattern).matches(&text), said);
        }
    }
}
