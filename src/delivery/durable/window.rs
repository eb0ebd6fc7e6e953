use std::collections::VecDeque;

use crate::log::Position;

/// What was delivered and is not acknowledged. A full one pauses the delivery, with no
/// timer and no end.
#[derive(Debug)]
pub(super) struct Window {
    most_alerts: usize,
    most_bytes: u64,
    /// The largest frame that may come.
    frame: usize,
    /// The oldest first.
    outstanding: VecDeque<Outstanding>,
    alerts: usize,
    bytes: u64,
}

/// Something that is to be acknowledged.
#[derive(Debug)]
struct Outstanding {
    position: Position,
    /// How many alerts it stands for.
    weight: u64,
    /// What it takes; none if it is no alert, and takes no room: who acknowledges
    /// nothing but alerts must get some behind the notice of a loss.
    bytes: Option<u64>,
}

impl Window {
    /// Of so many alerts and bytes, for frames of up to `frame` alerts.
    pub(super) fn new(most_alerts: usize, most_bytes: u64, frame: usize) -> Self {
        Self {
            most_alerts,
            most_bytes,
            frame,
            outstanding: VecDeque::new(),
            alerts: 0,
            bytes: 0,
        }
    }

    /// Of somebody who asks each time.
    pub(super) fn unbounded() -> Self {
        Self::new(usize::MAX, u64::MAX, 0)
    }

    /// Whether another frame may be delivered.
    pub(super) fn has_room(&self) -> bool {
        self.alerts == 0
            || self.alerts.saturating_add(self.frame) <= self.most_alerts
                && self.bytes < self.most_bytes
    }

    /// An alert was delivered.
    pub(super) fn push(&mut self, position: Position, bytes: usize) {
        self.alerts += 1;
        self.bytes += bytes as u64;
        self.outstanding.push_back(Outstanding {
            position,
            weight: 1,
            bytes: Some(bytes as u64),
        });
    }

    /// It was told that so many alerts are lost up to `through`.
    pub(super) fn push_gap(&mut self, through: Position, lost: u64) {
        self.outstanding.push_back(Outstanding {
            position: through,
            weight: lost,
            bytes: None,
        });
    }

    /// Nothing is outstanding any more: all of it comes again.
    pub(super) fn clear(&mut self) {
        self.outstanding.clear();
        self.alerts = 0;
        self.bytes = 0;
    }

    /// Everything up to `position` is acknowledged: what that was, with the number of
    /// alerts that each stands for.
    pub(super) fn acknowledge(&mut self, position: Position) -> Vec<(Position, u64)> {
        let mut done = Vec::new();
        while let Some(one) = self.outstanding.pop_front_if(|it| it.position <= position) {
            if let Some(bytes) = one.bytes {
                self.alerts -= 1;
                self.bytes -= bytes;
            }
            done.push((one.position, one.weight));
        }
        done
    }

    /// How many alerts are outstanding.
    pub(super) fn len(&self) -> usize {
        self.alerts
    }

    /// Whether everything is acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.outstanding.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neither_alerts_nor_bytes_go_beyond_it() {
        let mut window = Window::new(10, 100, 4);
        for position in 1..=6 {
            assert!(window.has_room());
            window.push(Position(position), 1);
        }
        // Another four would still fit, five would not.
        assert!(window.has_room());
        window.push(Position(7), 1);
        assert!(!window.has_room());
        assert_eq!(window.acknowledge(Position(1)), [(Position(1), 1)]);
        assert!(window.has_room());
        window.push(Position(8), 94);
        assert_eq!((window.len(), window.has_room()), (7, false));
        window.acknowledge(Position(7));
        assert!(window.has_room());
        window.acknowledge(Position(8));
        assert!(window.is_empty());
    }

    #[test]
    fn a_gap_waits_for_its_acknowledgement_and_takes_no_room() {
        let mut window = Window::new(1, 1, 1);
        window.push_gap(Position(5), 3);
        assert_eq!((window.has_room(), window.is_empty()), (true, false));
        window.push(Position(6), 1);
        assert_eq!(window.acknowledge(Position(4)), []);
        let done = [(Position(5), 3), (Position(6), 1)];
        assert_eq!(window.acknowledge(Position(6)), done);
        assert!(window.is_empty());
    }

    #[test]
    fn one_always_fits() {
        let mut window = Window::new(1, 1, 1);
        assert!(window.has_room());
        window.push(Position(1), 1000);
        assert!(!window.has_room());
    }
}
