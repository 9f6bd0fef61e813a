//! How it is seen that a service takes work.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

/// A question that only a service that is ready answers well.
#[derive(Debug, Clone)]
pub(crate) enum Ready {
    /// `pg_isready` says so.
    Postgres {
        /// PostgreSQL's own programs.
        programs: PathBuf,
        /// Its port on the loopback address.
        port: u16,
    },
    /// Redis lets us in and answers PING. While it still loads its data it does not.
    Redis {
        /// Its port on the loopback address.
        port: u16,
        /// Its password.
        password: String,
    },
    /// Docker's API answers `/_ping`.
    Docker {
        /// As in `DOCKER_HOST`.
        host: String,
    },
    /// A web server answers with a success.
    Http {
        /// The address that is asked.
        address: SocketAddr,
        /// The path that is asked for.
        path: &'static str,
    },
    /// The process has written a file.
    File(PathBuf),
}

impl Ready {
    /// Asks once. The answer of something that hangs counts as no after a second.
    pub(crate) async fn is(&self) -> bool {
        tokio::time::timeout(Duration::from_secs(1), self.ask()).await.unwrap_or(false)
    }

    /// Before a new start: a file from the process before would say "ready" for the one that starts.
    pub(crate) fn forget(&self) {
        if let Self::File(path) = self {
            let _ = std::fs::remove_file(path);
        }
    }

    async fn ask(&self) -> bool {
        match self {
            Self::Postgres { programs, port } => tokio::process::Command::new(programs.join("pg_isready"))
                .args(["--quiet", "--host=127.0.0.1", "--dbname=postgres", &format!("--port={port}")])
                .kill_on_drop(true)
                .status()
                .await
                .is_ok_and(|status| status.success()),
            Self::Redis { port, password } => {
                let Ok(stream) = TcpStream::connect(("127.0.0.1", *port)).await else { return false };
                let answer = converse(stream, &format!("AUTH {password}\r\nPING\r\nQUIT\r\n")).await;
                answer.is_some_and(|answer| answer.contains("+PONG"))
            }
            Self::Docker { host } => docker_answers(host).await,
            Self::Http { address, path } => {
                let Ok(stream) = TcpStream::connect(address).await else { return false };
                succeeds(converse(stream, &get(path)).await)
            }
            Self::File(path) => path.exists(),
        }
    }
}

/// Whether a Docker engine answers at an address as in `DOCKER_HOST`.
async fn docker_answers(host: &str) -> bool {
    let question = get("/_ping");
    if let Some(socket) = host.strip_prefix("unix://") {
        let Ok(stream) = UnixStream::connect(Path::new(socket)).await else { return false };
        return succeeds(converse(stream, &question).await);
    }
    let address = host.split_once("://").map_or(host, |(_, address)| address).trim_end_matches('/');
    let Ok(stream) = TcpStream::connect(address).await else { return false };
    succeeds(converse(stream, &question).await)
}

fn get(path: &str) -> String {
    format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
}

fn succeeds(answer: Option<String>) -> bool {
    answer.is_some_and(|answer| {
        answer
            .split_ascii_whitespace()
            .nth(1)
            .is_some_and(|status| status.len() == 3 && status.starts_with('2'))
    })
}

/// Says something and reads the answer until the other side closes.
async fn converse(mut stream: impl AsyncRead + AsyncWrite + Unpin, question: &str) -> Option<String> {
    const LONGEST: u64 = 64 * 1024;
    stream.write_all(question.as_bytes()).await.ok()?;
    let mut answer = Vec::new();
    stream.take(LONGEST).read_to_end(&mut answer).await.ok()?;
    Some(String::from_utf8_lossy(&answer).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn server(answer: &'static str) -> SocketAddr {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut question = [0; 1024];
                let _ = stream.read(&mut question).await;
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        });
        address
    }

    #[tokio::test]
    async fn only_a_success_counts() {
        let good = server("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nOK").await;
        assert!(Ready::Http { address: good, path: "/" }.is().await);
        assert!(Ready::Docker { host: format!("tcp://{good}") }.is().await);
        let bad = server("HTTP/1.1 503 Service Unavailable\r\n\r\n").await;
        assert!(!Ready::Http { address: bad, path: "/" }.is().await);
        assert!(!Ready::Docker { host: format!("tcp://{bad}") }.is().await);
    }

    #[tokio::test]
    async fn a_redis_that_still_loads_is_not_ready() {
        let loading = server("+OK\r\n-LOADING Redis is loading the dataset in memory\r\n").await;
        assert!(!Ready::Redis { port: loading.port(), password: "x".into() }.is().await);
        let loaded = server("+OK\r\n+PONG\r\n+OK\r\n").await;
        assert!(Ready::Redis { port: loaded.port(), password: "x".into() }.is().await);
    }

    #[tokio::test]
    async fn nobody_there_is_a_no() {
        let address = server("").await;
        assert!(!Ready::Docker { host: "unix:///nowhere/docker.sock".into() }.is().await);
        assert!(!Ready::Http { address, path: "/" }.is().await);
    }
}
