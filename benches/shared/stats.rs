//! What benchmarks measure with.

use std::fs;

/// The kernel's unit of a process's CPU time.
const TICKS_PER_SECOND: f64 = 100.0;

/// The CPU time that a process and all its threads used, by the kernel's accounts;
/// `process` is its id, or `self`.
pub(crate) fn cpu_seconds(process: &str) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).unwrap();
    let (_, fields) = stat.rsplit_once(") ").unwrap();
    let ticks = fields.split(' ').skip(11).take(2);
    ticks.map(|it| it.parse::<f64>().unwrap()).sum::<f64>() / TICKS_PER_SECOND
}

/// The middle one; of an even number the upper of the two.
pub(crate) fn median(numbers: impl Iterator<Item = f64>) -> f64 {
    let mut numbers: Vec<_> = numbers.collect();
    numbers.sort_by(f64::total_cmp);
    numbers[numbers.len() / 2]
}
