use super::*;

fn found(pointers: &Pointers, way: &[&str]) -> Option<usize> {
    let mut walk = Walk::new(pointers);
    for step in way {
        match step.parse() {
            Ok(index) => walk.index(index),
            Err(_) => walk.key(step),
        }
    }
    walk.found()
}

#[test]
fn a_pointer_names_one_place() {
    let pointers = Pointers::exact(["/a/b", "/a~1b/~0", "/list/0", "/"]).unwrap();
    assert_eq!(found(&pointers, &["a", "b"]), Some(0));
    assert_eq!(found(&pointers, &["a/b", "~"]), Some(1));
    assert_eq!(found(&pointers, &["list", "0"]), Some(2));
    assert_eq!(found(&pointers, &[""]), Some(3));
    for way in [
        &["a"][..],
        &["a", "B"],
        &["a", "b", "c"],
        &["b"],
        &["list", "1"],
        &[],
    ] {
        assert_eq!(found(&pointers, way), None, "{way:?}");
    }
}

#[test]
fn wild_cards_stand_for_one_step_or_for_any_number() {
    let pointers = Pointers::exact(["/rows/*/host", "/**/command", "/x/**/y/**/z"]).unwrap();
    assert_eq!(found(&pointers, &["rows", "7", "host"]), Some(0));
    assert_eq!(found(&pointers, &["rows", "all", "host"]), Some(0));
    assert_eq!(found(&pointers, &["rows", "host"]), None);
    assert_eq!(found(&pointers, &["command"]), Some(1));
    assert_eq!(found(&pointers, &["a", "0", "b", "command"]), Some(1));
    assert_eq!(found(&pointers, &["a", "command", "b"]), None);
    assert_eq!(found(&pointers, &["x", "y", "z"]), Some(2));
    assert_eq!(found(&pointers, &["x", "y", "y", "q", "z"]), Some(2));
    assert_eq!(found(&pointers, &["x", "z"]), None);
}

#[test]
fn folded_names_match_however_they_are_written() {
    let pointers = Pointers::folded(["/Config/host"]).unwrap();
    assert_eq!(found(&pointers, &["config", "ＨＯＳＴ"]), Some(0));
    assert_eq!(found(&pointers, &["CONFIG", "hoſt"]), Some(0));
    assert_eq!(found(&pointers, &["config", "hosts"]), None);
}

#[test]
fn leaving_forgets_what_was_entered() {
    let pointers = Pointers::exact(["/a/b"]).unwrap();
    let mut walk = Walk::new(&pointers);
    walk.key("x");
    walk.key("b");
    assert_eq!(walk.found(), None);
    walk.leave();
    walk.leave();
    walk.key("a");
    walk.key("b");
    assert_eq!(walk.found(), Some(0));
}

#[test]
fn what_is_no_pointer_is_refused() {
    for written in ["", "a", "/~", "/~2", "/**", "/a/**", "/**/**/a"] {
        assert!(Pointers::exact([written]).is_err(), "{written}");
    }
    let long = "/a".repeat(MAX_SEGMENTS);
    assert!(Pointers::exact([long.as_str()]).is_ok());
    let longer = format!("{long}/a");
    assert!(Pointers::exact([longer.as_str()]).is_err());
    assert!(Pointers::exact(std::iter::repeat_n("/a", MAX_POINTERS)).is_ok());
    assert!(Pointers::exact(std::iter::repeat_n("/a", MAX_POINTERS + 1)).is_err());
}

#[test]
fn unknown_names_are_not_shown() {
    let mut vocabulary = Vocabulary::default();
    vocabulary.extend(["a/b", "list"]);
    let steps = [
        Step::Key("a/b"),
        Step::Key("Jane Doe"),
        Step::Index(3),
        Step::Key("list"),
    ];
    assert_eq!(&*vocabulary.show(steps), "/a~1b/?/3/list");
    let long = vocabulary.show(std::iter::repeat_n(Step::Key("x"), 1000));
    assert!(long.len() < SHOWN + 20 && long.ends_with('…'));
}
