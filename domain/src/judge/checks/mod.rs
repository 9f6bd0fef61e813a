//! The types of checks. Each is a struct whose fields are the keys that `lab.toml` gives it, with an example.
//!
//! A new type is a file here with a [`Rule`], and a line in [`check_kinds!`].

mod add;
mod apt;
mod apt_lists;
mod build;
mod build_cache;
mod build_time;
mod caches;
mod compose_keeps;
mod compose_up;
mod compose_valid;
mod context_size;
mod dependencies;
mod drops_capabilities;
mod ecosystem;
mod entry;
mod exit_code;
mod files;
mod health;
mod healthcheck;
mod http;
mod image;
mod image_config;
mod image_lacks;
mod install_cache;
mod keeping;
mod lean;
mod logs;
mod memory;
mod pinned_base;
mod pip;
mod pip_cache;
mod reaches;
mod read_only_root;
mod reproducible;
mod restart_keeps;
mod running;
mod script;
mod secret_words;
mod secrets;
mod service_config;
mod session;
mod special_container;
mod stages;
mod stops;
mod user;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::Serialize;
use toml::Spanned;
use toml::de::DeTable;

use super::facts::Facts;
use super::planner::Planner;
use crate::lab::{TableReader, field_names};
use crate::verdict::Finding;

pub use caches::Installer;
pub(in crate::judge) use compose_keeps::service_run;
pub use ecosystem::Ecosystem;
pub use keeping::{ReadRequest, WriteRequest};
pub use logs::LogExpectation;
pub use script::ScriptWith;

/// A type of check: what it asks for, and how it judges.
pub(super) trait Rule {
    /// The codes that it can give.
    fn codes(&self) -> Vec<&str>;

    /// What it asks for, in words for the learner.
    fn title(&self) -> String;

    /// Asks for what has to be done with an engine before it can judge.
    fn plan(&self, _planner: &mut Planner<'_>) {}

    /// Judges.
    fn judge(&self, facts: &Facts<'_>) -> Answer;
}

macro_rules! check_kinds {
    ($($name:literal => $module:ident::$kind:ident,)*) => {
        $(pub use $module::$kind;)*

        /// The types of checks, each documented where its struct is.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        #[serde(tag = "type")]
        #[expect(missing_docs, reason = "each struct documents its type")]
        pub enum CheckKind {
            $(#[serde(rename = $name)] $kind($kind),)*
        }

        impl CheckKind {
            /// The names of all types, as `lab.toml` writes them.
            pub const TYPES: &'static [&'static str] = &[$($name),*];

            /// The type's name.
            pub fn type_name(&self) -> &'static str {
                match self {
                    $(Self::$kind(_) => $name,)*
                }
            }

            pub(super) fn rule(&self) -> &dyn Rule {
                match self {
                    $(Self::$kind(check) => check,)*
                }
            }

            /// The keys of a type; `None` when there is no such type.
            pub(super) fn fields(name: &str) -> Option<&'static [&'static str]> {
                match name {
                    $($name => Some(field_names::<$kind>()),)*
                    _ => None,
                }
            }

            /// Every type with the schema of its own keys, in the order of this list.
            pub(crate) fn schemas(generator: &mut SchemaGenerator) -> Vec<(&'static str, Schema)> {
                vec![$(($name, $kind::json_schema(generator)),)*]
            }

            pub(super) fn read<'t>(
                reader: &mut TableReader<'t>,
                name: &str,
                table: Spanned<DeTable<'t>>,
            ) -> Option<Self> {
                match name {
                    $($name => reader.read::<$kind>(table, concat!("the check ", $name)).map(Self::$kind),)*
                    _ => None,
                }
            }
        }
    };
}

check_kinds! {
    "dockerfile_exists" => files::DockerfileExists,
    "dockerignore_exists" => files::DockerignoreExists,
    "context_excludes" => files::ContextExcludes,
    "dependencies_first" => dependencies::DependenciesFirst,
    "no_pip_cache" => pip_cache::NoPipCache,
    "multi_stage" => stages::MultiStage,
    "copies_from_stage" => stages::CopiesFromStage,
    "lean_final_stage" => lean::LeanFinalStage,
    "pinned_base" => pinned_base::PinnedBase,
    "non_root_user" => user::NonRootUser,
    "exec_form" => entry::ExecForm,
    "healthcheck_declared" => healthcheck::HealthcheckDeclared,
    "no_secrets" => secrets::NoSecrets,
    "apt_lists_removed" => apt_lists::AptListsRemoved,
    "copy_not_add" => add::CopyNotAdd,
    "no_install_cache" => install_cache::NoInstallCache,
    "build" => build::Build,
    "build_cache" => build_cache::BuildCache,
    "image_size" => image::ImageSize,
    "http" => http::Http,
    "health" => health::Health,
    "context_size" => context_size::ContextSize,
    "build_time" => build_time::BuildTime,
    "reproducible" => reproducible::Reproducible,
    "image_config" => image_config::ImageConfig,
    "image_lacks" => image_lacks::ImageLacks,
    "logs" => logs::Logs,
    "exit_code" => exit_code::ExitCode,
    "stops" => stops::Stops,
    "read_only_root" => read_only_root::ReadOnlyRoot,
    "memory" => memory::Memory,
    "restart_keeps" => restart_keeps::RestartKeeps,
    "drops_capabilities" => drops_capabilities::DropsCapabilities,
    "compose_valid" => compose_valid::ComposeValid,
    "compose_up" => compose_up::ComposeUp,
    "reaches" => reaches::Reaches,
    "isolated" => reaches::Isolated,
    "compose_keeps" => compose_keeps::ComposeKeeps,
    "service_config" => service_config::ServiceConfig,
    "session_container" => session::SessionContainer,
    "session_network" => session::SessionNetwork,
    "session_volume" => session::SessionVolume,
    "session_image" => session::SessionImage,
    "script" => script::Script,
}

/// What a check says about an attempt.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Answer {
    /// It is met.
    Met,
    /// It is not, for these reasons.
    Unmet(Vec<Finding>),
    /// It can't be told, because something that it needs is missing; another check says what.
    Skipped,
}

impl From<Vec<Finding>> for Answer {
    fn from(findings: Vec<Finding>) -> Self {
        if findings.is_empty() { Self::Met } else { Self::Unmet(findings) }
    }
}

impl From<Finding> for Answer {
    fn from(finding: Finding) -> Self {
        Self::Unmet(vec![finding])
    }
}

/// A finding with its hint and its reason.
fn finding(code: &str, message: impl Into<String>, hint: &str, why: &str) -> Finding {
    Finding { hint: hint.to_owned(), why: Some(why.to_owned()), ..Finding::new(code, message) }
}
