//! Alerts that programs push over gRPC.

use bytes::Bytes;
use falco_gateway::pb;

use crate::support::{captures, frames::ids, gateway::Running, in_time};

fn documents(bodies: &[String]) -> Vec<Bytes> {
    bodies.iter().map(|body| body.clone().into()).collect()
}

#[tokio::test]
async fn published_alerts_are_in_the_log_when_the_answer_comes() {
    let gateway = Running::start().await;
    let bodies = captures::bodies("http.jsonl");
    let request = pb::PublishRequest {
        documents: documents(&bodies),
    };
    let response = in_time(gateway.ingest().publish(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!((response.accepted, response.refusals.len()), (195, 0));
    let published = gateway.all_that_match("origin.source = publish").await;
    assert_eq!(published.len(), 195);
    gateway.post_all(&bodies).await;
    let posted = gateway.all_that_match("origin.source = http").await;
    assert_eq!(ids(&published), ids(&posted));
}

#[tokio::test]
async fn good_documents_are_taken_though_others_are_refused() {
    let gateway = Running::start().await;
    let good = captures::numbered_body(1, 0);
    let bodies = [good.clone(), "{]".to_owned(), "7".to_owned(), good].map(Bytes::from);
    let request = pb::PublishRequest {
        documents: bodies.to_vec(),
    };
    let response = in_time(gateway.ingest().publish(request))
        .await
        .unwrap()
        .into_inner();
    assert_eq!(response.accepted, 2);
    let refused: Vec<_> = response
        .refusals
        .iter()
        .map(|refusal| (refusal.index, refusal.reason.as_str()))
        .collect();
    assert_eq!(refused, [(1, "INVALID_JSON"), (2, "NOT_AN_OBJECT")]);
    assert!(response.refusals.iter().all(|it| !it.message.is_empty()));
}

#[tokio::test]
async fn a_client_stream_is_answered_once_for_all() {
    let gateway = Running::start().await;
    let bodies = documents(&captures::bodies("http.jsonl"));
    let mut batches: Vec<_> = bodies
        .chunks(50)
        .map(|documents| pb::PublishAlertsRequest {
            documents: documents.to_vec(),
        })
        .collect();
    batches.push(pb::PublishAlertsRequest {
        documents: vec![Bytes::from_static(b"nonsense"); 150],
    });
    let call = gateway.ingest();
    let response = in_time({ call }.publish_alerts(tokio_stream::iter(batches))).await;
    let response = response.unwrap().into_inner();
    assert_eq!((response.accepted, response.refused), (195, 150));
    assert_eq!(response.refusals.len(), 100);
    assert_eq!(response.refusals[0].index, 195);
    assert_eq!(gateway.all_that_match("").await.len(), 195);
}
