//! `containrlab labs`.

use containrlab_store::labs::LabCatalog;

use crate::failure::Failure;
use crate::settings::{Environment, crates};

/// Lists the labs; if some can't be used, says why and gives a code other than 0.
pub(crate) fn run(environment: &Environment) -> Result<u8, Failure> {
    match LabCatalog::load(&crates::labs_dir(environment)?) {
        Ok(catalog) => {
            for loaded in catalog.all() {
                let lab = &loaded.lab;
                println!(
                    "{:<16} {} ({} min, {} checks)",
                    lab.slug.to_string(),
                    lab.title,
                    lab.minutes,
                    lab.checks.len()
                );
            }
            Ok(0)
        }
        Err(faults) => {
            for fault in faults {
                eprintln!("{fault}");
            }
            Ok(1)
        }
    }
}
