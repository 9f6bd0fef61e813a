//! What the machine's own network asks of every image: certificates, package indexes, apt's settings.

use super::context::Context;
use super::packages::{GO_ENV, PackageIndexes};

/// Settings that reach builds inside sandboxes by lying in the lab images. All empty on an ordinary machine.
#[derive(Debug, Clone, Default)]
pub struct SiteSettings {
    /// Further certificate authorities, PEM, for networks with a TLS-terminating proxy.
    pub extra_ca_certs: Option<String>,
    /// Where pip, npm and Go fetch packages from.
    pub packages: PackageIndexes,
    /// The content of a file in `/etc/apt/apt.conf.d`.
    pub apt_conf: Option<String>,
}

/// Where Debian wants an administrator to lay certificates.
const LOCAL_CERTIFICATES: &str = "/usr/local/share/ca-certificates";

/// All added certificates in one file, for programs that don't ask the system's.
const CERTIFICATES_FILE: &str = "etc/ssl/site-certificates.pem";

impl SiteSettings {
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
    /// `certificates_env` is the variable by which the image's programs want to be told of further certificates.
    pub(super) fn layer(&self, base: &str, certificates_env: Option<&str>) -> Context {
        let mut context = Context::default();
        let certificates = self.certificates();
        let told = certificates_env.filter(|_| !certificates.is_empty());
        if told.is_some() {
            context.add(&format!("site/{CERTIFICATES_FILE}"), false, certificates.concat().into_bytes());
        }
        for (number, certificate) in certificates.into_iter().enumerate() {
            // One certificate a file: update-ca-certificates takes only the first of each.
            let path = format!("site/usr/local/share/ca-certificates/site-{number}.crt");
            context.add(&path, false, certificate.into_bytes());
        }
        for (path, content) in self.packages.files() {
            context.add(&format!("site/{path}"), false, content.into_bytes());
        }
        if let Some(apt) = &self.apt_conf {
            context.add("site/etc/apt/apt.conf.d/90site", false, apt.clone().into_bytes());
        }
        if !context.is_empty() {
            // An image without ca-certificates takes them in when the package is installed, and so does Go's Dockerfile
            // with Go's settings.
            let mut dockerfile = format!(
                "FROM {base}\nCOPY site/ /\n\
                 RUN if command -v update-ca-certificates >/dev/null; then update-ca-certificates; fi; \
                 if [ -f /{GO_ENV} ] && command -v go >/dev/null; then cat /{GO_ENV} >> \"$(go env GOROOT)/go.env\"; fi\n"
            );
            if let Some(variable) = told {
                dockerfile.push_str(&format!("ENV {variable}=/{CERTIFICATES_FILE}\n"));
            }
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
        assert!(SiteSettings::default().layer("node", Some("NODE_EXTRA_CA_CERTS")).is_empty());
    }

    #[test]
    fn only_who_asks_for_it_is_told_of_certificates_by_a_variable() {
        let pem = "-----BEGIN CERTIFICATE-----\nAAA\n-----END CERTIFICATE-----".to_owned();
        let site = SiteSettings { extra_ca_certs: Some(pem), ..SiteSettings::default() };
        let named = |variable| {
            let tar = site.layer("node", variable).into_tar().unwrap();
            String::from_utf8_lossy(&tar).contains("ENV NODE_EXTRA_CA_CERTS=/etc/ssl/site-certificates.pem")
        };
        assert!(named(Some("NODE_EXTRA_CA_CERTS")));
        assert!(!named(None));
    }
}
