//! Where pip, npm and Go fetch packages from on this machine, handed on to the images of labs.

/// Where Go's settings lie in an image until Go is there to take them.
pub(super) const GO_ENV: &str = "etc/go.env";

/// Variables that make sense on another machine too, and the name of each in the tool's file: where packages come from and
/// how long to wait, not paths, and no secrets.
const PIP: [(&str, &str); 4] = [
    ("PIP_INDEX_URL", "index-url"),
    ("PIP_EXTRA_INDEX_URL", "extra-index-url"),
    ("PIP_TRUSTED_HOST", "trusted-host"),
    ("PIP_DEFAULT_TIMEOUT", "timeout"),
];
const NPM: [(&str, &str); 2] =
    [("NPM_CONFIG_REGISTRY", "registry"), ("NPM_CONFIG_FETCH_TIMEOUT", "fetch-timeout")];
const GO: [(&str, &str); 7] = [
    ("GOPROXY", "GOPROXY"),
    ("GOSUMDB", "GOSUMDB"),
    ("GONOSUMDB", "GONOSUMDB"),
    ("GONOPROXY", "GONOPROXY"),
    ("GOPRIVATE", "GOPRIVATE"),
    ("GOINSECURE", "GOINSECURE"),
    ("GOFLAGS", "GOFLAGS"),
];

/// The tools' own files with these settings; none where nothing is set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PackageIndexes {
    /// `pip.conf`.
    pub pip: Option<String>,
    /// `npmrc`.
    pub npm: Option<String>,
    /// Lines for Go's `go.env`.
    pub go: Option<String>,
}

impl PackageIndexes {
    /// What the tools' variables in this machine's environment say, read through `variable`.
    pub fn read(variable: impl Fn(&str) -> Option<String>) -> Self {
        // npm reads its variables in either case, and itself sets the lower one.
        let npm = |name: &str| variable(name).or_else(|| variable(&name.to_ascii_lowercase()));
        Self {
            pip: lines(&PIP, " = ", &variable).map(|lines| format!("[global]\n{lines}")),
            npm: lines(&NPM, "=", npm),
            go: lines(&GO, "=", &variable),
        }
    }

    /// Path in an image and content. npm's file has two places: where Debian's npm looks, and where the real image's does.
    pub(super) fn files(&self) -> impl Iterator<Item = (&'static str, String)> {
        [
            ("etc/pip.conf", &self.pip),
            ("etc/npmrc", &self.npm),
            ("usr/local/etc/npmrc", &self.npm),
            (GO_ENV, &self.go),
        ]
        .into_iter()
        .filter_map(|(path, content)| Some((path, content.clone()?)))
    }
}

/// A line for each variable that is set; none if none is.
fn lines(names: &[(&str, &str)], between: &str, variable: impl Fn(&str) -> Option<String>) -> Option<String> {
    let lines: String = names
        .iter()
        .filter_map(|(name, key)| Some((key, variable(name)?)))
        .filter(|(_, value)| !value.trim().is_empty())
        .map(|(key, value)| {
            format!("{key}{between}{}\n", value.split_whitespace().collect::<Vec<_>>().join(" "))
        })
        .collect();
    (!lines.is_empty()).then_some(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tool_gets_only_what_is_set() {
        let indexes = PackageIndexes::read(|name| match name {
            "PIP_INDEX_URL" => Some("https://packages.example/simple\n".to_owned()),
            "PIP_TRUSTED_HOST" => Some(String::new()),
            "PIP_CERT" => Some("/etc/a-path-of-this-machine".to_owned()),
            "npm_config_registry" => Some("https://packages.example/npm/".to_owned()),
            "GOPROXY" => Some("https://packages.example/go,direct".to_owned()),
            "GOPATH" => Some("/home/somebody/go".to_owned()),
            _ => None,
        });
        assert_eq!(indexes.pip.as_deref(), Some("[global]\nindex-url = https://packages.example/simple\n"));
        assert_eq!(indexes.npm.as_deref(), Some("registry=https://packages.example/npm/\n"));
        assert_eq!(indexes.go.as_deref(), Some("GOPROXY=https://packages.example/go,direct\n"));
        assert_eq!(PackageIndexes::read(|_| None), PackageIndexes::default());
    }
}
