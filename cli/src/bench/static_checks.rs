//! Reading and judging a Dockerfile by its files alone: what a page can do at each keystroke.

use std::fmt::Write;
use std::time::Instant;

use async_trait::async_trait;
use containrlab_domain::ids::LabSlug;
use containrlab_domain::judge::static_findings;
use containrlab_domain::lab::{Lab, LabFiles};

use super::figure::{Bed, Better, Figure, Measured};
use crate::failure::Failure;

/// Lines of the Dockerfile.
const LINES: usize = 200;

/// Judgements that are timed.
const ROUNDS: usize = 400;

/// The types of checks that read files alone.
const CHECKS: [&str; 16] = [
    "type = \"dockerfile_exists\"",
    "type = \"dockerignore_exists\"",
    "type = \"context_excludes\"\npaths = [\".git/config\", \".env\"]",
    "type = \"dependencies_first\"\necosystem = \"pip\"",
    "type = \"no_pip_cache\"",
    "type = \"multi_stage\"",
    "type = \"copies_from_stage\"",
    "type = \"lean_final_stage\"",
    "type = \"pinned_base\"",
    "type = \"non_root_user\"",
    "type = \"exec_form\"",
    "type = \"healthcheck_declared\"",
    "type = \"no_secrets\"",
    "type = \"apt_lists_removed\"",
    "type = \"copy_not_add\"",
    "type = \"no_install_cache\"\necosystem = \"apt\"",
];

/// Milliseconds for all static checks of a Dockerfile of 200 lines, beside the one that we promise.
pub(super) struct Promise;

#[async_trait]
impl Figure for Promise {
    fn name(&self) -> &'static str {
        "static checks, 200 lines"
    }

    fn unit(&self) -> &'static str {
        "ms"
    }

    fn better(&self) -> Better {
        Better::Less
    }

    fn baseline(&self) -> &'static str {
        "promised"
    }

    fn target_ratio(&self) -> f64 {
        1.0
    }

    async fn measure(&self, _: &Bed) -> Result<Measured, Failure> {
        Ok(Measured { ours: judging()?, baseline: 1.0 })
    }
}

fn judging() -> Result<f64, Failure> {
    let lab = lab()?;
    let files: LabFiles = [
        ("Dockerfile".to_owned(), dockerfile()),
        (".dockerignore".to_owned(), ".git\n.env\n**/__pycache__\n".to_owned()),
        ("requirements.txt".to_owned(), "flask==3.1.3\n".to_owned()),
    ]
    .into_iter()
    .chain((0..40).map(|number| (format!("app/module{number}.py"), "x = 1\n".to_owned())))
    .map(|(path, text)| (path, text.into_bytes()))
    .collect();
    median_ms(|| Ok(static_findings(&lab, &files).len()))
}

/// The middle of many rounds, in milliseconds.
fn median_ms(work: impl Fn() -> Result<usize, Failure>) -> Result<f64, Failure> {
    let mut times = Vec::with_capacity(ROUNDS);
    for _ in 0..ROUNDS {
        let started = Instant::now();
        std::hint::black_box(work()?);
        times.push(started.elapsed().as_secs_f64() * 1000.0);
    }
    times.sort_by(f64::total_cmp);
    Ok(times[ROUNDS / 2])
}

/// Two stages with what people write into them.
fn dockerfile() -> String {
    let mut text =
        "ARG VERSION=3.13\nFROM python:${VERSION} AS build\nWORKDIR /src\nCOPY requirements.txt .\n\
                    RUN pip install --no-cache-dir -r requirements.txt\n"
            .to_owned();
    let end = "FROM python:${VERSION}-slim\nCOPY --from=build /src /app\nCOPY app /app\nUSER app\n\
               HEALTHCHECK CMD [\"python\", \"-c\", \"import app\"]\nCMD [\"python\", \"app/module0.py\"]\n";
    let body = [
        "ENV MODE=release PATH=/venv/bin:$PATH",
        "RUN apt-get update && apt-get install -y --no-install-recommends curl \\",
        "    && rm -rf /var/lib/apt/lists/*",
        "COPY app/module1.py /src/",
        "LABEL stage=$MODE",
    ];
    let room = LINES - text.lines().count() - end.lines().count();
    for line in body.iter().cycle().take(room - room % body.len()) {
        let _ = writeln!(text, "{line}");
    }
    for _ in 0..room % body.len() {
        text.push_str("# a comment\n");
    }
    text + end
}

fn lab() -> Result<Lab, Failure> {
    let checks: String = CHECKS.iter().map(|check| format!("[[checks]]\n{check}\n")).collect();
    let manifest = format!(
        "title = \"t\"\nsummary = \"s\"\nlevel = \"beginner\"\nminutes = 1\norder = 1\nimages = []\n\
         [[steps]]\nid = \"s\"\ntitle = \"s\"\ntext = \"s\"\n{checks}"
    );
    let files: LabFiles =
        [("lab.toml", manifest.as_str()), ("description.md", "d"), ("starter/a", "x"), ("solution/b", "x")]
            .map(|(path, text)| (path.to_owned(), text.as_bytes().to_vec()))
            .into();
    let unreadable = |what: String| Failure::Plain(format!("The lab of this figure can't be read: {what}"));
    let slug = LabSlug::new("bench").map_err(|error| unreadable(error.to_string()))?;
    Lab::parse(slug, files).map_err(|problems| {
        unreadable(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    })
}
