use proptest::prelude::*;

use super::*;

const LIMITS: Limits = Limits {
    file: 1 << 20,
    files: 2,
    fields: 2,
    field: 20,
};

#[derive(Debug, Default, PartialEq, Eq)]
struct Seen(Vec<(String, Option<Vec<u8>>, Vec<u8>)>);

impl Sink for Seen {
    fn begin(&mut self, head: &PartHead) -> Result<(), UploadRefusal> {
        self.0
            .push((head.field.clone(), head.file_name.clone(), Vec::new()));
        Ok(())
    }

    fn data(&mut self, bytes: &[u8]) -> Result<(), UploadRefusal> {
        assert!(!bytes.is_empty());
        self.0.last_mut().unwrap().2.extend_from_slice(bytes);
        Ok(())
    }

    fn end(&mut self) -> Result<(), UploadRefusal> {
        Ok(())
    }
}

fn read(body: &[u8]) -> Result<Seen, UploadRefusal> {
    let run = |size: usize| {
        let mut reader = Multipart::new(&Boundary::read(b"XX").unwrap(), LIMITS);
        let mut seen = Seen::default();
        body.chunks(size)
            .try_for_each(|piece| reader.push(piece, &mut seen))?;
        reader.finish().map(|()| seen)
    };
    let whole = run(body.len().max(1));
    for size in 1..body.len().min(40) {
        assert_eq!(run(size), whole, "in pieces of {size}");
    }
    whole
}

fn with_head(head: &str) -> Result<Seen, UploadRefusal> {
    read(format!("--XX\r\n{head}\r\n\r\ndata\r\n--XX--\r\n").as_bytes())
}

const NAME: &str = "Content-Disposition: form-data; name=\"a\"";

#[test]
fn fields_and_files_are_read_in_every_division() {
    let body = b"--XX\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\nhello\r\n--XX\r\n\
        content-disposition: form-data; name=f; filename=\"x y.csv\"\r\nContent-Type: text/csv\r\n\
        Content-Length: 9\r\n\r\na\r\n--X\n\r\n\r\n--XX--";
    let seen = read(body).unwrap();
    assert_eq!(
        seen.0,
        [
            ("a".to_owned(), None, b"hello".to_vec()),
            (
                "f".to_owned(),
                Some(b"x y.csv".to_vec()),
                b"a\r\n--X\n\r\n".to_vec()
            ),
        ]
    );
}

#[test]
fn an_empty_part_has_an_empty_body() {
    let body = format!("--XX\r\n{NAME}\r\n\r\n\r\n--XX--\r\n");
    assert_eq!(read(body.as_bytes()).unwrap().0[0].2, b"");
}

#[test]
fn doubtful_divisions_are_refused() {
    let part = format!("--XX\r\n{NAME}\r\n\r\ndata");
    for (body, refusal) in [
        (String::new(), UploadRefusal::Unfinished { part: 0 }),
        (format!("\r\n{part}\r\n--XX--"), UploadRefusal::Preamble),
        (format!("x\r\n{part}\r\n--XX--"), UploadRefusal::Preamble),
        ("--XX--".to_owned(), UploadRefusal::NoParts),
        (format!("{part}\r\n--XX--x"), UploadRefusal::Epilogue),
        (format!("{part}\r\n--XX--\r"), UploadRefusal::Epilogue),
        (format!("{part}\r\n--XX--\r\n\r\n"), UploadRefusal::Epilogue),
        (part.clone(), UploadRefusal::Unfinished { part: 1 }),
        (
            format!("{part}\r\n--XX"),
            UploadRefusal::Unfinished { part: 1 },
        ),
        (
            format!("{part}\r\n--XX-"),
            UploadRefusal::Unfinished { part: 1 },
        ),
        (
            format!("{part}\n--XX--"),
            UploadRefusal::BoundaryLine { part: 1 },
        ),
        (
            format!("{part}\r\n--XXY"),
            UploadRefusal::BoundaryLine { part: 2 },
        ),
        (
            format!("{part}\r\n--XX \r\n"),
            UploadRefusal::BoundaryLine { part: 2 },
        ),
        (
            format!("{part}\r\n--XX\n"),
            UploadRefusal::BoundaryLine { part: 2 },
        ),
        (
            format!("--XX\r\n{NAME}\r\n\r\n--XX--"),
            UploadRefusal::BoundaryLine { part: 1 },
        ),
    ] {
        assert_eq!(read(body.as_bytes()), Err(refusal), "{body:?}");
    }
}

