//! From the sign-in to a verdict, and on from where one left.

use std::path::Path;

use serde_json::json;

use crate::page::{DESK, PHONE, Page};
use crate::preview::a_port_of_ones_own;
use crate::session::{
    new_file, open_file, sign_in, submit, terminal_shows, type_command, until_ready, write_and_save,
};
use crate::support::{Parts, System};

/// So tall that the whole scrollback of this test is on the screen.
const TALL: (u32, u32) = (1440, 4200);

#[tokio::test(flavor = "multi_thread")]
async fn a_learner_starts_a_lab_works_in_it_submits_and_goes_on_another_day() {
    let system = System::start(Parts::All).await;
    let page = Page::open(&system.url).await;

    sign_in(&page, "Ada Lovelace").await;
    assert_eq!(page.texts(".lab-card h2").await.len(), labs(), "all labs");
    page.click_text(".card-link", "Your first Dockerfile").await;
    page.reads("h1", "Your first Dockerfile").await;
    page.reads(".lab-text", "Keep the rest out").await;
    page.picture("lab").await;

    start(&page).await;
    let first = page.path().await;
    work_in_the_terminal(&page).await;
    fail(&page).await;
    ask_for_hints(&page).await;
    pass(&page).await;
    see_the_solution(&page).await;
    a_port_of_ones_own(&page).await;
    reload(&page).await;
    on_a_phone(&page).await;
    end(&page).await;
    attempts(&page).await;
    continue_where_one_left(&page, &first).await;
    page.close().await;
}

async fn start(page: &Page) {
    page.click_text("button", "Start the lab").await;
    // That the page shows a start's steps is seen where no runner is in a hurry: see `pages`.
    until_ready(page).await;
    // A clock that runs.
    page.until(
        "the time left",
        r"return /^\d+:\d\d$/.test(document.querySelector('[data-clock]').innerText)",
    )
    .await;
    page.picture("ready").await;
}

async fn work_in_the_terminal(page: &Page) {
    type_command(page, "docker version").await;
    // Only the server's part of the answer has it.
    terminal_shows(page, "rootlesskit:").await;
    type_command(page, "echo grüße 漢字 > from-terminal.txt; echo done-$((40 + 2))").await;
    terminal_shows(page, "done-42").await;
    page.sees(".node[data-path='from-terminal.txt']").await;
    open_file(page, "from-terminal.txt").await;
    page.reads(".cm-content", "grüße 漢字").await;
}

/// A Dockerfile that names a file which is not there.
async fn fail(page: &Page) {
    let (dockerfile, dockerignore) = (lab("wrong/misspelt-list/Dockerfile"), lab("solution/.dockerignore"));
    new_file(page, "Dockerfile").await;
    write_and_save(page, "Dockerfile", &dockerfile).await;
    new_file(page, ".dockerignore").await;
    write_and_save(page, ".dockerignore", &dockerignore).await;
    // What the editor saved is there for the shell, to the last byte.
    type_command(page, "wc -c Dockerfile .dockerignore").await;
    terminal_shows(page, &format!("{} Dockerfile", dockerfile.len())).await;
    terminal_shows(page, &format!("{} .dockerignore", dockerignore.len())).await;

    submit(page, 1, "failed").await;
    page.sees(".finding").await;
    page.reads(".finding-code", "docker_build_failed").await;
    page.reads(".finding-log", "requirement.txt").await;
    page.picture("failed").await;
    // The finding leads to the line.
    page.click(".finding [data-open-file=Dockerfile]").await;
    page.until(
        "the line that is wrong",
        "const line = document.querySelector('.cm-activeLine'); return line.innerText.includes('COPY requirement.txt')",
    )
    .await;
}

/// From the finding to the step of the text and to the hints about it.
async fn ask_for_hints(page: &Page) {
    page.click(".finding [data-show-step]").await;
    page.until("the step in sight", "return document.activeElement.closest('[id^=step-]') !== null").await;
    page.click(".finding [data-show-hints]").await;
    page.sees("#result-hints").await;
    assert!(page.texts(".hint-shown").await.is_empty(), "none before it is asked for");
    for asked in 1..=2 {
        page.click("[data-hints-of=build] button").await;
        let shown = format!(
            "return document.querySelectorAll('[data-hints-of=build] .hint-shown').length === {asked}"
        );
        page.until("a hint", &shown).await;
    }
    page.picture("hints").await;
    page.reload().await;
    until_ready(page).await;
    page.click("#tab-hints").await;
    assert_eq!(page.texts("[data-hints-of=build] .hint-shown").await.len(), 2, "to be read again");
}

async fn see_the_solution(page: &Page) {
    let session = page.path().await;
    page.click("#tab-verdict").await;
    page.click_text("button", "Show the solution").await;
    page.sees(".solution-file .cm-content").await;
    assert_eq!(page.path().await, "/labs/lab1/solution");
    let yours =
        "return [...document.querySelectorAll('.diff-yours .diff-text')].map((line) => line.textContent)";
    assert_eq!(page.look(yours).await, json!(["Only yours: LABEL by=ada"]));
    page.reads(".only-yours", "from-terminal.txt").await;
    page.fits("the solution").await;
    page.picture("solution").await;
    page.go(&session).await;
    until_ready(page).await;
    page.click("#tab-timeline").await;
    page.reads("#result-timeline", "The lab’s solution was shown").await;
}

