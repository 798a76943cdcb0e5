//! An HTTP/2 request as the one reader of requests is given it.
//!
//! Owns the way from decoded fields (RFC 9113, section 8.3) to the head of an HTTP/1.1 request of the
//! same meaning, so that both versions are judged by the same parser and the same stages. Refuses what
//! has no such head: no path, another scheme than that of the connection, fields that speak of a
//! connection, values with blanks around them. Trusts the decoder that names and values are of the
//! bytes `http` allows, and the reader behind it to refuse whatever is ambiguous: two hosts, two
//! lengths, an authority that is none.

use http::{HeaderMap, HeaderValue, Method, header, request};

/// How the body of a request comes to its reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Framing {
    /// There is none.
    None,
    /// As it is: this many bytes were announced.
    Length(u64),
    /// In chunks, because nothing was announced.
    Chunked,
}

/// A request that has no equal in HTTP/1.1 (RFC 9113, section 8.1.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Malformed;

/// Fields that speak of one connection, which HTTP/2 has not (RFC 9113, section 8.2.2).
const OF_CONNECTION: &[&str] = &[
    "connection",
    "http2-settings",
    "keep-alive",
    "proxy-connection",
    "transfer-encoding",
    "upgrade",
];

/// The head of a request for which nothing follows on its connection. `ends` says that it has no body.
///
/// # Errors
/// [`Malformed`]: the stream is to be reset.
pub(super) fn write(head: &request::Parts, ends: bool) -> Result<(Vec<u8>, Framing), Malformed> {
    let uri = &head.uri;
    if uri.scheme_str().is_some_and(|scheme| scheme != "https") {
        return Err(Malformed);
    }
    let authority = uri.authority().map(http::uri::Authority::as_str);
    let target = match uri.path_and_query() {
        _ if head.method == Method::CONNECT => authority,
        Some(target) => Some(target.as_str()),
        None => None,
    };
    let target = target
        .filter(|target| {
            target.starts_with('/') || *target == "*" || head.method == Method::CONNECT
        })
        .ok_or(Malformed)?;
    let mut out = Vec::with_capacity(512);
    out.extend_from_slice(head.method.as_str().as_bytes());
    out.push(b' ');
    out.extend_from_slice(target.as_bytes());
    // One reader for one request: whatever else came with it can never be taken for a second one.
    out.extend_from_slice(b" HTTP/1.1\r\nconnection: close\r\n");
    if let Some(authority) = authority {
        line(&mut out, b"host", authority.as_bytes())?;
    }
    fields(&mut out, &head.headers, authority)?;
    let framing = match head.headers.get(header::CONTENT_LENGTH) {
        _ if ends => Framing::None,
        Some(length) => Framing::Length(number(length)),
        None => {
            line(&mut out, b"transfer-encoding", b"chunked")?;
            Framing::Chunked
        }
    };
    out.extend_from_slice(b"\r\n");
    Ok((out, framing))
}

fn fields(
    out: &mut Vec<u8>,
    headers: &HeaderMap,
    authority: Option<&str>,
) -> Result<(), Malformed> {
    for (name, value) in headers {
        if OF_CONNECTION.contains(&name.as_str()) {
            return Err(Malformed);
        }
        match *name {
            // Written below as the one field that it was (RFC 9113, section 8.2.3); "trailers" is all
            // that may be said here, and trailers are not passed on.
            header::COOKIE | header::TE => {}
            header::HOST if authority.is_some_and(|host| is(value, host)) => {}
            _ => line(out, name.as_str().as_bytes(), value.as_bytes())?,
        }
    }
    let mut crumbs = headers.get_all(header::COOKIE).iter();
    if let Some(first) = crumbs.next() {
        out.extend_from_slice(b"cookie: ");
        out.extend_from_slice(trimmed(first.as_bytes())?);
        for crumb in crumbs {
            out.extend_from_slice(b"; ");
            out.extend_from_slice(trimmed(crumb.as_bytes())?);
        }
        out.extend_from_slice(b"\r\n");
    }
    Ok(())
}

