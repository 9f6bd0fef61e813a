//! Passwords and keys, made once.

use std::fs::OpenOptions;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use crate::failure::Failure;

/// A secret of the installation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Secret {
    /// The private PostgreSQL's password.
    PostgresPassword,
    /// The private Redis's password.
    RedisPassword,
    /// What the api shows to the runner.
    RunnerToken,
}

impl Secret {
    fn file(self) -> &'static str {
        match self {
            Self::PostgresPassword => "postgres-password",
            Self::RedisPassword => "redis-password",
            Self::RunnerToken => "runner-token",
        }
    }
}

/// How many random bytes a secret has.
const BYTES: usize = 32;

/// Reads a secret from its file, as lower-case hexadecimal digits, or makes it.
pub(super) fn read_or_make(folder: &Path, secret: Secret) -> Result<String, Failure> {
    let path = folder.join(secret.file());
    match std::fs::read_to_string(&path) {
        Ok(text) if text.trim().len() == 2 * BYTES => return Ok(text.trim().to_owned()),
        // A crash between making and writing leaves a short file: make it anew.
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(Failure::file(format!("read {}", path.display()))(error)),
    }
    let mut bytes = [0_u8; BYTES];
    rand::fill(&mut bytes);
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let doing = format!("write {}", path.display());
    let new = path.with_extension("new");
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(true)
        .write(true)
        .mode(0o600)
        .open(&new)
        .map_err(Failure::file(&doing))?;
    file.write_all(text.as_bytes()).map_err(Failure::file(&doing))?;
    std::fs::rename(&new, &path).map_err(Failure::file(&doing))?;
    Ok(text)
}
