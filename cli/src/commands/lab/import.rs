//! `containrlab lab import`.

use std::fs;
use std::path::{Path, PathBuf};

use containrlab_domain::ids::LabSlug;
use containrlab_domain::lab::LabFiles;
use containrlab_domain::lab::import::{self, ImportKind, ImportReport};
use serde::Serialize;

use super::check::errors_of;
use super::create::next_order;
use crate::commands::excerpt::plain;
use crate::failure::Failure;
use crate::folder;
use crate::settings::{Environment, crates};

/// What was made, as JSON.
#[derive(Serialize)]
struct Made<'r> {
    lab: String,
    folder: String,
    #[serde(flatten)]
    report: &'r ImportReport,
    /// Errors that `lab check` finds in it.
    errors: usize,
}

/// Makes a lab of somebody else's folder; 1 when `lab check` would not accept it.
pub(super) fn run(
    environment: &Environment,
    from: &Path,
    to: Option<&Path>,
    json: bool,
) -> Result<u8, Failure> {
    let labs = crates::labs_dir(environment)?;
    let source =
        from.canonicalize().map_err(|_| Failure::Usage(format!("{} is no folder.", from.display())))?;
    let target = match to {
        Some(folder) => folder.to_owned(),
        None => labs.join(slug_like(&name_of(&source))),
    };
    let name = name_of(&target);
    let slug = LabSlug::new(name.as_str()).map_err(|error| {
        Failure::Usage(format!("{name:?} is no lab's name: {error}. Name another folder with --to."))
    })?;
    if target.exists() {
        return Err(Failure::Usage(format!(
            "{} is there already. Name another folder with --to.",
            target.display()
        )));
    }
    let files = folder::attempt(&source, crates::workspace_limits(environment)?)?;
    let made = import::import(&slug, &files, next_order(&labs))
        .map_err(|error| Failure::Usage(format!("{}: {error}.", from.display())))?;
    write(&target, &made.files)?;
    let errors = errors_of(&target);
    if json {
        let made = Made {
            lab: slug.to_string(),
            folder: target.display().to_string(),
            report: &made.report,
            errors,
        };
        println!("{}", crate::commands::json(&made)?);
    } else {
        print(&target, &slug, &made.report, errors);
    }
    Ok(u8::from(errors > 0))
}

fn write(target: &Path, files: &LabFiles) -> Result<(), Failure> {
    for (path, content) in files {
        let path = target.join(path);
        let failure = || Failure::file(format!("write {}", path.display()));
        fs::create_dir_all(path.parent().unwrap_or(target)).map_err(failure())?;
        fs::write(&path, content).map_err(failure())?;
    }
    Ok(())
}

fn print(target: &Path, slug: &LabSlug, report: &ImportReport, errors: usize) {
    for (kind, heading) in [
        (ImportKind::LeftOut, "Could not come along"),
        (ImportKind::Changed, "Came along, but not as it was"),
        (ImportKind::Added, "Stands there for you to replace"),
    ] {
        let notes: Vec<_> = report.notes.iter().filter(|note| note.kind == kind).collect();
        if notes.is_empty() {
            continue;
        }
        println!("{heading}:");
        for note in notes {
            println!("  {}: {}", plain(&note.place), plain(&note.what));
        }
        println!();
    }
    match errors {
        0 => println!("{} is a lab. Next: containrlab lab verify {slug}", target.display()),
        _ => println!("{} is no lab yet: mend the errors above.", target.display()),
    }
}

/// The last part of a path.
fn name_of(path: &Path) -> String {
    let name: PathBuf =
        path.components().next_back().map(|part| PathBuf::from(part.as_os_str())).unwrap_or_default();
    name.to_string_lossy().into_owned()
}

/// A name that may be a lab's: lower-case letters, digits, and hyphens between them.
fn slug_like(name: &str) -> String {
    let words: Vec<String> = name
        .to_ascii_lowercase()
        .split(|c: char| !c.is_ascii_alphanumeric())
        .filter(|word| !word.is_empty())
        .map(str::to_owned)
        .collect();
    words.join("-")
}
