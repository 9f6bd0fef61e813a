//! What the api needs to know; the command line reads it from the environment and hands it in.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use containrlab_domain::workspace::WorkspaceLimits;
use url::Url;

use crate::Error;

/// How long a sign-in lasts without being renewed.
pub const LOGIN_TTL: Duration = Duration::from_secs(30 * 24 * 3600);

/// What the api needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where people reach the pages, when that is not this machine alone. Decides which origin may send commands and
    /// whether cookies are for HTTPS only.
    pub public_url: Option<Url>,
    /// Whether a name alone is enough to sign in; refused together with `public_url`.
    pub local_sign_in: bool,
    /// The folder with one folder per lab.
    pub labs_dir: PathBuf,
    /// How long a session lives from the moment its sandbox is ready, and how much an extension adds.
    pub session_ttl: Duration,
    /// How much a workspace may hold.
    pub workspace_limits: WorkspaceLimits,
    /// The domain beneath which previews of learners' ports have their names. None: beneath `localhost`, where that is
    /// the machine itself; with `public_url` there are none then.
    pub preview_domain: Option<String>,
    /// What the api shows a runner's gateway to be let in.
    pub runner_token: RunnerToken,
}

impl Settings {
    /// Refuses settings that would let strangers in.
    ///
    /// # Errors
    /// [`Error::LocalSignInWithPublicUrl`], [`Error::PublicUrl`] when the address has no host, or [`Error::PreviewDomain`] when
    /// previews would be at the platform's own name, or above it, where their cookies reach it.
    pub fn check(&self) -> Result<(), Error> {
        let platform = self.public_url.as_ref().and_then(Url::host_str).unwrap_or_default();
        if let Some(domain) = &self.preview_domain
            && (platform == domain || platform.ends_with(&format!(".{domain}")) || !is_domain(domain))
        {
            return Err(Error::PreviewDomain(domain.clone()));
        }
        match &self.public_url {
            Some(_) if self.local_sign_in => Err(Error::LocalSignInWithPublicUrl),
            Some(url) if !matches!(url.scheme(), "http" | "https") || url.host_str().is_none() => {
                Err(Error::PublicUrl(url.to_string()))
            }
            _ => Ok(()),
        }
    }

    /// Whether browsers reach this by HTTPS only.
    pub fn is_https(&self) -> bool {
        self.public_url.as_ref().is_some_and(|url| url.scheme() == "https")
    }
}

/// Whether it is a name of a network, in lower case, and nothing around it.
fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        !label.is_empty() && label.len() <= 63 && label.bytes().all(fits)
    };
    // A place's own label has room before it.
    text.len() <= 200 && text.split('.').all(is_label)
}

/// The secret that api and runners share. Never printed.
#[derive(Clone)]
pub struct RunnerToken(String);

impl RunnerToken {
    /// Wraps a token.
    pub fn new(token: impl Into<String>) -> Self {
        Self(token.into())
    }

    /// The token itself, for the `Authorization` header and nothing else.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for RunnerToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RunnerToken(…)")
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Settings as a local installation has them, without labs.
    pub(crate) fn settings(public_url: Option<&str>, local_sign_in: bool) -> Settings {
        Settings {
            public_url: public_url.map(|url| Url::parse(url).expect("a URL")),
            local_sign_in,
            labs_dir: PathBuf::new(),
            session_ttl: Duration::from_secs(1800),
            workspace_limits: WorkspaceLimits::default(),
            preview_domain: None,
            runner_token: RunnerToken::new("secret"),
        }
    }

    #[test]
    fn a_name_alone_lets_nobody_in_from_outside() {
        assert!(settings(None, true).check().is_ok());
        assert!(settings(Some("https://labs.example"), false).check().is_ok());
        let refused = settings(Some("https://labs.example"), true).check().expect_err("refused");
        assert!(refused.to_string().contains("LOCAL_SIGN_IN"), "{refused}");
        assert!(settings(Some("file:///tmp"), false).check().is_err());
    }

    #[test]
    fn previews_are_never_where_their_cookies_reach_the_platform() {
        let check = |domain: &str| {
            let mut settings = settings(Some("https://labs.example"), false);
            settings.preview_domain = Some(domain.to_owned());
            settings.check().is_ok()
        };
        assert!(check("view.example") && check("view.labs.example"));
        for refused in
            ["labs.example", "example", "View.example", "view.example:443", "https://view.example", ""]
        {
            assert!(!check(refused), "{refused}");
        }
    }

    #[test]
    fn the_token_is_not_printed() {
        assert!(!format!("{:?}", settings(None, true)).contains("secret"));
    }
}
