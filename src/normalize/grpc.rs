//! A message of Falco's own gRPC outputs service.
//!
//! With Falco's `json_output` the message carries the whole JSON document, which
//! is read as if it had come alone: its values are typed, and its identity is
//! the one that it has over HTTP. Where settings keep something out of the
//! document, the message's own fields stand in. Without `json_output` they are
//! all there is: display strings, `<NA>` for null.

use std::borrow::Cow;

use super::{
    MAX_DOCUMENT_BYTES, document,
    draft::Draft,
    identity, kind,
    notes::{MAX_NAME_BYTES, MAX_VALUE_BYTES, Notes},
    reject::{Fault, Reason},
    tags, text, time,
};
use crate::{
    alert::{AlertId, FieldValue, Fields, Priority, RemarkKind},
    source::FalcoResponse,
};

/// Reads a message. The identity is taken before the document is completed.
pub(super) fn read(response: &FalcoResponse) -> Result<(Draft, AlertId), Fault> {
    if response.wire.len().max(response.output.len()) > MAX_DOCUMENT_BYTES {
        return Err(Fault::too_large());
    }
    let mut notes = Notes::default();
    let output = response.output.trim_ascii();
    if output.starts_with(b"{") {
        if let Ok(mut draft) = document::read(output) {
            let id = identity::of(&draft);
            complete(&mut draft, response);
            return Ok((draft, id));
        }
        notes.remark(
            RemarkKind::UnusualShape,
            "output",
            "begins as JSON but is no alert: the message's own fields were taken",
        );
    }
    let draft = read_plain(response, notes)?;
    let id = identity::of(&draft);
    Ok((draft, id))
}

/// Fills in what the JSON document lacks.
fn complete(draft: &mut Draft, response: &FalcoResponse) {
    let notes = &mut draft.notes;
    if draft.fields.is_empty() {
        draft.fields = fields(response, notes);
    }
    if draft.tags.is_empty() {
        draft.tags = tags_of(response, notes);
    }
    if draft.hostname.is_empty() {
        draft.hostname = name(&response.hostname, "hostname", notes);
    }
    if draft.source.is_empty() {
        draft.source = source(response, notes);
    }
}

fn read_plain(response: &FalcoResponse, mut notes: Notes) -> Result<Draft, Fault> {
    let priority = Priority::from_syslog(response.priority).ok_or_else(|| {
        Fault::new(
            Reason::UnknownPriority,
            format!("{} is no priority of Falco's gRPC", response.priority),
        )
    })?;
    let output = notes.decode(&response.output, "output");
    let rule = match name(&response.rule, "rule", &mut notes) {
        rule if rule.is_empty() => kind::rule_in_text(text::message_of(&output))
            .ok_or_else(|| Fault::new(Reason::MissingRule, "the message names no rule"))?
            .to_owned(),
        rule => rule,
    };
    let message = Cow::Borrowed(text::message_of(&output));
    Ok(Draft {
        time: time::of_seconds(response.time),
        priority,
        rule,
        source: source(response, &mut notes),
        hostname: name(&response.hostname, "hostname", &mut notes),
        tags: tags_of(response, &mut notes),
        message: notes.cut(message, MAX_VALUE_BYTES, "message"),
        output: notes.cut(Cow::Borrowed(&output), MAX_VALUE_BYTES, "output"),
        fields: fields(response, &mut notes),
        extra: Fields::default(),
        text_only: false,
        notes,
    })
}

fn fields(response: &FalcoResponse, notes: &mut Notes) -> Fields {
    let mut pairs = Vec::with_capacity(response.output_fields.len());
    // Falco sends the map in no order; what is cut for want of room must not
    // depend on it, for the identity's sake.
    let mut sorted: Vec<_> = response.output_fields.iter().collect();
    sorted.sort_by(|(a, _), (b, _)| a.cmp(b));
    for (key, value) in sorted {
        if !notes.reserve(key.len()) {
            notes.remark(
                RemarkKind::Truncated,
                "",
                "more fields than there is room for",
            );
            break;
        }
        let key = notes.decode(key, "");
        let key = notes.cut(key, MAX_NAME_BYTES, "");
        let text = notes.decode(value, &key);
        let text = notes.value(text, &key);
        pairs.push((key, FieldValue::String(text)));
    }
    pairs.into_iter().collect()
}

fn tags_of(response: &FalcoResponse, notes: &mut Notes) -> Vec<String> {
    let decoded: Vec<_> = response
        .tags
        .iter()
        .map(|tag| notes.decode(tag, "tags"))
        .collect();
    tags::tidy(decoded, notes)
}

/// The source, which Falco before 0.30 gave as a number. Its 0 says nothing: it
/// is what an absent number reads as.
fn source(response: &FalcoResponse, notes: &mut Notes) -> String {
    let named = name(&response.source, "source", notes);
    if !named.is_empty() {
        return named;
    }
    let numbered = match response.source_deprecated {
        1 => "k8s_audit",
        2 => "internal",
        _ => return named,
    };
    notes.remark(
        RemarkKind::SourceInferred,
        "source",
        "from the number that Falco before 0.30 gave",
    );
    numbered.to_owned()
}

fn name(bytes: &[u8], field: &str, notes: &mut Notes) -> String {
    let text = notes.decode(bytes, field);
    notes.cut(text, MAX_NAME_BYTES, field)
}
