//! A report as plain text.

use unicode_width::UnicodeWidthStr;

use super::{
    Report,
    document::{Block, Inline, Line},
};

/// Where lines of our words are broken.
const WIDTH: usize = 100;

/// The widest first column of a table.
const COLUMN: usize = 36;

pub(super) fn write(report: &Report) -> String {
    let title = format!("ALERT REPORT: {}", report.rule.as_str());
    let mut out = format!("{title}\n{}\n", "=".repeat(title.width().min(WIDTH)));
    for section in &report.sections {
        let title = section.title.to_uppercase();
        out.extend(["\n", &title, "\n", &"-".repeat(title.width()), "\n"]);
        for (index, block) in section.blocks.iter().enumerate() {
            if index > 0 {
                out.push('\n');
            }
            out.push_str(&self::block(block));
        }
    }
    out
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(title) => format!("{title}:\n"),
        Block::Paragraph(line) => wrapped(&prose(line), "", ""),
        Block::List(lines) => {
            let items = lines
                .iter()
                .map(|line| wrapped(&prose(line), "  - ", "    "));
            items.collect()
        }
        Block::Table { rows, .. } => table(rows),
        Block::Code { text, .. } => {
            let lines = text.lines().map(|line| format!("    {line}\n"));
            lines.collect()
        }
    }
}

/// The first cells in a column, what is in the others behind them.
fn table(rows: &[Vec<Line>]) -> String {
    let first = |row: &Vec<Line>| row.first().map(line).unwrap_or_default();
    let widths = rows.iter().map(|row| first(row).width());
    let column = widths.max().unwrap_or(0).min(COLUMN);
    let rows = rows.iter().map(|row| {
        let first = first(row);
        let pad = " ".repeat(column.saturating_sub(first.width()));
        let rest = row.iter().skip(1).map(line).filter(|it| !it.is_empty());
        let rest: Vec<_> = rest.collect();
        let indent = " ".repeat(column + 4);
        wrapped(&rest.join(" | "), &format!("  {first}{pad}  "), &indent)
    });
    rows.collect()
}

/// Values among our words stand between backticks, so that none can pass for ours.
fn prose(line: &Line) -> String {
    pieces(line, "`")
}

/// In a table the place says what is a value.
fn line(line: &Line) -> String {
    pieces(line, "")
}

fn pieces(line: &Line, quote: &str) -> String {
    let pieces = line.0.iter().map(|piece| match piece {
        Inline::Text(text) | Inline::Strong(text) => text.clone(),
        Inline::Value(value) => format!("{quote}{}{quote}", value.as_str()),
        Inline::Link { text, url } if text == url => url.clone(),
        Inline::Link { text, url } => format!("{text} ({url})"),
    });
    pieces.collect()
}

fn wrapped(text: &str, first: &str, others: &str) -> String {
    let (mut out, mut line) = (String::new(), first.to_owned());
    let mut is_new = true;
    for word in text.split(' ') {
        if !is_new && line.width() + 1 + word.width() > WIDTH {
            out.extend([&line, "\n"]);
            others.clone_into(&mut line);
            is_new = true;
        }
        if !is_new {
            line.push(' ');
        }
        line.push_str(word);
        is_new = false;
    }
    out + &line + "\n"
}
