//! What was seen in a sandbox: changes that have happened already, so that they cannot be refused, only noted as not
//! kept.

use cqrs_es::Aggregate;

use super::{
    Expected, FileEntry, Workspace, WorkspaceCommand, WorkspaceError, WorkspaceEvent, WorkspacePath,
};

/// One change that somebody made in the terminal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observed {
    /// A file is there, new or changed; its blob must be in the store before.
    File {
        /// Where.
        path: WorkspacePath,
        /// What.
        entry: FileEntry,
    },
    /// A folder is there in which nothing lies.
    Folder {
        /// Where.
        path: WorkspacePath,
    },
    /// A file, or a folder with all that lay in it, is gone.
    Gone {
        /// Where it was.
        path: WorkspacePath,
    },
    /// Something is there that cannot be kept.
    Unkept {
        /// Where.
        path: WorkspacePath,
        /// Why, as a sentence.
        reason: String,
    },
}

impl Workspace {
    /// The events of many changes in one go. What the limits do not let in is noted, and the rest goes on.
    pub(super) fn observe(&self, changes: Vec<Observed>) -> Result<Vec<WorkspaceEvent>, WorkspaceError> {
        let mut after = self.clone();
        let mut events = Vec::new();
        for change in changes {
            for event in after.observe_one(change)? {
                after.apply(event.clone());
                events.push(event);
            }
        }
        Ok(events)
    }

    fn observe_one(&self, change: Observed) -> Result<Vec<WorkspaceEvent>, WorkspaceError> {
        let (path, command) = match change {
            Observed::Gone { path } => {
                return match self.decide(WorkspaceCommand::Delete { path }) {
                    // The editor was quicker, or it went with its folder.
                    Err(WorkspaceError::NotFound(_)) => Ok(Vec::new()),
                    other => other,
                };
            }
            Observed::Unkept { path, reason } => {
                return self.decide(WorkspaceCommand::NoteNotKept { path, reason });
            }
            Observed::File { path, entry } => {
                (path.clone(), WorkspaceCommand::Write { path, entry, expected: Expected::Anything })
            }
            Observed::Folder { path } => (path.clone(), WorkspaceCommand::CreateFolder { path }),
        };
        match self.decide(command) {
            Err(WorkspaceError::Unknown) => Err(WorkspaceError::Unknown),
            Err(refusal) => self.decide(WorkspaceCommand::NoteNotKept { path, reason: refusal.to_string() }),
            done => done,
        }
    }
}
