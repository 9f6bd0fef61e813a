//! `containrlab attempts`, by the real program on the real databases. The runner's part is done by hand, but for one story
//! that a real runner tells on a real engine.

mod support;

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use containrlab_domain::actor::{Actor, Provenance};
use containrlab_domain::attempt::{Attempt, AttemptCommand, JudgeKit};
use containrlab_domain::ids::{
    AttemptId, JobId, LabSlug, LabVersion, LearnerId, LeaseId, RecordingId, RequestId, RunnerId, SessionId,
};
use containrlab_domain::job::Claim;
use containrlab_domain::lab::Lab;
use containrlab_domain::session::{Origin, Session, SessionCommand};
use containrlab_domain::verdict::{Finding, Verdict, VerdictStatus};
use containrlab_domain::workspace::Tree;
use containrlab_store::labs::{LabCatalog, LoadedLab};
use containrlab_store::testing::TestStore;
use containrlab_store::{AttemptState, JobRowState, NewRunner};
use serde_json::{Value, json};
use uuid::Uuid;

use support::{LIMIT, Parts, System};

const LABS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../labs");

struct Desk {
    store: TestStore,
    runner: RunnerId,
    lab: LoadedLab,
    folder: tempfile::TempDir,
}

fn by() -> Provenance {
    Provenance { actor: Actor::System("test"), request: RequestId(Uuid::new_v4()) }
}

fn kit() -> JudgeKit {
    JudgeKit::with_images([].into())
}

impl Desk {
    async fn new() -> Self {
        let store = TestStore::new().await;
        let runner = RunnerId(Uuid::new_v4());
        let labs = LabCatalog::load(LABS.as_ref()).expect("the labs are in order");
        let lab = labs.get(&LabSlug::new("lab1").expect("a slug")).expect("lab1").clone();
        let folder = tempfile::tempdir().expect("a folder");
        Self { store, runner, lab, folder }
    }

    async fn runner_is_there(&self) {
        let (runner_id, name, address) = (self.runner, "by hand".to_owned(), "http://127.0.0.1:1".to_owned());
        let runner = NewRunner { runner_id, name, address, capacity: 4, kit: kit() };
        self.store.register_runner(&runner).await.expect("registered");
    }

    fn rejudge(&self, arguments: &[&str]) -> Command {
        self.attempts(&[&["rejudge", "--lab"], arguments].concat())
    }

    fn attempts(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_containrlab"));
        command
            .arg("attempts")
            .args(arguments)
            .env("DATABASE_URL", &self.store.settings().database_url)
            .env("REDIS_URL", &self.store.settings().redis_url)
            .env("REDIS_NAMESPACE", &self.store.settings().namespace)
            .env("LABS_DIR", LABS)
            .env("STATE_DIR", self.folder.path().join("state"))
            .stdin(Stdio::null());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.rejudge(arguments).output().expect("runs")
    }

    async fn execute(&self, id: AttemptId, command: AttemptCommand) {
        self.store.execute::<Attempt>(id.0, command, &by()).await.expect("the attempt takes it");
    }

    /// Handed in for a version of the lab that nobody kept, and judged by it.
    async fn judged(&self, verdict: Verdict) -> AttemptId {
        let (id, job) = (AttemptId(Uuid::new_v4()), JobId(Uuid::new_v4()));
        let submit = AttemptCommand::Submit {
            attempt: id,
            session: SessionId(Uuid::new_v4()),
            learner: LearnerId(Uuid::new_v4()),
            lab: self.lab.reference(),
            tree: self.store.put_tree(&Tree::default()).await.expect("kept"),
            judge_job: job,
            looks_at_session: false,
        };
        self.execute(id, submit).await;
        self.judge(id, job, verdict, None).await;
        id
    }

