//! The judgement's log, to which several steps write at once.

use std::sync::{Mutex, PoisonError};

use containrlab_agent::message::{ExecExit, ExecRequest};

use crate::jobs::{LogWriter, Tail, run_and_only_hear};
use crate::sandbox::{AgentClient, AgentError};

/// Bytes of a command's output that wait while another command's is written.
const WAITING: usize = 256 * 1024;

/// Writes what steps have to say. One command at a time is heard as it runs; what others say meanwhile follows after it, so that
/// no line is torn.
pub(super) struct Journal<'w> {
    writer: tokio::sync::Mutex<&'w mut LogWriter>,
    waiting: Mutex<String>,
}

impl<'w> Journal<'w> {
    pub(super) fn new(writer: &'w mut LogWriter) -> Self {
        Self { writer: tokio::sync::Mutex::new(writer), waiting: Mutex::default() }
    }

    /// Says a line, or several.
    pub(super) async fn say(&self, text: &str) {
        self.waiting().push_str(text);
        self.waiting().push('\n');
        if let Ok(mut writer) = self.writer.try_lock() {
            self.write_waiting(&mut writer).await;
        }
    }

    /// Runs a command whose output belongs into the log and lets somebody else hear it too.
    pub(super) async fn run(
        &self,
        agent: &AgentClient,
        request: ExecRequest,
        hear: &mut (dyn FnMut(&[u8]) + Send),
    ) -> Result<ExecExit, AgentError> {
        if let Ok(mut writer) = self.writer.try_lock() {
            let exit = writer.run_and_hear(agent, request, hear).await;
            self.write_waiting(&mut writer).await;
            return exit;
        }
        let mut kept = Tail::new(WAITING);
        let exit = run_and_only_hear(agent, request, &mut |bytes| {
            hear(bytes);
            kept.add(bytes);
        })
        .await;
        self.say(kept.text().trim_end()).await;
        exit
    }

    async fn write_waiting(&self, writer: &mut LogWriter) {
        loop {
            let text = std::mem::take(&mut *self.waiting());
            if text.is_empty() {
                return writer.flush().await;
            }
            writer.write(text.as_bytes()).await;
        }
    }

    fn waiting(&self) -> std::sync::MutexGuard<'_, String> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
