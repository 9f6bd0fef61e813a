//! The workspace's files.

use bytes::Bytes;
use containrlab_agent::frame::{MAX_BODY, MAX_HEADER};
use containrlab_agent::message::{ErrorCode, FileChange, FileEntry, Reply, Request, WireError};

use tokio::sync::SemaphorePermit;

use super::AgentClient;
use super::error::AgentError;

/// Changes in one request: with the longest paths still below the header's limit …
const BATCH_HEADER: usize = MAX_HEADER / 2;
/// … and bytes in one request, so that a terminal's echo doesn't wait behind them.
const BATCH_BODY: usize = 1 << 20;
/// What a change's header takes beside its paths, at most: words, numbers, and each byte of a path escaped.
const HEADER_EACH: usize = 128;

/// What lies in a workspace.
#[derive(Debug, Clone, Default)]
pub struct Listing {
    /// In the order of their paths.
    pub entries: Vec<FileEntry>,
    /// There was more than asked for.
    pub truncated: bool,
    /// Entries that are left out because their names aren't UTF-8, and folders that the learner's user may not look into.
    pub hidden: u64,
}

impl AgentClient {
    /// The whole tree: at most `max_entries`, without the files and folders of the names in `ignore`.
    ///
    /// # Errors
    /// A refusal if the workspace can't be read.
    pub async fn files_list(&self, max_entries: usize, ignore: &[&str]) -> Result<Listing, AgentError> {
        let _place = self.file_place().await;
        let ignore = ignore.iter().map(|name| (*name).to_owned()).collect();
        match self.ask_again(&Request::FilesList { max_entries, ignore }).await? {
            (Reply::Files { truncated, hidden }, body) => {
                let entries =
                    serde_json::from_slice(&body).map_err(|error| AgentError::Protocol(error.to_string()))?;
                Ok(Listing { entries, truncated, hidden })
            }
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for a list of files"))),
        }
    }

    /// One file, of at most `max_bytes` (and at most [`MAX_BODY`]).
    ///
    /// # Errors
    /// A refusal with `not_found`, `not_a_file`, `link`, `bad_path`, `too_large` or `denied`.
    pub async fn file_read(&self, path: &str, max_bytes: u64) -> Result<(FileEntry, Bytes), AgentError> {
        let _place = self.file_place().await;
        match self.ask_again(&Request::FileRead { path: path.to_owned(), max_bytes }).await? {
            (Reply::File { entry }, content) => Ok((entry, content)),
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for a file"))),
        }
    }

    /// Writes one file, in one step for whoever looks; missing folders are made.
    ///
    /// # Errors
    /// As [`AgentClient::files_apply`].
    pub async fn file_write(
        &self,
        path: &str,
        content: Bytes,
        executable: Option<bool>,
    ) -> Result<(), AgentError> {
        let change = FileChange::Write { path: path.to_owned(), size: content.len() as u64, executable };
        self.files_apply(vec![change], content).await
    }

    /// Makes a folder and those above it.
    ///
    /// # Errors
    /// As [`AgentClient::files_apply`].
    pub async fn folder_make(&self, path: &str) -> Result<(), AgentError> {
        self.files_apply(vec![FileChange::MakeFolder { path: path.to_owned() }], Bytes::new()).await
    }

    /// Deletes a file, a link or a folder with all beneath it.
    ///
    /// # Errors
    /// As [`AgentClient::files_apply`].
    pub async fn file_delete(&self, path: &str) -> Result<(), AgentError> {
        let change = FileChange::Delete { path: path.to_owned(), may_be_missing: false };
        self.files_apply(vec![change], Bytes::new()).await
    }

    /// Renames; never over something that is there.
    ///
    /// # Errors
    /// As [`AgentClient::files_apply`], and `exists`.
    pub async fn file_rename(&self, from: &str, to: &str) -> Result<(), AgentError> {
        let change = FileChange::Rename { from: from.to_owned(), to: to.to_owned() };
        self.files_apply(vec![change], Bytes::new()).await
    }

