use super::*;

fn code(rules: &TextRules, text: &str) -> Option<(Fault, usize)> {
    rules.check(text).err()
}

#[test]
fn what_people_write_passes() {
    let texts = [
        "",
        "Dear Ms Jansen,\n\n\tthank you.\r\nBye",
        "Naïve café, Zürich, Łódź",
        "मुझे क्षमा करें, क्\u{200d}ष",
        "می\u{200c}خواهم",
        "家族👨\u{200d}👩\u{200d}👧 ❤\u{fe0f}\u{200d}🔥 1\u{fe0f}\u{20e3}",
        "葛\u{e0100}",
        "שלום",
    ];
    for text in texts {
        assert_eq!(code(&TextRules::PROSE, text), None, "{text:?}");
    }
}

#[test]
fn what_hides_or_turns_is_refused_where_it_stands() {
    let cases = [
        ("a\0b", Fault::TextNul, 1),
        ("a\u{1b}[31m", Fault::TextControl, 1),
        ("ab\u{7f}", Fault::TextControl, 2),
        ("ab\u{9b}", Fault::TextControl, 2),
        ("a\rb", Fault::TextLineBreak, 1),
        ("a\u{85}b", Fault::TextLineBreak, 1),
        ("a\u{2028}b", Fault::TextLineBreak, 1),
        ("abc\u{202e}def", Fault::TextBidi, 3),
        ("\u{2066}a", Fault::TextBidi, 0),
        ("a\u{200f}", Fault::TextBidi, 1),
        ("pass\u{200b}word", Fault::TextInvisible, 4),
        ("pass\u{200d}word", Fault::TextInvisible, 4),
        ("\u{200d}", Fault::TextInvisible, 0),
        ("é\u{200d}\u{200d}", Fault::TextInvisible, 5),
        ("a\u{fe0f}", Fault::TextInvisible, 1),
        ("❤\u{fe0f}\u{fe0f}", Fault::TextInvisible, 6),
        ("so\u{ad}ft", Fault::TextInvisible, 2),
        ("\u{feff}a", Fault::TextInvisible, 0),
        ("a\u{e0041}", Fault::TextInvisible, 1),
        ("\u{3164}", Fault::TextInvisible, 0),
        ("\u{fff9}", Fault::TextInvisible, 0),
        ("\u{fffe}", Fault::TextNoncharacter, 0),
        ("\u{fdd0}", Fault::TextNoncharacter, 0),
        ("\u{10ffff}", Fault::TextNoncharacter, 0),
    ];
    for (text, fault, at) in cases {
        assert_eq!(code(&TextRules::PROSE, text), Some((fault, at)), "{text:?}");
    }
}

#[test]
fn each_permission_permits_its_own_kind() {
    let open = TextRules {
        bidi: true,
        invisible: true,
        ..TextRules::PROSE
    };
    assert_eq!(code(&open, "a\u{202e}b\u{200b}"), None);
    assert_eq!(code(&TextRules::PROSE, "\u{378}\u{e000}"), None);
    assert_eq!(
        code(&TextRules::POLICY, "a\u{378}"),
        Some((Fault::TextUnassigned, 1))
    );
    assert_eq!(
        code(&TextRules::POLICY, "a\u{e000}"),
        Some((Fault::TextPrivate, 1))
    );
    assert_eq!(code(&TextRules::LINE, "one line"), None);
    assert_eq!(code(&TextRules::LINE, "a\tb"), Some((Fault::TextTab, 1)));
    for text in ["a\nb", "a\r\nSet-Cookie: x"] {
        assert_eq!(
            code(&TextRules::LINE, text),
            Some((Fault::TextLineBreak, 1))
        );
    }
}

#[test]
fn normal_forms_are_asked_for() {
    let composed = TextRules {
        form: Form::Nfc,
        ..TextRules::LINE
    };
    assert_eq!(code(&composed, "é ＡＢＣ"), None);
    assert_eq!(
        code(&composed, "e\u{301}"),
        Some((Fault::TextForm { form: "NFC" }, 0))
    );
    assert_eq!(code(&TextRules::POLICY, "admin é"), None);
    for text in ["ａdmin", "ﬁle", "①"] {
        let fault = Fault::TextForm { form: "NFKC" };
        assert_eq!(code(&TextRules::POLICY, text), Some((fault, 0)), "{text}");
    }
}

#[test]
fn length_is_counted_in_characters_and_blanks_are_nothing() {
    let rules = TextRules::PROSE.length(1, 4);
    for text in ["a", " a ", "四文字だ", "👍👍👍👍"] {
        assert_eq!(code(&rules, text), None, "{text}");
    }
    for text in ["", " ", "\n\t", "\u{3000}"] {
        let fault = Fault::TextShort { limit: 1 };
        assert_eq!(code(&rules, text), Some((fault, 0)), "{text:?}");
    }
    for text in ["abcde", "a    ", "👍👍👍👍👍"] {
        let fault = Fault::TextLong { limit: 4 };
        assert_eq!(code(&rules, text), Some((fault, 0)), "{text:?}");
    }
    assert_eq!(code(&TextRules::PROSE.length(10, 10), "0123456789"), None);
}

#[test]
fn names_that_look_the_same_fold_to_the_same() {
    for name in [
        "host",
        "Host",
        "HOST",
        "ＨＯＳＴ",
        "hoſt",
        "ho\u{200b}st",
        "ℋost",
    ] {
        assert_eq!(fold(name), "host", "{name}");
    }
    assert_ne!(fold("hοst"), "host", "a Greek letter is another letter");
    assert_eq!(fold("straße"), fold("STRASSE"));
    assert_eq!(fold("\u{212a}ey"), "key");
    assert_eq!(fold(&fold("ΐ Ǆ İ")), fold("ΐ Ǆ İ"));
}
