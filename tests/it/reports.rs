//! Promise: a report tells what happened and what to do about any alert, what it says to load
//! into Falco can be loaded, and no value of an alert gets out of its place.

mod golden;
mod hostile;
mod overrides;
mod served;

use std::time::Duration;

use falco_gateway::{
    alert::Alert,
    report::{Around, Form, Report},
};

use crate::normalize::fixtures::{bodies, read_body, sample};

/// The report on an alert with nothing around it.
fn alone(alert: &Alert, form: Form) -> String {
    Report::new(alert, &Around::default()).write(form)
}

/// The report on an alert with these around it.
fn among(alert: &Alert, others: &[Alert], form: Form) -> String {
    let around = Around {
        alerts: others.iter().collect(),
        window: Duration::from_secs(900),
        is_cut: false,
    };
    Report::new(alert, &around).write(form)
}

/// Every alert of the captures and of the samples.
fn all() -> Vec<Alert> {
    let samples = crate::normalize::fixtures::json_lines("samples/dev.jsonl");
    let payloads = samples.iter().filter_map(|it| it["payload"].as_str());
    let payloads: Vec<_> = payloads.map(str::to_owned).collect();
    let read = bodies("http")
        .into_iter()
        .chain(payloads)
        .flat_map(read_body);
    read.flatten().collect()
}

/// The one alert of a sample.
fn of_sample(id: &str) -> Alert {
    let read = read_body(sample(id));
    read.into_iter().flatten().next().unwrap()
}
