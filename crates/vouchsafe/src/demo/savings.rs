//! Genuine work of a savings analysis, and attacks on it.
//!
//! Owns how people of each role and a supplier's program use the gate: a login at the provider, pages,
//! an upload and its results. A request that does not get through is a fault of the demo.

use control::probe::Reply;
use serde_json::{Value, json};

use super::{
    attacks::{self, Attack, Outcome, body_has},
    browser::logged_in,
    stage::Stage,
    traffic::{get, post, through},
};
use crate::failure::Failure;

const PRACTICES: &str = "/app/practices";
const BOARD: &str = "/app/board";
const NOTE: &str = "/app/practices/p1/note";
const IMPORT: &str = "/api/import";

/// Whom the provider knows: login and group.
const PEOPLE: [(&str, &str); 3] = [
    ("sam", "Sales"),
    ("kim", "Customer success"),
    ("bo", "Board"),
];

/// What the provider is told of client and people.
pub(super) fn known() -> Value {
    let people: serde_json::Map<String, Value> = PEOPLE
        .iter()
        .map(|(login, group)| ((*login).to_owned(), json!([group])))
        .collect();
    json!({ "client": "savings-analysis", "domain": "savings.example", "people": people })
}

/// What attackers of this run have to begin with.
pub(crate) struct Known {
    /// The session of somebody in sales.
    session: String,
    /// The key of a supplier's program.
    key: String,
    /// The export of what a supplier delivered.
    export: String,
}

/// What went through.
#[derive(Default)]
pub(crate) struct Sent {
    pub(crate) logins: usize,
    pub(crate) pages: usize,
    pub(crate) uploads: usize,
}

/// People of each role log in and work; one of them logs out.
pub(crate) fn work(stage: &Stage) -> Result<(Known, Sent), Failure> {
    let mut sent = Sent::default();
    let mut enter = |login: &str| {
        sent.logins += 1;
        logged_in(stage, login, "/app")
    };
    let (sam, kim, bo) = (enter("sam")?, enter("kim")?, enter("bo")?);
    let made = changes(
        stage,
        "/app/uploads?practice=p3",
        &sam,
        "text/csv",
        &table(),
        201,
    )?;
    let upload = made.get("id").and_then(Value::as_str).unwrap_or_default();
    let results = format!("/app/uploads/{upload}");
    changes(stage, NOTE, &kim, FORM, "note=called", 200)?;
    for (path, session) in [
        (PRACTICES, &sam),
        ("/app/pipeline", &sam),
        (&results, &sam),
        (&format!("{results}/export"), &sam),
        ("/app/accounts", &kim),
        (BOARD, &bo),
    ] {
        through(&page(stage, path, session)?, 200)?;
        sent.pages += 1;
    }
    changes(stage, "/.vouchsafe/logout", &kim, FORM, "", 303)?;
    through(&page(stage, "/app/accounts", &kim)?, 401)?;
    let template = get("/templates/purchases.csv", "");
    through(&stage.send(stage.gate(), &template)?, 200)?;
    let key = stage.key(&json!({
        "name": "a supplier", "scopes": [format!("POST {IMPORT}")], "roles": ["supplier"],
    }))?;
    let headers = [
        ("Content-Type".to_owned(), "text/csv".to_owned()),
        ("X-API-Key".to_owned(), key.to_owned()),
    ];
    let delivered = post(IMPORT, &headers, POISONED.as_bytes());
    let delivered = stage.send(stage.gate(), &delivered)?;
    through(&delivered, 201)?;
    let made = delivered.answer().and_then(|it| it.json());
    let made = made.unwrap_or_default();
    let upload = made.get("id").and_then(Value::as_str).unwrap_or_default();
    let export = format!("/app/uploads/{upload}/export");
    sent.uploads = 2;
    let key = key.to_owned();
    let known = Known {
        session: sam,
        key,
        export,
    };
    Ok((known, sent))
}

