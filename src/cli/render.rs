//! Alerts for the terminal.
//!
//! Field values are an attacker's: whatever could steer a terminal or forge a
//! line is written out as an escape.

use std::{fmt::Write as _, io::IsTerminal};

use clap::ValueEnum;
use jiff::Timestamp;
use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::style;
use crate::{
    alert::{Alert, Priority},
    format::Format,
    json,
};

/// How alerts are shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(super) enum Output {
    /// A line an alert, cut to the terminal's width
    #[default]
    Text,
    /// A block an alert, with every field
    Wide,
    /// A JSON object a line, in the gateway's schema
    Json,
    /// A JSON object a line, as Falco writes it
    Falco,
    /// A JSON object a line, as falcosidekick's webhook sends it
    Falcosidekick,
    /// A JSON object a line, in OCSF
    Ocsf,
    /// A JSON object a line, in Elastic Common Schema
    Ecs,
    /// A line of CEF
    Cef,
    /// A syslog message of RFC 5424 a line
    Rfc5424,
    /// A syslog message of RFC 5424 a line, with CEF as its text
    #[value(name = "cef_syslog")]
    CefSyslog,
    /// A JSON object a line, an OTLP logs request
    #[value(name = "otlp_json")]
    OtlpJson,
    /// A JSON object a line, an event for Splunk's HTTP Event Collector
    Hec,
}

impl Output {
    /// None for what people read.
    fn format(self) -> Option<Format> {
        Some(match self {
            Self::Text | Self::Wide => return None,
            Self::Json => Format::Json,
            Self::Falco => Format::Falco,
            Self::Falcosidekick => Format::Falcosidekick,
            Self::Ocsf => Format::Ocsf,
            Self::Ecs => Format::Ecs,
            Self::Cef => Format::Cef,
            Self::Rfc5424 => Format::Rfc5424,
            Self::CefSyslog => Format::CefSyslog,
            Self::OtlpJson => Format::OtlpJson,
            Self::Hec => Format::Hec,
        })
    }
}

/// Renders alerts in one way.
#[derive(Debug, Clone, Copy)]
pub(super) struct Renderer {
    output: Output,
    columns: Option<usize>,
}

const PRIORITY_COLUMNS: usize = 6;
const HOST_COLUMNS: usize = 12;
const RULE_COLUMNS: usize = 42;
const PLACE_COLUMNS: usize = 24;

impl Renderer {
    /// For standard output: lines are cut only if it is a terminal.
    pub(super) fn new(output: Output) -> Self {
        let terminal = std::io::stdout().is_terminal();
        Self {
            output,
            columns: terminal
                .then(terminal_size::terminal_size)
                .flatten()
                .map(|(width, _)| usize::from(width.0)),
        }
    }

    /// The alert, without a line end.
    pub(super) fn alert(&self, alert: &Alert) -> String {
        match self.output.format() {
            Some(format) => format.line(alert),
            None if self.output == Output::Wide => wide(alert),
            None => self.line(alert),
        }
    }

    /// Whether what is said beside the alerts may stand between them.
    pub(super) fn is_for_people(self) -> bool {
        self.output.format().is_none()
    }

    fn line(&self, alert: &Alert) -> String {
        let color = style::priority(alert.priority);
        let faint = style::FAINT;
        let head = format!(
            "{faint}{}{faint:#} {color}{}{color:#} {} {} {faint}{}{faint:#} ",
            clock(alert.event_time),
            padded(short(alert.priority), PRIORITY_COLUMNS),
            padded(&safe(&alert.hostname), HOST_COLUMNS),
            padded(&safe(title(alert)), RULE_COLUMNS),
            padded(&safe(&place(alert)), PLACE_COLUMNS),
        );
        let used = 12 + PRIORITY_COLUMNS + HOST_COLUMNS + RULE_COLUMNS + PLACE_COLUMNS + 5;
        let what = safe(&activity(alert));
        match self.columns {
            Some(columns) => head + &cut(&what, columns.saturating_sub(used)),
            None => head + &what,
        }
    }
}

fn clock(time: Timestamp) -> String {
    time.strftime("%H:%M:%S%.3f").to_string()
}

fn short(priority: Priority) -> &'static str {
    match priority {
        Priority::Emergency => "EMERG",
        Priority::Alert => "ALERT",
        Priority::Critical => "CRIT",
        Priority::Error => "ERROR",
        Priority::Warning => "WARN",
        Priority::Notice => "NOTICE",
        Priority::Informational => "INFO",
        Priority::Debug => "DEBUG",
    }
}

/// The rule, or for text lines, which carry none, what they say.
fn title(alert: &Alert) -> &str {
    if alert.rule.is_empty() {
        &alert.message
    } else {
        &alert.rule
    }
}

/// Where it happened: the pod, else the container, else the host.
fn place(alert: &Alert) -> String {
    if let Some(pod) = &alert.kubernetes
        && !pod.pod_name.is_empty()
    {
        return format!("{}/{}", pod.namespace, pod.pod_name);
    }
    match &alert.container {
        Some(container) if !container.name.is_empty() => container.name.clone(),
        Some(container) if !container.id.is_empty() => container.id.clone(),
        Some(container) if container.host => "host".to_owned(),
        _ => String::new(),
    }
}