fn line(out: &mut Vec<u8>, name: &[u8], value: &[u8]) -> Result<(), Malformed> {
    out.extend_from_slice(name);
    out.extend_from_slice(b": ");
    out.extend_from_slice(trimmed(value)?);
    out.extend_from_slice(b"\r\n");
    Ok(())
}

/// A value that neither begins nor ends with a blank, nor ends its line (RFC 9113, section 8.2.1).
fn trimmed(value: &[u8]) -> Result<&[u8], Malformed> {
    let blank = |byte: &u8| matches!(byte, b' ' | b'\t');
    let padded = value.first().is_some_and(blank) || value.last().is_some_and(blank);
    let broken = value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0));
    if padded || broken {
        Err(Malformed)
    } else {
        Ok(value)
    }
}

fn is(value: &HeaderValue, host: &str) -> bool {
    value.as_bytes().eq_ignore_ascii_case(host.as_bytes())
}

/// An announced length. Zero for what is none: its reader refuses that head.
fn number(value: &HeaderValue) -> u64 {
    let text = value.to_str().unwrap_or_default();
    text.parse().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use http::Request;

    use super::*;

    fn written(request: request::Builder, ends: bool) -> Result<(String, Framing), Malformed> {
        let (head, ()) = request.body(()).unwrap().into_parts();
        let (bytes, framing) = write(&head, ends)?;
        Ok((String::from_utf8(bytes).unwrap(), framing))
    }

    fn get(uri: &str) -> request::Builder {
        Request::get(uri)
    }

    #[test]
    fn a_request_becomes_a_head_of_the_same_meaning() {
        let request = get("https://gate.test/a?b=c")
            .header("cookie", "a=1")
            .header("te", "trailers")
            .header("cookie", "b=2")
            .header("host", "GATE.test")
            .header("accept", "*/*");
        let expected = "GET /a?b=c HTTP/1.1\r\nconnection: close\r\nhost: gate.test\r\n\
                        accept: */*\r\ncookie: a=1; b=2\r\n\r\n";
        let (text, framing) = written(request, true).unwrap();
        assert_eq!((text.as_str(), framing), (expected, Framing::None));
    }

    #[test]
    fn bodies_keep_their_length_or_come_in_chunks() {
        let (text, framing) = written(Request::post("https://gate.test/"), false).unwrap();
        assert!(text.ends_with("transfer-encoding: chunked\r\n\r\n"));
        assert_eq!(framing, Framing::Chunked);
        let announced = Request::post("https://gate.test/").header("content-length", "7");
        let (text, framing) = written(announced, false).unwrap();
        assert!(text.contains("content-length: 7\r\n") && !text.contains("chunked"));
        assert_eq!(framing, Framing::Length(7));
    }

    #[test]
    fn another_host_beside_the_authority_is_left_for_the_reader_to_refuse() {
        let request = get("https://gate.test/").header("host", "other.test");
        let (text, _) = written(request, true).unwrap();
        assert!(text.contains("host: gate.test\r\n") && text.contains("host: other.test\r\n"));
    }

    #[test]
    fn what_has_no_equal_is_malformed() {
        assert!(written(get("https://gate.test/"), true).is_ok());
        assert_eq!(written(get("http://gate.test/"), true), Err(Malformed));
        for name in OF_CONNECTION {
            let request = get("https://gate.test/").header(*name, "x");
            assert_eq!(written(request, true), Err(Malformed), "{name}");
        }
        for value in [" x", "x ", "\tx", "x\t"] {
            let request = get("https://gate.test/").header("x-a", value);
            assert_eq!(written(request, true), Err(Malformed), "{value:?}");
            let request = get("https://gate.test/").header("cookie", value);
            assert_eq!(written(request, true), Err(Malformed), "{value:?}");
        }
    }
}