async fn pass(page: &Page) {
    open_file(page, "Dockerfile").await;
    // The solution, and something of one's own.
    write_and_save(page, "Dockerfile", &format!("{}LABEL by=ada\n", lab("solution/Dockerfile"))).await;
    page.click("#build-button").await;
    // It shows while it runs.
    page.until(
        "a log line while the build runs",
        "return document.querySelector('.job-running') && document.querySelectorAll('#log .line').length > 0",
    )
    .await;
    page.until("the build's result", "return document.querySelector('.jobs .job')?.matches('.job-passed')")
        .await;
    page.reads("#log", "pip install").await;
    page.click("#run-button").await;
    page.until(
        "the run's result",
        "const job = document.querySelector('.jobs .job'); return job?.innerText.includes('Run') && job.matches('.job-passed')",
    )
    .await;
    page.reads("#log", "Listening at").await;
    // Alone: with those of all labs the list is longer than the screen.
    type_command(page, "docker images lab1").await;
    terminal_shows(page, "lab1 ").await;
    type_command(page, "curl localhost:8000/health").await;
    terminal_shows(page, r#"{"status":"ok"}"#).await;
    submit(page, 2, "passed").await;
    page.picture("passed").await;
}

async fn reload(page: &Page) {
    page.resize(TALL).await;
    page.reload().await;
    until_ready(page).await;
    terminal_shows(page, "rootlesskit:").await;
    terminal_shows(page, " total").await;
    for once in ["rootlesskit:", "done-42", " total"] {
        assert_eq!(page.count(".xterm-rows", once).await, 1, "{once} after a reload");
    }
    assert_eq!(page.texts("[data-verdict-state]").await.len(), 1);
    // The shell is the same one, and goes on.
    type_command(page, "echo again-$((1 + 1))").await;
    terminal_shows(page, "again-2").await;
    // What was started by Run still listens.
    page.sees("a.port[href$='/ports/8000']").await;
    page.resize(DESK).await;
}

async fn on_a_phone(page: &Page) {
    page.resize(PHONE).await;
    for (panel, shown) in [
        ("text", "#panel-text"),
        ("files", "#panel-files"),
        ("terminal", "#panel-terminal"),
        ("results", "#panel-results"),
    ] {
        page.click(&format!("[data-show-panel={panel}]")).await;
        page.sees(shown).await;
        if panel == "terminal" {
            page.sees("a.port[href$='/ports/8000']").await;
        }
        let hidden = "return ['text', 'files', 'terminal', 'results'].filter((name) => document.getElementById(`panel-${name}`).checkVisibility()).length";
        assert_eq!(page.look(hidden).await, 1, "one panel at a time");
        page.fits(panel).await;
        page.shoot(&format!("panel-{panel}-phone")).await;
    }
    page.resize(DESK).await;
}

async fn end(page: &Page) {
    page.click("#end-button").await;
    page.reads("dialog[open]", "End this session?").await;
    page.click("dialog[open] button[value=yes]").await;
    page.sees(".stage-over").await;
    page.reads(".stage-over", "You ended").await;
    page.picture("ended").await;
}

async fn attempts(page: &Page) {
    page.click_text(".site-nav a", "My attempts").await;
    page.sees(".attempts").await;
    assert_eq!(page.texts(".attempts .outcome").await, ["Passed", "1 finding"], "newest first");
    page.picture("attempts").await;
    page.click_text(".row-link", "Your first Dockerfile").await;
    page.sees(".verdict-passed").await;
    page.reads(".log-card", "pip install").await;
    page.picture("attempt").await;
    page.go("/labs").await;
    page.reads(".lab-card", "Passed").await;
}

async fn continue_where_one_left(page: &Page, before: &str) {
    page.go(before).await;
    // Nothing will come any more: that is no lost connection.
    page.until("the end of live updates", "return document.documentElement.dataset.testLive === 'closed'")
        .await;
    assert_eq!(page.look("return document.getElementById('live-lost').hidden").await, true);
    page.reads(".cm-content", "FROM python").await;
    page.click_text("button", "Start again from where you left").await;
    until_ready(page).await;
    assert_ne!(page.path().await, before, "a session of its own");
    page.sees(".node[data-path='from-terminal.txt']").await;
    type_command(page, "cat .dockerignore from-terminal.txt").await;
    terminal_shows(page, "**/__pycache__").await;
    terminal_shows(page, "grüße 漢字").await;
}

/// How many labs there are.
fn labs() -> usize {
    let folders = std::fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs")).expect("the labs");
    folders
        .filter(|folder| folder.as_ref().is_ok_and(|folder| folder.path().join("lab.toml").is_file()))
        .count()
}

/// The text of a file of the first lab.
fn lab(path: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../labs/lab1").join(path);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}
