//! Syslog messages of RFC 5424.
//!
//! The message is UTF-8 without a byte order mark: RFC 5424 allows that
//! (`MSG-ANY`), while many receivers show the mark as text, and a parser of CEF
//! does not find its beginning behind one. How messages are put on a connection
//! (octet counting, datagrams) is the sender's affair.

use super::{
    GATEWAY, GATEWAY_VERSION, cef, line,
    reading::{container_id, exact, image, slug, text, user_name},
};
use crate::alert::Alert;

/// What can be set of the messages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Syslog {
    /// The facility: 16 is local0, 10 security, 13 audit.
    pub facility: Facility,
    /// APP-NAME: who speaks.
    pub app_name: String,
    /// The enterprise that the structured data's id is of. 32473 is the number
    /// that RFC 5612 gives for examples.
    pub enterprise: u32,
    /// The most bytes of a message, from 1024: parameters take a half of it at
    /// most, and the text is cut to fit. RFC 5424 asks of receivers to take 480,
    /// and that they should take 2048.
    pub limit: usize,
}

impl Default for Syslog {
    fn default() -> Self {
        Self {
            facility: Facility::LOCAL0,
            app_name: "falco".to_owned(),
            enterprise: 32473,
            limit: 8192,
        }
    }
}

/// A facility of syslog, 0 to 23.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Facility(u8);

impl Facility {
    /// For local use.
    pub const LOCAL0: Self = Self(16);

    /// None for a number that is no facility.
    pub fn new(number: u8) -> Option<Self> {
        (number < 24).then_some(Self(number))
    }
}

impl Syslog {
    /// The alert as a message, without a line end.
    pub fn message(&self, alert: &Alert) -> String {
        let (mut message, left) = self.head(alert);
        let text = line::cut_bytes(&line::visible(text(alert)), left);
        if !text.is_empty() && text.len() <= left {
            message.push(' ');
            message.push_str(&text);
        }
        message
    }

    /// The alert as a message whose text is CEF.
    pub fn cef(&self, alert: &Alert) -> String {
        let (head, left) = self.head(alert);
        format!("{head} {}", cef::line_within(alert, left))
    }

    /// All that stands before the text, and how many bytes are left for it.
    fn head(&self, alert: &Alert) -> (String, usize) {
        let header = self.header(alert);
        // What is a parameter is for searching: the text has a half at least.
        let room = (self.limit / 2).saturating_sub(header.len() + 1);
        let head = format!("{header} {}", self.data(alert, room));
        let left = self.limit.saturating_sub(head.len() + 1);
        (head, left)
    }

    fn header(&self, alert: &Alert) -> String {
        let priority = u16::from(self.facility.0) * 8 + u16::from(alert.priority.to_syslog());
        format!(
            "<{priority}>1 {} {} {} - {}",
            timestamp(alert.event_time),
            host(&alert.hostname),
            name(&self.app_name, 48),
            name(&slug(&alert.rule), 32),
        )
    }

    /// Parameters that there is no room for are left out whole, but for the first,
    /// the id.
    fn data(&self, alert: &Alert, room: usize) -> String {
        let mut origin = "[origin".to_owned();
        parameter(&mut origin, "software", GATEWAY);
        parameter(&mut origin, "swVersion", GATEWAY_VERSION);
        origin.push(']');
        let mut data = format!("[falco@{}", self.enterprise);
        for (name, value) in parameters(alert) {
            let end = data.len();
            parameter(&mut data, name, &value);
            if name != "id" && data.len() + 1 + origin.len() > room {
                data.truncate(end);
            }
        }
        data + "]" + &origin
    }
}

/// Falco's names, where a parameter may have them.
fn parameters(alert: &Alert) -> Vec<(&'static str, String)> {
    let process = alert.process.as_ref();
    let container = alert.container.as_ref();
    let pod = alert.kubernetes.as_ref();
    let attack = &alert.attack;
    let list = |ids: Vec<&str>| ids.join(",");
    let uid = alert.user.as_ref().and_then(|it| it.uid);
    vec![
        ("id", alert.id.to_string()),
        ("time", exact(alert.event_time)),
        ("rule", alert.rule.clone()),
        ("priority", alert.priority.as_str().to_owned()),
        ("source", alert.source.clone()),
        ("hostname", alert.hostname.clone()),
        ("tags", alert.tags.join(",")),
        (
            "tactic",
            list(attack.tactics.iter().map(|it| it.id.as_str()).collect()),
        ),
        (
            "technique",
            list(attack.techniques.iter().map(|it| it.id.as_str()).collect()),
        ),
        ("user.name", user_name(alert).to_owned()),
        (
            "user.uid",
            uid.map(|uid| uid.to_string()).unwrap_or_default(),
        ),
        (
            "proc.name",
            process.map(|it| it.name.clone()).unwrap_or_default(),
        ),
        (
            "proc.exepath",
            process.map(|it| it.exe_path.clone()).unwrap_or_default(),
        ),
        (
            "container.id",
            container.map(container_id).unwrap_or_default().to_owned(),
        ),
        ("container.image", container.map(image).unwrap_or_default()),
        (
            "k8s.ns.name",
            pod.map(|it| it.namespace.clone()).unwrap_or_default(),
        ),
        (
            "k8s.pod.name",
            pod.map(|it| it.pod_name.clone()).unwrap_or_default(),
        ),
        ("fd.name", opened(alert).to_owned()),
        ("cluster", alert.origin.cluster.to_string()),
    ]
}

