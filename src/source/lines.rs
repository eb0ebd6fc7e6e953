//! What inputs of lines share: cutting bytes into lines, and handing many of them
//! over at a time while knowing up to where the log has all of them.

use std::{collections::VecDeque, time::Duration};

use bytes::{Bytes, BytesMut};
use tokio_util::sync::CancellationToken;

use super::{Answer, Intake, NotTaken, Payload, Raw, SourceHandle};
use crate::clock;

/// Lines on their way to the log at a time; a group commit covers them.
const WINDOW_LINES: usize = 64;

/// And their bytes; one line above it still goes, alone.
const WINDOW_BYTES: usize = 256 << 10;

/// How long lines on their way may take once the gateway is going down.
const SETTLE_TIME: Duration = Duration::from_secs(5);

/// Cuts what is read into lines.
#[derive(Debug)]
pub(super) struct Splitter {
    buffer: BytesMut,
    /// How much of the buffer is known to hold no line end.
    searched: usize,
    /// Whether the line's beginning was thrown away for its length.
    skipping: bool,
    max_line: usize,
    /// Where the buffer begins in the input.
    offset: u64,
}

/// A line, and where it ends in the input, its line end included.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) content: Content,
    pub(super) end: u64,
}

/// What a line holds.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Content {
    /// Its bytes, without the line end.
    Bytes(Bytes),
    /// More bytes than a line may have.
    TooLong,
}

impl Splitter {
    /// For input from `offset` on.
    pub(super) fn new(max_line: usize, offset: u64) -> Self {
        Self {
            buffer: BytesMut::new(),
            searched: 0,
            skipping: false,
            max_line,
            offset,
        }
    }

    /// To read into, at its end.
    pub(super) fn buffer(&mut self) -> &mut BytesMut {
        &mut self.buffer
    }

    /// The next whole line.
    pub(super) fn next_line(&mut self) -> Option<Line> {
        let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
        if let Some(found) = memchr::memchr(b'\n', unsearched) {
            return Some(self.cut(self.searched + found, 1));
        }
        self.searched = self.buffer.len();
        if self.searched > self.max_line {
            // It will be too long whatever comes; its end is still to be found.
            self.skipping = true;
            self.offset += self.searched as u64;
            self.searched = 0;
            self.buffer.clear();
        }
        None
    }

    /// The last line, which has no line end; when the input has ended.
    pub(super) fn last_line(&mut self) -> Option<Line> {
        let left = self.skipping || !self.buffer.is_empty();
        left.then(|| self.cut(self.buffer.len(), 0))
    }

    fn cut(&mut self, length: usize, line_end: usize) -> Line {
        let mut bytes = self.buffer.split_to(length + line_end);
        bytes.truncate(length);
        self.offset += (length + line_end) as u64;
        self.searched = 0;
        let too_long = std::mem::take(&mut self.skipping) || length > self.max_line;
        Line {
            content: if too_long {
                Content::TooLong
            } else {
                Content::Bytes(bytes.freeze())
            },
            end: self.offset,
        }
    }
}

/// Lines on their way to the log, in order.
#[derive(Debug)]
pub(super) struct Window {
    intake: Intake,
    source: SourceHandle,
    waiting: VecDeque<Waiting>,
    bytes: usize,
    done: u64,
}

#[derive(Debug)]
struct Waiting {
    answer: Answer,
    bytes: usize,
    end: u64,
}

impl Window {
    pub(super) fn new(intake: Intake, source: SourceHandle) -> Self {
        Self {
            intake,
            source,
            waiting: VecDeque::with_capacity(WINDOW_LINES),
            bytes: 0,
            done: 0,
        }
    }

    /// Whose lines they are.
    pub(super) fn source(&self) -> &SourceHandle {
        &self.source
    }

    /// Everything before this place in the input was answered for.
    pub(super) fn done(&self) -> u64 {
        self.done
    }

    /// The input is another one, or goes on elsewhere.
    pub(super) fn restart_at(&mut self, offset: u64) {
        self.done = offset;
    }

    /// Hands all whole lines over.
    pub(super) async fn push_lines(&mut self, splitter: &mut Splitter) -> Result<(), NotTaken> {
        while let Some(line) = splitter.next_line() {
            self.push(line).await?;
        }
        Ok(())
    }

