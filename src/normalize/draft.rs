//! What every form of document is read into, before it is an alert.

use bytes::Bytes;

use super::{groups::Groups, kind, notes::Notes, tags::Labels, time::EventTime};
use crate::{
    alert::{Alert, AlertId, Fields, Priority, RemarkKind},
    source::Raw,
};

/// What a document says, read but not yet interpreted.
#[derive(Debug)]
pub(super) struct Draft {
    pub(super) time: EventTime,
    pub(super) priority: Priority,
    pub(super) rule: String,
    pub(super) source: String,
    pub(super) hostname: String,
    pub(super) tags: Vec<String>,
    pub(super) output: String,
    pub(super) message: String,
    pub(super) fields: Fields,
    pub(super) extra: Fields,
    /// There is nothing but a line of text.
    pub(super) text_only: bool,
    pub(super) notes: Notes,
}

impl Draft {
    /// Interprets what was read. `id` is given, since over gRPC it is taken
    /// before the message completes what the JSON document lacks.
    pub(super) fn complete(mut self, id: AlertId, document: Bytes, raw: &Raw) -> Alert {
        self.infer_source();
        let event_time = self.event_time(raw);
        let labels = Labels::of(&self.tags);
        let groups = Groups::of(&self.fields);
        Alert {
            id,
            event_time,
            receive_time: raw.received_at,
            priority: self.priority,
            kind: kind::of(&self.source, &self.rule),
            rule: self.rule,
            source: self.source,
            hostname: self.hostname,
            tags: self.tags,
            output: self.output,
            message: self.message,
            process: groups.process,
            user: groups.user,
            group: groups.group,
            container: groups.container,
            kubernetes: groups.kubernetes,
            file: groups.file,
            network: groups.network,
            syscall: groups.syscall,
            audit: groups.audit,
            cloud: groups.cloud,
            attack: labels.attack,
            compliance: labels.compliance,
            maturity: labels.maturity,
            output_fields: self.fields,
            extra: self.extra,
            origin: raw.origin.clone(),
            remarks: self.notes.into_remarks(),
            trace: raw.trace,
            raw: document,
        }
    }

    fn infer_source(&mut self) {
        if !self.source.is_empty() {
            return;
        }
        if let Some(source) = kind::infer_source(&self.rule, &self.fields) {
            source.clone_into(&mut self.source);
            self.notes.remark(
                RemarkKind::SourceInferred,
                "source",
                "the document names none",
            );
        }
    }

    fn event_time(&mut self, raw: &Raw) -> jiff::Timestamp {
        match std::mem::replace(&mut self.time, Ok(raw.received_at)) {
            Ok(time) => time,
            Err(why) => {
                let detail = format!("{why}: this is when it was received");
                self.notes.remark(RemarkKind::TimeAssumed, "time", detail);
                raw.received_at
            }
        }
    }
}
