//! Bytes to documents: where each begins and ends, and nothing more.
//!
//! JSON is cut by its own grammar, so documents may stand one after the other
//! with or without line ends, be spread over lines, or be the elements of an
//! array. After what is no JSON, reading goes on behind it if its brackets match
//! within the line, else at the next line that begins with an object: a bad line
//! takes no other with it.
//!
//! Text alerts begin with Falco's clock and priority, at the start of a line or
//! behind the prefix of a log, and reach to the next line that begins so: values
//! hold line ends. (So a value can feign another text alert. Text has no defence
//! against that; JSON is the form that does.)

mod line;
#[cfg(test)]
mod tests;

use serde::de::IgnoredAny;

use self::line::{Line, unknown};
use super::{
    MAX_DOCUMENT_BYTES, MAX_DOCUMENTS,
    reject::{Fault, Reason},
    text::Head,
};

/// One document, and how it is to be read.
#[derive(Debug)]
pub(super) struct Piece<'a> {
    /// With the prefix of a log that it may have.
    pub(super) whole: &'a [u8],
    pub(super) content: Content<'a>,
}

#[derive(Debug)]
pub(super) enum Content<'a> {
    /// A JSON object.
    Json(&'a [u8]),
    /// A text alert, from its clock on.
    Text(&'a [u8]),
    /// No document.
    Broken(Fault),
}

/// How far a text alert may reach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Scope {
    /// To the next one that begins at a line's start.
    Body,
    /// To the end: there is just one.
    Document,
}

/// The documents in `bytes`, in order. There is always at least one piece.
pub(super) fn split(bytes: &[u8], scope: Scope) -> Vec<Piece<'_>> {
    let mut splitter = Splitter {
        bytes,
        at: 0,
        scope,
        json: false,
        in_array: false,
        patience: bytes.len().saturating_mul(4).saturating_add(1 << 16),
        pieces: Vec::new(),
    };
    splitter.run();
    splitter.pieces
}

/// What some put before a text. Where files were put together it stands within.
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

struct Splitter<'a> {
    bytes: &'a [u8],
    at: usize,
    scope: Scope,
    /// JSON was seen, so a text alert is a stray line.
    json: bool,
    in_array: bool,
    /// How many bytes may still be read in vain. Going on after an error reads
    /// some bytes again; without a bound, a body could be made that is read again
    /// from every one of its pieces.
    patience: usize,
    pieces: Vec<Piece<'a>>,
}

impl<'a> Splitter<'a> {
    fn run(&mut self) {
        loop {
            self.skip_white_space();
            let Some(byte) = self.rest().first() else {
                return self.end();
            };
            if self.pieces.len() >= MAX_DOCUMENTS {
                return self.broken(self.bytes.len(), too_many());
            }
            match byte {
                b'{' => self.object(self.at),
                b'[' if !self.in_array && self.opens_array() => {
                    self.at += 1;
                    self.json = true;
                    self.in_array = true;
                }
                b',' if self.json => self.at += 1,
                b']' if self.in_array => {
                    self.at += 1;
                    self.in_array = false;
                }
                _ if self.in_array => self.stray_element(),
                _ => self.line(),
            }
        }
    }

    fn end(&mut self) {
        if self.in_array {
            self.broken(
                self.bytes.len(),
                Fault::new(Reason::Truncated, "the array has no end"),
            );
        } else if self.pieces.is_empty() {
            self.at = 0;
            self.broken(
                self.bytes.len(),
                Fault::new(Reason::EmptyBody, "there is no document in it"),
            );
        }
    }

    /// An object that begins here, and whose document began at `whole`.
    fn object(&mut self, whole: usize) {
        self.json = true;
        let start = self.at;
        match self.scan() {
            Ok(end) => self.push(whole, end, Content::Json(self.slice(start, end))),
            Err(fault) => {
                let end = self.resume();
                self.push(whole, end, Content::Broken(fault));
            }
        }
    }

    /// Something in an array that is no object.
    fn stray_element(&mut self) {
        match self.scan() {
            Ok(end) => {
                let fault = Fault::new(Reason::NotAnObject, "an element that is no object");
                self.broken(end, fault);
            }
            Err(fault) => {
                let ends = |byte: &u8| b",]\n".contains(byte);
                let behind = self.rest().iter().skip(1).position(ends);
                let end = behind.map_or(self.bytes.len(), |length| self.at + 1 + length);
                self.broken(end, fault);
            }
        }
    }

    /// A line that does not begin as JSON does.
    fn line(&mut self) {
        let start = self.at;
        let line = self.slice(start, self.line_end(start));
        if !self.spend(line.len()) {
            return self.broken(self.bytes.len(), out_of_patience());
        }
        match Line::of(line) {
            Line::Alert { head_at } => self.text(start, start + head_at),
            Line::Wrapped { json_at } => {
                self.at = start + json_at;
                self.object(start);
            }
            Line::Unknown => {
                let end = self.unknown_end(start);
                let fault = unknown(self.slice(start, end));
                self.broken(end, fault);
            }
        }
    }

    fn text(&mut self, whole: usize, head: usize) {
        let end = match self.scope {
            Scope::Document => self.bytes.len(),
            Scope::Body if self.json => self.line_end(head),
            Scope::Body => self.text_end(head, head > whole),
        };
        let text = trim_line_ends(self.slice(head, end));
        if text.len() > MAX_DOCUMENT_BYTES {
            self.push(whole, end, Content::Broken(Fault::too_large()));
        } else {
            self.push(whole, end, Content::Text(text));
        }
    }

