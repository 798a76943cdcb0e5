use super::*;
use crate::{form::FormLimits, json::Limits};

fn json() -> Body {
    let rules = JsonRules::new(Limits::DEFAULT, TextRules::PROSE).unwrap();
    Body::json(rules, None).unwrap()
}

fn form() -> Body {
    Body::Form {
        rules: FormRules::new(FormLimits::DEFAULT, TextRules::PROSE).unwrap(),
    }
}

fn any(media: &str) -> Body {
    Body::Any {
        types: vec![MediaType::new(media).unwrap()],
    }
}

fn route(empty: bool) -> Rules {
    let text = Body::text(TextRules::PROSE.length(1, 10)).unwrap();
    Rules::new(
        Sizes::DEFAULT,
        empty,
        vec![json(), form(), text, any("image/*")],
    )
    .unwrap()
}

fn judged(rules: &Rules, media: &str, body: &str) -> Result<Kind, Fault> {
    let media = (!media.is_empty()).then_some(media.as_bytes());
    let judged = rules.judge(media, body.as_bytes());
    judged.map(|it| it.kind()).map_err(|it| it.fault)
}

#[test]
fn the_media_type_chooses_the_rules() {
    let route = route(false);
    assert_eq!(
        judged(&route, "application/json; charset=utf-8", "{}"),
        Ok(Kind::Json)
    );
    assert_eq!(judged(&route, FORM, "a=1"), Ok(Kind::Form));
    assert_eq!(judged(&route, "text/plain", "hello"), Ok(Kind::Text));
    assert_eq!(judged(&route, "image/png", "\u{0}PNG"), Ok(Kind::Any));
    assert!(judged(&route, "application/json", "a=1").is_err());
    assert!(judged(&route, FORM, "{}").is_err());
    for media in ["text/html", "application/xml", "application/problem+json"] {
        assert_eq!(
            judged(&route, media, "{}"),
            Err(Fault::TypeNotAllowed),
            "{media}"
        );
    }
    assert_eq!(judged(&route, "", "{}"), Err(Fault::TypeMissing));
}

#[test]
fn nothing_is_a_body_where_the_route_says_so() {
    assert_eq!(judged(&route(true), "", ""), Ok(Kind::None));
    assert_eq!(judged(&route(true), "application/json", ""), Ok(Kind::None));
    assert_eq!(judged(&route(false), "", ""), Err(Fault::Empty));
    assert_eq!(
        judged(&route(false), "application/json", ""),
        Err(Fault::Empty)
    );
    assert_eq!(judged(&route(false), FORM, ""), Ok(Kind::Form));
    assert_eq!(
        judged(&route(false), "text/plain", ""),
        Err(Fault::TextShort { limit: 1 })
    );
    assert_eq!(judged(&Rules::none(), "", ""), Ok(Kind::None));
    assert_eq!(
        judged(&Rules::none(), "text/plain", "a"),
        Err(Fault::Unexpected)
    );
    assert_eq!(Rules::none().sizes().sent, 0);
}

#[test]
fn text_is_judged_as_a_whole() {
    let route = route(false);
    assert_eq!(judged(&route, "text/plain", "four\nline"), Ok(Kind::Text));
    assert_eq!(
        judged(&route, "text/plain", "elevenchars"),
        Err(Fault::TextLong { limit: 10 })
    );
    assert_eq!(
        judged(&route, "text/plain", "\u{feff}a"),
        Err(Fault::ByteOrderMark)
    );
    let refused = route
        .judge(Some(b"text/plain"), "ab\ncd\u{7}".as_bytes())
        .unwrap_err();
    assert_eq!(
        refused.to_string(),
        "line 2, column 3: there is a control character"
    );
    let refused = route.judge(Some(b"text/plain"), b"ab\xff").unwrap_err();
    assert_eq!(refused.place, Place::Byte(2));
}

#[test]
fn rules_that_leave_a_choice_open_are_refused() {
    assert!(Rules::new(Sizes::DEFAULT, true, vec![]).is_err());
    assert!(Rules::new(Sizes::DEFAULT, true, vec![json(), json()]).is_err());
    assert!(Rules::new(Sizes::DEFAULT, true, vec![form(), any("application/*")]).is_err());
    assert!(Rules::new(Sizes::DEFAULT, true, vec![Body::Any { types: vec![] }]).is_err());
    assert!(Rules::new(Sizes::DEFAULT, true, vec![json(), any("text/csv")]).is_ok());
}

#[test]
fn a_refusal_becomes_that_of_the_gate() {
    let refused = route(false).judge(None, b"{}").unwrap_err();
    let of_gate = control::Refusal::from(&refused);
    assert_eq!((of_gate.status, of_gate.reason.0), (415, "type-missing"));
}
