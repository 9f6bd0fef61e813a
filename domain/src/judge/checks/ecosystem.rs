//! What "dependencies" and "source" mean in each language's world.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::pip::PipCall;
use crate::dockerfile::shell::SimpleCommand;

/// A package manager and its habits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Ecosystem {
    /// Python's pip, and uv.
    Pip,
    /// npm, yarn and pnpm.
    Npm,
    /// Go modules.
    Go,
    /// Rust's cargo.
    Cargo,
}

/// What a command does about dependencies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Install {
    /// It installs what the project's own list names.
    FromManifest,
    /// It installs packages named on the command line.
    ByName,
}

impl Ecosystem {
    /// Files that list dependencies, as patterns of `.dockerignore`.
    pub(super) fn manifests(self) -> &'static [&'static str] {
        match self {
            Self::Pip => &[
                "**/requirements*.txt",
                "**/requirements*.in",
                "**/constraints*.txt",
                "**/requirements/*.txt",
                "**/pyproject.toml",
                "**/setup.py",
                "**/setup.cfg",
                "**/uv.lock",
                "**/poetry.lock",
                "**/Pipfile*",
            ],
            Self::Npm => &[
                "**/package.json",
                "**/package-lock.json",
                "**/npm-shrinkwrap.json",
                "**/yarn.lock",
                "**/pnpm-lock.yaml",
                "**/.npmrc",
            ],
            Self::Go => &["**/go.mod", "**/go.sum", "**/go.work*"],
            Self::Cargo => &["**/Cargo.toml", "**/Cargo.lock", "**/rust-toolchain*"],
        }
    }

    /// Files that change with daily work, as patterns of `.dockerignore`.
    pub(super) fn source(self) -> &'static [&'static str] {
        match self {
            Self::Pip => &["**/*.py", "!**/setup.py"],
            Self::Npm => &["**/*.js", "**/*.mjs", "**/*.cjs", "**/*.ts", "**/*.jsx", "**/*.tsx"],
            Self::Go => &["**/*.go"],
            Self::Cargo => &["**/*.rs", "!**/build.rs"],
        }
    }

    /// The file that lists dependencies, as people call it.
    pub(super) fn manifest_name(self) -> &'static str {
        match self {
            Self::Pip => "requirements.txt",
            Self::Npm => "package.json",
            Self::Go => "go.mod",
            Self::Cargo => "Cargo.toml",
        }
    }

    /// The command that installs them, as people write it.
    pub(super) fn install_name(self) -> &'static str {
        match self {
            Self::Pip => "pip install -r requirements.txt",
            Self::Npm => "npm ci",
            Self::Go => "go mod download",
            Self::Cargo => "cargo fetch",
        }
    }

    /// The codes for: no list copied, nothing installed. Python keeps the original's.
    pub(super) fn codes(self) -> (&'static str, &'static str) {
        match self {
            Self::Pip => ("copy_requirements_missing", "pip_install_missing"),
            _ => ("copy_manifest_missing", "install_missing"),
        }
    }

    /// What a command does about this ecosystem's dependencies.
    pub(super) fn install(self, command: &SimpleCommand) -> Option<Install> {
        let program = command.program();
        let words: Vec<&str> =
            command.arguments().iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect();
        match self {
            Self::Pip => match (program, words.first()) {
                ("poetry" | "pipenv", Some(&("install" | "sync"))) => Some(Install::FromManifest),
                _ => {
                    let call = PipCall::read(command)?;
                    if call.follows_manifest() {
                        Some(Install::FromManifest)
                    } else {
                        (call.handles_packages() && !is_housekeeping(&call)).then_some(Install::ByName)
                    }
                }
            },
            Self::Npm => match (program, words.as_slice()) {
                ("npm", ["ci" | "clean-install", ..])
                | ("yarn", [])
                | ("npm" | "yarn" | "pnpm", ["install" | "i"]) => Some(Install::FromManifest),
                ("npm" | "yarn" | "pnpm", ["install" | "i" | "add", ..]) => Some(Install::ByName),
                _ => None,
            },
            Self::Go => match (program, words.as_slice()) {
                ("go", ["mod", "download" | "vendor", ..]) => Some(Install::FromManifest),
                ("go", ["get", ..]) => Some(Install::ByName),
                _ => None,
            },
            Self::Cargo => match (program, words.as_slice()) {
                ("cargo", ["fetch" | "vendor", ..] | ["chef", "cook", ..]) => Some(Install::FromManifest),
                _ => None,
            },
        }
    }
}

/// Renewing the tools themselves is no installation of dependencies.
fn is_housekeeping(call: &PipCall) -> bool {
    let name =
        |word: &String| word.split(['=', '<', '>', '~', '!', '[']).next().unwrap_or_default().to_owned();
    !call.words.is_empty()
        && call.words.iter().all(|w| matches!(name(w).as_str(), "pip" | "setuptools" | "wheel" | "uv"))
}
