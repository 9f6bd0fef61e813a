//! A look at the sandbox's copy: what lies there, with the hash of each file.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use containrlab_agent::message::{self, ErrorCode, FileKind};
use containrlab_domain::ids::BlobHash;
use containrlab_domain::workspace::{FileEntry, Tree, WorkspaceError, WorkspaceLimits, WorkspacePath};
use containrlab_store::Store;
use futures::stream::{self, StreamExt};

use super::ignore;
use crate::error::Error;
use crate::sandbox::{AgentClient, AgentError};

/// Entries after which a list is cut; a workspace may hold far fewer.
const MAX_ENTRIES: usize = 20_000;

/// Bytes of new files that are put into the store at once.
const BLOB_BATCH: usize = 4 << 20;

/// Files that are read at once.
const READS: usize = 8;

/// A file that was written so short a time ago may have been written again without its time changing.
const RACY_NANOSECONDS: i64 = 2_000_000_000;

/// What may have changed since the last look.
#[derive(Debug, Default)]
pub(super) struct Dirty {
    /// Files and folders; of a folder, anything beneath it.
    pub(super) paths: BTreeSet<WorkspacePath>,
    /// Anything whose size or time differs, whether it was told or not.
    pub(super) look: bool,
}

impl Dirty {
    /// Whether there is nothing to look at.
    pub(super) fn is_empty(&self) -> bool {
        !self.look && self.paths.is_empty()
    }

    fn names(&self, path: &WorkspacePath) -> bool {
        self.paths.contains(path) || path.ancestors().any(|folder| self.paths.contains(&folder))
    }
}

/// What lies in the sandbox.
#[derive(Debug, Default)]
pub(super) struct Scan {
    /// Files that can be kept; their blobs are in the store.
    pub(super) files: BTreeMap<WorkspacePath, FileEntry>,
    /// All folders.
    pub(super) folders: BTreeSet<WorkspacePath>,
    /// What is there and cannot be kept, and why.
    pub(super) unkept: BTreeMap<WorkspacePath, String>,
    /// Whether this is all: otherwise what is missing here need not be gone.
    pub(super) complete: bool,
}

/// What tells a changed file from an unchanged one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Stamp {
    size: u64,
    modified_ns: i64,
    executable: bool,
}

impl Stamp {
    fn of(entry: &message::FileEntry) -> Self {
        Self { size: entry.size, modified_ns: entry.modified_ns, executable: entry.mode & 0o100 != 0 }
    }

    fn is_racy(self) -> bool {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        i128::from(self.modified_ns) > now as i128 - i128::from(RACY_NANOSECONDS)
    }
}

/// Looks, and remembers what it saw so that unchanged files are not read again.
pub(super) struct Scanner {
    agent: AgentClient,
    store: Store,
    limits: WorkspaceLimits,
    seen: HashMap<WorkspacePath, (Stamp, FileEntry)>,
}

impl Scanner {
    pub(super) fn new(agent: AgentClient, store: Store, limits: WorkspaceLimits) -> Self {
        Self { agent, store, limits, seen: HashMap::new() }
    }

    /// Looks at everything, and reads what may have changed. `base` is what both sides agreed on: its files come first
    /// when the limits do not let all in.
    pub(super) async fn scan(&mut self, dirty: &Dirty, base: &Tree) -> Result<Scan, Error> {
        let listing = self.agent.files_list(MAX_ENTRIES, ignore::NAMES).await?;
        let mut scan = Scan { complete: !listing.truncated, ..Scan::default() };
        let mut files = Vec::new();
        for entry in &listing.entries {
            // A name that cannot be shown cannot be kept either, nor be told of.
            let Ok(path) = WorkspacePath::new(entry.path.clone()) else { continue };
            if ignore::is_ignored(&path) {
                continue;
            }
            match entry.kind {
                FileKind::File => files.push((path, entry)),
                FileKind::Folder => {
                    scan.folders.insert(path);
                }
                FileKind::Link => {
                    scan.unkept.insert(path, "a link is not kept; copy the file instead".to_owned());
                }
                FileKind::Special => {
                    scan.unkept.insert(path, "only plain files and folders are kept".to_owned());
                }
            }
        }
        files.sort_by_key(|(path, _)| !base.files.contains_key(path));
        self.read_files(files, dirty, base, &mut scan).await?;
        self.seen.retain(|path, _| scan.files.contains_key(path));
        Ok(scan)
    }

