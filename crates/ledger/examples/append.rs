//! Measures ledgers in a folder of their own and prints the figures as JSON.
//!
//! `cargo run --release -p ledger --example append FOLDER ENTRIES`, as `cargo xtask bench ledger`
//! does. A shared disk is fast at one moment and slow at the next, so it is measured alone right
//! before each run that depends on it.

use std::{error::Error, path::Path, thread, time::Duration};

use control::{Clock, SystemClock};
use ledger::{
    disk::RealDisk,
    home::ledger_folder,
    measure::{Figures, Load, run, syncs},
    note::VerifierKey,
    verify::{Given, verify},
};
use serde_json::{Value, json};

/// Requests that wait for the disk at a time, over all cores, and the events that are recorded.
const DURABLE: [(usize, usize); 3] = [(1, 1_000), (64, 200_000), (512, 400_000)];

/// Appends to the disk alone, and the bytes of each: about those of one event.
const ALONE: (usize, usize) = (500, 256);

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, entries] = arguments.as_slice() else {
        return Err("usage: append FOLDER ENTRIES".into());
    };
    let folder = Path::new(folder);
    let mut durable_runs = Vec::new();
    for (waiting, events) in DURABLE {
        durable_runs.push(durable(&folder.join(waiting.to_string()), waiting, events)?);
    }
    let data = folder.join("batched");
    let (batched, figures) = batched(&data, entries.parse()?)?;
    let verified = verified(&data, &figures)?;
    println!(
        "{}",
        json!({ "durable": durable_runs, "batched": batched, "verify": verified })
    );
    Ok(())
}

fn durable(data: &Path, waiting: usize, events: usize) -> Result<Value, Box<dyn Error>> {
    std::fs::create_dir(data)?;
    let producers = cores()?.min(waiting);
    let load = Load {
        producers,
        events,
        in_flight: waiting / producers,
    };
    let alone = disk_alone(data)?;
    let figures = run(data, load)?;
    Ok(json!({
        "waiting": waiting,
        "disk_per_second": alone,
        "per_second": rate(figures.waits.len(), figures.elapsed),
        "p50_us": figures.wait(0.50).as_micros(),
        "p99_us": figures.wait(0.99).as_micros(),
    }))
}

/// One append and one fdatasync at a time.
fn disk_alone(data: &Path) -> std::io::Result<f64> {
    let times = syncs(data, ALONE.0, ALONE.1)?;
    Ok(rate(times.len(), times.iter().sum()))
}

/// As fast as the rings take them.
fn batched(data: &Path, events: usize) -> Result<(Value, Figures), Box<dyn Error>> {
    std::fs::create_dir(data)?;
    let clock = SystemClock::new();
    let load = Load {
        producers: cores()?,
        events,
        in_flight: 0,
    };
    let alone = disk_alone(data)?;
    let begun = clock.monotonic();
    let figures = run(data, load)?;
    let signed = clock.monotonic().saturating_sub(begun);
    let value = json!({
        "disk_per_second": alone,
        "per_second": rate(events, figures.elapsed),
        "signed_per_second": rate(events, signed),
    });
    Ok((value, figures))
}

/// On this one thread, from files that were just written.
fn verified(data: &Path, figures: &Figures) -> Result<Value, Box<dyn Error>> {
    let key = VerifierKey::parse(&figures.key)?;
    let given = Given {
        key: Some(&key),
        seen: Some(&figures.flushed.checkpoint),
    };
    let clock = SystemClock::new();
    let (begun, busy) = (clock.monotonic(), processor_time()?);
    let whole = verify(&RealDisk, &ledger_folder(data), given)?;
    let (spent, busy) = (clock.monotonic() - begun, processor_time()? - busy);
    let entries = usize::try_from(whole.head.size)?;
    Ok(json!({
        "entries": entries,
        "per_second": rate(entries, spent),
        "per_processor_second": rate(entries, busy),
    }))
}

/// User and system time of this thread (proc_pid_stat(5)), which counts in hundredths of a second.
fn processor_time() -> Result<Duration, Box<dyn Error>> {
    let stat = std::fs::read_to_string("/proc/thread-self/stat")?;
    let (_, fields) = stat
        .rsplit_once(')')
        .ok_or("no name in the process table")?;
    let times = fields.split_whitespace().skip(11).take(2);
    let ticks = times.map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 10))
}

fn rate(count: usize, time: Duration) -> f64 {
    count as f64 / time.as_secs_f64().max(0.001)
}

fn cores() -> std::io::Result<usize> {
    Ok(thread::available_parallelism()?.get())
}
