//! The version of a lab that attempts are to be judged by.

use containrlab_domain::ids::{LabSlug, LabVersion};
use containrlab_domain::lab::Lab;
use containrlab_store::labs::LoadedLab;
use containrlab_store::{KeptLab, Store};

use crate::failure::Failure;
use crate::settings::{Environment, crates};

/// Letters of a version that tell it from others on a screen.
const SHORT: usize = 12;

/// Finds the lab in the version that is meant, and sees to it that every runner can find it too.
pub(super) async fn find(
    environment: &Environment,
    store: &Store,
    slug: &LabSlug,
    version: Option<&str>,
) -> Result<Lab, Failure> {
    if version.is_none() {
        let folder = crates::labs_dir(environment)?.join(slug.as_str());
        if folder.join("lab.toml").is_file() {
            let loaded = LoadedLab::load(&folder).map_err(|fault| Failure::Plain(fault.to_string()))?;
            // The runners may have started before it was changed.
            store.keep_lab(&loaded).await?;
            return Ok(loaded.lab);
        }
    }
    let kept = store.lab_versions(slug).await?;
    let chosen = choose(slug, version, &kept)?;
    let files = store.lab_files(slug, &chosen).await?;
    let files = files.ok_or_else(|| Failure::Plain(format!("Version {chosen} of {slug} is gone.")))?;
    Lab::parse(slug.clone(), files).map_err(|problems| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let problems = problems.join("\n  ");
        Failure::Plain(format!("This program can't read version {chosen} of {slug}:\n  {problems}"))
    })
}

fn choose(slug: &LabSlug, version: Option<&str>, kept: &[KeptLab]) -> Result<LabVersion, Failure> {
    let Some(wanted) = version else {
        let newest = kept.first().map(|lab| lab.version.clone());
        return newest.ok_or_else(|| {
            Failure::Usage(format!(
                "There is no lab {slug}: neither in LABS_DIR, nor was it ever offered here. `containrlab labs` lists the labs."
            ))
        });
    };
    let mut fitting =
        kept.iter().filter(|lab| !wanted.is_empty() && lab.version.as_str().starts_with(wanted));
    match (fitting.next(), fitting.next()) {
        (Some(lab), None) => Ok(lab.version.clone()),
        (first, _) => {
            let what = if first.is_some() { "is the beginning of several" } else { "is not kept" };
            Err(Failure::Usage(format!("Version {wanted} of {slug} {what}. {}", known(kept))))
        }
    }
}

fn known(kept: &[KeptLab]) -> String {
    if kept.is_empty() {
        return "None of its versions was ever offered here.".to_owned();
    }
    let line = |lab: &KeptLab| {
        format!("\n  {}  kept since {:.0}, {} attempts", short(&lab.version), lab.kept_at, lab.attempts)
    };
    format!("Known are, newest first:{}", kept.iter().map(line).collect::<String>())
}

/// The first letters of a version.
pub(super) fn short(version: &LabVersion) -> &str {
    &version.as_str()[..SHORT]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(text: &str) -> KeptLab {
        KeptLab {
            version: LabVersion::of(text.as_bytes()),
            kept_at: jiff::Timestamp::UNIX_EPOCH,
            attempts: 3,
        }
    }

    #[test]
    fn a_version_is_named_by_its_first_letters() {
        let (slug, all) = (LabSlug::new("lab1").unwrap(), [kept("new"), kept("old")]);
        let old = &all[1].version;
        assert_eq!(&choose(&slug, Some(short(old)), &all).unwrap(), old);
        assert_eq!(choose(&slug, None, &all).unwrap(), all[0].version);
        for unknown in ["", "zzz", "none"] {
            let failure = choose(&slug, Some(unknown), &all).unwrap_err();
            assert_eq!(failure.exit_code(), crate::failure::USAGE);
            assert!(failure.to_string().contains(short(old)), "{failure}");
        }
        assert!(choose(&slug, None, &[]).unwrap_err().to_string().contains("no lab lab1"));
    }
}
