//! The language as a whole; its parts have their tests beside them.

mod document;
mod errors;
mod naive;
mod robust;
mod semantics;

use super::Filter;
use crate::{
    alert::{Alert, Origin, Transport},
    normalize::normalize,
    source::{Payload, Raw},
};

/// An alert of this document, read as the gateway reads it.
fn alert(document: &str) -> Alert {
    let raw = Raw {
        payload: Payload::Document(document.to_owned().into()),
        origin: Origin {
            cluster: "prod".into(),
            labels: std::sync::Arc::new([("team".to_owned(), "sec ops".to_owned())].into()),
            ..Origin::new("node-a", Transport::FalcoGrpc)
        },
        received_at: "2030-01-02T03:04:05Z".parse().unwrap(),
    };
    normalize(&raw).remove(0).unwrap()
}

fn filter(text: &str) -> Filter {
    Filter::parse(text).unwrap_or_else(|problem| panic!("{text}\n{}", problem.pointer(text)))
}

/// Each text, on a line of its own, is true or false of `alert`.
fn hold(alert: &Alert, expected: bool, texts: &str) {
    for text in texts.lines().map(str::trim).filter(|it| !it.is_empty()) {
        assert_eq!(filter(text).matches(alert), expected, "{text}");
    }
}
