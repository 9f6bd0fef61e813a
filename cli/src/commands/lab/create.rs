//! `containrlab lab new`.

use std::fs;
use std::path::Path;

use containrlab_domain::ids::LabSlug;
use containrlab_store::labs::{LoadedLab, lab_folders};

use crate::failure::Failure;

/// The files of a new lab; `@SLUG@` and `@ORDER@` are filled in.
const SKELETON: [(&str, &str); 10] = [
    ("lab.toml", include_str!("skeleton/lab.toml")),
    ("description.md", "Say here what the lab is about, and what people can do after it.\n"),
    ("steps/1-start.md", include_str!("skeleton/start.md")),
    ("starter/app.py", include_str!("skeleton/app.py")),
    ("solution/Dockerfile", include_str!("skeleton/solution.Dockerfile")),
    (
        "wrong/no-dockerfile/expect.toml",
        "#:schema ../../../expect.schema.json\nabout = \"Nothing was written.\"\ncodes = [\"dockerfile_missing\"]\nremove = [\"Dockerfile\"]\n",
    ),
    (
        "wrong/misspelt-instruction/expect.toml",
        "#:schema ../../../expect.schema.json\nabout = \"COPPY is no instruction.\"\ncodes = [\"dockerfile_invalid\"]\n",
    ),
    (
        "wrong/misspelt-instruction/Dockerfile",
        "FROM python:3.13-slim\nCOPPY app.py .\nCMD [\"python\", \"app.py\"]\n",
    ),
    (
        "wrong/forgets-the-app/expect.toml",
        "#:schema ../../../expect.schema.json\nabout = \"The app is not copied, so the container ends at once.\"\ncodes = [\"docker_run_failed\"]\n",
    ),
    ("wrong/forgets-the-app/Dockerfile", "FROM python:3.13-slim\nCMD [\"python\", \"app.py\"]\n"),
];

/// Makes the lab's folder.
pub(super) fn run(labs: &Path, slug: &str) -> Result<u8, Failure> {
    let slug =
        LabSlug::new(slug).map_err(|error| Failure::Usage(format!("{slug:?} is no lab's name: {error}.")))?;
    let folder = labs.join(slug.to_string());
    let order = next_order(labs);
    if folder.exists() {
        return Err(Failure::Usage(format!("{} is there already.", folder.display())));
    }
    for (path, content) in SKELETON {
        let path = folder.join(path);
        let failure = || Failure::file(format!("write {}", path.display()));
        fs::create_dir_all(path.parent().unwrap_or(&folder)).map_err(failure())?;
        let content = content.replace("@SLUG@", slug.as_str()).replace("@ORDER@", &order.to_string());
        fs::write(&path, content).map_err(failure())?;
    }
    println!("{} is a lab that works. Change it, then: containrlab lab check {slug}", folder.display());
    Ok(0)
}

/// The place behind all labs that are there.
pub(super) fn next_order(labs: &Path) -> u32 {
    lab_folders(labs)
        .unwrap_or_default()
        .iter()
        .filter_map(|folder| Some(LoadedLab::load(folder).ok()?.lab.order))
        .max()
        .map_or(1, |last| last + 1)
}