#[test]
fn heads_have_what_a_form_needs_and_no_more() {
    let part = 1;
    for (head, refusal) in [
        (
            "Content-Type: text/csv".to_owned(),
            UploadRefusal::Disposition { part },
        ),
        (
            "Content-Disposition: attachment; name=a".to_owned(),
            UploadRefusal::Disposition { part },
        ),
        (
            "Content-Disposition: form-data".to_owned(),
            UploadRefusal::FieldName { part },
        ),
        (
            "Content-Disposition: form-data; name=\"\"".to_owned(),
            UploadRefusal::FieldName { part },
        ),
        (
            format!("{NAME}; name=\"b\""),
            UploadRefusal::DispositionParameter { part },
        ),
        (
            format!("{NAME}; size=1"),
            UploadRefusal::DispositionParameter { part },
        ),
        (
            format!("{NAME}; filename=\"a\\\"b\""),
            UploadRefusal::DispositionParameter { part },
        ),
        (
            format!("{NAME}; filename=\"a"),
            UploadRefusal::DispositionParameter { part },
        ),
        (
            format!("{NAME} x"),
            UploadRefusal::DispositionParameter { part },
        ),
        (
            format!("{NAME}; filename=x; filename=y"),
            UploadRefusal::DispositionParameter { part },
        ),
        (
            format!("{NAME}; filename*=UTF-8''x"),
            UploadRefusal::FilenameStar { part },
        ),
        (
            format!("{NAME}\r\n{NAME}"),
            UploadRefusal::PartHeadTwice { part },
        ),
        (
            format!("{NAME}\r\nX-Other: 1"),
            UploadRefusal::PartHeadUnknown { part },
        ),
        (
            format!("{NAME}\r\n folded"),
            UploadRefusal::PartHeadSyntax { part },
        ),
        (
            format!("{NAME}\r\nContent-Type : a"),
            UploadRefusal::PartHeadSyntax { part },
        ),
        (
            format!("{NAME}\nContent-Type: a"),
            UploadRefusal::PartHeadSyntax { part },
        ),
        (format!("{NAME}\0"), UploadRefusal::PartHeadSyntax { part }),
        (
            format!("{NAME}\r\nContent-Length: 5"),
            UploadRefusal::PartHeadSyntax { part },
        ),
        (
            format!("{NAME}\r\nContent-Transfer-Encoding: base64"),
            UploadRefusal::TransferEncoding { part },
        ),
        (
            format!("{NAME}\r\nContent-Type: multipart/mixed; boundary=y"),
            UploadRefusal::NestedMultipart { part },
        ),
        (
            format!("{NAME}; filename={}", "a".repeat(HEAD)),
            UploadRefusal::PartHeadTooLarge { part, limit: HEAD },
        ),
    ] {
        assert_eq!(with_head(&head), Err(refusal), "{head:?}");
    }
    for head in [
        NAME.to_owned(),
        format!("{NAME}; filename=\"\""),
        format!("{NAME}\r\nContent-Length: 4"),
        format!("{NAME}\r\nContent-Transfer-Encoding: Binary"),
    ] {
        assert_eq!(with_head(&head).unwrap().0.len(), 1, "{head:?}");
    }
    assert_eq!(
        read(b"--XX\r\n\r\n\r\n--XX--"),
        Err(UploadRefusal::Disposition { part })
    );
}

#[test]
fn counts_and_sizes_of_fields_are_limited() {
    let part = |text: &str| format!("--XX\r\n{NAME}\r\n\r\n{text}\r\n");
    let body = [part("1"), part("2"), "--XX--".to_owned()].concat();
    assert_eq!(read(body.as_bytes()).unwrap().0.len(), 2);
    let body = [part("1"), part("2"), part("3"), "--XX--".to_owned()].concat();
    assert_eq!(
        read(body.as_bytes()),
        Err(UploadRefusal::TooManyFields { limit: 2 })
    );
    let body = [part(&"x".repeat(20)), "--XX--".to_owned()].concat();
    assert!(read(body.as_bytes()).is_ok());
    let body = [part(&"x".repeat(21)), "--XX--".to_owned()].concat();
    assert_eq!(
        read(body.as_bytes()),
        Err(UploadRefusal::FieldTooLarge { part: 1, limit: 20 })
    );
    // The first fault is the same in every division.
    let body = [part(&"x".repeat(21)).trim_end(), "\n--XX--"].concat();
    assert_eq!(
        read(body.as_bytes()),
        Err(UploadRefusal::FieldTooLarge { part: 1, limit: 20 })
    );
    let file = format!("--XX\r\n{NAME}; filename=\"a\"\r\n\r\n\r\n");
    let body = [file.as_str(), &file, &file, "--XX--"].concat();
    assert_eq!(
        read(body.as_bytes()),
        Err(UploadRefusal::TooManyFiles { limit: 2 })
    );
}

proptest! {
    #[test]
    fn a_written_body_is_read_back(
        data in proptest::collection::vec(proptest::sample::select(&b"\r\n--XYab"[..]), 0..60)
    ) {
        let head = format!("--XX\r\n{NAME}; filename=\"a\"\r\n\r\n");
        let body = [head.as_bytes(), &data, b"\r\n--XX--\r\n"].concat();
        let clash = memmem::find(&[b"\n", &data[..]].concat(), b"\n--XX").is_some();
        match read(&body) {
            Ok(seen) => {
                prop_assert!(!clash);
                prop_assert_eq!(&seen.0[0].2, &data);
            }
            Err(refusal) => prop_assert!(clash, "{refusal:?}"),
        }
    }
}
