//! Falco's own API, as its old clients use it.

use std::time::Duration;

use falco_gateway::{
    config::SourceConfig,
    pb::falco::{
        outputs::{Request, Response, service_client::ServiceClient as OutputsClient},
        version::{self, service_client::ServiceClient as VersionClient},
    },
    rpc::{FalcoOutputs, Sharing},
    source::http,
    units::{Size, Span},
};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Streaming, transport::Channel};

use crate::support::{
    captures::{self, numbered_body},
    fake_falco::{FakeFalco, Outputs},
    gateway::{Running, loopback},
    in_time, soon,
    subscription::quick,
};

/// An open call of `sub`.
struct Sub {
    requests: mpsc::Sender<Request>,
    responses: Streaming<Response>,
}

impl Sub {
    async fn open(channel: Channel) -> Self {
        let (requests, outgoing) = mpsc::channel(1);
        let mut client = OutputsClient::new(channel);
        // The answer comes before any request, as some clients wait for that.
        let answer = in_time(client.sub(ReceiverStream::new(outgoing))).await;
        Self {
            requests,
            responses: answer.unwrap().into_inner(),
        }
    }

    async fn next(&mut self) -> Response {
        let next = soon("a response", self.responses.message()).await;
        next.unwrap().unwrap()
    }

    async fn take(&mut self, count: usize) -> Vec<Response> {
        let mut taken = Vec::new();
        while taken.len() < count {
            taken.push(self.next().await);
        }
        taken
    }
}

async fn get(channel: Channel) -> Vec<Response> {
    let answer = in_time(OutputsClient::new(channel).get(Request {})).await;
    let mut responses = answer.unwrap().into_inner();
    let mut all = Vec::new();
    while let Some(response) = in_time(responses.message()).await.unwrap() {
        all.push(response);
    }
    all
}

fn rules(responses: &[Response]) -> Vec<&str> {
    let rules = responses.iter().map(|response| response.rule.as_str());
    rules.collect()
}

fn numbered(numbers: std::ops::Range<usize>) -> Vec<String> {
    numbers.map(|number| format!("r{number}")).collect()
}

async fn post(gateway: &Running, numbers: std::ops::Range<usize>) {
    let bodies = numbers.map(|number| numbered_body(number, 0));
    gateway.post_all(bodies).await;
}

async fn serving(outputs: FalcoOutputs) -> Running {
    let mut config = loopback();
    config.falco_outputs = outputs;
    Running::with(config).await
}

#[tokio::test]
async fn what_a_falco_said_over_grpc_is_said_again() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("falco.sock");
    let outputs = Outputs::new();
    let said = captures::messages("grpc_text.jsonl");
    outputs.raise(said.clone());
    let _falco = FakeFalco::on_socket(&socket, &outputs);
    let mut config = loopback();
    config.sources.push(SourceConfig {
        id: "node-a".to_owned(),
        http: None,
        falco_grpc: Some(quick(&socket)),
        ..SourceConfig::http(http::Config::default())
    });
    let gateway = Running::with(config).await;
    let mut sub = Sub::open(gateway.channel()).await;
    for said in said {
        let mut said = Response::decode(said).unwrap();
        let heard = sub.next().await;
        said.tags.sort_unstable();
        assert_eq!(heard, said);
    }
}

#[tokio::test]
async fn every_stream_gets_everything_whether_it_asks_or_not() {
    let gateway = Running::start().await;
    let mut silent = Sub::open(gateway.channel()).await;
    let mut asking = Sub::open(gateway.channel()).await;
    let requests = asking.requests.clone();
    // More than any window holds.
    let asks = tokio::spawn(async move {
        for _ in 0..100_000 {
            requests.send(Request {}).await.unwrap();
        }
    });
    let Sub {
        requests,
        responses,
    } = Sub::open(gateway.channel()).await;
    // Half-closed, as grpcurl does.
    drop(requests);
    let (requests, _) = mpsc::channel(1);
    let mut closed = Sub {
        requests,
        responses,
    };
    soon("the requests to be read", asks).await.unwrap();
    post(&gateway, 0..20).await;
    for sub in [&mut silent, &mut asking, &mut closed] {
        assert_eq!(rules(&sub.take(20).await), numbered(0..20));
    }
    gateway.begin_shutdown();
    for sub in [&mut silent, &mut asking, &mut closed] {
        // The status is OK, or this were an error.
        assert!(in_time(sub.responses.message()).await.unwrap().is_none());
    }
    gateway.stopped().await;
}

#[tokio::test]
async fn a_new_stream_begins_a_little_in_the_past() {
    let gateway = Running::start().await;
    post(&gateway, 0..3).await;
    let mut late = Sub::open(gateway.channel()).await;
    assert_eq!(rules(&late.take(3).await), numbered(0..3));

    let gateway = serving(FalcoOutputs {
        backlog: Span(Duration::ZERO),
        ..FalcoOutputs::default()
    })
    .await;
    post(&gateway, 0..3).await;
    let mut late = Sub::open(gateway.channel()).await;
    post(&gateway, 3..4).await;
    assert_eq!(late.next().await.rule, "r3");
}

