//! Where a sandbox's data lies: its engine's store, the workspace, home and /tmp, all in one volume under one quota.
//!
//! Every volume starts as a copy of the golden one, whose engine store already holds all lab images.
//!
//! ```text
//! <root>/golden/<fingerprint>/                              the golden volume
//! <root>/staging/<uuid>/                                    one that is being filled
//! <root>/sandboxes/<installation>/<runner>/<sandbox id>/    a sandbox's
//!     engine/  home/  tmp/  workspace/
//! ```
//!
//! Architecture invariant: no name below those four folders is ever opened from here. What lies there is the learner's, and hostile.

mod btrfs;
mod folders;
mod quota;

use std::io::ErrorKind;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use containrlab_domain::ids::SandboxId;
use uuid::Uuid;

use self::btrfs::Btrfs;
use super::settings::{SandboxSettings, StoreKind};
use super::{LEARNER_UID, SandboxError};

/// A volume's folders, all the learner's: name, place in the sandbox, mode.
pub(super) const FOLDERS: [(&str, &str, u32); 4] = [
    ("engine", "/var/lib/containrlab/docker", 0o710),
    ("home", "/home/learner", 0o755),
    ("tmp", "/tmp", 0o1777),
    ("workspace", "/workspace", 0o755),
];

/// What the disk has left, and who has written how much to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSpace {
    /// Bytes that it still takes.
    pub free_bytes: u64,
    /// What each of this runner's sandboxes has written beyond the lab images; 0 where nobody counts.
    pub written_bytes: Vec<u64>,
}

/// The volumes of one runner.
#[derive(Debug)]
pub(super) struct VolumeStore {
    root: PathBuf,
    /// `sandboxes/<installation>/<runner>` below the root.
    sandboxes: PathBuf,
    kind: Kind,
}

#[derive(Debug)]
enum Kind {
    Btrfs(Btrfs),
    Folders,
}

impl VolumeStore {
    /// Opens the store; makes and mounts it first if need be.
    pub(super) async fn open(settings: &SandboxSettings) -> Result<Self, SandboxError> {
        make_folder(&settings.state_dir)?;
        let state = std::fs::canonicalize(&settings.state_dir)
            .map_err(|error| SandboxError::storage("find", &settings.state_dir, error))?;
        let (root, kind) = match settings.store {
            StoreKind::Folders => (state.join("volume-folders"), Kind::Folders),
            StoreKind::Btrfs => {
                let store = Btrfs::open(&state, settings.store_bytes).await?;
                (Btrfs::mount_point(&state), Kind::Btrfs(store))
            }
            StoreKind::Auto => match Btrfs::open(&state, settings.store_bytes).await {
                Ok(store) => (Btrfs::mount_point(&state), Kind::Btrfs(store)),
                Err(error) => {
                    tracing::warn!(
                        %error,
                        "btrfs can't be had, so each sandbox starts with a full copy of the lab images and has no disk quota"
                    );
                    (state.join("volume-folders"), Kind::Folders)
                }
            },
        };
        let sandboxes = root.join("sandboxes").join(&settings.installation).join(settings.runner.to_string());
        for folder in [&root, &root.join("golden"), &root.join("staging"), &sandboxes] {
            make_folder(folder)?;
        }
        // What lies below has owners and modes of the learners' choice: nobody else of this machine is to look into it.
        std::fs::set_permissions(&root, std::fs::Permissions::from_mode(0o700))
            .map_err(|error| SandboxError::storage("close", &root, error))?;
        Ok(Self { root, sandboxes, kind })
    }

    /// Whether sandboxes are snapshots with a quota, and not copies without.
    pub(super) fn has_quota(&self) -> bool {
        matches!(self.kind, Kind::Btrfs(_))
    }

    /// Where a sandbox's volume lies.
    pub(super) fn path(&self, id: SandboxId) -> PathBuf {
        self.sandboxes.join(id.to_string())
    }

    fn golden_path(&self, fingerprint: &str) -> PathBuf {
        self.root.join("golden").join(fingerprint)
    }

    /// Whether there is a golden volume of that fingerprint.
    pub(super) fn has_golden(&self, fingerprint: &str) -> bool {
        self.golden_path(fingerprint).is_dir()
    }

    /// Deletes what an earlier process left half filled. Nobody else may be filling anything.
    pub(super) async fn delete_staged(&self) -> Result<(), SandboxError> {
        for left in names(&self.root.join("staging"))? {
            self.delete_path(&self.root.join("staging").join(left)).await?;
        }
        Ok(())
    }

    /// An empty volume to fill. What an earlier process left half filled goes first.
    pub(super) async fn stage(&self) -> Result<PathBuf, SandboxError> {
        self.delete_staged().await?;
        let path = self.root.join("staging").join(Uuid::new_v4().to_string());
        match &self.kind {
            Kind::Btrfs(store) => store.create(&path).await?,
            Kind::Folders => folders::create(&path)?,
        }
        for (folder, _, mode) in FOLDERS {
            make_learners_folder(&path.join(folder), mode)?;
        }
        Ok(path)
    }

    /// Makes a filled volume the golden one; all others go.
    pub(super) async fn commit(&self, staged: &Path, fingerprint: &str) -> Result<(), SandboxError> {
        let golden = self.golden_path(fingerprint);
        std::fs::rename(staged, &golden).map_err(|error| SandboxError::storage("keep", &golden, error))?;
        if let Kind::Btrfs(store) = &self.kind {
            store.seal(&golden).await?;
        }
        for other in names(&self.root.join("golden"))? {
            if other != fingerprint {
                self.delete_path(&self.root.join("golden").join(other)).await?;
            }
        }
        Ok(())
    }

