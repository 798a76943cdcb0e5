//! Files that a running gate serves: whole, in parts, and never from beside their folder.

use std::{fs, os::unix::fs::symlink};

use crate::support::{Client, Deployment, Upstream, body, field, get, request, site, status};

const ROUTE: &str = "[[route]]\npath = \"/forms\"\nauth = \"none\"\nreason = \"public\"\n\
    files = { root = \"public\", listing = \"json\" }\n";

/// A deployment with a folder of files, and a file beside it that nobody may read.
fn deployment(upstream: &Upstream) -> Deployment {
    let deployment = Deployment::new(&(site(upstream.address) + ROUTE));
    let at = |name: &str| deployment.folder().join(name);
    fs::create_dir(at("public")).unwrap();
    fs::write(at("secret.txt"), "nobody may read this").unwrap();
    symlink("../secret.txt", at("public/link.txt")).unwrap();
    deployment
}

#[test]
fn a_file_of_many_pieces_arrives_whole_and_in_parts() {
    let upstream = Upstream::start();
    let deployment = deployment(&upstream);
    let content: Vec<u8> = (0..700_001_u32).map(|at| (at % 251) as u8).collect();
    fs::write(deployment.folder().join("public/large.bin"), &content).unwrap();
    let gate = deployment.up();
    let answer = Client::dial(gate.address).ask(get("/forms/large.bin"));
    assert_eq!(answer.status, 200);
    assert_eq!(field(&answer, "Content-Type"), "application/octet-stream");
    assert!(answer.body == content, "other bytes came");
    let part = "Range: bytes=65530-400000\r\n";
    let answer = Client::dial(gate.address).ask(request("GET", "/forms/large.bin", part, ""));
    assert_eq!(answer.status, 206);
    assert!(answer.body == content[65530..=400_000], "another part came");
    let known = format!("If-None-Match: {}\r\n", field(&answer, "ETag"));
    let again = request("GET", "/forms/large.bin", &known, "");
    assert_eq!(status(gate.address, again), 304);
    let answer = Client::dial(gate.address).ask(get("/forms/"));
    assert!(body(&answer).contains("\"size\":700001"), "{answer:?}");
    let id = field(&answer, "X-Request-Id").to_owned();
    let shown = deployment.run(&["ledger", "show"], &[&id]).exits(0);
    assert!(shown.stdout.contains("/forms"), "{}", shown.stdout);
    gate.stop();
}

#[test]
fn a_link_and_a_way_out_lead_nowhere() {
    let upstream = Upstream::start();
    let deployment = deployment(&upstream);
    fs::write(deployment.folder().join("public/form.txt"), "a form").unwrap();
    let gate = deployment.up();
    let answer = Client::dial(gate.address).ask(get("/forms/form.txt"));
    assert_eq!((answer.status, body(&answer).as_str()), (200, "a form"));
    for (path, expected) in [
        ("/forms/link.txt", 404),
        ("/forms/../secret.txt", 400),
        ("/forms/%2e%2e/secret.txt", 400),
        ("/forms/..%2fsecret.txt", 400),
        ("/forms/.hidden", 404),
    ] {
        let answer = Client::dial(gate.address).ask(get(path));
        assert_eq!(answer.status, expected, "{path}");
        assert!(!body(&answer).contains("nobody may read"), "{path}");
    }
    gate.stop();
}

#[test]
fn roots_are_named_and_those_that_are_none_are_refused() {
    let upstream = Upstream::start();
    let deployment = deployment(&upstream);
    let said = deployment.run(&["check"], &[]).exits(0);
    assert!(
        said.stderr.contains("/forms serves files beneath"),
        "{}",
        said.stderr
    );
    for root in ["/", "/proc", ".", "data", "missing"] {
        let text = site(upstream.address) + &ROUTE.replace("\"public\"", &format!("{root:?}"));
        deployment.configure(&text);
        fs::create_dir_all(deployment.data()).unwrap();
        let said = deployment.run(&["check"], &[]).exits(2);
        assert!(
            said.stderr.contains("files.root"),
            "{root}: {}",
            said.stderr
        );
    }
    let wide = site(upstream.address) + &ROUTE.replace("\"public\"", "\"/usr\"");
    deployment.configure(&wide);
    let said = deployment.run(&["check"], &[]).exits(0);
    assert!(said.stderr.contains("wide root"), "{}", said.stderr);
    let both = site(upstream.address) + &ROUTE.replace("files =", "app = \"app\"\nfiles =");
    deployment.configure(&both);
    let said = deployment.run(&["check"], &[]).exits(2);
    assert!(said.stderr.contains("route.files-alone"), "{}", said.stderr);
}

#[test]
fn explain_says_whether_a_name_is_one() {
    let upstream = Upstream::start();
    let deployment = deployment(&upstream);
    let said = deployment.run(&["explain"], &["GET", "/forms/a.txt"]);
    assert!(said.stdout.contains("a file beneath"), "{}", said.stdout);
    let said = deployment
        .run(&["explain"], &["GET", "/forms/.env"])
        .exits(1);
    assert!(said.stdout.contains("refused with 404"), "{}", said.stdout);
}
