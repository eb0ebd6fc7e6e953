use std::collections::BTreeMap;

use bytes::Bytes;

use super::{ConvertError, fields, time, timestamp};
use crate::{
    alert::{Alert, Kind, Priority, Remark, RemarkKind},
    pb,
};

impl pb::Alert {
    /// Everything of `alert` but what it has by key, which is encoded as it is.
    pub(super) fn without_fields(alert: &Alert) -> Self {
        Self {
            id: alert.id.to_string(),
            event_time: Some(timestamp(alert.event_time)),
            receive_time: Some(timestamp(alert.receive_time)),
            priority: pb::Priority::from(alert.priority).into(),
            rule: alert.rule.clone(),
            source: alert.source.clone(),
            hostname: alert.hostname.clone(),
            tags: alert.tags.clone(),
            output: alert.output.clone(),
            message: alert.message.clone(),
            kind: pb::AlertKind::from(alert.kind).into(),
            process: alert.process.as_ref().map(Into::into),
            user: alert.user.as_ref().map(Into::into),
            group: alert.group.as_ref().map(Into::into),
            container: alert.container.as_ref().map(Into::into),
            kubernetes: alert.kubernetes.as_ref().map(Into::into),
            file: alert.file.as_ref().map(Into::into),
            network: alert.network.as_ref().map(Into::into),
            syscall: alert.syscall.as_ref().map(Into::into),
            audit: alert.audit.as_ref().map(Into::into),
            cloud: alert.cloud.as_ref().map(Into::into),
            attack: (!alert.attack.is_empty()).then(|| (&alert.attack).into()),
            compliance: alert.compliance.iter().map(Into::into).collect(),
            maturity: alert.maturity.clone(),
            output_fields: BTreeMap::new(),
            extra: BTreeMap::new(),
            origin: Some((&alert.origin).into()),
            remarks: alert.remarks.iter().map(Into::into).collect(),
            traceparent: alert.trace.map(|it| it.to_string()).unwrap_or_default(),
            raw: Bytes::new(),
        }
    }
}

impl TryFrom<pb::Alert> for Alert {
    type Error = ConvertError;

    fn try_from(alert: pb::Alert) -> Result<Self, Self::Error> {
        let priority = Priority::try_from(alert.priority())?;
        let kind = Kind::from(alert.kind());
        Ok(Self {
            id: alert.id.parse().map_err(|_| ConvertError::Field("id"))?,
            event_time: required_time(alert.event_time.as_ref(), "event_time")?,
            receive_time: required_time(alert.receive_time.as_ref(), "receive_time")?,
            priority,
            rule: alert.rule,
            source: alert.source,
            hostname: alert.hostname,
            tags: alert.tags,
            output: alert.output,
            message: alert.message,
            kind,
            process: alert.process.map(Into::into),
            user: alert.user.map(Into::into),
            group: alert.group.map(Into::into),
            container: alert.container.map(Into::into),
            kubernetes: alert.kubernetes.map(Into::into),
            file: alert.file.map(Into::into),
            network: alert.network.map(Into::into),
            syscall: alert.syscall.map(Into::into),
            audit: alert.audit.map(Into::into),
            cloud: alert.cloud.map(Into::into),
            attack: alert.attack.map(Into::into).unwrap_or_default(),
            compliance: alert.compliance.into_iter().map(Into::into).collect(),
            maturity: alert.maturity,
            output_fields: fields::from_map(alert.output_fields),
            extra: fields::from_map(alert.extra),
            origin: alert
                .origin
                .ok_or(ConvertError::Field("origin"))?
                .try_into()?,
            remarks: alert.remarks.into_iter().map(Into::into).collect(),
            trace: alert.traceparent.parse().ok(),
            raw: alert.raw,
        })
    }
}

fn required_time(
    wire: Option<&prost_types::Timestamp>,
    field: &'static str,
) -> Result<jiff::Timestamp, ConvertError> {
    wire.and_then(time).ok_or(ConvertError::Field(field))
}

impl From<Priority> for pb::Priority {
    fn from(priority: Priority) -> Self {
        match priority {
            Priority::Debug => Self::Debug,
            Priority::Informational => Self::Informational,
            Priority::Notice => Self::Notice,
            Priority::Warning => Self::Warning,
            Priority::Error => Self::Error,
            Priority::Critical => Self::Critical,
            Priority::Alert => Self::Alert,
            Priority::Emergency => Self::Emergency,
        }
    }
}

impl TryFrom<pb::Priority> for Priority {
    type Error = ConvertError;

    fn try_from(priority: pb::Priority) -> Result<Self, ConvertError> {
        Ok(match priority {
            pb::Priority::Unspecified => return Err(ConvertError::Field("priority")),
            pb::Priority::Debug => Self::Debug,
            pb::Priority::Informational => Self::Informational,
            pb::Priority::Notice => Self::Notice,
            pb::Priority::Warning => Self::Warning,
            pb::Priority::Error => Self::Error,
            pb::Priority::Critical => Self::Critical,
            pb::Priority::Alert => Self::Alert,
            pb::Priority::Emergency => Self::Emergency,
        })
    }
}

impl From<Kind> for pb::AlertKind {
    fn from(kind: Kind) -> Self {
        match kind {
            Kind::Alert => Self::Alert,
            Kind::Drop => Self::Drop,
            Kind::Metrics => Self::Metrics,
            Kind::OtherInternal => Self::OtherInternal,
        }
    }
}

impl From<pb::AlertKind> for Kind {
    fn from(kind: pb::AlertKind) -> Self {
        match kind {
            pb::AlertKind::Unspecified | pb::AlertKind::Alert => Self::Alert,
            pb::AlertKind::Drop => Self::Drop,
            pb::AlertKind::Metrics => Self::Metrics,
            pb::AlertKind::OtherInternal => Self::OtherInternal,
        }
    }
}

impl From<&Remark> for pb::Remark {
    fn from(remark: &Remark) -> Self {
        Self {
            kind: pb::RemarkKind::from(remark.kind).into(),
            field: remark.field.clone(),
            detail: remark.detail.clone(),
        }
    }
}

impl From<pb::Remark> for Remark {
    fn from(remark: pb::Remark) -> Self {
        Self {
            kind: remark.kind().into(),
            field: remark.field,
            detail: remark.detail,
        }
    }
}

impl From<RemarkKind> for pb::RemarkKind {
    fn from(kind: RemarkKind) -> Self {
        match kind {
            RemarkKind::InvalidUnicode => Self::InvalidUnicode,
            RemarkKind::Truncated => Self::Truncated,
            RemarkKind::DuplicateKey => Self::DuplicateKey,
            RemarkKind::TimeAssumed => Self::TimeAssumed,
            RemarkKind::TextOnly => Self::TextOnly,
            RemarkKind::UnusualShape => Self::UnusualShape,
            RemarkKind::SourceInferred => Self::SourceInferred,
        }
    }
}

impl From<pb::RemarkKind> for RemarkKind {
    fn from(kind: pb::RemarkKind) -> Self {
        match kind {
            // A kind of a later version says at least this.
            pb::RemarkKind::Unspecified | pb::RemarkKind::UnusualShape => Self::UnusualShape,
            pb::RemarkKind::InvalidUnicode => Self::InvalidUnicode,
            pb::RemarkKind::Truncated => Self::Truncated,
            pb::RemarkKind::DuplicateKey => Self::DuplicateKey,
            pb::RemarkKind::TimeAssumed => Self::TimeAssumed,
            pb::RemarkKind::TextOnly => Self::TextOnly,
            pb::RemarkKind::SourceInferred => Self::SourceInferred,
        }
    }
}
