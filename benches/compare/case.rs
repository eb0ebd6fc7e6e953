//! What is sent to whom.

/// One line of a table.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) subscribers: usize,
    pub(crate) connections: usize,
    pub(crate) burst: usize,
    pub(crate) bursts: usize,
    /// Bursts a second; else the next comes when everyone has the last.
    pub(crate) rate: Option<f64>,
    pub(crate) selection: Selection,
    pub(crate) tls: bool,
}

/// What of it each stream wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Selection {
    All,
    /// All streams the same of a hundred sorts of alert.
    OneSort,
    /// Each stream one of them, by a filter that no other has.
    ItsOwnSort,
}

/// Kinds of alert that a selection tells apart.
pub(crate) const SORTS: usize = 100;

impl Case {
    /// Alerts of a burst that each stream gets.
    pub(crate) fn matching(&self) -> usize {
        match self.selection {
            Selection::All => self.burst,
            Selection::OneSort | Selection::ItsOwnSort => self.burst / SORTS,
        }
    }

    /// The sort that a stream wants; none wants all.
    pub(crate) fn sort_of(&self, stream: usize) -> Option<usize> {
        match self.selection {
            Selection::All => None,
            Selection::OneSort => Some(0),
            Selection::ItsOwnSort => Some(stream % SORTS),
        }
    }

    /// The sort of an alert of a burst; none when they are all the same.
    pub(crate) fn sort_of_alert(&self, alert: usize) -> Option<usize> {
        self.sort_of(0).map(|_| alert % SORTS)
    }

    /// Of a burst, over all streams.
    pub(crate) fn deliveries(&self) -> usize {
        self.matching() * self.subscribers
    }
}

const fn case(
    name: &'static str,
    (subscribers, connections): (usize, usize),
    (burst, bursts): (usize, usize),
) -> Case {
    Case {
        name,
        subscribers,
        connections,
        burst,
        bursts,
        rate: None,
        selection: Selection::All,
        tls: false,
    }
}

const fn selecting(selection: Selection, case: Case) -> Case {
    Case { selection, ..case }
}

/// The fan-out, for everyone.
pub(crate) const FAN_OUT: [Case; 13] = [
    case("1 stream, bursts of 512", (1, 1), (512, 400)),
    case(
        "100 streams on 1 connection, bursts of 512",
        (100, 1),
        (512, 40),
    ),
    case(
        "100 streams on 100 connections, bursts of 512",
        (100, 100),
        (512, 60),
    ),
    case(
        "1000 streams on 1000 connections, bursts of 64",
        (1000, 1000),
        (64, 50),
    ),
    case(
        "1000 streams on 10 connections, bursts of 64",
        (1000, 10),
        (64, 50),
    ),
    case(
        "100 streams on 100 connections, one by one",
        (100, 100),
        (1, 1000),
    ),
    case(
        "1000 streams on 1000 connections, one by one",
        (1000, 1000),
        (1, 120),
    ),
    case(
        "1000 streams on 10 connections, one by one",
        (1000, 10),
        (1, 400),
    ),
    Case {
        rate: Some(200.0),
        ..case(
            "100 streams on 100 connections, 200 a second",
            (100, 100),
            (1, 600),
        )
    },
    Case {
        tls: true,
        ..case(
            "100 streams on 100 connections, bursts of 512, TLS",
            (100, 100),
            (512, 60),
        )
    },
    Case {
        tls: true,
        ..case(
            "100 streams on 100 connections, one by one, TLS",
            (100, 100),
            (1, 1000),
        )
    },
    selecting(
        Selection::OneSort,
        case("1000 streams that want the same 1 %", (1000, 10), (500, 60)),
    ),
    selecting(
        Selection::ItsOwnSort,
        case(
            "1000 streams with a filter each, of 1 %",
            (1000, 10),
            (500, 60),
        ),
    ),
];

/// One alert at a time to one stream.
pub(crate) const LATENCY: Case = case("one by one, to one stream", (1, 1), (1, 600));
