//! A wire between a program and a server that a test can cut, at a chosen moment too, or let go silent.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;
use url::Url;

/// What is done to the wire when words pass it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cut {
    /// The server never gets the words.
    Before,
    /// The server acts on the words, but its answer never comes back.
    After,
}

/// A wire to a server.
pub struct Proxy {
    url: String,
    wire: Arc<Wire>,
    stop: CancellationToken,
}

struct Wire {
    refusing: Mutex<bool>,
    /// Whether nothing passes, though nothing is cut: a network that loses all packets.
    silent: watch::Sender<bool>,
    /// The next time that these words pass from the client to the server, the wire is cut.
    trap: Mutex<Option<(&'static [u8], Cut)>>,
    connections: Mutex<Vec<CancellationToken>>,
    /// Connections that were ever asked for.
    asked: AtomicUsize,
}

/// Every change is one assignment, so that nothing half done can be seen after a panic.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Proxy {
    /// A wire to the server of this address.
    ///
    /// # Panics
    /// When the address is none, or this machine has no free port.
    pub async fn before(server: &str) -> Self {
        let mut url = Url::parse(server).expect("an address");
        let default_port = if url.scheme() == "redis" { 6379 } else { 5432 };
        let target = format!("{}:{}", url.host_str().expect("a host"), url.port().unwrap_or(default_port));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let port = listener.local_addr().expect("an address").port();
        url.set_host(Some("127.0.0.1")).expect("a host");
        url.set_port(Some(port)).expect("a port");
        let wire = Arc::new(Wire {
            refusing: Mutex::default(),
            silent: watch::Sender::new(false),
            trap: Mutex::default(),
            connections: Mutex::default(),
            asked: AtomicUsize::new(0),
        });
        let stop = CancellationToken::new();
        tokio::spawn(stop.clone().run_until_cancelled_owned(serve(listener, target, wire.clone())));
        Self { url: url.to_string(), wire, stop }
    }

    /// The address of this end of the wire.
    pub fn url(&self) -> String {
        self.url.clone()
    }

    /// Cuts all connections, whatever passes them just now; new ones get through.
    pub fn cut(&self) {
        for connection in locked(&self.wire.connections).drain(..) {
            connection.cancel();
        }
    }

    /// Cuts all connections, and lets no new one through.
    pub fn refuse(&self) {
        *locked(&self.wire.refusing) = true;
        self.cut();
    }

    /// Lets connections through again.
    pub fn accept(&self) {
        *locked(&self.wire.refusing) = false;
    }

    /// Lets nothing pass without cutting anything, or ends that.
    pub fn go_silent(&self, silent: bool) {
        self.wire.silent.send_replace(silent);
    }

    /// Cuts the connection on which these words pass next.
    pub fn cut_at(&self, words: &'static [u8], cut: Cut) {
        *locked(&self.wire.trap) = Some((words, cut));
    }

    /// Whether the trap was sprung.
    pub fn was_cut(&self) -> bool {
        locked(&self.wire.trap).is_none()
    }

    /// How many connections were asked for so far, those among them that were refused.
    pub fn asked(&self) -> usize {
        self.wire.asked.load(Ordering::Relaxed)
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
        wire.asked.fetch_add(1, Ordering::Relaxed);
        if *locked(&wire.refusing) {
            continue;
        }
        let connection = CancellationToken::new();
        locked(&wire.connections).push(connection.clone());
        let passing = pass(client, target.clone(), wire.clone());
        tokio::spawn(connection.run_until_cancelled_owned(passing));
    }
}

/// Passes bytes both ways until one side or the trap ends it.
async fn pass(mut client: TcpStream, target: String, wire: Arc<Wire>) {
    let Ok(mut server) = TcpStream::connect(target).await else { return };
    let mut silent = wire.silent.subscribe();
    let (mut up, mut down) = ([0; 16 * 1024], [0; 16 * 1024]);
    loop {
        if silent.wait_for(|silent| !silent).await.is_err() {
            return;
        }
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
            _ = silent.changed() => {}
        }
    }
}

impl Wire {
    fn sprung_by(&self, bytes: &[u8]) -> Option<Cut> {
        let mut trap = locked(&self.trap);
        let (words, cut) = (*trap)?;
        if !bytes.windows(words.len()).any(|window| window == words) {
            return None;
        }
        *trap = None;
        Some(cut)
    }
}
