//! Addresses for a private Docker engine that clash with nothing on this machine.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use crate::failure::Failure;

/// A block of private addresses, named by its first two numbers: `172.30` holds the engine's bridge at `172.30.0.1/24` and its
/// other networks, of 256 addresses each, in `172.30.128.0/17`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Block(u8, u8);

/// In the order of choice. Home routers like 192.168, Docker's own default is 172.17 to 172.20, and clouds 172.31 and 10.0.
const CANDIDATES: [Block; 7] = [
    Block(172, 30),
    Block(172, 29),
    Block(172, 28),
    Block(10, 231),
    Block(10, 232),
    Block(10, 187),
    Block(172, 31),
];

impl Block {
    /// The bridge's own address, as `dockerd` and `ip` write it.
    pub(crate) fn bridge(self) -> String {
        format!("{}.{}.0.1/24", self.0, self.1)
    }

    /// Where further networks get their addresses from, as `dockerd` writes it.
    pub(crate) fn pool(self) -> String {
        format!("base={}.{}.128.0/17,size=24", self.0, self.1)
    }

    fn range(self) -> (u32, u32) {
        let first = u32::from(Ipv4Addr::new(self.0, self.1, 0, 0));
        (first, first + 0xffff)
    }
}

impl std::fmt::Display for Block {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

impl std::str::FromStr for Block {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        CANDIDATES.into_iter().find(|block| block.to_string() == text).ok_or(())
    }
}

/// Keeps the block that was chosen before while nobody else routes it; else takes the first free one.
pub(crate) fn choose(before: Option<&str>, bridge: &str) -> Result<Block, Failure> {
    let routes = std::fs::read_to_string("/proc/net/route").unwrap_or_default();
    let before = before.and_then(|text| text.parse::<Block>().ok());
    before
        .into_iter()
        .chain(CANDIDATES)
        .find(|block| in_the_way(*block, &routes, bridge, Some(*block) == before).next().is_none())
        .ok_or_else(|| taken(&routes, bridge))
}

fn taken(routes: &str, bridge: &str) -> Failure {
    let interfaces: BTreeSet<_> =
        CANDIDATES.into_iter().flat_map(|block| in_the_way(block, routes, bridge, false)).collect();
    let interfaces = interfaces.into_iter().collect::<Vec<_>>().join(", ");
    Failure::Docker {
        problem: format!(
            "All addresses that a private Docker engine could use are routed elsewhere on this machine, by {interfaces}"
        ),
        mend: "Start a Docker engine yourself and name it in DOCKER_HOST. A bridge whose name begins with clab and whose engine \
               is gone can be removed: ip link delete NAME."
            .into(),
    }
}

/// The interfaces whose routes lead into the block, but for the default route and those of our own engine: its bridge, and, in a block
/// that was ours before, the bridges of its networks: `br-…`, and `clab-…` of sandboxes. A killed engine leaves them.
fn in_the_way<'a>(
    block: Block,
    routes: &'a str,
    bridge: &'a str,
    ours_before: bool,
) -> impl Iterator<Item = &'a str> {
    let (first, last) = block.range();
    routes.lines().skip(1).filter_map(move |line| {
        let mut fields = line.split_ascii_whitespace();
        let (interface, destination) = (fields.next()?, number(fields.next()?)?);
        let mask = number(fields.nth(5)?)?;
        let of_a_network = interface.starts_with("br-") || interface.starts_with("clab-");
        let ours = interface == bridge || (ours_before && of_a_network);
        let leads_there = mask != 0 && destination <= last && (destination | !mask) >= first;
        (leads_there && !ours).then_some(interface)
    })
}

/// The kernel prints addresses in the machine's byte order.
fn number(text: &str) -> Option<u32> {
    u32::from_str_radix(text, 16).ok().map(|number| u32::from_be_bytes(number.to_ne_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &str = "Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT\n\
                        eth0\t00000000\t010200C0\t0003\t0\t0\t0\t00000000\t0\t0\t0\n";

    #[cfg(target_endian = "little")]
    #[test]
    fn a_routed_block_is_not_free_but_for_its_owner() {
        let block = Block(172, 30);
        let is_free = |block, routes: &str, bridge: &str, ours_before| {
            in_the_way(block, routes, bridge, ours_before).next().is_none()
        };
        assert!(is_free(block, HEAD, "clab1", false), "the default route takes no block");
        // 172.30.0.0/24
        let bridge = format!("{HEAD}clab1\t00001EAC\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0\n");
        assert!(is_free(block, &bridge, "clab1", false));
        assert!(!is_free(block, &bridge, "clab2", false));
        assert!(taken(&bridge, "clab2").to_string().contains("by clab1"));
        assert!(is_free(Block(172, 29), &bridge, "clab2", false));
        let sandboxes = bridge.replace("clab1\t", "clab-12ab\t");
        assert!(is_free(block, &sandboxes, "clab1", true) && !is_free(block, &sandboxes, "clab1", false));
        // 172.16.0.0/12 as a company's network has it
        let company = format!("{HEAD}tun0\t000010AC\t00000000\t0001\t0\t0\t0\t0000F0FF\t0\t0\t0\n");
        assert!(!is_free(block, &company, "clab1", true));
        assert!(is_free(Block(10, 231), &company, "clab1", false));
    }
}
