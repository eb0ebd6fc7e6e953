use std::{
    collections::VecDeque,
    io,
    sync::{Arc, Mutex, PoisonError},
};

use bytes::Bytes;
use tokio::sync::{OnceCell, Semaphore};

use super::{
    Cause, Decode, Entry, Lost, Notice, Position,
    entry::Item,
    format::{Kind, RECORD_HEADER, time},
    segment::{BlockSpan, BlockStart},
    walk::{Found, Walk},
};

/// Blocks that are kept for the readers that come behind the one that had them
/// read.
const KEPT_BLOCKS: usize = 64;

/// Reads at a time. A disk serves few at a time anyway, and the order in which
/// readers get their turn is the order in which they came.
const READS: usize = 2;

/// A part of the log in memory, shared by all that read it.
#[derive(Debug)]
pub(super) struct Block {
    pub(super) start: BlockStart,
    /// In order and without gaps: what is not there is said to be lost.
    pub(super) items: Vec<Item>,
}

/// Reads blocks, each once for all readers that want it at about the same time.
#[derive(Debug)]
pub(super) struct Blocks {
    decode: Decode,
    turns: Semaphore,
    // The newest last.
    kept: Mutex<VecDeque<Kept>>,
}

#[derive(Debug)]
struct Kept {
    key: Key,
    block: Arc<OnceCell<Arc<Block>>>,
}

/// A block that grows is another one.
type Key = (Position, u64, u64);

impl Blocks {
    pub(super) fn new(decode: Decode) -> Self {
        Self {
            decode,
            turns: Semaphore::new(READS),
            kept: Mutex::default(),
        }
    }

    /// The block at `span`. Damaged and missing parts are in it as such.
    ///
    /// # Errors
    /// When the system cannot read now, and may be able to later.
    pub(super) async fn get(&self, span: &BlockSpan) -> io::Result<Arc<Block>> {
        let cell = self.cell((span.file.header.base, span.start.offset, span.end));
        let block = cell.get_or_try_init(|| self.read(span.clone())).await?;
        Ok(Arc::clone(block))
    }

    fn cell(&self, key: Key) -> Arc<OnceCell<Arc<Block>>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let found = kept.iter().position(|block| block.key == key);
        let block = found.and_then(|index| kept.remove(index)).unwrap_or(Kept {
            key,
            block: Arc::default(),
        });
        let cell = Arc::clone(&block.block);
        kept.push_back(block);
        if kept.len() > KEPT_BLOCKS {
            kept.pop_front();
        }
        cell
    }

    async fn read(&self, span: BlockSpan) -> io::Result<Arc<Block>> {
        // The semaphore is never closed.
        let _turn = self.turns.acquire().await.map_err(io::Error::other)?;
        let decode = self.decode;
        tokio::task::spawn_blocking(move || Block::read(&span, decode).map(Arc::new))
            .await
            .map_err(io::Error::other)?
    }
}

impl Block {
    /// Reads the block at `span`.
    ///
    /// # Errors
    /// When the system cannot read now, and may be able to later.
    pub(super) fn read(span: &BlockSpan, decode: Decode) -> io::Result<Self> {
        let bytes = match span.read() {
            Ok(bytes) => bytes,
            Err(error) if is_lasting(&error) => {
                let path = span.file.path.display();
                tracing::error!(%path, %error, "a part of the log cannot be read and is lost");
                Vec::new()
            }
            Err(error) => return Err(error),
        };
        let block = Self::parse(span, &bytes.into(), decode);
        for item in &block.items {
            if let Item::Lost(lost) = item
                && lost.cause == Cause::Corruption
            {
                let path = span.file.path.display();
                tracing::error!(
                    %path,
                    after = lost.after.0,
                    through = lost.through.0,
                    "a part of the log is damaged and lost"
                );
            }
        }
        Ok(block)
    }

    fn parse(span: &BlockSpan, bytes: &Bytes, decode: Decode) -> Self {
        let mut block = Self {
            start: span.start,
            items: Vec::new(),
        };
        for found in Walk::new(bytes, span.file.header.salt, true) {
            let place = found.header.position;
            let is_next = place > block.end() && place <= span.through;
            if found.header.kind == Kind::Commit || !is_next {
                continue;
            }
            if let Some(item) = item(&found, bytes, decode) {
                block.damaged_through(place.previous());
                block.items.push(item);
            }
        }
        block.damaged_through(span.through);
        block
    }

    fn end(&self) -> Position {
        self.items.last().map_or(self.start.after, Item::through)
    }

    /// Everything from the last item up to `through` is lost.
    fn damaged_through(&mut self, through: Position) {
        let after = self.end();
        if after < through {
            self.items.push(Item::Lost(Lost {
                after,
                through,
                cause: Cause::Corruption,
                count: through.since(after),
                lower_bound: false,
            }));
        }
    }

    /// The items after `after`.
    pub(super) fn after(&self, after: Position) -> &[Item] {
        let index = self.items.partition_point(|item| item.through() <= after);
        self.items.get(index..).unwrap_or_default()
    }
}

fn item(found: &Found<'_>, bytes: &Bytes, decode: Decode) -> Option<Item> {
    let header = &found.header;
    let body = found.body?;
    if header.kind == Kind::Notice {
        return Some(Item::Lost(Notice::decode(body)?.at(header.position)));
    }
    let encoded = found.at + RECORD_HEADER;
    let raw = encoded + header.encoded;
    Some(Item::Alert(Arc::new(Entry::read(
        header.position,
        header.id,
        time(header.receive_time),
        (
            bytes.slice(encoded..raw),
            bytes.slice(raw..raw + header.raw),
        ),
        decode,
    ))))
}

/// Whether trying again is of no use.
fn is_lasting(error: &io::Error) -> bool {
    const EIO: i32 = 5;
    error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(EIO)
}
