//! What a person sees while a command works: one line a step, with its time.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Prints steps as they begin and end. Cloned into tasks that work side by side.
#[derive(Debug, Clone)]
pub(crate) struct Progress {
    /// Whether the output is a terminal, whose last line can be written over.
    terminal: bool,
    /// Whether it goes to standard error, since standard output is somebody else's.
    aside: bool,
    /// Held while a line is written, so that lines of several steps don't mix. Holds what runs.
    running: Arc<Mutex<Vec<String>>>,
}

/// A step that runs. Dropped without [`Step::done`] it counts as not finished, and says nothing: the error will.
#[derive(Debug)]
pub(crate) struct Step {
    name: String,
    started: Instant,
    progress: Progress,
}

impl Progress {
    pub(crate) fn new() -> Self {
        Self { terminal: std::io::stdout().is_terminal(), aside: false, running: Arc::default() }
    }

    /// On standard error: for commands whose standard output belongs to something else.
    pub(crate) fn aside() -> Self {
        Self { terminal: std::io::stderr().is_terminal(), aside: true, running: Arc::default() }
    }

    /// Begins a step.
    pub(crate) fn step(&self, name: impl Into<String>) -> Step {
        let name = name.into();
        self.change(|running| running.push(name.clone()), None);
        Step { name, started: Instant::now(), progress: self.clone() }
    }

    /// A line that belongs to no step.
    pub(crate) fn say(&self, line: &str) {
        self.change(|_| {}, Some(line));
    }

    /// Changes what runs and writes a line above the line that shows what runs.
    fn change(&self, change: impl FnOnce(&mut Vec<String>), line: Option<&str>) {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        change(&mut running);
        let mut out: Box<dyn Write> =
            if self.aside { Box::new(std::io::stderr().lock()) } else { Box::new(std::io::stdout().lock()) };
        // A reader who went away (a closed pipe) is no reason to stop the system.
        if self.terminal {
            let _ = write!(out, "\r\x1b[K");
        }
        if let Some(line) = line {
            let _ = writeln!(out, "{line}");
        }
        if self.terminal && !running.is_empty() {
            let _ = write!(out, "  … {}", running.join(", "));
        }
        let _ = out.flush();
    }
}

impl Step {
    /// Says that the step has something to show before it ends.
    pub(crate) fn note(&self, line: &str) {
        self.progress.say(&format!("    {line}"));
    }

    /// Ends the step and says what came of it.
    pub(crate) fn done(self, outcome: &str) {
        let line = format!("  ✓ {:<16} {} ({})", self.name, outcome, seconds(self.started.elapsed()));
        let progress = self.progress.clone();
        let name = self.name.clone();
        progress.change(|running| remove(running, &name), Some(&line));
    }
}

impl Drop for Step {
    fn drop(&mut self) {
        self.progress.change(|running| remove(running, &self.name), None);
    }
}

fn remove(running: &mut Vec<String>, name: &str) {
    if let Some(place) = running.iter().position(|other| other == name) {
        running.remove(place);
    }
}

/// A time as people say it.
pub(crate) fn seconds(time: Duration) -> String {
    let seconds = time.as_secs_f64();
    if seconds < 60.0 {
        format!("{seconds:.1} s")
    } else {
        format!("{} min {:02} s", time.as_secs() / 60, time.as_secs() % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_read_well() {
        assert_eq!(seconds(Duration::from_millis(1240)), "1.2 s");
        assert_eq!(seconds(Duration::from_secs(125)), "2 min 05 s");
    }
}
