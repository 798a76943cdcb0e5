//! Independent readers of what was forwarded.
//!
//! Owns the processes of three parsers that are not ours, h11 and Python's own and llhttp where
//! node is installed, and a fourth reader on `httparse`. Each says which messages some bytes hold;
//! that they all say the same is what the suite is about. Refuses to go on with fewer than three.

mod plain;

use std::{
    collections::BTreeMap,
    io::Write as _,
    path::Path,
    process::{Command, Stdio},
};

use serde::{Deserialize, Serialize};

use crate::{command, failure::Failure, python, workspace::Workspace};

/// What some bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Request,
    Answer,
}

/// Bytes to be read.
#[derive(Clone, Debug)]
pub(super) struct Sample {
    pub(super) kind: Kind,
    pub(super) bytes: Vec<u8>,
    /// The methods that answers are to.
    pub(super) methods: Vec<String>,
}

/// What a reader found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub(super) struct Reading {
    pub(super) messages: Vec<Message>,
    /// `clean`, `incomplete`, `switched`, or `error: …`.
    pub(super) end: String,
}

/// One message.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub(super) struct Message {
    /// Method and target, or status.
    pub(super) start: String,
    pub(super) fields: Vec<(String, String)>,
    /// In hexadecimal.
    pub(super) body: String,
}

impl Reading {
    pub(super) fn refused(&self) -> bool {
        self.end.starts_with("error")
    }
}

/// What every reader found in one sample, by its name.
pub(super) type Readings = BTreeMap<String, Reading>;

#[derive(Serialize)]
struct Asked<'a> {
    kind: Kind,
    bytes: String,
    methods: &'a [String],
}

const PYTHON: &str = include_str!("readers.py");
const NODE: &str = include_str!("readers.js");

/// Has all samples read by every reader there is.
pub(super) fn read(workspace: &Workspace, samples: &[Sample]) -> Result<Vec<Readings>, Failure> {
    python::ensure(workspace)?;
    let interpreter = python::interpreter(workspace)?;
    let mut all: Vec<Readings> = samples
        .iter()
        .map(|sample| BTreeMap::from([("httparse".to_owned(), plain::read(sample))]))
        .collect();
    let python = command::command(workspace.root(), interpreter, &["-c", PYTHON]);
    ask(python, samples, &mut all)?;
    let there = command::answers(&mut command::command(
        Path::new("/"),
        "node",
        &["--version"],
    ));
    if there {
        let node = command::command(workspace.root(), "node", &["-e", NODE]);
        ask(node, samples, &mut all)?;
    }
    Ok(all)
}

/// Has one process read all samples, a line for each.
fn ask(mut reader: Command, samples: &[Sample], all: &mut [Readings]) -> Result<(), Failure> {
    let name = reader.get_program().to_string_lossy().into_owned();
    let stuck = |what: String| {
        Failure::stuck(
            format!("the reader {name}: {what}"),
            "see xtask/src/differential/readers.rs",
        )
    };
    let mut input = String::new();
    for sample in samples {
        let asked = Asked {
            kind: sample.kind,
            bytes: hex(&sample.bytes),
            methods: &sample.methods,
        };
        input += &serde_json::to_string(&asked).map_err(|fault| stuck(fault.to_string()))?;
        input.push('\n');
    }
    let mut child = reader
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|fault| stuck(fault.to_string()))?;
    let pipe = child.stdin.take();
    // Written beside the reading: a pipe holds less than all samples.
    let writer = std::thread::spawn(move || pipe.map(|mut pipe| pipe.write_all(input.as_bytes())));
    let said = child
        .wait_with_output()
        .map_err(|fault| stuck(fault.to_string()))?;
    let _ = writer.join();
    let text = String::from_utf8_lossy(&said.stdout);
    let lines: Vec<Readings> = text
        .lines()
        .map(serde_json::from_str)
        .collect::<Result<_, _>>()
        .map_err(|fault| stuck(fault.to_string()))?;
    if !said.status.success() || lines.len() != samples.len() {
        return Err(stuck(format!(
            "it read {} of {} samples",
            lines.len(),
            samples.len()
        )));
    }
    for (all, more) in all.iter_mut().zip(lines) {
        all.extend(more);
    }
    Ok(())
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        text.push(char::from(digit(byte >> 4)));
        text.push(char::from(digit(byte & 15)));
        text
    })
}

const fn digit(value: u8) -> u8 {
    if value < 10 {
        b'0' + value
    } else {
        b'a' + value - 10
    }
}

/// Where the readers differ; `None` where all read the same and none refused but those named in
/// `may_refuse`.
pub(super) fn differ(readings: &Readings, may_refuse: &[String]) -> Option<String> {
    let mut first: Option<(&str, &Reading)> = None;
    for (name, reading) in readings {
        if reading.refused() {
            if may_refuse.iter().any(|known| known == name) {
                continue;
            }
            return Some(format!("{name} refuses it: {}", reading.end));
        }
        match first {
            None => first = Some((name, reading)),
            Some((other, known)) => {
                if !same(known, reading) {
                    return Some(format!(
                        "{other} reads {} and {name} reads {}",
                        short(known),
                        short(reading)
                    ));
                }
            }
        }
    }
    first
        .is_none()
        .then(|| "every reader refuses it".to_owned())
}

fn same(one: &Reading, two: &Reading) -> bool {
    let sorted = |reading: &Reading| {
        let mut messages = reading.messages.clone();
        for message in &mut messages {
            message.fields.sort();
        }
        messages
    };
    one.end == two.end && sorted(one) == sorted(two)
}

fn short(reading: &Reading) -> String {
    let messages: Vec<String> = reading
        .messages
        .iter()
        .map(|message| {
            format!(
                "{} ({} fields, {} bytes)",
                message.start,
                message.fields.len(),
                message.body.len() / 2
            )
        })
        .collect();
    format!("[{}] {}", messages.join(", "), reading.end)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(start: &str, end: &str) -> Reading {
        Reading {
            messages: vec![Message {
                start: start.to_owned(),
                fields: vec![("a".to_owned(), "b".to_owned())],
                body: String::new(),
            }],
            end: end.to_owned(),
        }
    }

    #[test]
    fn readers_that_agree_do_not_differ_and_others_do() {
        let of = |two: Reading| {
            Readings::from([
                ("one".to_owned(), reading("GET /", "clean")),
                ("two".to_owned(), two),
            ])
        };
        assert_eq!(differ(&of(reading("GET /", "clean")), &[]), None);
        assert!(differ(&of(reading("GET /x", "clean")), &[]).is_some());
        assert!(differ(&of(reading("GET /", "incomplete")), &[]).is_some());
        let refused = of(reading("GET /", "error: no"));
        assert!(differ(&refused, &[]).is_some());
        assert_eq!(differ(&refused, &["two".to_owned()]), None);
    }
}
