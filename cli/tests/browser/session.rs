//! What a learner does on a session's page.

use std::time::Duration;

use fantoccini::key::Key;

use crate::page::Page;

/// What the terminal shows, from its first line in the scrollback to the last: xterm.js keeps only the visible part in the page.
const SCREEN: &str = ".xterm-rows";

/// A start has a sandbox to make, and waits for the machine while others do the same.
const START: Duration = Duration::from_secs(120);

/// The judge builds and runs what was submitted.
const VERDICT: Duration = Duration::from_secs(240);

/// Signs in with a name.
pub(crate) async fn sign_in(page: &Page, name: &str) {
    page.go("/").await;
    page.fill("#name", name).await;
    page.keys(char::from(Key::Enter)).await;
    page.until("the list of labs", "return location.pathname === '/labs'").await;
}

/// Waits until the session is ready and its shell has asked for a command.
pub(crate) async fn until_ready(page: &Page) {
    page.until_within(
        START,
        "a session that is ready",
        "return document.querySelector('[data-stage=ready]')",
    )
    .await;
    page.until_within(
        START,
        "a prompt",
        "return document.querySelector('.xterm-rows')?.innerText.includes('$')",
    )
    .await;
}

/// Types a command into the terminal.
pub(crate) async fn type_command(page: &Page, command: &str) {
    page.click(".xterm-screen").await;
    page.until("the terminal to have the focus", "return document.activeElement.closest('.xterm') !== null")
        .await;
    page.keys(format!("{command}\n")).await;
}

/// Waits until the terminal shows a text.
pub(crate) async fn terminal_shows(page: &Page, text: &str) {
    page.reads(SCREEN, text).await;
}

/// Makes a file with the button above the tree.
pub(crate) async fn new_file(page: &Page, path: &str) {
    page.click("[data-file-action=new-file]").await;
    page.fill("dialog[open] input", path).await;
    page.keys(char::from(Key::Enter)).await;
    page.until(
        &format!("{path} in a tab"),
        &format!("return document.querySelector('.tab.current')?.innerText.includes({path:?})"),
    )
    .await;
}

/// Writes a text into the shown file, in place of what is there, and saves it with Ctrl-S.
pub(crate) async fn write_and_save(page: &Page, path: &str, text: &str) {
    page.click(".cm-content").await;
    page.ctrl('a').await;
    page.keys(char::from(Key::Delete)).await;
    page.keys(text).await;
    let written = format!(
        "return [...document.querySelectorAll('.cm-line')].map((line) => line.textContent).join('\\n') === {text:?}"
    );
    page.until("the text in the editor", &written).await;
    page.ctrl('s').await;
    page.until(
        &format!("{path} to be saved"),
        &format!("return !document.querySelector('.tab.dirty') && Boolean(document.querySelector('.node[data-path={path:?}]'))"),
    )
    .await;
}

/// Opens a file from the tree.
pub(crate) async fn open_file(page: &Page, path: &str) {
    page.click(&format!(".node[data-path={path:?}]")).await;
    let current = format!("return document.querySelector('.tab.current')?.innerText.includes({path:?})");
    page.until(&format!("{path} in front"), &current).await;
}

/// Submits, and waits for the verdict on the attempt of this number.
pub(crate) async fn submit(page: &Page, number: u32, state: &str) {
    page.click("#submit-button").await;
    let judged = format!(
        "return document.querySelector('[data-verdict-state]')?.innerText.includes('Attempt {number} ')"
    );
    page.until_within(VERDICT, &format!("a verdict on attempt {number}"), &judged).await;
    let shown = page.look("return document.querySelector('[data-verdict-state]').dataset.verdictState").await;
    let text = page.texts("[data-verdict-state]").await;
    assert_eq!(shown, state, "the verdict on attempt {number}: {text:?}");
}
