//! Chromium, driven through chromedriver: a process and a profile for each test.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

use fantoccini::wd::{Capabilities, WebDriverCompatibleCommand};
use fantoccini::{Client, ClientBuilder};
use http::Method;
use hyper_util::client::legacy::connect::HttpConnector;
use rustix::process::{Pid, Signal, kill_process};
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
  addEventListener('htmx:sseClose', () => { document.documentElement.dataset.testLive = 'closed'; });
  document.addEventListener('securitypolicyviolation', (event) => note(`${event.violatedDirective} forbids ${event.blockedURI} ${event.sample}`));
})();";

/// chromedriver with one browser.
pub(crate) struct Browser {
    /// The way in.
    pub(crate) client: Client,
    driver: Process,
    folder: TempDir,
}

impl Browser {
    /// Starts one, with an empty profile.
    pub(crate) async fn start() -> Self {
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
        let browser = Self { client, driver, folder };
        browser.devtools("Page.addScriptToEvaluateOnNewDocument", json!({ "source": FAULTS })).await;
        browser
    }

    /// A command of the DevTools protocol, for what WebDriver lacks.
    pub(crate) async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = DevTools(json!({ "cmd": command, "params": parameters }));
        self.client.issue_cmd(body).await.unwrap_or_else(|error| panic!("{command}: {error}"))
    }

    /// Ends the browser in good order.
    pub(crate) async fn close(self) {
        self.client.clone().close().await.expect("the browser ends");
    }
}

impl Drop for Browser {
    /// Also after a panic, when nobody has told the browser to end; and chromedriver, when it is killed, leaves it behind.
    fn drop(&mut self) {
        self.driver.kill();
        let profile = profile(self.folder.path());
        for process in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
            let command = std::fs::read(process.path().join("cmdline")).unwrap_or_default();
            if !String::from_utf8_lossy(&command).contains(&profile) {
                continue;
            }
            let pid = process.file_name().to_str().and_then(|name| name.parse().ok()).and_then(Pid::from_raw);
            if let Some(pid) = pid {
                // It may have gone by itself meanwhile.
                let _ = kill_process(pid, Signal::KILL);
            }
        }
    }
}

/// The option by which all processes of a browser are known.
fn profile(folder: &Path) -> String {
    format!("--user-data-dir={}", folder.join("profile").display())
}

fn capabilities(folder: &Path) -> Capabilities {
    let mut options = json!({
        "args": [
            "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
            "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-quic",
            "--disable-extensions", "--hide-scrollbars", "--force-color-profile=srgb", "--lang=en-GB",
            profile(folder),
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
