//! What is to be loaded into Falco has the shape that Falco's loader takes: by its source
//! (`rule_loader_reader.cpp` and `rule_loader_collector.cpp`, Falco 0.40 to 0.43), an override
//! names what it appends or replaces and has it; an exception that is appended has a name,
//! fields, as many operators and values of as many parts.

use std::collections::BTreeMap;

use falco_gateway::report::Form;
use serde::Deserialize;

use super::{all, alone};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Override {
    rule: String,
    exceptions: Option<Vec<Exception>>,
    priority: Option<String>,
    enabled: Option<bool>,
    r#override: BTreeMap<String, String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Exception {
    name: String,
    fields: Vec<String>,
    comps: Vec<String>,
    values: Vec<Vec<String>>,
}

/// The YAML blocks of a report.
fn blocks(report: &str) -> Vec<&str> {
    let blocks = report.split("```yaml\n").skip(1);
    blocks
        .map(|rest| rest.split("\n```").next().unwrap())
        .collect()
}

fn assert_is_loaded(item: &Override, rule: &str) {
    assert_eq!(item.rule, rule);
    let (key, action) = item.r#override.first_key_value().unwrap();
    assert_eq!(item.r#override.len(), 1);
    match (key.as_str(), action.as_str()) {
        ("exceptions", "append") => {
            let exceptions = item.exceptions.as_ref().unwrap();
            assert!(exceptions.len() == 1 && item.priority.is_none() && item.enabled.is_none());
            exceptions.iter().for_each(assert_is_exception);
        }
        ("priority", "replace") => {
            let priority = item.priority.as_deref().unwrap();
            let known = [
                "INFO",
                "NOTICE",
                "WARNING",
                "ERROR",
                "CRITICAL",
                "ALERT",
                "EMERGENCY",
            ];
            assert!(known.contains(&priority) && item.exceptions.is_none());
        }
        ("enabled", "replace") => assert_eq!(item.enabled, Some(false)),
        other => panic!("{other:?}"),
    }
}

fn assert_is_exception(exception: &Exception) {
    assert!(!exception.name.is_empty() && !exception.fields.is_empty());
    assert_eq!(exception.fields.len(), exception.comps.len());
    assert_eq!(exception.values.len(), 1);
    assert_eq!(exception.values[0].len(), exception.fields.len());
    for operator in &exception.comps {
        assert!(
            ["=", "startswith"].contains(&operator.as_str()),
            "{operator}"
        );
    }
    for value in &exception.values[0] {
        assert!(is_one_value(value), "{value}");
    }
}

/// Whether Falco's grammar reads it as one value: a bare word, or all of it in quotes.
fn is_one_value(value: &str) -> bool {
    let bare = |it: char| !it.is_whitespace() && !"()\"'=,".contains(it);
    match unquoted(value) {
        Some((quote, inside)) => !inside.contains([quote, '\\']),
        None => !value.is_empty() && value.chars().all(bare),
    }
}

/// What is within quotes, and which.
fn unquoted(value: &str) -> Option<(char, &str)> {
    let quote = value.chars().next().filter(|it| ['"', '\''].contains(it))?;
    let inside = value.strip_prefix(quote)?.strip_suffix(quote)?;
    Some((quote, inside))
}

#[test]
fn every_override_has_the_shape_that_falco_loads() {
    let (mut exceptions, mut overrides) = (0, 0);
    for alert in all() {
        let report = alone(&alert, Form::Markdown);
        for block in blocks(&report)
            .into_iter()
            .filter(|it| it.contains("override:"))
        {
            let items: Vec<Override> = serde_saphyr::from_str(block)
                .unwrap_or_else(|error| panic!("{}: {error}\n{block}", alert.rule));
            for item in &items {
                assert_is_loaded(item, &alert.rule);
                exceptions += usize::from(item.exceptions.is_some());
                overrides += 1;
            }
        }
    }
    assert!(
        exceptions > 150 && overrides > 400,
        "{exceptions} of {overrides}"
    );
}

/// An exception excepts the alert that it was made for: each field that it compares has the
/// value that it is compared with.
#[test]
fn an_exception_is_of_its_own_alert() {
    for alert in all() {
        let report = alone(&alert, Form::Markdown);
        let blocks = blocks(&report);
        let Some(block) = blocks.iter().find(|it| it.contains("exceptions: append")) else {
            continue;
        };
        let items: Vec<Override> = serde_saphyr::from_str(block).unwrap();
        let exception = &items[0].exceptions.as_ref().unwrap()[0];
        let compared = exception.fields.iter().zip(&exception.comps);
        for ((field, operator), value) in compared.zip(&exception.values[0]) {
            let text = unquoted(value).map_or(value.as_str(), |(_, inside)| inside);
            let has = match alert.output_fields.get(field).unwrap() {
                falco_gateway::alert::FieldValue::String(has) => has.clone(),
                falco_gateway::alert::FieldValue::Int(has) => has.to_string(),
                falco_gateway::alert::FieldValue::Bool(has) => has.to_string(),
                other => panic!("{field}: {other:?}"),
            };
            match operator.as_str() {
                "=" => assert_eq!(has, text),
                _ => assert!(has.starts_with(text) && text.len() > 1),
            }
        }
    }
}
