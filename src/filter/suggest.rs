//! Did you mean …?

/// The candidate that `word` most likely stands for, if any is likely.
pub(super) fn closest<'a>(
    word: &str,
    candidates: impl IntoIterator<Item = &'a str>,
) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = match word.chars().count() {
        0..=2 => 0,
        3..=5 => 1,
        6..=9 => 2,
        _ => 3,
    };
    candidates
        .into_iter()
        .filter_map(|candidate| {
            distance(&word, &candidate.to_lowercase(), allowed).map(|far| (far, candidate))
        })
        .min_by_key(|(far, candidate)| (*far, candidate.len()))
        .map(|(_, candidate)| candidate)
}

fn distance(word: &str, candidate: &str, allowed: usize) -> Option<usize> {
    let far = strsim::damerau_levenshtein(word, candidate);
    if far <= allowed {
        return Some(far);
    }
    // An abbreviation, such as `warn`; behind all real misspellings.
    (word.len() >= 3 && candidate.starts_with(word)).then_some(allowed + 1)
}

#[cfg(test)]
mod tests {
    use super::closest;

    #[test]
    fn misspellings_and_abbreviations_find_their_word() {
        let words = ["critical", "warning", "error", "startswith"];
        for (word, expected) in [
            ("warn", Some("warning")),
            ("WARNING", Some("warning")),
            ("critcal", Some("critical")),
            ("starts_with", Some("startswith")),
            ("err", Some("error")),
            ("banana", None),
            ("", None),
        ] {
            assert_eq!(closest(word, words), expected, "{word}");
        }
    }
}