/// A delivery with a cell that a spreadsheet would run.
const POISONED: &str =
    "sku,description,quantity,price\nZ-9,\"=HYPERLINK(\"\"http://evil.invalid\"\")\",1,2.50\n";

const FORM: &str = "application/x-www-form-urlencoded";

fn table() -> String {
    savings_analysis::synthetic()
}

fn cookie(session: &str) -> String {
    format!("Cookie: {session}\r\n")
}

fn page(stage: &Stage, path: &str, session: &str) -> Result<Reply, Failure> {
    stage.send(stage.gate(), &get(path, &cookie(session)))
}

/// Something that changes something, sent by a page of ours; the JSON of the answer.
fn changes(
    stage: &Stage,
    target: &str,
    session: &str,
    content_type: &str,
    body: &str,
    status: u16,
) -> Result<Value, Failure> {
    let from = [
        ("Origin".to_owned(), stage.public_url().to_owned()),
        ("Sec-Fetch-Site".to_owned(), "same-origin".to_owned()),
    ];
    let bytes = sent_by(&from, target, session, content_type, body);
    let reply = stage.send(stage.gate(), &bytes)?;
    through(&reply, status)?;
    Ok(reply.answer().and_then(|it| it.json()).unwrap_or_default())
}

/// The same, sent by whatever page.
fn sent_by(
    from: &[(String, String)],
    target: &str,
    session: &str,
    content_type: &str,
    body: &str,
) -> Vec<u8> {
    let mut headers = vec![
        ("Content-Type".to_owned(), content_type.to_owned()),
        ("Cookie".to_owned(), session.to_owned()),
    ];
    headers.extend_from_slice(from);
    post(target, &headers, body.as_bytes())
}

const ATTACKS: &[Attack<Known>] = &[
    (
        "what every practice pays, without logging in",
        |_| get(PRACTICES, ""),
        reads,
    ),
    (
        "the same with a made-up session",
        |_| get(PRACTICES, &cookie("__Host-vouchsafe=letmein")),
        reads,
    ),
    ("the same with a session that was altered", altered, reads),
    ("the same with a session in the address", in_address, reads),
    (
        "the figures of the board, as somebody in sales",
        above,
        figures,
    ),
    (
        "a note written by the form of another site",
        foreign_form,
        noted,
    ),
    ("a note by a page that hides its origin", hidden_form, noted),
    ("being somebody else by a header", impersonation, believed),
    ("an assertion of one's own making", own_assertion, asserted),
    (
        "a page with a script, uploaded as a table",
        |known| uploaded(known, "a.csv", "<html><script>alert(1)</script></html>\n"),
        delivered,
    ),
    (
        "a program, uploaded as a table",
        |known| uploaded(known, "a.csv", "MZ\u{1}\u{2}\n"),
        delivered,
    ),
    (
        "a table of no known supplier",
        |known| uploaded(known, "a.csv", "name,phone\nAsha,0612345678\n"),
        delivered,
    ),
    (
        "a table under the name of another file",
        |known| uploaded(known, "../../etc/cron.d/a.csv", &table()),
        delivered,
    ),
    (
        "a table of more rows than it may have",
        |known| uploaded(known, "a.csv", &long()),
        delivered,
    ),
    (
        "a delivery without a key",
        |_| delivery(IMPORT, None),
        delivered,
    ),
    (
        "a delivery with the key in the address",
        key_in_address,
        delivered,
    ),
    (
        "a delivery with a session instead of a key",
        session_for_key,
        delivered,
    ),
    (
        "a formula of a supplier's in a table for a spreadsheet",
        |known| get(&known.export, &cookie(&known.session)),
        runs,
    ),
    (
        "the settings of the app, by an address it does not expect",
        |known| get("/app/uploads/x", &cookie(&known.session)),
        shows_settings,
    ),
];

pub(crate) fn attack(stage: &Stage, known: &Known) -> Result<Vec<Outcome>, Failure> {
    attacks::on_each(stage, known, ATTACKS)
}

