//! Log lines of the long-running commands, on standard error.

use tracing_subscriber::EnvFilter;

use crate::settings::{Logging, SettingError, variables};

/// Sends this process's log lines to standard error in the wanted form.
pub(crate) fn start(logging: &Logging) -> Result<(), SettingError> {
    let filter = EnvFilter::try_new(&logging.filter).map_err(|error| {
        SettingError::new(
            &variables::RUST_LOG,
            format!("is no filter ({error})"),
            "Say info, debug or info,module=trace.",
        )
    })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    // A second subscriber in one process happens only in tests; the first one stays.
    let _ = if logging.json {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).try_init()
    };
    Ok(())
}
