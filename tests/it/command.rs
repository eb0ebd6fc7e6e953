//! The binary, as a shell sees it.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, Output, Stdio},
};

use falco_gateway::{config::Listen, format::Format, pb};

use crate::support::{
    captures::{self, numbered_body},
    cli::{falco_gateway, run_at, text},
    gateway::{Running, from_the_start},
    soon,
};

async fn run(gateway: &Running, arguments: &[&str]) -> Output {
    run_at(&gateway.address, arguments).await
}

/// A process that is killed if the test fails.
struct Process(Child);

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn the_demo_shows_the_shipped_alerts_and_ends() {
    let output = falco_gateway(&["demo", "--rate", "1000", "--count", "30"])
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", text(&output.stderr));
    let shown = text(&output.stdout);
    assert_eq!(shown.lines().count(), 30, "{shown}");
    assert!(!shown.contains('\x1b'), "colours in a pipe");
    assert!(text(&output.stderr).contains("30 of 30 alerts shown"));
}

#[tokio::test]
async fn published_documents_are_listed_got_and_explained() {
    let gateway = Running::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("events.json");
    let bodies = captures::bodies("http.jsonl");
    std::fs::write(&file, format!("{}\nnonsense\n", bodies.join("\n"))).unwrap();
    let published = run(&gateway, &["publish", file.to_str().unwrap()]).await;
    assert_eq!(published.status.code(), Some(1), "one was refused");
    let said = text(&published.stderr) + &text(&published.stdout);
    assert!(
        said.contains("195") && said.contains("UNKNOWN_TEXT"),
        "{said}"
    );

    let listed = run(
        &gateway,
        &["list", "-o", "falco", "--oldest-first", "-n", "195"],
    )
    .await;
    let listed = text(&listed.stdout);
    assert_eq!(listed.lines().count(), 195);
    for (line, body) in listed.lines().zip(&bodies) {
        let [line, body]: [serde_json::Value; 2] =
            [line, body].map(|json| serde_json::from_str(json).unwrap());
        assert_eq!(line["output_fields"], body["output_fields"]);
        assert_eq!(line["priority"], body["priority"]);
        assert_eq!(line["time"], body["time"]);
    }

    let found = gateway.all_that_match("priority = emergency").await;
    let id = found[0].decode_alert().unwrap().id;
    let got = run(&gateway, &["get", &id, "-o", "json"]).await;
    let got: serde_json::Value = serde_json::from_slice(&got.stdout).unwrap();
    assert_eq!(got["id"], id.as_str());
    let raw = run(&gateway, &["get", &id, "--raw"]).await;
    assert!(bodies.contains(&text(&raw.stdout).trim_end().to_owned()));

    let status = text(&run(&gateway, &["status"]).await.stdout);
    assert!(
        status.contains("195 alerts") && status.contains("UNKNOWN_TEXT"),
        "{status}"
    );
    let letters = text(&run(&gateway, &["dead-letters"]).await.stdout);
    assert!(letters.contains("nonsense"), "{letters}");
}

#[tokio::test]
async fn every_format_is_listed_a_line_an_alert() {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    for format in Format::ALL {
        let listed = run(&gateway, &["list", "-n", "195", "-o", format.as_str()]).await;
        assert!(listed.status.success(), "{}", text(&listed.stderr));
        assert_eq!(text(&listed.stdout).lines().count(), 195, "{format}");
    }
}

#[tokio::test]
async fn watch_resumes_by_itself_when_the_gateway_comes_back() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("gateway.sock");
    let address = format!("unix://{}", socket.display());
    let with_socket = || {
        let mut config = crate::support::gateway::loopback();
        config.listen.push(Listen::plaintext(address.clone()));
        config
    };
    let gateway = Running::with(with_socket()).await;
    let mut watch = Process(
        falco_gateway(&["watch", "--server", &address, "-o", "falco", "--log", "off"])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap(),
    );
    let lines = BufReader::new(watch.0.stdout.take().unwrap()).lines();
    let (sender, mut shown) = tokio::sync::mpsc::channel(16);
    std::thread::spawn(move || lines.for_each(|line| sender.blocking_send(line.unwrap()).unwrap()));
    watched(&gateway).await;
    gateway.post_all([numbered_body(1, 0)]).await;
    assert!(
        soon("an alert", shown.recv())
            .await
            .unwrap()
            .contains("\"r1\"")
    );
    gateway.stopped().await;

    let gateway = Running::with(with_socket()).await;
    watched(&gateway).await;
    gateway.post_all([numbered_body(2, 0)]).await;
    assert!(
        soon("an alert", shown.recv())
            .await
            .unwrap()
            .contains("\"r2\"")
    );
    watch.0.kill().unwrap();
    let mut said = String::new();
    std::io::Read::read_to_string(&mut watch.0.stderr.take().unwrap(), &mut said).unwrap();
    assert!(said.contains("begun its log anew"), "{said}");
}

