//! A ledger as a file: what is imported answers as the one that was exported, and damage is found.

use std::io::Cursor;

use containrlab_domain::attempt::{Attempt, AttemptCommand};
use containrlab_domain::ids::{AttemptId, JobId, LearnerId, RecordingId, RunnerId, SessionId, WorkspaceId};
use containrlab_domain::job::JobOutcome;
use containrlab_domain::learner::{Learner, LearnerCommand, Provider};
use containrlab_domain::session::{EndReason, Origin, Session, SessionCommand};
use containrlab_domain::verdict::Verdict;
use containrlab_domain::workspace::{
    Expected, FileEntry, Tree, Workspace, WorkspaceCommand, WorkspaceLimits, WorkspacePath,
};
use containrlab_store::labs::LabCatalog;
use containrlab_store::testing::{TestStore, read_models};
use containrlab_store::{Damage, JobRow, JobRowState, Moved, Store, StoreError};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use uuid::Uuid;

use crate::support::{
    by, chance, claim, eventually, exec, lab, learner, ready, request, requested, runner, start,
};

/// What one learner has left behind.
struct Trace {
    learner: LearnerId,
    sessions: Vec<SessionId>,
    attempts: Vec<AttemptId>,
}

async fn write(store: &Store, session: SessionId, path: &str, content: &[u8]) {
    let entry = FileEntry {
        hash: store.put_blob(content).await.unwrap(),
        size: content.len() as u64,
        executable: content.len().is_multiple_of(2),
    };
    let path = WorkspacePath::new(path).unwrap();
    change(store, session, WorkspaceCommand::Write { path, entry, expected: Expected::Anything }).await;
}

async fn change(store: &Store, session: SessionId, command: WorkspaceCommand) {
    store.execute::<Workspace>(WorkspaceId::of(session).0, command, &by()).await.unwrap();
}

async fn open(store: &Store, session: SessionId) {
    let tree = Tree::default();
    let open = WorkspaceCommand::Open { origin: Origin::Starter, tree, limits: WorkspaceLimits::default() };
    change(store, session, open).await;
    write(store, session, "Dockerfile", b"FROM scratch\n").await;
}

async fn tell(store: &Store, session: SessionId, command: SessionCommand) {
    store.execute::<Session>(session.0, command, &by()).await.unwrap();
}

/// A learner's time with the platform, by chance; some of it is left open.
async fn live(store: &Store, random: &mut StdRng, runner: RunnerId) -> Trace {
    let ada = learner();
    let register = LearnerCommand::Register {
        learner: ada,
        provider: Provider::Local,
        subject: ada.to_string(),
        name: "Ada".to_owned(),
    };
    store.execute::<Learner>(ada.0, register, &by()).await.unwrap();
    let mut trace = Trace { learner: ada, sessions: Vec::new(), attempts: Vec::new() };
    for _ in 0..random.random_range(1..4) {
        let session = ready(store, ada, "lab1", runner).await;
        trace.sessions.push(session);
        open(store, session).await;
        for n in 0..random.random_range(0..6) {
            match random.random_range(0..5) {
                0 => {
                    change(
                        store,
                        session,
                        WorkspaceCommand::CreateFolder {
                            path: WorkspacePath::new(format!("folder{n}")).unwrap(),
                        },
                    )
                    .await
                }
                1 => {
                    write(store, session, "src/a", format!("{n}").as_bytes()).await;
                    let (from, to) =
                        (WorkspacePath::new("src").unwrap(), WorkspacePath::new(format!("dst{n}")).unwrap());
                    change(store, session, WorkspaceCommand::Rename { from, to }).await;
                }
                _ => write(store, session, &format!("file{n}"), &vec![n; random.random_range(0..5000)]).await,
            }
        }
        if random.random_bool(0.7) {
            let job = exec(store, session).await;
            let claim = claim(runner);
            tell(store, session, start(job, &claim)).await;
            if random.random_bool(0.7) {
                let outcome = JobOutcome::Exited { code: 0, milliseconds: 5 };
                tell(store, session, SessionCommand::FinishJob { job, lease: claim.lease, outcome }).await;
            }
        }
        if random.random_bool(0.5) {
            let terminal = "main".to_owned();
            let recording = RecordingId(Uuid::new_v4());
            tell(store, session, SessionCommand::OpenTerminal { terminal, recording }).await;
        }
        trace.attempts.push(attempt(store, random, ada, session, runner).await);
        let reason = EndReason::Learner;
        if random.random_bool(0.5) {
            tell(store, session, SessionCommand::RequestEnd { reason, job: JobId(Uuid::now_v7()) }).await;
            if random.random_bool(0.3) {
                break;
            }
        }
        tell(store, session, SessionCommand::Abandon { reason: EndReason::Expired }).await;
    }
    if random.random_bool(0.5) {
        trace.sessions.push(requested(store, ada, "lab2").await.0);
    }
    trace
}