/// What happened, in the fewest words: who ran what on what.
fn activity(alert: &Alert) -> String {
    let mut parts = Vec::new();
    if let Some(process) = &alert.process {
        let text = if process.command_line.is_empty() {
            &process.name
        } else {
            &process.command_line
        };
        parts.push(text.clone());
    }
    if let Some(file) = &alert.file
        && !file.path.is_empty()
    {
        parts.push(file.path.clone());
    }
    if let Some(network) = &alert.network
        && !network.connection.is_empty()
    {
        parts.push(network.connection.clone());
    }
    if let Some(audit) = &alert.audit {
        parts.push(
            [
                &audit.user,
                &audit.verb,
                &audit.resource,
                &audit.target_name,
            ]
            .map(String::as_str)
            .join(" "),
        );
    }
    if let Some(cloud) = &alert.cloud {
        parts.push(
            [&cloud.user, &cloud.operation]
                .map(String::as_str)
                .join(" "),
        );
    }
    parts.retain(|part| !part.trim().is_empty());
    if parts.is_empty() {
        return if alert.message.is_empty() {
            alert.output.clone()
        } else {
            alert.message.clone()
        };
    }
    parts.join("  ")
}

fn wide(alert: &Alert) -> String {
    let color = style::priority(alert.priority);
    let (strong, faint) = (style::STRONG, style::FAINT);
    let mut text = format!(
        "{color}{}{color:#} {strong}{}{strong:#}\n",
        alert.priority,
        safe(title(alert))
    );
    let mut row = |name: &str, value: &str| {
        if !value.is_empty() {
            let _ = writeln!(text, "  {faint}{name:<22}{faint:#} {}", safe(value));
        }
    };
    row("id", &alert.id.to_string());
    row("time", &alert.event_time.to_string());
    row("host", &alert.hostname);
    row("source", &alert.source);
    row(
        "from",
        &format!(
            "{} ({})",
            alert.origin.source_id,
            alert.origin.transport.as_str()
        ),
    );
    row("where", &place(alert));
    row("tags", &alert.tags.join(" "));
    for tactic in &alert.attack.tactics {
        row("tactic", &format!("{} {}", tactic.id, tactic.name));
    }
    for technique in &alert.attack.techniques {
        row("technique", &technique.id);
    }
    for control in &alert.compliance {
        row(
            "control",
            &format!("{} {}", control.standard, control.control),
        );
    }
    row("output", &alert.output);
    for (key, value) in alert.output_fields.iter() {
        row(key, &json::value(value).to_string());
    }
    for remark in &alert.remarks {
        row(
            "remark",
            &format!("{:?} {} {}", remark.kind, remark.field, remark.detail),
        );
    }
    text
}

/// Text that cannot steer a terminal: control and format characters (escape
/// sequences, line ends, direction overrides) are written out.
pub(super) fn safe(text: &str) -> String {
    let steers = |c: char| {
        c.is_control()
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
    };
    if !text.chars().any(steers) {
        return text.to_owned();
    }
    text.chars()
        .flat_map(|c| {
            let escaped: Box<dyn Iterator<Item = char>> = if steers(c) {
                Box::new(c.escape_default())
            } else {
                Box::new(std::iter::once(c))
            };
            escaped
        })
        .collect()
}

/// Exactly so many columns: cut, or filled up.
fn padded(text: &str, columns: usize) -> String {
    let mut text = cut(text, columns);
    let missing = columns.saturating_sub(text.width());
    text.extend(std::iter::repeat_n(' ', missing));
    text
}

/// At most so many columns, with a mark where something was cut.
fn cut(text: &str, columns: usize) -> String {
    if text.width() <= columns {
        return text.to_owned();
    }
    let mut used = 1;
    let mut kept: String = text
        .chars()
        .take_while(|c| {
            used += c.width().unwrap_or(0);
            used <= columns
        })
        .collect();
    if columns > 0 {
        kept.push('…');
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    #[test]
    fn an_attackers_text_cannot_steer_the_terminal() {
        let mut alert = testing::alert("evil\u{1b}[2J\nrule\u{202e}");
        alert.message = "m".into();
        let renderer = Renderer {
            output: Output::Text,
            columns: Some(500),
        };
        let line = anstream::adapter::strip_str(&renderer.alert(&alert)).to_string();
        assert!(line.contains("evil\\u{1b}[2J\\nrule\\u{202e}"), "{line}");
        assert!(!wide(&alert).contains("\u{202e}"));
    }

    #[test]
    fn every_format_can_be_asked_for_by_its_name() {
        let asked = Output::value_variants().iter().filter_map(|output| {
            let name = output.to_possible_value()?.get_name().to_owned();
            Some((name, output.format()?))
        });
        let asked: Vec<_> = asked.collect();
        for (name, format) in &asked {
            assert_eq!(name, format.as_str());
        }
        assert_eq!(asked.len(), Format::ALL.len());
    }

    #[test]
    fn a_line_fits_the_terminal_in_columns_not_characters() {
        let mut alert = testing::alert("規則規則規則規則規則規則規則規則規則規則規則規則規則");
        alert.message = "漢字".repeat(100);
        let renderer = Renderer {
            output: Output::Text,
            columns: Some(120),
        };
        let line = anstream::adapter::strip_str(&renderer.alert(&alert)).to_string();
        assert!(line.width() <= 120, "{}", line.width());
    }
}
