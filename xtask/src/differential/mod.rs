//! `cargo xtask differential`: what servers make of shapes that two parsers could read differently.
//!
//! Owns the run: every shape to every server, in front of an origin that writes down each byte, and
//! the demand that Vouchsafe does exactly what the shape says, that independent readers all read
//! the same in whatever it forwarded, and that its ledger has each refusal. Knows nothing of the
//! gate's code.

mod client;
mod message;
mod options;
mod origin;
mod page;
mod readers;
mod script;
mod servers;
mod shape;
mod verdict;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    sync::{
        Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
    time::Duration,
};

use serde_json::json;

use self::{
    client::Wait,
    origin::{Origin, Until},
    readers::{Kind, Reading, Readings},
    servers::{LANES, Server, Which, host},
    shape::{Expect, Group, Shape, Upstream},
    verdict::Seen,
};
use crate::{bench::packages, failure::Failure, product, workspace::Workspace};

/// How long other servers may be silent before they count as having said everything.
const SILENCE: Duration = Duration::from_millis(600);

/// What one server did with one shape, judged.
#[derive(Clone, Debug)]
struct Row {
    /// In a word, for the page.
    word: String,
    /// Nothing for a server that is only watched.
    faults: Vec<String>,
}

/// Rows of one server, by shape.
type Column = BTreeMap<String, Row>;

/// The verb.
pub(crate) fn run(workspace: &Workspace, arguments: &[&str]) -> Result<(), Failure> {
    let options = options::read(arguments)?;
    let mut groups = load()?;
    if let Some(only) = &options.only {
        for group in &mut groups {
            group.shapes.retain(|shape| shape.id.contains(only));
        }
        groups.retain(|group| !group.shapes.is_empty());
        if groups.is_empty() {
            return Err(Failure::stuck(
                format!("no shape is called {only}"),
                "see docs/reference/wire.md for their names",
            ));
        }
    }
    let needed: Vec<_> = options
        .servers
        .iter()
        .filter_map(|which| which.package())
        .collect();
    packages::ensure(&needed)?;
    let mut columns = BTreeMap::new();
    for which in &options.servers {
        columns.insert(*which, column(workspace, *which, &groups)?);
    }
    if options.json {
        println!("{}", as_json(&groups, &columns));
    } else {
        print(&groups, &columns, options.only.is_some());
    }
    if options.write {
        page::write(workspace, &groups, &columns)?;
    }
    judge(&columns)
}

/// The step of the suite: Vouchsafe's column on all shapes, and the page as it would be written.
pub(crate) fn check(workspace: &Workspace) -> Result<Vec<String>, Failure> {
    let groups = load()?;
    let column = column(workspace, Which::Vouchsafe, &groups)?;
    let count: usize = groups.iter().map(|group| group.shapes.len()).sum();
    let columns = BTreeMap::from([(Which::Vouchsafe, column)]);
    judge(&columns)?;
    page::check(workspace, &groups, &columns)?;
    Ok(vec![format!("{count} shapes, each as it must be")])
}

fn load() -> Result<Vec<Group>, Failure> {
    shape::all().map_err(|fault| Failure::stuck(fault, "mend the shape"))
}

