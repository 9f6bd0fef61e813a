//! A stand-in for the world outside: a web server in a network namespace of this machine, which also answers at a cloud's
//! metadata address. Nothing that is sent to it leaves the machine.

use std::fs::File;
use std::os::fd::AsFd;
use std::process::Command;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptions, ListImagesOptionsBuilder};
use containrlab_workers::images::IMAGE_LABEL;
use containrlab_workers::sandbox::INSTALLATION;
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use tokio::net::{TcpListener, UdpSocket};

use crate::bed::{Bed, eventually};

/// Networks that are nobody's (kept for documentation and for measurements), one for each test that needs one.
pub(crate) const PLACES: [&str; 5] = ["198.51.100", "203.0.113", "198.18.0", "198.18.1", "198.18.2"];

/// There is one metadata address on a machine: whoever locks this file, in whichever process, has it for now.
fn one_at_a_time() -> File {
    let file = File::create("/run/lock/containrlab-outside").expect("a file to lock");
    file.lock().expect("a lock");
    file
}

/// The server. It goes with its container, and the container with the bed.
pub(crate) struct Outside {
    _alone: File,
    /// The host's end of the way there.
    link: String,
    pid: i64,
    /// Where it answers.
    pub(crate) address: String,
    /// Where it answers as well.
    pub(crate) other: String,
    /// Where it answers in the place of a cloud's metadata service, as far as the host can reach it.
    pub(crate) metadata: String,
}

impl Outside {
    pub(crate) async fn new(bed: &Bed, place: &str) -> Self {
        // Networks that this machine is in are not to be shadowed.
        run(&format!("! ip -4 address show | grep --quiet 'inet {place}\\.'"));
        let alone = tokio::task::spawn_blocking(one_at_a_time).await.expect("a turn");
        let filter =
            std::collections::HashMap::from([("label", vec![format!("{IMAGE_LABEL}=busybox:latest")])]);
        let images = bed.docker.list_images(Some(ListImagesOptionsBuilder::new().filters(&filter).build()));
        let image = images.await.expect("images").pop().expect("busybox on the host's engine").id;
        let script = "mkdir /www && echo outside > /www/index.html && exec httpd -f -p 80 -h /www";
        let body = ContainerCreateBody {
            image: Some(image),
            cmd: Some(["sh", "-c", script].map(str::to_owned).to_vec()),
            // The bed removes what carries its name.
            labels: Some([(INSTALLATION.to_owned(), bed.settings.installation.clone())].into()),
            host_config: Some(HostConfig { network_mode: Some("none".to_owned()), ..HostConfig::default() }),
            ..ContainerCreateBody::default()
        };
        let made =
            bed.docker.create_container(None::<CreateContainerOptions>, body).await.expect("a container");
        bed.docker.start_container(&made.id, None).await.expect("it starts");
        let state = bed.docker.inspect_container(&made.id, None).await.expect("inspect").state;
        let pid = state.and_then(|state| state.pid).expect("its process");
        let link = format!("clab{}", &bed.settings.installation[5..13]);
        let outside = Self {
            _alone: alone,
            link: link.clone(),
            pid,
            address: format!("{place}.2"),
            other: format!("{place}.130"),
            metadata: "169.254.169.254".to_owned(),
        };
        let inside = format!("nsenter -t {pid} -n ip");
        for command in [
            format!("ip link add {link} type veth peer name world netns {pid}"),
            format!("ip address add {place}.1/30 dev {link}"),
            format!("ip link set {link} up"),
            format!("{inside} address add {place}.2/30 dev world"),
            format!("{inside} address add {}/32 dev world", outside.other),
            format!("{inside} address add {}/32 dev world", outside.metadata),
            format!("{inside} link set world up"),
            format!("{inside} route add default via {place}.1"),
            format!("ip route replace {}/32 via {place}.2", outside.other),
            format!("ip route replace {}/32 via {place}.2", outside.metadata),
        ] {
            run(&command);
        }
        // The host reaches all of them, so what a sandbox does not reach is closed to it.
        for address in [&outside.address, &outside.other, &outside.metadata] {
            eventually("the stand-in answers", || async {
                tokio::net::TcpStream::connect((address.as_str(), 80)).await.is_ok()
            })
            .await;
        }
        outside
    }

    /// A process in its network namespace.
    pub(crate) fn pid(&self) -> i64 {
        self.pid
    }

    /// A listener out there: what it accepts is served by the test itself.
    pub(crate) fn listen(&self, port: u16) -> TcpListener {
        let place = format!("{}:{port}", self.address);
        let listener = self.within(move || std::net::TcpListener::bind(place).expect("a free port"));
        listener.set_nonblocking(true).expect("a socket");
        TcpListener::from_std(listener).expect("a socket")
    }

    /// A socket for datagrams out there.
    pub(crate) fn datagrams(&self, port: u16) -> UdpSocket {
        let place = format!("{}:{port}", self.address);
        let socket = self.within(move || std::net::UdpSocket::bind(place).expect("a free port"));
        socket.set_nonblocking(true).expect("a socket");
        UdpSocket::from_std(socket).expect("a socket")
    }

    /// Does something in its network namespace, in which a socket stays.
    fn within<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> T {
        let namespace = std::fs::File::open(format!("/proc/{}/ns/net", self.pid)).expect("its namespace");
        // A namespace is a thread's own.
        let acting = std::thread::spawn(move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("a way in");
            act()
        });
        acting.join().expect("done")
    }
}

impl Drop for Outside {
    fn drop(&mut self) {
        // A socket of ours keeps the namespace, and so its end, beyond the container's life.
        let _ = Command::new("ip").args(["link", "delete", &self.link]).status();
    }
}

fn run(command: &str) {
    let done = Command::new("sh").args(["-c", command]).output().expect("a shell");
    assert!(done.status.success(), "`{command}`: {}", String::from_utf8_lossy(&done.stderr));
}
