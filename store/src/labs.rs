//! Labs from disk: one folder a lab, read and checked when the process starts.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use containrlab_domain::ids::{BlobHash, LabRef, LabSlug, LabVersion};
use containrlab_domain::lab::{Lab, LabFiles, LabProblem};
use containrlab_domain::workspace::{FileEntry, InvalidPath, Tree, WorkspacePath};

use crate::{Store, StoreError};

/// The file that makes a folder a lab.
const MANIFEST: &str = "lab.toml";

/// Bytes that all files of a lab may have together: a folder that holds more was not meant as one.
const LIMIT: u64 = 64 * 1024 * 1024;

/// A lab as it lies on disk.
#[derive(Debug, Clone)]
pub struct LoadedLab {
    /// What it says.
    pub lab: Lab,
    /// The hash of its files.
    pub version: LabVersion,
    /// All its files.
    pub files: LabFiles,
}

impl LoadedLab {
    /// Reads the lab in this folder, which gives it its name; blocks while it reads.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub fn load(folder: &Path) -> Result<Self, LabFault> {
        load_one(folder)
    }

    /// How sessions and attempts refer to it.
    pub fn reference(&self) -> LabRef {
        LabRef { slug: self.lab.slug.clone(), version: self.version.clone() }
    }
}

/// Why a lab could not be loaded.
#[derive(Debug)]
pub struct LabFault {
    /// Its folder.
    pub folder: PathBuf,
    /// What is wrong, each with file and line where they can be named.
    pub problems: Vec<LabProblem>,
    /// The fault that kept it from being read at all, if that is it.
    pub unreadable: Option<io::Error>,
}

impl fmt::Display for LabFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let folder = self.folder.display();
        if let Some(error) = &self.unreadable {
            return write!(f, "{folder} cannot be read: {error}");
        }
        for (index, problem) in self.problems.iter().enumerate() {
            let line_end = if index == 0 { "" } else { "\n" };
            write!(f, "{line_end}{folder}/{problem}")?;
        }
        Ok(())
    }
}

/// All labs that can be started.
#[derive(Debug, Clone, Default)]
pub struct LabCatalog {
    labs: BTreeMap<LabSlug, LoadedLab>,
}

impl LabCatalog {
    /// Reads every folder below `dir` that holds a `lab.toml`; blocks while it reads.
    ///
    /// # Errors
    /// All that is wrong, with every lab.
    pub fn load(dir: &Path) -> Result<Self, Vec<LabFault>> {
        let folders = lab_folders(dir).map_err(|error| {
            vec![LabFault { folder: dir.to_owned(), problems: Vec::new(), unreadable: Some(error) }]
        })?;
        let mut labs = BTreeMap::new();
        let mut faults = Vec::new();
        for folder in folders {
            match LoadedLab::load(&folder) {
                Ok(loaded) => {
                    labs.insert(loaded.lab.slug.clone(), loaded);
                }
                Err(fault) => faults.push(fault),
            }
        }
        if faults.is_empty() { Ok(Self { labs }) } else { Err(faults) }
    }

    /// The lab with this name.
    pub fn get(&self, slug: &LabSlug) -> Option<&LoadedLab> {
        self.labs.get(slug)
    }

    /// All labs, in the order in which they are shown.
    pub fn all(&self) -> Vec<&LoadedLab> {
        let mut all: Vec<_> = self.labs.values().collect();
        all.sort_by(|a, b| (a.lab.order, &a.lab.slug).cmp(&(b.lab.order, &b.lab.slug)));
        all
    }
}

/// Files as the tree of a workspace, and their bytes. A file that begins with `#!` can be executed.
///
/// # Errors
/// [`InvalidPath`] when one of the paths could not lie in a workspace.
pub fn tree_of(files: &LabFiles) -> Result<(Tree, Vec<Bytes>), InvalidPath> {
    let mut tree = Tree::default();
    let mut contents = Vec::with_capacity(files.len());
    for (path, content) in files {
        let entry = FileEntry {
            hash: BlobHash::of(content),
            size: content.len() as u64,
            executable: content.starts_with(b"#!"),
        };
        tree.files.insert(WorkspacePath::new(path.as_str())?, entry);
        contents.push(Bytes::copy_from_slice(content));
    }
    Ok((tree, contents))
}

impl Store {
    /// Keeps files as blobs, and gives the tree that names them.
    ///
    /// # Errors
    /// [`StoreError`] when the database has trouble, or one of the paths could not lie in a workspace.
    pub async fn put_files(&self, files: &LabFiles) -> Result<Tree, StoreError> {
        let (tree, contents) = tree_of(files).map_err(|error| StoreError::damaged("a lab's file", error))?;
        self.put_blobs(contents).await?;
        Ok(tree)
    }
}

/// The folders below `dir` that hold a `lab.toml`.
///
/// # Errors
/// `dir` can't be listed.
pub fn lab_folders(dir: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut folders = BTreeSet::new();
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.join(MANIFEST).is_file() {
            folders.insert(path);
        }
    }
    Ok(folders)
}

fn load_one(folder: &Path) -> Result<LoadedLab, LabFault> {
    let unreadable =
        |error| LabFault { folder: folder.to_owned(), problems: Vec::new(), unreadable: Some(error) };
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let slug = LabSlug::new(name)
        .map_err(|error| unreadable(io::Error::new(io::ErrorKind::InvalidInput, error.to_string())))?;
    let mut files = LabFiles::new();
    let mut room = LIMIT;
    read_below(folder, "", &mut files, &mut room).map_err(unreadable)?;
    let version = Lab::version_of(&files);
    let lab = Lab::parse(slug, files.clone()).map_err(|problems| LabFault {
        folder: folder.to_owned(),
        problems,
        unreadable: None,
    })?;
    Ok(LoadedLab { lab, version, files })
}

/// Reads all files below a folder, by their path from the lab's folder on. Links are refused: what a lab means must
/// not depend on what lies beside it.
fn read_below(folder: &Path, prefix: &str, files: &mut LabFiles, room: &mut u64) -> io::Result<()> {
    let wrong = |what: String| io::Error::new(io::ErrorKind::InvalidData, what);
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| wrong(format!("a name below {prefix:?} is no UTF-8")))?;
        let path = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read_below(&entry.path(), &path, files, room)?;
        } else if kind.is_file() {
            let size = entry.metadata()?.len();
            *room = room
                .checked_sub(size)
                .ok_or_else(|| wrong(format!("its files have more than {LIMIT} bytes together")))?;
            files.insert(path, fs::read(entry.path())?);
        } else {
            return Err(wrong(format!("{path} is neither a file nor a folder; a lab holds no links")));
        }
    }
    Ok(())
}
