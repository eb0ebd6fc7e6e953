//! A bridge as a process of its own, and the commands about bridges.

use std::{
    fs,
    path::Path,
    process::{Child, Stdio},
    time::Duration,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

use super::{numbered, post, rules};
use crate::support::{
    cli::{falco_gateway, text},
    gateway::Running,
    in_time,
    receiver::{Receiver, ok},
    soon,
};

struct Process(Child);

impl Process {
    fn start(config: &Path, from: &str) -> Self {
        let mut command = falco_gateway(&["bridge", "--from", from, "--config"]);
        command.arg(config).stderr(Stdio::null());
        Self(command.spawn().unwrap())
    }

    /// Asks for its end, and waits for that.
    async fn end(mut self) {
        let id = i32::try_from(self.0.id()).unwrap();
        kill(Pid::from_raw(id), Signal::SIGTERM).unwrap();
        soon("the bridge's end", async {
            while self.0.try_wait().unwrap().is_none() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        })
        .await;
        assert!(self.0.try_wait().unwrap().unwrap().success());
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn config(folder: &Path, receiver: &Receiver) -> std::path::PathBuf {
    let path = folder.join("bridges.yaml");
    let yaml = format!(
        "data_dir: {}\nbridges:\n- name: siem\n  webhook: {{url: \"http://{}/\", body: lines, headers: {{authorization: very secret}}}}\n",
        folder.display(),
        receiver.address
    );
    fs::write(&path, yaml).unwrap();
    path
}

#[tokio::test]
async fn a_bridge_of_its_own_does_as_one_in_the_gateway() {
    let receiver = Receiver::start(|_| ok()).await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &receiver);
    let gateway = Running::start().await;
    for round in 0..2 {
        let bridge = Process::start(&config, &gateway.address);
        post(&gateway, round * 10..(round + 1) * 10).await;
        receiver
            .wait_for(|posted| rules(posted).len() >= (round + 1) * 10)
            .await;
        bridge.end().await;
    }
    assert_eq!(rules(&receiver.posted()), numbered(0..20));
}

#[tokio::test]
async fn a_test_shows_what_the_target_says() {
    let mut receiver = Receiver::start(|_| ok()).await;
    let folder = tempfile::tempdir().unwrap();
    let config = config(folder.path(), &receiver);
    let run = async |arguments: &[&str]| {
        let mut command = falco_gateway(&["bridge", "test", "--config"]);
        command.arg(&config).args(arguments).env("NO_COLOR", "1");
        let ended = tokio::task::spawn_blocking(move || command.output().unwrap());
        in_time(ended).await.unwrap()
    };
    let shown = run(&["--dry-run"]).await;
    assert!(shown.status.success());
    let shown = text(&shown.stdout);
    assert!(
        shown.contains("POST http://") && shown.contains("\"rule\":\"Test rule\""),
        "{shown}"
    );
    assert!(
        shown.contains("authorization: ...") && !shown.contains("secret"),
        "{shown}"
    );
    assert!(receiver.posted().is_empty());

    let sent = run(&["siem"]).await;
    assert_eq!(text(&sent.stdout), "siem: delivered: HTTP 200: taken\n");
    assert_eq!(rules(&receiver.posted()), ["Test rule"]);

    receiver.go_away().await;
    let failed = run(&[]).await;
    assert_eq!(failed.status.code(), Some(1));
    assert!(text(&failed.stdout).starts_with("siem: not delivered: failed to connect: "));

    let unknown = run(&["splunk"]).await;
    assert_eq!(unknown.status.code(), Some(2));
    assert!(text(&unknown.stderr).contains("has no bridge \"splunk\"; it has: siem"));
}
