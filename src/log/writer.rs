//! The log's one writer.
//!
//! What arrives while a commit runs goes with the next one: an idle log answers
//! at the price of one sync, a busy one in groups.

use std::{
    collections::{BTreeMap, VecDeque},
    io,
    sync::Arc,
    time::Duration,
};

use jiff::Timestamp;
use tokio::{
    sync::{mpsc, oneshot},
    task::spawn_blocking,
    time::{Instant, sleep, sleep_until},
};
use tokio_util::sync::CancellationToken;

use super::{
    Durability, Notice, Position, Trouble, Unwritable,
    appender::{Appender, Committed},
    entry::NewItem,
    shared::Shared,
};

/// How many appends one commit may cover.
const GROUP: usize = 64;

/// After how long a commit is said to be slow.
const SLOW: Duration = Duration::from_secs(5);

/// How often it is looked whether the segment is old.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How often a disk that refused is asked again.
const RETRY_EVERY: Duration = Duration::from_secs(1);

/// Whether an append waits out a disk that refuses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Patience {
    /// It waits, before everything that comes after it.
    Wait,
    /// It fails at once. Its sender may try again, unless it is one of those that
    /// never do: what is lost then is put into the log as soon as that can be
    /// written, before everything that comes after it.
    Fail(Vec<Notice>),
}

/// Something on its way into the log.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) items: Vec<NewItem>,
    pub(super) patience: Patience,
    pub(super) reply: oneshot::Sender<Result<(), Unwritable>>,
}

impl Pending {
    fn notices(lost: BTreeMap<String, u64>) -> Self {
        let notice =
            |(source_id, count)| NewItem::Notice(Position::START, Notice { source_id, count });
        Self {
            items: lost.into_iter().map(notice).collect(),
            patience: Patience::Wait,
            // Nobody waits for it.
            reply: oneshot::channel().0,
        }
    }
}

/// Takes what is appended until nobody is left who could append.
#[derive(Debug)]
pub(super) struct Writer {
    shared: Arc<Shared>,
    // Absent only while a commit runs.
    appender: Option<Appender>,
    head: Position,
    durability: Durability,
    clock: fn() -> Timestamp,
    /// What waits out a disk that refuses, in order. The intake bounds it.
    patient: VecDeque<Pending>,
    sync_at: Option<Instant>,
    /// When a disk that refused is asked again.
    retry_at: Option<Instant>,
    /// When the segment's age is looked at.
    look_at: Instant,
    /// Alerts that were refused since the trouble began and will not come again, by
    /// source.
    lost: BTreeMap<String, u64>,
}

impl Writer {
    pub(super) fn new(
        shared: Arc<Shared>,
        appender: Appender,
        durability: Durability,
        clock: fn() -> Timestamp,
    ) -> Self {
        let head = *shared.head.borrow();
        Self {
            shared,
            appender: Some(appender),
            head,
            durability,
            clock,
            patient: VecDeque::new(),
            sync_at: None,
            retry_at: None,
            look_at: Instant::now() + LOOK_EVERY,
            lost: BTreeMap::new(),
        }
    }

    /// Works until `end`, and until what was appended before is written.
    pub(super) async fn run(mut self, mut queue: mpsc::Receiver<Pending>, end: CancellationToken) {
        let mut group = Vec::with_capacity(GROUP);
        loop {
            let (sync_at, retry_at) = (self.sync_at, self.retry_at);
            tokio::select! {
                () = end.cancelled(), if !queue.is_closed() => queue.close(),
                taken = queue.recv_many(&mut group, GROUP) => {
                    if taken == 0 {
                        break;
                    }
                    self.take(std::mem::take(&mut group)).await;
                }
                () = at(sync_at) => self.sync().await,
                () = at(retry_at) => self.retry().await,
                () = sleep_until(self.look_at) => self.mind_the_age().await,
            }
        }
        if let Err(error) = self.work(Appender::roll).await {
            tracing::error!(%error, "the log did not end cleanly");
        }
    }

    async fn take(&mut self, group: Vec<Pending>) {
        if self.retry_at.is_some() {
            self.put_off(group);
        } else {
            self.commit(group).await;
        }
    }

    async fn commit(&mut self, mut group: Vec<Pending>) {
        let mut position = self.head;
        for item in group.iter_mut().flat_map(|pending| &mut pending.items) {
            position = position.next();
            item.place_at(position);
        }
        let durably = self.durability == Durability::EveryCommit;
        let committed = self.work(move |appender| {
            let items = group.iter().flat_map(|pending| &pending.items);
            (appender.commit(items, durably), group)
        });
        match committed.await {
            Ok((Ok(committed), group)) => self.publish(committed, group),
            Ok((Err(error), group)) => {
                self.enter_trouble(&error);
                self.put_off(group);
            }
            // Its senders learn it from their dropped replies.
            Err(error) => self.enter_trouble(&error),
        }
    }

    fn publish(&mut self, committed: Committed, group: Vec<Pending>) {
        self.head = committed.extent.end;
        let mut items = Vec::new();
        let mut replies = Vec::with_capacity(group.len());
        for pending in group {
            items.extend(pending.items.into_iter().map(NewItem::into_item));
            replies.push(pending.reply);
        }
        self.shared.publish(committed, items);
        for reply in replies {
            // Who no longer waits is not an error.
            let _ = reply.send(Ok(()));
        }
        if let Durability::Interval(interval) = self.durability {
            self.sync_at
                .get_or_insert_with(|| Instant::now() + interval.0);
        }
    }

