//! Where the attempts are made: an attacker's sandbox with the most powerful container that its engine gives, a neighbour, and a
//! host with something to lose.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use containrlab_agent::message::{EngineState, ErrorCode, ExecRequest};
use containrlab_workers::sandbox::{Sandbox, SandboxSettings};
use tokio::net::TcpListener;

use super::attempt::{Attempt, By, Seen};
use crate::bed::{Bed, eventually, learner};
use crate::outside::{Outside, PLACES};

/// What scripts call to see whether a port of a host is in reach.
const REACH: &str =
    "reach() { timeout 5 bash -c \"exec 3<>/dev/tcp/$1/$2\" 2>/dev/null && echo open || echo closed; }\n";

/// How long one attempt may take.
const LIMIT: Duration = Duration::from_secs(60);

/// What only the host may ever read.
const SECRET: &str = "the-hosts-own-secret";

/// What only the neighbour may ever read.
const NEIGHBOURS: &str = "the-neighbours-own-secret";

/// So little of everything that using it up takes seconds.
pub(super) fn narrow(settings: &mut SandboxSettings) {
    settings.limits.disk_bytes = 96 << 20;
    settings.limits.memory_bytes = 500 << 20;
    settings.limits.pids = 400;
}

pub(super) struct Stage<'a> {
    bed: &'a Bed,
    attacker: Sandbox,
    neighbour: Sandbox,
    /// A port of the host at which something listens.
    listener: TcpListener,
    /// A file of the host.
    secret: PathBuf,
    /// What stands for what in the scripts.
    words: Vec<(&'static str, String)>,
    outside: Outside,
    /// Number of the container in which root tries: one that its engine lost in a crash keeps its name.
    root: AtomicUsize,
}

impl<'a> Stage<'a> {
    pub(super) async fn set(bed: &'a Bed) -> Self {
        let outside = Outside::new(bed, PLACES[0]).await;
        let (attacker, neighbour) = tokio::join!(bed.create(), bed.create());
        let serving = "docker run --detach --publish 9000:9000 busybox httpd -f -p 9000 && \
                       echo the-neighbours-own-secret > /workspace/secret && \
                       (NEIGHBOUR=here setsid sleep 86399 >/dev/null 2>&1 &) && cp /workspace/secret /dev/shm/secret";
        let ended = learner(bed, &neighbour, serving).await;
        assert_eq!(ended.code, 0, "{ended:?}");
        let network = bed.docker.inspect_container(neighbour.container(), None).await.expect("inspect");
        let networks = network.network_settings.and_then(|settings| settings.networks).expect("networks");
        let endpoint = networks.into_values().next().expect("one network");
        let address = endpoint.ip_address.expect("an address");
        eventually("the neighbour's port is open", || async {
            tokio::net::TcpStream::connect((address.as_str(), 9000)).await.is_ok()
        })
        .await;
        let listener = TcpListener::bind("0.0.0.0:0").await.expect("a port of the host");
        let secret = bed.settings.state_dir.join(format!("secret-{}", bed.settings.installation));
        std::fs::write(&secret, SECRET).expect("a file of the host");
        let words = vec![
            ("{neighbour}", address),
            ("{neighbour_id}", neighbour.id().to_string()),
            ("{host}", endpoint.gateway.expect("a gateway")),
            ("{port}", listener.local_addr().expect("its address").port().to_string()),
            ("{metadata}", outside.metadata.clone()),
            ("{secret}", secret.display().to_string()),
            ("{state}", bed.settings.state_dir.display().to_string()),
        ];
        let stage =
            Self { bed, attacker, neighbour, listener, secret, words, outside, root: AtomicUsize::new(0) };
        stage.open_inner_root().await;
        stage
    }

    /// Starts the container in which root tries: with everything that the learner's engine can give away.
    async fn open_inner_root(&self) {
        let (old, new) = (self.root_name(), {
            self.root.fetch_add(1, Ordering::Relaxed);
            self.root_name()
        });
        let start = format!(
            "docker rm --force {old} >/dev/null 2>&1; docker run --detach --name {new} --cap-add ALL \
                     --security-opt seccomp=unconfined --security-opt systempaths=unconfined --pid host --network host \
                     --ipc host --uts host --volume /:/outer --device /dev/net/tun --device /dev/fuse \
                     debian:trixie-slim sleep 86398"
        );
        let ended = learner(self.bed, &self.attacker, &start).await;
        assert_eq!(ended.code, 0, "the most powerful container: {ended:?}");
    }

    fn root_name(&self) -> String {
        format!("root-{}", self.root.load(Ordering::Relaxed))
    }

