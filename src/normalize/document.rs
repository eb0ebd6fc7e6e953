//! One JSON object to a [`Draft`].

use std::{borrow::Cow, str::FromStr};

use super::{
    draft::Draft,
    fields,
    json::{self, Member},
    notes::Notes,
    reject::{Fault, Reason},
    tags, time, value,
};
use crate::alert::{FieldValue, Priority, RemarkKind};

/// Reads a JSON object: Falco's envelope, or an object that carries one as text.
pub(super) fn read(bytes: &[u8]) -> Result<Draft, Fault> {
    let mut notes = Notes::default();
    let text = notes.decode(bytes, "");
    let envelope = Envelope::read(&text, &mut notes)?;
    match envelope.wrapped() {
        Some(inner) => {
            notes.remark(
                RemarkKind::UnusualShape,
                "",
                "unwrapped: it came as text inside another object",
            );
            Envelope::read(inner.trim(), &mut notes)?.draft(notes)
        }
        None => envelope.draft(notes),
    }
}

/// The values of Falco's own keys, as they were written, and all the others.
#[derive(Debug, Default)]
struct Envelope<'a> {
    rule: Option<&'a str>,
    priority: Option<&'a str>,
    time: Option<&'a str>,
    source: Option<&'a str>,
    hostname: Option<&'a str>,
    tags: Option<&'a str>,
    output: Option<&'a str>,
    message: Option<&'a str>,
    output_fields: Option<&'a str>,
    others: Vec<Member<'a>>,
}

impl<'a> Envelope<'a> {
    fn read(text: &'a str, notes: &mut Notes) -> Result<Self, Fault> {
        let members = json::members(text)
            .map_err(|error| Fault::new(Reason::InvalidJson, format!("invalid JSON: {error}")))?;
        let mut envelope = Self::default();
        for member in members {
            let Some(slot) = envelope.slot(&member.key.text) else {
                envelope.others.push(member);
                continue;
            };
            if slot.replace(member.value).is_some() {
                notes.remark(
                    RemarkKind::DuplicateKey,
                    &member.key.text,
                    "the last one was taken",
                );
            }
        }
        Ok(envelope)
    }

    /// Where the value of one of Falco's keys belongs. Any case will do: Go's
    /// decoder, which falcosidekick uses, never minded.
    fn slot(&mut self, key: &str) -> Option<&mut Option<&'a str>> {
        let slots = [
            ("rule", &mut self.rule),
            ("priority", &mut self.priority),
            ("time", &mut self.time),
            ("source", &mut self.source),
            ("hostname", &mut self.hostname),
            ("tags", &mut self.tags),
            ("output", &mut self.output),
            ("message", &mut self.message),
            ("output_fields", &mut self.output_fields),
        ];
        slots
            .into_iter()
            .find(|(name, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, slot)| slot)
    }

    /// The JSON text that this object merely carries: CloudWatch wraps a line as
    /// `message`, Docker as `log`.
    fn wrapped(&self) -> Option<Cow<'a, str>> {
        if self.rule.is_some() || self.priority.is_some() {
            return None;
        }
        let log = self.others.iter().find(|member| member.key.text == "log");
        let carried = self.message.or(log.map(|member| member.value))?;
        let text = carried
            .starts_with('"')
            .then(|| json::unquote(carried).text)?;
        text.trim_start().starts_with('{').then_some(text)
    }

    fn draft(self, mut notes: Notes) -> Result<Draft, Fault> {
        let rule = self.rule(&mut notes)?;
        let priority = self.priority()?;
        let tags = tags::read(self.tags, &mut notes);
        let fields = fields::read(self.output_fields, &mut notes);
        let mut time = time::read(self.time);
        if let (Err(why), Some(clock)) = (&time, time::of_fields(&fields)) {
            let detail = format!("{why}: taken from the clock among the fields");
            notes.remark(RemarkKind::UnusualShape, "time", detail);
            time = Ok(clock);
        }
        Ok(Draft {
            time,
            priority,
            rule,
            source: value::read_name(self.source, "source", &mut notes),
            hostname: value::read_name(self.hostname, "hostname", &mut notes),
            tags,
            output: value::read_text(self.output, "output", &mut notes),
            message: value::read_text(self.message, "message", &mut notes),
            fields,
            extra: fields::read_extra(self.others, &mut notes),
            text_only: false,
            notes,
        })
    }

    fn rule(&self, notes: &mut Notes) -> Result<String, Fault> {
        let rule = value::read_name(self.rule, "rule", notes);
        if !rule.is_empty() {
            return Ok(rule);
        }
        let sample = |member: &Member<'_>| member.key.text == "sample";
        if self.priority.is_none() && self.others.iter().any(sample) {
            return Err(Fault::new(
                Reason::NotAnAlert,
                "a record of Falco's metrics file",
            ));
        }
        Err(Fault::new(Reason::MissingRule, "the object names no rule"))
    }

    fn priority(&self) -> Result<Priority, Fault> {
        let missing = || Fault::new(Reason::MissingPriority, "the object has no priority");
        let raw = self.priority.ok_or_else(missing)?;
        match value::read(raw, "priority", &mut Notes::default()) {
            FieldValue::String(word) => priority_of(word.trim()),
            FieldValue::Null => Err(missing()),
            FieldValue::Int(number) => Err(ambiguous(&number.to_string())),
            _ => Err(Fault::new(
                Reason::UnknownPriority,
                "the priority is no word",
            )),
        }
    }
}

fn priority_of(word: &str) -> Result<Priority, Fault> {
    if word.is_empty() {
        return Err(Fault::new(Reason::MissingPriority, "the priority is empty"));
    }
    if word.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(ambiguous(word));
    }
    Priority::from_str(word)
        .map_err(|unknown| Fault::new(Reason::UnknownPriority, unknown.to_string()))
}

fn ambiguous(number: &str) -> Fault {
    Fault::new(
        Reason::AmbiguousPriority,
        format!(
            "the priority is the number {number}, which Falco and falcosidekick read differently"
        ),
    )
}
