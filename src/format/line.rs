use std::fmt::Write as _;

use serde::Serialize;

/// `value` as JSON on one line, in characters that neither end a line nor steer a
/// terminal.
///
/// JSON may hold U+2028, U+0085 and the like as they are; some readers take them
/// for line ends. They stand in strings only, where an escape means the same.
pub(super) fn json<T: Serialize>(value: &T) -> String {
    // Maps with keys of text and finite numbers: there is nothing to refuse.
    let text = serde_json::to_string(value).unwrap_or_default();
    if !text.contains(steers) {
        return text;
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for letter in text.chars() {
        if steers(letter) {
            let _ = write!(safe, "\\u{:04x}", u32::from(letter));
        } else {
            safe.push(letter);
        }
    }
    safe
}

/// `text` with every character that could end a line or steer a terminal written
/// out as JSON would: `\n`, `\u001b`.
pub(super) fn visible(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '\n' => safe.push_str("\\n"),
            '\r' => safe.push_str("\\r"),
            '\t' => safe.push_str("\\t"),
            _ if steers(letter) => {
                let _ = write!(safe, "\\u{:04x}", u32::from(letter));
            }
            _ => safe.push(letter),
        }
    }
    safe
}

/// Control characters, separators of lines, and what changes the direction or
/// the visibility of text. All are of the basic plane: four digits name them.
fn steers(letter: char) -> bool {
    letter.is_control()
        || matches!(letter, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// At most so many characters of `text`, with a mark where something was cut.
pub(super) fn cut(text: &str, characters: usize) -> String {
    if text.char_indices().nth(characters).is_none() {
        return text.to_owned();
    }
    let kept = characters.saturating_sub(CUT.len());
    text.chars().take(kept).chain(CUT.chars()).collect()
}

/// At most so many bytes of `text`, with a mark where something was cut.
pub(super) fn cut_bytes(text: &str, bytes: usize) -> String {
    if text.len() <= bytes {
        return text.to_owned();
    }
    let kept = text.floor_char_boundary(bytes.saturating_sub(CUT.len()));
    let (kept, _) = text.split_at(kept);
    format!("{kept}{CUT}")
}

/// The mark that falcosidekick leaves too.
const CUT: &str = "[...]";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_means_the_same_and_has_no_line_end() {
        let text = "a\nb\u{2028}c\u{85}d\u{9b}e\u{7f}\u{202e}\u{fffd}\u{0}é";
        let line = json(&text);
        assert!(!line.contains(steers), "{line}");
        assert_eq!(serde_json::from_str::<String>(&line).unwrap(), text);
    }

    #[test]
    fn what_is_long_is_cut_between_characters_and_marked() {
        assert_eq!(cut("ééééééé", 7), "ééééééé");
        assert_eq!(cut("éééééééé", 7), "éé[...]");
        assert_eq!(cut_bytes("éééé", 8), "éééé");
        assert_eq!(cut_bytes("ééééé", 8), "é[...]");
        assert_eq!(visible("a\r\n\u{1b}\t\u{2028}"), "a\\r\\n\\u001b\\t\\u2028");
    }
}
