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
    /// With what each takes, the oldest first.
    outstanding: VecDeque<(Position, u64)>,
    bytes: u64,
    /// Where the last gap that was told ends, until that is acknowledged. It takes no room:
    /// who acknowledges nothing but alerts must get some behind it.
    gap: Option<Position>,
}

impl Window {
    /// Of so many alerts and bytes, for frames of up to `frame` alerts.
    pub(super) fn new(most_alerts: usize, most_bytes: u64, frame: usize) -> Self {
        Self {
            most_alerts,
            most_bytes,
            frame,
            outstanding: VecDeque::new(),
            bytes: 0,
            gap: None,
        }
    }

    /// Whether another frame may be delivered.
    pub(super) fn has_room(&self) -> bool {
        self.outstanding.is_empty()
            || self.outstanding.len() + self.frame <= self.most_alerts
                && self.bytes < self.most_bytes
    }

    /// Something was delivered that is to be acknowledged.
    pub(super) fn push(&mut self, position: Position, bytes: usize) {
        self.outstanding.push_back((position, bytes as u64));
        self.bytes += bytes as u64;
    }

    /// A gap was told, which is to be acknowledged as well.
    pub(super) fn push_gap(&mut self, through: Position) {
        self.gap = Some(through);
    }

    /// Everything up to `position` is acknowledged.
    pub(super) fn acknowledge(&mut self, position: Position) {
        while let Some((_, bytes)) = self.outstanding.pop_front_if(|(at, _)| *at <= position) {
            self.bytes -= bytes;
        }
        self.gap.take_if(|gap| *gap <= position);
    }

    /// How many alerts are outstanding.
    pub(super) fn len(&self) -> usize {
        self.outstanding.len()
    }

    /// Whether everything is acknowledged.
    pub(super) fn is_empty(&self) -> bool {
        self.outstanding.is_empty() && self.gap.is_none()
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
        window.acknowledge(Position(1));
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
        window.push_gap(Position(5));
        assert_eq!((window.has_room(), window.is_empty()), (true, false));
        window.push(Position(6), 1);
        window.acknowledge(Position(4));
        window.acknowledge(Position(6));
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
