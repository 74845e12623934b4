//! Chromium without a window, driven over a pipe by its own protocol: what a page looks like, and what it does, to a person.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant};

use ::base64::Engine as _;
use ::base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::PATIENCE;

/// It reads from descriptor 3 and writes to 4; what it says besides is kept from the test's own output.
const THROUGH_A_PIPE: &str = r#"exec "$@" 3<&0 4>&1 </dev/null >/dev/null 2>&1"#;

const OPTIONS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-pipe",
    "--window-size=1280,1000",
];

const PAUSE: Duration = Duration::from_millis(50);

/// How a page is to look.
#[derive(Clone, Copy, Debug)]
pub enum Scheme {
    Light,
    Dark,
}

/// One browser with one page. Ended when dropped.
pub struct Browser {
    process: Child,
    to: ChildStdin,
    from: BufReader<ChildStdout>,
    page: Option<String>,
    asked: u64,
    /// What the page wrote to its console, and what was refused it.
    pub said: Vec<String>,
    _profile: TempDir,
}

impl Browser {
    /// A browser that takes these names for this machine.
    pub fn start(names: &[&str]) -> Browser {
        let profile = tempfile::tempdir().expect("a profile");
        let mut command = Command::new("sh");
        command.args(["-c", THROUGH_A_PIPE, "sh", "chromium"]).args(OPTIONS);
        command.arg(format!("--user-data-dir={}", profile.path().display()));
        let rules: Vec<String> = names.iter().map(|name| format!("MAP {name} 127.0.0.1")).collect();
        command.arg(format!("--host-resolver-rules={}", rules.join(",")));
        let mut process = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("Chromium: tests/support/setup.sh browser");
        let to = process.stdin.take().expect("its input");
        let from = BufReader::new(process.stdout.take().expect("its output"));
        let mut browser = Browser { process, to, from, page: None, asked: 0, said: Vec::new(), _profile: profile };
        let target = browser.ask("Target.createTarget", json!({ "url": "about:blank" }));
        let attached = browser.ask("Target.attachToTarget", json!({ "targetId": target["targetId"], "flatten": true }));
        browser.page = attached["sessionId"].as_str().map(str::to_owned);
        for domain in ["Page", "Runtime", "Log"] {
            browser.ask(&format!("{domain}.enable"), json!({}));
        }
        browser
    }

    /// Asks it, and gives the answer.
    pub fn ask(&mut self, method: &str, parameters: Value) -> Value {
        self.asked += 1;
        let mut asked = json!({ "id": self.asked, "method": method, "params": parameters });
        if let Some(page) = &self.page {
            asked["sessionId"] = json!(page);
        }
        write!(self.to, "{asked}\0").expect("tell the browser");
        loop {
            let mut told = Vec::new();
            self.from.read_until(0, &mut told).expect("the browser's answer");
            assert_eq!(told.pop(), Some(0), "the browser ended: is it installed? tests/support/setup.sh browser");
            let told: Value = serde_json::from_slice(&told).expect("JSON");
            if told["id"] == self.asked {
                assert!(told["error"].is_null(), "{method}: {told}");
                return told["result"].clone();
            }
            self.note(&told);
        }
    }

    fn note(&mut self, told: &Value) {
        match told["method"].as_str() {
            Some("Log.entryAdded") => self.said.push(told["params"]["entry"]["text"].to_string()),
            Some("Runtime.consoleAPICalled") => self.said.push(told["params"]["args"].to_string()),
            Some("Runtime.exceptionThrown") => self.said.push(told["params"]["exceptionDetails"].to_string()),
            _ => {}
        }
    }

    /// Goes to that address, which must answer.
    pub fn open(&mut self, address: &str) {
        let gone = self.ask("Page.navigate", json!({ "url": address }));
        assert!(gone["errorText"].is_null(), "{address}: {gone}");
        self.wait_until("document.readyState === 'complete'");
    }

    /// What an expression comes to in the page; a promise is waited for.
    #[track_caller]
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let answer = self.ask("Runtime.evaluate", asked);
        assert!(answer["exceptionDetails"].is_null(), "{expression}: {answer}");
        answer["result"]["value"].clone()
    }

    /// The text that the page shows.
    pub fn text(&mut self) -> String {
        self.evaluate("document.body.innerText").as_str().expect("a text").to_owned()
    }

    /// Waits until that holds in the page.
    #[track_caller]
    pub fn wait_until(&mut self, condition: &str) {
        let begun = Instant::now();
        while self.evaluate(&format!("Boolean({condition})")) != true {
            assert!(begun.elapsed() < PATIENCE, "{condition} never holds in: {}", self.text());
            std::thread::sleep(PAUSE);
        }
    }

    /// Writes a picture of the whole page.
    pub fn picture(&mut self, scheme: Scheme, file: &Path) {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        let features = json!([{ "name": "prefers-color-scheme", "value": value }]);
        self.ask("Emulation.setEmulatedMedia", json!({ "features": features }));
        let picture = self.ask("Page.captureScreenshot", json!({ "captureBeyondViewport": true }));
        let picture = STANDARD.decode(picture["data"].as_str().expect("a picture")).expect("Base64");
        std::fs::write(file, picture).expect("write the picture");
    }

    /// The width of its window.
    pub fn set_width(&mut self, width: u32) {
        let metrics = json!({ "width": width, "height": 1000, "deviceScaleFactor": 1, "mobile": false });
        self.ask("Emulation.setDeviceMetricsOverride", metrics);
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
