//! ECS's fields of connections and of calls to an API.

use crate::{
    alert::{Alert, Endpoint},
    format::{
        object::Object,
        reading::{ends, ip, source_ip},
    },
};

/// The connection, or the call to an API.
pub(super) fn network(alert: &Alert, document: Object) -> Object {
    if let Some(network) = &alert.network {
        let (source, destination) = ends(network);
        let about = Object::new()
            .set("transport", network.transport.as_str())
            .set("type", network.family.as_str());
        return document
            .set("network", about)
            .set("source", source.map(endpoint))
            .set("destination", destination.map(endpoint))
            .set("client", network.client.as_ref().map(endpoint))
            .set("server", network.server.as_ref().map(endpoint));
    }
    let audit = alert.audit.as_ref();
    let agent = audit
        .map(|it| it.user_agent.as_str())
        .or(alert.cloud.as_ref().map(|it| it.user_agent.as_str()));
    let response = Object::new().set("status_code", audit.and_then(|it| it.response_code));
    document
        .set("source", address(source_ip(alert)))
        .set("user_agent", Object::new().set("original", agent))
        .set(
            "url",
            Object::new().set("path", audit.map(|it| it.uri.as_str())),
        )
        .set("http", Object::new().set("response", response))
}

fn endpoint(end: &Endpoint) -> Object {
    address(&end.ip)
        .set("domain", end.name.as_str())
        .set("port", end.port)
}

/// `ip` only for what is one: Elasticsearch refuses the document otherwise.
fn address(text: &str) -> Object {
    Object::new()
        .set("address", text)
        .set("ip", ip(text).map(|_| text))
}
