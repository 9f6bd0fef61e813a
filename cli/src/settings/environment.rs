//! Reads typed values from environment variables, with errors that say what to do.

use std::collections::BTreeMap;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::PathBuf;

use super::variables::Variable;

/// A setting that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} {problem}. {mend}")]
pub(crate) struct SettingError {
    /// The variable's name.
    pub(crate) name: &'static str,
    /// What is wrong with it, as the rest of a sentence that starts with the name. Never quotes a secret.
    pub(crate) problem: String,
    /// What to do about it, as a sentence.
    pub(crate) mend: String,
}

impl SettingError {
    pub(crate) fn new(variable: &Variable, problem: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { name: variable.name, problem: problem.into(), mend: mend.into() }
    }
}

/// A copy of the environment. An empty variable counts as unset, as it does in shells' `${NAME:-default}`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Environment {
    values: BTreeMap<String, String>,
}

impl Environment {
    /// The environment of this process. Variables that are not UTF-8 are left out: none of ours may be.
    pub(crate) fn of_this_process() -> Self {
        std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
            .collect()
    }

    /// Sets a variable, as `up` does for what it started itself.
    pub(crate) fn set(&mut self, variable: &Variable, value: impl Into<String>) {
        self.values.insert(variable.name.into(), value.into());
    }

    /// Sets a variable that has no value yet.
    pub(crate) fn set_default(&mut self, variable: &Variable, value: impl Into<String>) {
        if self.text(variable).is_none() {
            self.set(variable, value);
        }
    }

    pub(crate) fn text(&self, variable: &Variable) -> Option<&str> {
        self.values.get(variable.name).map(|value| value.trim()).filter(|value| !value.is_empty())
    }

    /// A variable that is another program's, such as pip's.
    pub(crate) fn foreign(&self, name: &str) -> Option<String> {
        self.values.get(name).cloned()
    }

    pub(crate) fn required(&self, variable: &Variable, mend: &str) -> Result<String, SettingError> {
        self.text(variable).map(str::to_owned).ok_or_else(|| SettingError::new(variable, "is not set", mend))
    }

    pub(crate) fn path(&self, variable: &Variable) -> Option<PathBuf> {
        self.text(variable).map(PathBuf::from)
    }

    pub(crate) fn number<N>(
        &self,
        variable: &Variable,
        default: N,
        least: N,
        most: N,
    ) -> Result<N, SettingError>
    where
        N: std::str::FromStr + PartialOrd + std::fmt::Display + Copy,
    {
        let Some(text) = self.text(variable) else { return Ok(default) };
        match text.parse::<N>() {
            Ok(number) if number >= least && number <= most => Ok(number),
            _ => Err(SettingError::new(
                variable,
                format!("is \"{text}\""),
                format!("Give a number from {least} to {most}, or leave it out for {default}."),
            )),
        }
    }

    pub(crate) fn flag(&self, variable: &Variable, default: bool) -> Result<bool, SettingError> {
        match self.text(variable) {
            None => Ok(default),
            Some("true" | "1" | "yes" | "on") => Ok(true),
            Some("false" | "0" | "no" | "off") => Ok(false),
            Some(other) => Err(SettingError::new(variable, format!("is \"{other}\""), "Say true or false.")),
        }
    }

    /// An address to listen on: an IP address or a name of this machine, and a port.
    pub(crate) fn address(&self, variable: &Variable, default: &str) -> Result<SocketAddr, SettingError> {
        let text = self.text(variable).unwrap_or(default);
        text.to_socket_addrs().ok().and_then(|mut addresses| addresses.next()).ok_or_else(|| {
            SettingError::new(
                variable,
                format!("is \"{text}\""),
                format!("Give address:port, such as {default}."),
            )
        })
    }

    /// An absolute URL with one of the given schemes. The value may hold a password, so errors don't quote it.
    pub(crate) fn url(&self, variable: &Variable, schemes: &[&str]) -> Result<Option<String>, SettingError> {
        let Some(text) = self.text(variable) else { return Ok(None) };
        let wanted = schemes.iter().map(|scheme| format!("{scheme}://")).collect::<Vec<_>>().join(" or ");
        let mend = format!("It should start with {wanted}; docs/settings.md shows its form.");
        match url::Url::parse(text) {
            Ok(url) if schemes.contains(&url.scheme()) => Ok(Some(text.to_owned())),
            Ok(url) => Err(SettingError::new(
                variable,
                format!("starts with \"{}:\", which can't be used", url.scheme()),
                mend,
            )),
            Err(error) => Err(SettingError::new(variable, format!("is no URL ({error})"), mend)),
        }
    }
}

impl FromIterator<(String, String)> for Environment {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(pairs: I) -> Self {
        Self { values: pairs.into_iter().collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::super::variables::{API_LISTEN, DATABASE_URL, LOCAL_SIGN_IN, RUNNER_CAPACITY};
    use super::*;

    fn environment(pairs: &[(&str, &str)]) -> Environment {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        let error = environment(&[("DATABASE_URL", " ")]).required(&DATABASE_URL, "Set it.").unwrap_err();
        assert_eq!(error.to_string(), "DATABASE_URL is not set. Set it.");
    }

    #[test]
    fn a_number_outside_its_range_names_the_range() {
        let error = environment(&[("RUNNER_CAPACITY", "0")]).number(&RUNNER_CAPACITY, 4, 1, 64).unwrap_err();
        assert_eq!(
            error.to_string(),
            "RUNNER_CAPACITY is \"0\". Give a number from 1 to 64, or leave it out for 4."
        );
        assert_eq!(environment(&[]).number(&RUNNER_CAPACITY, 4, 1, 64), Ok(4));
        assert_eq!(environment(&[("RUNNER_CAPACITY", "64")]).number(&RUNNER_CAPACITY, 4, 1, 64), Ok(64));
    }

    #[test]
    fn a_flag_that_is_neither_yes_nor_no_is_refused() {
        assert!(environment(&[("LOCAL_SIGN_IN", "maybe")]).flag(&LOCAL_SIGN_IN, false).is_err());
        assert_eq!(environment(&[("LOCAL_SIGN_IN", "yes")]).flag(&LOCAL_SIGN_IN, false), Ok(true));
    }

    #[test]
    fn an_error_about_a_url_keeps_its_password_to_itself() {
        let error = environment(&[("DATABASE_URL", "mysql://root:hunter2@db/x")])
            .url(&DATABASE_URL, &["postgres", "postgresql"])
            .unwrap_err();
        assert!(error.to_string().contains("mysql:"), "{error}");
        assert!(!error.to_string().contains("hunter2"), "{error}");
    }

    #[test]
    fn an_address_without_a_port_is_refused() {
        assert!(environment(&[("API_LISTEN", "127.0.0.1")]).address(&API_LISTEN, "127.0.0.1:8000").is_err());
        let taken =
            environment(&[("API_LISTEN", "[::1]:80")]).address(&API_LISTEN, "127.0.0.1:8000").unwrap();
        assert_eq!(taken.port(), 80);
    }
}
