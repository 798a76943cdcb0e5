//! The body of a fuzz target: any text at all may be parsed, read and complained about.

use crate::{Document, Look, dotenv};

/// Parses `text` as a configuration and as a dotenv file, reads a little of it and renders every
/// fault. Must return for every input.
pub fn parse(text: &str) {
    let mut document = Document::parse("fuzz.toml", text);
    let mut root = document.root();
    let mut deployment = root.table("deployment");
    let _ = deployment.required_text("name");
    let _ = deployment.duration("age");
    let _ = deployment.secret("key");
    deployment.done();
    for mut route in root.tables("route") {
        let _ = route.one_or_more("methods");
        let _ = route.one_of("kind", &["open", "closed"], "closed");
        route.done();
    }
    root.done();
    let _ = document.tree();
    if let Err(faults) = document.finish() {
        let _ = faults.render(Look::Plain);
        let _ = faults.render(Look::Drawn { colour: true });
        let _ = faults.to_json();
    }
    let _ = dotenv::parse(text);
}