    pub(super) async fn try_it(&self, attempt: &Attempt) -> Seen {
        let script = self
            .words
            .iter()
            .fold(format!("{REACH}{}", attempt.script), |script, (word, value)| script.replace(word, value));
        let root = self.root_name();
        let argv = match attempt.by {
            By::Learner => vec!["bash", "-c", &script],
            By::LearnersShell => vec!["bash", "-ic", &script],
            By::InnerRoot => vec!["docker", "exec", &root, "bash", "-c", &script],
        };
        self.run(&argv, ExecRequest::default()).await
    }

    /// Makes the attacker's sandbox as it was before an attempt that filled or killed something.
    pub(super) async fn recover(&self) {
        eventually("the attacker's engine is up", || async {
            let tidy = "rm -rf /tmp/fill* /workspace/fill*; sync";
            let _ = learner(self.bed, &self.attacker, tidy).await;
            let status = self.attacker.agent().status().await;
            status.is_ok_and(|status| status.engine.state == EngineState::Ready)
        })
        .await;
        self.open_inner_root().await;
    }

    /// What is no longer as it should be with the host or the neighbour, if anything.
    pub(super) async fn harm(&self) -> Option<String> {
        let kept = std::fs::read_to_string(&self.secret).unwrap_or_default();
        if kept != SECRET {
            return Some(format!("the host's file holds {kept:?}"));
        }
        let port = self.listener.local_addr().expect("its address").port();
        if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
            return Some("the host's port does not answer".to_owned());
        }
        if self.bed.docker.ping().await.is_err() {
            return Some("the host's engine does not answer".to_owned());
        }
        let work = "cat /workspace/secret && pgrep -f 'sleep 86399' >/dev/null && echo new > /tmp/new && \
                    curl --silent --output /dev/null localhost:9000 && docker run --rm busybox echo works";
        let ended = learner(self.bed, &self.neighbour, work).await;
        let well = ended.code == 0 && ended.output.contains(NEIGHBOURS) && ended.output.ends_with("works\n");
        (!well).then(|| format!("the neighbour: {ended:?}"))
    }

    /// Links that lead to the host's files when the platform reads and writes the workspace.
    pub(super) async fn hostile_workspace(&self) {
        let agent = self.attacker.agent();
        let secret = self.secret.display().to_string();
        let folder = self.secret.parent().expect("a folder").display().to_string();
        let lay = format!(
            "rm -rf /workspace/* && ln -s {secret} file && ln -s {folder} folder && ln -s / root && \
             ln -s /proc/1/root process && mkfifo pipe && mkdir swap && echo mine > swap/file"
        );
        let laid = learner(self.bed, &self.attacker, &lay).await;
        assert_eq!(laid.code, 0, "{laid:?}");
        let name = self.secret.file_name().expect("a name").to_string_lossy().into_owned();
        for path in [
            "file".to_owned(),
            format!("folder/{name}"),
            "root/etc/shadow".to_owned(),
            "process/etc".to_owned(),
        ] {
            assert!(agent.file_read(&path, 1000).await.expect_err(&path).is(ErrorCode::Link), "{path}");
            let written = agent.file_write(&path, bytes::Bytes::from_static(b"mine"), None).await;
            // A link that is written to is replaced by a file, never followed.
            if written.is_ok() {
                assert_eq!(path, "file");
                assert_eq!(&agent.file_read(&path, 1000).await.expect("a file now").1[..], b"mine");
            }
        }
        assert!(agent.file_read("pipe", 1000).await.is_err(), "nobody waits at a pipe");
        // A folder that turns into a link and back while it is read.
        let swap = "for n in $(seq 300); do mv swap real; ln -s /etc swap; rm swap; mv real swap; done";
        let swapping = learner(self.bed, &self.attacker, swap);
        let reading = async {
            for _ in 0..60 {
                if let Ok((_, bytes)) = agent.file_read("swap/file", 1000).await {
                    assert_eq!(&bytes[..], b"mine\n");
                }
                assert!(agent.file_read("swap/shadow", 100_000).await.is_err());
            }
        };
        tokio::join!(swapping, reading);
        assert_eq!(std::fs::read_to_string(&self.secret).expect("the host's file"), SECRET);
    }

    /// Tools and a socket that lie: the platform is not taken in, and no path of the host is opened.
    pub(super) async fn lying_tools(&self) {
        let lay = learner(self.bed, &self.attacker, include_str!("../../support/lying_tools.sh")).await;
        assert_eq!(lay.code, 0, "{lay:?}");
        let replace = "rm -f /run/user/1000/docker.sock && ln -s /var/run/docker.sock /run/user/1000/docker.sock && \
                       pkill -KILL dockerd; true";
        let done = learner(self.bed, &self.attacker, replace).await;
        assert_eq!(done.code, 0, "{done:?}");
        // The agent looks for the engine by itself, as the learner: whatever the socket says or is, it goes on.
        eventually("the engine is back in the place of the lie", || async {
            let status = self.attacker.agent().status().await.expect("the agent goes on");
            status.engine.restarts > 0 && status.engine.state == EngineState::Ready
        })
        .await;
        for (step, built) in [("exit 7", false), ("true", true)] {
            let write = format!("rm -rf /workspace/* && printf 'FROM busybox\\nRUN {step}\\n' > Dockerfile");
            assert_eq!(learner(self.bed, &self.attacker, &write).await.code, 0);
            let seen =
                self.by_platform(&["docker", "build", "--progress=plain", "--tag", "honest", "."]).await;
            assert!(!seen.output.contains("lies") && seen.output.contains(step), "{seen}");
            assert_eq!(seen.code == Some(0), built, "{seen}");
        }
        for honest in [&["docker", "image", "inspect", "honest"][..], &["docker", "compose", "version"]] {
            let seen = self.by_platform(honest).await;
            assert!(seen.code == Some(0) && !seen.output.contains("lies"), "{honest:?}: {seen}");
        }
        self.lying_engine().await;
        // And what decides which engine and which builder that is can't be changed.
        let change = "cd /run/containrlab-docker && echo x >> config.json || mkdir cli-plugins || touch buildx/current || \
                      touch buildx/instances/default || touch buildx/defaults/default";
        let changed = learner(self.bed, &self.attacker, change).await;
        assert!(changed.code != 0 && changed.output.matches("Permission denied").count() == 5, "{changed:?}");
    }

    /// Somebody who answers in the engine's place at the socket that learners know: the platform asks at its own.
    async fn lying_engine(&self) {
        let lie = learner(self.bed, &self.attacker, include_str!("../../support/lying_engine.sh")).await;
        assert_eq!(lie.code, 0, "{lie:?}");
        for (argv, honest) in [
            (&["docker", "version", "--format", "{{.Server.Version}}"][..], ""),
            (&["docker", "run", "--rm", "honest", "echo", "the truth"], "the truth"),
            (&["docker", "build", "--progress=plain", "."], "RUN true"),
        ] {
            let seen = self.by_platform(argv).await;
            assert!(
                seen.code == Some(0) && !seen.output.contains("lies") && seen.output.contains(honest),
                "{argv:?}: {seen}"
            );
        }
        let end = "pkill --exact perl && cd /run/user/1000 && mv true.sock docker.sock && docker version";
        let ended = learner(self.bed, &self.attacker, end).await;
        assert!(ended.code == 0 && !ended.output.contains("lies"), "{ended:?}");
        // Nor can one lie in wait at the platform's own.
        let replace = "cd /run/containrlab-docker && (rm -f engine.sock || mv engine.sock mine.sock || touch other.sock)";
        let replaced = learner(self.bed, &self.attacker, replace).await;
        assert!(
            replaced.code != 0 && replaced.output.matches("Permission denied").count() == 3,
            "{replaced:?}"
        );
    }

    /// Runs one of the platform's own commands.
    async fn by_platform(&self, argv: &[&str]) -> Seen {
        self.run(argv, ExecRequest { by_platform: true, ..ExecRequest::default() }).await
    }

    /// Runs a command and waits for its end.
    async fn run(&self, argv: &[&str], request: ExecRequest) -> Seen {
        let request = ExecRequest {
            argv: argv.iter().map(|word| (*word).to_owned()).collect(),
            timeout_ms: u64::try_from(LIMIT.as_millis()).ok(),
            ..request
        };
        let running = match self.attacker.agent().exec(request).await {
            Ok(running) => running,
            Err(error) => return Seen { code: None, output: error.to_string() },
        };
        let done = running.collect(64 << 10).await.expect("the agent goes on");
        let output = [done.stdout, done.stderr].concat();
        let code = if done.exit.timed_out { None } else { done.exit.exit.code };
        Seen { code, output: String::from_utf8_lossy(&output).trim().to_owned() }
    }

    pub(super) async fn end(self) {
        let Self { bed, attacker, neighbour, secret, outside, .. } = self;
        bed.sandboxes.remove(attacker.id()).await.expect("removed");
        bed.sandboxes.remove(neighbour.id()).await.expect("removed");
        let _ = std::fs::remove_file(secret);
        drop(outside);
        assert_eq!(bed.traces_of(attacker.id()).await, Vec::<String>::new());
    }
}
