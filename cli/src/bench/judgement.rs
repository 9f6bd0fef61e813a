//! How long a judgement takes, beside a plain script that does the same `docker build`, `run` and `curl`.

use std::sync::Arc;
use std::time::Instant;

use async_trait::async_trait;
use containrlab_domain::lab::{Lab, LabFiles};
use containrlab_workers::judge::Workshop;
use containrlab_workers::sandbox::Sandboxes;
use tokio_util::sync::CancellationToken;

use super::figure::{Bed, Better, Figure, Measured};
use crate::failure::Failure;

/// Rounds; each does both, one after the other, so that a machine that becomes slower does so for both.
const ROUNDS: usize = 3;

/// The script of somebody who wants to know whether a solution works, for each lab: lab 2 is about what a second build does.
const SCRIPTS: [(&str, &str); 3] = [
    (
        "lab1",
        "docker build -t app . && docker run -d -p 8000:8000 app && until curl -fs http://127.0.0.1:8000/health; do sleep 0.1; done",
    ),
    (
        "lab2",
        "docker build -t app . && echo >> app/main.py && docker build -t again . \
         && docker run -d -p 8000:8000 app && until curl -fs http://127.0.0.1:8000/health; do sleep 0.1; done",
    ),
    (
        "lab3",
        "docker build -t app . && docker run -d -p 8000:8000 app && until curl -fs http://127.0.0.1:8000/health; do sleep 0.1; done",
    ),
];

/// Seconds of a judgement of the solutions of lab1 to lab3, sandbox included, beside the scripts in a sandbox just as fresh.
pub(super) struct Judgement;

#[async_trait]
impl Figure for Judgement {
    fn name(&self) -> &'static str {
        "judgement of lab1 to lab3"
    }

    fn unit(&self) -> &'static str {
        "s"
    }

    fn better(&self) -> Better {
        Better::Less
    }

    fn baseline(&self) -> &'static str {
        "script: build, run, curl"
    }

    fn target_ratio(&self) -> f64 {
        1.15
    }

    async fn measure(&self, bed: &Bed) -> Result<Measured, Failure> {
        let sandboxes = bed.house.running().await?.own.clone();
        let workshop = Workshop::new(sandboxes, 1, CancellationToken::new());
        let catalog = bed.house.labs()?;
        let mut measured = Measured { ours: 0.0, baseline: 0.0 };
        for (slug, script) in SCRIPTS {
            let lab = catalog.all().into_iter().find(|lab| lab.lab.slug.as_str() == slug);
            let lab = lab.ok_or_else(|| Failure::Plain(format!("There is no {slug} to measure with.")))?;
            let lab = Arc::new(lab.lab.clone());
            let (mut ours, mut theirs) = (Vec::new(), Vec::new());
            for _ in 0..ROUNDS {
                theirs.push(by_script(&workshop, &lab.solution, script).await?);
                ours.push(by_judge(&workshop, &lab).await?);
            }
            measured.ours += median(ours);
            measured.baseline += median(theirs);
        }
        Ok(measured)
    }
}

async fn by_judge(workshop: &Workshop<Sandboxes>, lab: &Arc<Lab>) -> Result<f64, Failure> {
    let started = Instant::now();
    let files = lab.solution.clone();
    let verdict = workshop
        .judge(Arc::clone(lab), files, Box::new(|_| {}))
        .await
        .map_err(|error| Failure::Plain(format!("The judge could not do its work: {error}")))?;
    let took = started.elapsed().as_secs_f64();
    if verdict.passed {
        return Ok(took);
    }
    Err(Failure::Plain(format!("The solution of {} does not pass: {:?}", lab.slug, verdict.failures)))
}

async fn by_script(workshop: &Workshop<Sandboxes>, files: &LabFiles, script: &str) -> Result<f64, Failure> {
    let started = Instant::now();
    workshop
        .run_beside(files, &["bash", "-c", script])
        .await
        .map_err(|error| Failure::Plain(format!("The script could not be run: {error}")))?;
    Ok(started.elapsed().as_secs_f64())
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
