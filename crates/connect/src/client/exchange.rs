//! One request and one answer on one connection.
//!
//! Owns the bytes: the head that is sent, and the answer as `wire` reads it, within its limits. The
//! connection is not kept. Refuses interim answers without end, encoded bodies (nothing here
//! unpacks), and a body that is longer than the cap or shorter than announced. Trusts no byte of the
//! peer; the time is limited by whoever calls.

use std::io;

use wire::{
    AnswerHead, Asked, BodyFraming, ChunkedDecoder, HeadLimits, HeadWriter, Link, Parsed, Stream,
};

use super::{Fault, Request, Response};

/// The most interim answers (1xx) before the one that counts.
const INTERIM: usize = 4;

/// Status line 2 KiB, fields 32 KiB, 100 of them.
const LIMITS: HeadLimits = HeadLimits {
    line: 2 << 10,
    block: 32 << 10,
    ..HeadLimits::ANSWER
};

/// Bytes that are read ahead of a body.
const AHEAD: usize = 64 << 10;

/// Sends the request and reads the answer, with a body of at most `cap` bytes.
pub(super) async fn exchange<S: Stream>(
    mut link: Link<S>,
    request: &Request,
    cap: usize,
) -> Result<Response, Fault> {
    write(request, link.output.begin()).map_err(Fault::Send)?;
    link.drain().await.map_err(Fault::Send)?;
    let (mut response, framing) = head(&mut link, request).await?;
    response.body = match framing {
        BodyFraming::None => Vec::new(),
        BodyFraming::Length(length) => measured(&mut link, length, cap).await?,
        BodyFraming::Chunked => chunked(&mut link, cap).await?,
        BodyFraming::UntilClose => until_close(&mut link, cap).await?,
    };
    Ok(response)
}

fn write(request: &Request, out: &mut Vec<u8>) -> io::Result<()> {
    let target = request.target.path_and_query().as_bytes();
    let authority = request.target.destination().authority();
    let mut head = HeadWriter::new(out);
    let mut write = || {
        head.request_line(request.method.name(), target)?;
        head.field(b"host", authority.as_bytes())?;
        head.field(b"connection", b"close")?;
        head.field(b"accept-encoding", b"identity")?;
        for field in &request.fields {
            head.field(field.name(), field.value())?;
        }
        if let Some(body) = &request.body {
            head.field(b"content-type", body.kind.as_bytes())?;
            head.number(b"content-length", body.bytes.expose().len() as u64)?;
        }
        Ok::<_, wire::WriteFault>(())
    };
    write().map_err(io::Error::other)?;
    head.end();
    if let Some(body) = &request.body {
        out.extend_from_slice(body.bytes.expose());
    }
    Ok(())
}

/// Reads heads until one is not interim.
async fn head<S: Stream>(
    link: &mut Link<S>,
    request: &Request,
) -> Result<(Response, BodyFraming), Fault> {
    let asked = Asked {
        method: request.method.wire(),
        upgrade: false,
    };
    let mut head = Box::new(AnswerHead::new());
    for _ in 0..=INTERIM {
        head.clear();
        let length = loop {
            let parsed = head.parse(link.input.unread(), &LIMITS, asked);
            match parsed.map_err(Fault::Malformed)? {
                Parsed::Complete { len } => break len,
                Parsed::Incomplete => more(link, LIMITS.largest() + AHEAD).await?,
            }
        };
        let answer = head.answer(link.input.unread());
        let found = (!answer.is_interim()).then(|| {
            let fields = answer.fields().map(|field| {
                let name = String::from_utf8_lossy(field.name()).to_ascii_lowercase();
                (name.into_boxed_str(), field.value().to_vec())
            });
            let response = Response {
                status: answer.status(),
                target: request.target.clone(),
                fields: fields.collect(),
                body: Vec::new(),
            };
            (response, answer.framing())
        });
        link.input.consume(length);
        if let Some((response, framing)) = found {
            let plain = |value: &[u8]| value.eq_ignore_ascii_case(b"identity");
            if !response.every("content-encoding", plain) {
                return Err(Fault::Encoded);
            }
            return Ok((response, framing));
        }
    }
    Err(Fault::Interim)
}

/// Waits for more bytes of an answer that is not over.
async fn more<S: Stream>(link: &mut Link<S>, cap: usize) -> Result<(), Fault> {
    match link.fill(cap).await {
        Ok(0) => Err(Fault::Truncated),
        Ok(_) => Ok(()),
        Err(cause) => Err(received(cause)),
    }
}

/// A connection under TLS that ends without saying so was cut by whoever stands between.
fn received(cause: io::Error) -> Fault {
    match cause.kind() {
        io::ErrorKind::UnexpectedEof => Fault::Truncated,
        _ => Fault::Receive(cause),
    }
}

/// Moves what has arrived to the body, up to `most` bytes; answers how many.
fn take<S: Stream>(link: &mut Link<S>, body: &mut Vec<u8>, most: usize) -> usize {
    let unread = link.input.unread();
    let bytes = unread.get(..most).unwrap_or(unread);
    body.extend_from_slice(bytes);
    let count = bytes.len();
    link.input.consume(count);
    count
}

async fn measured<S: Stream>(
    link: &mut Link<S>,
    length: u64,
    cap: usize,
) -> Result<Vec<u8>, Fault> {
    let length = usize::try_from(length)
        .ok()
        .filter(|length| *length <= cap)
        .ok_or(Fault::TooLarge(cap))?;
    let mut body = Vec::new();
    loop {
        let left = length - body.len();
        take(link, &mut body, left);
        if body.len() == length {
            return Ok(body);
        }
        more(link, AHEAD).await?;
    }
}

async fn chunked<S: Stream>(link: &mut Link<S>, cap: usize) -> Result<Vec<u8>, Fault> {
    let mut decoder = ChunkedDecoder::new();
    let mut body = Vec::new();
    loop {
        let input = link.input.unread();
        let step = decoder.next(input).map_err(Fault::Malformed)?;
        body.extend_from_slice(input.get(step.data.clone()).unwrap_or_default());
        if body.len() > cap {
            return Err(Fault::TooLarge(cap));
        }
        link.input.consume(step.consumed);
        if step.done {
            return Ok(body);
        }
        if step.data.is_empty() {
            more(link, AHEAD).await?;
        }
    }
}

async fn until_close<S: Stream>(link: &mut Link<S>, cap: usize) -> Result<Vec<u8>, Fault> {
    let mut body = Vec::new();
    loop {
        take(link, &mut body, usize::MAX);
        if body.len() > cap {
            return Err(Fault::TooLarge(cap));
        }
        if link.fill(AHEAD).await.map_err(received)? == 0 {
            return Ok(body);
        }
    }
}

#[cfg(test)]
mod tests;
