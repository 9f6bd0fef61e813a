//! The table: what is tried, as whom; how; how it shows that it was stopped, and by what. `docs/security/sandbox.md` is made of it.
//!
//! Numbers of system calls are those of 64-bit PCs.

use super::attempt::Attempt;
use super::attempt::By::{InnerRoot, Learner, LearnersShell};
use super::attempt::Evidence::{self, Finds, RunsOut, Says};

const NO_RIGHT: Evidence = Says(&["Permission denied", "not permitted", "Read-only"]);
const NOT_THERE: Evidence = Says(&["No such file"]);
const NO_SPACE: Evidence = RunsOut(&["quota", "space"]);
const NOTHING: Evidence = Finds("none");
const CLOSED: Evidence = Finds("closed");

macro_rules! table {
    ($($group:literal { $(
        $what:literal, $by:ident,
            $script:literal,
            $evidence:expr, $stopped_by:literal $(, leaves a $mess:ident)?;
    )* })*) => {
        /// All of them.
        pub(super) static ALL: &[Attempt] = &[$($(Attempt {
            group: $group,
            what: $what,
            by: $by,
            script: $script,
            stopped_by: $stopped_by,
            evidence: $evidence,
            leaves_mess: table!(@leaves $($mess)?),
        },)*)*];
    };
    (@leaves) => { false };
    (@leaves mess) => { true };
}

