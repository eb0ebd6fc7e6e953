use std::io::{self, Write};

use tonic::{Code, Response, Status};

use super::{CliError, Server, render::safe, style};
use crate::{
    pb::{self, gateway_service_client::GatewayServiceClient},
    rpc::convert,
    units::Size,
};

pub(super) async fn run(server: &Server) -> Result<(), CliError> {
    let mut client = GatewayServiceClient::new(server.connect().await?);
    let info = client
        .get_gateway_info(pb::GetGatewayInfoRequest {})
        .await?
        .into_inner();
    let sources = granted(client.list_sources(pb::ListSourcesRequest {}).await)?;
    let streams = granted(client.list_streams(pb::ListStreamsRequest {}).await)?;
    let bridges = granted(client.list_bridges(pb::ListBridgesRequest {}).await)?;
    let mut out = anstream::stdout().lock();
    gateway(&mut out, &info)?;
    if let Some(caller) = &info.caller {
        self::caller(&mut out, caller)?;
    }
    for source in sources.iter().flat_map(|it| &it.sources) {
        self::source(&mut out, source)?;
    }
    for stream in streams.iter().flat_map(|it| &it.streams) {
        self::stream(&mut out, stream)?;
    }
    for bridge in bridges.iter().flat_map(|it| &it.bridges) {
        self::bridge(&mut out, bridge)?;
    }
    Ok(())
}

/// What was answered; nothing if it is not for the caller.
fn granted<T>(answer: Result<Response<T>, Status>) -> Result<Option<T>, Status> {
    match answer {
        Ok(answer) => Ok(Some(answer.into_inner())),
        Err(status) if status.code() == Code::PermissionDenied => Ok(None),
        Err(status) => Err(status),
    }
}

/// Who asks, where that makes a difference.
fn caller(out: &mut impl Write, caller: &pb::Caller) -> io::Result<()> {
    if caller.grant.is_empty() {
        return Ok(());
    }
    let strong = style::STRONG;
    write!(
        out,
        "you      {strong}{}{strong:#}, by the grant {}: {}",
        safe(&caller.identity),
        safe(&caller.grant),
        caller.rights.join(", ")
    )?;
    if !caller.scope.is_empty() {
        write!(out, "; only {}", safe(&caller.scope))?;
    }
    if !caller.redacted_fields.is_empty() {
        let hidden: Vec<_> = caller.redacted_fields.iter().map(|it| safe(it)).collect();
        write!(out, "; without {}", hidden.join(", "))?;
    }
    writeln!(out)
}

fn gateway(out: &mut impl Write, info: &pb::GetGatewayInfoResponse) -> io::Result<()> {
    let strong = style::STRONG;
    let since = info.start_time.as_ref().and_then(convert::time);
    writeln!(
        out,
        "{strong}falco-gateway {}{strong:#}, up since {}",
        info.version,
        since.map(|time| time.to_string()).unwrap_or_default()
    )?;
    let Some(log) = &info.log else {
        return Ok(());
    };
    let oldest = log.earliest_time.as_ref().and_then(convert::time);
    writeln!(
        out,
        "log      {} alerts on disk{}, {} KiB of {}, {} since it was begun, synced {}",
        log.alerts,
        oldest
            .map(|time| format!(" since {time:.0}"))
            .unwrap_or_default(),
        log.bytes >> 10,
        Size(log.retention_bytes),
        log.appended,
        match log.durability() {
            pb::Durability::Interval => "at an interval",
            pb::Durability::Os => "when the system likes",
            pb::Durability::EveryCommit | pb::Durability::Unspecified => "with every commit",
        }
    )?;
    if !log.trouble.is_empty() {
        let bad = style::ERROR;
        writeln!(out, "{bad}trouble{bad:#}  {}", safe(&log.trouble))?;
    }
    Ok(())
}

fn source(out: &mut impl Write, source: &pb::SourceStatus) -> io::Result<()> {
    let strong = style::STRONG;
    writeln!(
        out,
        "source   {strong}{}{strong:#} {} {} at {}{}: {} received, {} accepted",
        safe(&source.source_id),
        word(source.transport().as_str_name(), "TRANSPORT_"),
        word(source.state().as_str_name(), "SOURCE_STATE_"),
        safe(&source.address),
        if source.detail.is_empty() {
            String::new()
        } else {
            format!(" ({})", safe(&source.detail))
        },
        source.received,
        source.accepted
    )?;
    for rejection in &source.rejected {
        writeln!(
            out,
            "           {} refused: {}",
            rejection.count, rejection.reason
        )?;
    }
    if source.upstream_drops > 0 {
        writeln!(
            out,
            "           {} system calls lost by Falco itself",
            source.upstream_drops
        )?;
    }
    Ok(())
}

fn stream(out: &mut impl Write, stream: &pb::StreamStatus) -> io::Result<()> {
    let strong = style::STRONG;
    writeln!(
        out,
        "stream   {strong}{}{strong:#} {} from {}: {}, {} delivered, {} lost{}{}",
        stream.stream_id,
        safe(&stream.client_label),
        safe(&stream.peer),
        word(stream.state().as_str_name(), "STREAM_STATE_"),
        stream.delivered,
        stream.lost,
        stream
            .lag
            .map_or_else(String::new, |lag| format!(", {lag} behind")),
        if stream.filter.is_empty() {
            String::new()
        } else {
            format!(", filter: {}", safe(&stream.filter))
        }
    )
}

fn bridge(out: &mut impl Write, bridge: &pb::BridgeStatus) -> io::Result<()> {
    let strong = style::STRONG;
    writeln!(
        out,
        "bridge   {strong}{}{strong:#} to {}: {}{}, {} delivered, {} refused, {} lost, {} behind",
        safe(&bridge.name),
        safe(&bridge.target),
        word(bridge.state().as_str_name(), "BRIDGE_STATE_"),
        match bridge.detail.as_str() {
            "" => String::new(),
            detail => format!(" ({})", safe(detail)),
        },
        bridge.delivered,
        bridge.refused,
        bridge.lost,
        bridge.lag,
    )?;
    let next = bridge.next_attempt_time.as_ref().and_then(convert::time);
    if let Some(next) = next {
        let since = bridge.state_time.as_ref().and_then(convert::time);
        let since = since.map(|time| format!(" since {time:.0}"));
        writeln!(
            out,
            "           {} tries failed{}; the next is at {next:.0}",
            bridge.retries,
            since.unwrap_or_default(),
        )?;
    }
    Ok(())
}

fn word(name: &str, prefix: &str) -> String {
    name.trim_start_matches(prefix)
        .to_lowercase()
        .replace('_', " ")
}
