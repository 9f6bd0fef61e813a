//! A wire between the store and a server that a test can cut at a chosen moment.

use std::sync::Arc;
use std::sync::Mutex;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use url::Url;

/// What is done to the wire when words pass it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// The server never gets the words.
    Before,
    /// The server acts on the words, but its answer never comes back.
    After,
}

/// A wire to a server.
pub(crate) struct Proxy {
    url: String,
    wire: Arc<Wire>,
    stop: CancellationToken,
}

#[derive(Default)]
struct Wire {
    refusing: Mutex<bool>,
    /// The next time that these words pass from the client to the server, the wire is cut.
    trap: Mutex<Option<(&'static [u8], Cut)>>,
    connections: Mutex<Vec<CancellationToken>>,
}

impl Proxy {
    /// A wire to the server of this address.
    pub(crate) async fn before(server: &str) -> Self {
        let mut url = Url::parse(server).expect("an address");
        let default_port = if url.scheme() == "redis" { 6379 } else { 5432 };
        let target = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(default_port));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        let (wire, stop) = (Arc::new(Wire::default()), CancellationToken::new());
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve(listener, target, wire.clone())));
        Self { url: url.to_string(), wire, stop }
    }

    /// The address of this end of the wire.
    pub(crate) fn url(&self) -> String {
        self.url.clone()
    }

    /// Cuts all connections, and lets no new one through.
    pub(crate) fn refuse(&self) {
        *self.wire.refusing.lock().unwrap() = true;
        for connection in self.wire.connections.lock().unwrap().drain(..) {
            connection.cancel();
        }
    }

    /// Lets connections through again.
    pub(crate) fn accept(&self) {
        *self.wire.refusing.lock().unwrap() = false;
    }

    /// Cuts the connection on which these words pass next.
    pub(crate) fn cut_at(&self, words: &'static [u8], cut: Cut) {
        *self.wire.trap.lock().unwrap() = Some((words, cut));
    }

    /// Whether the trap was sprung.
    pub(crate) fn was_cut(&self) -> bool {
        self.wire.trap.lock().unwrap().is_none()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.stop.cancel();
        self.refuse();
    }
}

async fn serve(listener: TcpListener, target: String, wire: Arc<Wire>) {
    while let Ok((client, _)) = listener.accept().await {
        if *wire.refusing.lock().unwrap() {
            continue;
        }
        let connection = CancellationToken::new();
        wire.connections.lock().unwrap().push(connection.clone());
        let passing = pass(client, target.clone(), wire.clone());
        tokio::spawn(connection.run_until_cancelled_owned(passing));
    }
}

/// Passes bytes both ways until one side or the trap ends it.
async fn pass(mut client: TcpStream, target: String, wire: Arc<Wire>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let (mut up, mut down) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        tokio::select! {
            read = client.read(&mut up) => match read {
                Ok(size @ 1..) => {
                    let cut = wire.sprung_by(&up[..size]);
                    if cut == Some(Cut::Before) || server.write_all(&up[..size]).await.is_err() {
                        return;
                    }
                    if cut == Some(Cut::After) {
                        // The answer says that the server has acted; nobody gets to see it.
                        let _ = tokio::time::timeout(Duration::from_secs(10), server.read(&mut down)).await;
                        return;
                    }
                }
                _ => return,
            },
            read = server.read(&mut down) => match read {
                Ok(size @ 1..) if client.write_all(&down[..size]).await.is_ok() => {}
                _ => return,
            },
        }
    }
}

impl Wire {
    fn sprung_by(&self, bytes: &[u8]) -> Option<Cut> {
        let mut trap = self.trap.lock().unwrap();
        let (words, cut) = (*trap)?;
        if !bytes.windows(words.len()).any(|window| window == words) {
            return None;
        }
        *trap = None;
        Some(cut)
    }
}