/// Runs all shapes against one server, in lanes, and judges them.
fn column(workspace: &Workspace, which: Which, groups: &[Group]) -> Result<Column, Failure> {
    let binary = match which {
        Which::Vouchsafe => product::build(workspace)?,
        Which::Nginx | Which::Haproxy => Path::new(which.name()).to_path_buf(),
    };
    let stuck =
        |cause: std::io::Error| Failure::stuck(format!("an origin: {cause}"), "run it again");
    let origins: Vec<Origin> = (0..LANES)
        .map(|_| Origin::start())
        .collect::<Result<_, _>>()
        .map_err(stuck)?;
    let ports: Vec<u16> = origins.iter().map(Origin::port).collect();
    let server = Server::start(which, &binary, workspace.target(), &ports)?;
    let shapes: Vec<&Shape> = groups.iter().flat_map(|group| &group.shapes).collect();
    let seen = run_all(&server, &origins, &shapes)?;
    let samples: Vec<_> = seen.iter().flat_map(|(_, seen)| seen.samples()).collect();
    let mut readings = readers::read(workspace, &samples)?.into_iter();
    let mut column = Column::new();
    for (shape, (lane, seen)) in shapes.iter().zip(&seen) {
        let own: Vec<Readings> = readings.by_ref().take(seen.samples().len()).collect();
        let faults = match which {
            Which::Vouchsafe => {
                let mut faults = verdict::faults(shape, &host(*lane), seen);
                faults.extend(differences(shape, seen, &own));
                faults
            }
            Which::Nginx | Which::Haproxy => Vec::new(),
        };
        let word = match which {
            Which::Vouchsafe => verdict::word_of_ours(shape, seen, &strictest(&own)),
            Which::Nginx | Which::Haproxy => {
                let mut word = verdict::word(seen, &strictest(&own));
                if own
                    .iter()
                    .skip(1)
                    .any(|own| readers::differ(own, &[]).is_some())
                {
                    word += "; readers differ";
                }
                word
            }
        };
        let word = word.replace(&host(*lane), "{host}");
        column.insert(shape.id.clone(), Row { word, faults });
    }
    if which == Which::Vouchsafe {
        // Not a shape, but as much a row: what all of them left behind.
        let row = Row {
            word: String::new(),
            faults: recorded(&server, &shapes)?,
        };
        column.insert("the ledger".to_owned(), row);
    }
    Ok(column)
}

/// What the strictest reader made of each upstream connection.
fn strictest(readings: &[Readings]) -> Vec<Reading> {
    readings
        .iter()
        .skip(1)
        .filter_map(|readings| readings.get("httparse").cloned())
        .collect()
}

/// Where readers differ on what Vouchsafe sent, up or down.
fn differences(shape: &Shape, seen: &Seen, readings: &[Readings]) -> Vec<String> {
    seen.samples()
        .iter()
        .zip(readings)
        .filter(|(sample, _)| !sample.bytes.is_empty())
        .filter_map(|(sample, readings)| {
            let way = match sample.kind {
                Kind::Request => "upstream",
                Kind::Answer => "down",
            };
            readers::differ(readings, &shape.unread_by).map(|fault| format!("{way}: {fault}"))
        })
        .collect()
}

/// A shape that was run: its place in the list and its lane.
struct Done {
    at: usize,
    lane: usize,
    seen: Result<Seen, String>,
}

/// Runs the shapes, one at a time in each lane; which lane each ran in and what was seen.
fn run_all(
    server: &Server,
    origins: &[Origin],
    shapes: &[&Shape],
) -> Result<Vec<(usize, Seen)>, Failure> {
    let next = AtomicUsize::new(0);
    let done: Mutex<Vec<Done>> = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for (lane, origin) in origins.iter().enumerate() {
            let (next, done) = (&next, &done);
            scope.spawn(move || {
                while let Some((at, shape)) = take(next, shapes) {
                    let seen = one(server, origin, lane, shape);
                    let mut done = done.lock().unwrap_or_else(PoisonError::into_inner);
                    done.push(Done { at, lane, seen });
                }
            });
        }
    });
    let mut done = done.into_inner().unwrap_or_else(PoisonError::into_inner);
    done.sort_by_key(|done| done.at);
    done.into_iter()
        .zip(shapes)
        .map(|(done, shape)| {
            let seen = done.seen.map_err(|fault| {
                Failure::stuck(format!("{}: {fault}", shape.id), "run it again with --only")
            })?;
            Ok((done.lane, seen))
        })
        .collect()
}

fn take<'s>(next: &AtomicUsize, shapes: &[&'s Shape]) -> Option<(usize, &'s Shape)> {
    let at = next.fetch_add(1, Ordering::Relaxed);
    shapes.get(at).map(|shape| (at, *shape))
}