    async fn read_files(
        &mut self,
        files: Vec<(WorkspacePath, &message::FileEntry)>,
        dirty: &Dirty,
        base: &Tree,
        scan: &mut Scan,
    ) -> Result<(), Error> {
        let mut changed = Vec::new();
        let mut total = 0;
        let mut count = 0;
        for (path, listed) in files {
            if let Some(refusal) = self.refuse(listed.size, total, count, base.files.contains_key(&path)) {
                scan.unkept.insert(path, refusal.to_string());
                continue;
            }
            total += listed.size;
            count += 1;
            let stamp = Stamp::of(listed);
            match self.seen.get(&path) {
                Some((seen, entry))
                    if *seen == stamp && !dirty.names(&path) && !(dirty.look && stamp.is_racy()) =>
                {
                    scan.files.insert(path, entry.clone());
                }
                _ => changed.push(path),
            }
        }
        let mut blobs = Blobs::default();
        let (agent, limits) = (&self.agent, self.limits);
        let reads = changed.into_iter().map(async |path| {
            let read = read(agent, &path, limits).await;
            (path, read)
        });
        let mut reads = std::pin::pin!(stream::iter(reads).buffered(READS));
        while let Some((path, read)) = reads.next().await {
            match read? {
                Read::File(stamp, entry, bytes) => {
                    if base.files.get(&path).is_none_or(|known| known.hash != entry.hash) {
                        blobs.add(bytes, &self.store).await?;
                    }
                    self.seen.insert(path.clone(), (stamp, entry.clone()));
                    scan.files.insert(path, entry);
                }
                Read::Gone => {}
                Read::Unkept(reason) => {
                    scan.unkept.insert(path, reason);
                }
            }
        }
        blobs.flush(&self.store).await
    }

    /// Why a file is not even read. The aggregate would refuse it too; this keeps its bytes off the wire.
    fn refuse(&self, size: u64, total: u64, count: usize, known: bool) -> Option<WorkspaceError> {
        let limits = self.limits;
        if size > limits.file_bytes {
            Some(WorkspaceError::FileTooLarge { size, limit: limits.file_bytes })
        } else if total + size > limits.total_bytes {
            Some(WorkspaceError::WorkspaceFull { limit: limits.total_bytes })
        } else if count >= limits.entries && !known {
            Some(WorkspaceError::TooManyFiles { limit: limits.entries })
        } else {
            None
        }
    }

    /// The file as it is in the sandbox now, its blob put into the store; `None` when no file that can be kept is there.
    pub(super) async fn look_at(&mut self, path: &WorkspacePath) -> Result<Option<FileEntry>, Error> {
        match read(&self.agent, path, self.limits).await? {
            Read::File(stamp, entry, bytes) => {
                self.store.put_blobs(vec![bytes]).await?;
                self.seen.insert(path.clone(), (stamp, entry.clone()));
                Ok(Some(entry))
            }
            Read::Gone | Read::Unkept(_) => Ok(None),
        }
    }
}

/// Reads one file.
async fn read(agent: &AgentClient, path: &WorkspacePath, limits: WorkspaceLimits) -> Result<Read, Error> {
    match agent.file_read(path.as_str(), limits.file_bytes).await {
        Ok((listed, bytes)) => {
            let stamp = Stamp::of(&listed);
            let entry = FileEntry {
                hash: BlobHash::of(&bytes),
                size: bytes.len() as u64,
                executable: stamp.executable,
            };
            Ok(Read::File(stamp, entry, bytes))
        }
        // Between the list and now it went, became something else or grew: the watch tells of that next.
        Err(error) if error.is(ErrorCode::NotFound) => Ok(Read::Gone),
        Err(AgentError::Refused(refusal)) => Ok(Read::Unkept(refusal.message)),
        Err(error) => Err(error.into()),
    }
}

enum Read {
    File(Stamp, FileEntry, Bytes),
    Gone,
    Unkept(String),
}

/// Contents on their way to the store.
#[derive(Default)]
struct Blobs {
    waiting: Vec<Bytes>,
    bytes: usize,
}

impl Blobs {
    async fn add(&mut self, blob: Bytes, store: &Store) -> Result<(), Error> {
        self.bytes += blob.len();
        self.waiting.push(blob);
        if self.bytes >= BLOB_BATCH { self.flush(store).await } else { Ok(()) }
    }

    async fn flush(&mut self, store: &Store) -> Result<(), Error> {
        self.bytes = 0;
        if !self.waiting.is_empty() {
            store.put_blobs(std::mem::take(&mut self.waiting)).await?;
        }
        Ok(())
    }
}
