//! Alerts by what falco-exporter counted them by, for the dashboards that were made for it.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::alert::{Alert, Kind};

/// So many series there are at most. What would be a further one is counted in one of its
/// own, in which all labels are empty: labels come from alerts, and whoever can make
/// alerts can make up labels.
const MOST: usize = 2000;

/// A longer label is cut.
const LONGEST: usize = 200;

/// The labels of a series, as falco-exporter named them.
pub const LABELS: [&str; 7] = [
    "rule",
    "priority",
    "hostname",
    "source",
    "k8s_ns_name",
    "k8s_pod_name",
    "tags",
];

/// How many alerts there were, by their labels. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    counts: Arc<Mutex<BTreeMap<Series, u64>>>,
}

/// The values of [`LABELS`].
pub type Series = [String; LABELS.len()];

impl Tally {
    /// An alert came.
    pub(super) fn count(&self, alert: &Alert) {
        if alert.kind != Kind::Alert {
            return;
        }
        let mut series = series(alert);
        let mut counts = self.counts();
        if counts.len() >= MOST && !counts.contains_key(&series) {
            series = Series::default();
        }
        *counts.entry(series).or_default() += 1;
    }

    /// All series.
    pub fn list(&self) -> Vec<(Series, u64)> {
        let counts = self.counts();
        counts
            .iter()
            .map(|(series, count)| (series.clone(), *count))
            .collect()
    }

    fn counts(&self) -> MutexGuard<'_, BTreeMap<Series, u64>> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn series(alert: &Alert) -> Series {
    let kubernetes = alert.kubernetes.as_ref();
    let tags = match alert.tags.as_slice() {
        [] => String::new(),
        tags => format!(",{},", tags.join(",")),
    };
    let values = [
        alert.rule.clone(),
        alert.priority.to_syslog().to_string(),
        alert.hostname.clone(),
        alert.source.clone(),
        kubernetes
            .map(|it| it.namespace.clone())
            .unwrap_or_default(),
        kubernetes.map(|it| it.pod_name.clone()).unwrap_or_default(),
        tags,
    ];
    values.map(|mut value| {
        let end = value.floor_char_boundary(LONGEST);
        value.truncate(end);
        value
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::alert::testing;

    #[test]
    fn there_are_never_more_series_than_that() {
        let tally = Tally::default();
        for number in 0..2 * MOST {
            tally.count(&testing::alert(&format!("{number} {}", "x".repeat(1000))));
        }
        let list = tally.list();
        assert_eq!(list.len(), MOST + 1);
        let sum: u64 = list.iter().map(|(_, count)| count).sum();
        assert_eq!(sum, 2 * MOST as u64);
        assert_eq!(list[0], (Series::default(), MOST as u64));
        assert!(list.iter().all(|(series, _)| series[0].len() <= LONGEST));
    }

    #[test]
    fn falco_about_itself_is_not_counted() {
        let tally = Tally::default();
        let mut alert = testing::alert("Falco internal");
        alert.kind = Kind::Metrics;
        tally.count(&alert);
        assert_eq!(tally.list(), []);
    }
}
