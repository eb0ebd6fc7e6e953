//! The alerts around one, and what they have to do with it.

use std::{collections::BTreeSet, time::Duration};

use jiff::SignedDuration;

use super::{
    analysis::words,
    document::{Line, Section},
    summary::or,
};
use crate::alert::Alert;

/// How many alerts the timeline has.
const MOST: usize = 25;

/// What was around an alert. Without a window there is no log to look into.
#[derive(Debug, Clone, Default)]
pub struct Around<'a> {
    /// Alerts of some time before and after, in any order; the alert itself may be among them.
    pub alerts: Vec<&'a Alert>,
    /// How long before and after it was looked.
    pub window: Duration,
    /// There were more than could be looked at.
    pub is_cut: bool,
}

/// What one alert has to do with another, the closest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Relation {
    Process,
    Descendant,
    Ancestor,
    Container,
    Pod,
    User,
    Rule,
    Host,
}

impl Relation {
    const ALL: [Self; 8] = [
        Self::Process,
        Self::Descendant,
        Self::Ancestor,
        Self::Container,
        Self::Pod,
        Self::User,
        Self::Rule,
        Self::Host,
    ];

    fn words(self) -> &'static str {
        match self {
            Self::Process => "same process",
            Self::Descendant => "a process below it",
            Self::Ancestor => "a process above it",
            Self::Container => "same container",
            Self::Pod => "same pod",
            Self::User => "same user",
            Self::Rule => "same rule",
            Self::Host => "same host",
        }
    }

    fn holds(self, one: &Alert, other: &Alert) -> bool {
        match self {
            Self::Process => same(pid(one), pid(other)) && on_one_kernel(one, other),
            Self::Descendant => is_above(one, other) && on_one_kernel(one, other),
            Self::Ancestor => is_above(other, one) && on_one_kernel(one, other),
            Self::Container => same(container(one), container(other)),
            Self::Pod => same(pod(one), pod(other)),
            Self::User => same(user(one), user(other)),
            Self::Rule => !one.rule.is_empty() && one.rule == other.rule,
            Self::Host => !one.hostname.is_empty() && one.hostname == other.hostname,
        }
    }
}

fn same<T: Copy + PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    one.is_some() && one == other
}

/// Process ids mean something on one host only, and a container's alerts name its own as
/// their hosts' where Falco runs in it.
fn on_one_kernel(one: &Alert, other: &Alert) -> bool {
    one.hostname == other.hostname
}

fn pid(alert: &Alert) -> Option<i64> {
    alert.process.as_ref()?.pid
}

fn is_above(one: &Alert, other: &Alert) -> bool {
    let above = other.process.iter().flat_map(|it| &it.ancestors);
    let mut pids = above.filter_map(|it| it.pid);
    pid(one).is_some_and(|pid| pids.any(|above| above == pid))
}

fn container(alert: &Alert) -> Option<&str> {
    let id = alert.container.as_ref()?.id.as_str();
    (!id.is_empty()).then_some(id)
}

fn pod(alert: &Alert) -> Option<(&str, &str, &str)> {
    let pod = alert.kubernetes.as_ref()?;
    let cluster = alert.origin.cluster.as_ref();
    (!pod.pod_name.is_empty()).then_some((cluster, &pod.namespace, &pod.pod_name))
}

/// Who it was, where that says something: root is everybody's name, and a name of Linux is
/// of its host.
fn user(alert: &Alert) -> Option<(&str, &str)> {
    let audit = alert.audit.as_ref().map(|it| ("audit", it.user.as_str()));
    let cloud = alert.cloud.as_ref();
    let cloud = cloud.map(|it| (it.provider.as_str(), it.user.as_str()));
    let host = alert.hostname.as_str();
    let login = alert.user.as_ref().map(|it| (host, it.login_name.as_str()));
    let name = alert.user.as_ref().map(|it| (host, it.name.as_str()));
    let mut all = [audit, cloud, login, name].into_iter().flatten();
    all.find(|(_, name)| !matches!(*name, "" | "root" | "<NA>"))
}

