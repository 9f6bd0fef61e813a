//! A private PostgreSQL.

use std::path::Path;
use std::time::Duration;

use rustix::process::Signal;

use super::{Ready, Service, ports, programs};
use crate::failure::Failure;
use crate::process::{Launch, User};
use crate::state::{Remembered, Secret, StateDir};

/// How much its data is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Durability {
    /// Survives a power cut.
    Kept,
    /// For tests: fast, and lost if the machine stops.
    Thrown,
}

const NAME: &str = "containrlab";

/// Prepares the service and says what `DATABASE_URL` is. Makes the data folder the first time.
pub(crate) async fn prepare(state: &StateDir, durability: Durability) -> Result<(Service, String), Failure> {
    let pid_file = state.pid_file("postgres");
    let user = User::for_service(&["postgres", "nobody"]);
    let folder = state.folder_for("postgres", user.as_ref())?;
    let data = folder.join("data");
    let version = std::fs::read_to_string(data.join("PG_VERSION"))
        .ok()
        .and_then(|text| text.trim().parse::<u32>().ok());
    let programs = programs::postgres(version)?;
    let password = state.secret(Secret::PostgresPassword)?;
    if version.is_none() {
        make_data(&folder, &programs, user.as_ref(), &password).await?;
    }
    let port =
        ports::choose(&mut state.installation()?, Remembered::PostgresPort, pid_file.living().is_some())?;
    let mut launch = Launch::new(programs.join("postgres"), state.log("postgres")).user(user).arguments([
        "-D".into(),
        data.into_os_string(),
        // On the loopback address with a password, and no socket file: its path would have to be short.
        "-clisten_addresses=127.0.0.1".into(),
        "-cunix_socket_directories=".into(),
        format!("-cport={port}").into(),
        // Tests run side by side, each with pools of its own.
        "-cmax_connections=400".into(),
    ]);
    if durability == Durability::Thrown {
        launch = launch.arguments(["-cfsync=off", "-csynchronous_commit=off", "-cfull_page_writes=off"]);
    }
    let service = Service {
        name: "PostgreSQL",
        launch,
        ready: Ready::Postgres { programs, port },
        // Long enough for a recovery after a crash.
        patience: Duration::from_secs(60),
        // "Fast" shutdown: doesn't wait for clients to leave.
        stop: Signal::INT,
        grace: Duration::from_secs(30),
        pid_file,
    };
    Ok((service, format!("postgres://{NAME}:{password}@127.0.0.1:{port}/postgres")))
}

/// Makes the data folder beside its place and moves it there when it is whole, so that an interruption leaves no half of one.
async fn make_data(
    folder: &Path,
    programs: &Path,
    user: Option<&User>,
    password: &str,
) -> Result<(), Failure> {
    let new = folder.join("new");
    let password_file = folder.join("password");
    if new.exists() {
        std::fs::remove_dir_all(&new).map_err(Failure::file(format!("remove {}", new.display())))?;
    }
    write_private(&password_file, password, user)?;
    let mut command = tokio::process::Command::new(programs.join("initdb"));
    command
        .arg("-D")
        .arg(&new)
        .arg(format!("--pwfile={}", password_file.display()))
        .arg(format!("--username={NAME}"))
        .args(["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"])
        .current_dir("/")
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true);
    if let Some(user) = user {
        command.uid(user.uid).gid(user.gid);
    }
    let output = command.output().await.map_err(Failure::file("start initdb"))?;
    let _ = std::fs::remove_file(&password_file);
    if !output.status.success() {
        return Err(Failure::Plain(format!(
            "PostgreSQL's data folder can't be made: initdb said\n{}",
            String::from_utf8_lossy(&output.stderr).trim()
        )));
    }
    let data = folder.join("data");
    std::fs::rename(&new, &data).map_err(Failure::file(format!(
        "move {} to {}",
        new.display(),
        data.display()
    )))
}

/// Writes a file that only the given user may read.
pub(super) fn write_private(path: &Path, text: &str, user: Option<&User>) -> Result<(), Failure> {
    use std::io::Write;
    use std::os::unix::fs::{OpenOptionsExt, fchown};
    let doing = format!("write {}", path.display());
    // Removed first: a file that is there keeps its mode.
    let _ = std::fs::remove_file(path);
    let mut file = std::fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(path)
        .map_err(Failure::file(&doing))?;
    file.write_all(text.as_bytes()).map_err(Failure::file(&doing))?;
    if let Some(user) = user {
        fchown(&file, Some(user.uid), Some(user.gid)).map_err(Failure::file(&doing))?;
    }
    Ok(())
}
