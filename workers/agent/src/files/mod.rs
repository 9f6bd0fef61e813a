//! The workspace's files, by a helper process that runs as the learner.
//!
//! Two walls: the helper can do nothing that the learner couldn't, and it resolves every path
//! beneath the workspace without following links (`openat2`), so that even what the learner could reach elsewhere isn't
//! reached by mistake.

mod apply;
mod list;
mod path;
mod read;

use std::io::BufReader;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{ExitCode, Stdio};
use std::sync::{Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use containrlab_agent::frame;
use containrlab_agent::message::{ErrorCode, FromAgent, Reply, Request, ToAgent, WireError};

pub(crate) use path::{Inside, Root, cannot, read_folder};

use crate::learner::Learner;
use crate::{os, supervised};

/// How long one request may take. The learner can hold up a helper; nobody else shall wait for it.
const LIMIT: Duration = Duration::from_secs(60);
/// Helpers at a time.
const MOST_HELPERS: usize = 16;

static HELPERS: Mutex<usize> = Mutex::new(0);
static HELPER_ENDED: Condvar = Condvar::new();

/// A turn among the helpers; given back when dropped.
struct Turn;

impl Turn {
    /// Waits for a turn.
    fn take() -> Result<Turn, WireError> {
        let deadline = Instant::now() + LIMIT;
        let mut helpers = HELPERS.lock().unwrap_or_else(PoisonError::into_inner);
        while *helpers >= MOST_HELPERS {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(WireError::new(
                    ErrorCode::Busy,
                    "Too many file operations at once in this sandbox.",
                ));
            }
            (helpers, _) = HELPER_ENDED.wait_timeout(helpers, left).unwrap_or_else(PoisonError::into_inner);
        }
        *helpers += 1;
        Ok(Turn)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        *HELPERS.lock().unwrap_or_else(PoisonError::into_inner) -= 1;
        HELPER_ENDED.notify_one();
    }
}

/// Has a helper do one request.
pub(crate) fn ask(learner: &Learner, request: Request, body: &[u8]) -> Result<(Reply, Vec<u8>), WireError> {
    let _turn = Turn::take()?;
    let failed = |error: &dyn std::fmt::Display| {
        WireError::new(ErrorCode::Internal, format!("The sandbox's file helper failed: {error}."))
    };
    let (ours, theirs) = UnixStream::pair().map_err(|error| failed(&error))?;
    ours.set_read_timeout(Some(LIMIT))
        .and_then(|()| ours.set_write_timeout(Some(LIMIT)))
        .map_err(|e| failed(&e))?;
    let theirs = OwnedFd::from(theirs);
    let output = theirs.try_clone().map_err(|error| failed(&error))?;
    let mut command = learner.helper("files");
    command.arg(&learner.workspace).stdin(Stdio::from(theirs)).stdout(Stdio::from(output));
    let child = command.spawn().map_err(|error| failed(&error))?;
    drop(command);
    let answer = frame::write(&mut &ours, &ToAgent { id: 1, request }, body)
        .and_then(|()| frame::read(&mut BufReader::new(&ours)));
    // Whatever it still does, nobody listens.
    drop(ours);
    supervised::reap(child);
    let (header, body) = match answer {
        Ok(Some(answer)) => answer,
        Ok(None) => return Err(failed(&"it ended without an answer")),
        Err(error) => return Err(failed(&error)),
    };
    match serde_json::from_slice::<FromAgent>(&header) {
        Ok(FromAgent { reply: Reply::Error(error), .. }) => Err(error),
        Ok(FromAgent { reply, .. }) => Ok((reply, body)),
        Err(error) => Err(failed(&error)),
    }
}

/// The helper: one request from standard input, one answer to standard output.
pub(crate) fn main(workspace: &std::path::Path) -> ExitCode {
    os::hide_from_debuggers();
    // The agent may have given up on us; a hanging file system shouldn't keep us for ever.
    std::thread::spawn(|| {
        std::thread::sleep(LIMIT);
        std::process::exit(1);
    });
    let Ok((mut stdin, mut stdout)) = os::stdin().and_then(|stdin| Ok((stdin, os::stdout()?))) else {
        return ExitCode::FAILURE;
    };
    let Ok(Some((header, body))) = frame::read(&mut stdin) else { return ExitCode::FAILURE };
    let answer = match serde_json::from_slice::<ToAgent>(&header) {
        Ok(ToAgent { request, .. }) => Root::open(workspace).and_then(|root| serve(&root, request, &body)),
        Err(error) => Err(WireError::new(ErrorCode::BadRequest, error.to_string())),
    };
    let (reply, body) = answer.unwrap_or_else(|error| (Reply::Error(error), Vec::new()));
    match frame::write(&mut stdout, &FromAgent { id: 1, reply }, &body) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

fn serve(root: &Root, request: Request, body: &[u8]) -> Result<(Reply, Vec<u8>), WireError> {
    match request {
        Request::FilesList { max_entries, ignore } => list::list(root, max_entries, &ignore),
        Request::FileRead { path, max_bytes } => read::read(root, &path, max_bytes),
        Request::FilesApply { changes } => {
            apply::apply(root, &changes, body).map(|()| (Reply::Done, Vec::new()))
        }
        _ => Err(WireError::new(ErrorCode::BadRequest, "This is no file operation.")),
    }
}
