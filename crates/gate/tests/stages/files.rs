//! Files that a route serves: what is asked for, what is answered, and what is never opened.

use std::{fs, os::unix::fs::symlink, path::Path};

use tempfile::TempDir;

use crate::{
    answers::count,
    house::{HOST, House, Met, ROUTES},
};

const CANARY: &str = "nobody may read this";

struct Files {
    house: House,
    folder: TempDir,
}

impl Files {
    /// A house that serves a folder to anybody below `/files`, and to mentors below `/files/mentors`.
    fn with(settings: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::create_dir_all(at("root/sub")).unwrap();
        fs::create_dir(at("beside")).unwrap();
        fs::write(at("beside/secret"), CANARY).unwrap();
        fs::write(at("root/.env"), CANARY).unwrap();
        fs::write(at("root/ten.txt"), "0123456789").unwrap();
        fs::write(at("root/page.html"), "<script>1</script>").unwrap();
        fs::write(at("root/empty.css"), "").unwrap();
        fs::write(at("root/sub/index.html"), "an index").unwrap();
        symlink("../beside/secret", at("root/link")).unwrap();
        symlink("../beside", at("root/out")).unwrap();
        let root = at("root");
        let files = |path: &str, guard: &str| {
            format!(
                "[[route]]\npath = \"{path}\"\n{guard}\n\
                 files = {{ root = \"{}\"{settings} }}\n",
                root.display()
            )
        };
        let open = files("/files", "auth = \"none\"\nreason = \"public\"");
        let guarded = files(
            "/files/mentors",
            "auth = [\"api-key\"]\nroles = [\"mentor\"]",
        );
        let house = House::resolved(&format!("{ROUTES}{open}{guarded}"));
        Self { house, folder }
    }

    fn get(&self, path: &str, fields: &[&str]) -> (u16, String, String) {
        self.ask("GET", path, fields)
    }

    fn ask(&self, method: &str, path: &str, fields: &[&str]) -> (u16, String, String) {
        let line = format!("{method} {path} HTTP/1.1");
        let mut lines = vec![line.as_str(), HOST];
        lines.extend(fields);
        let (status, text) = self.house.ask(&lines, b"").answer();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        (status, format!("{head}\r\n"), body.to_owned())
    }
}

fn value<'a>(head: &'a str, name: &str) -> &'a str {
    let start = format!("{name}: ");
    let line = head.lines().find_map(|line| line.strip_prefix(&start));
    line.unwrap_or_else(|| panic!("no {name} in {head}"))
}

#[test]
fn a_file_is_served_with_its_type_its_tag_and_its_date() {
    let files = Files::with("");
    let (status, head, body) = files.get("/files/ten.txt", &[]);
    assert_eq!((status, body.as_str()), (200, "0123456789"));
    for (name, expected) in [
        ("Content-Type", "text/plain; charset=utf-8"),
        ("Content-Length", "10"),
        ("X-Content-Type-Options", "nosniff"),
        ("Cache-Control", "public, no-cache"),
        ("Accept-Ranges", "bytes"),
    ] {
        assert_eq!(value(&head, name), expected);
    }
    assert!(value(&head, "ETag").len() >= 34 && value(&head, "Last-Modified").ends_with(" GMT"));
    assert_eq!(count(&head, "Content-Disposition"), 0);
    let (status, head, body) = files.get("/files/empty.css", &[]);
    assert_eq!((status, body.as_str()), (200, ""));
    assert_eq!(value(&head, "Content-Length"), "0");
    let (status, head, body) = files.ask("HEAD", "/files/ten.txt", &[]);
    assert_eq!((status, body.as_str()), (200, ""));
    assert_eq!(value(&head, "Content-Length"), "10");
}