/// Waits until somebody streams.
async fn watched(gateway: &Running) {
    soon("the subscriber", async {
        while gateway
            .streams()
            .await
            .iter()
            .all(|stream| stream.state() != pb::StreamState::Live)
        {
            tokio::task::yield_now().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_reader_of_the_output_that_leaves_is_no_error() {
    let gateway = Running::start().await;
    gateway.post_all(captures::bodies("http.jsonl")).await;
    let mut list = Process(
        falco_gateway(&[
            "list",
            "-n",
            "195",
            "-o",
            "wide",
            "--server",
            &gateway.address,
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap(),
    );
    let ended = tokio::task::spawn_blocking(move || {
        let mut first = String::new();
        BufReader::new(list.0.stdout.take().unwrap())
            .read_line(&mut first)
            .unwrap();
        list.0.wait().unwrap()
    });
    assert!(soon("the end", ended).await.unwrap().success());
}

#[test]
fn exit_codes_say_who_must_act() {
    let nobody = "http://127.0.0.1:1";
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open.yaml");
    // Anybody could read and write there: the gateway would not start.
    std::fs::write(&open, "listen: ['0.0.0.0:1']").unwrap();
    let cases: [(&[&str], i32); 8] = [
        (&["status", "--server", nobody], 3),
        (&["filter", "check", "priority >= error"], 0),
        (&["filter", "check", "priority >= eror"], 2),
        (&["watch", "--filter", "(", "--server", nobody], 2),
        (&["publish", "/nonexistent", "--server", nobody], 1),
        (&["config", "check", "/nonexistent.yaml"], 2),
        (&["config", "check", open.to_str().unwrap()], 1),
        (&["no-such-command"], 2),
    ];
    for (arguments, code) in cases {
        let output = falco_gateway(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(code), "{arguments:?} {output:?}");
        assert!(code == 0 || !output.stderr.is_empty(), "{arguments:?}");
    }
}

#[test]
fn standard_input_is_published_too() {
    let mut publish = falco_gateway(&["publish", "-", "--server", "http://127.0.0.1:1"])
        .stdin(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = publish.stdin.take().unwrap().write_all(b"{}\n");
    let output = publish.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(3), "{output:?}");
}

#[test]
fn completions_are_written_for_every_shell() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let output = falco_gateway(&["completions", shell]).output().unwrap();
        assert!(text(&output.stdout).contains("dead-letters"), "{shell}");
    }
}

#[tokio::test]
async fn a_hostile_alert_cannot_write_to_the_terminal() {
    let gateway = Running::start().await;
    let hostile = numbered_body(1, 0).replace("\"output\":\"", "\"output\":\"\\u001b[2J\\u202e");
    gateway.post_all([hostile]).await;
    assert_eq!(
        gateway
            .stream(from_the_start(""))
            .await
            .records(1)
            .await
            .len(),
        1
    );
    for output in ["text", "wide"] {
        let shown = run(&gateway, &["list", "-o", output]).await.stdout;
        let shown = text(&shown);
        assert!(
            !shown.contains('\x1b') && !shown.contains('\u{202e}'),
            "{shown}"
        );
    }
}

#[test]
fn a_measurement_starts_its_own_gateway_and_counts_every_delivery() {
    for (options, deliveries) in [
        ("--sources 3 --stalled 2", 3 * 40),
        ("--filter proc.pid<4", 3 * 16),
        ("--filter proc.vpid={}", 3 * 4),
        ("--filter proc.pid={%} --catch-up", 3 * 4),
        ("--subscribers 0", 0),
        ("--tls", 3 * 40),
    ] {
        let arguments = "bench --own --connections 2 --burst 10 --alerts 40 --json";
        let streams = match options.contains("--subscribers") {
            true => "",
            false => "--subscribers 3",
        };
        let arguments = format!("{arguments} {streams} {options}");
        let arguments: Vec<_> = arguments.split_whitespace().collect();
        let output = falco_gateway(&arguments).output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["deliveries"], deliveries, "{options}");
        let has_latencies = deliveries > 0 && !options.contains("catch-up");
        let median = report["latency_us"]["p50"].as_u64().unwrap();
        assert_eq!(median > 0, has_latencies, "{options}");
    }
}

#[tokio::test]
async fn a_subscription_is_made_consumed_shown_and_deleted() {
    let gateway = Running::start().await;
    let bodies = (0..10).map(|number| numbered_body(number, 0));
    gateway.post_all(bodies).await;
    let run = async |arguments: &[&str]| {
        let ran = run_at(&gateway.address, &[&["subscription"], arguments].concat()).await;
        let (out, err) = (text(&ran.stdout), text(&ran.stderr));
        assert!(ran.status.success(), "{arguments:?}: {err}");
        out
    };
    let made = run(&["create", "siem", "-f", "priority = critical", "--all"]).await;
    assert!(
        made.contains("siem") && made.contains("10 alerts"),
        "{made}"
    );
    let first = run(&["consume", "siem", "-n", "2", "-o", "json"]).await;
    assert!(
        first.contains("\"r1\"") && first.contains("\"r3\""),
        "{first}"
    );
    assert!(run(&["show", "siem"]).await.contains("6 alerts of the log"));
    let looked = run(&["consume", "siem", "-n", "1", "-o", "json", "--no-ack"]).await;
    let again = run(&["consume", "siem", "-n", "3", "-o", "json"]).await;
    assert!(again.starts_with(&looked), "{again}");
    assert!(
        run(&["update", "siem", "-f", ""])
            .await
            .contains("all alerts")
    );
    run(&["seek", "siem", "--all"]).await;
    assert_eq!(
        run(&["consume", "siem", "-n", "10"]).await.lines().count(),
        10
    );
    assert!(run(&["list"]).await.contains("0 alerts of the log"));
    run(&["delete", "siem"]).await;
    assert_eq!(run(&["list"]).await, "");
    let missing = run_at(&gateway.address, &["subscription", "show", "siem"]).await;
    assert_eq!(missing.status.code(), Some(1));
    assert!(text(&missing.stderr).contains("no subscription \"siem\""));
}