/// An upload by somebody in sales, from a page of ours.
fn uploaded(known: &Known, name: &str, content: &str) -> Vec<u8> {
    let from = [("Sec-Fetch-Site".to_owned(), "same-origin".to_owned())];
    let body = format!(
        "--demo\r\nContent-Disposition: form-data; name=\"file\"; filename=\"{name}\"\r\n\
         Content-Type: text/csv\r\n\r\n{content}\r\n--demo--\r\n"
    );
    let form = "multipart/form-data; boundary=demo";
    sent_by(&from, "/app/uploads", &known.session, form, &body)
}

fn long() -> String {
    let row = "A,gloves,1,2.00\n";
    format!("sku,description,quantity,price\n{}", row.repeat(50_001))
}

fn altered(known: &Known) -> Vec<u8> {
    let (name, id) = known.session.split_once('=').unwrap_or_default();
    let turned: String = id.chars().rev().collect();
    get(PRACTICES, &cookie(&format!("{name}={turned}")))
}

fn in_address(known: &Known) -> Vec<u8> {
    let (_, id) = known.session.split_once('=').unwrap_or_default();
    get(&format!("{PRACTICES}?session={id}"), "")
}

fn above(known: &Known) -> Vec<u8> {
    get(BOARD, &cookie(&known.session))
}

fn foreign_form(known: &Known) -> Vec<u8> {
    note_from(known, "https://evil.invalid")
}

fn hidden_form(known: &Known) -> Vec<u8> {
    note_from(known, "null")
}

fn note_from(known: &Known, origin: &str) -> Vec<u8> {
    let from = [
        ("Origin".to_owned(), origin.to_owned()),
        ("Sec-Fetch-Site".to_owned(), "cross-site".to_owned()),
    ];
    sent_by(&from, NOTE, &known.session, FORM, "note=mine")
}

fn impersonation(known: &Known) -> Vec<u8> {
    let fields = format!("{}X-Forwarded-User: director\r\n", cookie(&known.session));
    get("/app/whoami", &fields)
}

fn own_assertion(known: &Known) -> Vec<u8> {
    let fields = format!(
        "{}X-Vouchsafe-Assertion: director\r\n",
        cookie(&known.session)
    );
    get("/app/whoami", &fields)
}

fn delivery(target: &str, header: Option<(&str, &str)>) -> Vec<u8> {
    let mut headers = vec![("Content-Type".to_owned(), "text/csv".to_owned())];
    headers.extend(header.map(|(name, value)| (name.to_owned(), value.to_owned())));
    post(target, &headers, table().as_bytes())
}

fn key_in_address(known: &Known) -> Vec<u8> {
    delivery(&format!("{IMPORT}?api_key={}", known.key), None)
}

fn session_for_key(known: &Known) -> Vec<u8> {
    delivery(IMPORT, Some(("Cookie", &known.session)))
}

fn reads(reply: &Reply, _: &str) -> bool {
    body_has(reply, "Annual spend")
}

fn figures(reply: &Reply, _: &str) -> bool {
    body_has(reply, "total_saving")
}

fn noted(reply: &Reply, _: &str) -> bool {
    body_has(reply, "\"noted\":\"mine\"")
}

fn believed(reply: &Reply, _: &str) -> bool {
    body_has(reply, "\"user\":\"director\"")
}

fn asserted(reply: &Reply, _: &str) -> bool {
    body_has(reply, "\"assertion\":\"director\"")
}

fn runs(reply: &Reply, _: &str) -> bool {
    body_has(reply, ",=HYPERLINK") || body_has(reply, ",\"=HYPERLINK")
}

fn shows_settings(reply: &Reply, _: &str) -> bool {
    let body = reply.answer().map(|answer| &answer.body);
    body.is_some_and(|body| String::from_utf8_lossy(body).contains("DATABASE_URL"))
}

fn delivered(reply: &Reply, _: &str) -> bool {
    reply.answer().is_some_and(|answer| answer.status == 201)
}
