//! Group `http2`: requests over HTTP/2, many at a time on each connection.

use super::{
    super::{
        Table,
        figures::Spread,
        h2load::Load,
        packages::{self, H2LOAD},
        table::{Aim, Verdict},
    },
    Plan,
    rows::{self, Drive, Row, Sample},
    systems::{HOST, PROXIES, Systems, USUAL},
};
use crate::failure::Failure;

pub(super) const NAME: &str = "http2";

/// Connections, and streams of each at a time.
const AT_ONCE: (usize, usize) = (8, 16);

/// At most this many times the cost of nginx.
const AIM: f64 = 1.3;

const ABOUT: &str = "\
    TLS 1.3 with the one certificate of the benchmark; the origin is asked by HTTP/1.1 over kept \
    connections by all three. Every stream of ours passes the same stages as a request by HTTP/1.1.";

pub(super) fn run(plan: &Plan<'_>) -> Result<Table, Failure> {
    packages::ensure(&[H2LOAD])?;
    let systems = Systems::start(plan, USUAL, &[])?;
    let mut rows = Vec::new();
    for (kind, path) in [("small", "/"), ("64 KiB", "/large")] {
        for (which, name) in PROXIES {
            let server = systems.get(which)?;
            let headers = server.headers(path).into_iter();
            let load = Load {
                address: server.secure.unwrap_or(server.address),
                name: "bench.example",
                path: path.to_owned(),
                headers: headers.filter(|field| field != HOST).collect(),
                threads: 2,
                connections: AT_ONCE.0,
                streams: AT_ONCE.1,
                seconds: plan.seconds.ceil() as u64,
            };
            rows.push(Row {
                name: format!("{name}, {kind}"),
                which,
                drive: Drive::Http2(Box::new(load)),
                against: Some(format!("nginx, {kind}")),
                aim: (name == "Vouchsafe").then_some(AIM),
            });
        }
    }
    let samples = rows::rounds(plan, &systems, &rows)?;
    let mut table = tabulate(&rows, &samples);
    table.note(format!(
        "{} connections of h2load with {} streams each, {} rounds of {} s for each row, interleaved. \
         {ABOUT}",
        AT_ONCE.0,
        AT_ONCE.1,
        plan.rounds,
        plan.seconds.ceil()
    ));
    Ok(table)
}

/// Without times of answers: h2load says no percentiles.
fn tabulate(rows: &[Row], samples: &[Vec<Sample>]) -> Table {
    let columns = [
        "server",
        "CPU µs/request",
        "in the kernel",
        "× nginx",
        "requests/s",
        "RSS MB",
        "failed",
    ];
    let mut table = Table::titled("HTTP/2", &columns);
    for (row, own) in rows.iter().zip(samples) {
        let middle = |of: fn(&Sample) -> f64| Spread::of(own.iter().map(of));
        let plain = |of, decimals| {
            middle(of).map_or_else(String::new, |it: Spread| {
                format!("{:.decimals$}", it.median)
            })
        };
        let failed = rows::failed(own);
        let ratio = rows::ratio(row, rows, samples);
        table.row([
            row.name.clone(),
            middle(|it| it.micros).map_or_else(String::new, |it| format!("{it:.1}")),
            plain(|it| it.kernel, 1),
            ratio.map_or_else(|| "–".to_owned(), |it| format!("{it:.2}")),
            plain(|it| it.per_second, 0),
            plain(|it| it.memory.resident as f64 / 1e6, 1),
            failed.to_string(),
        ]);
        if let (Some(aim), Some(ratio), Some(against)) = (row.aim, ratio, &row.against) {
            table.aim(Aim {
                what: format!("cost of {} over HTTP/2 against {against}", row.name),
                bound: format!("≤ {aim:.2}"),
                measured: format!("{ratio:.2}"),
                verdict: Verdict::of(ratio.median <= aim, failed),
            });
        }
    }
    table
}
