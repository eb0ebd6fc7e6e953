/// Something a careful reader should know about how an alert was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Remark {
    /// What it is about.
    pub kind: RemarkKind,
    /// The field; empty for the whole document.
    pub field: String,
    /// For people.
    pub detail: String,
}

/// The kinds of [`Remark`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum RemarkKind {
    /// A string was not valid Unicode: U+FFFD stands for what was not.
    InvalidUnicode,
    /// The sender or the gateway cut a value.
    Truncated,
    /// A key stood twice; the last one was taken.
    DuplicateKey,
    /// There was no usable time; the receive time stands in.
    TimeAssumed,
    /// Read from a text line: no rule, no fields.
    TextOnly,
    /// Not in Falco's shape in some other harmless way.
    UnusualShape,
    /// The source was not in the document and was inferred from its content.
    SourceInferred,
}
