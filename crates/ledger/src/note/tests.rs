use proptest::prelude::*;

use super::*;

// Keys, text and signatures of Go's note package
// (golang.org/x/mod/sumdb/note, note.go and note_test.go).
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETER_SIGNER: &str =
    "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const ENOCH: &str = "EnochRoot+af0cfe78+ATtqJ7zOtqQtYqOo0CpvDXNlMhV3HeJDpjrASKGLWdop";
const TEXT: &str = "If you think cryptography is the answer to your problem,\n\
                    then you don't know what your problem is.\n";
const PETER_LINE: &str = "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
const ENOCH_LINE: &str = "— EnochRoot rwz+eBzmZa0SO3NbfRGzPCpDckykFXSdeX+MNtCOXm2/5n2tiOHp+vAF1aGrQ5ovTG01oOTGwnWLox33WWd1RvMc+QQ=\n";

fn key(text: &str) -> VerifierKey {
    VerifierKey::parse(text).unwrap()
}

#[test]
fn the_example_of_the_go_package_signs_to_the_same_bytes() {
    let signer = SignerKey::parse(PETER_SIGNER).unwrap();
    assert_eq!(signer.verifier().to_string(), PETER);
    assert_eq!(signer.sign(TEXT), format!("{TEXT}\n{PETER_LINE}"));
}

#[test]
fn the_examples_of_the_go_package_verify_and_unknown_signatures_are_ignored() {
    let note = Note::parse(&format!("{TEXT}\n{PETER_LINE}{ENOCH_LINE}")).unwrap();
    assert_eq!(note.verify(&key(PETER)), Ok(TEXT));
    assert_eq!(note.verify(&key(ENOCH)), Ok(TEXT));
    let note = Note::parse(&format!("{TEXT}\n{PETER_LINE}")).unwrap();
    assert_eq!(
        note.verify(&key(ENOCH)),
        Err(NoteError::Unsigned("EnochRoot".to_owned()))
    );
}

#[test]
fn a_known_key_with_a_wrong_signature_fails_the_whole_note() {
    let altered = TEXT.replace("answer", "question");
    let note = Note::parse(&format!("{altered}\n{PETER_LINE}{ENOCH_LINE}")).unwrap();
    assert_eq!(
        note.verify(&key(PETER)),
        Err(NoteError::BadSignature("PeterNeumann".to_owned()))
    );
    let doubled = format!(
        "{TEXT}\n{PETER_LINE}{}",
        PETER_LINE.replace("JnAM=", "JnAI=")
    );
    let note = Note::parse(&doubled);
    assert!(note.is_err() || note.unwrap().verify(&key(PETER)).is_err());
}

/// The malformed notes of note_test.go.
#[test]
fn notes_of_another_form_are_refused() {
    let cut = PETER_LINE.trim_end();
    for note in [
        TEXT.to_owned(),
        format!("{TEXT}\n"),
        format!("{TEXT}\n{cut}"),
        format!("\u{1}{TEXT}\n{PETER_LINE}"),
        format!("{TEXT}\n{}", PETER_LINE.replace("PeterNeumann", "Bad Name")),
        format!("{TEXT}\n{PETER_LINE}Unexpected line.\n"),
        format!("{TEXT}\n{}", PETER_LINE.repeat(SIGNATURE_LIMIT + 1)),
        format!("{TEXT}{PETER_LINE}"),
    ] {
        assert_eq!(Note::parse(&note), Err(NoteError::Malformed), "{note}");
    }
    assert!(Note::parse(&format!("{TEXT}\n{}", PETER_LINE.repeat(16))).is_ok());
}

/// As TestNewVerifier of note_test.go: every cut and every raised byte of a key is refused.
#[test]
fn mangled_keys_are_refused() {
    for text in [PETER, PETER_SIGNER] {
        for from in 0..text.len() {
            for to in from..text.len() {
                let cut = &text[from..to];
                assert!(VerifierKey::parse(cut).is_err() && SignerKey::parse(cut).is_err());
            }
        }
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] += 1;
            let mangled = String::from_utf8(bytes).unwrap();
            assert!(VerifierKey::parse(&mangled).is_err(), "{mangled}");
            assert!(SignerKey::parse(&mangled).is_err());
        }
    }
    for text in [
        "PeterNeumann+cc469956+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TWBADKEY==",
        "PeterNeumann+173116ae+ZRpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW",
    ] {
        assert!(VerifierKey::parse(text).is_err());
    }
}

#[test]
fn a_signer_key_reads_back_and_does_not_show_itself() {
    let text = SignerKey::text("a.example/b", &[7; 32]).unwrap();
    let signer = SignerKey::parse(&text).unwrap();
    assert!(!format!("{signer:?}").contains(&base64(&[7; 30])));
    let note = Note::parse(&signer.sign("x\n")).unwrap();
    assert_eq!(note.verify(signer.verifier()), Ok("x\n"));
    assert!(SignerKey::text("a b", &[7; 32]).is_err());
}

proptest! {
    #[test]
    fn a_note_reads_back_whatever_its_text(lines in prop::collection::vec("[^\\x00-\\x1f]{0,20}", 0..6)) {
        let mut text = lines.join("\n");
        text.push('\n');
        let signer = SignerKey::from_seed("n", [1; 32]).unwrap();
        let note = Note::parse(&signer.sign(&text)).unwrap();
        prop_assert_eq!(note.verify(signer.verifier()), Ok(text.as_str()));
    }

    #[test]
    fn no_text_brings_the_parser_down(text in "\\PC{0,40}(\n\n)?(— a b\n)?") {
        let _ = (Note::parse(&text), VerifierKey::parse(&text), SignerKey::parse(&text));
    }
}
