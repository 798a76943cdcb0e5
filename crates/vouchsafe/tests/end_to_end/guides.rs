//! What the guides show is taken as it stands.

use std::{fs, path::Path, time::Duration};

use control::{Clock as _, SystemClock};

use crate::support::{Deployment, Upstream, site};

/// The blocks of `language` in a guide, without the indent of the list they stand in.
fn blocks(guide: &str, language: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/guide");
    let text = fs::read_to_string(path.join(guide)).unwrap();
    let mut blocks: Vec<String> = Vec::new();
    let mut inside = false;
    for line in text.lines().map(str::trim_start) {
        match line.strip_prefix("```") {
            Some(opened) if !inside && opened == language => {
                inside = true;
                blocks.push(String::new());
            }
            Some(_) => inside = false,
            None if inside => {
                let block = blocks.last_mut().unwrap();
                block.push_str(line);
                block.push('\n');
            }
            None => {}
        }
    }
    blocks
}

/// The day a month from now.
fn in_a_month() -> String {
    let then = SystemClock::new()
        .now()
        .plus(Duration::from_secs(30 * 86_400));
    then.to_string().chars().take(10).collect()
}

#[test]
fn every_configuration_in_the_guide_to_logging_in_is_taken() {
    let upstream = Upstream::start();
    let shown = blocks("login.md", "toml");
    assert_eq!(shown.len(), 3);
    // The guide's own day passes; an exception must end soon, and not yet.
    let (before, _) = shown[2].split_once("until = ").unwrap();
    let exception = &format!("{before}until = {}\n", in_a_month());
    for block in &shown[..2] {
        let secure = site(upstream.address).replace("http://localhost", "https://localhost");
        for more in ["", exception] {
            let deployment = Deployment::new(&format!("{secure}{block}\n{more}"))
                .with("LOGIN_CLIENT_SECRET", "s");
            deployment.run(&["check"], &[]).exits(0);
        }
        // The twin: a slip in the same block is noticed.
        let slip = block.replace("client_id", "client_name");
        assert_ne!(&slip, block);
        Deployment::new(&format!("{secure}{slip}"))
            .with("LOGIN_CLIENT_SECRET", "s")
            .run(&["check"], &[])
            .exits(2);
    }
}
