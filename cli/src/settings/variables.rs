//! The names, defaults and meanings of all settings.

/// One environment variable that the system reads.
#[derive(Debug)]
pub(crate) struct Variable {
    /// Its name in the environment.
    pub(crate) name: &'static str,
    /// What holds while it is unset, as a value or in words.
    pub(crate) default: &'static str,
    /// What it decides, in one sentence.
    pub(crate) meaning: &'static str,
}

macro_rules! variables {
    ($($name:ident = $default:literal, $meaning:literal;)*) => {
        $(pub(crate) const $name: Variable =
            Variable { name: stringify!($name), default: $default, meaning: $meaning };)*
        /// All of them, in the order in which `docs/settings.md` lists them.
        pub(crate) const ALL: &[&Variable] = &[$(&$name),*];
    };
}

variables! {
    STATE_DIR = ".containrlab", "The folder in which `up` keeps data, logs, secrets and pid files.";
    LABS_DIR = "labs", "The folder that holds the labs.";
    LOG_FORMAT = "text", "`text` for people, `json` for machines.";
    RUST_LOG = "info", "Which log lines are written, in tracing-subscriber's filter language.";

    DATABASE_URL = "a private PostgreSQL", "The PostgreSQL that holds the ledger, as `postgres://user:password@host:port/database`.";
    REDIS_URL = "a private Redis", "The Redis that carries the queue, as `redis://:password@host:port/number`.";
    REDIS_NAMESPACE = "containrlab", "What every key in Redis starts with, and the name of this installation in Docker's labels.";

    API_LISTEN = "127.0.0.1:8000", "Where the pages and the JSON API are served.";
    PUBLIC_URL = "none", "The address that people open, once the system is on a network; it makes cookies secure and refuses the local sign-in.";
    PREVIEW_DOMAIN = "none (`localhost` while PUBLIC_URL is unset)", "The domain beneath which every port of a session has a name of its own, such as `preview.example.com` with `*.preview.example.com` leading to the api.";
    LOCAL_SIGN_IN = "false (true under `up` while PUBLIC_URL is unset)", "Whether anybody may sign in with a mere name.";

    RUNNER_LISTEN = "127.0.0.1:0", "Where the runner serves terminals to the api; port 0 takes a free one.";
    RUNNER_ADVERTISE = "the address that RUNNER_LISTEN got", "The address by which the api reaches this runner.";
    RUNNER_TOKEN = "generated once under `up`", "The secret that the api shows to runners: 32 or more characters.";
    RUNNER_CAPACITY = "as many as memory allows", "How many sandboxes of learners this runner holds at once.";
    SANDBOX_DISK_PROMISED_BYTES = "1073741824", "The disk that has to be left for each sandbox before another one starts.";
    SANDBOX_WARM_MIN = "1", "How many sandboxes this runner keeps warm, ready to be taken at once, while nobody asks for any.";
    SANDBOX_WARM_MAX = "3", "How many it keeps warm when many ask; 0 keeps none.";
    AGENT_BINARY = "containrlab-agent beside this program", "The agent that is put into every sandbox.";

    DOCKER_HOST = "/var/run/docker.sock, or under `up` a private engine", "The Docker engine that holds the sandboxes.";
    EXTRA_CA_CERTS = "those that the machine's administrator added", "A PEM file of further certificate authorities that builds trust, for networks with a proxy that opens TLS.";

    IMAGES_FROM = "auto", "Where images come from: `registry`, `debian` (built from Debian's packages), or `auto`, a registry where one answers.";
    DEBIAN_MIRROR = "Debian's own", "The mirror from which images are built; a snapshot mirror's archive of one day makes the same images again.";
    EGRESS = "open", "What sandboxes reach outside: `open` (everything public), `allowlist` (only EGRESS_ALLOW) or `none`.";
    SANDBOXES_MAY_REACH_HOST = "false", "Whether a runner with EGRESS=open starts although the firewall can't be set: sandboxes then reach the host's own services, private networks and a cloud's metadata.";
    EGRESS_ALLOW = "none", "Hosts, addresses and ranges such as `10.1.2.0/24`, with commas between them, that sandboxes may reach: beside everything public, or alone.";
    SANDBOX_DNS = "those that the host asks", "IPv4 addresses, with commas between them, of the resolvers that sandboxes ask for names.";
    REGISTRY_MIRROR = "none", "The mirror of Docker Hub that engines in sandboxes ask first, as a URL.";
    SANDBOX_PROXY = "none", "The HTTP proxy that shells, engines, builds and containers in sandboxes go through, as a URL.";
    SANDBOX_NO_PROXY = "none", "Hosts that sandboxes reach without the proxy, with commas between them.";

    SESSION_TTL_SECONDS = "1800", "How long a session lives without being extended.";
    FILE_LIMIT_BYTES = "1048576", "The largest file that a workspace takes.";
    WORKSPACE_LIMIT_BYTES = "20971520", "The most bytes that a workspace holds.";
    WORKSPACE_LIMIT_FILES = "2000", "The most files that a workspace holds.";

    SANDBOX_IMAGE = "one made here", "The image that sandboxes start from; it has to hold an agent of the same version.";
    SANDBOX_RUNTIME = "the engine's own", "The OCI runtime of sandboxes, such as `runsc`; the engine has to know it.";
    SANDBOX_STORE = "auto", "How sandboxes' volumes are kept: `btrfs`, `folders` (slower, without quota), or `auto`, btrfs where it can be had.";
    SANDBOX_STORE_BYTES = "68719476736", "The size of the sparse file that holds all volumes; it takes room only as it fills, and grows when this is raised.";
    SANDBOX_MEMORY_BYTES = "1500000000", "The memory of one sandbox.";
    SANDBOX_CPUS = "1", "The processor cores of one sandbox.";
    SANDBOX_PIDS = "1024", "The most processes in one sandbox.";
    SANDBOX_DISK_BYTES = "4294967296", "The disk of one sandbox.";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn the_documentation_lists_every_setting_with_its_default_and_meaning() {
        let documentation =
            std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/settings.md")).unwrap();
        for variable in ALL {
            let row = format!("| `{}` | {} | {} |", variable.name, shown(variable.default), variable.meaning);
            assert!(documentation.contains(&row), "docs/settings.md lacks the row\n{row}");
        }
    }

    /// Values stand in code marks, words do not.
    fn shown(default: &str) -> String {
        if default.contains(' ') || default == "none" { default.into() } else { format!("`{default}`") }
    }
}
