//! Volumes as subvolumes of a btrfs file system in a sparse file: a snapshot takes milliseconds, and each has its quota.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::quota;
use crate::sandbox::{SandboxError, host};

/// A subvolume can stay in use for a moment after its container is gone.
const BUSY_TRIES: u32 = 50;
const BUSY_PAUSE: Duration = Duration::from_millis(100);

/// The mounted file system.
#[derive(Debug)]
pub(super) struct Btrfs {
    file: PathBuf,
    mount_point: PathBuf,
}

impl Btrfs {
    /// Where the file system of this state folder is mounted.
    pub(super) fn mount_point(state: &Path) -> PathBuf {
        state.join("volumes")
    }

    /// Makes the file and its file system if they aren't there, and mounts it if it isn't.
    pub(super) async fn open(state: &Path, bytes: u64) -> Result<Self, SandboxError> {
        let store = Self { file: state.join("sandboxes.btrfs"), mount_point: Self::mount_point(state) };
        if !store.file.exists() {
            store.format(bytes).await?;
        }
        std::fs::create_dir_all(&store.mount_point)
            .map_err(|error| SandboxError::storage("make", &store.mount_point, error))?;
        if !store.is_mounted()? {
            // `loop` gives the device back at the unmount, also when that happens after our death.
            let arguments = [
                "-t".as_ref(),
                "btrfs".as_ref(),
                "-o".as_ref(),
                "loop,noatime,nodev,nosuid,discard=async".as_ref(),
                store.file.as_os_str(),
                store.mount_point.as_os_str(),
            ];
            host::run("mount", &arguments).await?;
        }
        store.grow(bytes).await?;
        quota::enable(&store.mount_point)?;
        Ok(store)
    }

    /// Under another name first: a file that is there has a whole file system.
    async fn format(&self, bytes: u64) -> Result<(), SandboxError> {
        let draft = self.file.with_extension("draft");
        let wrong = |error| SandboxError::storage("make", &draft, error);
        let file = std::fs::File::create(&draft).map_err(wrong)?;
        file.set_len(bytes).map_err(wrong)?;
        drop(file);
        // One copy of the metadata is enough for data that can be made again, and half the writing.
        let arguments = [
            "--quiet".as_ref(),
            "--force".as_ref(),
            "--metadata".as_ref(),
            "single".as_ref(),
            draft.as_os_str(),
        ];
        host::run("mkfs.btrfs", &arguments).await?;
        std::fs::rename(&draft, &self.file).map_err(|error| SandboxError::storage("keep", &self.file, error))
    }

    /// Makes a file that is smaller than the setting larger, and the file system with it, whoever uses it meanwhile. It never shrinks.
    async fn grow(&self, bytes: u64) -> Result<(), SandboxError> {
        let wrong = |error| SandboxError::storage("enlarge", &self.file, error);
        if std::fs::metadata(&self.file).map_err(wrong)?.len() >= bytes {
            return Ok(());
        }
        let file = std::fs::OpenOptions::new().write(true).open(&self.file).map_err(wrong)?;
        file.set_len(bytes).map_err(wrong)?;
        let associated = ["--associated".as_ref(), self.file.as_os_str(), "--output".as_ref()];
        let associated = [&associated[..], &["NAME".as_ref(), "--noheadings".as_ref()]].concat();
        for device in host::run("losetup", &associated).await?.split_whitespace() {
            host::run("losetup", &["--set-capacity", device]).await?;
        }
        btrfs(&["filesystem".as_ref(), "resize".as_ref(), "max".as_ref(), self.mount_point.as_os_str()]).await
    }

    fn is_mounted(&self) -> Result<bool, SandboxError> {
        let table = Path::new("/proc/self/mountinfo");
        let text =
            std::fs::read_to_string(table).map_err(|error| SandboxError::storage("read", table, error))?;
        Ok(text.lines().any(|line| mounted_at(line).is_some_and(|at| Path::new(&at) == self.mount_point)))
    }

    /// A new subvolume.
    pub(super) async fn create(&self, path: &Path) -> Result<(), SandboxError> {
        btrfs(&["subvolume".as_ref(), "create".as_ref(), path.as_os_str()]).await
    }

