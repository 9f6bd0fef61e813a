//! The caches that package managers fill, and whether a step leaves one in the image.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::apt::AptCall;
use super::pip::PipCall;
use crate::dockerfile::shell::{SimpleCommand, commands_of, home_of};
use crate::dockerfile::{EdgeKind, Instruction, StageGraph, mounts};

/// A package manager that keeps what it fetches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Installer {
    /// Python's pip, and uv.
    Pip,
    /// npm, yarn and pnpm.
    Npm,
    /// Go: its modules and its compiled packages.
    Go,
    /// Rust's cargo: its registry.
    Cargo,
    /// Debian's apt: its lists of packages, and the packages where an image keeps them.
    Apt,
}

/// A folder that a command fills.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cache {
    /// What it is, so that a command that empties it can say which it means.
    pub(super) kind: CacheKind,
    /// Where it lies. Several places when that depends on the base image: any of them counts.
    pub(super) places: Vec<String>,
}

/// What a cache holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CacheKind {
    Pip,
    Npm,
    Yarn,
    Pnpm,
    GoModules,
    GoBuilds,
    CargoRegistry,
    AptLists,
    AptPackages,
}

/// A step that leaves caches behind.
#[derive(Debug)]
pub(super) struct Leak<'f> {
    pub(super) instruction: &'f Instruction,
    pub(super) caches: Vec<Cache>,
}

/// The steps by which a package manager's cache gets into the image: those of the last stage and of what it starts
/// from, and those of other stages whose cache is copied over.
pub(super) fn leaks<'f>(graph: &StageGraph<'f>, installer: Installer) -> Vec<Leak<'f>> {
    let Some(last) = graph.last() else { return Vec::new() };
    // What of each stage comes along: `None` for nothing, an empty path for all of it.
    let mut taken: Vec<Option<Vec<&str>>> = vec![None; graph.stages.len()];
    let mut open: Vec<usize> = Vec::new();
    for stage in graph.chain(last.index) {
        taken[stage.index] = Some(vec![""]);
        open.push(stage.index);
    }
    while let Some(stage) = open.pop() {
        for edge in graph.stages[stage].edges.iter().filter(|edge| edge.kind == EdgeKind::Copy) {
            let Some(source) = edge.stage() else { continue };
            for below in graph.chain(source) {
                let paths = taken[below.index].get_or_insert_with(|| {
                    open.push(below.index);
                    Vec::new()
                });
                paths.extend(edge.paths.iter().map(|path| path.trim_end_matches(['/', '.', '*'])));
            }
        }
    }
    let mut found = Vec::new();
    for (stage, paths) in taken.iter().enumerate() {
        let Some(paths) = paths else { continue };
        for mut leak in stage_leaks(graph, stage, installer) {
            leak.caches.retain(|cache| {
                cache
                    .places
                    .iter()
                    .any(|place| paths.iter().any(|path| place.starts_with(path) || covers(place, path)))
            });
            if !leak.caches.is_empty() {
                found.push(leak);
            }
        }
    }
    found
}

/// The steps of a stage that leave a cache behind in it.
fn stage_leaks<'f>(graph: &StageGraph<'f>, stage: usize, installer: Installer) -> Vec<Leak<'f>> {
    let mut found = Vec::new();
    let mut habits = Habits::default();
    for step in graph.stages[stage].steps.iter().filter(|step| step.is_run()) {
        let commands = commands_of(graph, stage, step.index);
        let env = |name: &str| graph.scope(stage, step.index).get(name).map(str::to_owned);
        let home = env("HOME").unwrap_or_else(|| home_of(graph, stage, step.index));
        let run = Run { instruction: step.instruction, commands: &commands, env: &env, home: &home };
        let caches = run.leaves(installer, &mut habits);
        if !caches.is_empty() {
            found.push(Leak { instruction: step.instruction, caches });
        }
    }
    found
}

/// What earlier steps set up for later ones.
#[derive(Debug, Default)]
struct Habits {
    /// `pip config set global.no-cache-dir`.
    pip_keeps_none: bool,
    /// Debian's images make apt forget packages at once; without this file it keeps them.
    apt_keeps_packages: bool,
}

struct Run<'r> {
    instruction: &'r Instruction,
    commands: &'r [SimpleCommand],
    env: &'r dyn Fn(&str) -> Option<String>,
    home: &'r str,
}

