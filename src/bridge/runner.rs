//! One bridge: reads, sends, acknowledges.

use std::time::Duration;

use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tonic::Code;
use tracing::Instrument;

use super::{
    batch::{Batch, Item, Refused},
    config::Config,
    dead_letters::DeadLetters,
    inbox::{Ended, Inbox},
    outcome::{Outcome, Trouble},
    status::Reporter,
    subscribe,
    target::Target,
};
use crate::{
    backoff::Backoff,
    client::{Connection, Error},
    clock,
    trace::Trace,
};

/// The longest pause that a target is believed.
const LONGEST_ASKED: Duration = Duration::from_secs(3600);

/// How long what is being sent may take once the bridge is to end.
const LAST_WORDS: Duration = Duration::from_secs(4);

/// So many refusals in a row are the alerts' fault. After that it may be the target's, or
/// the configuration's, and it is paused before so many more are given up.
const SUSPICIOUS: usize = 16;

/// One bridge.
#[derive(Debug)]
pub(super) struct Runner {
    pub(super) config: Config,
    pub(super) channel: Connection,
    pub(super) reporter: Reporter,
    pub(super) dead_letters: DeadLetters,
    /// None before the first and after a failed attempt: the next one connects anew, with
    /// files for TLS as they are then.
    pub(super) target: Option<Target>,
    pub(super) backoff: Backoff,
    pub(super) refused_in_a_row: usize,
    pub(super) end: CancellationToken,
}

impl Runner {
    /// Runs until its end is asked for.
    pub(super) async fn run(mut self) {
        let end = self.end.clone();
        let mut backoff = Backoff::new(self.config.max_backoff.0);
        while !end.is_cancelled() {
            let opened = tokio::select! {
                opened = subscribe::open(self.channel.clone(), &self.config) => opened,
                () = end.cancelled() => break,
            };
            let ended = match opened {
                Ok(consumer) => {
                    let mut inbox = Inbox::new(consumer, self.reporter.clone());
                    let Err(ended) = self.follow(&mut inbox).await else {
                        break;
                    };
                    ended
                }
                Err(error) => Ended::Refused(error),
            };
            tokio::select! {
                () = self.recover(ended, &mut backoff) => {}
                () = end.cancelled() => break,
            }
        }
        self.reporter.stopped();
    }

    /// Waits until it makes sense to open the subscription again.
    async fn recover(&self, ended: Ended, backoff: &mut Backoff) {
        match ended {
            Ended::Refused(error) if error.reason() == "CONSUMER_SUPERSEDED" => {
                self.reporter.standby(error.message());
                subscribe::wait_until_free(self.channel.clone(), &self.config).await;
                backoff.reset();
            }
            ended => {
                self.reporter.disconnected(&described(&ended));
                sleep(backoff.next(fastrand::f64())).await;
            }
        }
    }

    /// Sends what comes until the end is asked for.
    async fn follow(&mut self, inbox: &mut Inbox) -> Result<(), Ended> {
        loop {
            let mut batch = tokio::select! {
                batch = inbox.batch(self.config.batch) => batch?,
                () = self.end.cancelled() => return Ok(()),
            };
            let end = self.end.clone();
            let delivering = self.deliver(inbox, &mut batch);
            let delivered = tokio::select! {
                delivered = delivering => delivered?,
                () = last_words(&end) => return Ok(()),
            };
            if delivered {
                tokio::select! {
                    confirmed = inbox.confirm(&batch) => confirmed?,
                    () = last_words(&end) => return Ok(()),
                }
            }
        }
    }

