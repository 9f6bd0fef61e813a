//! Asking a container over HTTP, from within the sandbox.

use std::collections::BTreeMap;
use std::time::Duration;

use containrlab_domain::judge::checks::HttpExpectation;
use containrlab_domain::judge::{ContainerState, HttpObserved, HttpResponse};

use super::container::Container;
use super::engine::ask;
use crate::sandbox::{AgentClient, AgentError};

/// Between two questions.
const PAUSE: Duration = Duration::from_millis(300);

/// Bytes of a body that are read.
const BODY: usize = 64 * 1024;

/// Bytes of headers that are read.
const HEADERS: usize = 16 * 1024;

/// Asks until the answer is the right one, the container is gone or the time is over.
pub(super) async fn watch(
    agent: &AgentClient,
    container: &Container,
    expect: &HttpExpectation,
    within_seconds: u32,
) -> Result<HttpObserved, AgentError> {
    let address = container.address(expect.port);
    let address =
        address.ok_or_else(|| AgentError::Protocol(format!("port {} was not opened", expect.port)))?;
    let url = format!("http://{address}{}", expect.path);
    loop {
        let answer = get(agent, &url).await?;
        let after_seconds = container.age();
        let met = answer.as_ref().is_ok_and(|response| expect.is_met(response).is_ok());
        let state = if met { ContainerState::Running } else { container.state(agent).await? };
        if met || state != ContainerState::Running || !container.is_within(within_seconds) {
            let log = container.log(agent).await?;
            let (response, error) = match answer {
                Ok(response) => (Some(response), None),
                Err(error) => (None, Some(error)),
            };
            return Ok(HttpObserved { response, error, after_seconds, container: state, log });
        }
        tokio::time::sleep(PAUSE).await;
    }
}

/// One question. The inner error says why there was no answer.
async fn get(agent: &AgentClient, url: &str) -> Result<Result<HttpResponse, String>, AgentError> {
    let argv = [
        "curl",
        "--silent",
        "--show-error",
        "--include",
        "--http1.1",
        "--noproxy",
        "*",
        "--max-time",
        "5",
        url,
    ];
    let said = ask(agent, &argv, HEADERS + BODY).await?;
    if !said.is_fine() {
        let reason = said.stderr.trim();
        // `curl: (56) Recv failure: Connection reset by peer`
        let reason = reason.split_once(") ").map_or(reason, |(_, words)| words);
        return Ok(Err(reason.to_owned()));
    }
    Ok(parse(&said.stdout).ok_or_else(|| "the answer is no HTTP".to_owned()))
}

/// Reads what `curl --include` prints.
fn parse(text: &str) -> Option<HttpResponse> {
    let (head, body) = text.split_once("\r\n\r\n")?;
    let mut lines = head.split("\r\n");
    let status: u16 = lines.next()?.strip_prefix("HTTP/")?.split_whitespace().nth(1)?.parse().ok()?;
    if (100..200).contains(&status) {
        // What came before the answer proper.
        return parse(body);
    }
    let headers: BTreeMap<_, _> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let end = body
        .char_indices()
        .map(|(at, c)| at + c.len_utf8())
        .take_while(|end| *end <= BODY)
        .last()
        .unwrap_or(0);
    Some(HttpResponse { status, headers, body: body[..end].to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_read_with_status_headers_and_body() {
        let response = parse(
            "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nok\r\n\r\nmore",
        )
        .unwrap();
        assert_eq!((response.status, response.body.as_str()), (200, "ok\r\n\r\nmore"));
        assert_eq!(response.headers["content-type"], "text/plain");
        assert_eq!(parse("HTTP/1.0 404 Not Found\r\n\r\n").unwrap().status, 404);
        assert!(parse("nonsense").is_none());
        let long = format!("HTTP/1.1 200 OK\r\n\r\n{}", "ü".repeat(BODY));
        assert_eq!(parse(&long).unwrap().body.len(), BODY);
    }
}
