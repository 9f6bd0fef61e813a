//! `containrlab lab check`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use containrlab_domain::judge::static_findings;
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_store::labs::LoadedLab;

use crate::commands::excerpt::Message;
use crate::failure::Failure;

/// Checks labs; 1 when one of them has an error.
pub(super) fn run(folders: &[PathBuf]) -> Result<u8, Failure> {
    let errors: usize = folders.iter().map(|folder| errors_of(folder)).sum();
    println!("{} labs checked, {errors} errors", folders.len());
    Ok(u8::from(errors > 0))
}

/// Prints the errors of one lab, and gives their number.
pub(super) fn errors_of(folder: &Path) -> usize {
    match LoadedLab::load(folder) {
        Ok(loaded) => check_answers(folder, &loaded.lab),
        Err(fault) => {
            if let Some(error) = &fault.unreadable {
                say(folder, None, &error.to_string(), None);
            }
            for problem in &fault.problems {
                let place = Some((problem.file.as_str(), problem.line));
                say(folder, place, &problem.what, problem.suggestion.as_deref());
            }
            usize::from(fault.unreadable.is_some()) + fault.problems.len()
        }
    }
}

/// Holds solution and wrong answers against the checks that need no engine.
fn check_answers(folder: &Path, lab: &Lab) -> usize {
    let codes = |files: &LabFiles| -> BTreeSet<String> {
        static_findings(lab, files).into_iter().map(|finding| finding.code).collect()
    };
    let mut errors = 0;
    for code in codes(&lab.solution) {
        let what = format!("the solution fails the lab's own check with {code}");
        say(folder, Some(("solution/", None)), &what, Some("`containrlab lab try --static` shows where"));
        errors += 1;
    }
    if codes(&lab.starter).is_empty() && lab.starter == lab.solution {
        say(folder, Some(("starter/", None)), "the starter is the solution already", None);
        errors += 1;
    }
    for wrong in &lab.wrong {
        for code in codes(&wrong.files).difference(&wrong.codes.iter().cloned().collect()) {
            let what = format!("this answer fails with {code} too");
            let file = format!("wrong/{}/expect.toml", wrong.name);
            say(folder, Some((&file, None)), &what, Some("add it to codes, or mend the answer"));
            errors += 1;
        }
    }
    errors
}

/// Prints one error. `place` is a file below the folder and a line.
fn say(folder: &Path, place: Option<(&str, Option<u32>)>, what: &str, help: Option<&str>) {
    let file = place.map_or_else(|| folder.to_owned(), |(file, _)| folder.join(file));
    let line = place.and_then(|(_, line)| line);
    let excerpt = line.and_then(|line| {
        let text = std::fs::read(&file).ok()?;
        let text = String::from_utf8_lossy(&text);
        Some(text.lines().nth(line.checked_sub(1)? as usize)?.to_owned())
    });
    let message = Message {
        kind: "error",
        code: None,
        what,
        file: Some(file.display().to_string()),
        first: line,
        last: line,
        excerpt: excerpt.as_deref(),
        notes: help.map(|help| ("help", help)).into_iter().collect(),
    };
    eprintln!("{message}");
}
