//! What sandboxes may not reach: the host itself, private networks, link-local addresses and with them a cloud's metadata service.
//!
//! The rules hang in two chains of our own per bridge, jumped to from the host's `INPUT` and from `DOCKER-USER`, the chain
//! that Docker leaves to others.

use std::net::Ipv4Addr;

use super::{Egress, SandboxError, host};

/// Destinations that aren't the internet.
const CLOSED: [&str; 9] = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/4",
    "240.0.0.0/4",
];

/// Puts the rules in place for a bridge; those of an earlier time are replaced in one step.
pub(super) async fn close(
    bridge: &str,
    egress: Egress,
    allowed: &[String],
    resolvers: &[Ipv4Addr],
) -> Result<(), SandboxError> {
    let rules = format!(
        "*filter\n{}{}COMMIT\n",
        forward_rules(bridge, resolvers, egress, allowed),
        input_rules(bridge, resolvers)
    );
    host::run_with_input("iptables-restore", &["--wait", "--noflush"], &rules).await?;
    for (from, to) in hooks(bridge) {
        if host::run("iptables", &rule("-C", from, bridge, &to)).await.is_err() {
            host::run("iptables", &rule("-I", from, bridge, &to)).await?;
        }
    }
    Ok(())
}

/// Takes the rules of a bridge away.
pub(super) async fn open(bridge: &str) -> Result<(), SandboxError> {
    for (from, to) in hooks(bridge) {
        host::run("iptables", &rule("-D", from, bridge, &to)).await?;
        host::run("iptables", &["--wait", "-F", &to]).await?;
        host::run("iptables", &["--wait", "-X", &to]).await?;
    }
    Ok(())
}

fn hooks(bridge: &str) -> [(&'static str, String); 2] {
    [("DOCKER-USER", format!("{bridge}-out")), ("INPUT", format!("{bridge}-host"))]
}

fn rule<'a>(what: &'a str, from: &'a str, bridge: &'a str, to: &'a str) -> [&'a str; 7] {
    ["--wait", what, from, "-i", bridge, "-j", to]
}

/// From a sandbox to elsewhere.
fn forward_rules(bridge: &str, resolvers: &[Ipv4Addr], egress: Egress, allowed: &[String]) -> String {
    let chain = format!("{bridge}-out");
    // Naming a chain so empties it.
    let mut rules = format!(":{chain} - [0:0]\n");
    let mut add = |rule: String| rules.push_str(&format!("-A {chain} {rule}\n"));
    // The engine's own resolver asks in the sandbox's name, and a resolver often has a private address.
    for resolver in resolvers {
        for protocol in ["udp", "tcp"] {
            add(format!("-d {resolver} -p {protocol} --dport 53 -j RETURN"));
        }
    }
    // What was begun under an earlier, wider policy ends with it: there is no exception for connections that stand.
    if egress != Egress::None {
        for range in allowed {
            add(format!("-d {range} -j RETURN"));
        }
    }
    if egress == Egress::Open {
        for range in CLOSED {
            add(format!("-d {range} -j REJECT"));
        }
        add("-j RETURN".to_owned());
    } else {
        add("-j REJECT".to_owned());
    }
    rules
}

/// From a sandbox to the host: only answers, so that the host can ask the sandbox.
fn input_rules(bridge: &str, resolvers: &[Ipv4Addr]) -> String {
    let chain = format!("{bridge}-host");
    let mut rules =
        format!(":{chain} - [0:0]\n-A {chain} -m conntrack --ctstate ESTABLISHED,RELATED -j RETURN\n");
    for resolver in resolvers {
        rules.push_str(&format!("-A {chain} -d {resolver} -p udp --dport 53 -j RETURN\n"));
        rules.push_str(&format!("-A {chain} -d {resolver} -p tcp --dport 53 -j RETURN\n"));
    }
    rules.push_str(&format!("-A {chain} -j REJECT\n"));
    rules
}

/// The IPv4 resolvers that the engine hands questions to.
pub(super) fn resolvers_of_host() -> Vec<Ipv4Addr> {
    // Without the file there is nobody to ask.
    std::fs::read_to_string("/etc/resolv.conf").map(|text| resolvers(&text)).unwrap_or_default()
}

/// Those in a resolv.conf. One on a loopback address is asked by the host itself.
fn resolvers(resolv_conf: &str) -> Vec<Ipv4Addr> {
    resolv_conf
        .lines()
        .filter_map(|line| line.trim().strip_prefix("nameserver"))
        .filter_map(|rest| rest.trim().parse::<Ipv4Addr>().ok())
        .filter(|address| !address.is_loopback())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const RESOLVER: Ipv4Addr = Ipv4Addr::new(10, 1, 2, 3);

    #[test]
    fn only_resolvers_that_sandboxes_ask_are_let_through() {
        let text =
            "# a comment\nnameserver 10.1.2.3\nnameserver 127.0.0.53\nnameserver fd00::1\nsearch example\n";
        assert_eq!(resolvers(text), [RESOLVER]);
    }

    #[test]
    fn exceptions_stand_before_what_they_are_exceptions_of() {
        let rules = forward_rules("clab-x", &[RESOLVER], Egress::Open, &["10.9.0.0/16".to_owned()]);
        let at = |text: &str| rules.find(text).unwrap();
        assert!(at("-d 10.1.2.3 -p udp --dport 53 -j RETURN") < at("-d 10.0.0.0/8 -j REJECT"));
        assert!(at("-d 10.9.0.0/16 -j RETURN") < at("-d 10.0.0.0/8 -j REJECT"));
        assert!(at("-d 169.254.0.0/16 -j REJECT") < at("-A clab-x-out -j RETURN"));
    }

    #[test]
    fn a_narrower_policy_ends_in_a_refusal_and_leaves_names_open() {
        let of = |egress| {
            let rules = forward_rules("clab-x", &[RESOLVER], egress, &["198.51.100.7/32".to_owned()]);
            assert!(rules.contains("-d 10.1.2.3 -p udp --dport 53 -j RETURN"), "{rules}");
            assert!(rules.ends_with("-A clab-x-out -j REJECT\n"), "{rules}");
            rules.contains("-d 198.51.100.7/32 -j RETURN")
        };
        assert!(of(Egress::Allowlist));
        assert!(!of(Egress::None));
    }
}
