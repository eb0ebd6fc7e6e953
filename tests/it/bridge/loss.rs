//! Retention took what the target should have got.

use falco_gateway::{config::Config, units::Size};

use super::{bridges, rules};
use crate::support::{
    captures::numbered_body,
    gateway::{Running, loopback},
    receiver::{Receiver, ok},
};

#[tokio::test]
async fn the_target_is_told_exactly_what_it_will_not_get() {
    let mut receiver = Receiver::start(|_| ok()).await;
    receiver.go_away().await;
    let yaml = format!(
        "- name: siem\n  max_backoff: 50ms\n  batch: {{alerts: 10}}\n  webhook: {{url: \"http://{}/\", body: lines}}\n",
        receiver.address
    );
    let mut config = Config {
        bridges: bridges(&yaml),
        ..loopback()
    };
    config.log.retention_bytes = Size(4 << 20);
    let gateway = Running::with(config).await;
    let bodies: Vec<_> = (0..100).map(|it| numbered_body(it, 200_000)).collect();
    gateway.post_all(&bodies).await;
    receiver.come_back().await;
    let status = gateway.bridge_that(|it| it.lag == 0).await;
    let posted = receiver.posted();
    let arrived = rules(&posted);
    let notices: Vec<serde_json::Value> = posted
        .iter()
        .flat_map(|it| it.body.lines())
        .map(|it| serde_json::from_str(it).unwrap())
        .filter(|it: &serde_json::Value| it["rule"] == "falco-gateway: alerts lost")
        .collect();
    let told: u64 = notices
        .iter()
        .map(|it| it["output_fields"]["lost"].as_u64().unwrap())
        .sum();
    assert!(told > 0, "nothing was lost: the test shows nothing");
    assert_eq!(told, status.lost);
    let alerts = arrived.iter().filter(|it| it.starts_with('r')).count() as u64;
    assert_eq!((alerts + told, status.delivered), (100, alerts));
    assert_eq!(notices[0]["output_fields"]["cause"], "retention");
    assert_eq!(notices[0]["source"], "internal");
    // Each stands where the gap is.
    let mut next = 0;
    let mut notices = notices.iter();
    for rule in &arrived {
        match rule.strip_prefix('r') {
            Some(number) => {
                assert_eq!(number.parse::<u64>().unwrap(), next);
                next += 1;
            }
            None => {
                next += notices.next().unwrap()["output_fields"]["lost"]
                    .as_u64()
                    .unwrap()
            }
        }
    }
}
