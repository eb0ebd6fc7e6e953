//! The processes above the one that acted, as far as the alert tells.

use super::{document::Value, summary::or};
use crate::alert::Alert;

/// The tree, one process a line, the eldest first. None when nobody above is known.
pub(super) fn of(alert: &Alert) -> Option<String> {
    let process = alert.process.as_ref()?;
    let mut ancestors: Vec<_> = process.ancestors.iter().collect();
    ancestors.retain(|it| it.level > 0);
    ancestors.retain(|it| !it.name.is_empty() || !it.command_line.is_empty());
    ancestors.sort_by_key(|it| std::cmp::Reverse(it.level));
    let eldest = ancestors.first()?.level;
    let mut lines = Vec::new();
    let mut expected = eldest;
    for ancestor in ancestors {
        if ancestor.level < expected {
            lines.push("(not told)".to_owned());
        }
        expected = ancestor.level - 1;
        let text = described(&ancestor.name, ancestor.pid, &ancestor.command_line);
        lines.push(text);
    }
    if expected > 0 {
        lines.push("(not told)".to_owned());
    }
    let text = described(&process.name, process.pid, &process.command_line);
    lines.push(format!("{text}   <- this one"));
    let lines = lines.into_iter().enumerate();
    let lines = lines.map(|(depth, text)| match depth {
        0 => text,
        depth => format!("{}└─ {text}", "   ".repeat(depth - 1)),
    });
    Some(lines.collect::<Vec<_>>().join("\n"))
}

fn described(name: &str, pid: Option<i64>, command_line: &str) -> String {
    let pid = pid.map(|pid| format!(" [{pid}]")).unwrap_or_default();
    let name = Value::of(or(name, "(no name)"));
    match command_line {
        "" => format!("{}{pid}", name.as_str()),
        line if line == name.as_str() => format!("{line}{pid}"),
        line => format!("{}{pid}: {}", name.as_str(), Value::of(line).as_str()),
    }
}