    /// Changes files, in order; the contents of the writes lie one after another in `contents`. Large sets go in several requests.
    /// Stops at the first change that fails; what was done before it stays done.
    ///
    /// # Errors
    /// A refusal with `bad_path`, `link`, `not_found`, `exists`, `not_a_file`, `not_a_folder`, `too_large`, `no_space` or `denied`.
    pub async fn files_apply(&self, changes: Vec<FileChange>, contents: Bytes) -> Result<(), AgentError> {
        let batches = batches(changes, contents)?;
        let _place = self.file_place().await;
        for (changes, contents) in batches {
            // Done twice, these come to the same; the others would fail the second time for having succeeded the first.
            let repeatable = changes.iter().all(|change| {
                matches!(
                    change,
                    FileChange::Write { .. }
                        | FileChange::MakeFolder { .. }
                        | FileChange::Delete { may_be_missing: true, .. }
                )
            });
            let request = Request::FilesApply { changes };
            match self.ask_once(request.clone(), contents.clone()).await {
                Err(AgentError::Lost) if repeatable => self.ask_once(request, contents).await?,
                answer => answer?,
            };
        }
        Ok(())
    }
}

impl AgentClient {
    /// A turn among all that is done with files at once; more than that only wait for one another in the sandbox.
    async fn file_place(&self) -> Option<SemaphorePermit<'_>> {
        // Never closed, so there is always a turn.
        self.inner.files.acquire().await.ok()
    }
}

/// Cuts a set of changes into requests of bounded size.
fn batches(
    changes: Vec<FileChange>,
    mut contents: Bytes,
) -> Result<Vec<(Vec<FileChange>, Bytes)>, AgentError> {
    let mut batches: Vec<(Vec<FileChange>, Bytes)> = Vec::new();
    let mut batch = Vec::new();
    let (mut header, mut body) = (0, 0);
    for change in changes {
        let (paths, size) = match &change {
            FileChange::Write { path, size, .. } => (path.len(), *size),
            FileChange::MakeFolder { path } | FileChange::Delete { path, .. } => (path.len(), 0),
            FileChange::Rename { from, to } => (from.len() + to.len(), 0),
        };
        if paths > BATCH_HEADER / 8 {
            return Err(WireError::new(ErrorCode::BadPath, "The path is longer than 4095 bytes.").into());
        }
        let size =
            usize::try_from(size).ok().filter(|size| *size <= contents.len() - body).ok_or_else(|| {
                AgentError::Protocol("a file's size is more than the contents that were given".to_owned())
            })?;
        if size > MAX_BODY {
            let sentence = format!("A file of {size} bytes is over the limit of {MAX_BODY}.");
            return Err(WireError::new(ErrorCode::TooLarge, sentence).into());
        }
        // A control character in a path becomes six bytes of JSON.
        let length = HEADER_EACH + 6 * paths;
        if !batch.is_empty() && (header + length > BATCH_HEADER || body + size > BATCH_BODY) {
            batches.push((std::mem::take(&mut batch), contents.split_to(body)));
            (header, body) = (0, 0);
        }
        batch.push(change);
        header += length;
        body += size;
    }
    if !batch.is_empty() {
        // All that is left: an agent that is given too much says so.
        batches.push((batch, contents));
    }
    Ok(batches)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(path: &str, size: u64) -> FileChange {
        FileChange::Write { path: path.to_owned(), size, executable: None }
    }

    #[test]
    fn batches_keep_the_order_and_each_file_with_its_bytes() {
        let sizes = [10usize, BATCH_BODY, 5, 0, BATCH_BODY / 2, BATCH_BODY / 2 + 1];
        let changes: Vec<FileChange> =
            sizes.iter().enumerate().map(|(n, size)| write(&format!("f{n}"), *size as u64)).collect();
        let contents: Vec<u8> = sizes.iter().enumerate().flat_map(|(n, size)| vec![n as u8; *size]).collect();
        let batches = batches(changes, Bytes::from(contents)).unwrap();
        assert!(batches.len() > 1);
        let mut seen = 0;
        for (changes, mut contents) in batches {
            assert!(contents.len() <= BATCH_BODY);
            for change in changes {
                let FileChange::Write { path, size, .. } = change else { panic!("only writes were given") };
                assert_eq!(path, format!("f{seen}"));
                assert!(contents.split_to(size as usize).iter().all(|byte| *byte == seen as u8));
                seen += 1;
            }
            assert!(contents.is_empty());
        }
        assert_eq!(seen, sizes.len());
    }

    #[test]
    fn sizes_that_are_not_there_are_refused() {
        assert!(batches(vec![write("a", 3)], Bytes::from_static(b"ab")).is_err());
        let huge = Bytes::from(vec![0; MAX_BODY + 1]);
        assert!(batches(vec![write("a", MAX_BODY as u64 + 1)], huge).unwrap_err().is(ErrorCode::TooLarge));
    }
}
