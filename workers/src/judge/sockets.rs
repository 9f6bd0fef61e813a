//! Where the processes of a container listen.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::commands::ask;
use crate::sandbox::{AgentClient, AgentError};

/// Bytes of the kernel's tables that are read.
const TABLE: usize = 256 * 1024;

/// The kernel's number for a socket that listens.
const LISTEN: &str = "0A";

/// The addresses at which something listens in the network of the process with this number: those of everybody first.
pub(super) async fn listening(agent: &AgentClient, pid: u32) -> Result<Vec<String>, AgentError> {
    if pid == 0 {
        return Ok(Vec::new());
    }
    let (four, six) = (format!("/proc/{pid}/net/tcp"), format!("/proc/{pid}/net/tcp6"));
    let said = ask(agent, &["cat", &four, &six], TABLE).await?;
    let mut found: Vec<SocketAddr> = said.stdout.lines().filter_map(listener).collect();
    // Docker's own name server.
    found.retain(|address| address.ip() != IpAddr::V4(Ipv4Addr::new(127, 0, 0, 11)));
    found.sort_by_key(|address| (address.ip().is_loopback(), address.port()));
    found.dedup();
    Ok(found.iter().map(SocketAddr::to_string).collect())
}

/// One line of `/proc/net/tcp` or `tcp6`, when it stands for a socket that listens.
fn listener(line: &str) -> Option<SocketAddr> {
    let mut words = line.split_whitespace().skip(1);
    let local = words.next()?;
    if words.nth(1)? != LISTEN {
        return None;
    }
    let (address, port) = local.split_once(':')?;
    let bytes = hex::decode(address).ok()?;
    // Each group of four bytes is a number in the machine's own order.
    let ordered: Vec<u8> = bytes.chunks(4).flat_map(|group| group.iter().rev().copied()).collect();
    let ip = match ordered.len() {
        4 => IpAddr::V4(<[u8; 4]>::try_from(ordered).ok()?.into()),
        16 => IpAddr::V6(Ipv6Addr::from(<[u8; 16]>::try_from(ordered).ok()?)).to_canonical(),
        _ => return None,
    };
    Some(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_tables_are_read() {
        for (line, address) in [
            ("   0: 0100007F:0050 00000000:0000 0A 00000000:00000000 00:00000000", Some("127.0.0.1:80")),
            ("   1: 00000000:1F40 00000000:0000 0A 00000000:00000000 00:00000000", Some("0.0.0.0:8000")),
            ("   1: 0100007F:1F40 0100007F:0050 01 00000000:00000000 00:00000000", None),
            (
                "   0: 00000000000000000000000001000000:1F40 00000000000000000000000000000000:0000 0A 0",
                Some("[::1]:8000"),
            ),
            (
                "   0: 00000000000000000000000000000000:1F40 00000000000000000000000000000000:0000 0A 0",
                Some("[::]:8000"),
            ),
            ("  sl  local_address rem_address   st tx_queue rx_queue", None),
        ] {
            assert_eq!(listener(line).map(|found| found.to_string()).as_deref(), address, "{line}");
        }
    }
}
