//! What an `apt-get` command does.

use crate::dockerfile::shell::SimpleCommand;

/// One call of `apt-get`, `apt` or `aptitude`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct AptCall<'c> {
    /// `update`, `install`, `clean` …
    pub(super) subcommand: &'c str,
    /// The words after it that are no options: packages, for the most part.
    pub(super) words: Vec<&'c str>,
}

/// Options that take the next word as their value.
const WITH_VALUE: [&str; 9] = [
    "-o",
    "--option",
    "-c",
    "--config-file",
    "-t",
    "--target-release",
    "--default-release",
    "-a",
    "--host-architecture",
];

impl<'c> AptCall<'c> {
    /// Reads a command; `None` when it is no apt.
    pub(super) fn read(command: &'c SimpleCommand) -> Option<Self> {
        // xargs and its like run apt for their own words.
        let passed_on = matches!(command.program(), "xargs" | "eatmydata" | "timeout" | "nice");
        let start = if passed_on { command.words.iter().position(|word| is_apt(word))? } else { 0 };
        if !is_apt(command.words.get(start)?) {
            return None;
        }
        let mut words = command.words[start + 1..].iter().map(String::as_str);
        let mut plain = Vec::new();
        while let Some(word) = words.next() {
            if WITH_VALUE.contains(&word) {
                words.next();
            } else if !word.starts_with('-') {
                plain.push(word);
            }
        }
        let subcommand = *plain.first()?;
        Some(Self { subcommand, words: plain.split_off(1) })
    }

    /// It fetches the lists of packages.
    pub(super) fn updates(&self) -> bool {
        self.subcommand == "update"
    }

    /// It needs the lists, to install or upgrade something.
    pub(super) fn uses_lists(&self) -> bool {
        matches!(
            self.subcommand,
            "install"
                | "upgrade"
                | "full-upgrade"
                | "dist-upgrade"
                | "safe-upgrade"
                | "build-dep"
                | "satisfy"
                | "source"
                | "download"
        )
    }
}

fn is_apt(word: &str) -> bool {
    matches!(word.rsplit('/').next(), Some("apt-get" | "apt" | "aptitude"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::shell::split;

    #[test]
    fn options_and_their_values_are_no_packages() {
        for (text, subcommand, words) in [
            ("apt-get update", "update", &[][..]),
            ("apt-get -o Acquire::Retries=3 update -qq", "update", &[]),
            ("apt -y install -t trixie curl git", "install", &["curl", "git"]),
            ("xargs -a list.txt apt-get install -y", "install", &[]),
            (
                "DEBIAN_FRONTEND=noninteractive /usr/bin/apt-get install --no-install-recommends a=1",
                "install",
                &["a=1"],
            ),
        ] {
            let commands = split(text);
            let call = AptCall::read(&commands[0]).expect(text);
            assert_eq!((call.subcommand, call.words.as_slice()), (subcommand, words), "{text}");
        }
        assert_eq!(AptCall::read(&split("apt-mark hold a")[0]), None);
        assert_eq!(AptCall::read(&split("apt-get --help")[0]), None);
    }
}
