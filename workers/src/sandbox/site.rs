//! What the network around this machine asks of every engine and shell in a sandbox: a mirror of the image registry, and a
//! proxy. (Certificates and package indexes lie in the images.)

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The variable that tells the agent in a sandbox.
const VARIABLE: &str = "CONTAINRLAB_SITE";

/// Settings of the network around.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NetworkSite {
    /// Where sandboxes' engines ask for Docker Hub's images first (REGISTRY_MIRROR).
    pub registry_mirror: Option<String>,
    /// The proxy through which sandboxes reach the network (SANDBOX_PROXY).
    pub proxy: Option<String>,
    /// Hosts that are reached without the proxy, with commas between them (SANDBOX_NO_PROXY).
    pub no_proxy: Option<String>,
}

impl NetworkSite {
    /// Variables of a sandbox's container that are for its agent.
    pub(super) fn container_environment(&self) -> Option<Vec<String>> {
        if *self == Self::default() {
            return None;
        }
        let mut arguments = Vec::new();
        if let Some(mirror) = &self.registry_mirror {
            arguments.push(format!("--registry-mirror={mirror}"));
            // One in the house seldom has a certificate.
            if let Some(host) = mirror.strip_prefix("http://") {
                arguments.push(format!("--insecure-registry={}", host.trim_end_matches('/')));
            }
        }
        let mut site = json!({ "environment": self.variables(), "dockerd_args": arguments });
        if let Some(config) = self.client_config() {
            site["docker_config"] = config;
        }
        Some(vec![format!("{VARIABLE}={site}")])
    }

    /// The proxy in the words of most programs, which agree on nothing but that both cases are in use.
    fn variables(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let Some(proxy) = &self.proxy else { return all };
        let no_proxy = self.without_proxy();
        for (name, value) in [("HTTP_PROXY", proxy), ("HTTPS_PROXY", proxy), ("NO_PROXY", &no_proxy)] {
            all.insert(name.to_owned(), value.clone());
            all.insert(name.to_lowercase(), value.clone());
        }
        all
    }

    /// What is never asked through the proxy: the sandbox itself comes first.
    fn without_proxy(&self) -> String {
        let own = "localhost,127.0.0.1";
        self.no_proxy.as_ref().map_or_else(|| own.to_owned(), |more| format!("{own},{more}"))
    }

    /// The learner's `~/.docker/config.json`. None without a proxy.
    pub(super) fn docker_config(&self) -> Option<String> {
        self.client_config().map(|config| format!("{config:#}\n"))
    }

    /// What Docker's client is told, the learner's and the platform's own: from there it hands the proxy on to builds and containers.
    fn client_config(&self) -> Option<Value> {
        let proxy = self.proxy.as_ref()?;
        Some(json!({ "proxies": { "default": {
            "httpProxy": proxy, "httpsProxy": proxy, "noProxy": self.without_proxy(),
        } } }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_set_changes_nothing() {
        assert_eq!(NetworkSite::default().container_environment(), None);
        assert_eq!(NetworkSite::default().docker_config(), None);
    }

    #[test]
    fn a_proxy_reaches_shells_engines_and_builds() {
        let site = NetworkSite {
            registry_mirror: Some("http://mirror.example:5000/".to_owned()),
            proxy: Some("http://proxy.example:3128".to_owned()),
            no_proxy: Some("mirror.example".to_owned()),
        };
        let environment = site.container_environment().unwrap();
        let told: Value =
            serde_json::from_str(environment[0].strip_prefix("CONTAINRLAB_SITE=").unwrap()).unwrap();
        assert_eq!(told["environment"]["https_proxy"], "http://proxy.example:3128");
        assert_eq!(told["environment"]["NO_PROXY"], "localhost,127.0.0.1,mirror.example");
        assert_eq!(told["dockerd_args"][1], "--insecure-registry=mirror.example:5000");
        let config: Value = serde_json::from_str(&site.docker_config().unwrap()).unwrap();
        assert_eq!(told["docker_config"], config, "the platform's own client has it too");
        assert_eq!(config["proxies"]["default"]["httpProxy"], "http://proxy.example:3128");
    }
}
