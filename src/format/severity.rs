//! Falco's priorities in the scales of others: one table, so that no two formats
//! disagree.

use crate::alert::Priority;

/// A priority in the scales of the formats.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Severity {
    /// OCSF's `severity_id`.
    pub ocsf: u8,
    /// OCSF's caption of it.
    pub ocsf_caption: &'static str,
    /// ECS's `event.severity`, in the four steps that Elastic's rules know.
    pub ecs: u8,
    /// CEF's, from 0 to 10.
    pub cef: u8,
    /// OpenTelemetry's `SeverityNumber`, as its data model maps syslog's.
    pub otel: i32,
}

impl From<Priority> for Severity {
    fn from(priority: Priority) -> Self {
        let (ocsf, ocsf_caption, ecs, cef, otel) = match priority {
            Priority::Emergency => (6, "Fatal", 99, 10, 21),
            Priority::Alert => (6, "Fatal", 99, 9, 19),
            Priority::Critical => (5, "Critical", 99, 8, 18),
            Priority::Error => (4, "High", 73, 7, 17),
            Priority::Warning => (3, "Medium", 47, 6, 13),
            Priority::Notice => (2, "Low", 47, 4, 10),
            Priority::Informational => (1, "Informational", 21, 3, 9),
            Priority::Debug => (1, "Informational", 21, 0, 5),
        };
        Self {
            ocsf,
            ocsf_caption,
            ecs,
            cef,
            otel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_worse_is_never_less_in_any_scale() {
        for pair in Priority::ALL.windows(2) {
            let [less, worse] = [pair[0], pair[1]].map(Severity::from);
            assert!(less.ocsf <= worse.ocsf && less.ecs <= worse.ecs);
            assert!(less.cef < worse.cef && less.otel < worse.otel);
        }
    }
}
