//! The workspace: the files of a session, each change an event. The bytes lie in the blob table; events name their
//! hash.

mod error;
mod observed;
mod path;
#[cfg(test)]
mod tests;
mod tree;

use cqrs_es::event_sink::EventSink;
use cqrs_es::{Aggregate, DomainEvent};
use serde::{Deserialize, Serialize};

pub use error::WorkspaceError;
pub use observed::Observed;
pub use path::{InvalidPath, WorkspacePath};
pub use tree::{FileEntry, Tree, TreeDiff};

use crate::ids::BlobHash;
use crate::session::Origin;

/// How much a workspace may hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorkspaceLimits {
    /// Bytes of one file.
    pub file_bytes: u64,
    /// Bytes of all files together.
    pub total_bytes: u64,
    /// Files and folders together.
    pub entries: usize,
}

impl Default for WorkspaceLimits {
    fn default() -> Self {
        Self { file_bytes: 1024 * 1024, total_bytes: 20 * 1024 * 1024, entries: 2000 }
    }
}

/// What the one who writes a file believes to be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expected {
    /// Whatever it is.
    Anything,
    /// No file at all.
    Nothing,
    /// The file with this content.
    Content(BlobHash),
}

/// A command to the workspace aggregate.
#[derive(Debug, Clone)]
pub enum WorkspaceCommand {
    /// The first files of a session.
    Open {
        /// Where they come from.
        origin: Origin,
        /// The files.
        tree: Tree,
        /// How much may be there from now on.
        limits: WorkspaceLimits,
    },
    /// Write a file, new or over an old one.
    Write {
        /// Where.
        path: WorkspacePath,
        /// What; its blob must be in the store before.
        entry: FileEntry,
        /// What the writer believes to be there.
        expected: Expected,
    },
    /// Make a folder.
    CreateFolder {
        /// Where.
        path: WorkspacePath,
    },
    /// Delete a file, or a folder with all that lies in it.
    Delete {
        /// Which.
        path: WorkspacePath,
    },
    /// Rename a file, or a folder with all that lies in it.
    Rename {
        /// Its path so far.
        from: WorkspacePath,
        /// Its new path; nothing may be there.
        to: WorkspacePath,
    },
    /// Changes that were seen in the sandbox, in one go; what cannot be kept is noted instead of refused.
    Observe {
        /// The changes, in the order that they are to be recorded.
        changes: Vec<Observed>,
    },
    /// A file was changed in the terminal that cannot be kept; the learner is to know.
    NoteNotKept {
        /// Which.
        path: WorkspacePath,
        /// Why, as a sentence.
        reason: String,
    },
}

/// An event of the workspace stream.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum WorkspaceEvent {
    /// The first files are there.
    Opened {
        /// Where they come from.
        origin: Origin,
        /// The files.
        tree: Tree,
        /// How much may be there.
        limits: WorkspaceLimits,
    },
    /// A file was written.
    FileWritten {
        /// Where.
        path: WorkspacePath,
        /// What.
        #[serde(flatten)]
        entry: FileEntry,
    },
    /// A folder was made.
    FolderCreated {
        /// Where.
        path: WorkspacePath,
    },
    /// A file, or a folder with all in it, was deleted.
    Deleted {
        /// Which.
        path: WorkspacePath,
    },
    /// A file, or a folder with all in it, was renamed.
    Renamed {
        /// Its path before.
        from: WorkspacePath,
        /// Its path now.
        to: WorkspacePath,
    },
    /// A file in the sandbox differs from what is kept, because it cannot be kept.
    NotKept {
        /// Which.
        path: WorkspacePath,
        /// Why, as a sentence.
        reason: String,
    },
}

impl DomainEvent for WorkspaceEvent {
    fn event_type(&self) -> String {
        match self {
            Self::Opened { .. } => "WorkspaceOpened",
            Self::FileWritten { .. } => "FileWritten",
            Self::FolderCreated { .. } => "FolderCreated",
            Self::Deleted { .. } => "FileDeleted",
            Self::Renamed { .. } => "FileRenamed",
            Self::NotKept { .. } => "FileNotKept",
        }
        .to_owned()
    }

    fn event_version(&self) -> String {
        "1.0".to_owned()
    }
}

/// The files of a session.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Workspace {
    limits: Option<WorkspaceLimits>,
    tree: Tree,
    not_kept: std::collections::BTreeMap<WorkspacePath, String>,
}

impl Workspace {
    /// The files as they are now.
    pub fn tree(&self) -> &Tree {
        &self.tree
    }

    /// The limits that it was opened with; `None` before its first event.
    pub fn limits(&self) -> Option<WorkspaceLimits> {
        self.limits
    }

    fn decide(&self, command: WorkspaceCommand) -> Result<Vec<WorkspaceEvent>, WorkspaceError> {
        if let WorkspaceCommand::Open { origin, tree, limits } = command {
            return match self.limits {
                None => Ok(vec![WorkspaceEvent::Opened { origin, tree, limits }]),
                Some(_) => Err(WorkspaceError::AlreadyOpen),
            };
        }
        let limits = self.limits.ok_or(WorkspaceError::Unknown)?;
        match command {
            WorkspaceCommand::Open { .. } => Err(WorkspaceError::AlreadyOpen),
            WorkspaceCommand::Write { path, entry, expected } => {
                self.check_expected(&path, &expected)?;
                if self.tree.files.get(&path) == Some(&entry) {
                    return Ok(Vec::new());
                }
                self.check_room(&path, &entry, limits)?;
                Ok(vec![WorkspaceEvent::FileWritten { path, entry }])
            }
            WorkspaceCommand::CreateFolder { path } => {
                if self.tree.files.contains_key(&path) {
                    return Err(WorkspaceError::AlreadyThere(path));
                }
                if self.tree.has_folder(&path) {
                    return Ok(Vec::new());
                }
                self.check_way(&path)?;
                self.check_entries(limits)?;
                Ok(vec![WorkspaceEvent::FolderCreated { path }])
            }
            WorkspaceCommand::Delete { path } => {
                if !self.exists(&path) {
                    return Err(WorkspaceError::NotFound(path));
                }
                Ok(vec![WorkspaceEvent::Deleted { path }])
            }
            WorkspaceCommand::Rename { from, to } => self.rename(from, to),
            WorkspaceCommand::Observe { changes } => self.observe(changes),
            WorkspaceCommand::NoteNotKept { path, reason } => {
                if self.not_kept.get(&path) == Some(&reason) {
                    return Ok(Vec::new());
                }
                Ok(vec![WorkspaceEvent::NotKept { path, reason }])
            }
        }
    }

