//! Pages beside the session's, a session that waits for a runner, and what a page says to whom it is not for.

use crate::page::Page;
use crate::session::{sign_in, until_ready};
use crate::support::{Parts, System};

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_or_is_in_the_wrong_place_is_told_so() {
    let mut system = System::start(Parts::ApiOnly).await;
    let page = Page::open(&system.url).await;

    // Nobody is signed in: the way leads through the sign-in and back.
    page.go("/labs/lab2").await;
    page.sees("#name").await;
    page.picture("sign-in").await;
    page.fits("the sign-in").await;
    page.fill("#name", "Grace Hopper").await;
    page.click_text("button", "Sign in").await;
    page.until("the page that was asked for", "return location.pathname === '/labs/lab2'").await;

    page.go("/labs").await;
    page.sees(".lab-card").await;
    page.picture("labs").await;

    page.go("/labs/nowhere").await;
    page.reads(".error-page", "404").await;
    page.picture("error").await;

    // Without a runner a session waits in line, and says so.
    page.go("/labs/lab1").await;
    page.click_text("button", "Start the lab").await;
    page.sees(".start-steps .start-step-now").await;
    page.picture("starting").await;
    let session = page.path().await;
    assert!(session.starts_with("/sessions/"), "{session}");
    page.reload().await;
    page.sees(".start-steps").await;

    page.go("/attempts").await;
    page.reads("main", "You have not submitted anything yet").await;

    // A second start of the same lab leads back to the first.
    page.go("/labs/lab1").await;
    page.click_text("a", "Back to your session").await;
    page.until("the session", &format!("return location.pathname === {session:?}")).await;
    page.sees(".start-steps").await;

    // The page goes on by itself once there is one.
    system.start_runner().await;
    until_ready(&page).await;
    assert_eq!(page.path().await, session);
    assert!(page.texts(".stage").await.is_empty(), "nothing stands before the terminal any more");

    page.click_text("button", "Sign out").await;
    page.sees("#name").await;
    sign_in(&page, "Somebody Else").await;
    page.go(&session).await;
    page.reads(".error-page", "404").await;
    let words = page.texts(".error-page").await.concat();
    assert!(!words.contains("Grace"), "{words}");
    page.close().await;
}
