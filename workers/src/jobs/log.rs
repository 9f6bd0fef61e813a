//! A job's output on its way into the store.

use std::time::Duration;

use containrlab_agent::message::{ExecExit, ExecRequest};
use containrlab_domain::ids::{RecordingId, SessionId};
use containrlab_store::{RecordingKind, Store, StoreError};

use crate::sandbox::{AgentClient, AgentError, ExecEvent};

/// Bytes that are recorded at once.
const BATCH: usize = 32 * 1024;

/// How long output waits for more of it.
const LINGER: Duration = Duration::from_millis(100);

/// Somebody who hears output as it comes.
pub type Ear = Box<dyn FnMut(&[u8]) + Send + Sync>;

/// Writes a log in batches. What goes beyond its limit is cut, and the cut is said.
pub(crate) struct LogWriter {
    sink: Sink,
    buffer: Vec<u8>,
    /// Position of the buffer's first byte.
    position: u64,
    /// Bytes that it may still take.
    room: usize,
}

/// Where a log goes.
enum Sink {
    /// Into the store, as a recording.
    Recording { store: Store, id: RecordingId },
    /// To somebody who listens right now; nothing is kept.
    Ear(Ear),
}

impl LogWriter {
    /// A log that only somebody hears.
    pub(crate) fn heard_by(ear: Ear, limit: usize) -> Self {
        Self { sink: Sink::Ear(ear), buffer: Vec::new(), position: 0, room: limit }
    }

    /// Opens a log; waits for as long as it takes the store to be there.
    pub(crate) async fn open(
        store: Store,
        recording: RecordingId,
        session: SessionId,
        limit: usize,
    ) -> Result<Self, StoreError> {
        let mut pause = LINGER;
        loop {
            match store.open_recording(recording, session, RecordingKind::Log).await {
                Ok(_) => break,
                Err(error) if error.is_unavailable() => {
                    tracing::warn!(log = %recording, %error, "a job waits for the store to keep its log");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(1));
                }
                Err(error) => return Err(error),
            }
        }
        let sink = Sink::Recording { store, id: recording };
        Ok(Self { sink, buffer: Vec::new(), position: 0, room: limit })
    }

    /// Adds output.
    pub(crate) async fn write(&mut self, bytes: &[u8]) {
        if self.room == 0 {
            return;
        }
        let taken = bytes.len().min(self.room);
        self.buffer.extend_from_slice(&bytes[..taken]);
        self.room -= taken;
        if self.room == 0 {
            self.buffer.extend_from_slice("\n[the rest of the output is cut here]\n".as_bytes());
        }
        if self.buffer.len() >= BATCH {
            self.flush().await;
        }
    }

    /// Adds a line of the platform's own.
    pub(crate) async fn line(&mut self, text: &str) {
        self.write(text.as_bytes()).await;
        self.write(b"\n").await;
    }

    /// Records what waits, for as long as it takes the store to be there.
    pub(crate) async fn flush(&mut self) {
        let mut pause = LINGER;
        while !self.buffer.is_empty() {
            let (store, id) = match &mut self.sink {
                Sink::Recording { store, id } => (store, *id),
                Sink::Ear(ear) => {
                    ear(&self.buffer);
                    self.buffer.clear();
                    return;
                }
            };
            match store.append_recording(id, self.position, &self.buffer).await {
                Ok(length) => {
                    self.position = length;
                    self.buffer.clear();
                }
                Err(error) => {
                    tracing::warn!(log = %id, %error, "a log waits for the store");
                    tokio::time::sleep(pause).await;
                    pause = (pause * 2).min(Duration::from_secs(5));
                }
            }
        }
    }

    /// Records what waits, and that nothing follows.
    pub(crate) async fn close(mut self) {
        self.flush().await;
        if let Sink::Recording { store, id } = &self.sink
            && let Err(error) = store.close_recording(*id).await
        {
            tracing::warn!(log = %id, %error, "a log stays open");
        }
    }

    /// Runs a command and logs its output; gives back how it ended.
    pub(crate) async fn run(
        &mut self,
        agent: &AgentClient,
        request: ExecRequest,
    ) -> Result<ExecExit, AgentError> {
        self.run_and_hear(agent, request, &mut |_| {}).await
    }

    /// As [`LogWriter::run`], and lets somebody else hear the output too.
    pub(crate) async fn run_and_hear(
        &mut self,
        agent: &AgentClient,
        request: ExecRequest,
        hear: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<ExecExit, AgentError> {
        let mut stream = agent.exec(request).await?;
        let mut flush_at = None;
        loop {
            let event = tokio::select! {
                event = stream.next() => event?,
                () = sleep_until(flush_at) => {
                    self.flush().await;
                    flush_at = None;
                    continue;
                }
            };
            match event {
                ExecEvent::Output { bytes, .. } => {
                    hear(&bytes);
                    self.write(&bytes).await;
                    flush_at = flush_at.or(Some(tokio::time::Instant::now() + LINGER));
                }
                ExecEvent::Exit(exit) => {
                    self.flush().await;
                    return Ok(exit);
                }
            }
        }
    }
}