    async fn judge(&self, id: AttemptId, job: JobId, verdict: Verdict, by_lab: Option<&Lab>) {
        let lease = LeaseId(Uuid::new_v4());
        let claim = Claim { lease, runner: self.runner };
        self.execute(id, AttemptCommand::StartJudging { job, claim, log: RecordingId(Uuid::new_v4()) }).await;
        let basis = by_lab.map(|lab| kit().basis(Tree::default().hash(), lab));
        self.execute(id, AttemptCommand::Judge { lease, verdict, basis }).await;
    }

    /// Waits until somebody has asked for a further verdict, and says it.
    async fn judge_again(&self, id: AttemptId, verdict: Verdict) {
        let job = loop {
            let judgements = self.store.judgements_of(id).await.expect("read");
            match judgements.first().filter(|newest| newest.state == AttemptState::Submitted) {
                Some(newest) => break newest.job_id.expect("a job"),
                None => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        };
        self.judge(id, job, verdict, Some(&self.lab.lab)).await;
        assert_eq!(self.store.job(job).await.expect("read").expect("the job").state, JobRowState::Done);
    }
}

fn failed(code: &str) -> Verdict {
    let failures = vec![Finding::new(code, "A sentence.")];
    Verdict { status: VerdictStatus::Failed, failures, ..Verdict::inconclusive("", "", "") }
}

#[track_caller]
fn said(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}{errors}");
    text + &errors
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instructor_may_show_the_solution_to_whom_has_not_passed() {
    let desk = Desk::new().await;
    let attempt = desk.judged(failed("a_finding")).await;
    let show = |id: &str| desk.attempts(&["show-solution", "--attempt", id]).output().expect("runs");
    let nobodys = said(&show(&Uuid::new_v4().to_string()), 64);
    assert!(nobodys.contains("there is no attempt"), "{nobodys}");
    let row = async || desk.store.attempt(attempt).await.expect("read").expect("the attempt");
    assert!(row().await.solution_shown_at.is_none());
    assert!(said(&show(&attempt.to_string()), 0).contains("is shown to the learner"));
    let shown_at = row().await.solution_shown_at;
    assert!(shown_at.is_some() && !row().await.ever_passed);
    assert!(said(&show(&attempt.to_string()), 0).contains("before"));
    assert_eq!(row().await.solution_shown_at, shown_at, "it is one event");
}

#[tokio::test(flavor = "multi_thread")]
async fn attempts_are_judged_again_once_however_often_it_is_asked_for() {
    let desk = Desk::new().await;
    let attempt = desk.judged(failed("old_finding")).await;
    assert!(said(&desk.run(&["lab1"]), 1).contains("containrlab runner"));
    desk.runner_is_there().await;

    let dry = said(&desk.run(&["lab1", "--dry-run"]), 0);
    assert!(dry.contains("1 attempts would be judged again") && dry.contains(&attempt.to_string()), "{dry}");
    assert_eq!(desk.store.judgements_of(attempt).await.expect("read").len(), 1);

    // Two at once, of which one is broken off in the middle; both ask for the same verdict.
    let start = |arguments: &[&str]| {
        desk.rejudge(arguments).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs")
    };
    let (mut broken, mut whole) = (start(&["lab1"]), start(&["lab1", "--json"]));
    // It has asked, too: else it might only begin when there is nothing left to ask for.
    let mut says = BufReader::new(whole.stderr.take().expect("a pipe"));
    let mut asked = String::new();
    says.read_line(&mut asked).expect("it says that it has asked");
    assert_eq!(asked, "1 verdicts are owed\n");
    while desk.store.judgements_of(attempt).await.expect("read").len() < 2 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    broken.kill().expect("killed");
    broken.wait().expect("gone");
    desk.judge_again(attempt, failed("new_finding")).await;
    let output =
        tokio::task::spawn_blocking(|| whole.wait_with_output()).await.expect("joined").expect("ends");
    drop(says);
    said(&output, 0);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let comparison = &report["attempts"][0]["comparison"];
    assert_eq!(comparison["came"][0]["code"], "new_finding", "{report:#}");
    assert_eq!(comparison["went"][0]["code"], "old_finding", "{report:#}");
    assert_eq!(desk.store.judgements_of(attempt).await.expect("read").len(), 2);

    let again = said(&desk.run(&["lab1"]), 0);
    assert!(again.contains("0 attempts judged again") && again.contains("1 up to date"), "{again}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_verdict_that_somebody_wants_by_another_version_is_followed_by_ours() {
    let desk = Desk::new().await;
    desk.runner_is_there().await;
    let attempt = desk.judged(failed("old_finding")).await;
    let row = desk.store.attempt(attempt).await.expect("read").expect("the attempt");
    let other = Lab { version: LabVersion::of(b"another version"), ..desk.lab.lab.clone() };
    let theirs =
        desk.store.request_rejudge(&row, &other.version, &by()).await.expect("asked for").expect("heard");
    let mut running = desk
        .rejudge(&["lab1", "--json"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("runs");
    // Theirs is still owed when ours is asked for.
    let mut told = BufReader::new(running.stderr.take().expect("its words"));
    let mut line = String::new();
    told.read_line(&mut line).expect("a line");
    assert!(line.contains("1 are being judged by another version"), "{line}");
    desk.judge(attempt, theirs, failed("their_finding"), Some(&other)).await;
    desk.judge_again(attempt, failed("our_finding")).await;
    let output =
        tokio::task::spawn_blocking(|| running.wait_with_output()).await.expect("joined").expect("ends");
    said(&output, 0);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let comparison = &report["attempts"][0]["comparison"];
    assert_eq!(comparison["went"][0]["code"], "their_finding", "{report:#}");
    assert_eq!(comparison["came"][0]["code"], "our_finding", "{report:#}");
    assert_eq!(comparison["because"][0]["from"], other.version.as_str(), "{report:#}");
    let versions: Vec<_> = desk.store.judgements_of(attempt).await.expect("read");
    let versions: Vec<_> = versions.into_iter().map(|one| one.lab_version).collect();
    assert_eq!(versions[..2], [desk.lab.version.clone(), other.version]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_knows_is_told_with_what_is_known() {
    let desk = Desk::new().await;
    desk.runner_is_there().await;
    let unknown = said(&desk.run(&["lab1", "--version", "abc", "--dry-run"]), 64);
    assert!(unknown.contains("None of its versions"), "{unknown}");
    desk.store.keep_lab(&desk.lab).await.expect("kept");
    let short = &desk.lab.version.as_str()[..12];
    let unknown = said(&desk.run(&["lab1", "--version", "no-such"]), 64);
    assert!(unknown.contains(short), "{unknown}");
    let known = said(&desk.run(&["lab1", "--version", short]), 0);
    assert!(known.contains("0 attempts judged again"), "{known}");
    assert!(said(&desk.run(&["no-such-lab"]), 64).contains("no lab no-such-lab"));
    said(&desk.run(&["Not a name"]), 64);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_platform_failed_to_judge_gives_a_code_of_its_own() {
    let desk = Desk::new().await;
    desk.runner_is_there().await;
    let attempt = desk.judged(failed("old_finding")).await;
    let running =
        desk.rejudge(&["lab1"]).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("runs");
    desk.judge_again(attempt, Verdict::inconclusive("sandbox_unreachable", "It failed.", "Again.")).await;
    let output =
        tokio::task::spawn_blocking(|| running.wait_with_output()).await.expect("joined").expect("ends");
    assert!(said(&output, 2).contains("Run the command again"));
    let row = desk.store.attempt(attempt).await.expect("read").expect("the attempt");
    assert_eq!(row.status, Some(VerdictStatus::Failed));
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder") {
        let entry = entry.expect("an entry");
        let target = to.join(entry.file_name());
        match entry.file_type().expect("a type").is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(std::fs::copy(entry.path(), target).expect("copied")),
        }
    }
}

/// A learner's session in lab1, and these files handed in from it.
async fn submitted(store: &TestStore, lab: &LoadedLab) -> AttemptId {
    let (session, learner) = (SessionId(Uuid::now_v7()), LearnerId(Uuid::new_v4()));
    let request = SessionCommand::Request {
        session,
        learner,
        lab: lab.reference(),
        origin: Origin::Starter,
        provision_job: JobId(Uuid::now_v7()),
        ttl_seconds: 1800,
    };
    store.execute::<Session>(session.0, request, &by()).await.expect("a session");
    let tree = store.put_files(&lab.lab.solution).await.expect("the files");
    let attempt = AttemptId(Uuid::now_v7());
    let submit = AttemptCommand::Submit {
        attempt,
        session,
        learner,
        lab: lab.reference(),
        tree: store.put_tree(&tree).await.expect("kept"),
        judge_job: JobId(Uuid::now_v7()),
        looks_at_session: false,
    };
    store.execute::<Attempt>(attempt.0, submit, &by()).await.expect("an attempt");
    attempt
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lab_that_became_stricter_gives_another_verdict_beside_the_old_one() {
    let folder = tempfile::tempdir().expect("a folder");
    copy(LABS.as_ref(), folder.path());
    let labs_dir = folder.path().to_str().expect("UTF-8");
    let system = System::start_with(Parts::All, &[("LABS_DIR", labs_dir)]).await;
    let store = &system.store;
    let lab1 = folder.path().join("lab1");
    let lab = LoadedLab::load(&lab1).expect("lab1");
    let attempt = submitted(store, &lab).await;
    let deadline = Instant::now() + 3 * LIMIT;
    let first = loop {
        let row = store.attempt(attempt).await.expect("read").expect("the attempt");
        if row.verdict.is_some() {
            break row;
        }
        assert!(Instant::now() < deadline, "{row:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(first.status, Some(VerdictStatus::Passed), "{first:#?}");

    // The author wants another answer from now on; what runs has read the labs before that.
    let manifest = lab1.join("lab.toml");
    let text = std::fs::read_to_string(&manifest).expect("lab.toml");
    let (before, after) = (r#"equals = "ok""#, r#"equals = "very well""#);
    assert!(text.contains(before));
    std::fs::write(&manifest, text.replace(before, after)).expect("written");
    let stricter = LoadedLab::load(&lab1).expect("lab1").version;
    let rejudge = async |arguments: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_containrlab"));
        command.args(["attempts", "rejudge", "--lab", "lab1"]).args(arguments).envs(system.environment());
        command.output().await.expect("runs")
    };
    let output = rejudge(&["--json"]).await;
    said(&output, 0);
    let report: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let line = &report["attempts"][0];
    assert_eq!(line["attempt"], attempt.to_string(), "{report:#}");
    assert_eq!(
        (&line["comparison"]["from"], &line["comparison"]["to"]),
        (&json!("passed"), &json!("failed"))
    );
    assert_eq!(line["comparison"]["came"], json!([{ "code": "healthcheck_failed", "check": "answers" }]));
    let because = json!([{ "what": "lab", "from": lab.version, "to": stricter }]);
    assert_eq!(line["because"], because, "{report:#}");

    let row = store.attempt(attempt).await.expect("read").expect("the attempt");
    assert_eq!((row.status, row.ever_passed), (Some(VerdictStatus::Failed), true));
    let history = store.judgements_of(attempt).await.expect("read");
    let outcomes: Vec<_> = history.iter().map(|one| (one.status, one.lab_version.clone())).collect();
    let (passed, failed) = (Some(VerdictStatus::Passed), Some(VerdictStatus::Failed));
    assert_eq!(outcomes, [(failed, stricter), (passed, lab.version.clone())]);
    assert_eq!(history[1].verdict, first.verdict, "the verdict of before stays as it was");

    // By the version of before, the judge says what it said before.
    let back = said(&rejudge(&["--version", &lab.version.as_str()[..12]]).await, 0);
    assert!(back.contains("failed -> passed") && back.contains("- healthcheck_failed"), "{back}");
}
