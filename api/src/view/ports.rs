//! Open ports.

use containrlab_store::SessionRow;
use containrlab_web_templates::PortsPartial;

use crate::preview;
use crate::state::App;

/// The ports of a session's sandbox on which something listens.
pub(crate) fn ports(app: &App, session: &SessionRow, ports: &[u16]) -> PortsPartial {
    PortsPartial {
        session_id: session.session_id.to_string(),
        ports: ports.to_vec(),
        opens: preview::are_on(&app.settings),
    }
}
