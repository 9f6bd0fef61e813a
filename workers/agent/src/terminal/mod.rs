//! Terminals: shells that outlive every connection, and their output under positions.

mod attachment;
mod pty;
mod ring;
mod shell;

use std::collections::BTreeMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use containrlab_agent::frame::WINDOW;
use containrlab_agent::message::{ErrorCode, ProcessExit, TerminalInfo, TerminalOpen, WireError};

pub(crate) use attachment::Attachment;
use ring::Ring;
use shell::Shell;

use crate::learner::Learner;

/// How long a reader that consumes nothing may hold up a shell.
const PATIENCE: Duration = Duration::from_secs(5);
/// Most columns or rows; more is a mistake or mischief.
const MOST_CELLS: u16 = 4096;
/// Columns and rows that a shell starts with which nobody looks at yet.
const USUAL_SIZE: (u16, u16) = (80, 24);

/// All terminals of the sandbox.
pub(crate) struct Terminals {
    all: Mutex<BTreeMap<String, Arc<Terminal>>>,
    /// A login shell at its prompt for whoever opens the first terminal: a shell takes longer to start than all else that happens
    /// between a learner's click and the prompt.
    spare: Mutex<Option<Arc<Terminal>>>,
    login_shell: Vec<String>,
    keep: usize,
    most: usize,
}

/// One terminal.
pub(crate) struct Terminal {
    /// Its name; none yet while it is the spare one.
    name: OnceLock<String>,
    state: Mutex<State>,
    /// Something in the state changed that a reader or the shell's thread waits for.
    changed: Condvar,
}

struct State {
    ring: Ring,
    cols: u16,
    rows: u16,
    /// The running shell; none before the first and after the last one's end.
    shell: Option<Shell>,
    exit: Option<ProcessExit>,
    /// The terminal was closed and forgotten; readers go.
    closed: bool,
    readers: BTreeMap<u64, Reader>,
    next_reader: u64,
}

/// How far an attached reader is.
struct Reader {
    /// Position up to which it has consumed.
    consumed: u64,
    /// Last time that it consumed something or had nothing to consume.
    progress: Instant,
    detached: bool,
}

impl Terminals {
    /// No terminals yet.
    pub(crate) fn new(login_shell: Vec<String>, keep: usize, most: usize) -> Terminals {
        Terminals { all: Mutex::default(), spare: Mutex::default(), login_shell, keep, most }
    }

    /// Starts the spare shell. Without one the first terminal is opened like any other.
    pub(crate) fn prepare_spare(&self, learner: &Learner) {
        let terminal = Arc::new(Terminal::new(self.keep));
        // Held while the shell starts: who opens the first terminal meanwhile waits for this one rather than start another.
        let mut spare = self.spare();
        let open = TerminalOpen { cols: USUAL_SIZE.0, rows: USUAL_SIZE.1, ..TerminalOpen::default() };
        let mut state = terminal.state();
        match shell::start(&terminal, learner, &open, &self.login_shell) {
            Ok(shell) => {
                state.shell = Some(shell);
                drop(state);
                *spare = Some(terminal);
            }
            Err(error) => eprintln!("containrlab-agent: no shell could be started in advance: {error}"),
        }
    }

    /// The terminal of this name.
    pub(crate) fn get(&self, name: &str) -> Result<Arc<Terminal>, WireError> {
        self.all().get(name).cloned().ok_or_else(|| {
            WireError::new(ErrorCode::NotFound, format!("There is no terminal \"{name}\" in this sandbox."))
        })
    }

    /// All terminals, by name.
    pub(crate) fn list(&self) -> Vec<TerminalInfo> {
        self.snapshot().iter().map(|terminal| terminal.info()).collect()
    }

    /// Makes sure that the terminal exists and its shell runs; says whether it had to start one. A terminal whose shell has
    /// ended gets a new one, and its positions go on.
    pub(crate) fn open(
        &self,
        learner: &Learner,
        open: TerminalOpen,
    ) -> Result<(TerminalInfo, bool), WireError> {
        let fits = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if open.terminal.is_empty() || open.terminal.len() > 64 || !open.terminal.chars().all(fits) {
            return Err(WireError::new(
                ErrorCode::BadRequest,
                "A terminal's id is 1 to 64 letters, digits, hyphens or underscores.",
            ));
        }
        check_size(open.cols, open.rows)?;
        let terminal = {
            let mut all = self.all();
            match all.get(&open.terminal) {
                Some(terminal) => Arc::clone(terminal),
                None if all.len() >= self.most => {
                    let sentence = format!("There are {} terminals already; close one first.", self.most);
                    return Err(WireError::new(ErrorCode::Busy, sentence));
                }
                None => {
                    let terminal =
                        self.take_spare(&open).unwrap_or_else(|| Arc::new(Terminal::new(self.keep)));
                    let _ = terminal.name.set(open.terminal.clone());
                    all.insert(open.terminal.clone(), Arc::clone(&terminal));
                    terminal
                }
            }
        };
        // Held while the shell starts: of two openings at once, one starts it and the other finds it running.
        let mut state = terminal.state();
        if state.closed {
            return Err(WireError::new(ErrorCode::Busy, "This terminal is being closed."));
        }
        if let Some(shell) = &state.shell {
            // Nobody has given the spare one a size.
            let is_spare = state.cols == 0;
            if is_spare {
                shell.resize(open.cols, open.rows)?;
                (state.cols, state.rows) = (open.cols, open.rows);
            }
            return Ok((state.info(terminal.name()), is_spare));
        }
        match shell::start(&terminal, learner, &open, &self.login_shell) {
            Ok(shell) => state.shell = Some(shell),
            Err(error) => {
                if state.ring.end() == 0 && state.exit.is_none() {
                    state.closed = true;
                    self.all().remove(terminal.name());
                }
                return Err(error);
            }
        }
        (state.cols, state.rows, state.exit) = (open.cols, open.rows, None);
        Ok((state.info(terminal.name()), true))
    }

