//! What stands between this and other sites: who may send commands, under which name, and what pages may load.

mod headers;
mod origin;

pub(crate) use headers::add_headers;
pub(crate) use origin::{own_name, same_site};

/// Bytes that any body may have. Above the largest file that can be saved, since JSON may need six bytes for one.
pub(crate) const BODY_LIMIT: usize = 8 * 1024 * 1024;
