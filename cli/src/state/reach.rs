//! Whether another user can walk to a folder.

use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Whether every folder on the way lets this user through. Looks at owner, group and others as the kernel does, without
/// access control lists: those are rare, and a wrong "no" only places the data elsewhere.
pub(crate) fn can_walk_to(path: &Path, uid: u32, gid: u32) -> bool {
    path.ancestors().all(|folder| {
        std::fs::metadata(folder).is_ok_and(|metadata| {
            let mode = metadata.mode();
            let allowed = if metadata.uid() == uid {
                0o100
            } else if metadata.gid() == gid {
                0o010
            } else {
                0o001
            };
            mode & allowed != 0
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_closed_folder_on_the_way_stops_strangers() {
        let folder = tempfile::tempdir().unwrap();
        let inner = folder.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o755)).unwrap();
        let stranger = 4_000_000;
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o711)).unwrap();
        assert!(can_walk_to(&inner, stranger, stranger));
        std::fs::set_permissions(folder.path(), std::fs::Permissions::from_mode(0o700)).unwrap();
        assert!(!can_walk_to(&inner, stranger, stranger));
        let owner = std::fs::metadata(folder.path()).unwrap();
        assert!(can_walk_to(&inner, owner.uid(), owner.gid()));
    }
}
