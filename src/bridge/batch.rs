//! The alerts that are being sent, until the target has each or has refused it.

use std::collections::VecDeque;

use super::outcome::{Outcome, Trouble, Verdict};
use crate::alert::Alert;

/// An alert, and its place in the log.
#[derive(Debug, Clone)]
pub(super) struct Item {
    pub(super) alert: Alert,
    pub(super) cursor: String,
    /// What it takes as the gateway encodes it.
    pub(super) bytes: usize,
    /// So many alerts are gone; none if it is one.
    pub(super) lost: u64,
}

/// An alert that the target refused, with its answer.
pub(super) type Refused = (Item, String);

/// Alerts that one acknowledgement is for.
#[derive(Debug)]
pub(super) struct Batch {
    /// Those that are not settled, in their order.
    items: VecDeque<Item>,
    /// The places of all, in their order.
    cursors: Vec<String>,
    /// How many go out at a time: fewer while it is looked for the one that the
    /// target refuses.
    turn: usize,
    /// Of the stream that they came by.
    pub(super) generation: u64,
}

/// What an attempt has settled.
#[derive(Debug, Default)]
pub(super) struct Settled {
    /// So many alerts are with the target.
    pub(super) delivered: u64,
    /// So many are gone, which it was told.
    pub(super) lost: u64,
    /// These never will be, with the target's answer.
    pub(super) refused: Vec<Refused>,
    /// The target took something, so it is not the target that is at fault.
    pub(super) took_some: bool,
    /// Why the rest is not.
    pub(super) trouble: Option<Trouble>,
}

impl Batch {
    pub(super) fn new(items: VecDeque<Item>, generation: u64) -> Self {
        Self {
            turn: items.len(),
            cursors: items.iter().map(|it| it.cursor.clone()).collect(),
            items,
            generation,
        }
    }

    /// Up to where the target has or has refused everything.
    pub(super) fn settled_through(&self) -> Option<&str> {
        let settled = match self.items.front() {
            None => self.cursors.len(),
            Some(first) => self.cursors.iter().position(|it| *it == first.cursor)?,
        };
        self.cursors
            .get(settled.checked_sub(1)?)
            .map(String::as_str)
    }

    /// Whether the target has or has refused all of it.
    pub(super) fn is_settled(&self) -> bool {
        self.items.is_empty()
    }

    /// No more than so many are to go out at a time.
    pub(super) fn limit(&mut self, most: usize) {
        self.turn = self.turn.min(most);
    }

    /// What is to be sent next.
    pub(super) fn turn(&mut self) -> &[Item] {
        let turn = self.turn.clamp(1, self.items.len().max(1));
        let items = self.items.make_contiguous();
        items.get(..turn).unwrap_or(items)
    }

    /// Deals with what came of sending [`Self::turn`].
    pub(super) fn settle(&mut self, outcome: Outcome) -> Settled {
        let sent = self.turn().len();
        match outcome {
            Outcome::Delivered(_) => {
                self.turn = sent.saturating_mul(2);
                self.each(vec![Verdict::Delivered; sent])
            }
            Outcome::Partly(answer) => Settled {
                took_some: true,
                ..self.each(vec![Verdict::Refused(answer); sent])
            },
            Outcome::Refused(_) if sent > 1 => {
                self.turn = sent / 2;
                Settled::default()
            }
            Outcome::Refused(answer) => self.each(vec![Verdict::Refused(answer)]),
            Outcome::Each(verdicts) if verdicts.len() == sent => self.each(verdicts),
            Outcome::Each(verdicts) => {
                let answered = verdicts.len();
                let why = format!("the target answered for {answered} of {sent} alerts");
                trouble(Trouble::new(why))
            }
            Outcome::Again(why) => trouble(why),
        }
    }

    fn each(&mut self, verdicts: Vec<Verdict>) -> Settled {
        let mut settled = Settled::default();
        let mut left = VecDeque::new();
        let sent = self.items.drain(..verdicts.len());
        for (item, verdict) in sent.zip(verdicts) {
            match verdict {
                Verdict::Delivered => {
                    settled.delivered += u64::from(item.lost == 0);
                    settled.lost += item.lost;
                    settled.took_some = true;
                }
                Verdict::Refused(answer) => {
                    settled.lost += item.lost;
                    settled.refused.push((item, answer));
                }
                Verdict::Untried => left.push_back(item),
                Verdict::Again(why) => {
                    left.push_back(item);
                    settled.trouble.get_or_insert(why);
                }
            }
        }
        left.append(&mut self.items);
        self.items = left;
        settled
    }
}

