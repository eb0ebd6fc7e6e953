//! Alerts as Falco's own outputs service sends them.

use jiff::Timestamp;

use crate::{
    alert::{Alert, FieldValue, Priority},
    delivery::{Loss, LossCause},
    json,
    pb::falco::{outputs::Response, schema},
    rpc::convert,
};

/// The rule of the notice that alerts are lost.
const LOST: &str = "falco-gateway: alerts lost";

/// How Falco displays a field that has no value.
const NO_VALUE: &str = "<NA>";

/// Makes responses.
#[derive(Debug, Clone, Copy)]
pub(super) struct Responses {
    /// Whether `source_deprecated` is filled in.
    pub(super) source_enum: bool,
}

impl Responses {
    /// An alert.
    pub(super) fn alert(self, alert: &Alert) -> Response {
        let output = match alert.output.as_str() {
            "" => &alert.message,
            _ => &alert.output,
        };
        let fields = alert.output_fields.iter();
        self.with_source_enum(Response {
            time: Some(convert::timestamp(alert.event_time)),
            priority: alert.priority.to_syslog().into(),
            rule: alert.rule.clone(),
            output: output.clone(),
            output_fields: fields
                .map(|(key, value)| (key.to_owned(), display(value)))
                .collect(),
            hostname: alert.hostname.clone(),
            tags: alert.tags.clone(),
            source: alert.source.clone(),
            ..Response::default()
        })
    }

    /// The notice that alerts will not come, in the form in which Falco reports on
    /// itself.
    pub(super) fn loss(self, loss: &Loss, now: Timestamp) -> Response {
        let least = if loss.lower_bound { "at least " } else { "" };
        let (lost, cause) = (loss.lost, name(loss.cause));
        let fields = [
            ("lost", lost.to_string()),
            ("lower_bound", loss.lower_bound.to_string()),
            ("cause", cause.to_owned()),
        ];
        self.with_source_enum(Response {
            time: Some(convert::timestamp(now)),
            priority: Priority::Warning.to_syslog().into(),
            rule: LOST.to_owned(),
            output: format!("{LOST}: {least}{lost} that this client should have got ({cause})"),
            output_fields: fields
                .map(|(key, value)| (key.to_owned(), value))
                .into_iter()
                .collect(),
            source: "internal".to_owned(),
            ..Response::default()
        })
    }

    #[expect(deprecated, reason = "old clients read it")]
    fn with_source_enum(self, mut response: Response) -> Response {
        if self.source_enum {
            response.source_deprecated = source(&response.source).into();
        }
        response
    }
}

/// As Falco maps its sources: those it does not know are plugins'.
fn source(name: &str) -> schema::Source {
    match name {
        // Falco before 0.30 does not say, and had no other.
        "syscall" | "syscalls" | "" => schema::Source::Syscall,
        "k8s_audit" => schema::Source::K8sAudit,
        "internal" => schema::Source::Internal,
        _ => schema::Source::Plugin,
    }
}

fn display(value: &FieldValue) -> String {
    match value {
        FieldValue::Null => NO_VALUE.to_owned(),
        FieldValue::String(text) | FieldValue::Number(text) | FieldValue::Json(text) => {
            text.clone()
        }
        FieldValue::Int(_)
        | FieldValue::Uint(_)
        | FieldValue::Double(_)
        | FieldValue::Bool(_)
        | FieldValue::List(_) => json::value(value).to_string(),
    }
}

fn name(cause: LossCause) -> &'static str {
    match cause {
        LossCause::Retention => "retention",
        LossCause::SkippedByPolicy => "skipped_by_policy",
        LossCause::Corruption => "log_corruption",
        LossCause::IngestOverflow => "ingest_overflow",
    }
}

#[cfg(test)]
#[expect(deprecated, reason = "old clients read it")]
mod tests {
    use super::*;
    use crate::{alert::testing, log::Position};

    const FULL: Responses = Responses { source_enum: true };

    #[test]
    fn fields_are_displayed_as_old_clients_know_them() {
        let list = FieldValue::List(vec!["a\"b".into(), 1.into(), FieldValue::Null]);
        for (value, shown) in [
            (FieldValue::Null, "<NA>"),
            ("<NA>".into(), "<NA>"),
            ("plain \"text\"\n".into(), "plain \"text\"\n"),
            (1_764_042_456_886_361_001.into(), "1764042456886361001"),
            (FieldValue::Uint(u64::MAX), "18446744073709551615"),
            (FieldValue::Double(0.5), "0.5"),
            (FieldValue::Bool(true), "true"),
            (list, r#"["a\"b",1,null]"#),
            (FieldValue::Number("1e999".into()), "1e999"),
            (FieldValue::Json(r#"{"a":1}"#.into()), r#"{"a":1}"#),
        ] {
            assert_eq!(display(&value), shown);
        }
    }

    #[test]
    fn a_source_has_the_number_that_falco_gives_it() {
        for (name, number) in [
            ("syscall", 0),
            ("k8s_audit", 1),
            ("internal", 2),
            ("k8saudit", 3),
            ("aws_cloudtrail", 3),
        ] {
            let mut alert = testing::alert("Some rule");
            alert.source = name.to_owned();
            let response = FULL.alert(&alert);
            assert_eq!(
                (response.source_deprecated, response.source.as_str()),
                (number, name)
            );
            let without = Responses { source_enum: false }.alert(&alert);
            assert_eq!(without.source_deprecated, 0);
        }
    }

    #[test]
    fn an_alert_without_its_line_has_its_message() {
        let mut alert = testing::alert("Some rule");
        alert.output.clear();
        "the message".clone_into(&mut alert.message);
        assert_eq!(FULL.alert(&alert).output, "the message");
    }

    #[test]
    fn a_loss_is_told_as_falco_tells_of_itself() {
        let loss = Loss {
            after: Position(3),
            through: Position(8),
            lost: 5,
            lower_bound: true,
            cause: LossCause::Retention,
        };
        let told = FULL.loss(&loss, Timestamp::UNIX_EPOCH);
        assert_eq!(
            (told.source.as_str(), told.source_deprecated),
            ("internal", 2)
        );
        assert_eq!(told.output_fields["lost"], "5");
        assert!(told.output.contains("at least 5"), "{}", told.output);
    }
}
