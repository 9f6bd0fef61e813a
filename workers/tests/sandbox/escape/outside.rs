//! A stand-in for the world outside: a web server in a network namespace of this machine, which also answers at a cloud's
//! metadata address. Nothing that is sent to it leaves the machine.

use std::process::Command;

use bollard::models::{ContainerCreateBody, HostConfig};
use bollard::query_parameters::{CreateContainerOptions, ListImagesOptionsBuilder};
use containrlab_workers::images::IMAGE_LABEL;
use containrlab_workers::sandbox::INSTALLATION;
use tokio::sync::{Mutex, MutexGuard};

use crate::bed::{Bed, eventually};

/// Networks of three of TEST-NET-2's, which are nobody's, one for each test that needs one.
pub(super) const PLACES: [&str; 2] = ["198.51.100", "203.0.113"];

/// There is one metadata address on a machine.
static ONE_AT_A_TIME: Mutex<()> = Mutex::const_new(());

/// The server. It goes with its container, and the container with the bed.
pub(super) struct Outside {
    _alone: MutexGuard<'static, ()>,
    /// Where it answers.
    pub(super) address: String,
    /// Where it answers as well.
    pub(super) other: String,
    /// Where it answers in the place of a cloud's metadata service, as far as the host can reach it.
    pub(super) metadata: String,
}

impl Outside {
    pub(super) async fn new(bed: &Bed, place: &str) -> Self {
        let alone = ONE_AT_A_TIME.lock().await;
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
        let outside = Self {
            _alone: alone,
            address: format!("{place}.2"),
            other: format!("{place}.130"),
            metadata: "169.254.169.254".to_owned(),
        };
        let link = format!("clab{}", &bed.settings.installation[5..13]);
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
}

fn run(command: &str) {
    let done = Command::new("sh").args(["-c", command]).output().expect("a shell");
    assert!(done.status.success(), "`{command}`: {}", String::from_utf8_lossy(&done.stderr));
}
