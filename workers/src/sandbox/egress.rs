//! Where sandboxes may go in the network outside: the policy, and the addresses that it comes down to at the moment.

use std::collections::{BTreeSet, HashMap};
use std::net::Ipv4Addr;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How often names are looked up again, and the firewall is set.
pub(super) const LOOK_UP_EVERY: Duration = Duration::from_secs(60);

/// How long an address stays open after its name stopped leading to it: whoever looked the name up before goes on using it.
const LINGER: Duration = Duration::from_secs(15 * 60);

/// What sandboxes may reach outside. Names can be asked for under every policy; the host, other sandboxes and link-local
/// addresses are closed under every policy.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Egress {
    /// Everything that is public, and what the list adds to it.
    #[default]
    Open,
    /// Only what the list names.
    Allowlist,
    /// Nothing.
    None,
}

impl std::str::FromStr for Egress {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "open" => Ok(Self::Open),
            "allowlist" => Ok(Self::Allowlist),
            "none" => Ok(Self::None),
            _ => Err(format!("sandboxes' network is `open`, `allowlist` or `none`, not `{text}`")),
        }
    }
}

impl std::fmt::Display for Egress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Open => "open",
            Self::Allowlist => "allowlist",
            Self::None => "none",
        })
    }
}

/// One entry of the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Destination {
    /// An IPv4 address or range, as `10.1.2.0/24`.
    Range(String),
    /// A host's name.
    Name(String),
}

impl std::str::FromStr for Destination {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (address, bits) = text.split_once('/').unwrap_or((text, "32"));
        if address.parse::<Ipv4Addr>().is_ok() {
            return match bits.parse::<u8>() {
                Ok(bits) if bits <= 32 => Ok(Self::Range(format!("{address}/{bits}"))),
                _ => Err(format!("`{text}` is no range: 10.1.2.0/24 would be one")),
            };
        }
        let is_label = |label: &str| {
            !label.is_empty() && label.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '-')
        };
        // What consists of numbers alone is a mistyped address, not a name.
        if text.split('.').all(is_label) && text.contains(|letter: char| letter.is_ascii_alphabetic()) {
            return Ok(Self::Name(text.to_ascii_lowercase()));
        }
        Err(format!(
            "`{text}` is neither an IPv4 address, nor a range such as 10.1.2.0/24, nor a host's name"
        ))
    }
}

/// The list, and the addresses that its names have led to lately.
#[derive(Debug)]
pub(super) struct AllowList {
    entries: Vec<Destination>,
    found: Mutex<HashMap<Ipv4Addr, Instant>>,
}

impl AllowList {
    pub(super) fn new(entries: &[Destination]) -> Self {
        Self { entries: entries.to_vec(), found: Mutex::default() }
    }

    /// Looks the names up, and gives all ranges that are open now.
    pub(super) async fn ranges(&self) -> Vec<String> {
        for entry in &self.entries {
            let Destination::Name(name) = entry else { continue };
            match tokio::net::lookup_host((name.as_str(), 0)).await {
                Ok(addresses) => self.note(addresses.map(|address| address.ip()), Instant::now()),
                Err(error) => tracing::warn!(name, %error, "a host that sandboxes may reach is not found"),
            }
        }
        self.open_at(Instant::now())
    }

    fn note(&self, addresses: impl Iterator<Item = std::net::IpAddr>, now: Instant) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for address in addresses {
            // Whoever answers for a name must not open the machine itself or a cloud's metadata service with it.
            if let std::net::IpAddr::V4(address) = address
                && !address.is_loopback()
                && !address.is_link_local()
                && !address.is_unspecified()
            {
                found.insert(address, now);
            }
        }
    }

    fn open_at(&self, now: Instant) -> Vec<String> {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found.retain(|_, seen| now.duration_since(*seen) < LINGER);
        let ranges = self.entries.iter().filter_map(|entry| match entry {
            Destination::Range(range) => Some(range.clone()),
            Destination::Name(_) => None,
        });
        // In an order that stays, so that the same rules are the same text.
        let addresses: BTreeSet<&Ipv4Addr> = found.keys().collect();
        ranges.chain(addresses.into_iter().map(|address| format!("{address}/32"))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_are_ranges_or_names_and_nothing_else() {
        let entry = |text: &str| text.parse::<Destination>();
        assert_eq!(entry("10.1.2.0/24"), Ok(Destination::Range("10.1.2.0/24".to_owned())));
        assert_eq!(entry("10.1.2.3"), Ok(Destination::Range("10.1.2.3/32".to_owned())));
        assert_eq!(entry("Packages.example"), Ok(Destination::Name("packages.example".to_owned())));
        for wrong in ["", "10.1.2/24", "10.1.2.0/33", "300.1.1.1", "a b", "http://x", "-j ACCEPT", "fd00::1"]
        {
            assert!(entry(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn addresses_of_names_linger_and_never_open_the_machine() {
        let list = AllowList::new(&["10.0.0.0/8".parse().unwrap(), "x.example".parse().unwrap()]);
        let start = Instant::now();
        let answer = ["198.51.100.7", "169.254.169.254", "127.0.0.1", "0.0.0.0"];
        list.note(answer.iter().map(|text| text.parse().unwrap()), start);
        assert_eq!(list.open_at(start), ["10.0.0.0/8", "198.51.100.7/32"]);
        list.note(["198.51.100.1".parse().unwrap()].into_iter(), start + LINGER / 2);
        assert_eq!(
            list.open_at(start + LINGER / 2),
            ["10.0.0.0/8", "198.51.100.1/32", "198.51.100.7/32"],
            "both for a while"
        );
        assert_eq!(list.open_at(start + LINGER), ["10.0.0.0/8", "198.51.100.1/32"]);
    }
}
