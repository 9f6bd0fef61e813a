//! Hearing of changes in the workspace: a helper as the learner with inotify on every folder.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::io::BufReader;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, ExitCode, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use containrlab_agent::TEMPORARY_PREFIX;
use containrlab_agent::frame::{self, WATCH_WINDOW};
use containrlab_agent::message::{ErrorCode, FromAgent, Reply, WireError};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::fs::inotify::{self, CreateFlags, ReadFlags, WatchFlags};

use crate::files::{Root, cannot, read_folder};
use crate::learner::Learner;
use crate::window::Window;
use crate::{files, os, supervised};

/// A batch is sent when nothing happened for this long …
const QUIET: Duration = Duration::from_millis(50);
/// … or when its first change is this old.
const OLDEST: Duration = Duration::from_millis(250);
/// A batch of more paths than this is told as "read everything again".
const MOST_PATHS: usize = 1000;
/// Folders that are watched; the kernel allows 8192 per user by default, and the learner may want some.
const MOST_FOLDERS: usize = 4000;
/// With more folders than that, the whole tree is to be read again this often.
const BLIND_INTERVAL: Duration = Duration::from_secs(5);

/// Stops a watch.
#[derive(Clone, Debug)]
pub(crate) struct WatchHandle {
    stream: Arc<UnixStream>,
    window: Arc<Window>,
}

