//! Mounts and loop devices beneath a folder, taken away before it is removed.

use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Unmounts everything beneath the folder, the innermost first, and frees loop devices whose file lies in it. Says how many there
/// were.
pub(crate) fn release(folder: &Path) -> Result<usize, Failure> {
    let table = std::fs::read("/proc/self/mountinfo").map_err(Failure::file("read the table of mounts"))?;
    let mounts = beneath(&table, folder);
    for mount in &mounts {
        rustix::mount::unmount(mount, rustix::mount::UnmountFlags::empty())
            .map_err(std::io::Error::from)
            .map_err(Failure::file(format!("unmount {}", mount.display())))?;
    }
    let mut count = mounts.len();
    for device in loop_devices(folder) {
        // Most free themselves with their last mount.
        let freed = std::process::Command::new("losetup").arg("--detach").arg(&device).output();
        count += usize::from(freed.is_ok_and(|output| output.status.success()));
    }
    Ok(count)
}

/// The mount points in the table that lie beneath the folder, last mounted first.
fn beneath(table: &[u8], folder: &Path) -> Vec<PathBuf> {
    let mut mounts: Vec<PathBuf> = table
        .split(|byte| *byte == b'\n')
        .filter_map(|line| line.split(|byte| *byte == b' ').nth(4))
        .map(unescaped)
        .filter(|mount| mount.starts_with(folder))
        .collect();
    mounts.reverse();
    mounts
}

/// The kernel writes blanks and backslashes in paths as `\040`.
fn unescaped(field: &[u8]) -> PathBuf {
    let mut path = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((&byte, after)) = rest.split_first() {
        let number = after.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        match number.and_then(|digits| u8::from_str_radix(digits, 8).ok()) {
            Some(real) if byte == b'\\' => {
                path.push(real);
                rest = &after[3..];
            }
            _ => {
                path.push(byte);
                rest = after;
            }
        }
    }
    std::ffi::OsString::from_vec(path).into()
}

/// Loop devices whose file lies beneath the folder, also when that file is gone.
fn loop_devices(folder: &Path) -> Vec<PathBuf> {
    let Ok(blocks) = std::fs::read_dir("/sys/block") else { return Vec::new() };
    blocks
        .filter_map(Result::ok)
        .filter(|block| {
            std::fs::read(block.path().join("loop/backing_file")).is_ok_and(|file| {
                Path::new(std::ffi::OsStr::from_bytes(file.trim_ascii_end())).starts_with(folder)
            })
        })
        .map(|block| Path::new("/dev").join(block.file_name()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_mounts_beneath_the_folder_are_found_and_the_innermost_first() {
        let table = b"22 1 254:0 / / rw - ext4 /dev/vda rw\n\
                      30 22 7:0 / /srv/a\\040b/runner/store rw - btrfs /dev/loop0 rw\n\
                      31 30 0:40 / /srv/a\\040b/runner/store/inner rw - tmpfs tmpfs rw\n\
                      32 22 7:1 / /srv/a\\040bc/store rw - btrfs /dev/loop1 rw\n";
        assert_eq!(
            beneath(table, Path::new("/srv/a b")),
            [PathBuf::from("/srv/a b/runner/store/inner"), PathBuf::from("/srv/a b/runner/store")]
        );
    }
}
