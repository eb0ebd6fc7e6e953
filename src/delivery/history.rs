use std::sync::Arc;

use jiff::Timestamp;

use super::{
    Choice, View,
    choice::{Chosen, Shower},
    request::bytes_of,
};
use crate::{
    alert::AlertId,
    log::{Entry, Log, Position},
};

/// How many alerts are taken from the log at a time.
const CHUNK: usize = 512;

/// How many alerts one page may look at: a narrow filter over a long log is
/// answered in several pages, some of them empty, rather than in one slow call.
const PAGE_SCAN: usize = 65_536;

/// What a page may take on the wire. Clients refuse messages over 4 MiB unless
/// told otherwise; a single alert is far below what is left of that.
const PAGE_BYTES: usize = 3 << 20;

/// Reads what is in the log, without following it.
#[derive(Debug, Clone, Copy)]
pub struct History<'a> {
    pub(super) log: &'a Log,
    pub(super) shower: &'a Shower,
}

/// What a page is to hold.
#[derive(Debug, Clone)]
pub struct PageRequest<'a> {
    /// Which alerts, and what of them.
    pub choice: &'a Choice,
    /// Received at or after.
    pub since: Option<Timestamp>,
    /// Received before.
    pub until: Option<Timestamp>,
    /// The newest first, or the oldest first.
    pub newest_first: bool,
    /// How many at most; fewer if they are large.
    pub size: usize,
    /// How much of each is to be sent.
    pub view: View,
    /// [`Page::next`] of the page before.
    pub from: Option<Position>,
}

/// A page of history.
#[derive(Debug, Clone)]
pub struct Page {
    /// The alerts, in the order that was asked for.
    pub entries: Vec<Arc<Entry>>,
    /// Where the next page goes on; none when there is nothing more.
    pub next: Option<Position>,
}

