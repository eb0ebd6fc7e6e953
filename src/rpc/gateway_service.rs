use jiff::Timestamp;
use tonic::{Request, Response, Status};

use super::{
    FEATURES, alert_service::MOST_PER_PAGE, caller::Caller, convert, frames, request, status,
};
use crate::{
    bridge::{BridgeState, BridgeStatus, Bridges},
    delivery::{Batching, Delivery, StreamStatus, Subscriptions},
    filter,
    log::{DeadLetter, DeadLetters, Durability},
    normalize,
    pb::{self, server::gateway_service_server::GatewayService},
    policy::Right,
    source::{SourceStatus, Sources},
};

/// How many dead letters are listed unasked.
const DEFAULT_LETTERS: usize = 100;

/// `falcogateway.v1.GatewayService`.
pub(super) struct Gateway {
    pub(super) delivery: Delivery,
    pub(super) sources: Sources,
    pub(super) dead_letters: DeadLetters,
    pub(super) bridges: Bridges,
    pub(super) subscriptions: Subscriptions,
    pub(super) start_time: Timestamp,
}

#[tonic::async_trait]
impl GatewayService for Gateway {
    async fn get_gateway_info(
        &self,
        request: Request<pb::GetGatewayInfoRequest>,
    ) -> Result<Response<pb::GetGatewayInfoResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let sees_counts = caller.grant().sees_counts();
        Ok(Response::new(pb::GetGatewayInfoResponse {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            start_time: Some(convert::timestamp(self.start_time)),
            features: FEATURES.map(str::to_owned).to_vec(),
            log: sees_counts.then(|| self.log()),
            limits: Some(self.limits()),
            caller: Some(told(&caller)),
        }))
    }

    async fn list_sources(
        &self,
        request: Request<pb::ListSourcesRequest>,
    ) -> Result<Response<pb::ListSourcesResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        if !caller.grant().sees_counts() {
            return Err(status::not_all_seen("a source's counts", caller.grant()));
        }
        Ok(Response::new(pb::ListSourcesResponse {
            sources: self.sources.list().into_iter().map(source).collect(),
        }))
    }

    async fn list_streams(
        &self,
        request: Request<pb::ListStreamsRequest>,
    ) -> Result<Response<pb::ListStreamsResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        let is_admin = caller.grant().may(Right::Admin);
        let sees_counts = caller.grant().sees_counts();
        let identity = caller.identity();
        let streams = self.delivery.streams();
        Ok(Response::new(pb::ListStreamsResponse {
            streams: streams
                .into_iter()
                .filter(|status| is_admin || status.identity == identity)
                .map(|status| self.stream(status, sees_counts))
                .collect(),
        }))
    }

    async fn list_bridges(
        &self,
        _: Request<pb::ListBridgesRequest>,
    ) -> Result<Response<pb::ListBridgesResponse>, Status> {
        let mut bridges = Vec::new();
        for status in self.bridges.list() {
            let subscription = self.subscriptions.get(&status.subscription).await;
            // It is not there before the bridge has made it.
            let lag = subscription.map_or(0, |subscription| subscription.lag);
            bridges.push(bridge(status, lag));
        }
        Ok(Response::new(pb::ListBridgesResponse { bridges }))
    }

    async fn list_dead_letters(
        &self,
        request: Request<pb::ListDeadLettersRequest>,
    ) -> Result<Response<pb::ListDeadLettersResponse>, Status> {
        let caller = Caller::of(request.extensions())?;
        if !caller.grant().sees_all() {
            return Err(status::not_all_seen("dead letters", caller.grant()));
        }
        let limit = request::bounded(
            "limit",
            request.into_inner().limit,
            DEFAULT_LETTERS,
            MOST_PER_PAGE,
        )?;
        Ok(Response::new(pb::ListDeadLettersResponse {
            total: self.dead_letters.total(),
            dead_letters: within_message(self.dead_letters.newest(limit))
                .map(dead_letter)
                .collect(),
        }))
    }
}

impl Gateway {
    fn log(&self) -> pb::LogInfo {
        let log = self.delivery.log();
        let bounds = log.bounds();
        pb::LogInfo {
            earliest_cursor: self.delivery.cursor(bounds.start).to_string(),
            earliest_time: bounds.earliest_time.map(convert::timestamp),
            head_cursor: self.delivery.cursor(bounds.head).to_string(),
            head_time: bounds.head_time.map(convert::timestamp),
            alerts: bounds.alerts,
            bytes: bounds.bytes,
            retention_bytes: bounds.retention_bytes,
            durable: true,
            appended: bounds.head.0,
            durability: durability(log.config().durability).into(),
            retention_age: Some(convert::duration(log.config().retention_age.0)),
            trouble: log
                .trouble()
                .borrow()
                .as_ref()
                .map(ToString::to_string)
                .unwrap_or_default(),
        }
    }

