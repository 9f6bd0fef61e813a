//! The settings of the other crates, read from the environment.

use std::path::{Path, PathBuf};
use std::time::Duration;

use containrlab_api::RunnerToken;
use containrlab_domain::workspace::WorkspaceLimits;
use containrlab_workers::images::{ImageSettings, PackageIndexes, SiteSettings};
use containrlab_workers::sandbox::{Limits, NetworkSite, SandboxSettings};
use containrlab_workers::settings::{DISK_PROMISED_BYTES, WarmSettings};

use super::processes::state_dir;
use super::variables::{
    AGENT_BINARY, API_LISTEN, DATABASE_URL, DEBIAN_MIRROR, EGRESS, EGRESS_ALLOW, EXTRA_CA_CERTS,
    FILE_LIMIT_BYTES, IMAGES_FROM, LABS_DIR, LOCAL_SIGN_IN, PREVIEW_DOMAIN, PUBLIC_URL, REDIS_NAMESPACE,
    REDIS_URL, REGISTRY_MIRROR, RUNNER_ADVERTISE, RUNNER_CAPACITY, RUNNER_LISTEN, RUNNER_TOKEN, SANDBOX_CPUS,
    SANDBOX_DISK_BYTES, SANDBOX_DISK_PROMISED_BYTES, SANDBOX_DNS, SANDBOX_IMAGE, SANDBOX_MEMORY_BYTES,
    SANDBOX_NO_PROXY, SANDBOX_PIDS, SANDBOX_PROXY, SANDBOX_RUNTIME, SANDBOX_STORE, SANDBOX_STORE_BYTES,
    SANDBOX_WARM_MAX, SANDBOX_WARM_MIN, SANDBOXES_MAY_REACH_HOST, SESSION_TTL_SECONDS, Variable,
    WORKSPACE_LIMIT_BYTES, WORKSPACE_LIMIT_FILES,
};
use super::{Docker, Environment, Listen, SettingError};
use crate::failure::Failure;

/// What to do about a database or a Redis that is not named.
const NO_DATABASE: &str = "Give the address of a PostgreSQL, such as postgres://user:password@host:5432/database, or use \
                           `containrlab up`, which starts a private one.";
const NO_REDIS: &str = "Give the address of a Redis, such as redis://host:6379, or use `containrlab up`, which starts a private one.";

/// The database's address.
pub(crate) fn database_url(environment: &Environment) -> Result<String, SettingError> {
    environment
        .url(&DATABASE_URL, &["postgres", "postgresql"])?
        .map_or_else(|| environment.required(&DATABASE_URL, NO_DATABASE), Ok)
}

/// For [`containrlab_store::Store::connect`].
pub(crate) fn store(environment: &Environment) -> Result<containrlab_store::Settings, SettingError> {
    Ok(containrlab_store::Settings {
        database_url: database_url(environment)?,
        redis_url: environment
            .url(&REDIS_URL, &["redis", "rediss", "redis+unix", "unix"])?
            .map_or_else(|| environment.required(&REDIS_URL, NO_REDIS), Ok)?,
        namespace: namespace(environment),
        pool_size: 16,
    })
}

/// What keeps this installation apart from others that share a Redis or an engine with it.
fn namespace(environment: &Environment) -> String {
    environment.text(&REDIS_NAMESPACE).unwrap_or(REDIS_NAMESPACE.default).to_owned()
}

/// For [`containrlab_api::serve`], and where to listen.
pub(crate) fn api(environment: &Environment) -> Result<(containrlab_api::Settings, Listen), SettingError> {
    let settings = containrlab_api::Settings {
        public_url: environment.url(&PUBLIC_URL, &["http", "https"])?.and_then(|url| url.parse().ok()),
        preview_domain: environment.text(&PREVIEW_DOMAIN).map(str::to_owned),
        local_sign_in: environment.flag(&LOCAL_SIGN_IN, false)?,
        labs_dir: labs_dir(environment)?,
        session_ttl: Duration::from_secs(environment.number(&SESSION_TTL_SECONDS, 1800, 60, 86_400)?),
        workspace_limits: workspace_limits(environment)?,
        runner_token: RunnerToken::new(runner_token(environment)?),
    };
    let address = environment.address(&API_LISTEN, API_LISTEN.default)?;
    if settings.public_url.is_some() && settings.local_sign_in {
        return Err(SettingError::new(
            &LOCAL_SIGN_IN,
            "is true although PUBLIC_URL is set: anybody could sign in as anybody",
            "Unset one of the two.",
        ));
    }
    Ok((settings, Listen { variable: API_LISTEN.name, address }))
}