    /// Answers who cannot wait, and keeps the others.
    fn put_off(&mut self, group: Vec<Pending>) {
        let reason = match &*self.shared.trouble.borrow() {
            Some(trouble) => trouble.to_string(),
            None => String::new(),
        };
        for pending in group {
            match pending.patience {
                Patience::Wait => self.patient.push_back(pending),
                Patience::Fail(lost) => {
                    for Notice { source_id, count } in lost {
                        *self.lost.entry(source_id).or_default() += count;
                    }
                    let _ = pending.reply.send(Err(Unwritable(reason.clone())));
                }
            }
        }
    }

    async fn retry(&mut self) {
        if !matches!(self.work(|appender| appender.probe()).await, Ok(Ok(()))) {
            self.retry_at = Some(Instant::now() + RETRY_EVERY);
            return;
        }
        self.retry_at = None;
        let lost = std::mem::take(&mut self.lost);
        tracing::info!(
            lost = lost.values().sum::<u64>(),
            "the log can be written again"
        );
        self.shared.trouble.send_replace(None);
        if !lost.is_empty() {
            self.patient.push_front(Pending::notices(lost));
        }
        while !self.patient.is_empty() && self.retry_at.is_none() {
            let group = self
                .patient
                .drain(..self.patient.len().min(GROUP))
                .collect();
            self.commit_again(group).await;
        }
    }

    /// As [`Self::commit`], but what fails goes back to where it was.
    async fn commit_again(&mut self, group: Vec<Pending>) {
        let behind = std::mem::take(&mut self.patient);
        self.commit(group).await;
        self.patient.extend(behind);
    }

    async fn mind_the_age(&mut self) {
        self.look_at = Instant::now() + LOOK_EVERY;
        let now = (self.clock)();
        if let Ok(true) = self.work(move |appender| appender.roll_if_old(now)).await {
            self.shared.seal_newest();
        }
    }

    async fn sync(&mut self) {
        self.sync_at = None;
        let synced = self.work(Appender::sync).await;
        if let Err(error) = synced.and_then(|synced| synced) {
            tracing::error!(%error, "the newest alerts may not be on the disk");
            self.enter_trouble(&error);
        }
    }

    fn enter_trouble(&mut self, error: &io::Error) {
        self.retry_at = Some(Instant::now() + RETRY_EVERY);
        tracing::error!(
            %error,
            "the log cannot be written: senders that look are told to try again later, files and Falcos on gRPC wait, \
             and what Falco posts by http_output is lost, since it does not look at the answer"
        );
        self.shared.trouble.send_replace(Some(Trouble::Refused {
            since: (self.clock)(),
            reason: error.to_string(),
        }));
    }

    /// Runs `job` off the runtime's threads, and says so when it is slow.
    async fn work<T: Send + 'static>(
        &mut self,
        job: impl FnOnce(&mut Appender) -> T + Send + 'static,
    ) -> io::Result<T> {
        let Some(mut appender) = self.appender.take() else {
            return Err(io::Error::other(
                "the log's writer was lost; restart the gateway",
            ));
        };
        let mut running = spawn_blocking(move || {
            let done = job(&mut appender);
            (appender, done)
        });
        let finished = tokio::select! {
            finished = &mut running => finished,
            () = sleep(SLOW) => {
                self.enter_slowness();
                let finished = running.await;
                self.leave_slowness();
                finished
            }
        };
        let (appender, done) = finished.map_err(io::Error::other)?;
        self.appender = Some(appender);
        Ok(done)
    }

    fn enter_slowness(&self) {
        let since = (self.clock)();
        self.shared.trouble.send_if_modified(|trouble| {
            let is_news = trouble.is_none();
            if is_news {
                tracing::error!(
                    "the disk of the log has not answered for {} s",
                    SLOW.as_secs()
                );
                *trouble = Some(Trouble::Slow { since });
            }
            is_news
        });
    }

    fn leave_slowness(&self) {
        self.shared.trouble.send_if_modified(|trouble| {
            let is_slow = matches!(trouble, Some(Trouble::Slow { .. }));
            if is_slow {
                tracing::info!("the disk of the log answers again");
                *trouble = None;
            }
            is_slow
        });
    }
}

/// Waits until `time`; for ever when there is none.
async fn at(time: Option<Instant>) {
    match time {
        Some(time) => sleep_until(time).await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::{
            Config, Incarnation,
            appender::{Limits, Next},
            block::Blocks,
            testing::DECODE,
        },
        *,
    };

    fn writer(folder: &std::path::Path) -> Writer {
        let identity = (Incarnation(1), vec![Position::START]);
        let blocks = Blocks::new(DECODE);
        let shared = Shared::new(Vec::new(), Position::START, blocks, identity, (1 << 30, 0));
        let limits = Limits {
            bytes: 1 << 20,
            age: SLOW,
        };
        let appender = Appender::new(folder.to_owned(), Incarnation(1), limits, Next::first());
        let durability = Config::default().durability;
        Writer::new(Arc::new(shared), appender, durability, crate::clock::now)
    }

    #[tokio::test(start_paused = true)]
    async fn a_disk_that_does_not_answer_is_told_until_it_does() {
        let folder = tempfile::tempdir().unwrap();
        let mut writer = writer(folder.path());
        let mut trouble = writer.shared.trouble.subscribe();
        let (answer, disk) = std::sync::mpsc::channel();
        let working = tokio::spawn(async move { writer.work(move |_| disk.recv()).await });
        tokio::task::yield_now().await;
        tokio::time::advance(SLOW / 2).await;
        assert_eq!(*trouble.borrow(), None);
        tokio::time::advance(SLOW).await;
        trouble.changed().await.unwrap();
        let told = trouble.borrow_and_update().clone().unwrap();
        assert!(told.to_string().contains("does not answer"), "{told}");
        answer.send(()).unwrap();
        trouble.changed().await.unwrap();
        assert_eq!(*trouble.borrow(), None);
        working.await.unwrap().unwrap().unwrap();
    }
}
