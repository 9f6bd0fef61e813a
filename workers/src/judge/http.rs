//! Asking a container over HTTP, from within the sandbox.

use std::collections::BTreeMap;

use containrlab_domain::judge::{ContainerState, HttpExpectation, HttpObserved, HttpResponse, Method};

use super::commands::ask;
use super::container::Container;
use super::looks::Looks;
use crate::sandbox::{AgentClient, AgentError};

/// Bytes of a body that are read.
const BODY: usize = 64 * 1024;

/// Bytes of headers that are read.
const HEADERS: usize = 16 * 1024;

/// Seconds that one question may take when asking again does no harm.
const ONE_QUESTION: u32 = 5;

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
    let mut looks = Looks::new();
    loop {
        let answer = question(agent, &[], &address, expect, within_seconds).await?;
        let after_seconds = container.age();
        let is_over = match &answer {
            Ok(response) => expect.is_met(response).is_ok() || !expect.may_ask_again(response),
            Err(_) => false,
        };
        let state = if is_over { ContainerState::Running } else { container.state(agent).await? };
        if is_over || state != ContainerState::Running || !container.is_within(within_seconds) {
            let listens = match &answer {
                Err(_) if state == ContainerState::Running => container.listens(agent).await?,
                _ => Vec::new(),
            };
            let is_met = answer.as_ref().is_ok_and(|response| expect.is_met(response).is_ok());
            let log = if is_met { String::new() } else { container.log(agent).await? };
            let (response, error) = match answer {
                Ok(response) => (Some(response), None),
                Err(error) => (None, Some(error)),
            };
            return Ok(HttpObserved { response, error, after_seconds, container: state, listens, log });
        }
        looks.pause().await;
    }
}

/// One question at an address, asked by `curl`, which runs by means of another command if one is given. The inner error says why
/// there was no answer.
pub(super) async fn question(
    agent: &AgentClient,
    by: &[&str],
    address: &str,
    expect: &HttpExpectation,
    within_seconds: u32,
) -> Result<Result<HttpResponse, String>, AgentError> {
    // What changes something is asked once, and has all the time that there is.
    let patience = if expect.method.is_safe() { ONE_QUESTION } else { within_seconds.max(ONE_QUESTION) };
    let mut argv: Vec<String> = by.iter().map(|word| (*word).to_owned()).collect();
    argv.extend(
        [
            "curl",
            "--disable",
            "--silent",
            "--show-error",
            "--include",
            "--http1.1",
            "--globoff",
            "--path-as-is",
            "--noproxy",
            "*",
            "--max-time",
        ]
        .map(str::to_owned),
    );
    argv.push(patience.to_string());
    match expect.method {
        Method::Get => {}
        Method::Head => argv.push("--head".to_owned()),
        method => argv.extend(["--request".to_owned(), method.to_string()]),
    }
    for (name, value) in &expect.request_headers {
        argv.extend(["--header".to_owned(), format!("{name}: {value}")]);
    }
    if let Some(body) = &expect.request_body {
        argv.extend(["--data-raw".to_owned(), body.clone()]);
        // curl makes a POST of everything with a body.
        if expect.method == Method::Get {
            argv.extend(["--request", "GET"].map(str::to_owned));
        }
    }
    argv.push(format!("http://{address}{}", expect.path));
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let said = ask(agent, &words, HEADERS + BODY).await?;
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