/// For [`containrlab_workers::run`]. Makes the runner's id the first time.
pub(crate) fn runner(environment: &Environment) -> Result<containrlab_workers::Settings, Failure> {
    let sandboxes = sandboxes(environment)?;
    let token = runner_token(environment)?;
    let labs_dir = labs_dir(environment)?;
    let mut settings = containrlab_workers::Settings::new(token, labs_dir, sandboxes);
    if let Ok(name) = std::fs::read_to_string("/proc/sys/kernel/hostname") {
        settings.name = name.trim().to_owned();
    }
    settings.listen = environment.address(&RUNNER_LISTEN, RUNNER_LISTEN.default)?;
    settings.advertise = environment.url(&RUNNER_ADVERTISE, &["http", "https"])?;
    if environment.text(&RUNNER_CAPACITY).is_some() {
        settings.capacity = Some(environment.number(&RUNNER_CAPACITY, 4, 1, 1000)?);
    }
    settings.disk_promised_bytes =
        environment.number(&SANDBOX_DISK_PROMISED_BYTES, DISK_PROMISED_BYTES, 16 << 20, 1 << 44)?;
    settings.warm = warm(environment)?;
    settings.workspace_limits = workspace_limits(environment)?;
    Ok(settings)
}

fn warm(environment: &Environment) -> Result<WarmSettings, SettingError> {
    let max = environment.number(&SANDBOX_WARM_MAX, 3, 0, 1000)?;
    // A lower ceiling takes an unset floor down with it.
    let min = environment.number(&SANDBOX_WARM_MIN, max.min(1), 0, 1000)?;
    if min > max {
        return Err(SettingError::new(
            &SANDBOX_WARM_MIN,
            format!("is {min}, more than SANDBOX_WARM_MAX, which is {max}"),
            "Lower the one or raise the other.",
        ));
    }
    Ok(WarmSettings { min, max })
}

/// For everything that makes or removes sandboxes and images.
pub(crate) fn sandboxes(environment: &Environment) -> Result<SandboxSettings, Failure> {
    let state = state_dir(environment)?.join("runner");
    let images = images(environment)?;
    let runner = containrlab_workers::runner::identity::identity(&state)
        .map_err(|error| Failure::Runner(error.to_string()))?;
    let mut settings = SandboxSettings::new(namespace(environment), runner, state, images);
    settings.docker_host = Docker::read(environment)?.host;
    settings.sandbox_image = environment.text(&SANDBOX_IMAGE).map(str::to_owned);
    settings.runtime = environment.text(&SANDBOX_RUNTIME).map(str::to_owned);
    settings.store = word(environment, &SANDBOX_STORE)?.unwrap_or_default();
    settings.store_bytes =
        environment.number(&SANDBOX_STORE_BYTES, settings.store_bytes, 1 << 30, 1 << 50)?;
    settings.egress = word(environment, &EGRESS)?.unwrap_or_default();
    settings.may_reach_host = environment.flag(&SANDBOXES_MAY_REACH_HOST, false)?;
    settings.egress_allow = list(environment, &EGRESS_ALLOW)?;
    settings.dns = list(environment, &SANDBOX_DNS)?;
    settings.site = NetworkSite {
        registry_mirror: environment.url(&REGISTRY_MIRROR, &["http", "https"])?,
        proxy: environment.url(&SANDBOX_PROXY, &["http", "https"])?,
        no_proxy: environment.text(&SANDBOX_NO_PROXY).map(str::to_owned),
    };
    let usual = Limits::default();
    settings.limits = Limits {
        memory_bytes: environment.number(&SANDBOX_MEMORY_BYTES, usual.memory_bytes, 256 << 20, 1 << 40)?,
        cpus: environment.number(&SANDBOX_CPUS, usual.cpus, 0.1, 256.0)?,
        pids: environment.number(&SANDBOX_PIDS, usual.pids, 128, 65_536)?,
        disk_bytes: environment.number(&SANDBOX_DISK_BYTES, usual.disk_bytes, 256 << 20, 1 << 44)?,
        ..usual
    };
    Ok(settings)
}

/// Entries with commas between them; the type's own error says what is wrong with one.
fn list<E>(environment: &Environment, variable: &Variable) -> Result<Vec<E>, SettingError>
where
    E: std::str::FromStr<Err: std::fmt::Display>,
{
    let list = environment.text(variable).unwrap_or_default();
    let entries = list.split(',').map(str::trim).filter(|entry| !entry.is_empty());
    entries
        .map(|entry| {
            entry.parse().map_err(|why: E::Err| {
                SettingError::new(
                    variable,
                    format!("has an entry that can't be used, `{entry}`: {why}"),
                    "Mend the entry.",
                )
            })
        })
        .collect()
}