    /// Ends the terminal's shell and forgets it.
    pub(crate) fn close(&self, name: &str) -> Result<(), WireError> {
        let terminal = self.get(name)?;
        self.all().remove(name);
        let mut state = terminal.state();
        state.closed = true;
        if let Some(shell) = &state.shell {
            shell.stop();
        }
        terminal.changed.notify_all();
        // Done means done: nothing of the shell is left. It is killed if it doesn't go.
        let deadline = Instant::now() + shell::GRACE + Duration::from_secs(5);
        while state.shell.is_some() && Instant::now() < deadline {
            (state, _) = terminal
                .changed
                .wait_timeout(state, Duration::from_millis(200))
                .unwrap_or_else(PoisonError::into_inner);
        }
        Ok(())
    }

    /// Asks every shell to end.
    pub(crate) fn stop_all(&self) {
        for terminal in self.snapshot().into_iter().chain(self.spare().take()) {
            if let Some(shell) = &terminal.state().shell {
                shell.stop();
            }
        }
    }

    /// The spare shell, for a terminal that asks for no other than the usual one; a shell that has ended is none.
    fn take_spare(&self, open: &TerminalOpen) -> Option<Arc<Terminal>> {
        if !open.argv.is_empty() || open.cwd.is_some() || !open.env.is_empty() {
            return None;
        }
        self.spare().take().filter(|spare| spare.state().shell.is_some())
    }

    fn spare(&self) -> MutexGuard<'_, Option<Arc<Terminal>>> {
        self.spare.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The terminals of this moment. A terminal's lock may be held when the map's is taken, never the other way round.
    fn snapshot(&self) -> Vec<Arc<Terminal>> {
        self.all().values().cloned().collect()
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<String, Arc<Terminal>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Terminal {
    fn new(keep: usize) -> Terminal {
        let state = State {
            ring: Ring::new(keep),
            cols: 0,
            rows: 0,
            shell: None,
            exit: None,
            closed: false,
            readers: BTreeMap::new(),
            next_reader: 0,
        };
        Terminal { name: OnceLock::new(), state: Mutex::new(state), changed: Condvar::new() }
    }

    fn name(&self) -> &str {
        self.name.get().map_or("", String::as_str)
    }

    fn info(&self) -> TerminalInfo {
        self.state().info(self.name())
    }

    /// Queues keystrokes.
    pub(crate) fn input(&self, bytes: Vec<u8>) -> Result<(), WireError> {
        self.state().running()?.input(bytes)
    }

    /// Sets the size; programs in the terminal hear of it by SIGWINCH.
    pub(crate) fn resize(&self, cols: u16, rows: u16) -> Result<(), WireError> {
        check_size(cols, rows)?;
        let mut state = self.state();
        state.running()?.resize(cols, rows)?;
        (state.cols, state.rows) = (cols, rows);
        Ok(())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until no reader that consumes is behind by more than its window.
    fn wait_for_readers(&self) {
        let mut state = self.state();
        while state.must_pause() {
            (state, _) = self
                .changed
                .wait_timeout(state, Duration::from_millis(250))
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    fn put_out(&self, bytes: &[u8]) {
        let mut state = self.state();
        let now = Instant::now();
        let end = state.ring.end();
        for reader in state.readers.values_mut().filter(|reader| reader.consumed >= end) {
            // It had nothing to do until now: its patience begins here.
            reader.progress = now;
        }
        state.ring.push(bytes);
        drop(state);
        self.changed.notify_all();
    }

    fn shell_ended(&self, exit: ProcessExit) {
        let mut state = self.state();
        state.shell = None;
        state.exit = Some(exit);
        drop(state);
        self.changed.notify_all();
    }
}

impl State {
    fn info(&self, name: &str) -> TerminalInfo {
        TerminalInfo {
            terminal: name.to_owned(),
            cols: self.cols,
            rows: self.rows,
            start: self.ring.start(),
            end: self.ring.end(),
            exit: self.exit,
            readers: self.readers.len(),
        }
    }

    fn running(&self) -> Result<&Shell, WireError> {
        self.shell
            .as_ref()
            .ok_or_else(|| WireError::new(ErrorCode::Ended, "The shell of this terminal has ended."))
    }

    fn must_pause(&self) -> bool {
        let end = self.ring.end();
        !self.closed
            && self.readers.values().any(|reader| {
                !reader.detached && end - reader.consumed > WINDOW && reader.progress.elapsed() < PATIENCE
            })
    }
}

fn check_size(cols: u16, rows: u16) -> Result<(), WireError> {
    if cols == 0 || rows == 0 || cols > MOST_CELLS || rows > MOST_CELLS {
        let sentence = format!("A terminal has 1 to {MOST_CELLS} columns and rows, not {cols} by {rows}.");
        return Err(WireError::new(ErrorCode::BadRequest, sentence));
    }
    Ok(())
}