impl Run<'_> {
    fn leaves(&self, installer: Installer, habits: &mut Habits) -> Vec<Cache> {
        let mut exported: Vec<(String, String)> = Vec::new();
        let mut left: Vec<Cache> = Vec::new();
        for command in self.commands {
            if command.program() == "export" {
                let pairs = command.arguments().iter().filter_map(|word| word.split_once('='));
                exported.extend(pairs.map(|(name, value)| (name.to_owned(), value.to_owned())));
            } else if command.words.is_empty() {
                exported.extend(command.assignments.clone());
            } else if matches!(command.program(), "rm" | "find") {
                left.retain(|cache| !cache.places.iter().any(|place| removes(command, place)));
                let names_it = |word: &String| word.ends_with("/docker-clean");
                habits.apt_keeps_packages |= command.arguments().iter().any(names_it);
            }
            let cleared = cleared(command);
            left.retain(|cache| !cleared.contains(&cache.kind));
            let variable = |name: &str| {
                let own = command.assignments.iter().chain(exported.iter().rev());
                own.into_iter().find(|(n, _)| n == name).map(|(_, v)| v.clone()).or_else(|| (self.env)(name))
            };
            let call = Call { command, variable: &variable, home: self.home };
            let filled = match installer {
                Installer::Pip => call.pip(habits),
                Installer::Npm => call.node(),
                Installer::Go => call.go(),
                Installer::Cargo => call.cargo(),
                Installer::Apt => call.apt(habits),
            };
            left.extend(filled.into_iter().filter(|cache| !self.is_mounted(cache)));
        }
        left
    }

    /// Whether a cache or tmpfs mount of this `RUN` takes the folder in.
    fn is_mounted(&self, cache: &Cache) -> bool {
        mounts(self.instruction).filter(|mount| matches!(mount.kind(), "cache" | "tmpfs")).any(|mount| {
            let target =
                mount.target().unwrap_or_default().replace("$HOME", self.home).replace("${HOME}", self.home);
            cache.places.iter().any(|place| covers(&target, place))
        })
    }
}

/// One command with what it can see.
struct Call<'r> {
    command: &'r SimpleCommand,
    variable: &'r dyn Fn(&str) -> Option<String>,
    home: &'r str,
}

impl Call<'_> {
    fn pip(&self, habits: &mut Habits) -> Vec<Cache> {
        let Some(call) = PipCall::read(self.command) else { return Vec::new() };
        if call.subcommand == "config" && call.words.iter().any(|word| word.ends_with("no-cache-dir")) {
            habits.pip_keeps_none = true;
        }
        let is_quiet = call.offline || call.no_cache || (habits.pip_keeps_none && !call.is_uv);
        let switch = if call.is_uv { "UV_NO_CACHE" } else { "PIP_NO_CACHE_DIR" };
        if !call.handles_packages() || is_quiet || (self.variable)(switch).is_some_and(|v| is_switch(&v)) {
            return Vec::new();
        }
        let (name, folder) = if call.is_uv { ("UV_CACHE_DIR", "uv") } else { ("PIP_CACHE_DIR", "pip") };
        let place =
            call.cache_dir.or_else(|| (self.variable)(name)).unwrap_or_else(|| self.in_caches(folder));
        vec![Cache { kind: CacheKind::Pip, places: vec![place] }]
    }

    fn node(&self) -> Vec<Cache> {
        let words = self.plain_words();
        let installs = match (self.command.program(), words.as_slice()) {
            ("yarn", []) => true,
            ("npm" | "yarn" | "pnpm", [first, ..]) => {
                matches!(*first, "install" | "i" | "ci" | "clean-install" | "add" | "update" | "up")
            }
            _ => false,
        };
        if !installs {
            return Vec::new();
        }
        let home = self.home;
        let (kind, option, names, below, usual): (_, _, &[&str], _, Vec<String>) =
            match self.command.program() {
                "npm" => (
                    CacheKind::Npm,
                    "--cache",
                    &["npm_config_cache", "NPM_CONFIG_CACHE"],
                    "/_cacache",
                    vec![format!("{home}/.npm/_cacache")],
                ),
                "yarn" => (
                    CacheKind::Yarn,
                    "--cache-folder",
                    &["YARN_CACHE_FOLDER"],
                    "",
                    vec![
                        "/usr/local/share/.cache/yarn".to_owned(),
                        self.in_caches("yarn"),
                        format!("{home}/.yarn/berry/cache"),
                    ],
                ),
                _ => (
                    CacheKind::Pnpm,
                    "--store-dir",
                    &["npm_config_store_dir", "NPM_CONFIG_STORE_DIR"],
                    "",
                    vec![format!("{home}/.local/share/pnpm/store"), "/pnpm/store".to_owned()],
                ),
            };
        let named = self.option(option).or_else(|| names.iter().find_map(|name| (self.variable)(name)));
        let places = named.map_or(usual, |folder| vec![format!("{}{below}", folder.trim_end_matches('/'))]);
        vec![Cache { kind, places }]
    }

    fn go(&self) -> Vec<Cache> {
        if self.command.program() != "go" {
            return Vec::new();
        }
        let words = self.plain_words();
        let compiles = matches!(words.first(), Some(&("build" | "install" | "test" | "run" | "vet")));
        let fetches = match words.as_slice() {
            ["mod", what, ..] => matches!(*what, "download" | "tidy" | "vendor"),
            ["get", ..] => true,
            _ => compiles && !self.command.arguments().iter().any(|word| word == "-mod=vendor"),
        };
        let home = self.home;
        let mut filled = Vec::new();
        if fetches {
            let path = (self.variable)("GOPATH").map(|path| format!("{path}/pkg/mod"));
            let known = (self.variable)("GOMODCACHE").or(path);
            let places = known
                .map_or_else(|| vec!["/go/pkg/mod".to_owned(), format!("{home}/go/pkg/mod")], |p| vec![p]);
            filled.push(Cache { kind: CacheKind::GoModules, places });
        }
        if compiles {
            let place = (self.variable)("GOCACHE").unwrap_or_else(|| self.in_caches("go-build"));
            filled.push(Cache { kind: CacheKind::GoBuilds, places: vec![place] });
        }
        filled
    }

    fn cargo(&self) -> Vec<Cache> {
        let words = self.plain_words();
        let fetches = self.command.program() == "cargo"
            && !self.command.arguments().iter().any(|word| word == "--offline")
            && matches!(
                words.as_slice(),
                [
                    "build" | "b" | "install" | "fetch" | "test" | "t" | "check" | "run" | "vendor" | "rustc",
                    ..
                ] | ["chef", "cook", ..]
            );
        if !fetches {
            return Vec::new();
        }
        let places = match (self.variable)("CARGO_HOME") {
            Some(folder) => vec![format!("{}/registry", folder.trim_end_matches('/'))],
            None => vec!["/usr/local/cargo/registry".to_owned(), format!("{}/.cargo/registry", self.home)],
        };
        vec![Cache { kind: CacheKind::CargoRegistry, places }]
    }

    fn apt(&self, habits: &Habits) -> Vec<Cache> {
        let Some(call) = AptCall::read(self.command) else { return Vec::new() };
        let cache = |kind, place: &str| Cache { kind, places: vec![place.to_owned()] };
        if call.updates() {
            vec![cache(CacheKind::AptLists, "/var/lib/apt/lists")]
        } else if call.uses_lists() && habits.apt_keeps_packages {
            vec![cache(CacheKind::AptPackages, "/var/cache/apt/archives")]
        } else {
            Vec::new()
        }
    }

    fn plain_words(&self) -> Vec<&str> {
        self.command.arguments().iter().map(String::as_str).filter(|word| !word.starts_with('-')).collect()
    }

    /// The value of an option, in either of its spellings.
    fn option(&self, name: &str) -> Option<String> {
        let words = self.command.arguments();
        words.iter().enumerate().find_map(|(at, word)| match word.strip_prefix(name)? {
            "" => words.get(at + 1).cloned(),
            rest => rest.strip_prefix('=').map(str::to_owned),
        })
    }

    fn in_caches(&self, folder: &str) -> String {
        let caches = (self.variable)("XDG_CACHE_HOME").unwrap_or_else(|| format!("{}/.cache", self.home));
        format!("{caches}/{folder}")
    }
}