fn images(environment: &Environment) -> Result<ImageSettings, SettingError> {
    let extra_ca_certs = environment
        .path(&EXTRA_CA_CERTS)
        .map(|path| {
            std::fs::read_to_string(&path).map_err(|error| {
                SettingError::new(
                    &EXTRA_CA_CERTS,
                    format!("names {}, which can't be read ({error})", path.display()),
                    "Give the path of a PEM file.",
                )
            })
        })
        .transpose()?
        .or_else(SiteSettings::certificates_of_this_machine);
    Ok(ImageSettings {
        folder: labs_dir(environment)?.join("images"),
        agent: agent(environment)?,
        source: word(environment, &IMAGES_FROM)?.unwrap_or_default(),
        site: SiteSettings {
            extra_ca_certs,
            packages: PackageIndexes::read(|name| environment.foreign(name)),
            ..SiteSettings::default()
        },
        mirror: environment.text(&DEBIAN_MIRROR).map(str::to_owned),
    })
}

/// The agent's program: the setting, or what the build put beside this program.
fn agent(environment: &Environment) -> Result<PathBuf, SettingError> {
    let beside = || {
        let program = std::env::current_exe().ok()?;
        Some(program.parent()?.join("containrlab-agent"))
    };
    let path = environment.path(&AGENT_BINARY).or_else(beside).unwrap_or_default();
    if path.is_file() {
        return Ok(path);
    }
    Err(SettingError::new(
        &AGENT_BINARY,
        format!("would be {}, where there is no file", path.display()),
        "Build it with `cargo build --package containrlab-agent`, or name it.",
    ))
}

/// The folder with the labs: the setting, or `labs` where we stand or above this program's file.
pub(crate) fn labs_dir(environment: &Environment) -> Result<PathBuf, SettingError> {
    let path = match environment.path(&LABS_DIR) {
        Some(path) => path,
        None => {
            let program = std::env::current_exe().unwrap_or_default();
            [Path::new(".")]
                .into_iter()
                .chain(program.ancestors().skip(1))
                .map(|folder| folder.join(LABS_DIR.default))
                .find(|labs| labs.join("images").is_dir())
                .unwrap_or_else(|| LABS_DIR.default.into())
        }
    };
    if path.is_dir() {
        return Ok(std::path::absolute(&path).unwrap_or(path));
    }
    Err(SettingError::new(
        &LABS_DIR,
        format!("is {}, where there is no folder", path.display()),
        "Name the folder that holds the labs.",
    ))
}

fn runner_token(environment: &Environment) -> Result<String, SettingError> {
    const SHORTEST: usize = 32;
    const MEND: &str = "Give the same secret of 32 or more characters to the api and to all runners, such as the output of \
                        `openssl rand -hex 32`, or use `containrlab up`, which makes one.";
    let token = environment.required(&RUNNER_TOKEN, MEND)?;
    if token.len() < SHORTEST || !token.chars().all(|letter| letter.is_ascii_graphic()) {
        return Err(SettingError::new(
            &RUNNER_TOKEN,
            "is too short, or holds blanks or other odd letters",
            MEND,
        ));
    }
    Ok(token)
}

/// What a workspace may hold.
pub(crate) fn workspace_limits(environment: &Environment) -> Result<WorkspaceLimits, SettingError> {
    let usual = WorkspaceLimits::default();
    Ok(WorkspaceLimits {
        file_bytes: environment.number(&FILE_LIMIT_BYTES, usual.file_bytes, 1024, 64 << 20)?,
        total_bytes: environment.number(&WORKSPACE_LIMIT_BYTES, usual.total_bytes, 1024, 1 << 30)?,
        entries: environment.number(&WORKSPACE_LIMIT_FILES, usual.entries, 1, 100_000)?,
    })
}

/// One of a few words; the type's own error lists them.
fn word<W>(environment: &Environment, variable: &Variable) -> Result<Option<W>, SettingError>
where
    W: std::str::FromStr<Err = String>,
{
    environment
        .text(variable)
        .map(|text| {
            text.parse().map_err(|listed: String| {
                SettingError::new(variable, format!("is \"{text}\""), format!("Choose another: {listed}."))
            })
        })
        .transpose()
}
