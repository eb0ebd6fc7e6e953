//! Alerts in the schemas and line formats that SIEMs take.
//!
//! Pure functions of the alert: no clock, no I/O. A field's value is an
//! attacker's, so every format escapes by its own rules, and a [`Format::line`]
//! never holds a second line, whatever a value holds. `docs/formats.md` says what
//! is mapped where, and what is lost.

pub mod cef;
pub mod ecs;
pub mod hec;
pub mod ocsf;
pub mod otlp;
pub mod rfc5424;
pub mod severity;
pub mod sidekick;

mod line;
mod object;
mod reading;

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{alert::Alert, json};

/// The name of what writes the formats, where they ask for it.
const GATEWAY: &str = "falco-gateway";

/// Its version.
const GATEWAY_VERSION: &str = env!("CARGO_PKG_VERSION");

/// The formats that have a line for an alert.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// The gateway's own schema, as JSON.
    Json,
    /// As Falco's `json_output` writes it.
    Falco,
    /// As falcosidekick's webhook sends it.
    Falcosidekick,
    /// OCSF, as JSON.
    Ocsf,
    /// Elastic Common Schema, as JSON.
    Ecs,
    /// ArcSight's Common Event Format.
    Cef,
    /// A syslog message of RFC 5424.
    Rfc5424,
    /// A syslog message of RFC 5424 whose text is CEF.
    CefSyslog,
    /// An `ExportLogsServiceRequest` of one record, in OTLP's JSON.
    OtlpJson,
    /// An event for Splunk's HTTP Event Collector.
    Hec,
}

impl Format {
    /// All formats.
    pub const ALL: [Self; 10] = [
        Self::Json,
        Self::Falco,
        Self::Falcosidekick,
        Self::Ocsf,
        Self::Ecs,
        Self::Cef,
        Self::Rfc5424,
        Self::CefSyslog,
        Self::OtlpJson,
        Self::Hec,
    ];

    /// The format's name in configuration and on the command line.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Falco => "falco",
            Self::Falcosidekick => "falcosidekick",
            Self::Ocsf => "ocsf",
            Self::Ecs => "ecs",
            Self::Cef => "cef",
            Self::Rfc5424 => "rfc5424",
            Self::CefSyslog => "cef_syslog",
            Self::OtlpJson => "otlp_json",
            Self::Hec => "hec",
        }
    }

    /// The alert on one line, without the line's end. What can be set of a
    /// format is as by default.
    pub fn line(self, alert: &Alert) -> String {
        match self {
            Self::Json => line::json(&json::alert(alert)),
            Self::Falco => line::json(&json::falco(alert)),
            Self::Falcosidekick => line::json(&sidekick::Payload::from(alert)),
            Self::Ocsf => line::json(&ocsf::event(alert)),
            Self::Ecs => line::json(&ecs::document(alert)),
            Self::Cef => cef::line(alert),
            Self::Rfc5424 => rfc5424::Syslog::default().message(alert),
            Self::CefSyslog => rfc5424::Syslog::default().cef(alert),
            Self::OtlpJson => line::json(&otlp::request([alert])),
            Self::Hec => hec::Hec::default().line(alert),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// A word that names no format.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no format: one of json, falco, falcosidekick, ocsf, ecs, cef, rfc5424, cef_syslog, otlp_json, hec"
)]
pub struct UnknownFormat(pub String);

impl FromStr for Format {
    type Err = UnknownFormat;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|format| format.as_str() == word)
            .ok_or_else(|| UnknownFormat(word.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_everywhere() {
        for format in Format::ALL {
            assert_eq!(format.to_string().parse(), Ok(format));
            assert_eq!(serde_json::to_value(format).unwrap(), format.as_str());
        }
        let error = "xml".parse::<Format>().unwrap_err().to_string();
        for format in Format::ALL {
            assert!(error.contains(format.as_str()), "{error}");
        }
    }
}
