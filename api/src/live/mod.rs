//! How pages and programs stay up to date: server-sent events, one stream for pages ([`page`], HTML fragments) and one for
//! programs ([`events`], JSON). Both wait at the session's bell and read the ledger again when it rings; a bell that
//! nobody hears costs a second at most.

mod events;
mod follow;
mod logs;
mod page;
mod ports;
mod snapshot;
mod timeline;

pub(crate) use events::stream as event_stream;
pub(crate) use logs::{Cut, LogCursor, LogTail};
pub(crate) use page::{log_partial, stream as page_stream};
pub(crate) use ports::PortsTail;
pub(crate) use snapshot::Snapshot;
pub(crate) use timeline::TimelineTail;
