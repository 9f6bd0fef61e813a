//! Server-sent events, read as a browser reads them.

use reqwest::{RequestBuilder, Response};
use serde_json::Value;

use super::DEADLINE;

/// A stream of events.
pub(crate) struct Sse {
    response: Response,
    buffer: String,
}

/// One event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SseEvent {
    pub(crate) name: String,
    pub(crate) id: Option<String>,
    pub(crate) data: String,
}

impl SseEvent {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.data).expect("JSON")
    }
}

impl Sse {
    pub(crate) async fn open(request: RequestBuilder) -> Self {
        let response = request.header("accept", "text/event-stream").send().await.expect("an answer");
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()["content-type"], "text/event-stream");
        assert!(!response.headers().contains_key("content-encoding"));
        Self { response, buffer: String::new() }
    }

    /// The next event; `None` when the stream ends.
    pub(crate) async fn next(&mut self) -> Option<SseEvent> {
        tokio::time::timeout(DEADLINE, self.next_event()).await.expect("an event in time")
    }

    /// The next event that is of interest.
    pub(crate) async fn until(&mut self, mut interesting: impl FnMut(&SseEvent) -> bool) -> SseEvent {
        let wait = async {
            loop {
                let event = self.next_event().await.expect("the stream goes on");
                if interesting(&event) {
                    return event;
                }
            }
        };
        tokio::time::timeout(DEADLINE, wait).await.expect("the event in time")
    }

    /// The next event with this name.
    pub(crate) async fn named(&mut self, name: &str) -> SseEvent {
        self.until(|event| event.name == name).await
    }

    async fn next_event(&mut self) -> Option<SseEvent> {
        loop {
            if let Some(end) = self.buffer.find("\n\n") {
                let block: String = self.buffer.drain(..end + 2).collect();
                if let Some(event) = parse(&block) {
                    return Some(event);
                }
                continue;
            }
            let chunk = self.response.chunk().await.ok()??;
            self.buffer.push_str(std::str::from_utf8(&chunk).expect("UTF-8 whole in each chunk"));
        }
    }
}

fn parse(block: &str) -> Option<SseEvent> {
    let mut event = SseEvent { name: String::new(), id: None, data: String::new() };
    let mut lines = Vec::new();
    for line in block.lines().filter(|line| !line.starts_with(':') && !line.is_empty()) {
        let (field, value) = line.split_once(':').unwrap_or((line, ""));
        let value = value.strip_prefix(' ').unwrap_or(value);
        match field {
            "event" => event.name = value.to_owned(),
            "id" => event.id = Some(value.to_owned()),
            "data" => lines.push(value),
            other => panic!("the field {other}"),
        }
    }
    event.data = lines.join("\n");
    (!event.name.is_empty()).then_some(event)
}
