//! The operations listener.

use std::collections::{BTreeMap, BTreeSet};

use falco_gateway::config::Config;

use crate::support::{
    captures::numbered_body,
    gateway::{Running, loopback},
    in_time,
    receiver::{Answer, Receiver},
};

const PAGE: &str = include_str!("../../../docs/metrics.md");

/// Each metric with its labels, and its value.
fn values(text: &str) -> BTreeMap<String, f64> {
    assert!(text.ends_with("# EOF\n"), "{text}");
    text.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

/// What the first test makes happen.
const COUNTED: [(&str, f64); 17] = [
    ("falco_gateway_log_alerts", 3.0),
    ("falco_gateway_log_appended_total", 3.0),
    ("falco_gateway_log_trouble", 0.0),
    (
        "falco_events{rule=\"r0\",priority=\"5\",hostname=\"\",source=\"\",k8s_ns_name=\"\",k8s_pod_name=\"\",tags=\"\"}",
        1.0,
    ),
    ("falco_gateway_streams", 1.0),
    ("falco_gateway_denied_total{reason=\"TOKEN_MISSING\"}", 0.0),
    ("falco_gateway_refused_total{reason=\"FLOOD\"}", 0.0),
    (
        "falco_gateway_source_up{source=\"http\",transport=\"http\"}",
        1.0,
    ),
    (
        "falco_gateway_source_accepted_total{source=\"http\",transport=\"http\"}",
        3.0,
    ),
    (
        "falco_gateway_source_received_total{source=\"http\",transport=\"http\"}",
        4.0,
    ),
    (
        "falco_gateway_subscription_consumed{subscription=\"siem\"}",
        1.0,
    ),
    ("falco_gateway_bridge_delivered_total{bridge=\"siem\"}", 2.0),
    ("falco_gateway_bridge_refused_total{bridge=\"siem\"}", 1.0),
    ("falco_gateway_bridge_retries_total{bridge=\"siem\"}", 1.0),
    (
        "falco_gateway_bridge_state{bridge=\"siem\",state=\"delivering\"}",
        1.0,
    ),
    (
        "falco_gateway_bridge_state{bridge=\"siem\",state=\"retrying\"}",
        0.0,
    ),
    // One of the gateway's, one of the target's.
    ("falco_gateway_dead_letters_total", 2.0),
];

/// The metrics, once the bridge has nothing more to send.
async fn settled(gateway: &Running) -> String {
    in_time(async {
        loop {
            let answer = gateway.look("/metrics").await;
            assert_eq!(answer.status, 200);
            assert!(
                answer
                    .headers
                    .contains("content-type: application/openmetrics-text")
            );
            if answer
                .body
                .contains("falco_gateway_subscription_lag{subscription=\"siem\"} 0")
            {
                return answer.body;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await
}

#[tokio::test]
async fn what_happened_is_counted_under_the_names_of_the_page() {
    let receiver = Receiver::start(|posted| match posted.number {
        0 => Answer::Is(500, "", "not now".to_owned()),
        _ if posted.body.contains("\"r1\"") => Answer::Is(400, "", "never".to_owned()),
        _ => crate::support::receiver::ok(),
    })
    .await;
    let yaml = format!(
        "bridges: [{{name: siem, max_backoff: 50ms, webhook: {{url: \"http://{}/\"}}}}]",
        receiver.address
    );
    let gateway = Running::with(Config {
        bridges: Config::parse(&yaml).unwrap().bridges,
        ..loopback()
    })
    .await;
    gateway
        .post_all((0..3).map(|it| numbered_body(it, 10)))
        .await;
    let mut client = gateway.http().await;
    assert_eq!(client.post("", "no alert").await.status, 400);
    receiver.wait_for(|posted| posted.len() == 4).await;
    let text = settled(&gateway).await;
    let values = values(&text);
    for (name, value) in COUNTED {
        assert_eq!(values.get(name), Some(&value), "{name}\n{text}");
    }
    let told: BTreeSet<_> = PAGE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split('`').next())
        .filter(|it| it.starts_with("falco_"))
        .collect();
    let counted: BTreeSet<_> = values
        .keys()
        .map(|it| it.split('{').next().unwrap())
        .collect();
    assert_eq!(counted, told);
}

#[tokio::test]
async fn a_gateway_says_whether_it_lives_and_takes_alerts() {
    let gateway = Running::start().await;
    for (path, body) in [("/healthz", "ok\n"), ("/readyz", "ready\n")] {
        let answer = gateway.look(path).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, body), "{path}");
    }
    gateway.stopped().await;
}
