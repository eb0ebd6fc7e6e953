use super::{Content, Line, Splitter};
use crate::fuzzing::Input;

/// Lines are the same however they are read, and what is held of one has a bound.
pub fn lines(input: &[u8]) {
    let mut input = Input::new(input);
    let (max_line, offset) = (usize::from(input.byte()), input.number());
    let whole = {
        let mut choices = Input::new(input.take(8));
        let text = input.rest();
        let mut splitter = Splitter::new(max_line, offset as u64);
        let (mut lines, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let length = usize::from(choices.byte() % 64) + 1;
            let (piece, behind) = rest.split_at(length.min(rest.len()));
            splitter.buffer().extend_from_slice(piece);
            while let Some(line) = splitter.next_line() {
                lines.push(line);
            }
            assert!(splitter.buffer().len() <= max_line);
            rest = behind;
        }
        lines.extend(splitter.last_line());
        lines
    };
    assert_eq!(whole, expected(input.rest(), max_line, offset as u64));
}

fn expected(text: &[u8], max_line: usize, offset: u64) -> Vec<Line> {
    let mut end = offset;
    let lines = text.split_inclusive(|byte| *byte == b'\n').map(|line| {
        end += line.len() as u64;
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let content = match line.len() > max_line {
            true => Content::TooLong,
            false => Content::Bytes(line.to_vec().into()),
        };
        Line { content, end }
    });
    lines.collect()
}
