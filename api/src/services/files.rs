//! The files of a session, as the editor sees them.

use bytes::Bytes;
use containrlab_domain::ids::{BlobHash, WorkspaceId};
use containrlab_domain::session::{Phase, SessionError};
use containrlab_domain::workspace::{
    Expected, FileEntry, Tree, Workspace, WorkspaceCommand, WorkspaceError, WorkspacePath,
};
use containrlab_store::SessionRow;

use crate::Error;
use crate::extract::Asker;
use crate::state::App;

/// A file that was written, and the version of the workspace that it led to.
pub(crate) struct Written {
    /// What the file is now.
    pub(crate) entry: FileEntry,
    /// The workspace's version.
    pub(crate) version: u64,
}

/// The files of a session and their version.
pub(crate) async fn tree(app: &App, session: &SessionRow) -> Result<(Tree, u64), Error> {
    app.store.workspace_tree(WorkspaceId::of(session.session_id)).await?.ok_or(Error::NoSuchSession)
}

/// A file's entry and bytes.
pub(crate) async fn read(
    app: &App,
    session: &SessionRow,
    path: &WorkspacePath,
) -> Result<(FileEntry, Bytes), Error> {
    let (tree, _) = tree(app, session).await?;
    let Some(entry) = tree.files.get(path) else {
        let refusal = if tree.has_folder(path) {
            WorkspaceError::IsAFolder(path.clone())
        } else {
            WorkspaceError::NotFound(path.clone())
        };
        return Err(Error::Workspace(refusal));
    };
    let bytes = app.store.blob(&entry.hash).await?;
    let bytes = bytes.ok_or_else(|| Error::internal(format!("the bytes of blob {} are gone", entry.hash)))?;
    Ok((entry.clone(), bytes))
}

/// A text file's entry and text.
pub(crate) async fn read_text(
    app: &App,
    session: &SessionRow,
    path: &WorkspacePath,
) -> Result<(FileEntry, String), Error> {
    let (entry, bytes) = read(app, session, path).await?;
    let binary = || Error::BinaryFile { path: path.clone() };
    if bytes.contains(&0) {
        return Err(binary());
    }
    Ok((entry, String::from_utf8(bytes.to_vec()).map_err(|_| binary())?))
}

/// Writes a text file. `executable` keeps what it was when it is not given.
pub(crate) async fn write(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    path: &WorkspacePath,
    text: String,
    expected: Expected,
    executable: Option<bool>,
) -> Result<Written, Error> {
    must_be_open(session)?;
    let limit = app.settings.workspace_limits.file_bytes;
    let size = text.len() as u64;
    // Refused before its bytes are stored; the workspace's own limit is checked again by the aggregate.
    if size > limit {
        return Err(Error::Workspace(WorkspaceError::FileTooLarge { size, limit }));
    }
    let executable = match executable {
        Some(given) => given,
        None => tree(app, session).await?.0.files.get(path).is_some_and(|entry| entry.executable),
    };
    let entry = FileEntry { hash: BlobHash::of(text.as_bytes()), size, executable };
    app.store.put_blob(text.as_bytes()).await?;
    let command = WorkspaceCommand::Write { path: path.clone(), entry: entry.clone(), expected };
    let version = execute(app, asker, session, command).await?;
    Ok(Written { entry, version })
}

/// Makes a folder.
pub(crate) async fn create_folder(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    path: WorkspacePath,
) -> Result<u64, Error> {
    must_be_open(session)?;
    if tree(app, session).await?.0.has_folder(&path) {
        return Err(Error::Workspace(WorkspaceError::AlreadyThere(path)));
    }
    execute(app, asker, session, WorkspaceCommand::CreateFolder { path }).await
}

/// Deletes a file, or a folder with all in it.
pub(crate) async fn delete(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    path: WorkspacePath,
) -> Result<u64, Error> {
    must_be_open(session)?;
    execute(app, asker, session, WorkspaceCommand::Delete { path }).await
}

/// Renames a file, or a folder with all in it.
pub(crate) async fn rename(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    from: WorkspacePath,
    to: WorkspacePath,
) -> Result<u64, Error> {
    must_be_open(session)?;
    execute(app, asker, session, WorkspaceCommand::Rename { from, to }).await
}

/// Executes; the commit rings the session's bell, by which its runner learns that its copy is behind.
async fn execute(
    app: &App,
    asker: &Asker,
    session: &SessionRow,
    command: WorkspaceCommand,
) -> Result<u64, Error> {
    let id = WorkspaceId::of(session.session_id);
    let committed = app.store.execute::<Workspace>(id.0, command, &asker.provenance()).await?;
    Ok(committed.version)
}

/// Files can be written while the session starts, too; once it is over, what was written would reach no sandbox.
fn must_be_open(session: &SessionRow) -> Result<(), Error> {
    match session.phase {
        Phase::Ended | Phase::Ending => Err(Error::Session(SessionError::Ended)),
        Phase::Unborn | Phase::Starting | Phase::Ready => Ok(()),
    }
}