/// Runs a command whose output is not logged, and keeps the end of that.
pub(crate) async fn run_quietly(
    agent: &AgentClient,
    request: ExecRequest,
    kept: &mut Tail,
) -> Result<ExecExit, AgentError> {
    run_and_only_hear(agent, request, &mut |bytes| kept.add(bytes)).await
}

/// Runs a command whose output only somebody hears.
pub(crate) async fn run_and_only_hear(
    agent: &AgentClient,
    request: ExecRequest,
    hear: &mut (dyn FnMut(&[u8]) + Send),
) -> Result<ExecExit, AgentError> {
    let mut stream = agent.exec(request).await?;
    loop {
        match stream.next().await? {
            ExecEvent::Output { bytes, .. } => hear(&bytes),
            ExecEvent::Exit(exit) => return Ok(exit),
        }
    }
}

async fn sleep_until(when: Option<tokio::time::Instant>) {
    match when {
        Some(when) => tokio::time::sleep_until(when).await,
        None => std::future::pending().await,
    }
}

/// Output of which the middle is dropped when there is too much: the beginning names what ran, the end says why it
/// failed.
#[derive(Debug)]
pub(crate) struct Tail {
    limit: usize,
    head: Vec<u8>,
    tail: std::collections::VecDeque<u8>,
    dropped: usize,
}

impl Tail {
    /// Keeps at most this many bytes, a quarter of them from the beginning.
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, head: Vec::new(), tail: std::collections::VecDeque::new(), dropped: 0 }
    }

    pub(crate) fn add(&mut self, bytes: &[u8]) {
        let head_limit = self.limit / 4;
        let into_head = bytes.len().min(head_limit.saturating_sub(self.head.len()));
        self.head.extend_from_slice(&bytes[..into_head]);
        let tail_limit = self.limit - head_limit;
        let rest = &bytes[into_head..];
        let skip = rest.len().saturating_sub(tail_limit);
        self.dropped += skip;
        self.tail.extend(&rest[skip..]);
        let over = self.tail.len().saturating_sub(tail_limit);
        self.tail.drain(..over);
        self.dropped += over;
    }

    /// What was kept, as text.
    pub(crate) fn text(self) -> String {
        let mut bytes = self.head;
        if self.dropped > 0 {
            bytes.extend_from_slice(format!("\n[{} bytes dropped]\n", self.dropped).as_bytes());
        }
        bytes.extend(self.tail);
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_dropped() {
        let mut all = Tail::new(100);
        all.add("über".as_bytes());
        all.add(b" all");
        assert_eq!(all.text(), "über all");
        let mut cut = Tail::new(8);
        for byte in b"abcdefghijklmnop" {
            cut.add(&[*byte]);
        }
        assert_eq!(cut.text(), "ab\n[8 bytes dropped]\nklmnop");
        let mut once = Tail::new(8);
        once.add(b"abcdefghijklmnop");
        assert_eq!(once.text(), "ab\n[8 bytes dropped]\nklmnop");
    }
}
