//! A report as a fragment of HTML.

use super::{
    Report,
    document::{Block, Inline, Line},
};

pub(super) fn write(report: &Report) -> String {
    let title = escaped(report.rule.as_str());
    let mut out = format!("<h1>Alert report: {title}</h1>\n");
    for section in &report.sections {
        out.extend(["<section>\n<h2>", section.title, "</h2>\n"]);
        out.extend(section.blocks.iter().map(block));
        out.push_str("</section>\n");
    }
    out
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(title) => format!("<h3>{}</h3>\n", escaped(title)),
        Block::Paragraph(line) => format!("<p>{}</p>\n", self::line(line)),
        Block::List(lines) => {
            let items = lines
                .iter()
                .map(|line| format!("<li>{}</li>\n", self::line(line)));
            format!("<ul>\n{}</ul>\n", items.collect::<String>())
        }
        Block::Table { head, rows } => table(head, rows),
        Block::Code { text, .. } => format!("<pre><code>{}</code></pre>\n", escaped(text)),
    }
}

fn table(head: &[&str], rows: &[Vec<Line>]) -> String {
    let head: String = head.iter().map(|cell| format!("<th>{cell}</th>")).collect();
    let rows = rows.iter().map(|row| {
        let cells = row.iter().map(|cell| format!("<td>{}</td>", line(cell)));
        format!("<tr>{}</tr>\n", cells.collect::<String>())
    });
    let rows: String = rows.collect();
    format!("<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}</tbody>\n</table>\n")
}

fn line(line: &Line) -> String {
    let pieces = line.0.iter().map(|piece| match piece {
        Inline::Text(text) => escaped(text),
        Inline::Strong(text) => format!("<strong>{}</strong>", escaped(text)),
        Inline::Value(value) => format!("<code>{}</code>", escaped(value.as_str())),
        Inline::Link { text, url } => {
            format!("<a href=\"{}\">{}</a>", escaped(url), escaped(text))
        }
    });
    pieces.collect()
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            letter => out.push(letter),
        }
    }
    out
}
