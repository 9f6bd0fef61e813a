//! The version of a lab that an attempt is judged by.

use std::sync::Arc;

use containrlab_domain::ids::{LabSlug, LabVersion};
use containrlab_domain::lab::Lab;
use containrlab_domain::verdict::Verdict;

use crate::error::Error;
use crate::runner::Runner;

/// The lab in this version: from disk if it still lies there so, else as it was kept. `Err` is the verdict where there is
/// no such lab. A learner's own submission (`strictly` is false) is then judged by the lab on disk: their session began
/// before versions were kept, and the verdict says by which version it was judged.
///
/// # Errors
/// When the store is away, or the kept files are damaged.
pub(crate) async fn lab_of(
    runner: &Runner,
    slug: &LabSlug,
    version: &LabVersion,
    strictly: bool,
) -> Result<Result<Arc<Lab>, Verdict>, Error> {
    let on_disk = runner.labs.get(slug);
    if let Some(loaded) = on_disk.filter(|loaded| loaded.version == *version) {
        return Ok(Ok(Arc::new(loaded.lab.clone())));
    }
    if let Some(files) = runner.store.lab_files(slug, version).await? {
        return Ok(Lab::parse(slug.clone(), files).map(Arc::new).map_err(|problems| {
            let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
            tracing::error!(lab = %slug, %version, problems = problems.join("; "), "a kept lab can't be read");
            Verdict::inconclusive(
                "lab_unreadable",
                "This version of the lab was written for another version of the judge, which can't read it.",
                "This does not count against you.",
            )
        }));
    }
    match on_disk {
        Some(loaded) if !strictly => Ok(Ok(Arc::new(loaded.lab.clone()))),
        _ => Ok(Err(Verdict::inconclusive(
            "lab_unknown",
            "This lab is no longer there in the version that was asked for, so nobody can judge the attempt.",
            "This does not count against you.",
        ))),
    }
}
