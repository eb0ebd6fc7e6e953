//! The disk of a file that a bridge writes is full.

use falco_gateway::pb::{self, BridgeState};

use crate::support::{
    captures::numbered_body,
    http::Client,
    in_time,
    process::{self, Process},
    small_disk, soon,
};

async fn bridge(gateway: &Process) -> pb::BridgeStatus {
    let mut client = gateway.operations();
    let answer = in_time(client.list_bridges(pb::ListBridgesRequest {})).await;
    answer.unwrap().into_inner().bridges.remove(0)
}

#[tokio::test]
async fn a_full_disk_is_waited_for_and_no_line_is_half_or_twice() {
    if !small_disk::can_mount() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let disk = folder.path().join("disk");
    std::fs::create_dir(&disk).unwrap();
    let path = disk.join("alerts.jsonl");
    let inner = process::serve(folder.path(), "{}");
    let config = folder.path().join("gateway.yaml");
    let yaml = std::fs::read_to_string(&config).unwrap();
    let bridges = format!(
        "bridges:\n- {{name: siem, max_backoff: 50ms, file: {{path: {}}}}}\n",
        path.display()
    );
    std::fs::write(&config, yaml + &bridges).unwrap();
    let command = small_disk::mounted(&disk, "4m", "3900K", &inner);
    let gateway = Process::of(command, folder.path()).await;
    let mut client = Client::connect(gateway.http).await;
    for part in 0..4 {
        let bodies: Vec<_> = (0..50)
            .map(|it| numbered_body(part * 50 + it, 3000))
            .collect();
        let answer = client.post("", format!("[{}]", bodies.join(","))).await;
        assert_eq!(answer.status, 200);
    }
    let stuck = soon("the full disk", async {
        loop {
            let status = bridge(&gateway).await;
            if status.state() == BridgeState::Retrying {
                return status;
            }
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    });
    assert!(stuck.await.detail.contains("No space left"));
    small_disk::make_room(gateway.id(), &disk);
    soon("the rest", async {
        while bridge(&gateway).await.lag > 0 {
            tokio::time::sleep(std::time::Duration::from_millis(5)).await;
        }
    })
    .await;
    let text = std::fs::read_to_string(small_disk::seen_by(gateway.id(), &path)).unwrap();
    let rules: Vec<_> = text.lines().map(super::rule).collect();
    assert_eq!(rules, super::numbered(0..200));
}
