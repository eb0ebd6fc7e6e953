//! A durable subscription over all the lives of a gateway.

use std::{collections::BTreeSet, path::Path};

use aes::{
    Aes128,
    cipher::{BlockCipherDecrypt as _, KeyInit as _},
};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use falco_gateway::{
    pb::{self, stream_frame::Kind, subscription_start::Start},
    state::State,
};
use tokio::task::JoinHandle;

use crate::support::{
    consumer::{Consumer, named},
    process::Process,
    soon,
};

const NAME: &str = "siem";

/// What its consumers saw.
#[derive(Debug)]
pub(super) struct Durable {
    opener: Opener,
    is_made: bool,
    /// All places that came, or were told to be lost.
    consumed: BTreeSet<u64>,
    lost: u64,
    /// The last place that was acknowledged, and the last that was confirmed.
    acknowledged: u64,
    confirmed: u64,
    again: usize,
}

/// What one consumer saw until the gateway was gone.
#[derive(Debug)]
pub(super) struct Life {
    opener: Opener,
    consumed: Vec<u64>,
    lost: u64,
    acknowledged: u64,
    confirmed: u64,
}

/// Opens cursors, with the key of the log.
#[derive(Debug, Clone)]
struct Opener(Aes128);

impl Opener {
    /// The place in a cursor, whose text is the same for all clients and differs by life.
    fn place(&self, cursor: &str) -> u64 {
        let bytes = URL_SAFE_NO_PAD.decode(cursor).unwrap();
        let sealed: [u8; 16] = bytes[9..25].try_into().unwrap();
        let mut block = sealed.into();
        self.0.decrypt_block(&mut block);
        u64::from_be_bytes(block[..8].try_into().unwrap())
    }
}

impl Durable {
    /// Of a gateway that is to work in `folder`, and has not begun.
    pub(super) fn new(folder: &Path) -> Self {
        let key = State::open(folder).unwrap().log_key().unwrap();
        let half: [u8; 16] = key[..16].try_into().unwrap();
        Self {
            opener: Opener(Aes128::new(&half.into())),
            is_made: false,
            consumed: BTreeSet::new(),
            lost: 0,
            acknowledged: 0,
            confirmed: 0,
            again: 0,
        }
    }

    fn life(&self) -> Life {
        Life {
            opener: self.opener.clone(),
            consumed: Vec::new(),
            lost: 0,
            acknowledged: 0,
            confirmed: 0,
        }
    }

    /// Consumes until the gateway is gone.
    pub(super) async fn consume(&mut self, gateway: &Process) -> JoinHandle<Life> {
        if !self.is_made {
            self.make(gateway).await;
        }
        let open = pb::ConsumeOpen {
            window_alerts: fastrand::u32(1..200),
            ..named(NAME)
        };
        let consumer = Consumer::open(gateway.channel(), open).await.unwrap();
        tokio::spawn(self.life().live(consumer))
    }

    async fn make(&mut self, gateway: &Process) {
        let request = pb::CreateSubscriptionRequest {
            name: NAME.to_owned(),
            filter: String::new(),
            start: Some(pb::SubscriptionStart {
                start: Some(Start::Earliest(())),
            }),
        };
        let created = gateway.subscriptions().create_subscription(request).await;
        created.unwrap();
        self.is_made = true;
    }

    /// What was confirmed does not come again, and what was not acknowledged does.
    pub(super) fn ended(&mut self, life: &Life) {
        assert!(
            life.consumed.is_sorted_by(|a, b| a + 1 == *b),
            "{:?}",
            life.consumed
        );
        if let Some(first) = life.consumed.first() {
            assert!(
                *first > self.confirmed,
                "{first} came again and was confirmed"
            );
            assert!(
                *first <= self.acknowledged + 1,
                "what is before {first} did not come again"
            );
        }
        let before = self.consumed.len();
        self.consumed.extend(&life.consumed);
        self.again += before + life.consumed.len() - self.consumed.len();
        self.lost += life.lost;
        self.acknowledged = self.acknowledged.max(life.acknowledged);
        self.confirmed = self.confirmed.max(life.confirmed);
    }

    /// Whatever is left: then everything has come.
    pub(super) async fn finish(&mut self, gateway: &Process, head: &str) {
        let head = self.opener.place(head);
        let mut consumer = Consumer::open(gateway.channel(), named(NAME))
            .await
            .unwrap();
        let mut life = self.life();
        soon("the rest", async {
            while self.consumed.last().max(life.consumed.last()) < Some(&head) {
                life.take(&mut consumer).await.unwrap();
            }
        })
        .await;
        self.ended(&life);
        assert!(
            self.consumed.iter().copied().eq(1..=head),
            "alerts did not come"
        );
        println!(
            "durable: {} consumed, {} of them again, {} told to be lost",
            self.consumed.len(),
            self.again,
            self.lost
        );
        assert!(self.confirmed > 0, "nothing was ever confirmed");
    }
}

impl Life {
    async fn live(mut self, mut consumer: Consumer) -> Self {
        while self.take(&mut consumer).await.is_some() {}
        self
    }

    /// Deals with the next frame; none at the end.
    async fn take(&mut self, consumer: &mut Consumer) -> Option<()> {
        match consumer.frames.try_next().await.ok()?? {
            Kind::Alerts(batch) => {
                let cursors: Vec<_> = batch.records.into_iter().map(|it| it.cursor).collect();
                let places = cursors.iter().map(|cursor| self.opener.place(cursor));
                self.consumed.extend(places);
                let some = &cursors[fastrand::usize(..cursors.len())];
                self.acknowledged = self.acknowledged.max(self.opener.place(some));
                consumer.acknowledge(some).await;
            }
            Kind::AckConfirmed(confirmed) => {
                self.confirmed = self.opener.place(&confirmed.cursor);
            }
            // Retention overtakes it now and then: what is told is as good as what came.
            Kind::Loss(loss) => {
                let place = |cursor: &str| self.opener.place(cursor);
                let lost = place(&loss.after_cursor) + 1..=place(&loss.through_cursor);
                let count = lost.clone().count() as u64;
                assert_eq!((loss.lost, loss.lower_bound), (count, false));
                self.lost += count;
                self.consumed.extend(lost);
            }
            _ => {}
        }
        Some(())
    }
}