async fn attempt(
    store: &Store,
    random: &mut StdRng,
    learner: LearnerId,
    session: SessionId,
    runner: RunnerId,
) -> AttemptId {
    let (tree, _) = store.workspace_tree(WorkspaceId::of(session)).await.unwrap().unwrap();
    let tree = store.put_tree(&tree).await.unwrap();
    let (attempt, judge_job) = (AttemptId(Uuid::new_v4()), JobId(Uuid::now_v7()));
    let submit = AttemptCommand::Submit {
        attempt,
        session,
        learner,
        lab: lab("lab1"),
        tree,
        judge_job,
        looks_at_session: false,
    };
    store.execute::<Attempt>(attempt.0, submit, &by()).await.unwrap();
    let say = async |command| store.execute::<Attempt>(attempt.0, command, &by()).await.map(drop).unwrap();
    if random.random_bool(0.7) {
        let claim = claim(runner);
        let lease = claim.lease;
        say(AttemptCommand::StartJudging { job: judge_job, claim, log: RecordingId(Uuid::new_v4()) }).await;
        match random.random_range(0..3) {
            0 => say(AttemptCommand::ReleaseJudging { lease, reason: "test".to_owned() }).await,
            1 => {
                let verdict = Verdict::inconclusive("a", "B.", "C.");
                say(AttemptCommand::Judge { lease, verdict, basis: None }).await;
                if random.random_bool(0.5) {
                    let (job, lab) = (JobId(Uuid::now_v7()), lab("lab1").version);
                    say(AttemptCommand::Rejudge { job, lab, after: 1 }).await;
                }
            }
            _ => {}
        }
    }
    attempt
}

/// All that the store answers about a learner, but for what differs by its nature: when it was asked, and that open jobs
/// are owed again.
async fn answers(store: &Store, trace: &Trace) -> Vec<String> {
    let mut all = vec![format!("{:?}", store.learner(trace.learner).await.unwrap())];
    let mut sessions = store.sessions_of(trace.learner).await.unwrap();
    for session in &mut sessions {
        session.now = session.requested_at;
    }
    all.push(format!("{sessions:#?}"));
    for session in &trace.sessions {
        all.push(format!("{:#?}", store.workspace_tree(WorkspaceId::of(*session)).await.unwrap()));
        all.push(format!("{:#?}", store.terminals_of(*session).await.unwrap()));
        all.push(format!("{:#?}", store.timeline(*session, 0, 1000).await.unwrap()));
        let jobs = store.jobs_of(*session).await.unwrap().into_iter();
        let jobs: Vec<JobRow> = jobs
            .map(|mut job| {
                if job.state != JobRowState::Done {
                    job.state = JobRowState::Owed;
                }
                job
            })
            .collect();
        all.push(format!("{jobs:#?}"));
    }
    all.push(format!("{:#?}", store.lab_states(trace.learner).await.unwrap()));
    let lab = lab("lab1").slug;
    all.push(format!("{:#?}", store.attempts_of(trace.learner, Some(&lab), None).await.unwrap()));
    for attempt in &trace.attempts {
        all.push(format!("{:#?}", store.attempt(*attempt).await.unwrap()));
    }
    all
}

/// All rows that follow from events. Open jobs are owed again after an import, wherever they stood before.
async fn rows(store: &Store) -> Vec<String> {
    let open = ["queued", "held"].map(|state| format!("\"state\": \"{state}\""));
    let owed = |row: String| open.iter().fold(row, |row, state| row.replace(state, "\"state\": \"owed\""));
    let state = |row: String| owed(row.replace("\":\"", "\": \""));
    read_models(store).await.unwrap().into_iter().map(state).collect()
}

/// The labs of this repository.
fn labs() -> LabCatalog {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../labs");
    LabCatalog::load(folder.as_ref()).expect("the labs are in order")
}

async fn exported(store: &Store) -> (Vec<u8>, Moved) {
    let mut file = Vec::new();
    let moved = store.export_ledger(&mut file).await.unwrap();
    (file, moved)
}