    /// Sends `batch` until the target has or has refused all of it. False when it was
    /// given up: it comes again, or the bridge ends.
    async fn deliver(&mut self, inbox: &mut Inbox, batch: &mut Batch) -> Result<bool, Ended> {
        while !batch.is_settled() {
            if inbox.is_stale(batch) {
                return Ok(false);
            }
            batch.limit(self.config.most_per_request());
            let outcome = inbox.meanwhile(self.followed(batch.turn())).await?;
            let answer = outcome.answer();
            let settled = batch.settle(outcome);
            self.reporter.lost(settled.lost);
            if settled.took_some {
                self.reporter.delivered(settled.delivered, &answer);
                self.refused_in_a_row = 0;
                self.backoff.reset();
            }
            let is_suspicious = !settled.took_some;
            if !self
                .bury_all(inbox, batch, settled.refused, is_suspicious)
                .await?
            {
                return Ok(false);
            }
            inbox.acknowledge(batch);
            if let Some(trouble) = settled.trouble
                && !self.pause(inbox, batch, trouble).await?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Sends `items` once, which is a step of the traces that they are in.
    async fn followed(&mut self, items: &[Item]) -> Outcome {
        let traces = items.iter().filter_map(|item| item.alert.trace);
        let trace = Trace::send(traces, &self.config.name, items.len());
        let outcome = self.attempt(items).instrument(trace.span()).await;
        if outcome.is_trouble() {
            // Its words may hold what is in alerts.
            trace.failed("the target did not take it; the bridge's status says why");
        }
        outcome
    }

    /// Sends `items` once.
    async fn attempt(&mut self, items: &[Item]) -> Outcome {
        let limit = self.config.patience();
        let Self { target, config, .. } = self;
        let sent = timeout(limit.0, async {
            let mut ready = match target.take() {
                Some(ready) => ready,
                None => Target::connect(config).await?,
            };
            let outcome = ready.send(items).await;
            if !outcome.is_trouble() {
                *target = Some(ready);
            }
            Ok::<_, Trouble>(outcome)
        });
        match sent.await {
            Ok(Ok(outcome)) => outcome,
            Ok(Err(trouble)) => trouble.into(),
            Err(_) => Trouble::new(format!("the target did not answer within {limit}")).into(),
        }
    }

    /// Keeps what the target refused; a few at a time where it may refuse everything.
    async fn bury_all(
        &mut self,
        inbox: &mut Inbox,
        batch: &Batch,
        refused: Vec<Refused>,
        is_suspicious: bool,
    ) -> Result<bool, Ended> {
        for some in refused.chunks(SUSPICIOUS) {
            let is_kept = (!is_suspicious || self.wait_if_all(inbox, batch, some).await?)
                && self.bury(inbox, batch, some).await?;
            if !is_kept {
                return Ok(false);
            }
            self.refused_in_a_row = self.refused_in_a_row.saturating_add(some.len());
        }
        Ok(true)
    }

    /// Waits when the target has refused so much that it may be its fault.
    async fn wait_if_all(
        &mut self,
        inbox: &mut Inbox,
        batch: &Batch,
        some: &[Refused],
    ) -> Result<bool, Ended> {
        let Some((_, answer)) = some.first() else {
            return Ok(true);
        };
        if self.refused_in_a_row < SUSPICIOUS {
            return Ok(true);
        }
        let why = format!("the target refuses one alert after the other: {answer}");
        self.pause(inbox, batch, Trouble::new(why)).await
    }

    /// Keeps what the target refused, however long the disk needs for that.
    async fn bury(
        &mut self,
        inbox: &mut Inbox,
        batch: &Batch,
        refused: &[Refused],
    ) -> Result<bool, Ended> {
        let path = self.dead_letters.path().display().to_string();
        while let Err(error) = self.dead_letters.keep(refused).await {
            let why = format!("failed to write dead letters to {path}: {error}");
            if !self.pause(inbox, batch, Trouble::new(why)).await? {
                return Ok(false);
            }
        }
        self.reporter.refused(refused.len() as u64);
        if let Some((first, answer)) = refused.first() {
            let (bridge, id) = (&self.config.name, first.alert.id);
            tracing::warn!(bridge, refused = refused.len(), %id, answer, path, "the target refused alerts; they are among the dead letters");
        }
        Ok(true)
    }

    /// Waits before the next attempt. False when that would be for nothing, since the
    /// batch comes again by a new stream, or the bridge ends.
    async fn pause(
        &mut self,
        inbox: &mut Inbox,
        batch: &Batch,
        trouble: Trouble,
    ) -> Result<bool, Ended> {
        let asked = trouble.pause.unwrap_or_default().min(LONGEST_ASKED);
        let pause = asked.max(self.backoff.next(0.5 + fastrand::f64() / 2.0));
        self.reporter.retrying(&trouble.why, clock::now() + pause);
        let end = self.end.clone();
        let ended = inbox.meanwhile(async {
            tokio::select! {
                () = sleep(pause) => false,
                () = end.cancelled() => true,
            }
        });
        let is_over = ended.await?;
        Ok(!is_over && !inbox.is_stale(batch))
    }
}

/// Waits until the end was asked for and what was under way has had its time.
async fn last_words(end: &CancellationToken) {
    end.cancelled().await;
    sleep(LAST_WORDS).await;
}

fn described(ended: &Ended) -> String {
    match ended {
        Ended::Over => "the gateway has nothing more".to_owned(),
        Ended::Refused(error) => refusal(error),
    }
}

fn refusal(error: &Error) -> String {
    match error.code() {
        Code::Unimplemented => {
            "what is called is no falco-gateway, or one without durable subscriptions".to_owned()
        }
        _ => error.to_string(),
    }
}