#[tokio::test]
async fn streams_of_a_shared_queue_share_the_alerts() {
    let gateway = serving(FalcoOutputs {
        delivery: Sharing::Shared,
        ..FalcoOutputs::default()
    })
    .await;
    let mut one = Sub::open(gateway.channel()).await;
    let mut other = Sub::open(gateway.channel()).await;
    post(&gateway, 0..50).await;
    let mut got = vec![0; 2];
    let mut seen = Vec::new();
    while seen.len() < 50 {
        let (who, response) = tokio::select! {
            response = one.next() => (0, response),
            response = other.next() => (1, response),
        };
        got[who] += 1;
        seen.push(response.rule);
    }
    seen.sort_by_key(|rule| rule[1..].parse::<usize>().unwrap());
    assert_eq!(seen, numbered(0..50));
    assert!(got.iter().all(|count| *count >= 10), "{got:?}");
    // What nobody takes waits, and who leaves takes nothing along.
    drop((one, other));
    let mut third = Sub::open(gateway.channel()).await;
    drop(Sub::open(gateway.channel()).await);
    post(&gateway, 50..60).await;
    assert_eq!(rules(&third.take(10).await), numbered(50..60));
}

#[tokio::test]
async fn get_gives_what_came_since_the_last_on_the_connection() {
    for delivery in [Sharing::Broadcast, Sharing::Shared] {
        let gateway = serving(FalcoOutputs {
            delivery,
            ..FalcoOutputs::default()
        })
        .await;
        assert_eq!(rules(&get(gateway.channel()).await).len(), 0);
        post(&gateway, 0..5).await;
        assert_eq!(rules(&get(gateway.channel()).await), numbered(0..5));
        assert_eq!(rules(&get(gateway.channel()).await).len(), 0);
        post(&gateway, 5..7).await;
        assert_eq!(rules(&get(gateway.channel()).await), numbered(5..7));
        // Another one waits for the next, and does not hold up this.
        let _sub = Sub::open(gateway.channel()).await;
        assert_eq!(rules(&get(gateway.channel()).await).len(), 0);
    }
}

/// What is older than the backlog is not for anybody, and nobody waits for it.
#[tokio::test]
async fn get_ends_where_there_is_nothing_to_give() {
    for delivery in [Sharing::Broadcast, Sharing::Shared] {
        let gateway = serving(FalcoOutputs {
            delivery,
            backlog: Span(Duration::ZERO),
            ..FalcoOutputs::default()
        })
        .await;
        post(&gateway, 0..3).await;
        assert_eq!(rules(&get(gateway.channel()).await).len(), 0);
        post(&gateway, 3..5).await;
        assert_eq!(rules(&get(gateway.channel()).await), numbered(3..5));
    }
}

#[tokio::test]
async fn one_that_does_not_read_holds_up_nobody_of_the_shared_queue() {
    let gateway = serving(FalcoOutputs {
        delivery: Sharing::Shared,
        ..FalcoOutputs::default()
    })
    .await;
    let stalled = Channel::from_shared(gateway.address.clone()).unwrap();
    let stalled = stalled
        .initial_stream_window_size(100)
        .connect()
        .await
        .unwrap();
    let _stalled = Sub::open(stalled).await;
    let mut lively = Sub::open(gateway.channel()).await;
    post(&gateway, 0..100).await;
    let mut got = 0;
    while got < 95 {
        lively.next().await;
        got += 1;
    }
}

#[tokio::test]
async fn get_misses_nothing_between_calls_and_keeps_what_was_not_taken_whole() {
    let gateway = serving(FalcoOutputs {
        backlog: Span(Duration::ZERO),
        ..FalcoOutputs::default()
    })
    .await;
    assert_eq!(rules(&get(gateway.channel()).await).len(), 0);
    // More than a window holds.
    let bodies = (0..300).map(|number| numbered_body(number, 10_000));
    gateway.post_all(bodies).await;
    let mut client = OutputsClient::new(gateway.channel());
    let mut left = in_time(client.get(Request {})).await.unwrap().into_inner();
    assert_eq!(left.message().await.unwrap().unwrap().rule, "r0");
    drop(left);
    assert_eq!(rules(&get(gateway.channel()).await), numbered(0..300));
    assert_eq!(rules(&get(gateway.channel()).await).len(), 0);
}

#[tokio::test]
async fn who_is_too_slow_is_told_in_the_stream_what_it_lost() {
    const MANY: usize = 600;
    let mut config = loopback();
    config.log.retention_bytes = Size(4 << 20);
    let gateway = Running::with(config).await;
    let channel = Channel::from_shared(gateway.address.clone()).unwrap();
    let mut slow = Sub::open(channel.connect().await.unwrap()).await;
    let bodies = (0..MANY).map(|number| numbered_body(number, 30_000));
    gateway.post_all(bodies).await;
    let (mut got, mut lost) = (0, 0);
    while got + lost < MANY {
        let response = slow.next().await;
        if response.source == "internal" {
            assert_eq!(response.output_fields["cause"], "retention");
            lost += response.output_fields["lost"].parse::<usize>().unwrap();
        } else {
            assert_eq!(response.rule, format!("r{}", got + lost));
            got += 1;
        }
    }
    assert!(lost > 0 && got > 0, "{got} and {lost}");
    assert_eq!(got + lost, MANY);
}

#[tokio::test]
async fn the_version_is_the_last_that_had_the_api() {
    let gateway = Running::start().await;
    let mut client = VersionClient::new(gateway.channel());
    let answer = in_time(client.version(version::Request {})).await.unwrap();
    let answer = answer.into_inner();
    assert_eq!((answer.major, answer.minor, answer.patch), (0, 43, 0));
    let gateway = env!("CARGO_PKG_VERSION");
    let told = format!("0.43.0+falco-gateway.{gateway}");
    assert_eq!(answer.version, told);
}

#[tokio::test]
async fn it_can_be_left_out() {
    let gateway = serving(FalcoOutputs {
        enabled: false,
        ..FalcoOutputs::default()
    })
    .await;
    let mut client = OutputsClient::new(gateway.channel());
    let refused = in_time(client.get(Request {})).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::Unimplemented);
}