    /// Forbids any further change, and writes all of it down.
    pub(super) async fn seal(&self, path: &Path) -> Result<(), SandboxError> {
        let arguments: [&OsStr; 7] = [
            "property".as_ref(),
            "set".as_ref(),
            "-t".as_ref(),
            "subvol".as_ref(),
            path.as_os_str(),
            "ro".as_ref(),
            "true".as_ref(),
        ];
        btrfs(&arguments).await?;
        btrfs(&["filesystem".as_ref(), "sync".as_ref(), path.as_os_str()]).await
    }

    /// A writable copy with a quota: whatever is counted for it from the start, and `disk_bytes` more.
    pub(super) async fn snapshot(
        &self,
        golden: &Path,
        path: &Path,
        disk_bytes: u64,
    ) -> Result<(), SandboxError> {
        btrfs(&["subvolume".as_ref(), "snapshot".as_ref(), golden.as_os_str(), path.as_os_str()]).await?;
        let from_start = referenced_and_exclusive(path).await?.0;
        let limit = from_start.saturating_add(disk_bytes).to_string();
        btrfs(&["qgroup".as_ref(), "limit".as_ref(), limit.as_ref(), path.as_os_str()]).await
    }

    /// Deletes a subvolume. What it took comes back in the background.
    pub(super) async fn delete(&self, path: &Path) -> Result<(), SandboxError> {
        let mut tries = 0;
        loop {
            let done = btrfs(&["subvolume".as_ref(), "delete".as_ref(), path.as_os_str()]).await;
            match done {
                Err(_) if !path.exists() => return Ok(()),
                Err(_) if tries < BUSY_TRIES => {
                    tries += 1;
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                done => return done,
            }
        }
    }

    /// What only this subvolume has.
    pub(super) async fn exclusive_bytes(&self, path: &Path) -> Result<u64, SandboxError> {
        Ok(referenced_and_exclusive(path).await?.1)
    }

    /// What each subvolume beneath a folder has alone.
    pub(super) async fn exclusive_bytes_beneath(&self, folder: &Path) -> Result<Vec<u64>, SandboxError> {
        let beneath = folder.strip_prefix(&self.mount_point).unwrap_or(folder);
        let list = ["subvolume".as_ref(), "list".as_ref(), self.mount_point.as_os_str()];
        let show = ["qgroup".as_ref(), "show".as_ref(), "--raw".as_ref(), self.mount_point.as_os_str()];
        let subvolumes = host::run("btrfs", &list).await?;
        let groups = host::run("btrfs", &show).await?;
        Ok(exclusive_of(&subvolumes, beneath, &groups))
    }

    /// What it still takes: never more than the disk has on which its own, sparse file lies. Blocks that the file has already and
    /// nobody uses count too.
    pub(super) fn free_bytes(&self) -> Result<u64, SandboxError> {
        let wrong = |error| SandboxError::storage("measure", &self.file, error);
        let inside = rustix::fs::statvfs(&self.mount_point).map_err(|error| wrong(error.into()))?;
        let file = std::fs::metadata(&self.file).map_err(wrong)?;
        let used = inside.f_blocks.saturating_sub(inside.f_bfree).saturating_mul(inside.f_frsize);
        let unused_blocks = (file.blocks() * 512).saturating_sub(used);
        let outside = super::free_bytes(&self.file)?.saturating_add(unused_blocks);
        Ok(inside.f_bavail.saturating_mul(inside.f_frsize).min(outside))
    }

    /// What is left of a subvolume's quota; none if it has none.
    pub(super) async fn left_of_quota(&self, path: &Path) -> Result<Option<u64>, SandboxError> {
        let arguments =
            ["qgroup".as_ref(), "show".as_ref(), "--raw".as_ref(), "-rf".as_ref(), path.as_os_str()];
        let table = host::run("btrfs", &arguments).await?;
        Ok(parse_quota(&table).map(|(referenced, limit)| limit.saturating_sub(referenced)))
    }

    /// Unmounts, which also gives the loop device back, and deletes the file.
    pub(super) async fn remove(&self) -> Result<(), SandboxError> {
        if self.is_mounted()? {
            host::run("umount", &[&self.mount_point]).await?;
        }
        std::fs::remove_file(&self.file)
            .map_err(|error| SandboxError::storage("remove", &self.file, error))?;
        std::fs::remove_dir(&self.mount_point)
            .map_err(|error| SandboxError::storage("remove", &self.mount_point, error))
    }
}

async fn btrfs(arguments: &[&OsStr]) -> Result<(), SandboxError> {
    host::run("btrfs", arguments).await.map(drop)
}

/// Bytes that a subvolume refers to, and those of them that no other refers to.
async fn referenced_and_exclusive(path: &Path) -> Result<(u64, u64), SandboxError> {
    let arguments = ["qgroup".as_ref(), "show".as_ref(), "--raw".as_ref(), "-f".as_ref(), path.as_os_str()];
    let table = host::run("btrfs", &arguments).await?;
    parse_qgroup(&table).ok_or_else(|| SandboxError::Tool {
        program: "btrfs".to_owned(),
        detail: format!("no quota group for {} in: {table}", path.display()),
    })
}

fn parse_qgroup(table: &str) -> Option<(u64, u64)> {
    table.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|id| id.starts_with("0/"))?;
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    })
}

