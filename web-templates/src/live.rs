//! How a session page stays live.
//!
//! The page opens one `EventSource` on `/sessions/{id}/live?after={cursor}`. The api answers with server-sent events
//! whose data is HTML, rendered by the partial of the same name:
//!
//! | event | partial | effect | `id:` |
//! |---|---|---|---|
//! | `status` | [`StatusPartial`](crate::StatusPartial) | replaces | none |
//! | `files` | [`FilesPartial`](crate::FilesPartial) | replaces | none |
//! | `jobs` | [`JobsPartial`](crate::JobsPartial) | replaces | none |
//! | `verdict` | [`VerdictPartial`](crate::VerdictPartial) | replaces | none |
//! | `hints` | [`HintsPartial`](crate::HintsPartial) | replaces | none |
//! | `ports` | [`PortsPartial`](crate::PortsPartial) | replaces | none |
//! | `timeline` | [`TimelinePartial`](crate::TimelinePartial) | replaces | none |
//! | `log` | [`LogPartial`](crate::LogPartial) | **appends** | the cursor after its last line |
//!
//! **Whoever connects gets everything once.** On each connection the api first sends all replacing events as they are now
//! (but `ports`, which follows once the sandbox was asked), then the log lines after the cursor, then whatever changes.
//! Replacing events need no id: a later one makes an earlier one void.
//!
//! **The cursor** is opaque to the page (suggested: `{job id}.{position}`). Only `log` events carry an `id:`; an event
//! without one leaves the browser's last id as it was. After a lost connection the browser sends the header
//! `Last-Event-ID` by itself; when the page has to open a new `EventSource` (after an HTTP error the browser gives up),
//! `static/js/live.js` puts the last id it saw into `after=`. So: cursor = `Last-Event-ID` header, else `after` in the
//! query, else empty (= from the start of the session's latest job). An unknown cursor counts as empty.
//!
//! **Twice is harmless, too.** Each line carries its job and position (`data-job`, `data-position`), and the page drops
//! lines whose position in that job it has already shown. The server may therefore err on the side of sending again.
//!
//! Begin with `retry: 1000`, so that a lost connection is back in a second. Send a comment line every 15 s or so to keep
//! proxies from closing the stream. **When the session has ended** and its last events are out, send an event `close`
//! (data `ended`): the page closes its source for good. A stream that just ends is taken for a lost connection and
//! opened again.
//!
//! **Forms** carry a hidden field `idempotency_key`. Posted by htmx (`HX-Request: true`), the api answers 204 on
//! success, an `HX-Redirect` header where the person should go elsewhere, and `application/problem+json` on failure,
//! which the page shows as a toast (`title`, `detail`, `mend`). Posted plainly, it answers 303 or the error page.

use askama::Template;

/// Renders a partial for the data of a server-sent event.
///
/// A carriage return would end an SSE line (file names may hold one), so it is written as a character reference.
///
/// # Errors
///
/// Only if the template fails to format, which no template here does.
pub fn event_data(partial: &impl Template) -> Result<String, askama::Error> {
    let html = partial.render()?;
    Ok(if html.contains('\r') { html.replace('\r', "&#13;") } else { html })
}