impl WatchHandle {
    /// Ends the watch; its forwarding then returns.
    pub(crate) fn stop(&self) {
        self.window.close();
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// The reader has taken this many batches since the beginning.
    pub(crate) fn acknowledge(&self, upto: u64) {
        self.window.acknowledge(upto);
    }
}

/// A running helper.
pub(crate) struct Helper {
    handle: WatchHandle,
    child: Child,
}

/// Starts a watch.
pub(crate) fn start(learner: &Learner, ignore: &[String]) -> Result<(WatchHandle, Helper), WireError> {
    let failed = |error: std::io::Error| {
        WireError::new(ErrorCode::Internal, format!("The workspace can't be watched: {error}."))
    };
    let (ours, theirs) = UnixStream::pair().map_err(failed)?;
    let theirs = OwnedFd::from(theirs);
    let output = theirs.try_clone().map_err(failed)?;
    let mut command = learner.helper("watch");
    command.arg(&learner.workspace).args(ignore).stdin(Stdio::from(theirs)).stdout(Stdio::from(output));
    let child = command.spawn().map_err(failed)?;
    let handle = WatchHandle { stream: Arc::new(ours), window: Arc::default() };
    Ok((handle.clone(), Helper { handle, child }))
}

impl Helper {
    /// Passes on what the helper tells until the watch is stopped. A helper that is not listened to blocks, and the kernel keeps its
    /// events, or tells it that they were too many.
    pub(crate) fn forward(self, id: u64, outbox: &crate::connection::Outbox) {
        let mut reader = BufReader::new(&*self.handle.stream);
        let mut last = Reply::Done;
        while let Ok(Some((header, _))) = frame::read(&mut reader) {
            let Ok(FromAgent { reply, .. }) = serde_json::from_slice(&header) else { break };
            let going_on = matches!(reply, Reply::Watching | Reply::Changed { .. });
            if !going_on {
                last = reply;
                break;
            }
            let room =
                !matches!(reply, Reply::Changed { .. }) || self.handle.window.take(1, WATCH_WINDOW).is_some();
            if !room || !outbox.send(id, &reply, &[]) {
                break;
            }
        }
        self.handle.stop();
        outbox.send(id, &last, &[]);
        supervised::reap(self.child);
    }
}

/// The helper.
pub(crate) fn main(mut arguments: impl Iterator<Item = OsString>) -> ExitCode {
    os::hide_from_debuggers();
    let Some(workspace) = arguments.next() else { return ExitCode::from(2) };
    let ignore = arguments.filter_map(|name| name.into_string().ok()).collect();
    let Ok(mut stdout) = os::stdout() else { return ExitCode::FAILURE };
    let mut say = move |reply: Reply| frame::write(&mut stdout, &FromAgent { id: 1, reply }, &[]).is_ok();
    let watched =
        Root::open(workspace.as_ref()).and_then(|root| Watcher::new(root, ignore)).and_then(|mut watcher| {
            if say(Reply::Watching) {
                watcher.run(&mut say)?;
            }
            Ok(())
        });
    if let Err(error) = watched {
        say(Reply::Error(error));
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

struct Watcher {
    root: Root,
    ignore: Vec<String>,
    inotify: OwnedFd,
    /// Watched folders: descriptor to path; the workspace itself is the empty path.
    folders: HashMap<i32, String>,
    /// Some folder isn't watched.
    blind: bool,
    changed: BTreeSet<String>,
    rescan: bool,
}

impl Watcher {
    fn new(root: Root, ignore: Vec<String>) -> Result<Watcher, WireError> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)
            .map_err(|errno| cannot("watched", "The workspace", errno))?;
        let mut watcher = Watcher {
            root,
            ignore,
            inotify,
            folders: HashMap::new(),
            blind: false,
            changed: BTreeSet::new(),
            rescan: false,
        };
        watcher.follow(String::new(), false)?;
        Ok(watcher)
    }

    /// Tells batches until standard input ends.
    fn run(&mut self, say: &mut impl FnMut(Reply) -> bool) -> Result<(), WireError> {
        let mut first: Option<Instant> = None;
        let mut told = Instant::now();
        loop {
            let limit = match first {
                Some(first) => QUIET.min(OLDEST.saturating_sub(first.elapsed())),
                None if self.blind => BLIND_INTERVAL.saturating_sub(told.elapsed()),
                None => Duration::from_secs(3600),
            };
            let news = self.wait(limit)?;
            if news.ended {
                return Ok(());
            }
            if news.events {
                self.read_events()?;
                if !self.changed.is_empty() || self.rescan {
                    first.get_or_insert_with(Instant::now);
                }
            }
            self.rescan |= self.blind && told.elapsed() >= BLIND_INTERVAL;
            let due = first.is_some_and(|first| !news.events || first.elapsed() >= OLDEST);
            if due || (self.rescan && first.is_none()) {
                first = None;
                told = Instant::now();
                let rescan = std::mem::take(&mut self.rescan) || self.changed.len() > MOST_PATHS;
                let changed = std::mem::take(&mut self.changed);
                let paths = if rescan { Vec::new() } else { changed.into_iter().collect() };
                if !say(Reply::Changed { paths, rescan }) {
                    return Ok(());
                }
            }
        }
    }

    fn wait(&self, limit: Duration) -> Result<News, WireError> {
        let stdin = rustix::stdio::stdin();
        let mut fds = [PollFd::new(&self.inotify, PollFlags::IN), PollFd::new(&stdin, PollFlags::IN)];
        let limit = Timespec {
            tv_sec: limit.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: limit.subsec_nanos().into(),
        };
        match rustix::event::poll(&mut fds, Some(&limit)) {
            // Nothing is ever written to our input: whatever happens there is its end.
            Ok(_) => Ok(News { events: !fds[0].revents().is_empty(), ended: !fds[1].revents().is_empty() }),
            Err(rustix::io::Errno::INTR) => Ok(News { events: false, ended: false }),
            Err(errno) => Err(cannot("watched", "The workspace", errno)),
        }
    }

    fn read_events(&mut self) -> Result<(), WireError> {
        let mut events = Vec::new();
        {
            let mut buffer = [MaybeUninit::<u8>::uninit(); 16 << 10];
            let mut reader = inotify::Reader::new(&self.inotify, &mut buffer);
            loop {
                match reader.next() {
                    Ok(event) => {
                        let name = event.file_name().and_then(|name| name.to_str().ok()).map(str::to_owned);
                        events.push((event.wd(), event.events(), name));
                    }
                    Err(rustix::io::Errno::AGAIN) => break,
                    Err(rustix::io::Errno::INTR) => {}
                    Err(errno) => return Err(cannot("watched", "The workspace", errno)),
                }
                // A flood must not keep us here for ever.
                if events.len() > 4 * MOST_PATHS && reader.is_buffer_empty() {
                    break;
                }
            }
        }
        for (folder, what, name) in events {
            self.event(folder, what, name)?;
        }
        Ok(())
    }

    fn event(&mut self, folder: i32, what: ReadFlags, name: Option<String>) -> Result<(), WireError> {
        if what.contains(ReadFlags::QUEUE_OVERFLOW) {
            // New folders may have been missed, too.
            self.rescan = true;
            return self.follow(String::new(), false);
        }
        if what.contains(ReadFlags::IGNORED) {
            self.folders.remove(&folder);
            return Ok(());
        }
        let (Some(parent), Some(name)) = (self.folders.get(&folder), name) else { return Ok(()) };
        if self.ignored(&name) {
            return Ok(());
        }
        let path = join(parent, &name);
        if what.contains(ReadFlags::ISDIR) {
            if what.intersects(ReadFlags::MOVED_FROM) {
                self.forget(&path);
            }
            if what.intersects(ReadFlags::CREATE | ReadFlags::MOVED_TO) {
                self.follow(path.clone(), true)?;
            }
        }
        self.changed.insert(path);
        Ok(())
    }

    /// Watches a folder and all beneath it; with `tell`, all that is found in it counts as changed: it may have come before the
    /// watch was in place.
    fn follow(&mut self, folder: String, tell: bool) -> Result<(), WireError> {
        let mut folders = vec![folder];
        while let Some(folder) = folders.pop() {
            if self.folders.len() >= MOST_FOLDERS {
                self.blind = true;
                return Ok(());
            }
            let Ok(found) = self.watch_one(&folder) else {
                if folder.is_empty() {
                    return Err(WireError::new(ErrorCode::Internal, "The workspace can't be watched."));
                }
                // Gone again, or not the learner's to read.
                continue;
            };
            for (name, is_folder) in found {
                let path = join(&folder, &name);
                if tell {
                    self.changed.insert(path.clone());
                }
                if is_folder {
                    folders.push(path);
                }
            }
        }
        Ok(())
    }

    /// Watches one folder, then reads it: in this order nothing falls between.
    fn watch_one(&mut self, folder: &str) -> rustix::io::Result<Vec<(String, bool)>> {
        let inside = match folder {
            "" => None,
            folder => Some(files::Inside::new(folder).map_err(|_| rustix::io::Errno::NAMETOOLONG)?),
        };
        let fd = self.root.beneath(inside, OFlags::RDONLY | OFlags::DIRECTORY)?;
        // inotify takes a path only. From within the opened folder, "." is the folder that was resolved beneath the
        // workspace, whatever its path leads to by now.
        rustix::process::fchdir(&fd)?;
        let wanted = WatchFlags::CLOSE_WRITE
            | WatchFlags::MODIFY
            | WatchFlags::ATTRIB
            | WatchFlags::CREATE
            | WatchFlags::DELETE
            | WatchFlags::MOVED_FROM
            | WatchFlags::MOVED_TO
            | WatchFlags::ONLYDIR
            | WatchFlags::EXCL_UNLINK;
        match inotify::add_watch(&self.inotify, ".", wanted) {
            Ok(watch) => {
                self.folders.insert(watch, folder.to_owned());
            }
            // The user's watches are used up.
            Err(rustix::io::Errno::NOSPC) => self.blind = true,
            Err(errno) => return Err(errno),
        }
        let mut found = Vec::new();
        for entry in read_folder(&fd)? {
            let Ok(entry) = entry else { break };
            let Ok(name) = entry.file_name().to_str() else { continue };
            if !matches!(name, "." | "..") && !self.ignored(name) {
                found.push((name.to_owned(), entry.file_type() == rustix::fs::FileType::Directory));
            }
        }
        Ok(found)
    }

    /// Stops watching a folder that was moved away; where it moved to, if still within, it is followed anew.
    fn forget(&mut self, folder: &str) {
        let beneath = format!("{folder}/");
        let inotify = &self.inotify;
        self.folders.retain(|watch, path| {
            let gone = path == folder || path.starts_with(&beneath);
            if gone {
                let _ = inotify::remove_watch(inotify, *watch);
            }
            !gone
        });
    }

    fn ignored(&self, name: &str) -> bool {
        name.starts_with(TEMPORARY_PREFIX) || self.ignore.iter().any(|ignored| ignored == name)
    }
}

/// What a wait brought.
struct News {
    events: bool,
    ended: bool,
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