/// Runs one shape in one lane.
fn one(server: &Server, origin: &Origin, lane: usize, shape: &Shape) -> Result<Seen, String> {
    let address = server.address(lane).ok_or("there is no such lane")?;
    let steps = shape.script(&host(lane))?;
    let wait = match server.which {
        // A client that ended its side would be taken for one that has left.
        Which::Vouchsafe if shape.expect.iter().any(Expect::is_cut) => Wait::End,
        Which::Vouchsafe => Wait::Answers(shape.awaited()),
        Which::Nginx | Which::Haproxy => Wait::Silence(SILENCE),
    };
    origin.begin(shape.origin()?);
    let heard = client::run(address, &steps, wait);
    let until = match (server.which, &shape.upstream) {
        (Which::Vouchsafe, Upstream::Exactly(_)) => {
            let expected = shape.expected_upstream(&host(lane))?;
            // Each request id is longer than what stands for it.
            Until::Bytes(expected.iter().map(Vec::len).sum())
        }
        (Which::Vouchsafe, Upstream::UpTo(_)) => Until::Ended,
        _ => Until::Bytes(0),
    };
    let upstream = origin.end(until).map_err(|fault| fault.to_string())?;
    Ok(Seen {
        heard: heard.map_err(|fault| fault.to_string())?,
        upstream,
    })
}

/// Where the ledger has other refusals than were given: each reason counts.
fn recorded(server: &Server, shapes: &[&Shape]) -> Result<Vec<String>, Failure> {
    let mut given: BTreeMap<String, u64> = BTreeMap::new();
    let expected = shapes.iter().flat_map(|shape| &shape.expect);
    for reason in expected.filter_map(Expect::reason) {
        *given.entry(reason.to_owned()).or_default() += 1;
    }
    let mut found: BTreeMap<String, u64> = BTreeMap::new();
    for entry in server.ledger()? {
        if let Some(reason) = entry.get("reason").and_then(|reason| reason.as_str()) {
            let count = entry.get("count").and_then(serde_json::Value::as_u64);
            *found.entry(reason.to_owned()).or_default() += count.unwrap_or(1);
        }
    }
    let count = |of: &BTreeMap<String, u64>, reason: &str| of.get(reason).copied().unwrap_or(0);
    let reasons: BTreeSet<&String> = given.keys().chain(found.keys()).collect();
    Ok(reasons
        .into_iter()
        .map(|reason| (reason, count(&given, reason), count(&found, reason)))
        .filter(|(_, given, found)| given != found)
        .map(|(reason, given, found)| format!("{reason}: {given} given, {found} recorded"))
        .collect())
}

fn judge(columns: &BTreeMap<Which, Column>) -> Result<(), Failure> {
    let wrong: Vec<String> = columns
        .values()
        .flatten()
        .flat_map(|(id, row)| row.faults.iter().map(move |fault| format!("{id}: {fault}")))
        .collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::no(
        format!("shapes not as they must be:\n  {}", wrong.join("\n  ")),
        "run `cargo xtask differential --only SHAPE`; mend the gate, or the shape where it is wrong",
    ))
}

fn print(groups: &[Group], columns: &BTreeMap<Which, Column>, whole: bool) {
    for shape in groups.iter().flat_map(|group| &group.shapes) {
        for (which, column) in columns {
            let Some(row) = column.get(&shape.id) else {
                continue;
            };
            if whole || columns.len() > 1 || !row.faults.is_empty() {
                println!("{:<28} {:<10} {}", shape.id, which.name(), row.word);
            }
        }
    }
    let count: usize = groups.iter().map(|group| group.shapes.len()).sum();
    println!("{count} shapes");
}

fn as_json(groups: &[Group], columns: &BTreeMap<Which, Column>) -> serde_json::Value {
    let shapes = groups.iter().flat_map(|group| {
        group.shapes.iter().map(|shape| {
            let verdicts: serde_json::Map<String, serde_json::Value> = columns
                .iter()
                .filter_map(|(which, column)| Some((which, column.get(&shape.id)?)))
                .map(|(which, row)| {
                    let verdict = json!({ "verdict": row.word, "faults": row.faults });
                    (which.name().to_owned(), verdict)
                })
                .collect();
            json!({
                "id": shape.id,
                "group": group.name,
                "about": shape.about,
                "rfc": shape.rfc,
                "conformance": shape.conformance,
                "servers": verdicts,
            })
        })
    });
    json!({ "shapes": shapes.collect::<Vec<_>>() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shape_can_be_read() {
        assert!(!shape::all().unwrap().is_empty());
    }
}
