//! How a btrfs file system counts what its subvolumes take.
//!
//! *Full* quota groups know at each moment who shares which block with whom, and so walk through all that is shared whenever a
//! snapshot is made or deleted: with some gigabytes of lab images that is ten seconds of a processor each time, during which nobody
//! else's snapshot is made either. *Simple* quotas (Linux 6.7) count a block for whoever wrote it first, which is what a limit on a
//! sandbox means anyway, and cost nothing.
//!
//! The calls and the structures are those of [`linux/btrfs.h`](https://docs.kernel.org/filesystems/btrfs.html); the `btrfs` program of Debian 12
//! does not know simple quotas yet, though it shows and limits them.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::path::Path;

use rustix::io::Errno;
use rustix::ioctl::{Getter, Opcode, Updater, ioctl, opcode};
use uuid::Uuid;

use crate::sandbox::SandboxError;

/// The number of btrfs among those who answer such calls.
const MAGIC: u8 = 0x94;
const QUOTA_CTL: Opcode = opcode::read_write::<QuotaControl>(MAGIC, 40);
const FS_INFO: Opcode = opcode::read::<FsInfo>(MAGIC, 31);

const ENABLE_FULL: u64 = 1;
const DISABLE: u64 = 2;
const ENABLE_SIMPLE: u64 = 4;

/// `struct btrfs_ioctl_quota_ctl_args`
#[repr(C)]
struct QuotaControl {
    command: u64,
    status: u64,
}

/// `struct btrfs_ioctl_fs_info_args`, as far as it matters here.
#[repr(C)]
struct FsInfo {
    max_id: u64,
    devices: u64,
    id: [u8; 16],
    rest: [u8; 992],
}

/// Sees to it that the file system mounted there counts, the simple way if the kernel can. Has to come before the first subvolume:
/// what was written before is counted for nobody.
pub(super) fn enable(mount_point: &Path) -> Result<(), SandboxError> {
    turn_on(mount_point)
        .map_err(|error| SandboxError::storage("set up the disk quotas of", mount_point, error))
}

fn turn_on(mount_point: &Path) -> io::Result<()> {
    let root = File::open(mount_point)?;
    match mode(&root)?.as_deref() {
        Some("squota") => return Ok(()),
        // A store of an earlier version, or from an older kernel. What lies in it is not counted any more, what is written is.
        Some(_) => control(&root, DISABLE)?,
        None => {}
    }
    match control(&root, ENABLE_SIMPLE) {
        Err(Errno::INVAL) => {
            tracing::warn!(
                "this kernel has no simple btrfs quotas (Linux 6.7), so sandboxes start more slowly"
            );
            Ok(control(&root, ENABLE_FULL)?)
        }
        done => Ok(done?),
    }
}

/// How it counts: `squota`, `qgroup`; none if it doesn't, or on a kernel that knows but one way.
fn mode(root: &File) -> io::Result<Option<String>> {
    // SAFETY: the number is that of a call that fills a structure of this layout and size.
    let info = unsafe { ioctl(root, Getter::<FS_INFO, FsInfo>::new()) }?;
    let id = Uuid::from_bytes(info.id);
    match std::fs::read_to_string(format!("/sys/fs/btrfs/{id}/qgroups/mode")) {
        Ok(mode) => Ok(Some(mode.trim().to_owned())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn control(root: &File, command: u64) -> rustix::io::Result<()> {
    let mut arguments = QuotaControl { command, status: 0 };
    // SAFETY: the number is that of a call that reads and writes a structure of this layout and size.
    unsafe { ioctl(root, Updater::<QUOTA_CTL, QuotaControl>::new(&mut arguments)) }
}
