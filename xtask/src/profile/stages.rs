//! The stages of a request and the functions they are made of.
//!
//! Owns the list. A function that is not there any more counts nothing, and what it cost shows up
//! in the rest: the build keeps each of them apart by `inline(never)` under the feature `profile`.

use super::run::Spent;

/// A stage: its name and the beginnings of the names of its functions.
const STAGES: &[(&str, &[&str])] = &[
    (
        "framing",
        &[
            "wire::request::RequestHead::parse",
            "gate::stages::framing::paths",
        ],
    ),
    (
        "client address and host",
        &["gate::stages::client::judge", "gate::stages::host::judge"],
    ),
    (
        "route",
        &[
            "gate::stages::own::find",
            "gate::stages::ticket::claim",
            "gate::stages::route::find",
        ],
    ),
    (
        "authenticate",
        &[
            "gate::stages::authenticate::judge",
            "gate::stages::record::authenticated",
        ],
    ),
    ("authorise", &["gate::stages::authorise::judge"]),
    ("body", &["gate::stages::body::plan"]),
    ("forward", &["gate::stages::forward::write_head"]),
    (
        "response",
        &[
            "wire::answer::AnswerHead::parse",
            "gate::stages::response::write_head",
        ],
    ),
    (
        "record",
        &[
            "gate::stages::exchange::Exchange::begin",
            "gate::stages::record::reserve",
            "gate::stages::record::finish",
        ],
    ),
];

/// A row: its name and what it reads from a profile.
type Row = (&'static str, Box<dyn Fn(&Spent) -> f64>);

/// Every row of the table.
pub(crate) fn rows() -> Vec<Row> {
    let below = |spent: &Spent, functions: &[&str]| -> f64 {
        functions.iter().map(|name| spent.gate(name)).sum()
    };
    let mut rows: Vec<Row> = Vec::new();
    for (name, functions) in STAGES {
        rows.push((name, Box::new(move |spent| below(spent, functions))));
    }
    rows.push((
        "connection, streams and runtime",
        Box::new(move |spent| {
            let stages = STAGES.iter().flat_map(|(_, functions)| *functions);
            spent.gate_total() - stages.map(|name| spent.gate(name)).sum::<f64>()
        }),
    ));
    rows.push(("gate thread in all", Box::new(Spent::gate_total)));
    rows.push((
        "ledger's writer: encoding",
        Box::new(|spent| spent.writer("ledger::encode::Encoder::event")),
    ));
    rows.push(("ledger's writer in all", Box::new(Spent::writer_total)));
    rows.push((
        "both threads",
        Box::new(|spent| spent.gate_total() + spent.writer_total()),
    ));
    rows
}
