//! The TCP ports on which something listens in the sandbox's network, as far as [`crate::tcp`] reaches them.

use std::collections::BTreeMap;

use containrlab_agent::message::{ErrorCode, ListeningPort, Reply, WireError};

/// State of a listening socket in the kernel's table.
const LISTEN: &str = "0A";

/// Reads the kernel's tables.
pub(crate) fn listening() -> Result<Reply, WireError> {
    let mut ports = BTreeMap::new();
    let read = |path| {
        std::fs::read_to_string(path)
            .map_err(|error| WireError::new(ErrorCode::Internal, format!("{path} can't be read: {error}.")))
    };
    collect(&read("/proc/net/tcp")?, &mut ports);
    // A kernel without IPv6 has no such table.
    collect(&read("/proc/net/tcp6").unwrap_or_default(), &mut ports);
    let ports = ports.into_iter().map(|(port, loopback)| ListeningPort { port, loopback }).collect();
    Ok(Reply::Ports { ports })
}

/// Adds the listening ports of a table; a port counts as loopback only if all of its sockets are.
fn collect(table: &str, ports: &mut BTreeMap<u16, bool>) {
    for line in table.lines().skip(1) {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let (Some(local), Some(_), Some(state)) = (fields.next(), fields.next(), fields.next()) else {
            continue;
        };
        let Some((address, port)) = local.split_once(':') else { continue };
        let Ok(port) = u16::from_str_radix(port, 16) else { continue };
        if state == LISTEN && !is_resolver(address) {
            let loopback = is_loopback(address);
            ports.entry(port).and_modify(|all| *all &= loopback).or_insert(loopback);
        }
    }
}

/// Whether it is 127.0.0.11, where Docker's own resolver answers in every container: nobody has started that here.
fn is_resolver(address: &str) -> bool {
    address == "0B00007F"
}

/// The kernel prints an address as words in the machine's byte order; here that is little-endian.
fn is_loopback(address: &str) -> bool {
    match address.len() {
        8 => address.ends_with("7F"),
        _ => {
            address == "00000000000000000000000001000000"
                || (address.starts_with("0000000000000000FFFF0000") && address.ends_with("7F"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_listening_sockets_count_and_one_open_address_opens_the_port() {
        let table = "  sl  local_address rem_address   st tx_queue\n\
            0: 0100007F:1F90 00000000:0000 0A 00000000:00000000\n\
            1: 00000000:0050 00000000:0000 0A 00000000:00000000\n\
            2: 0100007F:0050 00000000:0000 0A 00000000:00000000\n\
            3: 0100007F:9999 0100007F:1F90 01 00000000:00000000\n\
            4: 0B00007F:A3D1 00000000:0000 0A 00000000:00000000\n";
        let table6 = "  sl  local_address\n\
            0: 00000000000000000000000001000000:0BB8 00000000000000000000000000000000:0000 0A\n\
            1: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A\n\
            garbage\n";
        let mut ports = BTreeMap::new();
        collect(table, &mut ports);
        assert_eq!(ports, [(80, false), (8080, true)].into());
        collect(table6, &mut ports);
        assert_eq!(ports, [(80, false), (3000, true), (8080, false)].into());
    }
}
