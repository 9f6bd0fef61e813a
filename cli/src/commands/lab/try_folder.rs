//! `containrlab lab try`.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use containrlab_domain::judge::{static_findings, static_notes};
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_domain::verdict::{Verdict, VerdictStatus};

use super::bench::Bench;
use super::{folder_of, load, report};
use crate::failure::Failure;
use crate::folder;
use crate::settings::{Environment, crates};

/// Judges a folder and prints the verdict. What keeps the platform from judging is an inconclusive verdict.
pub(super) async fn run(
    environment: &Environment,
    lab: &Path,
    folder: &Path,
    is_static: bool,
    json: bool,
) -> Result<u8, Failure> {
    let lab = load(&folder_of(environment, lab)?)?.lab;
    let files = folder::attempt(folder, crates::workspace_limits(environment)?)?;
    let verdict = if is_static {
        of_files(&lab, &files)
    } else {
        match judge(environment, lab, files, !json).await {
            Ok(verdict) => verdict,
            Err(failure) => Verdict::inconclusive(
                "runner_unavailable",
                &failure.to_string(),
                "--static looks at the files alone and needs no Docker.",
            ),
        }
    };
    if json {
        println!("{}", crate::commands::json(&verdict)?);
    } else {
        println!("{}", report::verdict(&verdict, &folder.display().to_string()));
    }
    Ok(report::exit_code(verdict.status))
}

async fn judge(
    environment: &Environment,
    lab: Lab,
    files: LabFiles,
    is_told: bool,
) -> Result<Verdict, Failure> {
    let bench = Bench::open(environment).await?;
    let ear: containrlab_workers::judge::Ear = if is_told {
        Box::new(|bytes| eprint!("{}", crate::commands::excerpt::plain(&String::from_utf8_lossy(bytes))))
    } else {
        Box::new(|_| {})
    };
    bench.judge(Arc::new(lab), files, ear).await
}

/// What the files alone say.
fn of_files(lab: &Lab, files: &LabFiles) -> Verdict {
    let failures = static_findings(lab, files);
    let passed = failures.is_empty();
    let mut notes = static_notes(files);
    notes.push("Only the files were looked at: nothing was built or started.".to_owned());
    Verdict {
        passed,
        status: if passed { VerdictStatus::Passed } else { VerdictStatus::Failed },
        failures,
        checks: Vec::new(),
        metrics: BTreeMap::new(),
        notes,
    }
}
