//! What the machine's own network asks of every image: certificates, package indexes, apt's settings.

use super::context::Context;

/// Settings that reach builds inside sandboxes by lying in the lab images. All empty on an ordinary machine.
#[derive(Debug, Clone, Default)]
pub struct SiteSettings {
    /// Further certificate authorities, PEM, for networks with a TLS-terminating proxy.
    pub extra_ca_certs: Option<String>,
    /// The content of `/etc/pip.conf`; see [`SiteSettings::pip_conf_from`].
    pub pip_conf: Option<String>,
    /// The content of a file in `/etc/apt/apt.conf.d`.
    pub apt_conf: Option<String>,
}

/// Where Debian wants an administrator to lay certificates.
const LOCAL_CERTIFICATES: &str = "/usr/local/share/ca-certificates";

/// pip's variables that make sense on another machine too: where packages come from and how long to wait, not paths.
const PIP_VARIABLES: [(&str, &str); 4] = [
    ("PIP_INDEX_URL", "index-url"),
    ("PIP_EXTRA_INDEX_URL", "extra-index-url"),
    ("PIP_TRUSTED_HOST", "trusted-host"),
    ("PIP_DEFAULT_TIMEOUT", "timeout"),
];

impl SiteSettings {
    /// Makes a `pip.conf` of pip's variables in this machine's environment, read through `variable`; none if there is none.
    pub fn pip_conf_from(variable: impl Fn(&str) -> Option<String>) -> Option<String> {
        let lines: String = PIP_VARIABLES
            .iter()
            .filter_map(|(name, key)| Some((key, variable(name)?)))
            .filter(|(_, value)| !value.trim().is_empty())
            .map(|(key, value)| {
                format!("{key} = {}\n", value.split_whitespace().collect::<Vec<_>>().join(" "))
            })
            .collect();
        (!lines.is_empty()).then(|| format!("[global]\n{lines}"))
    }

    /// The certificate authorities that this machine's owner added to Debian's, which builds inside sandboxes need as much as
    /// this machine does; none if there are none.
    pub fn certificates_of_this_machine() -> Option<String> {
        let mut files: Vec<_> =
            std::fs::read_dir(LOCAL_CERTIFICATES).ok()?.flatten().map(|entry| entry.path()).collect();
        files.retain(|path| path.extension().is_some_and(|extension| extension == "crt"));
        files.sort();
        // A file that can't be read is none that this machine trusts either.
        let pem: String = files
            .iter()
            .filter_map(|path| std::fs::read_to_string(path).ok())
            .map(|pem| pem + "\n")
            .collect();
        (!pem.is_empty()).then_some(pem)
    }

    /// The context of a layer that puts the settings on top of an image; empty if there is nothing to put.
    pub(super) fn layer(&self, base: &str) -> Context {
        let mut context = Context::default();
        for (number, certificate) in self.certificates().into_iter().enumerate() {
            // One certificate a file: update-ca-certificates takes only the first of each.
            let path = format!("site/usr/local/share/ca-certificates/site-{number}.crt");
            context.add(&path, false, certificate.into_bytes());
        }
        if let Some(pip) = &self.pip_conf {
            context.add("site/etc/pip.conf", false, pip.clone().into_bytes());
        }
        if let Some(apt) = &self.apt_conf {
            context.add("site/etc/apt/apt.conf.d/90site", false, apt.clone().into_bytes());
        }
        if !context.is_empty() {
            // An image without ca-certificates takes them in when the package is installed.
            let dockerfile = format!(
                "FROM {base}\nCOPY site/ /\n\
                 RUN if command -v update-ca-certificates >/dev/null; then update-ca-certificates; fi\n"
            );
            context.add("Dockerfile", false, dockerfile.into_bytes());
        }
        context
    }

    /// The PEM blocks, one by one; whatever stands between them is left out.
    fn certificates(&self) -> Vec<String> {
        const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
        const END: &str = "-----END CERTIFICATE-----";
        let mut rest = self.extra_ca_certs.as_deref().unwrap_or_default();
        let mut found = Vec::new();
        while let Some(begin) = rest.find(BEGIN) {
            rest = &rest[begin..];
            let Some(end) = rest.find(END) else { break };
            let (block, after) = rest.split_at(end + END.len());
            found.push(format!("{block}\n"));
            rest = after;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bundle_is_taken_apart() {
        let one = "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----";
        let two = "-----BEGIN CERTIFICATE-----\nBBB\n-----END CERTIFICATE-----";
        let site = SiteSettings {
            extra_ca_certs: Some(format!(
                "# first\n{one}\n\nsecond\n{two}\n-----BEGIN CERTIFICATE-----\ncut off"
            )),
            ..SiteSettings::default()
        };
        assert_eq!(site.certificates(), [format!("{one}\n"), format!("{two}\n")]);
    }

    #[test]
    fn nothing_set_makes_no_layer() {
        assert!(SiteSettings::default().layer("debian").is_empty());
    }

    #[test]
    fn pip_conf_holds_only_what_is_set() {
        let conf = SiteSettings::pip_conf_from(|name| match name {
            "PIP_INDEX_URL" => Some("https://packages.example/simple\n".to_owned()),
            "PIP_TRUSTED_HOST" => Some(String::new()),
            "PIP_CERT" => Some("/etc/a-path-of-this-machine".to_owned()),
            _ => None,
        });
        assert_eq!(conf.as_deref(), Some("[global]\nindex-url = https://packages.example/simple\n"));
        assert_eq!(SiteSettings::pip_conf_from(|_| None), None);
    }
}