/// The caches that a command empties.
fn cleared(command: &SimpleCommand) -> &'static [CacheKind] {
    if let Some(call) = PipCall::read(command) {
        let purges = call.subcommand == "cache"
            && call.words.first().is_some_and(|word| word == "purge" || word == "remove");
        return if purges { &[CacheKind::Pip] } else { &[] };
    }
    if let Some(call) = AptCall::read(command) {
        return match call.subcommand {
            "clean" => &[CacheKind::AptPackages],
            "distclean" => &[CacheKind::AptPackages, CacheKind::AptLists],
            _ => &[],
        };
    }
    let words: Vec<&str> = command.arguments().iter().map(String::as_str).collect();
    match (command.program(), words.as_slice()) {
        // Without --force npm only warns.
        ("npm", ["cache", "clean" | "clear", rest @ ..])
            if rest.contains(&"--force") || rest.contains(&"-f") =>
        {
            &[CacheKind::Npm]
        }
        ("yarn", ["cache", "clean" | "clear", ..]) => &[CacheKind::Yarn],
        ("pnpm", ["store", "prune", ..]) => &[CacheKind::Pnpm],
        ("go", ["clean", rest @ ..]) => match (rest.contains(&"-modcache"), rest.contains(&"-cache")) {
            (true, true) => &[CacheKind::GoModules, CacheKind::GoBuilds],
            (true, false) => &[CacheKind::GoModules],
            (false, true) => &[CacheKind::GoBuilds],
            (false, false) => &[],
        },
        _ => &[],
    }
}

/// Whether a folder is another, or holds it.
fn covers(outer: &str, inner: &str) -> bool {
    let outer = outer.trim_end_matches('/');
    !outer.is_empty()
        && inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// Whether a command removes a folder, or all that lies in it.
fn removes(command: &SimpleCommand, folder: &str) -> bool {
    let deletes = match command.program() {
        "rm" => command.arguments().iter().any(|w| {
            w == "--recursive" || (w.starts_with('-') && !w.starts_with("--") && w.contains(['r', 'R']))
        }),
        _ => command.arguments().iter().any(|word| word == "-delete"),
    };
    deletes
        && command.arguments().iter().filter(|word| !word.starts_with('-')).any(|word| {
            let target = word.trim_end_matches("/*");
            covers(target, folder)
        })
}

/// pip takes any of these, `0` and `false` too, as "no cache": an old quirk that it keeps.
fn is_switch(value: &str) -> bool {
    matches!(
        value.to_ascii_lowercase().as_str(),
        "1" | "true" | "yes" | "on" | "y" | "t" | "0" | "false" | "no" | "off" | "n" | "f"
    )
}