#[test]
fn nothing_beside_the_folder_is_served_by_any_spelling_or_link() {
    let files = Files::with(", index = \"index.html\", listing = \"json\"");
    let at = |way: &str| files.get(&format!("/files/{way}"), &[]);
    assert_eq!(at("ten.txt").0, 200, "the twin");
    for (way, status) in [
        ("../beside/secret", 400),
        ("sub/../../beside/secret", 400),
        ("%2e%2e/beside/secret", 400),
        ("..%2fbeside%2fsecret", 400),
        ("%252e%252e/beside/secret", 400),
        ("..%5cbeside%5csecret", 400),
        ("%c0%ae%c0%ae/beside/secret", 400),
        ("%ef%bc%8e%ef%bc%8e/beside/secret", 400),
        ("ten.txt%00", 400),
        ("/etc/passwd", 400),
        ("C:/x", 400),
        ("~/x", 400),
        ("ten.txt.", 400),
        ("ten.txt%20", 400),
        ("a%e2%80%ae", 400),
        (".env", 404),
        ("%2eenv", 404),
        ("link", 404),
        ("out/secret", 404),
        ("out/", 404),
        ("missing", 404),
        ("ten.txt/", 404),
    ] {
        let (met, head, body) = at(way);
        assert_eq!(met, status, "{way}: {head}");
        assert!(!body.contains(CANARY), "{way}");
    }
    let reasons = files.house.reasons();
    for reason in ["file-link", "name-hidden", "name-separator", "file-missing"] {
        assert!(
            reasons.contains(&reason.to_owned()),
            "{reason}: {reasons:?}"
        );
    }
}

#[test]
fn what_asks_for_a_credential_is_not_opened_without() {
    let files = Files::with("");
    assert_eq!(files.get("/files/mentors/ten.txt", &[]).0, 401);
    let key = |roles: &[&str]| {
        let (_, key) = files.house.key(&["GET /files"], roles);
        format!("X-API-Key: {key}")
    };
    let stranger = key(&["student"]);
    assert_eq!(files.get("/files/mentors/ten.txt", &[&stranger]).0, 403);
    let mentor = key(&["mentor"]);
    let (status, head, body) = files.get("/files/mentors/ten.txt", &[&mentor]);
    assert_eq!((status, body.as_str()), (200, "0123456789"));
    assert_eq!(value(&head, "Cache-Control"), "private, no-cache");
}

#[test]
fn files_are_read_and_nothing_else() {
    let files = Files::with("");
    let (status, head, _) = files.ask("POST", "/files/ten.txt", &[]);
    assert_eq!((status, value(&head, "Allow")), (405, "GET, HEAD"));
    let lines = ["GET /files/ten.txt HTTP/1.1", HOST];
    assert_eq!(files.house.ask(&lines, b"x").status(), 400);
    assert_eq!(files.house.ask(&lines, b"").status(), 200, "the twin");
}

#[test]
fn what_a_client_has_is_not_sent_again_and_a_part_is_a_part() {
    let files = Files::with("");
    let (_, head, _) = files.get("/files/ten.txt", &[]);
    let tag = format!("If-None-Match: {}", value(&head, "ETag"));
    let date = format!("If-Modified-Since: {}", value(&head, "Last-Modified"));
    for known in [tag.as_str(), date.as_str()] {
        let (status, head, body) = files.get("/files/ten.txt", &[known]);
        assert_eq!((status, body.as_str()), (304, ""));
        assert_eq!(
            count(&head, "Content-Length") + count(&head, "Content-Type"),
            0
        );
        assert_eq!(count(&head, "ETag"), 1);
    }
    let (status, head, body) = files.get("/files/ten.txt", &["Range: bytes=2-4"]);
    assert_eq!((status, body.as_str()), (206, "234"));
    assert_eq!(value(&head, "Content-Range"), "bytes 2-4/10");
    assert_eq!(value(&head, "Content-Length"), "3");
    let (status, head, body) = files.get("/files/ten.txt", &["Range: bytes=10-"]);
    assert_eq!((status, body.as_str()), (416, ""));
    assert_eq!(value(&head, "Content-Range"), "bytes */10");
    let twice = ["Range: bytes=2-4", "Range: bytes=5-6"];
    assert_eq!(files.get("/files/ten.txt", &twice).0, 200);
    let other = "If-Match: \"other\"";
    assert_eq!(files.get("/files/ten.txt", &[other]).0, 412);
    fs::write(files.folder.path().join("root/ten.txt"), "changed").unwrap();
    let (status, _, body) = files.get("/files/ten.txt", &[&tag]);
    assert_eq!((status, body.as_str()), (200, "changed"));
}

