//! Ports for private services: free ones, chosen once.

use std::net::{Ipv4Addr, TcpListener};

use crate::failure::Failure;
use crate::state::{Installation, Remembered};

/// The port that was chosen before, or a free one. A remembered port that somebody else took meanwhile is given up;
/// `ours_runs` says that it is taken by our own service, which an earlier call left running.
pub(crate) fn choose(
    installation: &mut Installation,
    what: Remembered,
    ours_runs: bool,
) -> Result<u16, Failure> {
    let before = installation.recall(what).and_then(|port| port.parse::<u16>().ok());
    if let Some(port) = before.filter(|port| ours_runs || is_free(*port)) {
        return Ok(port);
    }
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(Failure::file("find a free port"))?
        .port();
    installation.remember(what, port.to_string())?;
    Ok(port)
}

fn is_free(port: u16) -> bool {
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::StateDir;

    #[test]
    fn a_port_is_kept_until_somebody_else_takes_it() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateDir::open(folder.path().join("state")).unwrap();
        let mut installation = state.installation().unwrap();
        let port = choose(&mut installation, Remembered::RedisPort, false).unwrap();
        let other = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        assert_eq!(choose(&mut installation, Remembered::RedisPort, true).unwrap(), port);
        let next = choose(&mut installation, Remembered::RedisPort, false).unwrap();
        assert_ne!(next, port);
        drop(other);
        assert_eq!(choose(&mut state.installation().unwrap(), Remembered::RedisPort, true).unwrap(), next);
    }
}
