//! What a report is made of, whatever it is written in.

use std::fmt::Write as _;

/// How much of a value is shown, in characters.
const LONGEST_VALUE: usize = 1000;

/// A text that came with an alert, and that nobody may take for anything but text: what
/// controls a terminal or the direction of writing is spelled out, and it has an end.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Value(String);

impl Value {
    pub(super) fn of(text: &str) -> Self {
        let mut shown = String::with_capacity(text.len());
        for letter in text.chars().take(LONGEST_VALUE) {
            if is_plain(letter) {
                shown.push(letter);
            } else {
                shown.extend(letter.escape_default());
            }
        }
        let more = text.chars().skip(LONGEST_VALUE).count();
        if more > 0 {
            let _ = write!(shown, "… ({more} characters more)");
        }
        Self(shown)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whether it stands for itself, and does nothing else.
pub(super) fn is_plain(letter: char) -> bool {
    // Marks of direction, blanks that nobody sees, and letters that change the one before.
    let is_hidden = matches!(letter, '\u{a0}' | '\u{ad}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{e0000}'..='\u{e007f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}');
    !letter.is_control() && !is_hidden
}

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Inline {
    /// Our words.
    Text(String),
    /// Our words, where the eye should fall.
    Strong(String),
    /// A value.
    Value(Value),
    /// A link to a page, whose address is ours.
    Link { text: String, url: String },
}

/// A line, made piece by piece.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Line(pub(super) Vec<Inline>);

impl Line {
    pub(super) fn new() -> Self {
        Self::default()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Inline::Text(text.into()));
        self
    }

    pub(super) fn strong(mut self, text: impl Into<String>) -> Self {
        self.0.push(Inline::Strong(text.into()));
        self
    }

    pub(super) fn value(mut self, value: &str) -> Self {
        self.0.push(Inline::Value(Value::of(value)));
        self
    }

    pub(super) fn link(mut self, text: impl Into<String>, url: impl Into<String>) -> Self {
        let (text, url) = (text.into(), url.into());
        self.0.push(Inline::Link { text, url });
        self
    }

    pub(super) fn join(mut self, other: Self) -> Self {
        self.0.extend(other.0);
        self
    }

    /// Values, with commas between them.
    pub(super) fn values<'a>(mut self, values: impl IntoIterator<Item = &'a str>) -> Self {
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self = self.text(", ");
            }
            self = self.value(value);
        }
        self
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self::new().text(text)
    }
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        Self::new().text(text)
    }
}

/// A part of a section.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Block {
    /// The title of what follows.
    Heading(String),
    /// A paragraph.
    Paragraph(Line),
    /// Points.
    List(Vec<Line>),
    /// Rows below a head.
    Table {
        head: Vec<&'static str>,
        rows: Vec<Vec<Line>>,
    },
    /// Lines as they are, in a language.
    Code {
        language: &'static str,
        text: String,
    },
}

/// A section of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Section {
    pub(super) title: &'static str,
    pub(super) blocks: Vec<Block>,
}

impl Section {
    pub(super) fn new(title: &'static str) -> Self {
        let blocks = Vec::new();
        Self { title, blocks }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.blocks.is_empty()
    }

    pub(super) fn heading(&mut self, title: impl Into<String>) {
        self.blocks.push(Block::Heading(title.into()));
    }

    pub(super) fn paragraph(&mut self, line: impl Into<Line>) {
        let line = line.into();
        if !line.is_empty() {
            self.blocks.push(Block::Paragraph(line));
        }
    }

    pub(super) fn list(&mut self, lines: impl IntoIterator<Item = Line>) {
        let lines: Vec<_> = lines.into_iter().collect();
        if !lines.is_empty() {
            self.blocks.push(Block::List(lines));
        }
    }

    pub(super) fn table(&mut self, head: &[&'static str], rows: Vec<Vec<Line>>) {
        if !rows.is_empty() {
            let head = head.to_vec();
            self.blocks.push(Block::Table { head, rows });
        }
    }

    pub(super) fn code(&mut self, language: &'static str, text: impl Into<String>) {
        let text = text.into();
        self.blocks.push(Block::Code { language, text });
    }
}
