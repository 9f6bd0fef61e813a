//! Finds the programs that services are made of.

use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// A program in `PATH`, or in one of the folders for administrators, which an ordinary user's `PATH` often lacks.
pub(crate) fn find(program: &'static str, package: &'static str) -> Result<PathBuf, Failure> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from))
        .map(|folder| folder.join(program))
        .find(|file| is_program(file))
        .ok_or(Failure::ProgramMissing { program, package })
}

/// The folder of PostgreSQL's server programs: of the wanted major version, or of the newest one that is installed.
/// Debian keeps them out of `PATH`.
pub(crate) fn postgres(wanted: Option<u32>) -> Result<PathBuf, Failure> {
    newest_postgres(Path::new("/usr/lib/postgresql"), wanted).map_or_else(
        // Other systems than Debian have them in PATH.
        || match wanted {
            None => find("initdb", "postgresql").map(|file| file.parent().unwrap_or(Path::new("/")).to_owned()),
            Some(version) => Err(Failure::Plain(format!(
                "The data in the state folder is PostgreSQL {version}'s, which is not installed. \
                 Install it with: apt-get install postgresql-{version} (or give up the data with: make clean)."
            ))),
        },
        Ok,
    )
}

fn newest_postgres(versions: &Path, wanted: Option<u32>) -> Option<PathBuf> {
    let mut found: Vec<(u32, PathBuf)> = std::fs::read_dir(versions)
        .ok()?
        .filter_map(|entry| {
            let entry = entry.ok()?;
            let version: u32 = entry.file_name().to_str()?.parse().ok()?;
            let folder = entry.path().join("bin");
            (is_program(&folder.join("postgres")) && is_program(&folder.join("initdb")))
                .then_some((version, folder))
        })
        .filter(|(version, _)| wanted.is_none_or(|wanted| wanted == *version))
        .collect();
    found.sort();
    found.pop().map(|(_, folder)| folder)
}

fn is_program(file: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    std::fs::metadata(file)
        .is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn the_newest_whole_version_is_taken_unless_one_is_wanted() {
        let folder = tempfile::tempdir().unwrap();
        for (version, programs) in
            [("9", &["postgres", "initdb"][..]), ("15", &["postgres", "initdb"]), ("17", &["initdb"])]
        {
            let bin = folder.path().join(version).join("bin");
            std::fs::create_dir_all(&bin).unwrap();
            for program in programs {
                std::fs::write(bin.join(program), "").unwrap();
                std::fs::set_permissions(bin.join(program), std::fs::Permissions::from_mode(0o755)).unwrap();
            }
        }
        assert_eq!(newest_postgres(folder.path(), None), Some(folder.path().join("15/bin")));
        assert_eq!(newest_postgres(folder.path(), Some(9)), Some(folder.path().join("9/bin")));
        assert_eq!(newest_postgres(folder.path(), Some(17)), None);
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let failure = find("no-such-program-anywhere", "some-package").unwrap_err();
        assert!(failure.to_string().contains("apt-get install some-package"), "{failure}");
    }
}