#[tokio::test]
async fn an_imported_ledger_answers_as_the_one_that_was_exported() {
    let mut random = chance();
    let (old, new) = (TestStore::new().await, TestStore::new().await);
    let runner = runner(&old).await;
    let mut traces = Vec::new();
    for _ in 0..4 {
        traces.push(live(&old, &mut random, runner).await);
    }
    let labs = labs();
    old.keep_labs(&labs).await.unwrap();
    let (file, moved) = exported(&old).await;
    assert_eq!(moved.labs, labs.all().len() as u64);
    assert_eq!(new.import_ledger(&mut file.as_slice()).await.unwrap(), moved);
    for loaded in labs.all() {
        let slug = &loaded.lab.slug;
        assert_eq!(new.lab_versions(slug).await.unwrap(), old.lab_versions(slug).await.unwrap());
        let files = new.lab_files(slug, &loaded.version).await.unwrap();
        assert_eq!(files.as_ref(), Some(&loaded.files));
    }
    for trace in &traces {
        let (before, after) = (answers(&old, trace).await, answers(&new, trace).await);
        for (before, after) in before.iter().zip(&after) {
            assert_eq!(before, after);
        }
    }
    // Row by row, whoever reads them; and what is counted behind them.
    assert_eq!(rows(&old).await, rows(&new).await);
    for store in [&old, &new] {
        eventually("all is counted", async || {
            store.project_once().await.unwrap();
            store.projection_status().await.unwrap().iter().all(|status| status.behind_events == 0)
        })
        .await;
    }
    let counted = old.lab_statistics().await.unwrap();
    assert!(!counted.is_empty());
    assert_eq!(counted, new.lab_statistics().await.unwrap());
    // The copy is as whole as the original, and exports to the same lines.
    let report = new.verify_ledger(|damage| panic!("{damage}")).await.unwrap();
    assert_eq!((report.events, report.labs), (moved.events, moved.labs));
    assert!(exported(&new).await.0 == file, "the copy exports to other lines");
    // What was open is owed, and life goes on.
    let sql = new.sql().await;
    let open: i64 = sql
        .query_one("select count(*) from jobs where state in ('queued', 'held')", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(open, 0);
    ready(&new, learner(), "lab1", runner).await;
    let again = requested(&new, traces[0].learner, "lab3").await.0;
    assert!(new.session(again).await.unwrap().is_some());
    let id = SessionId(Uuid::new_v4());
    let twice = new.execute::<Session>(id.0, request(id, traces[0].learner, "lab3", 60), &by()).await;
    assert!(twice.is_err(), "the rule of one active session holds again");
}

#[tokio::test]
async fn what_cannot_be_taken_whole_is_not_taken_at_all() {
    let (old, new) = (TestStore::new().await, TestStore::new().await);
    let runner = runner(&old).await;
    let session = ready(&old, learner(), "lab1", runner).await;
    open(&old, session).await;
    let labs = labs();
    let lab1 = labs.get(&lab("lab1").slug).expect("lab1");
    old.keep_lab(lab1).await.unwrap();
    let (file, _) = exported(&old).await;
    let text = String::from_utf8(file.clone()).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let without = |index: usize| {
        let kept = lines.iter().enumerate().filter(|(at, _)| *at != index);
        kept.map(|(_, line)| format!("{line}\n")).collect::<String>()
    };
    let blob = lines.iter().position(|line| line.contains("\"blob\"")).unwrap();
    for (damaged, why) in [
        (text[..text.len() / 2].to_owned(), "cut off"),
        (without(0), "begins with"),
        (without(blob), "the bytes of blob"),
        (without(lines.len() - 2), "promises"),
        (text.replacen("RlJPTSBzY3JhdGNoCg==", "RlJPTSBzY3JhdGNoIQ==", 1), "another hash"),
        (text.replacen(lab1.version.as_str(), &"e".repeat(64), 1), "its files have another hash"),
        (text.replacen("\"format\":2", "\"format\":99", 1), "99"),
        (text.replacen("\"aggregate_type\":\"session\"", "\"aggregate_type\":\"comet\"", 1), "comet"),
        ("hello\n".to_owned(), "line 1"),
    ] {
        assert_ne!(damaged, text, "{why}");
        let error = new.import_ledger(&mut Cursor::new(damaged)).await.unwrap_err();
        assert!(matches!(&error, StoreError::Import { .. }), "{error:?}");
        assert!(error.to_string().contains(why), "{error}");
    }
    let sql = new.sql().await;
    let left: i64 = sql
        .query_one("select (select count(*) from events) + (select count(*) from blobs)", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(left, 0);
    new.import_ledger(&mut Cursor::new(file.clone())).await.unwrap();
    let error = new.import_ledger(&mut Cursor::new(file)).await.unwrap_err();
    assert!(error.to_string().contains("empty"), "{error}");
}

#[tokio::test]
async fn damage_is_found_and_named() {
    let store = TestStore::new().await;
    let runner = runner(&store).await;
    let ada = learner();
    let session = ready(&store, ada, "lab1", runner).await;
    open(&store, session).await;
    write(&store, session, "lost", b"these bytes get lost").await;
    let mut random = StdRng::seed_from_u64(1);
    attempt(&store, &mut random, ada, session, runner).await;
    let report = store.verify_ledger(|damage| panic!("{damage}")).await.unwrap();
    assert_eq!((report.streams, report.damages), (3, 0));
    assert!(report.events > 5);

    let sql = store.sql().await;
    sql.batch_execute(
        "delete from events where event_type = 'ProvisioningStarted'; \
         update events set event_type = 'CometSeen' where event_type = 'SandboxReady'; \
         update events set payload = '{\"type\": \"nonsense\"}' where event_type = 'SessionRequested'; \
         delete from blobs where bytes = 'these bytes get lost'; \
         update blobs set bytes = 'FROM elsewhere' where bytes = E'FROM scratch\\n'; \
         update trees set manifest = '{\"files\": {}, \"folders\": []}'; \
         insert into events (aggregate_type, aggregate_id, sequence, event_type, event_version, payload, metadata) \
           select aggregate_type, gen_random_uuid(), 1, event_type, event_version, \
             jsonb_set(payload, '{tree}', to_jsonb(repeat('e', 64))), metadata \
           from events where event_type = 'AttemptSubmitted'",
    )
    .await
    .unwrap();
    let mut damages = Vec::new();
    let report = store.verify_ledger(|damage| damages.push(damage)).await.unwrap();
    assert_eq!(report.damages, damages.len() as u64);
    let count = |what: fn(&Damage) -> bool| damages.iter().filter(|damage| what(damage)).count();
    assert_eq!(count(|damage| matches!(damage, Damage::Gap { expected: 2, found: 3, .. })), 1);
    assert_eq!(
        count(|damage| matches!(damage, Damage::UnknownType { event_type, .. } if event_type == "CometSeen")),
        1
    );
    assert_eq!(count(|damage| matches!(damage, Damage::Unreadable { .. })), 1);
    assert_eq!(count(|damage| matches!(damage, Damage::MissingBlob { .. })), 1);
    assert_eq!(count(|damage| matches!(damage, Damage::WrongBlob { .. })), 1);
    assert_eq!(count(|damage| matches!(damage, Damage::WrongTree { .. })), 1);
    assert_eq!(count(|damage| matches!(damage, Damage::MissingTree { .. })), 1);
    assert_eq!(damages.len(), 7, "{damages:?}");
}

#[tokio::test]
async fn damage_to_the_labs_is_found_too() {
    let store = TestStore::new().await;
    let labs = labs();
    store.keep_labs(&labs).await.unwrap();
    let report = store.verify_ledger(|damage| panic!("{damage}")).await.unwrap();
    assert_eq!((report.labs, report.events), (labs.all().len() as u64, 0));

    let sql = store.sql().await;
    // One file of one lab is gone, another lab has the files of a third.
    sql.batch_execute(
        "delete from blobs where hash = (select files ->> 'lab.toml' from lab_versions where lab_slug = 'lab1'); \
         update lab_versions set files = (select files from lab_versions where lab_slug = 'lab3') where lab_slug = 'lab2'",
    )
    .await
    .unwrap();
    let mut damages = Vec::new();
    let report = store.verify_ledger(|damage| damages.push(damage)).await.unwrap();
    assert_eq!((report.damages, damages.len()), (2, 2), "{damages:?}");
    let lab1 = &labs.get(&lab("lab1").slug).unwrap().version;
    assert!(
        matches!(&damages[0], Damage::MissingBlob { named_by, .. } if *named_by == format!("lab lab1 in version {lab1}")),
        "{damages:?}"
    );
    assert!(matches!(&damages[1], Damage::WrongLab { slug, .. } if slug.as_str() == "lab2"), "{damages:?}");
    assert!(damages[1].to_string().contains("lab2"));
}