table! {
    "The host's files and devices" {
        "Mounting a file system", Learner,
            "mount -t tmpfs none /mnt",
            Says(&["superuser", "permission denied", "not permitted"]), "No CAP_SYS_ADMIN outside of a user namespace";
        "Reading a file of the host through the root folder", InnerRoot,
            "cat /outer{secret}",
            NOT_THERE, "The root folder is the sandbox's own: no path of the host is mounted but its volume";
        "Looking into other sandboxes' volumes", InnerRoot,
            "ls /outer{state}/volumes",
            NOT_THERE, "Only the sandbox's own volume is mounted";
        "Making a device node of the host's disk and mounting it", InnerRoot,
            "mknod /tmp/hostdisk b 254 0 && mount /tmp/hostdisk /mnt",
            NO_RIGHT, "The kernel makes no device nodes in a user namespace";
        "Making a device node as the learner", Learner,
            "mknod /tmp/hostdisk b 254 0",
            NO_RIGHT, "No CAP_MKNOD but in process 1";
        "Finding raw devices", InnerRoot,
            "for name in mem kmsg port sda vda nvme0n1 loop0 loop-control btrfs-control; do [ -e /outer/dev/$name ] && echo $name; done; echo none",
            NOTHING, "The container has only the harmless devices, /dev/net/tun and /dev/fuse";
        "Reading the kernel's memory", InnerRoot,
            "head -c 1 /proc/kcore",
            Says(&["Permission denied", "not permitted", "No such file"]), "It is root's outside of the user namespace, or this kernel has none";
        "Opening a file of the host by its handle", InnerRoot,
            r#"perl -e 'syscall(304, 3, 0, 0) == -1 and die "$!\n"'"#,
            NO_RIGHT, "seccomp: open_by_handle_at is not in the profile";
        "Finding the host's Docker socket", InnerRoot,
            "ls /outer/var/run/docker.sock /outer/run/docker.sock",
            NOT_THERE, "It is not mounted";
        "Writing to the sandbox's own system", InnerRoot,
            "touch /outer/usr/bin/mine",
            NO_RIGHT, "The root file system is read-only";
        "Making a subvolume that no quota counts", Learner,
            r#"perl -e 'sysopen(D, "/workspace", 0) or die 1; $a = pack("x8a4088", "sub"); ioctl(D, 0x5000940e, $a) or die "$!\n"'"#,
            Says(&["Inappropriate ioctl"]), "seccomp: that ioctl of btrfs is refused";
        "Finding a file that makes its user somebody else", Learner,
            "find / -xdev -type f -perm /6000 2>/dev/null; echo none",
            NOTHING, "The image has no setuid and setgid bits";
    }

    "The kernel" {
        "Setting where core dumps go, as the learner", Learner,
            "echo x > /proc/sys/kernel/core_pattern",
            NO_RIGHT, "It is root's";
        "Setting where core dumps go", InnerRoot,
            "echo x > /outer/proc/sys/kernel/core_pattern",
            NO_RIGHT, "Root of a user namespace is nobody there";
        "Pulling the emergency keys", InnerRoot,
            "echo h > /proc/sysrq-trigger",
            Says(&["Permission denied", "not permitted", "Read-only", "No such file"]), "Root of a user namespace is nobody there, or this kernel has none";
        "Loading a module", InnerRoot,
            r#"perl -e 'syscall(175, 0, 0, 0) == -1 and die "$!\n"'"#,
            NO_RIGHT, "seccomp: init_module is not in the profile, and there is no CAP_SYS_MODULE";
        "Calling bpf, perf_event_open, userfaultfd, io_uring_setup, kexec_load and finit_module", InnerRoot,
            r#"for number in 321 298 323 425 246 313; do perl -e 'syscall(0 + shift, 0, 0, 0, 0, 0) == -1 or die; print 0 + $!, "\n"' $number; done | sort -u"#,
            Finds("1"), "seccomp: none of them is in the profile (each ends with EPERM)";
        "Opening sockets to a virtual machine's host and to the kernel's ciphers", InnerRoot,
            r#"for family in 40 38; do perl -e 'socket(S, 0 + shift, 1, 0) and print "open\n"' $family; done; echo none"#,
            NOTHING, "seccomp: socket is refused for AF_VSOCK and AF_ALG";
        "Reading the kernel's log", InnerRoot,
            "dmesg",
            NO_RIGHT, "seccomp: syslog is not in the profile";
        "Setting the clock", InnerRoot,
            "date --set 2000-01-01",
            NO_RIGHT, "No CAP_SYS_TIME outside of a user namespace";
    }

    "Control groups" {
        "Making a group of one's own", InnerRoot,
            "mkdir /outer/sys/fs/cgroup/x || mkdir /outer/sys/fs/cgroup/memory/x",
            NO_RIGHT, "They are mounted read-only and belong to root outside";
        "Mounting them anew, writable", InnerRoot,
            "unshare --cgroup sh -c 'mkdir -p /tmp/groups; mount -t cgroup2 groups /tmp/groups && mkdir /tmp/groups/x'",
            Says(&["Permission denied", "permission denied", "not permitted", "Read-only"]), "Folders there belong to root outside of the user namespace";
        "Having a program started when a group empties", InnerRoot,
            "find /outer/sys/fs/cgroup -name release_agent 2>/dev/null | while read -r file; do (echo /x > $file) 2>/dev/null && echo $file; done; echo none",
            NOTHING, "They are mounted read-only";
        "Raising one's own limit", InnerRoot,
            "echo -1 > /outer/sys/fs/cgroup/memory/memory.limit_in_bytes || echo max > /outer/sys/fs/cgroup/memory.max",
            NO_RIGHT, "They are mounted read-only";
    }

    "Processes and memory of others" {
        "Killing process 1 as the learner", Learner,
            "kill -KILL 1",
            NO_RIGHT, "It is another user's";
        "Killing process 1", InnerRoot,
            "kill -KILL 1",
            NO_RIGHT, "It is outside of the user namespace";
        "Tracing process 1", InnerRoot,
            r#"perl -e 'syscall(101, 16, 1, 0, 0) == -1 and die "$!\n"'"#,
            NO_RIGHT, "It is outside of the user namespace";
        "Reading process 1's memory", InnerRoot,
            "head -c 1 /proc/1/mem",
            NO_RIGHT, "It is outside of the user namespace";
        "Walking into process 1's root folder", InnerRoot,
            "ls /proc/1/root/",
            NO_RIGHT, "It is outside of the user namespace";
        "Entering process 1's namespaces", InnerRoot,
            "nsenter --target 1 --mount ls",
            NO_RIGHT, "It is outside of the user namespace";
        "Finding a neighbour's process", InnerRoot,
            "grep -la '8639[9]' /proc/[0-9]*/cmdline 2>/dev/null; echo none",
            NOTHING, "Each sandbox has a process namespace of its own";
        "Finding a neighbour's shared memory", InnerRoot,
            "cat /outer/dev/shm/secret",
            NOT_THERE, "Each sandbox has a /dev/shm of its own";
        "Mapping oneself to root of the sandbox", Learner,
            "unshare --user sleep 3 & newuidmap $! 0 0 1",
            Says(&["not allowed"]), "/etc/subuid gives the learner other numbers only";
        "Taking the engine's socket out of the engine's hands", Learner,
            r#"pid=$(pgrep --oldest --exact rootlesskit); perl -e '$pid = syscall(434, 0 + shift, 0); $pid > 0 or die "no handle: $!\n"; syscall(438, $pid, 100, 0) == -1 and die "$!\n"' $pid"#,
            NO_RIGHT, "seccomp: pidfd_getfd is not in the profile";
        "Talking to the agent", Learner,
            "/usr/local/lib/containrlab/agent connect < /dev/null",
            NO_RIGHT, "Its socket lies in a folder of root's";
        "Writing into the agent's log", Learner,
            "echo flood > /proc/1/fd/1",
            NO_RIGHT, "Process 1 is another user's";
    }

    "Using up what others need" {
        "A fork bomb", Learner,
            "bomb() { bomb | bomb & }; bomb; sleep 4; echo over",
            RunsOut(&["unavailable", "retry", "Cannot fork"]), "The limit on processes", leaves a mess;
        "Filling the memory as the learner", Learner,
            "tail /dev/zero; echo ended $?",
            RunsOut(&["ended 137"]), "The limit on memory, without swap";
        "Filling the memory", InnerRoot,
            "tail /dev/zero; echo ended $?",
            RunsOut(&["ended 137"]), "The same limit: containers in the sandbox are within it";
        "Filling the disk as the learner", Learner,
            "head -c 400000000 /dev/zero > /workspace/fill && sync /workspace/fill",
            NO_SPACE, "The quota of the volume", leaves a mess;
        "Filling the disk", InnerRoot,
            "head -c 400000000 /dev/zero > /fill && sync /fill",
            NO_SPACE, "The same quota: the engine's store is on the volume", leaves a mess;
        "Filling the disk with names", Learner,
            r#"perl -e 'mkdir "/tmp/fill"; chdir "/tmp/fill"; for (1..300000) { symlink("y" x 3900, ("x" x 240) . $_) or die "$!\n" }'"#,
            NO_SPACE, "The quota counts metadata too", leaves a mess;
        "Flooding a container's log", Learner,
            "docker run --detach --name flood busybox yes fill > /dev/null; for n in $(seq 60); do head -c 2000000 /dev/zero > /tmp/fill && sync /tmp/fill || break; sleep .2; done; docker rm --force flood > /dev/null",
            NO_SPACE, "Logs lie on the volume, under its quota", leaves a mess;
        "Raising the number of open files", Learner,
            "ulimit -n 10000000",
            NO_RIGHT, "The limit on open files is a hard one";
    }

    "The network" {
        "Sending packets of one's own making, for ARP and address spoofing", Learner,
            r#"perl -e 'socket(S, 17, 3, 0x0300) or die "$!\n"'"#,
            NO_RIGHT, "No CAP_NET_RAW";
        "Finding the interface to others as root", InnerRoot,
            "grep -oE '^ *eth[0-9]+' /proc/net/dev; echo none",
            NOTHING, "The engine has a network namespace of its own; all that leaves it is made by an ordinary user's sockets";
        "Taking another address", Learner,
            "ip address add 10.9.9.9/24 dev eth0",
            NO_RIGHT, "No CAP_NET_ADMIN";
        "Taking another hardware address", Learner,
            "ip link set eth0 address 02:42:ac:11:00:99",
            NO_RIGHT, "No CAP_NET_ADMIN";
        "Speaking in a neighbour's name", Learner,
            r#"perl -MSocket -e 'socket(S, 2, 1, 0); bind(S, sockaddr_in(8000, inet_aton("{neighbour}"))) or die "$!\n"'"#,
            Says(&["Cannot assign"]), "Only one's own address can be bound, and it can't be changed";
        "Reaching a neighbour's published port as the learner", Learner,
            "reach {neighbour} 9000",
            CLOSED, "The bridge passes nothing between sandboxes";
        "Reaching a neighbour's published port", InnerRoot,
            "reach {neighbour} 9000",
            CLOSED, "The bridge passes nothing between sandboxes";
        "Reaching the host's services (the runner's own API, PostgreSQL, Redis) as the learner", Learner,
            "reach {host} {port}",
            CLOSED, "The host's firewall lets in nothing from sandboxes but answers";
        "Reaching the host's services", InnerRoot,
            "reach {host} {port}",
            CLOSED, "The host's firewall lets in nothing from sandboxes but answers";
        "Reaching the host through the engine's gateway", InnerRoot,
            "reach 10.0.2.2 {port}",
            CLOSED, "The engine's network gives no way to the sandbox's own loopback, still less to the host's";
        "Reaching the cloud's metadata address as the learner", Learner,
            "reach {metadata} 80",
            CLOSED, "The host's firewall: link-local addresses are closed under every policy";
        "Reaching the cloud's metadata address", InnerRoot,
            "reach {metadata} 80",
            CLOSED, "The host's firewall: link-local addresses are closed under every policy";
        "Reaching a private network", InnerRoot,
            "reach 10.0.0.1 80",
            CLOSED, "The host's firewall: private ranges are closed unless EGRESS_ALLOW opens them";
        "Going around the firewall by IPv6", Learner,
            "grep -v ' lo$' /proc/net/if_inet6; echo none",
            NOTHING, "Sandboxes have no IPv6";
    }

    "The learner's own engine" {
        "docker run --privileged", LearnersShell,
            "docker run --rm --privileged busybox true",
            Says(&["runs without privileges of its own"]), "The engine has no privileges to give away; the shell says so in words";
    }
}
