//! `docs/security/sandbox.md`, made of the table.

use std::fmt::Write;
use std::path::Path;

use super::attempts::ALL;

const HEAD: &str = "# What a sandbox holds back

This page is made of the table in `workers/tests/sandbox/escape/attempts.rs` (`UPDATE_DOCS=1 make test` writes it anew), which
`make test` tries line by line: as the learner, and as root inside the most powerful container that the learner's own engine
gives (all capabilities, no seccomp filter of its own, the sandbox's processes, network and root folder). Meanwhile the host
and a neighbour's sandbox have to go on working, which is checked after each part.

The walls, from the inside out: the learner is an ordinary user without capabilities; their engine is root only in a user
namespace of its own; the sandbox's container has a seccomp profile of ours (`workers/src/sandbox/seccomp.json`), five
capabilities that only process 1 ever has, a read-only root, limits on memory, processor, processes and disk, and a network
from which the host's firewall lets out only what the policy allows. A kernel that can be broken from an unprivileged user
namespace breaks them all: where that is too little, run sandboxes on a stronger runtime (`SANDBOX_RUNTIME`).

What the table cannot show is tried beside it: links in a workspace that point to the host's files, and a folder that
turns into a link while it is read, when the platform reads and writes (links are refused, nothing is followed); a
`docker`, plugins, a context, a builder and an engine that lie, laid into the learner's home, and a socket that is a link to the
host's, or at which somebody else answers (the platform's builds, runs and looks take programs from the image, and their configuration
and the engine's socket from a folder of root's, also in `workers/tests/runner/lying_tools.rs`; the judge works in a fresh sandbox); a flood in a terminal (slowed down, in `workers/tests/runner/troubles.rs`).

What a learner can still change is their own engine: it is theirs, and whoever traces its processes or edits its store can have it say
anything about what is in it. That reaches nobody else, and no verdict but a lab's checks of the session itself, which ask that engine.
";

/// Compares, or writes.
pub(super) fn is_current() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/security/sandbox.md");
    let text = text();
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(&path, &text).expect("the document can be written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == text, "docs/security/sandbox.md is not what the table says: run this with UPDATE_DOCS=1");
}

fn text() -> String {
    let mut text = HEAD.to_owned();
    let mut group = "";
    for attempt in ALL {
        if group != attempt.group {
            group = attempt.group;
            // Writing to a String does not fail.
            let _ = write!(
                text,
                "\n## {group}\n\n| attempt | as | what stops it | it shows by |\n| --- | --- | --- | --- |\n"
            );
        }
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} |",
            attempt.what,
            attempt.by.words(),
            attempt.stopped_by,
            attempt.evidence_in_words()
        );
    }
    text
}
