//! What an analyst searches for, whatever attribute it stands in.

use serde_json::Value;

use crate::{
    alert::{Alert, Kind},
    format::{
        object::Object,
        reading::{ends, ip, source_ip, user_name},
    },
};

/// Kinds of observables, with OCSF's numbers.
#[derive(Debug, Clone, Copy)]
enum Observable {
    Hostname = 1,
    IpAddress = 2,
    UserName = 4,
    ProcessName = 9,
    CommandLine = 13,
    FilePath = 45,
}

impl Observable {
    fn caption(self) -> &'static str {
        match self {
            Self::Hostname => "Hostname",
            Self::IpAddress => "IP Address",
            Self::UserName => "User Name",
            Self::ProcessName => "Process Name",
            Self::CommandLine => "Command Line",
            Self::FilePath => "File Path",
        }
    }

    fn object(self, name: &str, value: &str) -> Option<Value> {
        let observable = Object::new().set("value", value).filled()?;
        Some(
            observable
                .set("name", name)
                .set("type_id", self as i32)
                .set("type", self.caption())
                .into(),
        )
    }
}

pub(super) fn observables(alert: &Alert) -> Vec<Value> {
    if alert.kind != Kind::Alert {
        // A base event has no device; this is where its host can stand.
        let host = Observable::Hostname.object("hostname", &alert.hostname);
        return host.into_iter().collect();
    }
    let process = alert.process.as_ref();
    let name = process.map_or("", |it| &it.name);
    let command_line = process.map_or("", |it| &it.command_line);
    let path = process.map_or("", |it| &it.exe_path);
    let file = alert.file.as_ref().map_or("", |it| &it.path);
    let found = [
        Observable::Hostname.object("device.hostname", &alert.hostname),
        Observable::UserName.object("evidences.actor.user.name", user_name(alert)),
        Observable::ProcessName.object("evidences.process.name", name),
        Observable::CommandLine.object("evidences.process.cmd_line", command_line),
        Observable::FilePath.object("evidences.process.path", path),
        Observable::FilePath.object("evidences.file.path", file),
    ];
    let addresses = addresses(alert)
        .map(|(name, text)| Observable::IpAddress.object(name, ip(text).map_or("", |_| text)));
    found.into_iter().chain(addresses).flatten().collect()
}

/// The addresses of the evidence's two ends.
fn addresses(alert: &Alert) -> [(&'static str, &str); 2] {
    let (source, destination) = match &alert.network {
        Some(network) => {
            let (source, destination) = ends(network);
            (
                source.map_or("", |it| &it.ip),
                destination.map_or("", |it| &it.ip),
            )
        }
        None => (source_ip(alert), ""),
    };
    [
        ("evidences.src_endpoint.ip", source),
        ("evidences.dst_endpoint.ip", destination),
    ]
}
