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

/// What WebDriver calls an element in JSON.
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

const PAUSE: Duration = Duration::from_millis(50);

/// A window on a system.
pub(crate) struct Page {
    browser: Browser,
    /// Where the system is.
    base: String,
    shots: Option<PathBuf>,
}

/// A screen's width and height in pixels.
pub(crate) const DESK: (u32, u32) = (1440, 900);
/// A phone's.
pub(crate) const PHONE: (u32, u32) = (390, 844);

impl Page {
    /// Opens a browser of its own, as wide as on a desk.
    pub(crate) async fn open(base: &str) -> Self {
        let shots = std::env::var_os("SCREENSHOTS_DIR").map(PathBuf::from);
        let page = Self { browser: Browser::start().await, base: base.to_owned(), shots };
        page.resize(DESK).await;
        page
    }

    /// Ends the browser, and holds the pages to having had no fault of their own.
    pub(crate) async fn close(self) {
        let faults = self.look("return sessionStorage.getItem('test.faults')").await;
        assert_eq!(faults, Value::Null, "something went wrong in a page");
        self.browser.close().await;
    }

    /// Where the system is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    // Going somewhere

    /// Opens a path of the system.
    pub(crate) async fn go(&self, path: &str) {
        let url = format!("{}{path}", self.base);
        self.patiently(&format!("open {path}"), async || self.browser.client.goto(&url).await).await;
    }

    /// Loads the page again.
    pub(crate) async fn reload(&self) {
        // While a container starts, the machine's network changes, and Chromium drops what is under way.
        self.patiently("load again", async || self.browser.client.refresh().await).await;
    }

    /// The path that the browser shows.
    pub(crate) async fn path(&self) -> String {
        let path = self.look("return location.pathname").await;
        path.as_str().unwrap_or_default().to_owned()
    }

    /// Makes the window another size.
    pub(crate) async fn resize(&self, (width, height): (u32, u32)) {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.browser.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    // Looking

    /// What a script answers now; null while the page is not there.
    pub(crate) async fn look(&self, script: &str) -> Value {
        self.browser.client.execute(script, vec![]).await.unwrap_or(Value::Null)
    }

    /// Waits until a script answers something true, and gives it.
    pub(crate) async fn until(&self, what: &str, script: &str) -> Value {
        self.until_within(LIMIT, what, script).await
    }

    /// Waits longer.
    pub(crate) async fn until_within(&self, patience: Duration, what: &str, script: &str) -> Value {
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
    pub(crate) async fn sees(&self, selector: &str) {
        self.until(selector, &format!("return document.querySelector({selector:?})?.checkVisibility()"))
            .await;
    }

    /// Waits until what is shown contains a text.
    pub(crate) async fn reads(&self, selector: &str, text: &str) {
        let script = format!("return document.querySelector({selector:?})?.innerText.includes({text:?})");
        self.until(&format!("“{text}” in {selector}"), &script).await;
    }

    /// The texts of all elements that a selector finds.
    pub(crate) async fn texts(&self, selector: &str) -> Vec<String> {
        let script =
            format!("return [...document.querySelectorAll({selector:?})].map((each) => each.innerText)");
        serde_json::from_value(self.look(&script).await).unwrap_or_default()
    }

    /// How often a text is to be read in what a selector finds.
    pub(crate) async fn count(&self, selector: &str, text: &str) -> usize {
        self.texts(selector).await.iter().map(|each| each.matches(text).count()).sum()
    }

    /// Holds the page to fit the window: nothing sticks out at its side.
    pub(crate) async fn fits(&self, what: &str) {
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
    pub(crate) async fn click(&self, selector: &str) {
        let script = format!("return document.querySelector({selector:?})");
        self.click_found(selector, &script).await;
    }

    /// Clicks the button or link that says this.
    pub(crate) async fn click_text(&self, selector: &str, text: &str) {
        let script = format!(
            "return [...document.querySelectorAll({selector:?})].find((each) => each.innerText.trim() === {text:?})"
        );
        self.click_found(&format!("“{text}”"), &script).await;
    }

    /// Clicks what a script finds. Searched anew each time, since live parts may be drawn again at any moment.
    async fn click_found(&self, what: &str, script: &str) {
        let script = format!(
            "const found = (() => {{ {script} }})(); return found?.checkVisibility() && !found.disabled ? found : null"
        );
        self.patiently(&format!("click {what}"), async || {
            let found =
                self.browser.client.execute(&script, vec![]).await.map_err(|error| error.to_string())?;
            let id =
                found.get(ELEMENT).and_then(Value::as_str).ok_or("it is not there, or not to be clicked")?;
            let element = Element::from_element_id(self.browser.client.clone(), id.to_owned().into());
            element.click().await.map_err(|error| error.to_string())
        })
        .await;
    }

    /// Types into whatever has the focus.
    pub(crate) async fn keys(&self, text: impl Display) {
        let text = text.to_string();
        let focused = self.browser.client.active_element().await.expect("something has the focus");
        focused.send_keys(&text).await.expect("keys");
    }

    /// Presses a key together with Ctrl.
    pub(crate) async fn ctrl(&self, key: impl Display) {
        self.keys(format!("{}{key}{}", char::from(Key::Control), char::from(Key::Null))).await;
    }

    /// Types into a field, in place of what is there.
    pub(crate) async fn fill(&self, selector: &str, text: &str) {
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
                Err(error) if Instant::now() > deadline => {
                    self.shoot("failed").await;
                    panic!("can't {what}: {error}")
                }
                Err(_) => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    // Keeping what was seen

    /// Keeps pictures of the page as it is, on a desk and on a phone, where SCREENSHOTS_DIR says so.
    pub(crate) async fn picture(&self, name: &str) {
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
    pub(crate) async fn shoot(&self, name: &str) {
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
