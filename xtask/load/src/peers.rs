//! Audit logs as people build them without us: `load peers FOLDER EVENTS`.
//!
//! Owns four, each on the disk that is given: SQLite and a file of JSON lines, made durable event by
//! event and in groups. All chain each event to the one before by SHA-256, which is the least a log
//! needs to show an alteration in its middle. Refuses nothing and proves little: they are here to be
//! measured beside a ledger.

use std::{
    error::Error,
    fs::{File, OpenOptions},
    io::Write as _,
    path::Path,
    time::Duration,
};

use aws_lc_rs::digest;
use rusqlite::{Connection, params};
use serde_json::{Value, json};

use crate::{clock::clock, histogram::Histogram};

/// Events that wait for the disk together.
const GROUP: usize = 512;

/// How long each is measured at most.
const LIMIT: Duration = Duration::from_secs(4);

/// Where events go.
trait Log {
    /// Adds an event and its place in the chain.
    fn add(&mut self, event: &str, chain: &[u8]) -> Result<(), Box<dyn Error>>;

    /// Returns when all that was added would survive a loss of power.
    fn sync(&mut self) -> Result<(), Box<dyn Error>>;
}

/// Measures all of them.
pub(crate) fn measure(folder: &Path, events: usize) -> Result<Value, Box<dyn Error>> {
    let mut figures = Vec::new();
    for (name, group) in [
        ("SQLite, WAL, one commit for each event", 1),
        ("SQLite, WAL, 512 events in a commit", GROUP),
        ("JSON lines, one fdatasync for each event", 1),
        ("JSON lines, 512 events for one fdatasync", GROUP),
    ] {
        let path = folder.join(format!("peer-{}", figures.len()));
        let mut log: Box<dyn Log> = if name.starts_with("SQLite") {
            Box::new(Sqlite::open(&path)?)
        } else {
            Box::new(Lines::open(&path)?)
        };
        figures.push(run(name, log.as_mut(), events, group)?);
    }
    Ok(json!({ "peers": figures }))
}

fn run(
    name: &str,
    log: &mut dyn Log,
    events: usize,
    group: usize,
) -> Result<Value, Box<dyn Error>> {
    let (begun, mut waits, mut chain) = (clock(), Histogram::default(), [0; 32]);
    let mut done = 0;
    while done < events && begun.elapsed() < LIMIT {
        let start = clock();
        for _ in 0..group {
            let event = event(done);
            let mut context = digest::Context::new(&digest::SHA256);
            context.update(&chain);
            context.update(event.as_bytes());
            chain = context.finish().as_ref().try_into()?;
            log.add(&event, &chain)?;
            done += 1;
        }
        log.sync()?;
        // Everybody in the group has waited for all of it.
        for _ in 0..group {
            waits.record(start.elapsed());
        }
    }
    let micros = |share| waits.percentile(share).as_secs_f64() * 1e6;
    Ok(json!({
        "name": name,
        "per_second": done as f64 / begun.elapsed().as_secs_f64().max(f64::EPSILON),
        "p50_us": micros(0.5),
        "p99_us": micros(0.99),
    }))
}

/// An event as long as one of ours.
fn event(number: usize) -> String {
    format!(
        "{{\"v\":1,\"time\":1790000000000,\"kind\":\"request\",\"request\":\"{number:032x}\",\
         \"control\":\"identity.scope\",\"reason\":\"scope-not-covered\",\"status\":403,\
         \"principal\":\"AQ8jq0Jk2mQm1y9bX3r7tA\",\"client\":\"AQk1x0Zb7cTn5v2pL8w4sQ\",\
         \"sent\":512,\"received\":128,\"micros\":{number}}}"
    )
}

struct Sqlite(Connection);

impl Sqlite {
    fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let connection = Connection::open(path)?;
        connection.pragma_update(None, "journal_mode", "wal")?;
        connection.pragma_update(None, "synchronous", "full")?;
        connection.execute_batch(
            "CREATE TABLE events (number INTEGER PRIMARY KEY, event TEXT NOT NULL, \
             chain BLOB NOT NULL) STRICT",
        )?;
        Ok(Self(connection))
    }
}

impl Log for Sqlite {
    fn add(&mut self, event: &str, chain: &[u8]) -> Result<(), Box<dyn Error>> {
        if self.0.is_autocommit() {
            self.0.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        }
        let mut insert = self
            .0
            .prepare_cached("INSERT INTO events (event, chain) VALUES (?1, ?2)")?;
        insert.execute(params![event, chain])?;
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Box<dyn Error>> {
        self.0.prepare_cached("COMMIT")?.execute([])?;
        Ok(())
    }
}

struct Lines {
    file: File,
    waiting: Vec<u8>,
}

impl Lines {
    fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        let waiting = Vec::new();
        Ok(Self { file, waiting })
    }
}

impl Log for Lines {
    fn add(&mut self, event: &str, chain: &[u8]) -> Result<(), Box<dyn Error>> {
        self.waiting.extend_from_slice(event.as_bytes());
        self.waiting.push(b' ');
        for byte in chain {
            write!(self.waiting, "{byte:02x}")?;
        }
        self.waiting.push(b'\n');
        Ok(())
    }

    fn sync(&mut self) -> Result<(), Box<dyn Error>> {
        self.file.write_all(&self.waiting)?;
        self.waiting.clear();
        self.file.sync_data()?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_peer_keeps_every_event() {
        let folder = tempfile::tempdir().unwrap();
        let told = measure(folder.path(), 3).unwrap();
        let peers = told["peers"].as_array().unwrap();
        assert_eq!(peers.len(), 4);
        for peer in peers {
            assert!(peer["per_second"].as_f64().unwrap() > 0.0, "{peer}");
        }
        for (name, kept) in [("peer-0", 3), ("peer-1", GROUP as i64)] {
            let connection = Connection::open(folder.path().join(name)).unwrap();
            let count = "SELECT count(*) FROM events WHERE length(chain) = 32";
            let rows: i64 = connection.query_row(count, [], |row| row.get(0)).unwrap();
            assert_eq!(rows, kept);
        }
        let lines = std::fs::read_to_string(folder.path().join("peer-2")).unwrap();
        assert_eq!(lines.lines().count(), 3);
        assert!(lines.lines().all(|line| line.len() > 300));
    }
}
