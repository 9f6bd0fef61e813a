//! `containrlab lab`: writing labs, checking them, and judging folders with them.

mod bench;
mod check;
mod create;
mod import;
mod report;
mod schema;
mod try_folder;
mod verify;

use std::path::{Path, PathBuf};

use clap::Subcommand;
use containrlab_domain::ids::LabSlug;
use containrlab_domain::lab::nearest;
use containrlab_store::labs::{LoadedLab, lab_folders};

use crate::failure::Failure;
use crate::settings::{Environment, crates};

/// What to do with labs.
#[derive(Debug, Subcommand)]
pub(crate) enum Lab {
    /// Make a new lab in LABS_DIR: a small one that works, to be changed
    New {
        /// Its name in addresses: lower-case letters, digits and hyphens
        slug: String,
    },
    /// Read labs and say all that is wrong with them, with file and line; needs no Docker
    Check {
        /// Names of labs in LABS_DIR, or folders [default: all]
        labs: Vec<PathBuf>,
    },
    /// Judge a folder on disk as an attempt at a lab
    ///
    /// Ends with 0 when it passed, 1 when it failed, 2 when the platform could not tell, 64 when it was called wrongly.
    Try {
        /// Name of a lab in LABS_DIR, or its folder
        lab: PathBuf,
        /// The folder to judge
        folder: PathBuf,
        /// Look at the files only; needs no Docker
        #[arg(long = "static")]
        is_static: bool,
        /// Print the verdict as JSON
        #[arg(long)]
        json: bool,
    },
    /// Judge each lab's own answers: starters fail, solutions pass, wrong answers fail with exactly their codes
    ///
    /// Ends with 0 when all of them do, 1 when one does not, 2 when the platform could not tell.
    Verify {
        /// Names of labs in LABS_DIR, or folders [default: all]
        labs: Vec<PathBuf>,
        /// Only starters and solutions
        #[arg(long)]
        quick: bool,
    },
    /// Make a lab of a Killercoda or Katacoda scenario, or of a lab of the original ContainrLab
    ///
    /// Says what was changed on the way and what could not come along. Ends with 1 when `lab check` has something to say
    /// about what came out, and with 64 when the folder is no such lab.
    Import {
        /// The scenario's folder: the one with index.json
        folder: PathBuf,
        /// The folder to make [default: LABS_DIR and the folder's name]
        #[arg(long)]
        to: Option<PathBuf>,
        /// Print the report as JSON
        #[arg(long)]
        json: bool,
    },
    /// Write the JSON Schemas of lab.toml and expect.toml into LABS_DIR, for editors
    Schema,
    /// Print the page of all types of checks, as Markdown
    Reference,
}

/// Does it, and gives the exit code.
pub(crate) async fn run(environment: &Environment, what: Lab) -> Result<u8, Failure> {
    match what {
        Lab::New { slug } => create::run(&crates::labs_dir(environment)?, &slug),
        Lab::Check { labs } => check::run(&folders(environment, &labs)?),
        Lab::Try { lab, folder, is_static, json } => {
            try_folder::run(environment, &lab, &folder, is_static, json).await
        }
        Lab::Import { folder, to, json } => import::run(environment, &folder, to.as_deref(), json),
        Lab::Schema => schema::write(&crates::labs_dir(environment)?),
        Lab::Reference => schema::print_reference(),
        Lab::Verify { labs, quick } => verify::run(environment, &folders(environment, &labs)?, quick).await,
    }
}

/// The folders of the labs that were named; of all when none was.
fn folders(environment: &Environment, named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    if !named.is_empty() {
        return named.iter().map(|name| folder_of(environment, name)).collect();
    }
    let labs = crates::labs_dir(environment)?;
    let all = lab_folders(&labs).map_err(Failure::file(format!("list {}", labs.display())))?;
    Ok(all.into_iter().collect())
}

/// A lab's folder, from its name in LABS_DIR or its path.
fn folder_of(environment: &Environment, name: &Path) -> Result<PathBuf, Failure> {
    let slug = name.to_str().and_then(|name| LabSlug::new(name).ok());
    if let Some(slug) = slug {
        let folder = crates::labs_dir(environment)?.join(slug.to_string());
        if folder.join("lab.toml").is_file() {
            return Ok(folder);
        }
    }
    if name.is_dir() {
        // A lab is called as its folder is, also when that is `.`.
        return name.canonicalize().map_err(Failure::file(format!("read {}", name.display())));
    }
    let name = name.to_string_lossy();
    let labs = lab_folders(&crates::labs_dir(environment)?).unwrap_or_default();
    let known: Vec<&str> = labs.iter().filter_map(|lab| lab.file_name()?.to_str()).collect();
    let meant = match nearest(&name, known.iter().copied()) {
        Some(meant) => format!("Did you mean {meant}?"),
        None => format!("The labs are: {}.", known.join(", ")),
    };
    Err(Failure::Usage(format!("There is no lab {name}. {meant}")))
}

/// A lab that has to be right before anything is judged by it.
fn load(folder: &Path) -> Result<LoadedLab, Failure> {
    LoadedLab::load(folder).map_err(|fault| {
        Failure::Usage(format!("The lab can't be used. `containrlab lab check` says more:\n{fault}"))
    })
}
