//! The table: what is tried, as whom, how, what stops it, and how that shows. `docs/security/sandbox.md` is made of it.
//!
//! Numbers of system calls are those of 64-bit PCs.

/// As whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum By {
    /// The learner, through a command.
    Learner,
    /// The learner, at their shell.
    LearnersShell,
    /// Root in the most powerful container that the learner's engine gives.
    InnerRoot,
}

/// How it shows that an attempt was stopped.
#[derive(Debug)]
pub(super) enum Evidence {
    /// It fails, and says one of these.
    Says(&'static [&'static str]),
    /// It looks around, and this is all that there is to find.
    Finds(&'static str),
    /// It goes on until there is no more to be had, and says one of these.
    RunsOut(&'static [&'static str]),
}

/// One attempt.
#[derive(Debug)]
pub(super) struct Attempt {
    /// The part of the document.
    pub(super) group: &'static str,
    /// What is tried.
    pub(super) what: &'static str,
    /// As whom.
    pub(super) by: By,
    /// How: a script for bash, in which names in braces stand for what the stage has.
    pub(super) script: &'static str,
    /// What stops it.
    pub(super) stopped_by: &'static str,
    /// How that shows.
    pub(super) evidence: Evidence,
    /// Whether something has to be tidied up before the next one.
    pub(super) leaves_mess: bool,
}

/// What came of one.
#[derive(Debug)]
pub(super) struct Seen {
    /// Its exit code; none when it was killed or its time was up.
    pub(super) code: Option<i32>,
    /// What it said.
    pub(super) output: String,
}

impl std::fmt::Display for Seen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let start: String = self.output.chars().take(300).collect();
        write!(f, "{:?}, {start:?}", self.code)
    }
}

impl By {
    pub(super) fn words(self) -> &'static str {
        match self {
            Self::Learner | Self::LearnersShell => "learner",
            Self::InnerRoot => "root in a container",
        }
    }
}

impl Attempt {
    pub(super) fn is_stopped(&self, seen: &Seen) -> bool {
        let says = |words: &[&str]| words.iter().any(|word| seen.output.contains(word));
        match self.evidence {
            Evidence::Says(words) => seen.code != Some(0) && says(words),
            Evidence::Finds(all) => seen.output == all,
            Evidence::RunsOut(words) => says(words),
        }
    }

    pub(super) fn evidence_in_words(&self) -> String {
        let quoted =
            |words: &[&str]| words.iter().map(|word| format!("“{word}”")).collect::<Vec<_>>().join(" or ");
        match self.evidence {
            Evidence::Says(words) => format!("it fails with {}", quoted(words)),
            Evidence::Finds(all) => format!("all that it finds is “{all}”"),
            Evidence::RunsOut(words) => format!("it ends in {}", quoted(words)),
        }
    }
}

use By::{InnerRoot, Learner, LearnersShell};
use Evidence::{Finds, RunsOut, Says};

