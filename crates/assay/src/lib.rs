//! Fuzzing: the list of bodies, and those that need more than one crate or an independent parser.
//!
//! Owns the list that ties each fuzz body to its target below `fuzz/`, its corpus and its property
//! test. A body takes any bytes, does no I/O and panics when an invariant is broken. Refuses to be
//! linked by the product: only tests and the fuzz targets know this crate. Trusts nothing.
#![expect(clippy::panic, reason = "a body says so where an invariant is broken")]

// The list names bodies by one path, whichever crate they lie in.
extern crate self as assay;

mod bench;
pub mod fuzz;
pub mod pool;

/// A fuzz target.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Name of the target, of its file and of its corpus.
    pub name: &'static str,
    /// Where its body lies, as the target's file calls it.
    pub path: &'static str,
    /// Its body.
    pub body: fn(&[u8]),
    /// How many changed inputs the suite tries.
    pub cases: u32,
}

macro_rules! targets {
    ($($name:ident: $from:ident $(:: $path:ident)+, $cases:literal;)+) => {
        &[$(Target {
            name: stringify!($name),
            path: concat!(stringify!($from) $(, "::", stringify!($path))+),
            body: $from $(:: $path)+,
            cases: $cases,
        }),+]
    };
}

/// Every target.
pub const TARGETS: &[Target] = targets! {
    request_head: wire::fuzz::request_head, 200;
    answer_head: wire::fuzz::answer_head, 200;
    chunked: wire::fuzz::chunked, 400;
    path: wire::fuzz::path, 2000;
    authority: wire::fuzz::authority, 2000;
    note: ledger::fuzz::note, 1000;
    tile: ledger::fuzz::tile, 1000;
    journal: ledger::fuzz::journal, 1000;
    webhook: hooks::fuzz::verify_anything, 600;
    webhook_scheme: hooks::fuzz::load_anything, 400;
    api_key: identity::fuzz::key, 2000;
    scope: identity::fuzz::scope, 2000;
    token: seal::fuzz::token, 1000;
    key_wish: identity::fuzz::key_wish, 1000;
    key_set: seal::fuzz::key_set, 600;
    claims: identity::fuzz::claims, 1000;
    provider_metadata: identity::fuzz::provider_metadata, 600;
    return_to: assay::fuzz::urls::return_to, 2000;
    account: identity::fuzz::account, 300;
    form: identity::fuzz::form, 2000;
    rows: identity::fuzz::rows, 1000;
    server_address: store::fuzz::address, 1000;
    config: config::fuzz::document, 400;
    quantity: config::fuzz::quantity, 2000;
    document: prove::fuzz::document, 200;
    amounts: prove::fuzz::amounts, 1000;
    request_connection: assay::fuzz::requests::request_connection, 150;
    answer_connection: assay::fuzz::answers::answer_connection, 150;
    http2: assay::fuzz::http2::connection, 150;
    chunked_reference: assay::fuzz::grammar::chunked_reference, 600;
    path_reference: assay::fuzz::grammar::path_reference, 2000;
    pool: assay::fuzz::pool::pool, 60;
    damaged_journal: ledger::fuzz::damaged_journal, 600;
    ledger_encoding: ledger::fuzz::encoding, 600;
    merkle: ledger::fuzz::merkle, 400;
    webhook_signed: hooks::fuzz::signed, 400;
    alert_body: alert::fuzz::any_body, 600;
    answer_of_probe: prove::fuzz::answer, 400;
    client_address: assay::fuzz::policy::client_address, 600;
    route: assay::fuzz::policy::route, 1000;
    tickets: assay::fuzz::policy::tickets, 600;
    url: connect::fuzz::url, 2000;
    url_reference: assay::fuzz::urls::url_reference, 2000;
    judged: connect::fuzz::judged, 2000;
    body_json: schema::fuzz::json, 1000;
    body_blocked: schema::fuzz::blocked, 1000;
    body_form: schema::fuzz::form, 1000;
    csv_export: schema::fuzz::csv_export, 400;
    file_conditions: files::fuzz::conditions, 1000;
    file_path: files::fuzz::name, 1000;
    inflate: schema::fuzz::inflate, 300;
    schema_load: schema::fuzz::load, 200;
    upload_csv: upload::fuzz::csv, 600;
    upload_multipart: upload::fuzz::multipart, 600;
    upload_name: upload::fuzz::name, 1000;
    upload_file: upload::fuzz::file, 400;
};