    /// A volume for a sandbox, with everything that is in the golden one. `disk_bytes` is what may come on top.
    pub(super) async fn create(
        &self,
        fingerprint: &str,
        id: SandboxId,
        disk_bytes: u64,
    ) -> Result<PathBuf, SandboxError> {
        let (golden, path) = (self.golden_path(fingerprint), self.path(id));
        match &self.kind {
            Kind::Btrfs(store) => store.snapshot(&golden, &path, disk_bytes).await?,
            Kind::Folders => folders::copy(&golden, &path).await?,
        }
        Ok(path)
    }

    /// Deletes a sandbox's volume; one that isn't there is fine.
    pub(super) async fn delete(&self, id: SandboxId) -> Result<(), SandboxError> {
        self.delete_path(&self.path(id)).await
    }

    /// Deletes a volume that was staged or is no longer wanted.
    pub(super) async fn delete_path(&self, path: &Path) -> Result<(), SandboxError> {
        if !path.exists() {
            return Ok(());
        }
        match &self.kind {
            Kind::Btrfs(store) => store.delete(path).await,
            Kind::Folders => folders::delete(path).await,
        }
    }

    /// The sandboxes of this runner that have a volume.
    pub(super) fn ids(&self) -> Result<Vec<SandboxId>, SandboxError> {
        Ok(names(&self.sandboxes)?.iter().filter_map(|name| name.parse().ok()).collect())
    }

    /// What a sandbox has written beyond the lab images; none where nobody counts.
    pub(super) async fn used_bytes(&self, id: SandboxId) -> Result<Option<u64>, SandboxError> {
        match &self.kind {
            Kind::Btrfs(store) => store.exclusive_bytes(&self.path(id)).await.map(Some),
            Kind::Folders => Ok(None),
        }
    }

    /// How much more a sandbox may write: what its quota leaves, and never more than the file system has.
    pub(super) async fn left_bytes(&self, id: SandboxId) -> Result<u64, SandboxError> {
        let path = self.path(id);
        match &self.kind {
            Kind::Btrfs(store) => {
                let free = store.free_bytes()?;
                Ok(store.left_of_quota(&path).await?.map_or(free, |left| left.min(free)))
            }
            Kind::Folders => free_bytes(&self.root),
        }
    }

    /// What the disk has left for sandboxes, and what those of this runner have written.
    pub(super) async fn space(&self) -> Result<DiskSpace, SandboxError> {
        let ids = self.ids()?;
        Ok(match &self.kind {
            Kind::Btrfs(store) => DiskSpace {
                free_bytes: store.free_bytes()?,
                written_bytes: if ids.is_empty() {
                    Vec::new()
                } else {
                    store.exclusive_bytes_beneath(&self.sandboxes).await?
                },
            },
            Kind::Folders => {
                DiskSpace { free_bytes: free_bytes(&self.root)?, written_bytes: vec![0; ids.len()] }
            }
        })
    }

    /// Deletes every volume of the installation, of whichever runner; then, if no other installation has any, the golden
    /// volume and the store itself.
    pub(super) async fn clean(&self, installation: &str) -> Result<(), SandboxError> {
        let all = self.root.join("sandboxes");
        let mine = all.join(installation);
        for runner in names(&mine)? {
            for id in names(&mine.join(&runner))? {
                self.delete_path(&mine.join(&runner).join(id)).await?;
            }
            remove_empty(&mine.join(&runner))?;
        }
        remove_empty(&mine)?;
        if !names(&all)?.is_empty() {
            return Ok(());
        }
        for part in ["staging", "golden"] {
            for name in names(&self.root.join(part))? {
                self.delete_path(&self.root.join(part).join(name)).await?;
            }
        }
        match &self.kind {
            Kind::Btrfs(store) => store.remove().await,
            Kind::Folders => folders::delete(&self.root).await,
        }
    }
}

/// What a file system still takes from an ordinary user.
fn free_bytes(path: &Path) -> Result<u64, SandboxError> {
    let stat =
        rustix::fs::statvfs(path).map_err(|error| SandboxError::storage("measure", path, error.into()))?;
    Ok(stat.f_bavail.saturating_mul(stat.f_frsize))
}

/// The names in a folder of ours; none if it isn't there.
fn names(folder: &Path) -> Result<Vec<String>, SandboxError> {
    let read = |error| SandboxError::storage("list", folder, error);
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(read(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.extend(entry.map_err(read)?.file_name().into_string().ok());
    }
    Ok(names)
}

fn remove_empty(folder: &Path) -> Result<(), SandboxError> {
    match std::fs::remove_dir(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(SandboxError::storage("remove", folder, error))
        }
        _ => Ok(()),
    }
}

fn make_folder(path: &Path) -> Result<(), SandboxError> {
    std::fs::create_dir_all(path).map_err(|error| SandboxError::storage("make", path, error))
}

/// A folder that belongs to the learner inside of the sandbox.
fn make_learners_folder(path: &Path, mode: u32) -> Result<(), SandboxError> {
    let wrong = |error| SandboxError::storage("make", path, error);
    std::fs::create_dir(path).map_err(wrong)?;
    std::os::unix::fs::chown(path, Some(LEARNER_UID), Some(LEARNER_UID)).map_err(wrong)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).map_err(wrong)
}
