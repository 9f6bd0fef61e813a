//! What a person does on a page, and what they see. Everything waits until it can be done, or is to be seen.

use std::fmt::Display;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use fantoccini::Locator;
use fantoccini::elements::Element;
use fantoccini::error::CmdError;
use fantoccini::key::Key;
use serde_json::{Value, json};

use crate::driver::Browser;
use crate::support::LIMIT;

const PAUSE: Duration = Duration::from_millis(50);

/// A window on a system.
pub struct Page {
    browser: Browser,
    /// Where the system is.
    base: String,
    shots: Option<PathBuf>,
}

/// A screen's width and height in pixels.
pub const DESK: (u32, u32) = (1440, 900);
/// A phone's.
pub const PHONE: (u32, u32) = (390, 844);

impl Page {
    /// Opens a browser of its own, as wide as on a desk.
    pub async fn open(base: &str) -> Self {
        let shots = std::env::var_os("SCREENSHOTS_DIR").map(PathBuf::from);
        let page = Self { browser: Browser::start().await, base: base.to_owned(), shots };
        page.resize(DESK).await;
        page
    }

    /// Ends the browser, and holds the pages to having had no fault of their own.
    pub async fn close(self) {
        let faults = self.look("return sessionStorage.getItem('test.faults')").await;
        assert_eq!(faults, Value::Null, "something went wrong in a page");
        self.browser.close().await;
    }

    // Going somewhere

    /// Opens a path of the system.
    pub async fn go(&self, path: &str) {
        let url = format!("{}{path}", self.base);
        self.patiently(&format!("open {path}"), async || self.browser.client.goto(&url).await).await;
    }

    /// Loads the page again.
    pub async fn reload(&self) {
        // While a container starts, the machine's network changes, and Chromium drops what is under way.
        self.patiently("load again", async || self.browser.client.refresh().await).await;
    }

    /// The path that the browser shows.
    pub async fn path(&self) -> String {
        let path = self.look("return location.pathname").await;
        path.as_str().unwrap_or_default().to_owned()
    }

    /// Makes the window another size.
    pub async fn resize(&self, (width, height): (u32, u32)) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    // Looking

    /// What a script answers now; null while the page is not there.
    pub async fn look(&self, script: &str) -> Value {
        self.browser.client.execute(script, vec![]).await.unwrap_or(Value::Null)
    }

    /// Waits until a script answers something true, and gives it.
    pub async fn until(&self, what: &str, script: &str) -> Value {
        self.until_within(LIMIT, what, script).await
    }