pub(super) fn section(alert: &Alert, around: &Around<'_>) -> Section {
    let mut section = Section::new("Related alerts");
    if around.window.is_zero() {
        return section;
    }
    let mut related: Vec<_> = around
        .alerts
        .iter()
        .filter(|other| !is_itself(alert, other))
        .filter_map(|other| {
            let relations = Relation::ALL
                .into_iter()
                .filter(|it| it.holds(alert, other));
            let relations: Vec<_> = relations.collect();
            (!relations.is_empty()).then_some((*other, relations))
        })
        .collect();
    let window = words(around.window);
    if related.is_empty() {
        if around.is_cut {
            section.paragraph("There were more alerts around it than could be looked at.");
        }
        section.paragraph(format!(
            "From {window} before to {window} after it, none of the alerts that were looked at and that you may see is of \
             the same process, container, pod, user, host or rule."
        ));
        return section;
    }
    let count = related.len();
    related.sort_by_key(|(other, relations)| (relations.first().copied(), distance(alert, other)));
    related.truncate(MOST);
    related.sort_by_key(|(other, _)| other.event_time);
    section.paragraph(told(count, related.len(), &window, around.is_cut));
    section.paragraph(elsewhere(alert, around));
    let rows = related
        .iter()
        .map(|(other, relations)| row(alert, other, relations));
    section.table(
        &[
            "When",
            "Priority",
            "Rule",
            "Where",
            "What",
            "Why it is here",
        ],
        rows.collect(),
    );
    section
}

fn is_itself(alert: &Alert, other: &Alert) -> bool {
    alert.id == other.id
}

fn distance(alert: &Alert, other: &Alert) -> Duration {
    other
        .event_time
        .duration_since(alert.event_time)
        .unsigned_abs()
}

fn told(count: usize, shown: usize, window: &str, is_cut: bool) -> String {
    let at_least = if is_cut { "at least " } else { "" };
    let which = match shown {
        shown if shown < count => format!("; the {shown} that are closest to it are shown"),
        _ => String::new(),
    };
    format!(
        "From {window} before to {window} after it, the gateway's log has {at_least}{count} that have to do with it{which}:"
    )
}

/// On how many other hosts the rule has matched, too.
fn elsewhere(alert: &Alert, around: &Around<'_>) -> Line {
    let same_rule = around
        .alerts
        .iter()
        .filter(|other| Relation::Rule.holds(alert, other) && other.hostname != alert.hostname);
    let hosts: BTreeSet<_> = same_rule.map(|other| other.hostname.as_str()).collect();
    match hosts.len() {
        0 => Line::new(),
        1 => Line::from("The same rule matched on one other host, too."),
        count => Line::from(format!(
            "The same rule matched on {count} other hosts, too."
        )),
    }
}

fn row(alert: &Alert, other: &Alert, relations: &[Relation]) -> Vec<Line> {
    let why: Vec<_> = relations.iter().map(|it| it.words()).collect();
    let process = other.process.as_ref();
    let what = process.map_or("", |it| or(&it.command_line, &it.name));
    let file = other.file.as_ref().map_or("", |it| it.path.as_str());
    let place = other
        .kubernetes
        .as_ref()
        .map_or("", |it| it.pod_name.as_str());
    let container = other
        .container
        .as_ref()
        .map_or("", |it| or(&it.name, &it.id));
    let what = [what, file].into_iter().filter(|it| !it.is_empty());
    vec![
        Line::from(when(other.event_time.duration_since(alert.event_time))),
        Line::from(other.priority.as_str()),
        Line::new().value(&other.rule),
        Line::new().value(or(place, or(container, &other.hostname))),
        Line::new().values(what),
        Line::from(why.join(", ")),
    ]
}

fn when(offset: SignedDuration) -> String {
    let span = words(offset.unsigned_abs());
    match offset {
        offset if offset.is_zero() => "at the same time".to_owned(),
        offset if offset.is_negative() => format!("{span} before"),
        _ => format!("{span} after"),
    }
}
