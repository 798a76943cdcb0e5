use std::sync::LazyLock;

use super::*;

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::built_in().unwrap());

fn read(text: &str) -> Result<Document, Faults> {
    Document::read("SECURITY.md", text, &CATALOGUE)
}

fn sentences(text: &str) -> Vec<(String, String)> {
    read(text)
        .unwrap()
        .sentences
        .into_iter()
        .map(|s| (s.asked.promise, s.asked.sentence))
        .collect()
}

fn fault(text: &str) -> Fault {
    let faults = read(text).unwrap_err().faults;
    assert_eq!(faults.len(), 1, "{faults:?}");
    faults.into_iter().next().unwrap()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
        .collect()
}

#[test]
fn an_anchor_covers_its_block_or_what_follows_the_previous_anchor() {
    let text = "\
# Head

Before. Requests are strict. <!-- promise: wire.framing --> Headers are *ours*,
always. <!-- promise: identity.headers-stripped --> And more.

- First. <!-- promise: host.allow-list -->
- Second
  line. <!-- promise: headers.frame -->
  - Nested. <!-- promise: headers.nosniff -->

> Quoted. <!-- promise: headers.referrer -->

| what | how |
|---|---|
| Keys | in `headers` only <!-- promise: auth.header-only route=/api --> |
";
    assert_eq!(
        sentences(text),
        pairs(&[
            ("wire.framing", "Before. Requests are strict."),
            ("identity.headers-stripped", "Headers are ours, always."),
            ("host.allow-list", "First."),
            ("headers.frame", "Second line."),
            ("headers.nosniff", "Nested."),
            ("headers.referrer", "Quoted."),
            ("auth.header-only", "Keys in headers only"),
        ])
    );
}

#[test]
fn an_anchor_on_a_line_of_its_own_belongs_to_the_text_right_above() {
    let text = "\
A sentence.
<!-- promise: wire.framing -->

- Files, <!-- promise: repository.env-ignored --> databases
  <!-- promise: repository.databases-ignored --> and keys stay out.
  <!-- promise: repository.keys-ignored -->
";
    assert_eq!(
        sentences(text),
        pairs(&[
            ("wire.framing", "A sentence."),
            ("repository.env-ignored", "Files,"),
            ("repository.databases-ignored", "databases"),
            ("repository.keys-ignored", "and keys stay out."),
        ])
    );
    let apart = "A sentence.\n\n<!-- promise: wire.framing -->\n";
    assert_eq!(fault(apart).code, "document.no-words");
}

#[test]
fn anchors_right_behind_one_another_share_their_words_and_numbers() {
    let text = "Keys stop within one second and 112 bits stay unknown. \
                <!-- promise: key.revocable within=1s --> <!-- promise: key.prefix-entropy bits=112 -->";
    let document = read(text).unwrap();
    assert_eq!(
        document.sentences[0].asked.sentence,
        document.sentences[1].asked.sentence
    );
    assert!(document.sentences.iter().all(|s| s.disagreeing.is_empty()));
}

#[test]
fn anchors_in_code_are_text() {
    let text = "\
Write `<!-- promise: nothing -->` behind it.

```markdown
Sentence. <!-- promise: nothing -->
```

    Indented. <!-- promise: nothing -->
";
    assert!(read(text).unwrap().sentences.is_empty());
}

#[test]
fn what_starts_like_an_anchor_is_never_ignored() {
    assert_eq!(
        fault("Words. <!-- promise wire.framing -->").code,
        "document.malformed-anchor"
    );
    assert_eq!(
        fault("Words. <!-- promise: wire.framing").code,
        "document.open-anchor"
    );
    assert_eq!(
        fault("Words. <!- promise: wire.framing -->").code,
        "document.open-anchor"
    );
    assert_eq!(
        fault("Words. <!-- a <!-- promise: wire.framing -->").code,
        "document.malformed-anchor"
    );
    assert_eq!(
        fault("Words.\n\n<!-- promise: wire.framing\n").code,
        "document.open-anchor"
    );
    assert_eq!(
        fault("Words.\n\n```\n<!-- promise: wire.framing -->\n").code,
        "document.open-fence"
    );
}

