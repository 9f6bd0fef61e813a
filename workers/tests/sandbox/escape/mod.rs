//! The escape suite: what attackers try from within a sandbox, and what stops them.
//!
//! One pair of sandboxes for all attempts. From the first, each line of [`attempts::ALL`] is tried as its learner or as root
//! inside the learner's own most powerful container; the second is the neighbour, which has to go on working, and the host with
//! it. `docs/security/sandbox.md` is made of the same lines: `UPDATE_DOCS=1` writes it anew.

mod attempt;
mod attempts;
mod document;
mod stage;

use crate::bed::{Bed, eventually};
use crate::names;
use crate::outside::{Outside, PLACES};
use attempt::By;
use attempts::ALL;
use stage::Stage;

#[tokio::test]
async fn nothing_that_attackers_try_gets_out_and_everybody_else_goes_on() {
    let bed = Bed::with(stage::narrow).await;
    let stage = Stage::set(&bed).await;
    let mut wrong = Vec::new();
    let mut group = "";
    for attempt in ALL {
        let seen = stage.try_it(attempt).await;
        println!("{}: {seen}", attempt.what);
        if !attempt.is_stopped(&seen) {
            wrong.push(format!("{} ({:?}): `{}` gave {seen}", attempt.what, attempt.by, attempt.script));
        }
        // Whoever comes next finds nothing of it.
        if attempt.leaves_mess {
            stage.recover().await;
        }
        if group != attempt.group {
            group = attempt.group;
            wrong.extend(stage.harm().await.map(|harm| format!("after {}: {harm}", attempt.what)));
        }
    }
    wrong.extend(stage.harm().await.map(|harm| format!("at the end: {harm}")));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    stage.hostile_workspace().await;
    stage.lying_tools().await;
    assert_eq!(stage.harm().await, None);
    stage.end().await;
}

#[test]
fn the_document_is_made_of_the_same_table() {
    document::is_current();
}

#[test]
fn every_attempt_says_what_stops_it() {
    for attempt in ALL {
        assert!(attempt.what.len() > 10 && attempt.stopped_by.len() > 10, "{attempt:?}");
    }
    for by in [By::Learner, By::InnerRoot] {
        assert!(ALL.iter().any(|attempt| attempt.by == by));
    }
}

#[tokio::test]
async fn each_policy_lets_through_what_it_says_and_answers_for_names() {
    use containrlab_workers::sandbox::Egress;
    let place = PLACES[1];
    let at = |last: u8| format!("{place}.{last}").parse().expect("an address");
    for (egress, named, other) in
        [(Egress::Open, true, true), (Egress::Allowlist, true, false), (Egress::None, false, false)]
    {
        let bed = Bed::with(|of_bed| {
            of_bed.egress = egress;
            of_bed.egress_allow = vec![format!("{place}.2").parse().expect("an address")];
            of_bed.dns = vec![at(2)];
        })
        .await;
        let outside = Outside::new(&bed, place).await;
        names::answer(outside.datagrams(53), vec![("named.example", at(2)), ("other.example", at(130))]);
        let sandbox = bed.create().await;
        for (host, reached) in
            [("named.example", named), ("other.example", other), (&outside.metadata, false)]
        {
            let script = format!("curl --silent --show-error --max-time 5 http://{host}/");
            let ended = crate::bed::learner(&bed, &sandbox, &script).await;
            // 22 would be an answer of the server: any answer at all is one.
            assert_eq!(ended.code == 0, reached, "{egress}, {host}: {ended:?}");
            assert_ne!(ended.code, 6, "{egress}: the name was not found");
        }
        // Names can be asked for under each policy, in shells and in containers.
        for ask in ["getent ahostsv4 other.example", "docker run --rm busybox nslookup other.example"] {
            let asked = crate::bed::learner(&bed, &sandbox, ask).await;
            assert!(asked.code == 0 && asked.output.contains(&outside.other), "{egress}, {ask}: {asked:?}");
        }
        let unknown = crate::bed::learner(&bed, &sandbox, "getent hosts unknown.example").await;
        assert_eq!((unknown.code, unknown.output.as_str()), (2, ""), "{egress}");
        eventually("it is removed", async || bed.sandboxes.remove(sandbox.id()).await.is_ok()).await;
    }
}