/// All of them.
pub(super) static ALL: [Attempt; 58] = [
    Attempt {
        group: "The host's files and devices",
        what: "Mounting a file system",
        by: Learner,
        script: "mount -t tmpfs none /mnt",
        stopped_by: "No CAP_SYS_ADMIN outside of a user namespace",
        evidence: Says(&["superuser", "permission denied", "not permitted"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Reading a file of the host through the root folder",
        by: InnerRoot,
        script: "cat /outer{secret}",
        stopped_by: "The root folder is the sandbox's own: no path of the host is mounted but its volume",
        evidence: Says(&["No such file"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Looking into other sandboxes' volumes",
        by: InnerRoot,
        script: "ls /outer{state}/volumes",
        stopped_by: "Only the sandbox's own volume is mounted",
        evidence: Says(&["No such file"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Making a device node of the host's disk and mounting it",
        by: InnerRoot,
        script: "mknod /tmp/hostdisk b 254 0 && mount /tmp/hostdisk /mnt",
        stopped_by: "The kernel makes no device nodes in a user namespace",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Making a device node as the learner",
        by: Learner,
        script: "mknod /tmp/hostdisk b 254 0",
        stopped_by: "No CAP_MKNOD but in process 1",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Finding raw devices",
        by: InnerRoot,
        script: "for name in mem kmsg port sda vda nvme0n1 loop0 loop-control btrfs-control; do [ -e /outer/dev/$name ] && echo $name; done; echo none",
        stopped_by: "The container has only the harmless devices, /dev/net/tun and /dev/fuse",
        evidence: Finds("none"),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Reading the kernel's memory",
        by: InnerRoot,
        script: "head -c 1 /proc/kcore",
        stopped_by: "It is root's outside of the user namespace, or this kernel has none",
        evidence: Says(&["Permission denied", "not permitted", "No such file"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Opening a file of the host by its handle",
        by: InnerRoot,
        script: r#"perl -e 'syscall(304, 3, 0, 0) == -1 and die "$!\n"'"#,
        stopped_by: "seccomp: open_by_handle_at is not in the profile",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Finding the host's Docker socket",
        by: InnerRoot,
        script: "ls /outer/var/run/docker.sock /outer/run/docker.sock",
        stopped_by: "It is not mounted",
        evidence: Says(&["No such file"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Writing to the sandbox's own system",
        by: InnerRoot,
        script: "touch /outer/usr/bin/mine",
        stopped_by: "The root file system is read-only",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Making a subvolume that no quota counts",
        by: Learner,
        script: r#"perl -e 'sysopen(D, "/workspace", 0) or die 1; $a = pack("x8a4088", "sub"); ioctl(D, 0x5000940e, $a) or die "$!\n"'"#,
        stopped_by: "seccomp: that ioctl of btrfs is refused",
        evidence: Says(&["Inappropriate ioctl"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The host's files and devices",
        what: "Finding a file that makes its user somebody else",
        by: Learner,
        script: "find / -xdev -type f -perm /6000 2>/dev/null; echo none",
        stopped_by: "The image has no setuid and setgid bits",
        evidence: Finds("none"),
        leaves_mess: false,
    },
    Attempt {
        group: "The kernel",
        what: "Setting where core dumps go, as the learner",
        by: Learner,
        script: "echo x > /proc/sys/kernel/core_pattern",
        stopped_by: "It is root's",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The kernel",
        what: "Setting where core dumps go",
        by: InnerRoot,
        script: "echo x > /outer/proc/sys/kernel/core_pattern",
        stopped_by: "Root of a user namespace is nobody there",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The kernel",
        what: "Pulling the emergency keys",
        by: InnerRoot,
        script: "echo h > /proc/sysrq-trigger",
        stopped_by: "Root of a user namespace is nobody there, or this kernel has none",
        evidence: Says(&["Permission denied", "not permitted", "Read-only", "No such file"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The kernel",
        what: "Loading a module",
        by: InnerRoot,
        script: r#"perl -e 'syscall(175, 0, 0, 0) == -1 and die "$!\n"'"#,
        stopped_by: "seccomp: init_module is not in the profile, and there is no CAP_SYS_MODULE",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The kernel",
        what: "Calling bpf, perf_event_open, userfaultfd, io_uring_setup, kexec_load and finit_module",
        by: InnerRoot,
        script: r#"for number in 321 298 323 425 246 313; do perl -e 'syscall(0 + shift, 0, 0, 0, 0, 0) == -1 or die; print 0 + $!, "\n"' $number; done | sort -u"#,
        stopped_by: "seccomp: none of them is in the profile (each ends with EPERM)",
        evidence: Finds("1"),
        leaves_mess: false,
    },
    Attempt {
        group: "The kernel",
        what: "Opening sockets to a virtual machine's host and to the kernel's ciphers",
        by: InnerRoot,
        script: r#"for family in 40 38; do perl -e 'socket(S, 0 + shift, 1, 0) and print "open\n"' $family; done; echo none"#,
        stopped_by: "seccomp: socket is refused for AF_VSOCK and AF_ALG",
        evidence: Finds("none"),
        leaves_mess: false,
    },
    Attempt {
        group: "The kernel",
        what: "Reading the kernel's log",
        by: InnerRoot,
        script: "dmesg",
        stopped_by: "seccomp: syslog is not in the profile",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The kernel",
        what: "Setting the clock",
        by: InnerRoot,
        script: "date --set 2000-01-01",
        stopped_by: "No CAP_SYS_TIME outside of a user namespace",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Control groups",
        what: "Making a group of one's own",
        by: InnerRoot,
        script: "mkdir /outer/sys/fs/cgroup/x || mkdir /outer/sys/fs/cgroup/memory/x",
        stopped_by: "They are mounted read-only and belong to root outside",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Control groups",
        what: "Mounting them anew, writable",
        by: InnerRoot,
        script: "unshare --cgroup sh -c 'mkdir -p /tmp/groups; mount -t cgroup2 groups /tmp/groups && mkdir /tmp/groups/x'",
        stopped_by: "Folders there belong to root outside of the user namespace",
        evidence: Says(&["Permission denied", "permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Control groups",
        what: "Having a program started when a group empties",
        by: InnerRoot,
        script: "find /outer/sys/fs/cgroup -name release_agent 2>/dev/null | while read -r file; do (echo /x > $file) 2>/dev/null && echo $file; done; echo none",
        stopped_by: "They are mounted read-only",
        evidence: Finds("none"),
        leaves_mess: false,
    },
    Attempt {
        group: "Control groups",
        what: "Raising one's own limit",
        by: InnerRoot,
        script: "echo -1 > /outer/sys/fs/cgroup/memory/memory.limit_in_bytes || echo max > /outer/sys/fs/cgroup/memory.max",
        stopped_by: "They are mounted read-only",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Killing process 1 as the learner",
        by: Learner,
        script: "kill -KILL 1",
        stopped_by: "It is another user's",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Killing process 1",
        by: InnerRoot,
        script: "kill -KILL 1",
        stopped_by: "It is outside of the user namespace",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Tracing process 1",
        by: InnerRoot,
        script: r#"perl -e 'syscall(101, 16, 1, 0, 0) == -1 and die "$!\n"'"#,
        stopped_by: "It is outside of the user namespace",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Reading process 1's memory",
        by: InnerRoot,
        script: "head -c 1 /proc/1/mem",
        stopped_by: "It is outside of the user namespace",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Walking into process 1's root folder",
        by: InnerRoot,
        script: "ls /proc/1/root/",
        stopped_by: "It is outside of the user namespace",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Entering process 1's namespaces",
        by: InnerRoot,
        script: "nsenter --target 1 --mount ls",
        stopped_by: "It is outside of the user namespace",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Finding a neighbour's process",
        by: InnerRoot,
        script: "grep -la '8639[9]' /proc/[0-9]*/cmdline 2>/dev/null; echo none",
        stopped_by: "Each sandbox has a process namespace of its own",
        evidence: Finds("none"),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Finding a neighbour's shared memory",
        by: InnerRoot,
        script: "cat /outer/dev/shm/secret",
        stopped_by: "Each sandbox has a /dev/shm of its own",
        evidence: Says(&["No such file"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Mapping oneself to root of the sandbox",
        by: Learner,
        script: "unshare --user sleep 3 & newuidmap $! 0 0 1",
        stopped_by: "/etc/subuid gives the learner other numbers only",
        evidence: Says(&["not allowed"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Talking to the agent",
        by: Learner,
        script: "/usr/local/lib/containrlab/agent connect < /dev/null",
        stopped_by: "Its socket lies in a folder of root's",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Processes and memory of others",
        what: "Writing into the agent's log",
        by: Learner,
        script: "echo flood > /proc/1/fd/1",
        stopped_by: "Process 1 is another user's",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Using up what others need",
        what: "A fork bomb",
        by: Learner,
        script: "bomb() { bomb | bomb & }; bomb; sleep 4; echo over",
        stopped_by: "The limit on processes",
        evidence: RunsOut(&["unavailable", "retry", "Cannot fork"]),
        leaves_mess: true,
    },
    Attempt {
        group: "Using up what others need",
        what: "Filling the memory as the learner",
        by: Learner,
        script: "tail /dev/zero; echo ended $?",
        stopped_by: "The limit on memory, without swap",
        evidence: RunsOut(&["ended 137"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Using up what others need",
        what: "Filling the memory",
        by: InnerRoot,
        script: "tail /dev/zero; echo ended $?",
        stopped_by: "The same limit: containers in the sandbox are within it",
        evidence: RunsOut(&["ended 137"]),
        leaves_mess: false,
    },
    Attempt {
        group: "Using up what others need",
        what: "Filling the disk as the learner",
        by: Learner,
        script: "head -c 400000000 /dev/zero > /workspace/fill && sync /workspace/fill",
        stopped_by: "The quota of the volume",
        evidence: RunsOut(&["quota", "space"]),
        leaves_mess: true,
    },
    Attempt {
        group: "Using up what others need",
        what: "Filling the disk",
        by: InnerRoot,
        script: "head -c 400000000 /dev/zero > /fill && sync /fill",
        stopped_by: "The same quota: the engine's store is on the volume",
        evidence: RunsOut(&["quota", "space"]),
        leaves_mess: true,
    },
    Attempt {
        group: "Using up what others need",
        what: "Filling the disk with names",
        by: Learner,
        script: r#"perl -e 'mkdir "/tmp/fill"; chdir "/tmp/fill"; for (1..300000) { symlink("y" x 3900, ("x" x 240) . $_) or die "$!\n" }'"#,
        stopped_by: "The quota counts metadata too",
        evidence: RunsOut(&["quota", "space"]),
        leaves_mess: true,
    },
    Attempt {
        group: "Using up what others need",
        what: "Flooding a container's log",
        by: Learner,
        script: "docker run --detach --name flood busybox yes fill > /dev/null; for n in $(seq 60); do head -c 2000000 /dev/zero > /tmp/fill && sync /tmp/fill || break; sleep .2; done; docker rm --force flood > /dev/null",
        stopped_by: "Logs lie on the volume, under its quota",
        evidence: RunsOut(&["quota", "space"]),
        leaves_mess: true,
    },
    Attempt {
        group: "Using up what others need",
        what: "Raising the number of open files",
        by: Learner,
        script: "ulimit -n 10000000",
        stopped_by: "The limit on open files is a hard one",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Sending packets of one's own making, for ARP and address spoofing",
        by: Learner,
        script: r#"perl -e 'socket(S, 17, 3, 0x0300) or die "$!\n"'"#,
        stopped_by: "No CAP_NET_RAW",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Finding the interface to others as root",
        by: InnerRoot,
        script: "grep -oE '^ *eth[0-9]+' /proc/net/dev; echo none",
        stopped_by: "The engine has a network namespace of its own; all that leaves it is made by an ordinary user's sockets",
        evidence: Finds("none"),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Taking another address",
        by: Learner,
        script: "ip address add 10.9.9.9/24 dev eth0",
        stopped_by: "No CAP_NET_ADMIN",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Taking another hardware address",
        by: Learner,
        script: "ip link set eth0 address 02:42:ac:11:00:99",
        stopped_by: "No CAP_NET_ADMIN",
        evidence: Says(&["Permission denied", "not permitted", "Read-only"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Speaking in a neighbour's name",
        by: Learner,
        script: r#"perl -MSocket -e 'socket(S, 2, 1, 0); bind(S, sockaddr_in(8000, inet_aton("{neighbour}"))) or die "$!\n"'"#,
        stopped_by: "Only one's own address can be bound, and it can't be changed",
        evidence: Says(&["Cannot assign"]),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Reaching a neighbour's published port as the learner",
        by: Learner,
        script: "timeout 5 bash -c 'exec 3<>/dev/tcp/{neighbour}/9000' 2>/dev/null && echo open || echo closed",
        stopped_by: "The bridge passes nothing between sandboxes",
        evidence: Finds("closed"),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Reaching a neighbour's published port",
        by: InnerRoot,
        script: "timeout 5 bash -c 'exec 3<>/dev/tcp/{neighbour}/9000' 2>/dev/null && echo open || echo closed",
        stopped_by: "The bridge passes nothing between sandboxes",
        evidence: Finds("closed"),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Reaching the host's services (the runner's own API, PostgreSQL, Redis) as the learner",
        by: Learner,
        script: "timeout 5 bash -c 'exec 3<>/dev/tcp/{host}/{port}' 2>/dev/null && echo open || echo closed",
        stopped_by: "The host's firewall lets in nothing from sandboxes but answers",
        evidence: Finds("closed"),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Reaching the host's services",
        by: InnerRoot,
        script: "timeout 5 bash -c 'exec 3<>/dev/tcp/{host}/{port}' 2>/dev/null && echo open || echo closed",
        stopped_by: "The host's firewall lets in nothing from sandboxes but answers",
        evidence: Finds("closed"),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Reaching the host through the engine's gateway",
        by: InnerRoot,
        script: "timeout 5 bash -c 'exec 3<>/dev/tcp/10.0.2.2/{port}' 2>/dev/null && echo open || echo closed",
        stopped_by: "The engine's network gives no way to the sandbox's own loopback, still less to the host's",
        evidence: Finds("closed"),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Reaching the cloud's metadata address as the learner",
        by: Learner,
        script: "timeout 5 bash -c 'exec 3<>/dev/tcp/{metadata}/80' 2>/dev/null && echo open || echo closed",
        stopped_by: "The host's firewall: link-local addresses are closed under every policy",
        evidence: Finds("closed"),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Reaching the cloud's metadata address",
        by: InnerRoot,
        script: "timeout 5 bash -c 'exec 3<>/dev/tcp/{metadata}/80' 2>/dev/null && echo open || echo closed",
        stopped_by: "The host's firewall: link-local addresses are closed under every policy",
        evidence: Finds("closed"),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Reaching a private network",
        by: InnerRoot,
        script: "timeout 5 bash -c 'exec 3<>/dev/tcp/10.0.0.1/80' 2>/dev/null && echo open || echo closed",
        stopped_by: "The host's firewall: private ranges are closed unless EGRESS_ALLOW opens them",
        evidence: Finds("closed"),
        leaves_mess: false,
    },
    Attempt {
        group: "The network",
        what: "Going around the firewall by IPv6",
        by: Learner,
        script: "grep -v ' lo$' /proc/net/if_inet6; echo none",
        stopped_by: "Sandboxes have no IPv6",
        evidence: Finds("none"),
        leaves_mess: false,
    },
    Attempt {
        group: "The learner's own engine",
        what: "docker run --privileged",
        by: LearnersShell,
        script: "docker run --rm --privileged busybox true",
        stopped_by: "The engine has no privileges to give away; the shell says so in words",
        evidence: Says(&["runs without privileges of its own"]),
        leaves_mess: false,
    },
];