impl History<'_> {
    /// One page.
    pub async fn page(&self, request: &PageRequest<'_>) -> Page {
        let bounds = self.log.bounds();
        // Alerts of a stretch of time lie between two positions, but not all
        // between them are of it: receive times are only almost in order.
        let first = match request.since {
            Some(time) => self.log.before_time(time).await,
            None => bounds.start,
        };
        let (after, through) = match (request.from, request.newest_first) {
            (None, _) => (first, bounds.head),
            (Some(from), true) => (first, from),
            (Some(from), false) => (first.max(from), bounds.head),
        };
        let wanted = |entry: &Arc<Entry>| {
            let is_in_time = is_since(entry, request.since)
                && request.until.is_none_or(|until| entry.receive_time < until);
            is_in_time
                .then(|| self.shown(entry, request.choice))
                .flatten()
        };
        let room = Room::page(request.size, request.view);
        if request.newest_first {
            self.backwards(after, through, room, wanted).await
        } else {
            self.forwards(after, through, room, wanted).await
        }
    }

    /// The newest alert with this id, as those see it who see `choice`; received at or
    /// after `since`.
    pub async fn find(
        &self,
        id: AlertId,
        choice: &Choice,
        since: Option<Timestamp>,
    ) -> Option<Arc<Entry>> {
        let bounds = self.log.bounds();
        let id = match choice.sight().redaction().is_empty() {
            true => id,
            false => self.log.unseal_id(id),
        };
        let wanted = |entry: &Arc<Entry>| {
            let is_it = entry.id == id && is_since(entry, since);
            is_it.then(|| self.shown(entry, choice)).flatten()
        };
        let mut through = bounds.head;
        while through > bounds.start {
            let page = self
                .backwards(bounds.start, through, Room::count(1), wanted)
                .await;
            if let Some(entry) = page.entries.into_iter().next() {
                return Some(entry);
            }
            through = page.next?;
        }
        None
    }

    /// The alert at `position`, as those see it who see `choice`; received at or after
    /// `since`.
    pub async fn at(
        &self,
        position: Position,
        choice: &Choice,
        since: Option<Timestamp>,
    ) -> Option<Arc<Entry>> {
        let found = self.log.range(position.previous(), position, 1).await;
        let entry = found.first().filter(|entry| is_since(entry, since))?;
        self.shown(entry, choice)
    }

    fn shown(&self, entry: &Arc<Entry>, choice: &Choice) -> Option<Arc<Entry>> {
        match self.shower.show(entry, choice) {
            Chosen::Yes(shown) => Some(shown),
            Chosen::No | Chosen::Unknown => None,
        }
    }

    /// The position before the newest `count` alerts that match.
    pub(super) async fn before_last(&self, count: u32, choice: &Choice) -> Position {
        let bounds = self.log.bounds();
        if count == 0 {
            return bounds.head;
        }
        let mut left = count as usize;
        let mut through = bounds.head;
        loop {
            let wanted = |entry: &Arc<Entry>| self.shown(entry, choice);
            let page = self
                .backwards(bounds.start, through, Room::count(left), wanted)
                .await;
            left -= page.entries.len();
            match (left, page.entries.last(), page.next) {
                (0, Some(oldest), _) => return oldest.position.previous(),
                (_, _, Some(next)) => through = next,
                (_, _, None) => return bounds.start,
            }
        }
    }

    async fn forwards(
        &self,
        after: Position,
        through: Position,
        mut room: Room,
        wanted: impl Fn(&Arc<Entry>) -> Option<Arc<Entry>>,
    ) -> Page {
        let mut entries = Vec::new();
        let mut position = after;
        let mut scanned = 0;
        while position < through && scanned < PAGE_SCAN && !room.is_used_up() {
            let chunk = self.log.range(position, through, CHUNK).await;
            let Some(last) = chunk.last() else {
                position = through;
                break;
            };
            scanned += chunk.len();
            let end = last.position;
            for entry in chunk.iter().filter_map(&wanted) {
                if !room.take(&entry) {
                    break;
                }
                position = entry.position;
                entries.push(entry);
            }
            if !room.is_used_up() {
                position = end;
            }
        }
        Page {
            entries,
            next: (position < through).then_some(position),
        }
    }

    /// [`Page::next`] is then the position that the next page ends with.
    async fn backwards(
        &self,
        after: Position,
        through: Position,
        mut room: Room,
        wanted: impl Fn(&Arc<Entry>) -> Option<Arc<Entry>>,
    ) -> Page {
        let mut entries = Vec::new();
        let mut position = through;
        let mut scanned = 0;
        while position > after && scanned < PAGE_SCAN && !room.is_used_up() {
            let chunk_start = Position(position.0.saturating_sub(CHUNK as u64)).max(after);
            let chunk = self.log.range(chunk_start, position, CHUNK).await;
            scanned += CHUNK;
            for entry in chunk.iter().rev().filter_map(&wanted) {
                if !room.take(&entry) {
                    break;
                }
                position = entry.position.previous();
                entries.push(entry);
            }
            if !room.is_used_up() {
                position = chunk_start;
            }
        }
        Page {
            entries,
            next: (position > after).then_some(position),
        }
    }
}

/// Whether `entry` was received at `since` or after.
fn is_since(entry: &Entry, since: Option<Timestamp>) -> bool {
    since.is_none_or(|since| entry.receive_time >= since)
}

/// What may still be put on a page.
#[derive(Debug, Clone, Copy)]
struct Room {
    alerts: usize,
    bytes: usize,
    view: View,
    is_empty: bool,
}

impl Room {
    fn page(alerts: usize, view: View) -> Self {
        Self {
            alerts,
            bytes: PAGE_BYTES,
            view,
            is_empty: true,
        }
    }

    /// For alerts that are counted and not sent.
    fn count(alerts: usize) -> Self {
        Self {
            bytes: usize::MAX,
            ..Self::page(alerts, View::Basic)
        }
    }

    /// Whether there is room for `entry`, which takes it; the first always fits.
    fn take(&mut self, entry: &Entry) -> bool {
        let bytes = bytes_of(self.view, entry);
        let fits = self.alerts > 0 && (self.is_empty || bytes <= self.bytes);
        if fits {
            self.is_empty = false;
            self.alerts -= 1;
            self.bytes = self.bytes.saturating_sub(bytes);
        } else {
            self.alerts = 0;
        }
        fits
    }

    fn is_used_up(&self) -> bool {
        self.alerts == 0
    }
}
