//! A lab about commands: what stands in the engine of a learner's own session when they submit decides.

use containrlab_domain::ids::LearnerId;
use containrlab_domain::session::{Origin, Phase};
use containrlab_domain::verdict::{Verdict, VerdictStatus};
use uuid::Uuid;

use crate::client::Client;
use crate::house::{request_end, request_session, until_phase};
use crate::whole::{Whole, on_top};

fn codes(verdict: &Verdict) -> Vec<&str> {
    verdict.failures.iter().map(|finding| finding.code.as_str()).collect()
}

/// Types these lines and waits until they are done.
async fn type_in(client: &mut Client, lines: &str) {
    client.seen.clear();
    client.send(&format!("{}\necho all ''done\n", lines.trim_end())).await;
    client.until("all done\r\n").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_learner_did_with_commands_is_judged_with_their_files() {
    let whole = Whole::new().await;
    let runner = whole.start_runner().await;
    let lab = &whole.lab("lab4").lab;
    let mut files = on_top(&lab.starter, &lab.solution);
    let commands = files.remove("session.sh").expect("what the lab's author types");
    let commands = String::from_utf8(commands).expect("text");
    let learner = LearnerId(Uuid::now_v7());
    let session =
        request_session(&whole.store, learner, whole.lab("lab4").reference(), Origin::Starter).await;
    until_phase(&whole.store, session, Phase::Ready).await;

    // The files are right; nothing was typed.
    let nothing = whole.judge(session, "lab4", &files).await;
    assert_eq!(
        codes(&nothing),
        ["network_missing", "container_missing", "container_missing"],
        "{nothing:#?}"
    );

    let mut client = Client::connect(runner.gateway, session, 0).await;
    type_in(&mut client, &commands).await;
    let right = whole.judge(session, "lab4", &files).await;
    assert_eq!(right.status, VerdictStatus::Passed, "{right:#?}");

    // One ends, and one leaves the network, and its ports with that, before the next submission.
    type_in(&mut client, "docker stop store\ndocker network disconnect counting api").await;
    let undone = whole.judge(session, "lab4", &files).await;
    assert_eq!(
        codes(&undone),
        ["network_member_missing", "container_not_running", "container_port_missing"],
        "{undone:#?}"
    );

    // Whose session is gone is told so, and nothing counts.
    drop(client);
    request_end(&whole.store, session).await;
    until_over(&whole, session).await;
    let gone = whole.judge(session, "lab4", &files).await;
    assert_eq!((gone.status, codes(&gone)), (VerdictStatus::Inconclusive, vec!["session_gone"]));
    runner.stop().await;
}

async fn until_over(whole: &Whole, session: containrlab_domain::ids::SessionId) {
    crate::house::until("the session is over", async || {
        let row = whole.store.session(session).await.expect("a read").expect("the session");
        row.phase == Phase::Ended
    })
    .await;
}
