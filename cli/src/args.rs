//! The commands and their options.

use std::path::PathBuf;

use clap::{Parser, Subcommand};

use crate::commands::attempts::AttemptsCommand;
use crate::commands::context::ContextArgs;
use crate::commands::dockerfile::DockerfileCommand;
use crate::commands::lab::Lab;
use crate::with_services;

/// ContainrLab: learn Docker by doing.
///
/// Settings come from environment variables; docs/settings.md lists them.
#[derive(Debug, Parser)]
#[command(name = "containrlab", version, max_term_width = 100)]
pub(crate) struct Args {
    /// What to do
    #[command(subcommand)]
    pub(crate) command: Command,
}

/// One thing to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Bring the whole system up on this machine, and stay until Ctrl-C
    ///
    /// Starts a private PostgreSQL, Redis and Docker engine where none are named, makes the images, migrates, starts api and
    /// runner, and prints the address of the pages. What dies is started again; what keeps dying stops everything, with a
    /// sentence. Can be run twice: the second call says where the first one serves.
    Up,
    /// Stop the system that `up` started on this state folder, and keep its data
    Down,
    /// Stop the system and remove all that it made: data, sandboxes, volumes, images
    Clean {
        /// Keep the images: other installations on the same engine may be using them
        #[arg(long)]
        keep_images: bool,
    },
    /// Serve the pages and the JSON API
    Api(ApiArgs),
    /// Hold sandboxes and work off jobs
    Runner(RunnerArgs),
    /// Bring the database's schema up to date
    Migrate,
    /// What is counted from the event log, and how far behind it that is
    #[command(subcommand)]
    Projections(Projections),
    /// What waits for a worker, what runs, and what was given up
    Jobs,
    /// What learners handed in, and judging it again
    #[command(subcommand)]
    Attempts(AttemptsCommand),
    /// The event log as a file, and whether it is whole
    #[command(subcommand)]
    Events(Events),
    /// The images that sandboxes and labs start from
    #[command(subcommand)]
    Images(Images),
    /// List the labs in LABS_DIR and check their form
    Labs,
    /// Write labs, check them, and judge folders with them
    #[command(subcommand)]
    Lab(Lab),
    /// Say which paths of a folder a build would send, and which rule leaves a path out
    Context(ContextArgs),
    /// Read a Dockerfile as a build reads it
    #[command(subcommand)]
    Dockerfile(DockerfileCommand),
    /// List all settings: environment variable, default, meaning
    Settings,
    /// Do the main job without a browser, through the HTTP API: start a lab, solve it, see it pass
    Demo(DemoArgs),
    /// Measure our figures beside their baselines
    Bench(BenchArgs),
    /// Run a command with private databases, and stop them after it
    ///
    /// Sets DATABASE_URL and REDIS_URL (and DOCKER_HOST with --docker) for the command, and ends with its exit code.
    WithServices(with_services::Wanted),
}

/// Options of `api`.
#[derive(Debug, clap::Args)]
pub(crate) struct ApiArgs {
    /// Write the address to this file once it is listened on
    #[arg(long, value_name = "FILE")]
    pub(crate) address_file: Option<PathBuf>,
}

/// Options of `runner`.
#[derive(Debug, clap::Args)]
pub(crate) struct RunnerArgs {
    /// Make this file once sessions are taken
    #[arg(long, value_name = "FILE")]
    pub(crate) ready_file: Option<PathBuf>,
}

/// What to do with projections.
#[derive(Debug, Subcommand)]
pub(crate) enum Projections {
    /// Say how far each one has followed the log
    Status,
    /// Build them anew beside the ones in use, then put them in their place; nobody notices
    Rebuild {
        /// Only this one
        name: Option<String>,
    },
}

/// What to do with the event log.
#[derive(Debug, Subcommand)]
pub(crate) enum Events {
    /// Write all events, with the files that they name, to a file of one JSON document a line
    Export {
        /// Where to; - is standard output
        file: PathBuf,
    },
    /// Read such a file into an empty database, all of it or nothing
    Import {
        /// Where from; - is standard input
        file: PathBuf,
    },
    /// Look for gaps, events that can't be read, and files that are missing or changed
    Verify,
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub(crate) enum Images {
    /// Make or pull those that are missing
    Build {
        /// Make all of them anew, with newer packages
        #[arg(long)]
        fresh: bool,
    },
    /// List those that are there, with their fingerprints
    List {
        /// Also the version of every package in them: two machines with the same list have the same images
        #[arg(long)]
        packages: bool,
    },
}

/// Options of `demo`.
#[derive(Debug, clap::Args)]
pub(crate) struct DemoArgs {
    /// The lab to solve
    #[arg(long, default_value = "lab1")]
    pub(crate) lab: String,
    /// The system to use [default: the one that `up` runs here, or one that is brought up for this]
    #[arg(long)]
    pub(crate) url: Option<url::Url>,
}

/// Options of `bench`.
#[derive(Debug, clap::Args)]
pub(crate) struct BenchArgs {
    /// Only figures whose name contains this
    #[arg(long)]
    pub(crate) only: Option<String>,
    /// Also write the table to this file as JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) json: Option<PathBuf>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_options_fit_together() {
        Args::command().debug_assert();
    }

    #[test]
    fn a_command_for_with_services_keeps_its_own_options() {
        let args = Args::try_parse_from([
            "containrlab",
            "with-services",
            "--docker",
            "--",
            "cargo",
            "test",
            "--workspace",
        ])
        .unwrap();
        assert!(matches!(args.command, Command::WithServices(_)));
        assert!(Args::try_parse_from(["containrlab", "with-services", "--images", "--", "true"]).is_err());
    }
}
