use std::io::Cursor;

use super::*;

fn pdf(body: &str) -> Vec<u8> {
    format!("%PDF-1.7\n{body}\nxref\n0 1\ntrailer\n<< /Root 1 0 R >>\nstartxref\n9\n%%EOF\n")
        .into_bytes()
}

fn run(bytes: &[u8]) -> Result<(), UploadRefusal> {
    judge(&mut Cursor::new(bytes.to_vec()))
}

fn code(bytes: &[u8]) -> &'static str {
    run(bytes).map_or_else(|refusal| refusal.code(), |()| "accepted")
}

fn object_stream(inner: &[u8], dictionary: &str) -> Vec<u8> {
    let coded = miniz_oxide::deflate::compress_to_vec_zlib(inner, 6);
    let head = format!(
        "1 0 obj\n<< {dictionary} /Length {} >>\nstream\n",
        coded.len()
    );
    let body = [head.as_bytes(), &coded, b"\nendstream\nendobj"].concat();
    let mut out = b"%PDF-1.7\n".to_vec();
    out.extend_from_slice(&body);
    out.extend_from_slice(b"\nstartxref\n9\n%%EOF");
    out
}

const GOOD: &str = "1 0 obj\n<< /Type /Catalog /Note (a \\) b (c)) /Id <00 ff> >>\nendobj\n\
    2 0 obj\n<< /Length 5 >>\nstream\nhello\nendstream\nendobj";

#[test]
fn a_plain_document_is_accepted() {
    assert_eq!(run(&pdf(GOOD)), Ok(()));
    let flate = "/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode";
    assert_eq!(run(&object_stream(b"2 0 << /Type /Page >>", flate)), Ok(()));
    let listed = "/Type /ObjStm /N 1 /First 4 /Filter [/FlateDecode]";
    assert_eq!(
        run(&object_stream(b"2 0 << /Type /Page >>", listed)),
        Ok(())
    );
}

#[test]
fn every_active_name_is_found_however_it_is_written() {
    for name in ACTIVE.into_iter().chain(["OpenAction"]) {
        let body = format!("1 0 obj << /A /{name} >> endobj");
        assert_eq!(code(&pdf(&body)), "pdf-active", "{name}");
        let escaped: String = name.bytes().map(|byte| format!("#{byte:02x}")).collect();
        let body = format!("1 0 obj << /A/{escaped}/B 1 >> endobj");
        assert_eq!(code(&pdf(&body)), "pdf-active", "{escaped}");
        let inner = format!("2 0 << /S /{name} >>");
        let flate = "/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode";
        assert_eq!(
            code(&object_stream(inner.as_bytes(), flate)),
            "pdf-active",
            "{name} inside"
        );
    }
    for harmless in ["JSX", "Launcher", "js", "A#41#41"] {
        assert_eq!(
            code(&pdf(&format!("1 0 obj << /{harmless} 1 >> endobj"))),
            "accepted"
        );
    }
}

#[test]
fn opening_at_a_place_is_no_action() {
    let opening = |value: &str| code(&pdf(&format!("1 0 obj << /OpenAction {value} >> endobj")));
    assert_eq!(opening("[3 0 R /Fit]"), "accepted");
    assert_eq!(opening("[3 0 R /JS]"), "pdf-active");
    for value in ["<< /S /URI >>", "5 0 R", "/Name", "(text)"] {
        assert_eq!(opening(value), "pdf-active", "{value}");
    }
}

#[test]
fn what_cannot_be_seen_is_refused() {
    let inner = b"2 0 << /S /JS >>";
    for dictionary in [
        "/Type /ObjStm /N 1 /First 4 /Filter /LZWDecode",
        "/Type /ObjStm /N 1 /First 4 /Filter [/FlateDecode /FlateDecode]",
        "/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode /DecodeParms << /Predictor 12 >>",
        "/N 1 /First 4 /Filter /Crypt",
        "/N 1 /First 4 /Filter 9 0 R",
        "/N 1 /First 4 /Filter [9 0 R]",
    ] {
        assert_eq!(
            code(&object_stream(inner, dictionary)),
            "pdf-hidden",
            "{dictionary}"
        );
    }
    assert_eq!(
        code(&pdf("1 0 obj << /Encrypt 2 0 R >> endobj")),
        "pdf-encrypted"
    );
}

#[test]
fn an_object_within_other_things_is_refused() {
    for body in [
        "1 0 obj (text 7 0 obj << >>) endobj",
        "1 0 obj 1 endobj % 7 0 obj",
        "1 0 obj << /Length 12 >>\nstream\n7 0\nobj <<>>\nendstream endobj",
    ] {
        assert_eq!(code(&pdf(body)), "pdf-hidden", "{body}");
    }
}

#[test]
fn broken_structure_is_refused() {
    for (bytes, expected) in [
        (
            pdf("1 0 obj << /Length 99 >>\nstream\nhello\nendstream\nendobj"),
            "file-broken",
        ),
        (
            pdf("1 0 obj << /Length 1 >>\nstream\nhello\nendstream\nendobj"),
            "file-broken",
        ),
        (pdf("1 0 obj << /A 1 endobj"), "file-broken"),
        (pdf("1 0 obj >> endobj"), "file-broken"),
        (pdf("1 0 obj (a endobj"), "file-broken"),
        (pdf("1 0 obj <zz> endobj"), "file-broken"),
        (pdf(&"[".repeat(300)), "file-broken"),
        (pdf(""), "file-broken"),
        (b"%PDF-9.9\n".to_vec(), "file-broken"),
        (b"%PDF-1.7\n1 0 obj 1 endobj".to_vec(), "file-truncated"),
        ([&pdf(GOOD)[..], b"more"].concat(), "file-trailing"),
        ([&pdf(GOOD)[..], b"\0\n"].concat(), "accepted"),
        (
            [&pdf(GOOD)[..], b"3 0 obj 1 endobj\nstartxref\n1\n%%EOF"].concat(),
            "accepted",
        ),
    ] {
        assert_eq!(
            code(&bytes),
            expected,
            "{:?}",
            bytes.escape_ascii().to_string()
        );
    }
}

#[test]
fn object_streams_that_grow_without_end_are_refused() {
    let flate = "/Type /ObjStm /N 1 /First 4 /Filter /FlateDecode";
    let many = |count: usize, size: usize| {
        let one = object_stream(&vec![b' '; size], flate);
        let body = &one[b"%PDF-1.7\n".len()..one.len() - b"\nstartxref\n9\n%%EOF".len()];
        let bodies = [body, b"\n"].concat().repeat(count);
        [b"%PDF-1.7\n", &bodies[..], b"startxref\n9\n%%EOF"].concat()
    };
    assert_eq!(
        code(&many(1, (16 << 20) + 1)),
        "pdf-hidden",
        "one too large"
    );
    assert_eq!(code(&many(17, 4 << 20)), "pdf-hidden", "too many together");
    assert_eq!(code(&many(2, 4 << 20)), "accepted");
}
