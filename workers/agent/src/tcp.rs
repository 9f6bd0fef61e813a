//! Connections to what listens in the sandbox: how the learner's own services are seen from outside, and how the engine is asked.
//!
//! Only the sandbox's loopback addresses are ever connected to. A published port listens there too, and nothing else of the
//! network can be reached this way.

use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::Receiver;
use std::time::Duration;

use containrlab_agent::message::{ErrorCode, Reply, WireError};
use rustix::net::{Shutdown, shutdown};

use crate::carry::{self, Input, InputQueue};
use crate::connection::Outbox;
use crate::window::Window;

/// How long a connection may take to come about. On a loopback address it does at once, or something is stuck.
const CONNECT_LIMIT: Duration = Duration::from_secs(5);

/// Connections that are open at once, over all connections of runners.
const MOST: usize = 128;
static OPEN: AtomicUsize = AtomicUsize::new(0);

/// An open connection, as the runner's connection sees it.
pub(crate) struct Tcp {
    /// A socket of whichever kind.
    stream: File,
    window: Window,
    input: InputQueue,
    ended: AtomicBool,
    _place: Place,
}

impl Tcp {
    /// Connects to a port, by IPv4 or else by IPv6.
    pub(crate) fn connect(port: u16) -> Result<(Arc<Tcp>, Receiver<Input>), WireError> {
        let place = Place::take()?;
        let addresses: [IpAddr; 2] = [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()];
        let connect = |address| TcpStream::connect_timeout(&SocketAddr::new(address, port), CONNECT_LIMIT);
        let stream = addresses.into_iter().find_map(|address| connect(address).ok()).ok_or_else(|| {
            let sentence = format!("Nothing listens on port {port} of this sandbox.");
            WireError::new(ErrorCode::NotListening, sentence)
        })?;
        // A frame's bytes are a whole step of the protocol above more often than not.
        let _ = stream.set_nodelay(true);
        Ok(Tcp::over(stream.into(), place))
    }

    /// Connects to the engine at this socket, which nobody but root can have put there.
    pub(crate) fn connect_engine(socket: &Path) -> Result<(Arc<Tcp>, Receiver<Input>), WireError> {
        let place = Place::take()?;
        let stream = UnixStream::connect(socket).map_err(|error| {
            WireError::new(ErrorCode::NotListening, format!("The engine does not listen: {error}."))
        })?;
        Ok(Tcp::over(stream.into(), place))
    }

    fn over(stream: OwnedFd, place: Place) -> (Arc<Tcp>, Receiver<Input>) {
        let (input, receiver) = InputQueue::open();
        let (stream, ended) = (File::from(stream), AtomicBool::new(false));
        (Arc::new(Tcp { stream, window: Window::default(), input, ended, _place: place }), receiver)
    }

    /// Carries bytes both ways until the other side has sent its last, or the runner cancels.
    pub(crate) fn run(self: &Arc<Self>, id: u64, queue: Receiver<Input>, outbox: &Arc<Outbox>) {
        outbox.send(id, &Reply::TcpConnected, &[]);
        let feeder = {
            let (tcp, outbox) = (Arc::clone(self), Arc::clone(outbox));
            std::thread::Builder::new().stack_size(128 << 10).spawn(move || {
                carry::feed(&mut &tcp.stream, &queue, &outbox, &tcp.ended);
                // The runner has sent its last byte; what answers may go on.
                let _ = shutdown(&tcp.stream, Shutdown::Write);
            })
        };
        match feeder {
            Ok(feeder) => {
                carry::forward(id, &mut &self.stream, &Reply::TcpData, &self.window, outbox, &self.ended);
                self.end();
                // A panic there has been printed; the end is still worth telling.
                let _ = feeder.join();
            }
            Err(error) => eprintln!("containrlab-agent: a connection to a port gets no thread: {error}"),
        }
        outbox.send(id, &Reply::TcpEnd, &[]);
    }

    /// Queues bytes to be sent; with `end` they are the last.
    pub(crate) fn input(&self, request: u64, bytes: Vec<u8>, end: bool) -> Result<(), WireError> {
        self.input.push(request, bytes, end)
    }

    /// The reader has consumed this many bytes.
    pub(crate) fn acknowledge(&self, upto: u64) {
        self.window.acknowledge(upto);
    }

    /// Ends the connection.
    pub(crate) fn end(&self) {
        self.ended.store(true, Ordering::SeqCst);
        self.input.close();
        self.window.close();
        let _ = shutdown(&self.stream, Shutdown::Both);
    }
}

/// One of the [`MOST`] connections that may be open; given back when dropped.
struct Place;

impl Place {
    fn take() -> Result<Place, WireError> {
        // The place gives the number back if it was one too many.
        let (before, place) = (OPEN.fetch_add(1, Ordering::SeqCst), Place);
        if before < MOST {
            return Ok(place);
        }
        let sentence = format!("There are {MOST} connections into this sandbox already.");
        Err(WireError::new(ErrorCode::Busy, sentence))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        OPEN.fetch_sub(1, Ordering::SeqCst);
    }
}
