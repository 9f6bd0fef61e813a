//! `connect`: joins standard input and output with the agent's socket. Run as root by `docker exec -i`.

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::os;

/// A sandbox that has just been started needs a moment to listen.
const LIMIT: Duration = Duration::from_secs(10);

/// Carries bytes both ways until either side ends.
pub(crate) fn main(socket: &Path) -> ExitCode {
    let failed = |error: std::io::Error| {
        eprintln!("containrlab-agent: the agent of this sandbox can't be reached: {error}");
        ExitCode::FAILURE
    };
    let stream = match reach(socket) {
        Ok(stream) => stream,
        Err(error) => return failed(error),
    };
    let pipes = stream.try_clone().and_then(|copy| Ok((copy, os::stdin()?, os::stdout()?)));
    let (to_agent, stdin, stdout) = match pipes {
        Ok(pipes) => pipes,
        Err(error) => return failed(error),
    };
    std::thread::spawn(move || {
        carry(stdin, &to_agent);
        // The runner has hung up: the agent sees it and hangs up, too.
        let _ = to_agent.shutdown(Shutdown::Write);
    });
    carry(&stream, stdout);
    ExitCode::SUCCESS
}

fn reach(socket: &Path) -> std::io::Result<UnixStream> {
    let deadline = Instant::now() + LIMIT;
    loop {
        match UnixStream::connect(socket) {
            Err(error) if Instant::now() >= deadline => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
            connected => return connected,
        }
    }
}

fn carry(mut from: impl Read, mut to: impl Write) {
    let mut buffer = vec![0; 64 << 10];
    loop {
        match from.read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => {
                if to.write_all(&buffer[..read]).is_err() {
                    return;
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            Err(_) => return,
        }
    }
}