    fn rename(&self, from: WorkspacePath, to: WorkspacePath) -> Result<Vec<WorkspaceEvent>, WorkspaceError> {
        if !self.exists(&from) {
            return Err(WorkspaceError::NotFound(from));
        }
        if self.exists(&to) {
            return Err(WorkspaceError::AlreadyThere(to));
        }
        if to.is_below(&from) {
            return Err(WorkspaceError::IntoItself);
        }
        self.check_way(&to)?;
        for path in self.tree.files.keys().chain(&self.tree.folders) {
            path.moved(&from, &to)?;
        }
        Ok(vec![WorkspaceEvent::Renamed { from, to }])
    }

    fn exists(&self, path: &WorkspacePath) -> bool {
        self.tree.files.contains_key(path) || self.tree.has_folder(path)
    }

    fn check_expected(&self, path: &WorkspacePath, expected: &Expected) -> Result<(), WorkspaceError> {
        let current = self.tree.files.get(path).map(|entry| &entry.hash);
        match expected {
            Expected::Anything => Ok(()),
            Expected::Nothing if current.is_none() && !self.tree.has_folder(path) => Ok(()),
            Expected::Nothing => Err(WorkspaceError::AlreadyThere(path.clone())),
            Expected::Content(hash) if current == Some(hash) => Ok(()),
            Expected::Content(_) => {
                Err(WorkspaceError::ChangedMeanwhile { path: path.clone(), current: current.cloned() })
            }
        }
    }

    fn check_room(
        &self,
        path: &WorkspacePath,
        entry: &FileEntry,
        limits: WorkspaceLimits,
    ) -> Result<(), WorkspaceError> {
        if self.tree.has_folder(path) {
            return Err(WorkspaceError::IsAFolder(path.clone()));
        }
        self.check_way(path)?;
        if entry.size > limits.file_bytes {
            return Err(WorkspaceError::FileTooLarge { size: entry.size, limit: limits.file_bytes });
        }
        let before = self.tree.files.get(path).map(|old| old.size);
        if before.is_none() {
            self.check_entries(limits)?;
        }
        if self.tree.total_bytes() - before.unwrap_or(0) + entry.size > limits.total_bytes {
            return Err(WorkspaceError::WorkspaceFull { limit: limits.total_bytes });
        }
        Ok(())
    }

    fn check_entries(&self, limits: WorkspaceLimits) -> Result<(), WorkspaceError> {
        if self.tree.files.len() + self.tree.folders.len() >= limits.entries {
            return Err(WorkspaceError::TooManyFiles { limit: limits.entries });
        }
        Ok(())
    }

    /// No file may stand where the path needs a folder.
    fn check_way(&self, path: &WorkspacePath) -> Result<(), WorkspaceError> {
        match path.ancestors().find(|folder| self.tree.files.contains_key(folder)) {
            Some(file) => Err(WorkspaceError::IsAFile(file)),
            None => Ok(()),
        }
    }
}

impl Aggregate for Workspace {
    const TYPE: &'static str = "workspace";
    type Command = WorkspaceCommand;
    type Event = WorkspaceEvent;
    type Error = WorkspaceError;
    type Services = ();

    async fn handle(
        &mut self,
        command: Self::Command,
        (): &(),
        sink: &EventSink<Self>,
    ) -> Result<(), Self::Error> {
        for event in self.decide(command)? {
            sink.write(event, self).await;
        }
        Ok(())
    }

    fn apply(&mut self, event: Self::Event) {
        match event {
            WorkspaceEvent::Opened { tree, limits, .. } => {
                self.tree = tree;
                self.limits = Some(limits);
            }
            WorkspaceEvent::FileWritten { path, entry } => {
                self.not_kept.remove(&path);
                self.tree.files.insert(path, entry);
            }
            WorkspaceEvent::FolderCreated { path } => {
                self.tree.folders.insert(path);
            }
            WorkspaceEvent::Deleted { path } => {
                let stays = |other: &WorkspacePath| *other != path && !other.is_below(&path);
                self.tree.files.retain(|other, _| stays(other));
                self.tree.folders.retain(stays);
                self.not_kept.retain(|other, _| stays(other));
            }
            WorkspaceEvent::Renamed { from, to } => {
                // The command checked that every moved path is valid, so none falls out here.
                let moved = |path: WorkspacePath| path.moved(&from, &to).unwrap_or(path);
                let files = std::mem::take(&mut self.tree.files);
                self.tree.files = files.into_iter().map(|(path, entry)| (moved(path), entry)).collect();
                let folders = std::mem::take(&mut self.tree.folders);
                self.tree.folders = folders.into_iter().map(moved).collect();
            }
            WorkspaceEvent::NotKept { path, reason } => {
                self.not_kept.insert(path, reason);
            }
        }
    }
}
