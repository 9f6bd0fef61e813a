//! The terminal: one command in the learner's shell, over the WebSocket that the page uses.

use std::time::Duration;

use futures::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;

use super::client::Client;
use crate::failure::Failure;

/// How long the command may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// The line that the shell prints after the command. It is typed with a gap in it, so that the echo of what is typed does not look
/// like it.
const DONE: &str = "containrlab-demo-ended-with-";
const TYPED: &str = "containrlab-demo-ended''-with-";

/// Types a command into the session's main terminal and gives what it put out. An error if it did not end with 0.
pub(crate) async fn run(client: &Client, session: &str, command: &str) -> Result<String, Failure> {
    tokio::time::timeout(PATIENCE, converse(client, session, command)).await.unwrap_or_else(|_| {
        Err(Failure::Client(format!(
            "`{command}` did not end in the terminal within {} s.",
            PATIENCE.as_secs()
        )))
    })
}

/// Opens the session's main terminal and waits for the first bytes of its prompt.
pub(crate) async fn prompt(client: &Client, session: &str) -> Result<(), Failure> {
    let broken =
        |error: &dyn std::fmt::Display| Failure::Client(format!("The terminal's connection broke: {error}."));
    let request = client.web_socket(&path(session))?;
    let (mut socket, _) = tokio_tungstenite::connect_async(request).await.map_err(|error| broken(&error))?;
    while let Some(message) = socket.next().await {
        if let Message::Binary(bytes) = message.map_err(|error| broken(&error))?
            && bytes.len() > 8
        {
            let _ = socket.close(None).await;
            return Ok(());
        }
    }
    Err(Failure::Client("The terminal's connection ended before there was a prompt.".into()))
}

fn path(session: &str) -> String {
    format!("/api/sessions/{session}/terminal/ws?terminal=main&from=0&cols=100&rows=30")
}

async fn converse(client: &Client, session: &str, command: &str) -> Result<String, Failure> {
    let broken =
        |error: &dyn std::fmt::Display| Failure::Client(format!("The terminal's connection broke: {error}."));
    let request = client.web_socket(&path(session))?;
    let (socket, _) = tokio_tungstenite::connect_async(request).await.map_err(|error| broken(&error))?;
    let (mut typing, mut screen) = socket.split();
    let mut typed = false;
    let mut output = Vec::new();
    while let Some(message) = screen.next().await {
        match message.map_err(|error| broken(&error))? {
            Message::Text(text) => {
                let message: Value = serde_json::from_str(&text).unwrap_or_default();
                match message["type"].as_str() {
                    Some("error") => {
                        let detail = message["detail"].as_str().unwrap_or("no reason given");
                        return Err(Failure::Client(format!("The terminal refused: {detail}")));
                    }
                    Some("exit") => return Err(Failure::Client("The shell in the terminal ended.".into())),
                    _ => {}
                }
            }
            Message::Binary(bytes) => {
                let Some((position, bytes)) = bytes.split_first_chunk::<8>() else { continue };
                output.extend_from_slice(bytes);
                // Nothing more is sent before what was sent is acknowledged.
                let next = u64::from_be_bytes(*position) + bytes.len() as u64;
                let ack = json!({ "type": "ack", "position": next }).to_string();
                typing.send(Message::text(ack)).await.map_err(|error| broken(&error))?;
                if !typed {
                    // The first output is the prompt: from here on the shell reads.
                    typed = true;
                    let line = format!("{command}; echo {TYPED}$?\r");
                    typing.send(Message::binary(line.into_bytes())).await.map_err(|error| broken(&error))?;
                }
                let text = String::from_utf8_lossy(&output);
                if let Some((before, code)) = ended(&text) {
                    let _ = typing.close().await;
                    let shown = plain(&before, command);
                    return match code {
                        0 => Ok(shown),
                        code => Err(Failure::Client(format!(
                            "`{command}` ended with code {code} in the terminal:\n{shown}"
                        ))),
                    };
                }
            }
            Message::Close(frame) => {
                let reason = frame.map(|frame| frame.to_string()).unwrap_or_default();
                return Err(Failure::Client(format!(
                    "The terminal was closed before `{command}` ended. {reason}"
                )));
            }
            _ => {}
        }
    }
    Err(Failure::Client(format!("The terminal's connection ended before `{command}` did.")))
}

/// What stands before the end's line, and the exit code in it, once that line is whole.
fn ended(output: &str) -> Option<(String, i32)> {
    let (before, after) = output.split_once(DONE)?;
    let (code, _) = after.split_once(['\r', '\n'])?;
    Some((before.to_owned(), code.trim().parse().ok()?))
}

/// The output without the typed line before it and without a terminal's control sequences.
fn plain(output: &str, command: &str) -> String {
    let mut text = String::new();
    let mut letters = output.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\x1b' => match letters.next() {
                // CSI: parameters, then one letter.
                Some('[') => while letters.next().is_some_and(|letter| !('@'..='~').contains(&letter)) {},
                // OSC: to BEL or ST.
                Some(']') => {
                    while let Some(letter) = letters.next() {
                        if letter == '\x07' || (letter == '\x1b' && letters.next_if_eq(&'\\').is_some()) {
                            break;
                        }
                    }
                }
                _ => {}
            },
            '\r' | '\x07' => {}
            letter => text.push(letter),
        }
    }
    let typed = format!("{command}; echo {TYPED}$?");
    let after = text.rsplit_once(&typed).map_or(text.as_str(), |(_, after)| after);
    after.trim_matches('\n').to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_echo_of_the_typed_line_does_not_end_it() {
        let echo = format!("$ docker version; echo {TYPED}$?\r\n");
        assert_eq!(ended(&echo), None);
        let half = format!("{echo}Client:\r\n{DONE}1");
        assert_eq!(ended(&half), None, "the code may go on");
        let whole = format!("{half}27\r\n$ ");
        let (before, code) = ended(&whole).unwrap();
        assert_eq!(code, 127);
        assert_eq!(plain(&before, "docker version"), "Client:");
    }

    #[test]
    fn control_sequences_are_left_out() {
        assert_eq!(plain("\x1b]0;title\x07\x1b[?2004h\x1b[01;32mgreen\x1b[0m text\r\n", "x"), "green text");
    }
}
