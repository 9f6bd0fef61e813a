//! Open ports.

use containrlab_domain::session::Phase;
use containrlab_store::SessionRow;
use containrlab_web_templates::PortsPartial;

use crate::preview;
use crate::state::App;

/// The ports of a session's sandbox on which something listens.
pub(crate) fn ports(app: &App, session: &SessionRow, ports: &[u16]) -> PortsPartial {
    PortsPartial {
        session_id: session.session_id.to_string(),
        // Those of a session that is over are still known for a moment.
        ports: if session.phase == Phase::Ready { ports.to_vec() } else { Vec::new() },
        opens: preview::are_on(&app.settings),
    }
}
