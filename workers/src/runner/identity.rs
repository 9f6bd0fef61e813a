//! Who this runner is: an id that stays the same over restarts, so that it finds its sandboxes and its queue again.

use std::io::{ErrorKind, Write};
use std::path::Path;

use containrlab_domain::ids::RunnerId;

use crate::error::Error;

/// The file below STATE_DIR that holds the id.
const FILE: &str = "runner-id";

/// The id in STATE_DIR; made when there is none.
///
/// # Errors
/// When the folder cannot be written, or the file holds something else.
pub fn identity(state_dir: &Path) -> Result<RunnerId, Error> {
    let path = state_dir.join(FILE);
    let state = |source| Error::State { path: path.clone(), source };
    std::fs::create_dir_all(state_dir).map_err(state)?;
    match std::fs::read_to_string(&path) {
        Ok(text) => text.trim().parse().map_err(|_| {
            Error::Setting(format!(
                "{} holds no runner's id; delete it to begin as a new runner",
                path.display()
            ))
        }),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let id = RunnerId(uuid::Uuid::now_v7());
            // Under another name first: a half-written id would keep the runner from starting.
            let draft = state_dir.join(format!("{FILE}.{}", std::process::id()));
            let mut file = std::fs::File::create(&draft).map_err(state)?;
            writeln!(file, "{id}").and_then(|()| file.sync_all()).map_err(state)?;
            std::fs::rename(&draft, &path).map_err(state)?;
            Ok(id)
        }
        Err(error) => Err(state(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_runner_stays_who_it_is() {
        let state = tempfile::tempdir().unwrap();
        let id = identity(state.path()).unwrap();
        assert_eq!(identity(state.path()).unwrap(), id);
        std::fs::write(state.path().join(FILE), "nonsense").unwrap();
        assert!(identity(state.path()).unwrap_err().to_string().contains("delete it"));
    }
}
