//! Open ports.

use serde::Serialize;
use utoipa::ToSchema;

/// The open ports of a sandbox.
#[derive(Serialize, ToSchema)]
pub(crate) struct PortList {
    /// In order of their numbers.
    pub(crate) ports: Vec<OpenPort>,
}

/// A port on which something listens.
#[derive(Serialize, ToSchema)]
pub(crate) struct OpenPort {
    /// Its number.
    pub(crate) port: u16,
    /// The path that leads a signed-in browser to the port's preview; null where there are no previews.
    pub(crate) preview: Option<String>,
}