    /// Hands a line over if it is an object of JSON, once the window has room.
    pub(super) async fn push(&mut self, line: Line) -> Result<(), NotTaken> {
        let document = match line.content {
            Content::Bytes(bytes) => bytes.slice_ref(bytes.trim_ascii()),
            Content::TooLong => {
                self.skip("LINE_TOO_LONG", line.end);
                return Ok(());
            }
        };
        match document.first() {
            Some(b'{') => {}
            // Falco's own log and its statistics go where its alerts go.
            Some(_) => {
                self.skip("NOT_JSON", line.end);
                return Ok(());
            }
            None => {
                self.pass(line.end);
                return Ok(());
            }
        }
        self.hand_over(document, line.end).await
    }

    async fn hand_over(&mut self, document: Bytes, end: u64) -> Result<(), NotTaken> {
        let bytes = document.len();
        while !self.waiting.is_empty()
            && (self.waiting.len() >= WINDOW_LINES || self.bytes + bytes > WINDOW_BYTES)
        {
            self.next_answer().await?;
        }
        let raw = Raw {
            payload: Payload::Document(document),
            origin: self.source.origin().clone(),
            received_at: clock::now(),
            trace: None,
        };
        let answer = self.intake.enqueue(raw).await?;
        self.bytes += bytes;
        self.waiting.push_back(Waiting { answer, bytes, end });
        Ok(())
    }

    /// Waits for the oldest line's answer; for ever when there is none.
    /// Dropping the future loses nothing.
    pub(super) async fn next_answer(&mut self) -> Result<(), NotTaken> {
        let Some(oldest) = self.waiting.front_mut() else {
            return std::future::pending().await;
        };
        let receipt = oldest.answer.receipt().await?;
        self.source.count(&receipt, clock::now());
        self.done = oldest.end;
        self.bytes -= oldest.bytes;
        self.waiting.pop_front();
        Ok(())
    }

    /// Waits for all answers.
    pub(super) async fn settle(&mut self) -> Result<(), NotTaken> {
        while !self.waiting.is_empty() {
            self.next_answer().await?;
        }
        Ok(())
    }

    fn skip(&mut self, reason: &'static str, end: u64) {
        self.source.count_refused(reason, 1);
        self.pass(end);
    }

    /// What ends here needs no answer, but is done with only when all before is.
    fn pass(&mut self, end: u64) {
        match self.waiting.back_mut() {
            Some(before) => before.end = end,
            None => self.done = end,
        }
    }
}

/// Waits until lines on their way had their time after `shutdown`.
pub(super) async fn out_of_time(shutdown: &CancellationToken) {
    shutdown.cancelled().await;
    tokio::time::sleep(SETTLE_TIME).await;
}

#[cfg(any(test, fuzzing))]
pub(crate) mod fuzzing;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bytes(text: &[u8], end: u64) -> Line {
        Line {
            content: Content::Bytes(Bytes::copy_from_slice(text)),
            end,
        }
    }

    #[test]
    fn a_line_that_is_too_long_is_skipped_to_its_end() {
        let mut splitter = Splitter::new(4, 100);
        splitter.buffer().extend_from_slice(b"abcd\nabcdefgh");
        assert_eq!(splitter.next_line(), Some(bytes(b"abcd", 105)));
        assert_eq!(splitter.next_line(), None);
        assert!(splitter.buffer().is_empty());
        splitter.buffer().extend_from_slice(b"ijk\nx");
        let too_long = Line {
            content: Content::TooLong,
            end: 117,
        };
        assert_eq!(splitter.next_line(), Some(too_long));
        assert_eq!(splitter.next_line(), None);
        assert_eq!(splitter.last_line(), Some(bytes(b"x", 118)));
        assert_eq!(splitter.last_line(), None);
    }

    proptest! {
        #[test]
        fn pieces_make_no_difference(
            pieces in proptest::collection::vec("[a\n]{0,9}", 0..9),
        ) {
            let whole = pieces.concat();
            let mut splitter = Splitter::new(5, 0);
            let mut lines = Vec::new();
            for piece in &pieces {
                splitter.buffer().extend_from_slice(piece.as_bytes());
                while let Some(line) = splitter.next_line() {
                    lines.push(line);
                }
            }
            lines.extend(splitter.last_line());
            let mut end = 0;
            let expected: Vec<_> = whole
                .split_inclusive('\n')
                .map(|line| {
                    end += line.len() as u64;
                    let text = line.trim_end_matches('\n').as_bytes();
                    if text.len() > 5 {
                        Line { content: Content::TooLong, end }
                    } else {
                        bytes(text, end)
                    }
                })
                .collect();
            prop_assert_eq!(lines, expected);
        }
    }
}