    /// Where a text alert ends: where the next one begins, which has a prefix if
    /// this one has.
    fn text_end(&self, head: usize, prefixed: bool) -> usize {
        let begins = |line: &[u8]| {
            if prefixed {
                matches!(Line::of(line), Line::Alert { .. })
            } else {
                Head::at_start(trim_start(line)).is_some()
            }
        };
        self.next_line(head, begins)
    }

    /// Where lines end that are nothing known: where something known begins.
    fn unknown_end(&self, start: usize) -> usize {
        self.next_line(start, |line| {
            begins_object(line) || !matches!(Line::of(line), Line::Unknown)
        })
    }

    /// Where the JSON value ends that begins here.
    fn scan(&mut self) -> Result<usize, Fault> {
        if self.patience == 0 {
            return Err(out_of_patience());
        }
        let rest = self.rest();
        let window = rest.get(..MAX_DOCUMENT_BYTES).unwrap_or(rest);
        let mut values = serde_json::Deserializer::from_slice(window).into_iter::<IgnoredAny>();
        let error = match values.next() {
            Some(Ok(_)) => return Ok(self.at + values.byte_offset()),
            Some(Err(error)) => error,
            None => return Err(Fault::new(Reason::InvalidJson, "nothing")),
        };
        self.spend(offset(window, &error));
        if !error.is_eof() {
            Err(Fault::new(
                Reason::InvalidJson,
                format!("invalid JSON: {error}"),
            ))
        } else if window.len() < rest.len() {
            Err(Fault::too_large())
        } else {
            Err(Fault::new(
                Reason::Truncated,
                format!("the document has no end: {error}"),
            ))
        }
    }

    /// Where to go on after a syntax error in the value that begins here.
    fn resume(&self) -> usize {
        if self.patience == 0 {
            return self.bytes.len();
        }
        let rest = self.rest();
        let within_line = matching_bracket(rest).filter(|length| {
            let behind = rest.get(*length..).unwrap_or_default();
            let behind = behind.trim_ascii_start();
            matches!(behind.first(), None | Some(b'{' | b',' | b']'))
        });
        within_line.map_or_else(
            || self.next_line(self.at, begins_object),
            |length| self.at + length,
        )
    }

    /// Takes from the patience; false if there is none left.
    fn spend(&mut self, bytes: usize) -> bool {
        self.patience = self.patience.saturating_sub(bytes);
        self.patience > 0
    }

    /// The start of the next line that `begins` a document; else the end.
    fn next_line(&self, from: usize, begins: impl Fn(&[u8]) -> bool) -> usize {
        let mut start = self.line_end(from);
        while start < self.bytes.len() {
            start += 1;
            let end = self.line_end(start);
            if begins(self.slice(start, end)) {
                return start;
            }
            start = end;
        }
        self.bytes.len()
    }

    /// Where the line ends that `from` is in.
    fn line_end(&self, from: usize) -> usize {
        let rest = self.slice(from, self.bytes.len());
        rest.iter()
            .position(|byte| *byte == b'\n')
            .map_or(self.bytes.len(), |length| from + length)
    }

    fn opens_array(&self) -> bool {
        // A text line may begin with a bracket too.
        let behind = self.rest().get(1..).unwrap_or_default();
        let first = behind.trim_ascii_start().first();
        first.is_none_or(|byte| b"{[]\"-0123456789tfn".contains(byte))
    }

    fn broken(&mut self, end: usize, fault: Fault) {
        self.push(self.at, end, Content::Broken(fault));
    }

    fn push(&mut self, start: usize, end: usize, content: Content<'a>) {
        let whole = trim_line_ends(self.slice(start, end));
        self.pieces.push(Piece { whole, content });
        self.at = end;
    }

    fn skip_white_space(&mut self) {
        let rest = self.rest();
        self.at += rest.len() - trim_start(rest).len();
    }

    fn rest(&self) -> &'a [u8] {
        self.slice(self.at, self.bytes.len())
    }

    fn slice(&self, start: usize, end: usize) -> &'a [u8] {
        self.bytes.get(start..end).unwrap_or_default()
    }
}

/// Without white space and marks before it.
fn trim_start(bytes: &[u8]) -> &[u8] {
    let mut rest = bytes.trim_ascii_start();
    while let Some(behind) = rest.strip_prefix(BYTE_ORDER_MARK) {
        rest = behind.trim_ascii_start();
    }
    rest
}

/// Whether a document begins with this line; an object within one is indented.
fn begins_object(line: &[u8]) -> bool {
    let line = line.strip_prefix(BYTE_ORDER_MARK).unwrap_or(line);
    line.starts_with(b"{")
}

fn too_many() -> Fault {
    Fault::new(
        Reason::TooLarge,
        format!("there are more than {MAX_DOCUMENTS} documents; the rest was not read"),
    )
}

fn out_of_patience() -> Fault {
    Fault::new(Reason::InvalidJson, "too much of the body is no JSON")
}

/// The length of the value that begins here and ends within the line, going by
/// its brackets alone.
fn matching_bracket(bytes: &[u8]) -> Option<usize> {
    let mut depth = 0_usize;
    let mut in_string = false;
    let mut escaped = false;
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'\n' => return None,
            _ if escaped => escaped = false,
            b'\\' if in_string => escaped = true,
            b'"' => in_string = !in_string,
            _ if in_string => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}

/// How many bytes were read before an error.
fn offset(bytes: &[u8], error: &serde_json::Error) -> usize {
    let lines = bytes.split_inclusive(|byte| *byte == b'\n');
    let before: usize = lines
        .take(error.line().saturating_sub(1))
        .map(<[u8]>::len)
        .sum();
    before + error.column()
}

fn trim_line_ends(bytes: &[u8]) -> &[u8] {
    let mut trimmed = bytes;
    while let [rest @ .., b'\n' | b'\r'] = trimmed {
        trimmed = rest;
    }
    trimmed
}
