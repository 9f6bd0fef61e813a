//! `ping`: asks the engine whether it is ready, as the learner.
//!
//! The socket lies in a folder that the learner can write, so a link could be in its place. Opened as
//! the learner, it leads nowhere that the learner couldn't go.

use std::ffi::OsString;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, ExitCode, Stdio};
use std::time::{Duration, Instant};

use crate::learner::Learner;

/// Time between two questions while the engine starts.
const INTERVAL: Duration = Duration::from_millis(15);
/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Starts a helper that ends with success as soon as the engine answers, and with failure at the limit.
pub(super) fn start(learner: &Learner, socket: &Path, limit: Duration) -> io::Result<Child> {
    let mut command = learner.helper("ping");
    command.arg(socket).arg(limit.as_secs().to_string()).stdin(Stdio::null());
    command.spawn()
}

/// The helper.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    let socket = arguments.next();
    let limit = arguments.next().and_then(|limit| limit.to_str()?.parse().ok());
    let (Some(socket), Some(limit)) = (socket, limit) else { return ExitCode::from(2) };
    let deadline = Instant::now() + Duration::from_secs(limit);
    while Instant::now() < deadline {
        if ask(Path::new(&socket)).unwrap_or(false) {
            return ExitCode::SUCCESS;
        }
        std::thread::sleep(INTERVAL);
    }
    ExitCode::FAILURE
}

fn ask(socket: &Path) -> io::Result<bool> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /_ping HTTP/1.1\r\nHost: engine\r\nConnection: close\r\n\r\n")?;
    let mut answer = Vec::new();
    stream.take(64 << 10).read_to_end(&mut answer)?;
    Ok(answer.starts_with(b"HTTP/1.1 200"))
}
