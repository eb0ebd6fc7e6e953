//! What came from the gateway and is to be sent.

use std::collections::VecDeque;

use super::{
    batch::{Batch, Item},
    config, notice,
    status::Reporter,
};
use crate::{
    alert::Alert,
    client::{Consumed, Consumer, Error},
    pb,
};

/// What came from the gateway and is not yet sent. The subscription's window bounds it.
#[derive(Debug)]
pub(super) struct Inbox {
    consumer: Consumer,
    reporter: Reporter,
    items: VecDeque<Item>,
    /// Grows whenever the stream breaks: what came before comes again.
    generation: u64,
    /// What is acknowledged, on the gateway's disk.
    confirmed: String,
}

/// Why nothing comes any more.
#[derive(Debug)]
pub(super) enum Ended {
    /// The gateway says why.
    Refused(Error),
    /// It says that there is nothing more.
    Over,
}

impl Inbox {
    pub(super) fn new(consumer: Consumer, reporter: Reporter) -> Self {
        Self {
            consumer,
            reporter,
            items: VecDeque::new(),
            generation: 0,
            confirmed: String::new(),
        }
    }

    /// Waits until there is something to send, and takes as much as one request may
    /// hold. It may be cancelled and called again.
    pub(super) async fn batch(&mut self, size: config::Batch) -> Result<Batch, Ended> {
        while self.items.is_empty() {
            self.pump().await?;
        }
        let mut bytes = 0;
        let within = |item: &&Item| {
            bytes += item.bytes as u64;
            bytes <= size.bytes.0
        };
        let within = self.items.iter().take(size.alerts).take_while(within);
        let count = within.count().max(1);
        let taken = self.items.drain(..count).collect();
        Ok(Batch::new(taken, self.generation))
    }

    /// Does `work`, and takes in what comes meanwhile: so it is noticed when the stream
    /// breaks or another consumer takes over, however long the target needs.
    pub(super) async fn meanwhile<T>(&mut self, work: impl Future<Output = T>) -> Result<T, Ended> {
        tokio::pin!(work);
        loop {
            tokio::select! {
                biased;
                done = &mut work => return Ok(done),
                pumped = self.pump() => pumped?,
            }
        }
    }

    /// Whether `batch` will come again, since its stream broke.
    pub(super) fn is_stale(&self, batch: &Batch) -> bool {
        batch.generation != self.generation
    }

    /// Acknowledges what is settled of `batch`.
    pub(super) fn acknowledge(&self, batch: &Batch) {
        if let Some(cursor) = batch.settled_through()
            && !self.is_stale(batch)
        {
            self.consumer.acknowledge(cursor);
        }
    }

    /// Waits until all of `batch`, which is settled, is acknowledged on the gateway's
    /// disk: so a crash on either side repeats at most one batch.
    pub(super) async fn confirm(&mut self, batch: &Batch) -> Result<(), Ended> {
        while !self.is_stale(batch) && Some(self.confirmed.as_str()) != batch.settled_through() {
            self.pump().await?;
        }
        Ok(())
    }

    /// Takes in what comes next.
    async fn pump(&mut self) -> Result<(), Ended> {
        let next = self.consumer.next().await.ok_or(Ended::Over)?;
        match next.map_err(Ended::Refused)? {
            Consumed::Opened => self.reporter.connected(),
            Consumed::Alerts(records) => self.items.extend(records.into_iter().filter_map(item)),
            Consumed::Loss(loss) => {
                self.reporter.tell_loss(&loss);
                self.items.extend(loss_item(&loss));
            }
            Consumed::Confirmed(cursor) => self.confirmed = cursor,
            Consumed::Reconnecting { why, .. } => {
                self.reporter.disconnected(&why);
                self.items.clear();
                self.generation += 1;
            }
        }
        Ok(())
    }
}

fn item(record: pb::AlertRecord) -> Option<Item> {
    let bytes = record.alert.len();
    let decoded = record.decode_alert().map_err(|error| error.to_string());
    let read = decoded.and_then(|it| Alert::try_from(it).map_err(|error| error.to_string()));
    let alert = match read {
        Ok(alert) => alert,
        Err(problem) => {
            tracing::warn!(cursor = record.cursor, problem, "an alert cannot be read");
            notice::unreadable(&record.cursor, &problem)?
        }
    };
    Some(Item {
        alert,
        cursor: record.cursor,
        bytes,
        lost: 0,
    })
}

fn loss_item(loss: &pb::LossNotice) -> Option<Item> {
    Some(Item {
        alert: notice::lost(loss)?,
        cursor: loss.through_cursor.clone(),
        bytes: 0,
        lost: loss.lost,
    })
}
