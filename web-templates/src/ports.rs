//! The open ports of a session's sandbox, beside its terminal.

use askama::Template;

/// Links to what the learner's containers serve. SSE event `ports`; replaces the list. It is never without
/// content: browsers drop an event that has no data.
#[derive(Clone, Debug, Default, Template)]
#[template(path = "partials/ports.html")]
pub struct PortsPartial {
    /// The session.
    pub session_id: String,
    /// The ports on which something listens, in order.
    pub ports: Vec<u16>,
    /// Whether they can be opened in the browser in this installation.
    pub opens: bool,
}
