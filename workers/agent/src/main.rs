//! The agent inside a sandbox. `workers/agent/README.md` says what it is for and how an image
//! configures it; the library's documentation describes the protocol.
//!
//! | subcommand | runs as | is |
//! |---|---|---|
//! | `init` | root, process 1 | starts `serve`, reaps, passes SIGTERM on |
//! | `serve` | root | the agent: socket, connections, terminals, engine's keeper |
//! | `connect` | root, by `docker exec` | standard input and output joined with the socket |
//! | `supervise` | learner | parent of a command, a shell or the engine |
//! | `files`, `watch`, `ping` | learner | helpers of `serve` |
//! | `engine` | learner, in the engine's namespaces | containerd, then dockerd |
//!
//! **Architecture invariant:** root opens nothing that the learner could have put there, and needs no CAP_KILL,
//! CAP_DAC_OVERRIDE or CAP_SYS_PTRACE. What concerns the learner's files and processes is done as the learner.

mod carry;
mod config;
mod connect;
mod connection;
mod engine;
mod exec;
mod files;
mod init;
mod learner;
mod listen;
mod os;
mod platform;
mod poll;
mod ports;
mod serve;
mod supervise;
mod supervised;
mod tcp;
mod terminal;
mod tree;
mod vitals;
mod watch;
mod window;

use std::path::PathBuf;
use std::process::ExitCode;

use config::{Config, EngineConfig};

const USAGE: &str = "usage: containrlab-agent init | serve | connect | version
       containrlab-agent serve --as-is --socket PATH --workspace FOLDER [--keep BYTES] [--spare-shell]
                               [--runtime FOLDER --engine SHELL-COMMAND]
The configuration is /etc/containrlab/agent.json, or what CONTAINRLAB_AGENT_CONFIG names.";

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1);
    let subcommand = arguments.next().unwrap_or_default();
    match subcommand.to_str() {
        Some("supervise") => supervise::main(arguments),
        Some("files") => match arguments.next() {
            Some(workspace) => files::main(workspace.as_ref()),
            None => usage(),
        },
        Some("watch") => watch::main(arguments),
        Some("ping") => engine::ping_main(arguments),
        Some("engine") => engine::inner_main(arguments),
        Some("init") => with_config(init::main),
        Some("connect") => with_config(|config| connect::main(&config.socket)),
        Some("serve") => {
            let arguments: Vec<_> = arguments.filter_map(|argument| argument.into_string().ok()).collect();
            if arguments.is_empty() {
                with_config(|config| serve::main(config, false))
            } else {
                as_is(&arguments).map_or_else(usage, |config| serve::main(&config, true))
            }
        }
        Some("version") => {
            println!(
                "containrlab-agent {} protocol {}",
                env!("CARGO_PKG_VERSION"),
                containrlab_agent::PROTOCOL_VERSION
            );
            ExitCode::SUCCESS
        }
        _ => usage(),
    }
}

fn with_config(main: impl FnOnce(&Config) -> ExitCode) -> ExitCode {
    match Config::load() {
        Ok(config) => main(&config),
        Err(sentence) => {
            eprintln!("containrlab-agent: {sentence}");
            ExitCode::from(2)
        }
    }
}

/// The configuration of an agent that runs as whoever starts it, outside any sandbox, without an engine or with something in its
/// place that answers at `docker.sock` in the runtime folder.
fn as_is(arguments: &[String]) -> Option<Config> {
    let mut config = Config { engine: None, spare_shell: false, ..Config::default() };
    let (mut socket, mut workspace) = (false, false);
    let mut arguments = arguments.iter();
    if arguments.next()? != "--as-is" {
        return None;
    }
    while let Some(name) = arguments.next() {
        if name == "--spare-shell" {
            config.spare_shell = true;
            continue;
        }
        let value = arguments.next()?;
        match name.as_str() {
            "--socket" => (config.socket, socket) = (PathBuf::from(value), true),
            "--workspace" => (config.workspace, workspace) = (PathBuf::from(value), true),
            "--runtime" => config.runtime_dir = PathBuf::from(value),
            "--engine" => {
                let inner = ["sh", "-c", value].map(str::to_owned).to_vec();
                config.engine = Some(EngineConfig { outer: Vec::new(), inner, ..EngineConfig::default() });
            }
            "--keep" => config.terminal_keep_bytes = value.parse().ok()?,
            _ => return None,
        }
    }
    (socket && workspace).then_some(config)
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}
