//! What a `pip` command does: what it installs, and whether it keeps a cache.

use crate::dockerfile::shell::SimpleCommand;

/// One call of `pip`, or of `uv` in its place.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct PipCall {
    /// `install`, `wheel`, `download`, `cache`, `config` …
    pub(super) subcommand: String,
    /// The words after the subcommand that are no options.
    pub(super) words: Vec<String>,
    /// It was told to keep no cache.
    pub(super) no_cache: bool,
    /// `--cache-dir`.
    pub(super) cache_dir: Option<String>,
    /// `--no-index`: nothing is downloaded, so nothing is cached.
    pub(super) offline: bool,
    /// `-r` files.
    pub(super) requirements: Vec<String>,
    /// `-e` projects.
    pub(super) editable: Vec<String>,
    /// It is uv.
    pub(super) is_uv: bool,
}

/// Options that take the next word as their value.
const WITH_VALUE: [&str; 22] = [
    "-c",
    "--constraint",
    "-i",
    "--index-url",
    "--extra-index-url",
    "-f",
    "--find-links",
    "-t",
    "--target",
    "--prefix",
    "--root",
    "--proxy",
    "--retries",
    "--timeout",
    "--cert",
    "--client-cert",
    "--trusted-host",
    "--log",
    "-w",
    "--wheel-dir",
    "-d",
    "--python",
];

impl PipCall {
    /// Reads a command; `None` when it is neither pip nor uv.
    pub(super) fn read(command: &SimpleCommand) -> Option<Self> {
        let program = command.program();
        let arguments = command.arguments();
        let (arguments, is_uv) = if is_versioned(program, "pip") {
            (arguments, false)
        } else if program == "uv" {
            match arguments.first().map(String::as_str) {
                Some("pip") => (&arguments[1..], true),
                Some("sync") => (arguments, true),
                _ => return None,
            }
        } else if is_versioned(program, "python") {
            let module = arguments.iter().position(|word| word == "-m")?;
            match arguments.get(module + 1).map(String::as_str) {
                Some("pip") => (&arguments[module + 2..], false),
                _ => return None,
            }
        } else {
            return None;
        };
        let mut call = Self { is_uv, ..Self::default() };
        let mut words = arguments.iter();
        while let Some(word) = words.next() {
            let (name, value) = match word.split_once('=') {
                Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
                _ => (word.as_str(), None),
            };
            match name {
                "--no-cache-dir" | "--no-cache" | "-n" if name != "-n" || is_uv => call.no_cache = true,
                "--no-index" | "--offline" => call.offline = true,
                "--cache-dir" => call.cache_dir = value.or_else(|| words.next().cloned()),
                "-r" | "--requirement" | "--requirements" => {
                    call.requirements.extend(value.or_else(|| words.next().cloned()));
                }
                "-e" | "--editable" => call.editable.extend(value.or_else(|| words.next().cloned())),
                _ if name.starts_with("-r") && !name.starts_with("--") => {
                    call.requirements.push(name[2..].to_owned());
                }
                _ if WITH_VALUE.contains(&name) => {
                    if value.is_none() {
                        words.next();
                    }
                }
                _ if name.starts_with('-') => {}
                _ if call.subcommand.is_empty() => call.subcommand = word.clone(),
                _ => call.words.push(word.clone()),
            }
        }
        Some(call)
    }

    /// Whether it fetches or builds packages at all.
    pub(super) fn handles_packages(&self) -> bool {
        matches!(self.subcommand.as_str(), "install" | "wheel" | "download" | "sync")
    }

    /// Whether it installs what a file of the project names, rather than names of its own.
    pub(super) fn follows_manifest(&self) -> bool {
        let is_project = |word: &String| {
            let path = word.split('[').next().unwrap_or(word);
            path == "."
                || path == ".."
                || ((path.starts_with("./") || path.starts_with('/')) && !path.ends_with(".whl"))
        };
        self.handles_packages()
            && (!self.requirements.is_empty()
                || self.subcommand == "sync"
                || self.words.iter().chain(&self.editable).any(is_project))
    }
}

/// `pip`, `pip3`, `pip3.13`.
fn is_versioned(program: &str, name: &str) -> bool {
    program.strip_prefix(name).is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit() || c == '.'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dockerfile::shell::split;

    fn call(text: &str) -> Option<PipCall> {
        split(text).iter().find_map(PipCall::read)
    }

    #[test]
    fn pip_is_known_under_all_its_names() {
        for text in
            ["pip", "pip3", "pip3.13", "/venv/bin/pip", "python -m pip", "python3 -u -m pip", "uv pip"]
        {
            let found = call(&format!("{text} install -r requirements.txt")).unwrap_or_default();
            assert_eq!((found.subcommand.as_str(), found.requirements.len()), ("install", 1), "{text}");
        }
        for text in ["pipx install a", "python app.py", "python -m venv /pip", "echo pip install"] {
            assert_eq!(call(text), None, "{text}");
        }
    }

    #[test]
    fn options_stand_anywhere() {
        let found =
            call("pip --no-cache-dir install --target /x -rrequirements.txt flask==3").unwrap_or_default();
        assert!(found.no_cache && found.follows_manifest());
        assert_eq!(found.words, ["flask==3"]);
        assert!(!call("pip install flask").unwrap_or_default().follows_manifest());
        assert!(!call("pip install /wheels/a.whl").unwrap_or_default().follows_manifest());
        assert!(call("pip install -e .[dev]").unwrap_or_default().follows_manifest());
    }
}