/// Of all quota groups, the exclusive bytes of those whose subvolume lies beneath a folder, which is given from the file system's
/// own root on.
fn exclusive_of(subvolumes: &str, beneath: &Path, groups: &str) -> Vec<u64> {
    let ids = subvolumes.lines().filter_map(|line| {
        // ID 257 gen 9 top level 5 path sandboxes/…
        let (about, path) = line.split_once(" path ")?;
        let id = about.split_whitespace().nth(1)?;
        (Path::new(path) != beneath && Path::new(path).starts_with(beneath)).then(|| format!("0/{id}"))
    });
    let exclusive: HashMap<&str, u64> = groups
        .lines()
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            Some((words.next()?, words.nth(1)?.parse().ok()?))
        })
        .collect();
    ids.map(|group| exclusive.get(group.as_str()).copied().unwrap_or(0)).collect()
}

/// Referenced bytes and their limit, of a table that has the limit behind the two sizes; none without a limit.
fn parse_quota(table: &str) -> Option<(u64, u64)> {
    let (referenced, _) = parse_qgroup(table)?;
    let line = table.lines().find(|line| line.trim_start().starts_with("0/"))?;
    Some((referenced, line.split_whitespace().nth(3)?.parse().ok()?))
}

/// The mount point in a line of mountinfo, where blanks and their like are written as octal escapes.
fn mounted_at(line: &str) -> Option<String> {
    let field = line.split(' ').nth(4)?;
    Some(field.replace("\\040", " ").replace("\\011", "\t").replace("\\012", "\n").replace("\\134", "\\"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_table_of_old_and_new_tools_is_read() {
        let old = "qgroupid         rfer         excl \n--------         ----         ---- \n0/257       1064960      16384 \n";
        assert_eq!(parse_qgroup(old), Some((1_064_960, 16_384)));
        let new = "Qgroupid    Referenced    Exclusive   Path \n--------    ----------    ---------   ---- \n0/5  16384 4096 <toplevel>\n";
        assert_eq!(parse_qgroup(new), Some((16_384, 4096)));
        assert_eq!(parse_qgroup("nothing"), None);
        let limited = "qgroupid         rfer         excl     max_rfer \n--------         ----         ----     -------- \n0/257       1064960      16384 5000000 \n";
        assert_eq!(parse_quota(limited), Some((1_064_960, 5_000_000)));
        assert_eq!(parse_quota(&limited.replace("5000000", "none")), None);
    }

    #[test]
    fn only_subvolumes_beneath_the_folder_are_counted() {
        let subvolumes = "ID 256 gen 9 top level 5 path golden/abc\nID 257 gen 9 top level 5 path sandboxes/i/r/one\n\
                          ID 258 gen 9 top level 5 path sandboxes/i/r/two\nID 259 gen 9 top level 5 path sandboxes/i/other/x\n";
        let groups = "Qgroupid    Referenced    Exclusive   Path \n--------    ----------    ---------   ---- \n\
                      0/256 9000 8000 golden/abc\n0/257 9100 100 sandboxes/i/r/one\n0/259 9300 300 x\n";
        assert_eq!(
            exclusive_of(subvolumes, Path::new("sandboxes/i/r"), groups),
            [100, 0],
            "a new one has no group yet"
        );
    }

    #[test]
    fn mount_points_with_blanks_are_found() {
        let line = r"36 35 98:0 / /a\040b/volumes rw,noatime shared:1 - btrfs /dev/loop0 rw";
        assert_eq!(mounted_at(line).as_deref(), Some("/a b/volumes"));
    }
}