    fn limits(&self) -> pb::Limits {
        let number = |number: usize| u32::try_from(number).unwrap_or(u32::MAX);
        pb::Limits {
            max_filter_bytes: number(filter::MAX_TEXT_BYTES),
            max_filter_depth: number(filter::MAX_DEPTH),
            max_filter_predicates: number(filter::MAX_PREDICATES),
            max_batch_alerts: number(Batching::MOST_ALERTS),
            max_batch_bytes: number(Batching::MOST_BYTES),
            max_page_size: number(MOST_PER_PAGE),
            max_document_bytes: number(normalize::MAX_DOCUMENT_BYTES),
            overflow_lag: self.delivery.config().overflow_lag,
        }
    }

    fn stream(&self, status: StreamStatus, sees_counts: bool) -> pb::StreamStatus {
        pb::StreamStatus {
            stream_id: status.id,
            client_label: status.label,
            peer: status.peer,
            filter: status.filter,
            view: frames::alert_view(status.view).into(),
            overflow_policy: frames::overflow_policy(status.overflow).into(),
            open_time: Some(convert::timestamp(status.opened)),
            state: frames::stream_state(status.state).into(),
            cursor: self.delivery.cursor(status.position).to_string(),
            lag: sees_counts.then_some(status.lag),
            delivered: status.delivered,
            lost: status.lost,
            identity: status.identity,
        }
    }
}

fn told(caller: &Caller) -> pb::Caller {
    let grant = caller.grant();
    let views = grant.views.iter();
    pb::Caller {
        identity: caller.identity(),
        grant: grant.name.clone(),
        rights: grant.may.iter().map(ToString::to_string).collect(),
        views: views.map(|view| frames::alert_view(*view).into()).collect(),
        scope: grant.sight.scope().canonical().to_owned(),
        redacted_fields: frames::redacted(grant),
        history: grant.history.map(convert::duration),
    }
}

fn durability(durability: Durability) -> pb::Durability {
    match durability {
        Durability::EveryCommit => pb::Durability::EveryCommit,
        Durability::Interval(_) => pb::Durability::Interval,
        Durability::Os => pb::Durability::Os,
    }
}

fn source(status: SourceStatus) -> pb::SourceStatus {
    pb::SourceStatus {
        source_id: status.origin.source_id.as_ref().to_owned(),
        transport: pb::Transport::from(status.origin.transport).into(),
        state: frames::source_state(status.state).into(),
        detail: status.detail,
        state_time: Some(convert::timestamp(status.state_time)),
        last_alert_time: status.last_alert_time.map(convert::timestamp),
        received: status.received,
        accepted: status.accepted,
        rejected: status
            .rejected
            .into_iter()
            .map(|(reason, count)| pb::RejectionCount {
                reason: reason.to_owned(),
                count,
            })
            .collect(),
        upstream_drops: status.upstream_drops,
        cluster: status.origin.cluster.as_ref().to_owned(),
        address: status.address,
    }
}

fn bridge(status: BridgeStatus, lag: u64) -> pb::BridgeStatus {
    pb::BridgeStatus {
        name: status.name,
        subscription: status.subscription,
        target: status.target,
        state: bridge_state(status.state).into(),
        detail: status.detail,
        state_time: Some(convert::timestamp(status.state_time)),
        delivered: status.delivered,
        refused: status.refused,
        retries: status.retries,
        lost: status.lost,
        lag,
        last_delivery_time: status.last_delivery.map(convert::timestamp),
        next_attempt_time: status.next_attempt.map(convert::timestamp),
    }
}

fn bridge_state(state: BridgeState) -> pb::BridgeState {
    match state {
        BridgeState::Starting => pb::BridgeState::Starting,
        BridgeState::Delivering => pb::BridgeState::Delivering,
        BridgeState::Retrying => pb::BridgeState::Retrying,
        BridgeState::Disconnected => pb::BridgeState::Disconnected,
        BridgeState::Standby => pb::BridgeState::Standby,
        BridgeState::Stopped => pb::BridgeState::Stopped,
    }
}

/// As many letters as a client's message limit of 4 MiB surely allows.
fn within_message(letters: Vec<DeadLetter>) -> impl Iterator<Item = DeadLetter> {
    const MOST_BYTES: usize = 3 << 20;
    let mut bytes = 0;
    letters.into_iter().take_while(move |letter| {
        bytes += letter.raw.len() + letter.message.len() + 256;
        bytes <= MOST_BYTES
    })
}

fn dead_letter(letter: DeadLetter) -> pb::DeadLetter {
    pb::DeadLetter {
        time: Some(convert::timestamp(letter.time)),
        origin: Some((&letter.origin).into()),
        reason: letter.reason.to_owned(),
        message: letter.message,
        raw: letter.raw,
        raw_length: letter.raw_length as u64,
    }
}