    /// Waits longer.
    pub async fn until_within(&self, patience: Duration, what: &str, script: &str) -> Value {
        let deadline = Instant::now() + patience;
        loop {
            let seen = self.look(script).await;
            if is_true(&seen) {
                return seen;
            }
            if Instant::now() > deadline {
                let text = self.look("return `${location}\n${document.body.innerText}`").await;
                self.shoot("failed").await;
                panic!("not within {patience:?}: {what}\n{}", text.as_str().unwrap_or_default());
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Waits until an element is on the page and shown.
    pub async fn sees(&self, selector: &str) {
        self.until(selector, &format!("return document.querySelector({selector:?})?.checkVisibility()")).await;
    }

    /// Waits until what is shown contains a text.
    pub async fn reads(&self, selector: &str, text: &str) {
        let script = format!("return document.querySelector({selector:?})?.innerText.includes({text:?})");
        self.until(&format!("“{text}” in {selector}"), &script).await;
    }

    /// The texts of all elements that a selector finds.
    pub async fn texts(&self, selector: &str) -> Vec<String> {
        let script = format!("return [...document.querySelectorAll({selector:?})].map((each) => each.innerText)");
        serde_json::from_value(self.look(&script).await).unwrap_or_default()
    }

    /// How often a text is to be read in what a selector finds.
    pub async fn count(&self, selector: &str, text: &str) -> usize {
        self.texts(selector).await.iter().map(|each| each.matches(text).count()).sum()
    }

    /// Holds the page to fit the window: nothing sticks out at its side.
    pub async fn fits(&self, what: &str) {
        let too_wide = self
            .look(
                "const out = document.documentElement.scrollWidth - innerWidth;
                 if (out <= 0) return '';
                 const wide = [...document.querySelectorAll('body *')].filter((each) => each.getBoundingClientRect().right > innerWidth + 1);
                 return `${out} pixels: ${wide.slice(0, 5).map((each) => each.outerHTML.slice(0, 120)).join('\\n')}`",
            )
            .await;
        assert_eq!(too_wide, json!(""), "{what} is wider than the window");
    }

    // Doing

    /// Clicks an element once it can be clicked.
    pub async fn click(&self, selector: &str) {
        self.until(
            &format!("{selector} to click"),
            &format!("const found = document.querySelector({selector:?}); return found?.checkVisibility() && !found.disabled"),
        )
        .await;
        self.patiently(&format!("click {selector}"), async || self.find(selector).await?.click().await).await;
    }

    /// Clicks the button or link that says this.
    pub async fn click_text(&self, selector: &str, text: &str) {
        let mark = format!(
            "const found = [...document.querySelectorAll({selector:?})].find((each) => each.innerText.trim() === {text:?});
             document.querySelector('[data-test-target]')?.removeAttribute('data-test-target');
             found?.setAttribute('data-test-target', '');
             return Boolean(found)"
        );
        self.until(&format!("“{text}” to click"), &mark).await;
        self.click("[data-test-target]").await;
    }

    /// Types into whatever has the focus.
    pub async fn keys(&self, text: impl Display) {
        let text = text.to_string();
        let focused = self.browser.client.active_element().await.expect("something has the focus");
        focused.send_keys(&text).await.expect("keys");
    }

    /// Presses a key together with Ctrl.
    pub async fn ctrl(&self, key: impl Display) {
        self.keys(format!("{}{key}{}", char::from(Key::Control), char::from(Key::Null))).await;
    }

    /// Types into a field, in place of what is there.
    pub async fn fill(&self, selector: &str, text: &str) {
        self.sees(selector).await;
        let field = self.find(selector).await.expect("a field");
        field.clear().await.expect("an empty field");
        field.send_keys(text).await.expect("keys");
    }

    async fn find(&self, selector: &str) -> Result<Element, CmdError> {
        self.browser.client.find(Locator::Css(selector)).await
    }

    /// Does something again until it works: what is live on a page may be drawn anew at any moment, and a network that
    /// changes makes Chromium drop what it loads.
    async fn patiently<T, E: Display>(&self, what: &str, mut act: impl AsyncFnMut() -> Result<T, E>) -> T {
        let deadline = Instant::now() + LIMIT;
        loop {
            match act().await {
                Ok(done) => return done,
                Err(error) if Instant::now() > deadline => panic!("can't {what}: {error}"),
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    // Keeping what was seen

    /// Keeps pictures of the page as it is, on a desk and on a phone, where SCREENSHOTS_DIR says so.
    pub async fn picture(&self, name: &str) {
        if self.shots.is_none() {
            return;
        }
        for (size, suffix) in [(PHONE, "phone"), (DESK, "desk")] {
            self.resize(size).await;
            // What follows the size (the terminal's columns, say) is drawn in the frames after it.
            tokio::time::sleep(Duration::from_millis(400)).await;
            self.shoot(&format!("{name}-{suffix}")).await;
        }
    }

    /// Keeps a picture of just what the window shows.
    pub async fn shoot(&self, name: &str) {
        let Some(folder) = &self.shots else { return };
        std::fs::create_dir_all(folder).expect("SCREENSHOTS_DIR");
        if let Ok(png) = self.browser.client.screenshot().await {
            std::fs::write(folder.join(format!("{name}.png")), png).expect("a picture");
        }
    }
}

/// As JavaScript sees it, but for empty lists.
fn is_true(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::Bool(value) => *value,
        Value::String(text) => !text.is_empty(),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Array(items) => !items.is_empty(),
        Value::Object(_) => true,
    }
}