#[test]
fn a_folder_answers_with_its_index_behind_a_slash() {
    let files = Files::with(", index = \"index.html\"");
    let (status, head, _) = files.get("/files/sub", &[]);
    assert_eq!((status, value(&head, "Location")), (308, "/files/sub/"));
    let (status, head, body) = files.get("/files/sub/", &[]);
    assert_eq!((status, body.as_str()), (200, "an index"));
    assert_eq!(value(&head, "Content-Type"), "text/html; charset=utf-8");
    let (status, head, _) = files.get("/files", &[]);
    assert_eq!((status, value(&head, "Location")), (308, "/files/"));
    assert_eq!(files.get("/files/", &[]).0, 404, "it has no index");
    let plain = Files::with("");
    assert_eq!(
        plain.get("/files/sub", &[]).0,
        404,
        "nothing answers for it"
    );
}

#[test]
fn a_list_tells_names_sizes_and_times_and_no_content() {
    let files = Files::with(", listing = \"json\"");
    let (status, head, body) = files.get("/files/", &[]);
    assert_eq!(
        (status, value(&head, "Content-Type")),
        (200, "application/json")
    );
    let list: serde_json::Value = serde_json::from_str(&body).unwrap();
    let names: Vec<&str> = list["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|entry| entry["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["empty.css", "page.html", "sub/", "ten.txt"]);
    assert_eq!(list["entries"][3]["size"], 10);
    assert!(!body.contains("0123456789") && !body.contains(CANARY));
}

#[test]
fn what_users_uploaded_is_stored_by_a_browser_and_never_run() {
    let files = Files::with(", download = true, cache = \"1h\"");
    let (status, head, _) = files.get("/files/page.html", &[]);
    assert_eq!(status, 200);
    for (name, expected) in [
        (
            "Content-Disposition",
            "attachment; filename*=UTF-8''page.html",
        ),
        ("Content-Security-Policy", "default-src 'none'; sandbox"),
        ("Cache-Control", "public, max-age=3600"),
    ] {
        assert_eq!(value(&head, name), expected);
    }
}

#[test]
fn a_request_of_a_proof_ends_at_the_echo_with_its_name_judged() {
    let files = Files::with("");
    let ticketed = |path: &str| {
        let minted = files.house.gate.mint(&gate::tickets::Wish {
            method: "GET",
            target: path,
            body_sha256: seal::sha256(b""),
            webhook: None,
        });
        let ticket = format!("X-Vouchsafe-Ticket: {}", minted.unwrap().ticket);
        let line = format!("GET {path} HTTP/1.1");
        files.house.ask(&[&line, HOST, &ticket], b"")
    };
    assert_eq!(ticketed("/files/.env").status(), 404);
    let Met::Sent(_, forwarding) = ticketed("/files/ten.txt") else {
        panic!("a file of the deployment was opened for a proof");
    };
    files.house.end(forwarding, 200);
}

#[test]
fn each_request_for_a_file_is_in_the_ledger() {
    let files = Files::with("");
    files.get("/files/ten.txt", &[]);
    files.get("/files/ten.txt", &["Range: bytes=99-"]);
    let statuses: Vec<u64> = files
        .house
        .events()
        .iter()
        .filter_map(|event| event["status"].as_u64())
        .collect();
    assert_eq!(statuses, [200, 416]);
    assert!(Path::new(files.folder.path()).exists());
}

#[test]
fn a_parameter_that_names_a_file_is_a_plain_name_or_reaches_nobody() {
    let confine = "confine = [{ parameter = \"file\" }, { in = \"path\", kind = \"name\" }]\n";
    let routes = ROUTES.replace("auth = \"none\"", &format!("{confine}auth = \"none\""));
    let house = House::with(&routes, false);
    let ask = |path: &str| {
        let line = format!("GET {path} HTTP/1.1");
        match house.ask(&[&line, HOST], b"") {
            Met::Answered(status, text) => (status, text),
            Met::Sent(head, forwarding) => {
                house.end(forwarding, 200);
                (200, head)
            }
        }
    };
    for good in ["/", "/x", "/x?file=a/b.csv", "/?other=../canary"] {
        assert_eq!(ask(good).0, 200, "{good}");
    }
    for bad in [
        "/x?file=../canary",
        "/x?file=%2e%2e%2fcanary",
        "/x?file=%252e%252e%252fcanary",
        "/x?file=/canary",
        "/x?file=canary&file=x",
        "/x?FILE=canary",
        "/x/canary",
        "/.canary",
    ] {
        let (status, text) = ask(bad);
        assert_eq!(status, 400, "{bad}");
        assert!(!text.contains("canary"), "{text}");
    }
    assert!(house.reasons().contains(&"parameter-repeated".to_owned()));
}
