//! The form around the files.

use super::*;

pub(super) fn rows() -> Vec<Bad> {
    let part = |head: &str| {
        Upload::Form(format!("--XX\r\n{head}\r\n\r\n{CSV}\r\n--XX--\r\n").into_bytes())
    };
    let whole = form(b"a.csv", "text/csv", CSV.as_bytes());
    let t = || Upload::Form(whole.clone());
    let name = "Content-Disposition: form-data; name=\"f\"; filename=\"a.csv\"";
    let two = &whole[..whole.len() - "--XX--\r\n".len()];
    vec![
        row(
            "bytes before a form",
            Upload::Form([b"x\r\n", &whole[..]].concat()),
            "multipart-preamble",
            "the upload has bytes before its first part",
            t(),
        ),
        row(
            "bytes behind a form",
            Upload::Form([&whole[..], b"x"].concat()),
            "multipart-epilogue",
            "the upload has bytes behind its last part",
            t(),
        ),
        row(
            "form without end",
            Upload::Form(whole[..whole.len() - 5].to_vec()),
            "multipart-unfinished",
            "the upload ended early, in part 1",
            t(),
        ),
        row(
            "empty form",
            Upload::Form(b"--XX--\r\n".to_vec()),
            "multipart-no-parts",
            "the upload has no parts",
            t(),
        ),
        row(
            "padded boundary",
            Upload::Form([two, b"--XX \r\n"].concat()),
            "multipart-boundary-line",
            "a boundary line of the upload is malformed (part 2)",
            t(),
        ),
        row(
            "second name of a file",
            part(&format!("{name}; filename*=UTF-8''b.exe")),
            "part-filename-star",
            "part 1 gives its file name in a second, forbidden form",
            part(name),
        ),
        row(
            "file name twice",
            part(&format!("{name}; filename=\"b.csv\"")),
            "part-parameter",
            "a parameter of part 1 is malformed, doubled or unknown",
            part(name),
        ),
        row(
            "header twice",
            part(&format!("{name}\r\n{name}")),
            "part-head-twice",
            "a header of part 1 stands twice",
            part(name),
        ),
        row(
            "base64",
            part(&format!("{name}\r\nContent-Transfer-Encoding: base64")),
            "part-transfer-encoding",
            "part 1 is encoded in a way that form uploads do not use",
            part(&format!("{name}\r\nContent-Transfer-Encoding: binary")),
        ),
        row(
            "form within a form",
            part(&format!("{name}\r\nContent-Type: multipart/mixed")),
            "part-nested",
            "part 1 is itself a bundle of parts",
            part(name),
        ),
        row(
            "other header",
            part(&format!("{name}\r\nX-Path: /")),
            "part-head-unknown",
            "part 1 has a header that form uploads do not have",
            part(name),
        ),
        row(
            "attachment",
            part("Content-Disposition: attachment; filename=a.csv"),
            "part-disposition",
            "part 1 is not form data",
            part(name),
        ),
        row(
            "three files",
            Upload::Form([two, two, &whole].concat()),
            "too-many-files",
            "more than 2 files in one upload",
            Upload::Form([two, &whole].concat()),
        ),
        row(
            "long field",
            Upload::Form(
                format!(
                    "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n{}\r\n--XX--",
                    "x".repeat(101)
                )
                .into_bytes(),
            ),
            "field-too-large",
            "form field 1 is longer than 100 bytes",
            Upload::Form(
                format!(
                    "--XX\r\nContent-Disposition: form-data; name=a\r\n\r\n{}\r\n--XX--",
                    "x".repeat(100)
                )
                .into_bytes(),
            ),
        ),
        row(
            "large file",
            of(
                Kind::Pdf,
                &[&b"%PDF-1.7\n"[..], &vec![b' '; 5_000_000]].concat(),
            ),
            "file-too-large",
            "the file is larger than 5000000 bytes",
            twin(Kind::Pdf),
        ),
    ]
}