/// The file or the connection.
fn opened(alert: &Alert) -> &str {
    let file = alert.file.as_ref().map(|it| it.path.as_str());
    let connection = alert.network.as_ref().map(|it| it.connection.as_str());
    file.or(connection).unwrap_or_default()
}

/// `name="value"`, unless there is no value: `"`, `\` and `]` escaped, as RFC 5424
/// has it, after what steers has been written out.
fn parameter(data: &mut String, name: &str, value: &str) {
    if value.is_empty() {
        return;
    }
    data.push(' ');
    data.push_str(name);
    data.push_str("=\"");
    for letter in line::visible(&line::cut(value, LONGEST_VALUE)).chars() {
        if matches!(letter, '"' | '\\' | ']') {
            data.push('\\');
        }
        data.push(letter);
    }
    data.push('"');
}

/// In characters: the parameters are for searching, the message has the rest.
const LONGEST_VALUE: usize = 256;

/// With microseconds, the most that RFC 5424 has; nothing outside of its years.
fn timestamp(time: jiff::Timestamp) -> String {
    let text = time.strftime("%Y-%m-%dT%H:%M:%S.%6fZ").to_string();
    if text.len() == "1970-01-01T00:00:00.000000Z".len() && !text.starts_with('-') {
        text
    } else {
        "-".to_owned()
    }
}

/// HOSTNAME: what a host can be named, since receivers look for a `:` or a `[`
/// behind it; `_` for any other character.
fn host(text: &str) -> String {
    let usual = |letter: char| letter.is_ascii_alphanumeric() || ".-_".contains(letter);
    name(&text.replace(|letter| !usual(letter), "_"), 255)
}

/// A header field: printable ASCII without blanks, `_` for any other character,
/// cut at the field's length; `-` for nothing.
fn name(text: &str, limit: usize) -> String {
    let printable = |letter: char| {
        if letter.is_ascii_graphic() {
            letter
        } else {
            '_'
        }
    };
    let name: String = text.chars().take(limit).map(printable).collect();
    if name.is_empty() {
        "-".to_owned()
    } else {
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    #[test]
    fn a_message_has_all_its_parts_in_place() {
        let mut alert = testing::alert("Write below etc");
        alert.message = "text".into();
        assert_eq!(
            Syslog::default().message(&alert),
            format!(
                "<132>1 1970-01-01T00:00:00.000000Z node-a falco - write_below_etc \
                 [falco@32473 id=\"00000000000000000000000000000000\" time=\"1970-01-01T00:00:00.000000000Z\" \
                 rule=\"Write below etc\" priority=\"Warning\" source=\"syscall\" hostname=\"node-a\"]\
                 [origin software=\"falco-gateway\" swVersion=\"{GATEWAY_VERSION}\"] text"
            )
        );
    }

    #[test]
    fn no_value_leaves_its_place() {
        let mut alert = testing::alert("r\"][evil@1 a=\"b\\\n<0>1 x");
        alert.hostname = "node a\u{e9}\n".into();
        alert.message = "one\n<0>1 two".into();
        let message = Syslog::default().message(&alert);
        assert!(
            message.contains(" node_a__ falco - r_evil_1_a_b_0_1_x [falco@"),
            "{message}"
        );
        assert!(
            message.contains("rule=\"r\\\"\\][evil@1 a=\\\"b\\\\\\\\n<0>1 x\""),
            "{message}"
        );
        assert!(message.ends_with("] one\\n<0>1 two"), "{message}");
    }

    #[test]
    fn a_message_keeps_to_its_limit() {
        let mut alert = testing::alert("r");
        alert.message = "é".repeat(10_000);
        for limit in [1024, 1025, 2048, 8192] {
            let syslog = Syslog {
                limit,
                ..Syslog::default()
            };
            let message = syslog.message(&alert);
            assert!(message.len() <= limit && message.len() > limit - 2);
            assert!(message.ends_with("é[...]"), "{limit}: {message}");
        }
    }

    #[test]
    fn what_is_written_out_cannot_crowd_out_the_text() {
        let mut alert = testing::alert(&"]\u{202e}".repeat(5000));
        alert.hostname = "h".repeat(1000);
        alert.source.clone_from(&alert.rule);
        alert.tags = vec![alert.rule.clone()];
        alert.message = "text".into();
        for limit in [1024, 2048, 8192] {
            let syslog = Syslog {
                limit,
                ..Syslog::default()
            };
            assert!(syslog.message(&alert).len() <= limit);
            assert!(syslog.message(&alert).ends_with("] text"));
            assert!(syslog.cef(&alert).len() <= limit.max(4096));
        }
    }

    #[test]
    fn a_facility_is_below_24() {
        assert_eq!(Facility::new(16), Some(Facility::LOCAL0));
        assert_eq!(Facility::new(24), None);
    }
}
