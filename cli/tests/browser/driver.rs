//! Chromium, driven through chromedriver: a process and a profile for each test.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use serde_json::{Value, json};
use tempfile::TempDir;
use url::Url;

use crate::support::{LIMIT, Process};

/// Says on each page what went wrong in it, and keeps that over reloads: an exception that nobody caught, or something that the
/// content security policy forbade.
const FAULTS: &str = r"
(() => {
  const note = (text) => {
    const faults = JSON.parse(sessionStorage.getItem('test.faults') ?? '[]');
    sessionStorage.setItem('test.faults', JSON.stringify([...faults, `${location.pathname}: ${text}`]));
  };
  addEventListener('error', (event) => { if (event.error) note(event.error.stack ?? String(event.error)); });
  addEventListener('unhandledrejection', (event) => note(event.reason?.stack ?? String(event.reason)));
  document.addEventListener('securitypolicyviolation', (event) => note(`${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
})();";

/// chromedriver with one browser.
pub struct Browser {
    /// The way in.
    pub client: Client,
    _driver: Process,
    // After the processes that write into it.
    _folder: TempDir,
}

impl Browser {
    /// Starts one, with an empty profile.
    pub async fn start() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let environment: BTreeMap<String, String> = std::env::vars()
            // Nothing that a test asks for lies behind a proxy.
            .filter(|(name, _)| !name.to_ascii_lowercase().ends_with("_proxy"))
            .chain([("HOME".to_owned(), folder.path().display().to_string())])
            .collect();
        let program = std::env::var("CHROMEDRIVER").unwrap_or_else(|_| "chromedriver".to_owned());
        let log = folder.path().join("chromedriver.log");
        let mut driver = Process::start("chromedriver", &program, &["--port=0"], &environment, log);
        let port = port_of(&mut driver).await;
        let capabilities = capabilities(folder.path());
        let client = ClientBuilder::new(HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap_or_else(|error| panic!("Chromium does not start: {error}\n{}", driver.said()));
        let browser = Self { client, _driver: driver, _folder: folder };
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": FAULTS })).await;
        browser
    }

    /// A command of the DevTools protocol, for what WebDriver lacks.
    pub async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = DevTools(json!({ "cmd": command, "params": parameters }));
        self.client.issue_cmd(body).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Ends the browser in good order.
    pub async fn close(self) {
        self.client.clone().close().await.expect("the browser ends");
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        if std::thread::panicking() {
            // chromedriver ends its browsers when it is asked to end, and leaves them behind when it is killed.
            self._driver.ask_to_end();
            self._driver.wait(Duration::from_secs(10));
        }
    }
}

fn capabilities(folder: &Path) -> Capabilities {
    let mut options = json!({
        "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
            "--disable-extensions", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en-GB",
            format!("--user-data-dir={}", folder.join("profile").display()),
        ],
    });
    if let Ok(chromium) = std::env::var("CHROMIUM") {
        options["binary"] = json!(chromium);
    }
    let mut capabilities = Capabilities::new();
    capabilities.insert("goog:chromeOptions".to_owned(), options);
    // Loading ends with the document: what a page loads on top of it is waited for by its effect.
    capabilities.insert("pageLoadStrategy".to_owned(), json!("eager"));
    capabilities
}

/// The port that chromedriver took, which it says when it listens.
async fn port_of(driver: &mut Process) -> u16 {
    const SAYS: &str = "started successfully on port ";
    let deadline = Instant::now() + LIMIT;
    loop {
        let said = driver.said();
        if let Some((_, rest)) = said.split_once(SAYS) {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            if rest.len() > digits.len() {
                return digits.parse().expect("a port");
            }
        }
        driver.must_live();
        assert!(Instant::now() < deadline, "chromedriver names no port:\n{said}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[derive(Debug)]
struct DevTools(Value);

impl WebDriverCompatibleCommand for DevTools {
    fn endpoint(&self, base: &Url, session: Option<&str>) -> Result<Url, url::ParseError> {
        base.join(&format!("session/{}/goog/cdp/execute", session.unwrap_or_default()))
    }

    fn method_and_body(&self, _url: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.0.to_string()))
    }
}
