//! A real browser, headless: what a person sees and types on our pages.
//!
//! Drives Chromium by its DevTools protocol over two pipes, so nothing listens. It is the program that
//! `VOUCHSAFE_TEST_CHROMIUM` names, or `chromium`; without one these tests say that they did not run.

use std::{
    cell::{Cell, RefCell},
    fs::{File, OpenOptions},
    io::{BufRead as _, BufReader, Write as _},
    process::{Child, Command, Stdio},
};

use nix::{sys::stat::Mode, unistd::mkfifo};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::{
    accounts::configuration,
    support::{Deployment, Upstream, peer, until},
};

const PASSWORD: &str = "copper lantern walks slowly";

/// One page of a browser that ends with its owner.
struct Browser {
    process: Child,
    to: RefCell<File>,
    from: RefCell<BufReader<File>>,
    next: Cell<u64>,
    session: String,
    _folder: TempDir,
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Browser {
    fn start(program: &std::path::Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (to, from) = (folder.path().join("to"), folder.path().join("from"));
        for pipe in [&to, &from] {
            mkfifo(pipe, Mode::S_IRUSR | Mode::S_IWUSR).unwrap();
        }
        // A shell opens the pipes under the numbers that the browser reads and writes.
        let script = "exec \"$0\" --headless=new --no-sandbox --disable-gpu --no-first-run \
                      --disable-background-networking --disable-component-update --no-proxy-server \
                      --disable-dev-shm-usage --user-data-dir=\"$1\" --remote-debugging-pipe about:blank \
                      3<\"$2\" 4>\"$3\"";
        let process = Command::new("sh")
            .args(["-c", script])
            .arg(program)
            .arg(folder.path().join("profile"))
            .args([&to, &from])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        // Each opening waits for the other side, in this order.
        let to = OpenOptions::new().write(true).open(to).unwrap();
        let from = BufReader::new(File::open(from).unwrap());
        let mut browser = Self {
            process,
            to: RefCell::new(to),
            from: RefCell::new(from),
            next: Cell::new(1),
            session: String::new(),
            _folder: folder,
        };
        let made = browser.ask("Target.createTarget", &json!({ "url": "about:blank" }));
        let attach = json!({ "targetId": made["targetId"], "flatten": true });
        let attached = browser.ask("Target.attachToTarget", &attach);
        browser.session = attached["sessionId"].as_str().unwrap().to_owned();
        let narrow = json!({ "width": 320, "height": 640, "deviceScaleFactor": 1, "mobile": true });
        browser.ask("Emulation.setDeviceMetricsOverride", &narrow);
        // What the page shows and does must not need any.
        browser.ask(
            "Emulation.setScriptExecutionDisabled",
            &json!({ "value": true }),
        );
        browser
    }

    /// Asks the browser something, and waits for the answer to that.
    fn ask(&self, method: &str, parameters: &Value) -> Value {
        let id = self.next.replace(self.next.get() + 1);
        let mut message = json!({ "id": id, "method": method, "params": parameters });
        if !self.session.is_empty() {
            message["sessionId"] = json!(self.session);
        }
        let mut to = self.to.borrow_mut();
        to.write_all(format!("{message}\0").as_bytes()).unwrap();
        loop {
            let mut bytes = Vec::new();
            self.from.borrow_mut().read_until(0, &mut bytes).unwrap();
            assert_eq!(bytes.pop(), Some(0), "the browser has ended");
            let said: Value = serde_json::from_slice(&bytes).unwrap();
            if said["id"] == id {
                assert!(said.get("error").is_none(), "{method}: {said}");
                return said["result"].clone();
            }
        }
    }

    /// What our own question, which is not the page's, comes to.
    fn eval(&self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        let said = self.ask("Runtime.evaluate", &asked);
        assert!(
            said.get("exceptionDetails").is_none(),
            "{expression}: {said}"
        );
        said["result"]["value"].clone()
    }

    fn go(&self, url: &str) {
        self.ask("Page.navigate", &json!({ "url": url }));
    }

    /// Waits until a page with this heading, or this text, is there.
    fn shows(&self, text: &str) {
        until(text, || {
            let shown = self.eval(
                "document.readyState === 'complete' && document.body ? document.body.innerText : ''",
            );
            shown
                .as_str()
                .filter(|shown| shown.contains(text))
                .map(drop)
        });
    }

    /// Types into what has the focus.
    fn types(&self, text: &str) {
        self.ask("Input.insertText", &json!({ "text": text }));
    }

    fn presses(&self, key: &str, code: u32, text: &str) {
        for kind in ["keyDown", "keyUp"] {
            let mut event = json!({
                "type": kind, "key": key, "code": key, "windowsVirtualKeyCode": code,
            });
            if kind == "keyDown" && !text.is_empty() {
                event["text"] = json!(text);
            }
            self.ask("Input.dispatchKeyEvent", &event);
        }
    }

    fn tab(&self) {
        self.presses("Tab", 9, "");
    }

    fn enter(&self) {
        self.presses("Enter", 13, "\r");
    }

    /// Whether nothing of the page is beyond the edge of a narrow screen.
    fn fits(&self) {
        let width = self.eval("document.documentElement.scrollWidth");
        assert!(width.as_u64().unwrap() <= 320, "{width}");
    }
}

#[test]
fn a_person_sets_a_password_and_signs_in_with_the_keyboard_alone() {
    let Some(program) = peer("VOUCHSAFE_TEST_CHROMIUM", "chromium") else {
        return;
    };
    let upstream = Upstream::start();
    let deployment = Deployment::new(&configuration(&upstream, ""));
    let gate = deployment.up();
    let made = deployment.run(&["user", "add"], &["ann", "--format", "json"]);
    let made = made.exits(0).json();
    let here = format!("http://localhost:{}", gate.address.port());
    let link = made["link"]
        .as_str()
        .unwrap()
        .replace("http://localhost", &here);
    let browser = Browser::start(&program);
    // A step to a page leads to the form.
    browser.go(&format!("{here}/app/a?b=c"));
    browser.shows("Sign in");
    browser.fits();
    browser.go(&link);
    browser.shows("Choose a password");
    browser.fits();
    let coloured = browser.eval("getComputedStyle(document.querySelector('main')).maxWidth");
    assert_eq!(coloured, "384px", "the policy lets the page's own style be");
    // The first field has the focus.
    browser.types("short");
    browser.tab();
    browser.types("short");
    browser.enter();
    browser.shows("fewer than 12 characters");
    browser.fits();
    browser.types(PASSWORD);
    browser.tab();
    browser.types(PASSWORD);
    browser.enter();
    browser.shows("Your password is set");
    browser.types("ann");
    browser.tab();
    browser.types("not the password");
    browser.enter();
    browser.shows("do not fit");
    browser.go(&format!("{here}/app/a?b=c"));
    browser.shows("Sign in");
    browser.types("ann");
    browser.tab();
    browser.types(PASSWORD);
    browser.enter();
    until("the app is reached", || {
        let seen = upstream.seen();
        seen.iter()
            .any(|it| it.head.starts_with("GET /app/a?b=c "))
            .then_some(())
    });
    assert_eq!(
        browser.eval("location.pathname + location.search"),
        "/app/a?b=c"
    );
    assert_eq!(
        browser.eval("document.cookie"),
        "",
        "no script has the session"
    );
    gate.stop();
}
