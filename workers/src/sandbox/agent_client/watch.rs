//! News of changes in the workspace.

use bytes::Bytes;
use containrlab_agent::message::{Reply, Request};

use super::AgentClient;
use super::error::AgentError;
use super::link::Call;

/// What changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changed {
    /// Files and folders, each once; of a folder, anything beneath it may have changed too.
    pub paths: Vec<String>,
    /// Too much changed to be told, or some may have been missed: anything may have changed.
    pub rescan: bool,
}

/// Hears of changes until it is dropped. After a broken connection it begins anew with a `rescan`.
#[derive(Debug)]
pub struct Watch {
    client: AgentClient,
    ignore: Vec<String>,
    call: Option<Call>,
    batches: u64,
}

impl AgentClient {
    /// Hears of every change from now on, but for files and folders of the names in `ignore`.
    ///
    /// # Errors
    /// A refusal if the workspace can't be watched.
    pub async fn watch(&self, ignore: &[&str]) -> Result<Watch, AgentError> {
        let ignore: Vec<String> = ignore.iter().map(|name| (*name).to_owned()).collect();
        let call = self.start_watch(ignore.clone()).await?;
        Ok(Watch { client: self.clone(), ignore, call: Some(call), batches: 0 })
    }

    async fn start_watch(&self, ignore: Vec<String>) -> Result<Call, AgentError> {
        let mut call = self.link().await?.ask(Request::Watch { ignore }, Bytes::new())?;
        match call.next().await? {
            (Reply::Watching, _) => Ok(call),
            (other, _) => Err(AgentError::Protocol(format!("{other:?} for a watch"))),
        }
    }
}

impl Watch {
    /// The next news. May be dropped while it waits.
    ///
    /// # Errors
    /// [`AgentError::Gone`] or [`AgentError::Unreachable`] if there is no connection to be had any more.
    pub async fn next(&mut self) -> Result<Changed, AgentError> {
        let Some(call) = &mut self.call else {
            self.client.link_again().await?;
            let call = self.client.start_watch(self.ignore.clone()).await?;
            (self.call, self.batches) = (Some(call), 0);
            return Ok(Changed { paths: Vec::new(), rescan: true });
        };
        match call.next().await {
            Ok((Reply::Changed { paths, rescan }, _)) => {
                self.batches += 1;
                call.acknowledge(self.batches);
                Ok(Changed { paths, rescan })
            }
            // The helper that watches ended; whatever the reason, watching anew and looking at everything mends it.
            Ok((Reply::Done, _)) | Err(AgentError::Lost) => {
                self.call = None;
                Box::pin(self.next()).await
            }
            Ok((other, _)) => Err(AgentError::Protocol(format!("{other:?} from a watch"))),
            Err(error) => Err(error),
        }
    }
}
