//! What the platform's own commands run with. They run as the learner, in the learner's sandbox, and must not be taken in by what the
//! learner has put into their home: a `docker` of their own, a plugin, a context, a builder; nor by what answers in the engine's place at
//! the socket that they know.
//!
//! ```text
//! /run/containrlab-docker/          root's: DOCKER_CONFIG
//!     config.json                   root's: the proxies of the network around, and nothing else
//!     engine.sock                   root's, open to all: DOCKER_HOST, see `engine::door`
//!     buildx/                       root's: no builder but the engine's own
//!         .lock, instances/, defaults/   root's
//!         activity/, refs/               the learner's: what buildx notes of a build, and decides nothing by
//! ```

use std::collections::BTreeMap;
use std::fs::{DirBuilder, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::Path;

use crate::config::{Config, IMAGE_PATH};

/// Folders that buildx takes its decisions from.
const DECIDES: [&str; 2] = ["instances", "defaults"];
/// Folders that it only writes to.
const NOTES: [&str; 2] = ["activity", "refs"];

/// Variables of the platform's own commands, on top of the learner's.
pub(crate) fn environment(config: &Config) -> BTreeMap<String, String> {
    let door = config.engine_door().map(|door| ("DOCKER_HOST", format!("unix://{}", door.display())));
    [("PATH", IMAGE_PATH.to_owned()), ("DOCKER_CONFIG", config.docker_config_dir.display().to_string())]
        .into_iter()
        .chain(door)
        .map(|(name, value)| (name.to_owned(), value))
        .collect()
}

/// Lays down the configuration of Docker's client; what an earlier start of the container laid down is replaced.
pub(crate) fn furnish(config: &Config, (uid, gid): (u32, u32)) -> io::Result<()> {
    let place = &config.docker_config_dir;
    let buildx = place.join("buildx");
    open_folder(place)?;
    write(&place.join("config.json"), &config.docker_config.to_string())?;
    open_folder(&buildx)?;
    write(&buildx.join(".lock"), "")?;
    for folder in DECIDES {
        open_folder(&buildx.join(folder))?;
    }
    for folder in NOTES {
        open_folder(&buildx.join(folder))?;
        chown(buildx.join(folder), Some(uid), Some(gid))?;
    }
    Ok(())
}

/// Makes a folder that everybody may look into.
fn open_folder(folder: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o755).create(folder)?;
    std::fs::set_permissions(folder, Permissions::from_mode(0o755))
}

/// Writes a file that everybody may read.
fn write(file: &Path, text: &str) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).mode(0o644).open(file)?;
    file.set_permissions(Permissions::from_mode(0o644))?;
    file.write_all(text.as_bytes())
}
