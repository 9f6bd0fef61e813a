//! Checks about the learner's own engine, from facts that were taken at the submission.

use super::dynamic::{carry_out, codes, good};
use super::{lab_with, project};
use crate::judge::{Action, Observed, SessionContainerFact, SessionFacts, SessionNetworkFact};
use crate::verdict::{Verdict, VerdictStatus};

fn facts() -> SessionFacts {
    SessionFacts {
        containers: vec![
            SessionContainerFact {
                name: "web".to_owned(),
                image: "nginx".to_owned(),
                running: true,
                status: "Up 3 minutes".to_owned(),
                networks: vec!["backend".to_owned()],
                published: vec![80],
                volumes: vec!["data".to_owned()],
            },
            SessionContainerFact {
                name: "old".to_owned(),
                status: "Exited (1) 2 minutes ago".to_owned(),
                ..SessionContainerFact::default()
            },
        ],
        networks: vec![SessionNetworkFact { name: "backend".to_owned(), internal: true }],
        volumes: vec!["data".to_owned(), "spare".to_owned()],
        images: vec!["notes:1.0".to_owned(), "app:latest".to_owned()],
    }
}

fn judge(check: &str) -> Verdict {
    // A Dockerfile is none of these labs' business.
    carry_out(&lab_with(check), &project(""), |action| match action {
        Action::LookAtSession => Observed::Session(facts()),
        other => good(other),
    })
}

#[test]
fn what_is_there_is_held_against_what_is_asked() {
    for (check, expected) in [
        (
            "session_container\"\nname = \"web\"\nimage = \"nginx:latest\"\nnetwork = \"backend\"\npublished = 80",
            &[][..],
        ),
        ("session_container\"\nname = \"webb\"", &["container_missing"]),
        (
            "session_container\"\nname = \"old\"\nimage = \"a\"\nnetwork = \"n\"\npublished = 1",
            &[
                "container_not_running",
                "container_image_wrong",
                "container_network_missing",
                "container_port_missing",
            ],
        ),
        ("session_container\"\nname = \"old\"\nrunning = false", &[]),
        ("session_network\"\nname = \"backend\"\nmembers = [\"web\"]\ninternal = true", &[]),
        ("session_network\"\nname = \"backend\"\nmembers = [\"web\", \"old\"]", &["network_member_missing"]),
        ("session_network\"\nname = \"front\"", &["network_missing"]),
        ("session_volume\"\nname = \"data\"\nused_by = \"web\"", &[]),
        ("session_volume\"\nname = \"spare\"\nused_by = \"web\"", &["volume_unused"]),
        ("session_volume\"\nname = \"none\"", &["volume_missing"]),
        ("session_image\"\nname = \"app\"", &[]),
        ("session_image\"\nname = \"notes\"", &["image_missing"]),
    ] {
        let verdict = judge(&format!("[[checks]]\ntype = \"{check}\n"));
        assert_eq!(codes(&verdict), expected, "{check}");
    }
    let misspelt = judge("[[checks]]\ntype = \"session_container\"\nname = \"webb\"\n");
    assert!(misspelt.failures[0].message.contains("one called web."), "{}", misspelt.failures[0].message);
}

#[test]
fn a_session_that_is_gone_is_nobodys_failure() {
    let check = "[[checks]]\ntype = \"session_image\"\nname = \"app\"\n";
    let verdict = carry_out(&lab_with(check), &project(""), |_| Observed::SessionGone);
    assert_eq!((verdict.status, codes(&verdict)), (VerdictStatus::Inconclusive, vec!["session_gone"]));
    assert!(lab_with(check).looks_at_session());
    assert!(!lab_with("[[checks]]\ntype = \"build\"\n").looks_at_session());
}
