//! What stands between this and other sites: who may send commands, under which name, and what pages may load.

mod headers;
mod origin;

pub(crate) use headers::add_headers;
pub(crate) use origin::{own_name, same_site};

use crate::Settings;

/// Bytes that any body may have: what the largest file that can be saved needs as JSON, which may take six bytes for
/// one, and room for what stands around it.
pub(crate) fn body_limit(settings: &Settings) -> usize {
    let file = usize::try_from(settings.workspace_limits.file_bytes).unwrap_or(usize::MAX);
    file.saturating_mul(6).saturating_add(64 * 1024)
}
