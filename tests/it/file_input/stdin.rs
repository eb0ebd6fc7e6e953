//! Standard input, in whose place stands a pipe of ours.

use falco_gateway::{
    alert::Transport,
    source::{
        Intake, SourceState,
        stdin::{self, Config},
    },
    units::Size,
};
use tokio::{
    io::{AsyncWriteExt, DuplexStream},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::{alert, alerts, numbered};
use crate::support::{
    in_time,
    intake::{Observed, accept, intake},
};

struct Piped {
    pipe: DuplexStream,
    observed: Observed,
    shutdown: CancellationToken,
    task: JoinHandle<()>,
}

impl Piped {
    fn start(intake: &Intake) -> Self {
        let (pipe, input) = tokio::io::duplex(1 << 10);
        let observed = Observed::new(Transport::Stdin);
        let shutdown = CancellationToken::new();
        let config = Config {
            max_line: Size(1 << 10),
        };
        let source = observed.source.clone();
        let reading = stdin::run(config, input, intake.clone(), source, shutdown.clone());
        Self {
            pipe,
            observed,
            shutdown,
            task: tokio::spawn(reading),
        }
    }

    async fn write(&mut self, text: &str) {
        in_time(self.pipe.write_all(text.as_bytes())).await.unwrap();
    }

    async fn end(self) -> Observed {
        drop(self.pipe);
        in_time(self.task).await.unwrap();
        self.observed
    }
}

#[tokio::test]
async fn lines_get_in_until_the_input_ends() {
    let (intake, mut taken) = intake(accept);
    let mut piped = Piped::start(&intake);
    piped.observed.reaches(SourceState::Connected).await;
    piped.write("Falco initialized\n").await;
    piped.write(&alerts(0..300)).await;
    taken.first(300).await;
    // Counted while the pipe is quiet.
    piped.observed.counts(|status| status.accepted == 300).await;
    piped.write(&"x".repeat(5000)).await;
    // The last line may have no end.
    piped.write(&format!("\n{}", alert(300))).await;
    let observed = piped.end().await;
    assert_eq!(taken.lines(301).await, numbered(0..301));
    let status = observed.status();
    assert_eq!(status.state, SourceState::Finished);
    assert_eq!(status.detail, "end of input");
    assert_eq!(status.accepted, 301);
    assert_eq!(observed.rejected("NOT_JSON"), 1);
    assert_eq!(observed.rejected("LINE_TOO_LONG"), 1);
}

#[tokio::test]
async fn a_shutdown_waits_for_what_is_on_its_way() {
    let (intake, mut taken) = intake(|_| None);
    let mut piped = Piped::start(&intake);
    piped.write(&alerts(0..3)).await;
    taken.first(3).await;
    piped.shutdown.cancel();
    taken.release();
    in_time(piped.task).await.unwrap();
    let status = piped.observed.status();
    assert_eq!((status.state, status.accepted), (SourceState::Finished, 3));
}

#[tokio::test]
async fn a_closed_intake_ends_it() {
    let (intake, _taken) = intake(accept);
    intake.close();
    let mut piped = Piped::start(&intake);
    piped.write(&alerts(0..1)).await;
    let observed = &piped.observed;
    let detail = observed.reaches(SourceState::Finished).await;
    assert!(detail.contains("takes no more alerts"), "{detail}");
}

#[tokio::test(start_paused = true)]
async fn a_stuck_log_does_not_hold_the_shutdown() {
    let (intake, mut taken) = intake(|_| None);
    let mut piped = Piped::start(&intake);
    piped.write(&alerts(0..3)).await;
    taken.first(3).await;
    piped.shutdown.cancel();
    piped.task.await.unwrap();
    let status = piped.observed.status();
    assert_eq!(status.state, SourceState::Finished);
    assert_eq!(status.accepted, 0);
}
