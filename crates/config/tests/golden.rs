//! Golden files: each file under `invalid/` is named after its fault, and the snapshot beside it
//! is what a person reads. The file under `valid/` is their positive twin: the same reader takes it.

use std::{fs, net::SocketAddr, path::Path, time::Duration};

use config::{Document, Fault, Found, Look, Table, secret::SecretReference};

/// What a small product would read.
#[derive(Debug)]
#[expect(dead_code, reason = "read through Debug, by the snapshot")]
struct Everything {
    version: Option<u64>,
    name: Option<String>,
    public_url: Option<String>,
    trusted_proxies: Vec<String>,
    strict: bool,
    store: Option<SecretReference>,
    secrets: Vec<(String, Option<SecretReference>)>,
    limits: Limits,
    durability: &'static str,
    listeners: Vec<Option<SocketAddr>>,
    routes: Vec<Route>,
    waivers: Vec<Option<time::Date>>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read through Debug, by the snapshot")]
struct Limits {
    header_time: Option<Duration>,
    body_time: Option<Duration>,
    idle: Option<Duration>,
    body: Option<u64>,
    header: Option<u64>,
    fields: Option<u64>,
}

#[derive(Debug)]
#[expect(dead_code, reason = "read through Debug, by the snapshot")]
struct Route {
    path: Option<String>,
    auth: Vec<String>,
    roles: Vec<String>,
    reason: Option<String>,
}

fn read(root: &mut Table<'_>) -> Everything {
    let version = root.count("version");
    if let Some(found) = version.filter(|found| found.value != 1) {
        root.fault(
            Fault::new("config.version", "this build reads version 1")
                .at(found.span)
                .hint("write version = 1, or use a newer build"),
        );
    }
    let mut deployment = root.required_table("deployment");
    let name = value(deployment.required_text("name"));
    let public_url = value(deployment.text("public_url"));
    let trusted_proxies = values(deployment.texts("trusted_proxies"));
    let strict = deployment.flag("strict", false);
    let store = deployment.optional_table("store").and_then(|mut store| {
        let url = value(store.required_secret("url"));
        let _ = store.count("pool");
        url
    });
    deployment.done();
    let mut secrets = root.table("secrets");
    let names = secrets.keys();
    let secrets = names
        .into_iter()
        .map(|key| (key.value.clone(), value(secrets.secret(&key.value))))
        .collect();
    let limits = read_limits(&mut root.table("limits"));
    let mut ledger = root.table("ledger");
    let durability = ledger.one_of("durability", &["batched", "sync"], "batched");
    ledger.done();
    Everything {
        version: value(version),
        name,
        public_url,
        trusted_proxies,
        strict,
        store,
        secrets,
        limits,
        durability,
        listeners: root
            .tables("listen")
            .iter_mut()
            .map(read_listener)
            .collect(),
        routes: root.tables("route").iter_mut().map(read_route).collect(),
        waivers: root.tables("waiver").iter_mut().map(read_waiver).collect(),
    }
}

fn read_limits(table: &mut Table<'_>) -> Limits {
    let hour = Duration::from_secs(3600);
    Limits {
        header_time: value(table.duration("header_time")),
        body_time: value(table.duration("body_time")),
        idle: value(table.duration_in("idle", Duration::from_secs(1)..=hour)),
        body: value(table.size("body")),
        header: value(table.size_in("header", 1024..=1 << 20)),
        fields: value(table.count_in("fields", 1..=1000)),
    }
}

fn read_listener(table: &mut Table<'_>) -> Option<SocketAddr> {
    value(table.required_parse(
        "address",
        "an address and a port: \"127.0.0.1:8443\"",
        |text| {
            text.parse::<SocketAddr>()
                .map_err(|_| "is not an address with a port")
        },
    ))
}

fn read_route(table: &mut Table<'_>) -> Route {
    Route {
        path: value(table.required_text("path")),
        auth: values(table.one_or_more("auth")),
        roles: values(table.texts("roles")),
        reason: value(table.text("reason")),
    }
}

fn read_waiver(table: &mut Table<'_>) -> Option<time::Date> {
    let _ = (
        table.text("promise"),
        table.text("owner"),
        table.text("reason"),
    );
    value(table.required_date("until"))
}

fn value<T>(found: Option<Found<T>>) -> Option<T> {
    found.map(|found| found.value)
}

fn values<T>(found: Option<Vec<Found<T>>>) -> Vec<T> {
    found.into_iter().flatten().map(|one| one.value).collect()
}

#[test]
fn each_invalid_file_is_refused_in_words_that_help() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/invalid");
    let mut names: Vec<String> = fs::read_dir(folder.clone())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.ends_with(".toml"))
        .collect();
    names.sort();
    assert!(names.len() >= 20, "the golden files have gone");
    for name in names {
        let text = fs::read_to_string(folder.join(&name)).unwrap();
        let mut document = Document::parse(name.as_str(), text);
        let mut root = document.root();
        let _ = read(&mut root);
        root.done();
        let Err(faults) = document.finish() else {
            panic!("{name} was taken for valid");
        };
        for fault in faults.list() {
            assert!(!fault.hint.is_empty(), "{name}: {} has no hint", fault.code);
        }
        let drawn = faults.render(Look::Drawn { colour: false });
        let plain = faults.render(Look::Plain);
        for secret in ["hunter2", "12345", "tw1lio0"] {
            let told = format!("{drawn}{plain}{}{}", faults.to_json(), document.tree());
            assert!(!told.contains(secret), "{name} shows {secret}");
        }
        insta::assert_snapshot!(name.trim_end_matches(".toml"), format!("{drawn}\n{plain}"));
    }
}

#[test]
fn the_valid_file_is_read_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/valid/complete.toml");
    let mut document = Document::load(&path).unwrap();
    let mut root = document.root();
    let everything = read(&mut root);
    root.done();
    document.finish().unwrap();
    insta::assert_debug_snapshot!("valid", everything);
    insta::assert_snapshot!(
        "valid-as-json",
        serde_json::to_string_pretty(&document.tree()).unwrap()
    );
    insta::assert_snapshot!("valid-as-toml", config::to_toml(&document.tree()).unwrap());
}

#[test]
fn a_tree_written_as_toml_reads_the_same() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/valid/complete.toml");
    let tree = Document::load(&path).unwrap().tree();
    let mut again = Document::parse("again.toml", config::to_toml(&tree).unwrap());
    assert_eq!(again.tree(), tree);
    let mut root = again.root();
    let _ = read(&mut root);
    root.done();
    again.finish().unwrap();
}
