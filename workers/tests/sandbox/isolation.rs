//! What a sandbox may not. (The escape suite is another, longer story.)

use tokio::net::{TcpListener, TcpStream};

use crate::bed::{Bed, eventually, learner, run_as};

/// CHOWN, FOWNER, SETGID, SETUID and MKNOD, by their numbers.
const ALL_THAT_ROOT_HAS: u64 = 1 | 1 << 3 | 1 << 6 | 1 << 7 | 1 << 27;

#[tokio::test]
async fn nothing_in_it_is_privileged() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;

    let container = bed.docker.inspect_container(sandbox.container(), None).await.expect("inspect");
    let config = container.host_config.expect("its configuration");
    assert_eq!(config.privileged, Some(false));
    assert_eq!(config.readonly_rootfs, Some(true));
    assert_eq!(config.pid_mode.as_deref().unwrap_or_default(), "");
    for mount in container.mounts.expect("its mounts") {
        let source = mount.source.unwrap_or_default();
        assert!(source.contains(&sandbox.id().to_string()), "a path of the host: {source}");
    }

    let root = run_as(&bed, &sandbox, "root", "cat /proc/1/status").await.output;
    for set in ["CapPrm", "CapEff", "CapBnd"] {
        let bits = u64::from_str_radix(field(&root, set), 16).expect("a number");
        assert_eq!(bits, ALL_THAT_ROOT_HAS, "{set} of process 1");
    }
    assert_eq!(field(&root, "Seccomp"), "2");
    let own = learner(&bed, &sandbox, "cat /proc/self/status").await.output;
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(u64::from_str_radix(field(&own, set), 16).expect("a number"), 0, "{set} of the learner");
    }

    for forbidden in [
        "mount -t tmpfs none /mnt",
        "touch /usr/bin/x",
        "cat /proc/1/environ",
        "echo x > /proc/sys/kernel/core_pattern",
        "echo b > /proc/sysrq-trigger",
        "ls /run/containrlab",
        "kill -9 1",
        "mknod /tmp/disk b 254 0",
    ] {
        let ended = learner(&bed, &sandbox, forbidden).await;
        assert_ne!(ended.code, 0, "the learner may `{forbidden}`: {ended:?}");
    }
    let setuid = learner(&bed, &sandbox, "find / -xdev -type f -perm /6000 2>/dev/null").await;
    assert_eq!(setuid.output, "", "files that make the learner somebody else");
    let unchanged = learner(&bed, &sandbox, "docker version --format ok").await;
    assert_eq!(unchanged.output, "ok\n");
}

#[tokio::test]
async fn system_calls_beyond_the_profile_are_refused() {
    let bed = Bed::new().await;
    let sandbox = bed.create().await;
    // family 40: AF_VSOCK, the way from a virtual machine to its host; 38: AF_ALG; 1: AF_UNIX, as a check on the check.
    for (family, allowed) in [(40, false), (38, false), (1, true)] {
        let ended =
            learner(&bed, &sandbox, &format!("perl -e 'socket(S, {family}, 1, 0) or die \"$!\\n\"'")).await;
        assert_eq!(ended.code == 0, allowed, "a socket of family {family}: {ended:?}");
    }
    // A subvolume of one's own would be beyond the volume's quota: BTRFS_IOC_SUBVOL_CREATE with a name at byte 8.
    let script = "perl -e 'sysopen(D, \"/workspace\", 0) or die 1; $a = pack(\"x8a4088\", \"sub\"); \
                  ioctl(D, 0x5000940e, $a) or die \"$!\\n\"'";
    let ended = learner(&bed, &sandbox, script).await;
    assert!(ended.code != 0 && ended.output.contains("nappropriate ioctl"), "{ended:?}");
    assert_eq!(learner(&bed, &sandbox, "ls /workspace").await.output, "");
}

#[tokio::test]
async fn neither_a_neighbour_nor_the_host_nor_private_addresses_are_in_reach() {
    let bed = Bed::new().await;
    let (one, other) = tokio::join!(bed.create(), bed.create());
    let serving =
        learner(&bed, &other, "docker run --detach --publish 9000:9000 busybox httpd -f -p 9000").await;
    assert_eq!(serving.code, 0, "{serving:?}");
    let network =
        bed.docker.inspect_container(other.container(), None).await.expect("inspect").network_settings;
    let (_, endpoint) =
        network.and_then(|n| n.networks).expect("networks").into_iter().next().expect("one network");
    let (neighbour, gateway) =
        (endpoint.ip_address.expect("an address"), endpoint.gateway.expect("a gateway"));
    // The host itself reaches the neighbour's port, so what follows can only fail for the right reason.
    eventually("the neighbour's port is open", || async {
        TcpStream::connect(format!("{neighbour}:9000")).await.is_ok()
    })
    .await;

    let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port of the host");
    let port = listener.local_addr().expect("its address").port();
    TcpStream::connect(("127.0.0.1", port)).await.expect("the host's port is open");

    for address in [
        format!("{neighbour}:9000"),
        format!("{gateway}:{port}"),
        "169.254.169.254:80".to_owned(),
        "10.0.0.1:80".to_owned(),
    ] {
        let ended =
            learner(&bed, &one, &format!("curl --silent --show-error --max-time 5 http://{address}/")).await;
        assert!([7, 28].contains(&ended.code), "{address} is in reach: {ended:?}");
    }
}

/// A field of /proc/…/status.
fn field<'a>(status: &'a str, name: &str) -> &'a str {
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.unwrap_or_else(|| panic!("no {name} in {status}")).trim()
}
