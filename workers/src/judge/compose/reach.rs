//! Who gets to whom within a project, and from outside.

use std::time::Duration;

use containrlab_domain::judge::ReachObserved;
use tokio::time::Instant;

use super::SAID;
use super::service::{Service, find};
use crate::judge::commands::{ask, within_engine};
use crate::judge::looks::Looks;
use crate::judge::sockets;
use crate::sandbox::{AgentClient, AgentError};

/// The image of the container that looks from within a service's network: every sandbox has it.
const PROBE: &str = "busybox";

/// Looks whether one service, or somebody outside, gets to a port of another.
pub(in crate::judge) async fn reach(
    agent: &AgentClient,
    from: Option<&str>,
    to: &str,
    port: u16,
    within_seconds: u32,
) -> Result<ReachObserved, AgentError> {
    let started = Instant::now();
    let mut looks = Looks::new();
    loop {
        let asked = find(agent, to).await?;
        let addresses: Vec<&str> = asked.as_ref().map(Service::addresses).unwrap_or_default();
        let mut observed = match from {
            Some(from) => match find(agent, from).await? {
                Some(from) => from_service(agent, &from.id, to, port, &addresses).await?,
                None => nobody(),
            },
            None => {
                let published = asked.as_ref().and_then(|asked| asked.published(port));
                let connects = match addresses.first() {
                    Some(address) if published.is_some() => is_open(agent, address, port).await?,
                    _ => false,
                };
                ReachObserved { resolves: true, connects, published, ..nobody() }
            }
        };
        if observed.connects || started.elapsed() >= Duration::from_secs(within_seconds.into()) {
            if let Some(asked) = asked.filter(|_| !observed.connects) {
                observed.listens = sockets::listening(agent, asked.pid()).await?;
            }
            return Ok(observed);
        }
        looks.pause().await;
    }
}

fn nobody() -> ReachObserved {
    ReachObserved {
        resolves: false,
        connects: false,
        connects_by_address: false,
        published: None,
        listens: Vec::new(),
    }
}

/// What the probe runs: a name, a port, and addresses.
const LOOK: &str = "said=$(nc -w 3 \"$1\" \"$2\" </dev/null 2>&1 >/dev/null) && echo connects\n\
    case $said in *'bad address'*) ;; *) echo resolves ;; esac\n\
    port=$2; shift 2\n\
    for address; do nc -w 3 \"$address\" \"$port\" </dev/null >/dev/null 2>&1 && echo address; done\n\
    true";

async fn from_service(
    agent: &AgentClient,
    from: &str,
    to: &str,
    port: u16,
    addresses: &[&str],
) -> Result<ReachObserved, AgentError> {
    let (network, port) = (format!("container:{from}"), port.to_string());
    let argv = [
        "docker",
        "run",
        "--rm",
        "--pull=never",
        "--network",
        &network,
        PROBE,
        "sh",
        "-c",
        LOOK,
        "sh",
        to,
        &port,
    ];
    let said = ask(agent, &[&argv[..], addresses].concat(), SAID).await?;
    if !said.is_fine() {
        // The service ended in the meantime, most likely; its state tells.
        return Ok(nobody());
    }
    let has = |word: &str| said.stdout.lines().any(|line| line == word);
    Ok(ReachObserved {
        resolves: has("resolves"),
        connects: has("connects"),
        connects_by_address: has("address"),
        ..nobody()
    })
}

async fn is_open(agent: &AgentClient, address: &str, port: u16) -> Result<bool, AgentError> {
    let target = format!("exec 3<>/dev/tcp/{address}/{port}");
    let argv = within_engine(&["timeout", "3", "bash", "-c", &target]);
    Ok(ask(agent, &argv, SAID).await?.is_fine())
}
