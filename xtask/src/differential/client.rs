//! A client that writes what it is told, byte by byte.
//!
//! Owns one connection at a time and what comes back on it. Knows of HTTP only when an answer is
//! over. Every wait has an end: a server that neither answers nor closes is a finding, not a hang.

use std::{
    io::{self, Read as _, Write as _},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::Duration,
};

use super::{message, script::Step};
use crate::clock::clock;

/// Most bytes that are read of one connection.
const LARGEST: usize = 64 << 20;

/// How a connection ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The server closed it.
    Closed,
    /// The server reset it.
    Reset,
    /// It was still open when waiting ended.
    Open,
}

/// What came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Heard {
    pub(super) bytes: Vec<u8>,
    pub(super) end: End,
    /// Which of the answers are those to HEAD.
    pub(super) headless: Vec<bool>,
}

/// What is waited for once everything is sent.
#[derive(Clone, Copy, Debug)]
pub(super) enum Wait {
    /// So many answers, then the end of the connection.
    Answers(usize),
    /// The end of the connection alone, which the server decides on.
    End,
    /// Silence for so long, then the end of the connection.
    Silence(Duration),
}

/// How long anything is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long a server of others may take to close behind its last answer.
const FAREWELL: Duration = Duration::from_millis(1500);

/// Sends the script and hears what comes back.
pub(super) fn run(to: SocketAddr, steps: &[Step], wait: Wait) -> io::Result<Heard> {
    let stream = TcpStream::connect_timeout(&to, PATIENCE)?;
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut talk = Talk {
        stream,
        heard: Heard {
            bytes: Vec::new(),
            end: End::Open,
            headless: headless(steps),
        },
    };
    let mut sending = true;
    let mut expected = 0;
    for step in steps {
        match step {
            Step::Bytes(bytes) if sending => sending = talk.stream.write_all(bytes).is_ok(),
            Step::Bytes(_) => {}
            Step::Pause(time) => thread::sleep(*time),
            Step::Answer => {
                expected += 1;
                talk.listen(PATIENCE, |answers| answers >= expected)?;
            }
            Step::Shut => talk.shut(),
            Step::Close => {
                let _ = talk.stream.shutdown(Shutdown::Both);
            }
        }
    }
    match wait {
        Wait::Answers(count) => talk.listen(PATIENCE, |answers| answers >= count)?,
        Wait::End => talk.listen(PATIENCE, |_| false)?,
        Wait::Silence(time) => talk.listen(time, |_| false)?,
    }
    // A server that has answered everything reads the end of the connection where the next request
    // would begin, and closes: what it had to say until then, it has said.
    talk.shut();
    let farewell = match wait {
        Wait::Answers(_) | Wait::End => PATIENCE,
        Wait::Silence(_) => FAREWELL,
    };
    talk.listen(farewell, |_| false)?;
    Ok(talk.heard)
}

/// Which requests of a script ask for a head alone, as far as their first lines tell.
fn headless(steps: &[Step]) -> Vec<bool> {
    steps
        .iter()
        .filter_map(|step| match step {
            Step::Bytes(bytes) => Some(bytes),
            _ => None,
        })
        .flat_map(|bytes| bytes.split(|&byte| byte == b'\n'))
        .filter(|line| line.windows(6).any(|word| word == b" HTTP/"))
        .map(|line| line.starts_with(b"HEAD "))
        .collect()
}

struct Talk {
    stream: TcpStream,
    heard: Heard,
}

impl Talk {
    fn shut(&self) {
        let _ = self.stream.shutdown(Shutdown::Write);
    }

    /// Reads until there are enough answers, the connection ends, or nothing came for `patience`.
    fn listen(&mut self, patience: Duration, enough: impl Fn(usize) -> bool) -> io::Result<()> {
        let mut piece = [0; 16 << 10];
        let begun = clock();
        loop {
            let closed = self.heard.end != End::Open;
            let (answers, _) = message::answers(&self.heard.bytes, &self.heard.headless, closed);
            if closed || enough(answers.len()) || clock() - begun > PATIENCE {
                return Ok(());
            }
            self.stream.set_read_timeout(Some(patience))?;
            match self.stream.read(&mut piece) {
                Ok(0) => self.heard.end = End::Closed,
                Ok(count) if self.heard.bytes.len() < LARGEST => {
                    let piece = piece.get(..count).unwrap_or_default();
                    self.heard.bytes.extend_from_slice(piece);
                }
                Ok(_) => return Ok(()),
                Err(fault) if is_timeout(&fault) => return Ok(()),
                Err(_) => self.heard.end = End::Reset,
            }
        }
    }
}

fn is_timeout(fault: &io::Error) -> bool {
    matches!(
        fault.kind(),
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
    )
}
