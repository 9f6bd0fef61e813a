//! A session's live updates: server-sent events.

use std::pin::Pin;
use std::time::Duration;

use futures::{Stream, StreamExt};
use serde_json::Value;

use super::client::Client;
use crate::failure::Failure;

/// One update.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Event {
    /// What kind it is.
    pub(crate) name: String,
    /// Its content.
    pub(crate) data: Value,
}

type Chunks = Pin<Box<dyn Stream<Item = reqwest::Result<Vec<u8>>> + Send>>;

/// The updates of one session, from its beginning. Connects again where it left off when the connection breaks.
pub(crate) struct Live<'a> {
    client: &'a Client,
    session: String,
    chunks: Chunks,
    parser: Parser,
}

impl<'a> Live<'a> {
    pub(crate) async fn follow(client: &'a Client, session: &str) -> Result<Self, Failure> {
        let chunks = connect(client, session, 0).await?;
        Ok(Self { client, session: session.to_owned(), chunks, parser: Parser::default() })
    }

    /// Reads updates until one decides.
    pub(crate) async fn until<T>(
        &mut self,
        patience: Duration,
        what: &str,
        mut decide: impl FnMut(&Event) -> Result<Option<T>, Failure>,
    ) -> Result<T, Failure> {
        let search = async {
            loop {
                let event = self.next().await?;
                if let Some(decided) = decide(&event)? {
                    return Ok(decided);
                }
                if event.name == "end" {
                    return Err(Failure::Client(format!("The session ended while {what} was waited for.")));
                }
            }
        };
        tokio::time::timeout(patience, search).await.unwrap_or_else(|_| {
            Err(Failure::Client(format!("Waited for {what} for {} s in vain.", patience.as_secs())))
        })
    }

    async fn next(&mut self) -> Result<Event, Failure> {
        const PAUSE: Duration = Duration::from_millis(300);
        loop {
            if let Some(event) = self.parser.next() {
                return Ok(event);
            }
            match self.chunks.next().await {
                Some(Ok(bytes)) => self.parser.take(&bytes),
                Some(Err(_)) | None => {
                    // The server restarts, maybe; the time limit of the wait above bounds this.
                    tokio::time::sleep(PAUSE).await;
                    let last = self.parser.restart();
                    if let Ok(chunks) = connect(self.client, &self.session, last).await {
                        self.chunks = chunks;
                    }
                }
            }
        }
    }
}

async fn connect(client: &Client, session: &str, after: i64) -> Result<Chunks, Failure> {
    let response = client.stream(&format!("/api/sessions/{session}/events?after={after}")).await?;
    Ok(Box::pin(response.bytes_stream().map(|chunk| chunk.map(|bytes| bytes.to_vec()))))
}

/// Cuts a stream of bytes into events.
#[derive(Debug, Default)]
struct Parser {
    rest: Vec<u8>,
    name: String,
    data: String,
    /// The position of the last event that had one.
    last: i64,
}

impl Parser {
    fn take(&mut self, bytes: &[u8]) {
        self.rest.extend_from_slice(bytes);
    }

    /// Forgets half an event and gives the position to go on from.
    fn restart(&mut self) -> i64 {
        *self = Self { last: self.last, ..Self::default() };
        self.last
    }

    fn next(&mut self) -> Option<Event> {
        loop {
            let end = self.rest.iter().position(|byte| *byte == b'\n')?;
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = String::from_utf8_lossy(&line);
            let line = line.trim_end_matches(['\n', '\r']);
            if line.is_empty() {
                if self.name.is_empty() && self.data.is_empty() {
                    continue;
                }
                let data =
                    serde_json::from_str(&self.data).unwrap_or(Value::String(std::mem::take(&mut self.data)));
                self.data.clear();
                return Some(Event { name: std::mem::take(&mut self.name), data });
            }
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            let value = value.strip_prefix(' ').unwrap_or(value);
            match field {
                "event" => self.name = value.to_owned(),
                "data" => {
                    if !self.data.is_empty() {
                        self.data.push('\n');
                    }
                    self.data.push_str(value);
                }
                "id" => self.last = value.parse().unwrap_or(self.last),
                // A comment keeps the connection alive.
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn events_are_whole_however_the_bytes_arrive() {
        let stream = "event: session\ndata: {\"phase\":\"ready\",\"näme\":1}\n\n: keep-alive\n\n\
                      event: log\nid: 7\ndata: {\"a\":\ndata: 2}\n\n"
            .as_bytes();
        for size in [1, 3, stream.len()] {
            let mut parser = Parser::default();
            let mut events = Vec::new();
            for piece in stream.chunks(size) {
                parser.take(piece);
                while let Some(event) = parser.next() {
                    events.push(event);
                }
            }
            assert_eq!(
                events,
                [
                    Event { name: "session".into(), data: json!({ "phase": "ready", "näme": 1 }) },
                    Event { name: "log".into(), data: json!({ "a": 2 }) },
                ]
            );
            assert_eq!(parser.restart(), 7);
        }
    }
}
