//! Wall and CPU time, and tables of them.

use std::{collections::BTreeMap, time::Instant};

use crate::stats::{cpu_seconds, median};

/// What a piece of work took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Measured {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) count: usize,
}

/// Work that is being measured.
pub(crate) struct Running {
    since: Instant,
    cpu_seconds: f64,
}

impl Measured {
    pub(crate) fn start() -> Running {
        Running {
            since: Instant::now(),
            cpu_seconds: cpu_seconds("self"),
        }
    }

    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self {
            seconds: self.seconds * factor,
            cpu_seconds: self.cpu_seconds * factor,
            ..self
        }
    }

    pub(crate) fn of(self, count: usize) -> Self {
        Self { count, ..self }
    }

    fn rate(self) -> f64 {
        self.count as f64 / self.seconds
    }

    fn cpu_ns(self) -> f64 {
        self.cpu_seconds * 1e9 / self.count as f64
    }
}

impl Running {
    pub(crate) fn stop(self, count: usize) -> Measured {
        Measured {
            seconds: self.since.elapsed().as_secs_f64(),
            cpu_seconds: cpu_seconds("self") - self.cpu_seconds,
            count,
        }
    }
}

pub(crate) fn measure(count: usize, work: impl FnOnce()) -> Measured {
    let running = Measured::start();
    work();
    running.stop(count)
}

/// Cases with their limit and us, round by round.
pub(crate) struct Table {
    title: &'static str,
    cases: Vec<String>,
    rounds: BTreeMap<String, Vec<(Measured, Measured)>>,
}

impl Table {
    pub(crate) fn new(title: &'static str) -> Self {
        Self {
            title,
            cases: Vec::new(),
            rounds: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, case: &str, limit: Measured, ours: Measured) {
        if !self.rounds.contains_key(case) {
            self.cases.push(case.to_owned());
        }
        self.rounds
            .entry(case.to_owned())
            .or_default()
            .push((limit, ours));
    }

    /// Alerts a second, and CPU for each.
    pub(crate) fn print(&self) {
        println!("## {}\n", self.title);
        println!("| case | limit, 1/s | log, 1/s | ratio | limit, CPU ns | log, CPU ns | ratio |");
        println!("|---|---|---|---|---|---|---|");
        for case in &self.cases {
            let rounds = &self.rounds[case];
            let of = |number: fn(&(Measured, Measured)) -> f64| median(rounds.iter().map(number));
            println!(
                "| {case} | {:.0} | {:.0} | {:.2} | {:.0} | {:.0} | {:.2} |",
                of(|(limit, _)| limit.rate()),
                of(|(_, ours)| ours.rate()),
                of(|(limit, ours)| ours.rate() / limit.rate()),
                of(|(limit, _)| limit.cpu_ns()),
                of(|(_, ours)| ours.cpu_ns()),
                of(|(limit, ours)| ours.cpu_ns() / limit.cpu_ns()),
            );
        }
        println!();
    }

    /// How long the whole takes.
    pub(crate) fn print_seconds(&self) {
        println!("## {}\n", self.title);
        println!("| case | limit, s | log, s | ratio |\n|---|---|---|---|");
        for case in &self.cases {
            let rounds = &self.rounds[case];
            let of = |number: fn(&(Measured, Measured)) -> f64| median(rounds.iter().map(number));
            println!(
                "| {case} | {:.3} | {:.3} | {:.2} |",
                of(|(limit, _)| limit.seconds),
                of(|(_, ours)| ours.seconds),
                of(|(limit, ours)| ours.seconds / limit.seconds),
            );
        }
        println!();
    }
}