#[test]
fn unknown_ids_and_keys_name_their_line_and_the_nearest_name() {
    let unknown = fault("One.\n\nTwo. <!-- promise: wire.framming -->");
    assert_eq!(
        (unknown.code, unknown.line),
        ("document.unknown-promise", 3)
    );
    assert_eq!(unknown.hint, "did you mean `wire.framing`?");
    let key = fault("Two. <!-- promise: retention.max colection=a collection=a age=30d -->");
    assert_eq!(key.code, "document.unknown-key");
    assert_eq!(key.hint, "did you mean `collection`?");
    assert_eq!(
        fault("Two. <!-- promise: retention.max collection=a -->").code,
        "document.missing-key"
    );
    assert_eq!(
        fault("Two. <!-- promise: retention.max collection=a age=soon -->").code,
        "document.bad-value"
    );
    assert_eq!(
        fault("Two. <!-- promise: auth.enforced route=api -->").code,
        "document.bad-value"
    );
}

#[test]
fn only_a_person_can_attest_and_only_to_what_people_do() {
    let text = "Mentors are trained. <!-- attested: training by=\"M. Jansen\" until=2027-08-01 -->";
    let attested = read(text).unwrap().sentences.remove(0).attested.unwrap();
    assert_eq!(attested.by, "M. Jansen");
    assert_eq!(attested.until.to_string(), "2027-08-02T00:00:00.000Z");
    let code = |text: &str| fault(text).code;
    assert_eq!(
        code("T. <!-- promise: training -->"),
        "document.attested-by-whom"
    );
    assert_eq!(
        code("T. <!-- attested: training by=\"A\" -->"),
        "document.attested-by-whom"
    );
    assert_eq!(
        code("T. <!-- attested: training by=\"A\" until=2027-02-30 -->"),
        "document.bad-date"
    );
    assert_eq!(
        code("T. <!-- attested: wire.framing by=\"A\" until=2027-01-01 -->"),
        "document.not-attestable"
    );
}

#[test]
fn numbers_of_the_sentence_must_be_the_anchors() {
    let said = |sentence: &str| {
        let text = format!("{sentence} <!-- promise: retention.max collection=a age=30d -->");
        read(&text).unwrap().sentences.remove(0).disagreeing
    };
    assert!(said("Kept no longer than 30 days.").is_empty());
    assert!(said("Niet langer dan dertig dagen.").is_empty());
    assert!(said("Si zaidi ya siku thelathini.").is_empty());
    assert!(said("Kept for 720 hours.").is_empty());
    assert!(said("Kept no longer than needed.").is_empty());
    assert_eq!(said("Kept no longer than 60 days."), ["60 days"]);
    assert_eq!(said("Kept 30 days, backups 90 days."), ["90 days"]);
    assert_eq!(
        said("Kept for a month, at most one month."),
        ["a month", "one month"]
    );
    assert_eq!(
        said("Niet langer dan **veertien** dagen."),
        ["veertien dagen"]
    );
}

#[test]
fn a_persons_numbers_are_their_own() {
    let text = "Trained within 14 days. <!-- attested: training by=\"A\" until=2027-08-01 -->";
    assert!(read(text).unwrap().sentences[0].disagreeing.is_empty());
}

#[test]
fn size_and_count_are_limited() {
    assert_eq!(fault(&"x".repeat(LARGEST + 1)).code, "document.too-long");
    let many = "Words. <!-- promise: wire.framing -->\n\n".repeat(MOST_ANCHORS + 1);
    assert_eq!(fault(&many).code, "document.too-many");
}

#[test]
fn faults_read_with_file_line_code_and_hint() {
    let faults = read("T.\n\nT. <!-- promise: wire.framming -->").unwrap_err();
    insta::assert_snapshot!(faults.to_string(), @r"
    SECURITY.md:3: no promise is called `wire.framming` [document.unknown-promise]
      hint: did you mean `wire.framing`?
    ");
}

#[test]
fn the_document_of_the_outreach_system_reads_and_agrees_with_itself() {
    let text = include_str!("../../../../systems/student-outreach/SECURITY.md");
    let document = read(text).unwrap_or_else(|faults| panic!("{faults}"));
    assert!(document.sentences.len() > 40);
    for sentence in &document.sentences {
        assert!(sentence.disagreeing.is_empty(), "{sentence:?}");
    }
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(<!-- |-->|promise: |attested: |wire.framing|`|\n\n|\n|- |> |\\| |<|!|[ -~]{0,6}|é){0,40}") {
        let _ = read(&text);
    }

    #[test]
    fn an_anchor_is_found_behind_any_plain_words(before in "[A-Za-z][A-Za-z ,]{0,60}[a-z]", after in "[a-z ]{0,20}") {
        let text = format!("{before} <!-- promise: wire.framing -->{after}");
        let words = before.split_whitespace().collect::<Vec<_>>().join(" ");
        proptest::prop_assert_eq!(sentences(&text), vec![("wire.framing".to_owned(), words)]);
    }
}