fn trouble(trouble: Trouble) -> Settled {
    Settled {
        trouble: Some(trouble),
        ..Settled::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    fn batch(count: usize) -> Batch {
        let item = |number: usize| Item {
            alert: testing::alert(&number.to_string()),
            cursor: number.to_string(),
            bytes: 1,
            lost: 0,
        };
        Batch::new((0..count).map(item).collect(), 0)
    }

    fn rules(items: &[Item]) -> Vec<String> {
        items.iter().map(|it| it.alert.rule.clone()).collect()
    }

    /// Sends all of it to a target that refuses what `is_bad`: what arrived, what was
    /// refused, and how many requests that took.
    fn send(mut batch: Batch, is_bad: impl Fn(usize) -> bool) -> (Vec<String>, Vec<String>, u32) {
        let (mut arrived, mut refused, mut requests) = (Vec::new(), Vec::new(), 0);
        while !batch.is_settled() {
            requests += 1;
            let turn = rules(batch.turn());
            let outcome = if turn.iter().any(|it| is_bad(it.parse().unwrap())) {
                Outcome::Refused("no".into())
            } else {
                arrived.extend(turn);
                Outcome::Delivered(String::new())
            };
            let settled = batch.settle(outcome);
            refused.extend(settled.refused.into_iter().map(|(item, _)| item.alert.rule));
        }
        (arrived, refused, requests)
    }

    #[test]
    fn a_refused_batch_is_split_down_to_what_is_bad_in_it() {
        for (count, bad) in [
            (1, vec![0]),
            (8, vec![5]),
            (100, vec![0, 50, 51, 99]),
            (7, vec![]),
        ] {
            let (arrived, refused, requests) = send(batch(count), |it| bad.contains(&it));
            let good = (0..count).filter(|it| !bad.contains(it));
            assert_eq!(arrived, good.map(|it| it.to_string()).collect::<Vec<_>>());
            assert_eq!(
                refused,
                bad.iter().map(ToString::to_string).collect::<Vec<_>>()
            );
            // About twice the depth of the halving, for each.
            assert!(requests as usize <= 1 + bad.len() * 16, "{requests}");
        }
    }

    #[test]
    fn what_the_target_says_of_each_is_done_and_the_rest_stays_in_order() {
        let mut batch = batch(5);
        let again = Verdict::Again(Trouble::new("busy"));
        let settled = batch.settle(Outcome::Each(vec![
            Verdict::Delivered,
            again.clone(),
            Verdict::Refused("bad".into()),
            again,
            Verdict::Delivered,
        ]));
        assert_eq!((settled.delivered, settled.refused.len()), (2, 1));
        assert_eq!(settled.trouble, Some(Trouble::new("busy")));
        assert_eq!(rules(batch.turn()), ["1", "3"]);
        assert_eq!(batch.settled_through(), Some("0"));
        batch.limit(1);
        batch.settle(Outcome::Delivered(String::new()));
        assert_eq!(batch.settled_through(), Some("2"));
        batch.settle(Outcome::Delivered(String::new()));
        assert_eq!(batch.settled_through(), Some("4"));
    }

    #[test]
    fn an_answer_for_another_number_of_alerts_settles_nothing() {
        let mut batch = batch(3);
        let settled = batch.settle(Outcome::Each(vec![Verdict::Delivered]));
        assert_eq!(settled.delivered, 0);
        assert!(settled.trouble.unwrap().why.contains("1 of 3"));
        assert_eq!((batch.turn().len(), batch.settled_through()), (3, None));
    }

    #[test]
    fn what_may_be_refused_is_refused_and_not_the_targets_fault() {
        let mut batch = batch(3);
        let settled = batch.settle(Outcome::Partly("one of them".into()));
        assert_eq!((settled.delivered, settled.refused.len()), (0, 3));
        assert!(settled.took_some && batch.is_settled());
        assert_eq!(batch.settled_through(), Some("2"));
    }

    #[test]
    fn nothing_moves_while_the_target_is_away() {
        let mut batch = batch(3);
        let settled = batch.settle(Trouble::new("down").into());
        assert_eq!(settled.trouble, Some(Trouble::new("down")));
        assert_eq!(rules(batch.turn()), ["0", "1", "2"]);
    }
}
