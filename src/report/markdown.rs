//! A report as Markdown, in GitHub's way of it.

use super::{
    Report,
    document::{Block, Inline, Line},
};

pub(super) fn write(report: &Report) -> String {
    let mut out = format!("# Alert report: {}\n", escaped(report.rule.as_str()));
    for section in &report.sections {
        out.extend(["\n## ", section.title, "\n"]);
        for block in &section.blocks {
            out.push('\n');
            out.push_str(&self::block(block));
        }
    }
    out
}

fn block(block: &Block) -> String {
    match block {
        Block::Heading(title) => format!("### {}\n", escaped(title)),
        Block::Paragraph(line) => format!("{}\n", self::line(line)),
        Block::List(lines) => {
            let lines = lines.iter().map(|line| format!("- {}\n", self::line(line)));
            lines.collect()
        }
        Block::Table { head, rows } => table(head, rows),
        Block::Code { language, text } => {
            let fence = "`".repeat(longest_run(text).max(2) + 1);
            format!("{fence}{language}\n{}\n{fence}\n", text.trim_end())
        }
    }
}

fn table(head: &[&str], rows: &[Vec<Line>]) -> String {
    let head = head.iter().map(|cell| (*cell).to_owned());
    let rule = head.clone().map(|_| "---".to_owned());
    let rows = rows.iter().map(|row| {
        let cells = row.iter().map(|cell| line(cell).replace('|', "\\|"));
        cells.collect()
    });
    let lines = [head.collect(), rule.collect()].into_iter().chain(rows);
    lines
        .map(|cells: Vec<_>| format!("| {} |\n", cells.join(" | ")))
        .collect()
}

fn line(line: &Line) -> String {
    let pieces = line.0.iter().map(|piece| match piece {
        Inline::Text(text) => escaped(text),
        Inline::Strong(text) => format!("**{}**", escaped(text)),
        Inline::Value(value) => code(value.as_str()),
        Inline::Link { text, url } => format!("[{}]({url})", escaped(text)),
    });
    pieces.collect()
}

/// A value between more backticks than it has in a row.
fn code(value: &str) -> String {
    let fence = "`".repeat(longest_run(value) + 1);
    let touches = |end: Option<char>| end.is_none_or(|it| it == '`' || it == ' ');
    let pad = match touches(value.chars().next()) || touches(value.chars().last()) {
        true => " ",
        false => "",
    };
    format!("{fence}{pad}{value}{pad}{fence}")
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|letter| letter != '`').map(str::len);
    runs.max().unwrap_or(0)
}

/// Without a meaning to Markdown, links that GitHub makes unasked included.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for letter in text.chars() {
        if matches!(
            letter,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '&' | '~' | '#' | '$' | '@'
        ) {
            out.push('\\');
        }
        out.push(letter);
    }
    out.replace("://", ":\\/\\/").replace("www.", "www\\.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_cannot_end_its_own_quotes() {
        assert_eq!(code("ls"), "`ls`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(code(""), "`  `");
    }

    #[test]
    fn a_cell_stays_a_cell() {
        let row = vec![Line::new().value("a|b"), Line::from("c|d")];
        let table = table(&["x", "y"], &[row]);
        assert!(table.ends_with("| `a\\|b` | c\\|d |\n"), "{table}");
    }

    #[test]
    fn a_block_of_code_ends_where_we_end_it() {
        let text = "echo '\n```\n# no heading\n'".to_owned();
        let language = "sh";
        let block = block(&Block::Code { language, text });
        assert!(
            block.starts_with("````sh\n") && block.ends_with("\n````\n"),
            "{block}"
        );
    }
}
